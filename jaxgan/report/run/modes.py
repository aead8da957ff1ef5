"""The modes, classes or cells that collapsed runs lack: the share of each, compared with that of the data."""

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from jaxgan.report.layout import legend, new_figure
from jaxgan.report.plots import DARK, GREY, SMALL, TICKS, TITLE, colour, plain_axis, plain_text, shorten
from jaxgan.report.run.table import FEWER, RNG
from jaxgan.report.words import counted, listed, percent
from jaxgan.results.results import Results
from jaxgan.results.statistics import iqm_interval, missing_cells
from jaxgan.results.statistics.shares import MISSING, RARE_P

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CODES = ("COLLAPSED", "PARTIALLY_COLLAPSED")
MOST = 6  # configurations
SEEDS = 32  # seeds of each that a figure shows
_PROBES = 5  # final probes whose samples are pooled: as many as decide on an outcome
_TICKS = 13  # at most so many modes are named on an axis
_NAMED = 3  # modes that a sentence names


class Shares(NamedTuple):
    """The share of samples near each mode, for the runs of one configuration that collapsed, fully or partially."""

    configuration: int
    seeds: NDArray[np.integer]  # seed numbers
    shares: NDArray[np.float64]  # [seed, k], share of all samples at the last probes
    data: NDArray[np.float64]  # [k]
    missing: NDArray[np.bool_]  # [seed, k], and not by chance

    @property
    def ratio(self) -> NDArray[np.float64]:
        """Shares [seed, k] divided by those of the data; NaN for modes that the data do not have."""
        return self.shares / np.where(self.data > 0, self.data, np.nan)


def shares_of(results: Results, i: int, own: NDArray[np.bool_] | None = None) -> Shares | None:
    """For the seeds `own` of the i-th configuration, or those that collapsed; None if there are none, or no shares."""
    stored, data = results.group("evidence").get("shares"), (results.notes.get("yardsticks") or {}).get("shares")
    own = np.isin(results.outcomes[i], CODES) if own is None else own
    if stored is None or data is None or not own.any():
        return None
    last = np.nan_to_num(stored[i, own, -_PROBES:].astype(np.float64))
    n, expected = int(results.notes["yardsticks"]["samples"]) * last.shape[1], np.asarray(data, np.float64)
    shares = last.mean(axis=1)
    return Shares(i, results.seeds[own], shares, expected, missing_cells(shares, expected, n))


def collapsed(results: Results) -> list[Shares]:
    """For every configuration with collapsed runs, those with the most first."""
    found = [one for i in range(len(results.configurations)) if (one := shares_of(results, i)) is not None]
    return sorted(found, key=lambda one: -len(one.seeds))


def names_of_modes(results: Results) -> tuple[str, list[str]]:
    """The noun for modes here, and the name of each."""
    k = len(results.notes["yardsticks"]["shares"])
    names = [str(name) for name in results.notes.get("classes") or range(1, k + 1)]
    if results.notes.get("classes") is None:
        return "mode", names
    return ("cell" if all(name.startswith("cell ") for name in names) else "class"), names


def missing_in_words(results: Results, i: int, own: NDArray[np.bool_]) -> str:
    """The missing modes and their number of seeds among `own`; "" if unknown, or if none is missing."""
    found = shares_of(results, i, own)
    if found is None or not found.missing.any():
        return ""
    noun, names = names_of_modes(results)
    counts, n = found.missing.sum(axis=0), len(found.seeds)
    order = [int(m) for m in np.argsort(-counts, kind="stable") if counts[m]]
    shown = [names[m].removeprefix(f"{noun} ") + (f" in {counts[m]}" if n > 1 else "") for m in order[:_NAMED]]
    shown += [counted(len(order) - _NAMED, "other")] if len(order) > _NAMED else []
    nouns = {"mode": "modes", "cell": "cells", "class": "classes"}[noun] if len(order) > 1 else noun
    return f"missing {'is' if len(order) == 1 else 'are'} {nouns} {listed(shown)}" + (f" of {n} seeds" if n > 1 else "")


def modes_in_words(results: Results) -> str:
    """The caption of the figure."""
    found = collapsed(results)
    if not found:
        return ""
    noun, _ = names_of_modes(results)
    left_out = len(found) - MOST
    more = f" Shown: the {MOST} of {len(found):,} configurations with the most such seeds." if left_out > 0 else ""
    many = f" The first {SEEDS} of each." if any(len(one.seeds) > SEEDS for one in found[:MOST]) else ""
    plane = (
        f" Right: each {noun} in the plane, with its mean over these seeds and the number of seeds that miss it."
        if _in_plane(results)
        else ""
    )
    return (
        f"The seeds with the outcome COLLAPSED or PARTIALLY_COLLAPSED, with the samples near the data of the last "
        f"{_PROBES} evaluations pooled. Left: the share of each {noun}, beside that of the data. Middle: each seed's "
        f"share, as a multiple of the data's. A cross marks a missing {noun}: below {percent(MISSING)} of the data's "
        f"share, and not by chance (p below {RARE_P:g} over the number of them).{plane}{more}{many}"
    )


def modes_figure(results: Results) -> "Figure | None":
    """A row for each configuration: shares over seeds, each seed's shares, and the plane; None if no run collapsed.

    Shows at most six, those with the most collapsed runs.
    """
    shown = collapsed(results)[:MOST]
    if not shown:
        return None
    in_plane = _in_plane(results)
    tall = [max(1.55, 0.75 + 0.1 * min(len(one.seeds), SEEDS)) for one in shown]
    figure = new_figure(sum(tall) + 0.55)
    widths = [1.0, 1.0, 0.62] if in_plane else [1.0, 1.0]
    rows = figure.subplots(len(shown), len(widths), squeeze=False,
                           gridspec_kw={"height_ratios": tall, "width_ratios": widths})  # fmt: skip
    image: Any = None
    for one, row in zip(shown, rows, strict=True):
        _draw_shares(row[0], results, one)
        image = _draw_seeds(row[1], results, one)
        if in_plane:
            _draw_plane(row[2], one, results.samples["modes"])
    bar = figure.colorbar(image, ax=rows[:, -1].tolist(), extend="max", shrink=min(1.0, 1.6 / sum(tall)), pad=0.05)
    bar.set_label("times the data's share", fontsize=SMALL)
    bar.ax.tick_params(labelsize=TICKS)
    legend(figure, *_handles())
    return figure


def modes_frame(results: Results) -> Any:
    """A row for each collapsed run and mode: its share, that of the data, and whether it is missing."""
    import pandas as pd

    _, names = names_of_modes(results)
    rows = [
        {"configuration": results.configurations[one.configuration], "seed": int(seed), "mode": names[m],
         "share": one.shares[j, m], "data": one.data[m], "missing": bool(one.missing[j, m])}
        for one in collapsed(results)
        for j, seed in enumerate(one.seeds)
        for m in range(len(names))
    ]  # fmt: skip
    return pd.DataFrame(rows)


def _in_plane(results: Results) -> bool:
    return "modes" in results.samples and results.samples["modes"].shape[1] == 2


def _draw_shares(axis: "Axes", results: Results, one: Shares) -> None:
    """Draws a point and the 95 % interval over seeds for every mode, with the share of the data."""
    x, name = np.arange(len(one.data)), results.configurations[one.configuration]
    found = [iqm_interval(values, confidence=0.95, resamples=FEWER, rng=RNG) if len(values) > 1
             else (values[0], np.nan, np.nan) for values in one.shares.T]  # fmt: skip
    middle, low, high = np.array(found).T
    plain_axis(axis)
    axis.hlines(one.data, x - 0.4, x + 0.4, color=DARK, linewidth=1.4)
    axis.vlines(x, low, high, color=colour(one.configuration), linewidth=1.4)
    axis.plot(x, middle, "o", color=colour(one.configuration), markersize=3.5)
    axis.set_ylim(0, None)
    axis.grid(axis="x", visible=False)
    _name_modes(axis, results)
    axis.set_ylabel("share of samples", fontsize=SMALL)
    title = f"{shorten(name, 24)}, {counted(len(one.seeds), 'seed')}"
    axis.set_title(plain_text(title), fontsize=TITLE, loc="left", color=colour(one.configuration))


def _draw_seeds(axis: "Axes", results: Results, one: Shares) -> Any:
    """Draws a row for each seed with a cell for each mode; a cross if it is missing."""
    ratio, missing = one.ratio[:SEEDS], one.missing[:SEEDS]
    plain_axis(axis)
    axis.grid(visible=False)
    image = axis.imshow(ratio, aspect="auto", interpolation="nearest", **_scale())
    rows, columns = np.nonzero(missing)
    axis.plot(columns, rows, "x", color="white", markersize=4, markeredgewidth=1.2)
    axis.set_yticks([0, len(ratio) - 1] if len(ratio) > 1 else [0],
                    [str(one.seeds[0]), str(one.seeds[len(ratio) - 1])][: len(ratio)])  # fmt: skip
    axis.set_ylabel("seed", fontsize=SMALL)
    _name_modes(axis, results)
    return image


def _draw_plane(axis: "Axes", one: Shares, modes: NDArray) -> None:
    """Draws a disc at every mode: the mean over seeds, and the number of seeds that miss it."""
    plain_axis(axis)
    axis.grid(visible=False)
    counts, reach = one.missing.sum(axis=0), 1.45 * np.abs(modes).max()
    size = min(110.0, 1900.0 / len(modes))
    axis.scatter(
        modes[:, 0], modes[:, 1], c=one.ratio.mean(axis=0), s=size, edgecolors=GREY, linewidths=0.5, **_scale()
    )
    for m, (place, count) in enumerate(zip(modes, counts, strict=True)):
        if len(modes) <= _TICKS:
            axis.annotate(str(m + 1), place, xytext=(5, 5), textcoords="offset points", fontsize=TICKS - 1, color=GREY)
        if count:
            axis.annotate(str(count), place, ha="center", va="center", fontsize=TICKS - 1, color="white")
    axis.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal", xticks=[], yticks=[])
    axis.spines[:].set(visible=True, linewidth=0.6)
    axis.set_title("number: seeds that miss it", fontsize=TICKS, loc="left")


def _scale() -> Any:
    """Colours: dark is missing, pale is as in the data, blue is too much."""
    from matplotlib.colors import LinearSegmentedColormap

    stops = [(0.0, "#7a1f00"), (0.25, "#d55e00"), (0.5, "#f4f1ec"), (1.0, "#0072b2")]
    return {"cmap": LinearSegmentedColormap.from_list("share", stops), "vmin": 0.0, "vmax": 2.0}


def _name_modes(axis: "Axes", results: Results) -> None:
    noun, names = names_of_modes(results)
    every = max(1, -(-len(names) // _TICKS))
    short = [plain_text(shorten(name.removeprefix(f"{noun} "), 12)) for name in names[::every]]
    long = max(map(len, short)) > 3
    axis.set_xticks(np.arange(len(names))[::every], short, rotation=35 if long else 0, ha="right" if long else "center")
    axis.set_xlim(-0.6, len(names) - 0.4)
    axis.set_xlabel(noun, fontsize=SMALL)


def _handles() -> tuple[list[Any], list[str]]:
    from matplotlib.lines import Line2D

    data = Line2D([], [], color=DARK, linewidth=1.4)
    over = Line2D([], [], color=GREY, marker="o", markersize=3.5, linewidth=1.4)
    cross = Line2D([], [], color="#d55e00", marker="x", markersize=4, linewidth=0, markeredgewidth=1.2)
    return [data, over, cross], ["the data", "samples: interquartile mean over these seeds, 95 % interval", "missing"]
