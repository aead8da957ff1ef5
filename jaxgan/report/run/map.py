"""Failure maps: the state of every seed during training, a strip per configuration; shares if there are many."""

import math
from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from jaxgan.report.layout import WIDTH, Panel, grid, legend, new_figure
from jaxgan.report.paper_sizes import MARK
from jaxgan.report.plots import TICKS, label, plain_axis, plain_text, shorten
from jaxgan.report.run.settings import ALL, are_many, by_recipe
from jaxgan.results.codes import HEALTHY
from jaxgan.results.results import Results

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# From light to dark, so that they differ in grey; marks and hatches distinguish colours of equal lightness.
_COLOURS = ("#d8ecf7", "#e69f00", "#56b4e9", "#d55e00", "#009e73", "#cc79a7", "#0072b2", "#4b2e83", "#222222",
            "#f0e442", "#a0a0a0", "#773311")  # fmt: skip
_HATCHES = ("", "////", "....", "xxxx", "\\\\\\\\", "++++", "oooo", "----", "****", "||||", "OO", "//..")
_SEEDS = 32  # at most so many seeds have a row each
_PANELS = 12  # strips or groups in one figure
_LETTER = 5.0  # points


class Sign(NamedTuple):
    """The colour, hatch and mark of a code."""

    colour: str
    hatch: str
    mark: str  # one or two letters; HEALTHY has none


def map_figure(results: Results) -> "Figure | None":
    """A row for each seed over steps, coloured by its outcome; each stretch starts with the mark of the outcome.

    With many configurations or seeds: the stacked share of each code at each evaluation, by recipe. None if there are
    no outcomes during training.
    """
    panels = map_panels(results)
    if not panels:
        return None
    strips = _has_strips(results)
    columns = 1 if len(panels) == 1 else min(3 if len(panels) != 4 else 2, len(panels))
    rows = math.ceil(len(panels) / columns)
    each = 0.55 + 0.085 * max(len(results.seeds), 6) if strips else 1.6
    figure = new_figure(rows * each + 0.55, WIDTH if columns > 1 else 4.6)
    for k, (axis, panel) in enumerate(zip(grid(figure, len(panels), columns, sharex=True), panels, strict=True)):
        panel.draw(axis)
        axis.set_title(shorten(axis.get_title(loc="left"), 120 // columns), fontsize=TICKS, loc="left")
        if k + columns < len(panels):
            axis.set_xlabel("")
        if k % columns:
            axis.set_ylabel("")
    legend(figure, *map_handles(results))
    return figure


def map_panels(results: Results) -> list[Panel]:
    """A panel for each configuration, or for each recipe if there are many; none without outcomes during training."""
    looked = results.dataset.get("outcome_along")
    if looked is None or not looked.size:
        return []
    codes = looked.values.astype(str)
    groups = _groups(results)
    draw_one = _draw_strip if _has_strips(results) else _draw_shares
    return [
        Panel(f"map-{k + 1}", partial(draw_one, results=results, codes=codes[own], name=name))
        for k, (name, own) in enumerate(list(groups.items())[:_PANELS])
    ]


def signs_of(results: Results) -> dict[str, Sign]:
    """The style of every code that occurred during training, HEALTHY first, then in the order of explanations."""
    seen = set(results.dataset["outcome_along"].values.astype(str).ravel().tolist()) - {""}
    return {code: sign for code, sign in styles_of(results, sorted(seen)).items() if code in seen}


def styles_of(results: Results, more: Sequence[str] = ()) -> dict[str, Sign]:
    """The style of every explained code, and of others in `more`, whether or not it occurred.

    A code has the same style in every run with the same explanations, whatever else occurred. No failure looks like
    HEALTHY, however many codes there are.
    """
    known = [HEALTHY, *(code for code in results.notes.get("explanations", {}) if code != HEALTHY)]
    codes = [*known, *(code for code in more if code not in known)]
    marks, others = marks_of(codes), len(_COLOURS) - 1
    at = [0, *(1 + k % others for k in range(len(codes) - 1))]
    return {code: Sign(_COLOURS[k], _HATCHES[k], marks[code]) for k, code in zip(at, codes, strict=True)}


def marks_of(codes: Sequence[str]) -> dict[str, str]:
    """The initials of each code's words, with as many more letters as codes of equal initials need; HEALTHY has none.

    >>> marks_of(["HEALTHY", "DIVERGED", "DISCRIMINATOR_DOMINATES", "OSCILLATING", "OVERFITTED"])
    {'HEALTHY': '', 'DIVERGED': 'D', 'DISCRIMINATOR_DOMINATES': 'DD', 'OSCILLATING': 'OS', 'OVERFITTED': 'OV'}
    """
    marks = {code: "" if code == HEALTHY else _mark(code, 1) for code in codes}
    for letters in range(2, max(map(len, codes), default=0) + 1):
        shared = [code for code, mark in marks.items() if list(marks.values()).count(mark) > 1]
        marks |= {code: _mark(code, letters) for code in shared}
    return marks


def _mark(code: str, letters: int) -> str:
    """The initials of the words, and of the last one this many letters."""
    *words, last = code.upper().split("_")
    return "".join(word[:1] for word in words) + last[:letters]


def map_frame(results: Results) -> Any:
    """A row for each group, step and code, as a `pandas.DataFrame`: the number of runs; with few runs, all codes."""
    import pandas as pd

    codes, steps = results.dataset["outcome_along"].values.astype(str), results.probe_steps
    if _has_strips(results):
        axes = pd.MultiIndex.from_product([results.configurations, results.seeds, steps])
        return pd.DataFrame({"code": codes.ravel()}, axes.set_names(["configuration", "seed", "step"])).reset_index()
    rows = [
        {"group": name, "step": int(step), "code": code, "runs": int(count)}
        for name, own in _groups(results).items()
        for code in signs_of(results)
        for step, count in zip(steps, (codes[own] == code).sum(axis=(0, 1)), strict=True)
    ]
    return pd.DataFrame(rows)


def _has_strips(results: Results) -> bool:
    return len(results.configurations) <= _PANELS and len(results.seeds) <= _SEEDS


def _groups(results: Results) -> dict[str, NDArray[np.intp]]:
    if are_many(results):
        return by_recipe(results)
    return {name: np.array([i]) for i, name in enumerate(results.configurations)}


def _draw_strip(axis: "Axes", results: Results, codes: NDArray[np.str_], name: str) -> None:
    """Draws codes [1, seed, probe_step] as cells that end at the step of the evaluation."""
    from matplotlib.colors import ListedColormap

    signs, edges = signs_of(results), _edges(results.probe_steps)
    index = np.select([codes[0] == code for code in signs], list(range(len(signs))), -1)
    plain_axis(axis)
    axis.grid(visible=False)
    axis.pcolormesh(edges, np.arange(len(results.seeds) + 1) - 0.5, np.ma.masked_less(index, 0), vmin=-0.5,
                    vmax=len(signs) - 0.5, cmap=ListedColormap([sign.colour for sign in signs.values()]),
                    rasterized=True)  # fmt: skip
    axis.hlines(np.arange(1, len(results.seeds)) - 0.5, edges[0], edges[-1], color="white", linewidth=0.4)
    letter = (edges[-1] - edges[0]) * _LETTER * 0.75 / _width(axis)
    drawn_with = list(signs.values())
    for j, row in enumerate(index):
        for begin, end, k in _stretches(row):
            sign = drawn_with[k]
            if k >= 0 and sign.mark and edges[end] - edges[begin] >= (len(sign.mark) + 0.3) * letter:
                axis.text(edges[begin] + 0.2 * letter, j, sign.mark, fontsize=_LETTER, va="center", ha="left",
                          color="black" if is_light(sign.colour) else "white", fontweight="bold",
                          gid=MARK)  # fmt: skip
    axis.set_ylim(len(results.seeds) - 0.5, -0.5)
    axis.set_yticks([0, len(results.seeds) - 1] if len(results.seeds) > 1 else [0],
                    [str(results.seeds[0]), str(results.seeds[-1])][: len(results.seeds)])  # fmt: skip
    label(axis, plain_text(name), "step", "seed")


def _draw_shares(axis: "Axes", results: Results, codes: NDArray[np.str_], name: str) -> None:
    """Draws the shares of codes [configuration, seed, probe_step] at each evaluation, HEALTHY at the bottom."""
    from matplotlib.ticker import PercentFormatter

    signs, edges = signs_of(results), _edges(results.probe_steps)
    below = np.zeros(len(results.probe_steps))
    plain_axis(axis)
    for code, sign in signs.items():
        top = below + (codes == code).mean(axis=(0, 1))
        axis.stairs(top, edges, baseline=below, fill=True, facecolor=sign.colour, hatch=sign.hatch,
                    edgecolor="#555555", linewidth=0.4)  # fmt: skip
        below = top
    axis.set(xlim=(edges[0], edges[-1]), ylim=(0, 1))
    axis.yaxis.set_major_formatter(PercentFormatter(1.0, symbol=" %"))
    label(axis, "" if name == ALL else plain_text(name), "step", "share of runs")


def map_handles(results: Results) -> tuple[list[Any], list[str]]:
    """Legend entries: the colour of every code, with its mark or hatch."""
    from matplotlib.patches import Patch

    strips, signs = _has_strips(results), signs_of(results)
    patches = [
        Patch(facecolor=sign.colour, edgecolor="#555555", linewidth=0.4, hatch="" if strips else sign.hatch)
        for sign in signs.values()
    ]
    return patches, [f"{sign.mark}: {code}" if strips and sign.mark else code for code, sign in signs.items()]


def _width(axis: "Axes") -> float:
    """The width of a strip in points, about: the layout is not solved yet."""
    place = axis.get_subplotspec()
    columns = 1 if place is None else place.get_gridspec().ncols
    return 72 * float(axis.get_figure(root=True).get_figwidth() / columns - 0.4)  # type: ignore[union-attr]


def _edges(steps: NDArray[np.integer]) -> NDArray[np.float64]:
    """The edges of cells: an evaluation describes the run since the previous one."""
    first = max(0.0, 2 * float(steps[0]) - float(steps[1])) if len(steps) > 1 else 0.0
    return np.concatenate([[first], steps]).astype(np.float64)


def _stretches(row: NDArray[np.integer]) -> list[tuple[int, int, int]]:
    """Stretches of equal numbers: start, end and the number.

    >>> _stretches(np.array([1, 1, 0]))
    [(0, 2, 1), (2, 3, 0)]
    """
    cuts = [0, *(np.flatnonzero(np.diff(row)) + 1).tolist(), len(row)]
    return [(a, b, int(row[a])) for a, b in pairwise(cuts)]


def is_light(colour: str) -> bool:
    """Whether black letters are easier to read on a colour than white ones."""
    rgb = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    return float(np.dot(rgb, (0.3, 0.6, 0.1))) > 0.5
