"""What the panels of a gradient profile's figures share: looks, medians with bands, axes on which a zero is a zero."""

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from jaxgan.report.run.curves import colour, dash, plain_axis, plain_text
from jaxgan.results.results import Results
from jaxgan.results.statistics import Interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
DARK, GREY = "#222222", "#666666"
SMALL = 8.5  # font size of labels
_CHANCES = (1e-12, 1e-6, 0.01, 0.1, 1e-3, 0.3, 1e-9)  # ticks of D(G(z)) with 1 - these, the first with precedence


def look(i: int) -> dict[str, Any]:
    """Colour, dash and marker of the i-th loss; no two of the first 24 look alike."""
    return {"color": colour(i), "linestyle": dash(i + i // 6), "marker": MARKERS[i % len(MARKERS)], "markersize": 4.5}


def is_score(run: Results, loss: str) -> bool:
    """Whether a loss takes an unbounded score, so that sigmoid(score) is no probability."""
    return run.notes["about"].get(loss, {}).get("axis") == "sigmoid(score)"


def over_seeds(by_seed: NDArray) -> NDArray:
    """The quartiles [3, step] of by_seed [seed, step]; a seed counts where it is finite, NaN where none is.

    >>> over_seeds(np.array([[1.0, np.nan], [3.0, np.inf]])).tolist()
    [[1.5, nan], [2.0, nan], [2.5, nan]]
    """
    finite = np.where(np.isfinite(by_seed), by_seed, np.nan).astype(np.float64)
    some = ~np.isnan(finite).all(axis=0)
    result = np.full((3, finite.shape[1]), np.nan)
    if some.any():
        result[:, some] = np.nanquantile(finite[:, some], [0.25, 0.5, 0.75], axis=0)
    return result


def draw(axis: "Axes", x: NDArray, by_seed: NDArray, **style: Any) -> None:
    """The median over seeds of by_seed [seed, step], and the band of the interquartile range where there are several.

    A single point has its marker alone.
    """
    low, median, high = over_seeds(by_seed)
    if len(by_seed) > 1:
        axis.fill_between(x, low, high, color=style["color"], alpha=0.16, linewidth=0)
    axis.plot(x, median, **({"linewidth": 1.5} | style))


def draw_losses(axis: "Axes", x: NDArray, by_loss: NDArray) -> None:
    """A curve and a band for every loss of by_loss [loss, seed, step].

    Of curves that coincide the lower are the wider, and the markers of all losses take turns, so that each is seen.
    """
    medians = [over_seeds(values)[1] for values in by_loss]
    every = max(1, min(len(x) // 5, max(3 * len(medians), len(x) // 10)))
    for i, values in enumerate(by_loss):
        style = look(i) | {"markevery": (min(i * every // len(medians), len(x) - 1), every)}
        draw(axis, x, values, linewidth=width(medians, i), **style)


def width(curves: Sequence[NDArray], i: int) -> float:
    """Of the i-th curve's line, the wider the more of the later curves lie on it, up to two.

    >>> width([np.ones(3), np.zeros(3), np.ones(3)], 0) > width([np.ones(3), np.zeros(3), np.ones(3)], 2)
    True
    """
    later = sum(np.allclose(curves[i], other, rtol=1e-3, atol=0, equal_nan=True) for other in curves[i + 1 :])
    return 1.5 + 1.8 * min(later, 2)


def show_logarithmically(axis: "Axes", values: NDArray, which: str = "y") -> None:
    """A logarithmic axis for `values`; where some are exactly 0, linear below the smallest positive one, with 0 on it.

    What is drawn must be drawn before. All zeros, or nothing at all: the axis stays linear.
    """
    from matplotlib.ticker import NullFormatter

    finite = np.asarray(values, np.float64)[np.isfinite(values)]
    if not (finite > 0).any():
        return
    low, high = (math.log10(f(finite[finite > 0])) for f in (np.min, np.max))
    set_scale, set_limits, limits = (
        getattr(axis, name.format(which)) for name in ("set_{}scale", "set_{}lim", "get_{}lim")
    )
    ticks = getattr(axis, which + "axis")
    if (finite == 0).any():
        first = math.ceil(low) - 1  # below all that is positive
        set_scale("symlog", linthresh=10.0**first, linscale=0.7)
        set_limits(-0.25 * 10.0**first, 10 ** (high + 0.04 * (high - first)))
        decades = range(first, math.ceil(high) + 1, max(1, math.ceil((math.ceil(high) - first + 1) / 6)))
        ticks.set_ticks([0.0, *(10.0**k for k in decades)])
        return
    set_scale("log")
    if high - low < 0.6:
        middle = (low + high) / 2
        set_limits(10 ** (middle - 0.4), 10 ** (middle + 0.4))
    bottom, top = np.log10(limits())
    if top - bottom < 3:  # too few powers of ten to read the rest off
        steps = (1, 2, 5) if top - bottom < 1.5 else (1, 3)
        marks = [k * 10.0**e for e in range(math.floor(bottom), math.ceil(top)) for k in steps]
        marks = [mark for mark in marks if bottom <= math.log10(mark) <= top]
        ticks.set_ticks(marks, [f"{mark:g}" for mark in marks])
    ticks.set_minor_formatter(NullFormatter())


def show_chances(axis: "Axes", low: float, high: float, which: str = "x") -> None:
    """Ticks of D(G(z)) on an axis of logits from `low` to `high`: at 1e-6, 0.5, 1 - 1e-6 and so on."""
    span, kept = high - low, [(0.0, "0.5", 3)]
    for d in _CHANCES:
        far = f"1 - {_short(d)}" if d < 1e-3 else f"{1 - d:g}"
        logit = math.log(d / (1 - d))
        for at, text in ((logit, _short(d)), (-logit, far)):
            # Labels side by side need room for their letters, those on a y axis for a line; both sides alike.
            need = [span * (0.02 + 0.0165 * (len(far) + other) / 2 if which == "x" else 0.07) for _, _, other in kept]
            if low <= at <= high and all(abs(at - x) >= n for (x, _, _), n in zip(kept, need, strict=True)):
                kept.append((at, text, len(far)))
    shown = sorted(mark for mark in kept if low <= mark[0] <= high)
    getattr(axis, f"set_{which}ticks")([at for at, _, _ in shown], [text for _, text, _ in shown])


def _short(d: float) -> str:
    return f"{d:g}".replace("e-0", "e-")


def thin_to(steps: NDArray, values: NDArray) -> NDArray:
    """Medians [seed, probe] of values [seed, step] of every step, over the spans that end at `steps`.

    >>> thin_to(np.array([1, 4]), np.array([[9.0, 1.0, 2.0, 3.0]])).tolist()
    [[9.0, 2.0]]
    """
    edges = [0, *np.minimum(steps, values.shape[1]).tolist()]
    return np.stack([np.median(values[:, min(a, b - 1) : b], axis=1) for a, b in pairwise(edges)], axis=1)


def grid(figure: "Figure", panels: int, columns: int, **options: Any) -> list["Axes"]:
    """So many panels in rows of `columns`, in the house style."""
    axes = figure.subplots(math.ceil(panels / columns), columns, squeeze=False, **options).ravel()
    for axis in axes[panels:]:
        axis.remove()
    for axis in axes[:panels]:
        plain_axis(axis)
    return list(axes[:panels])


def say(axis: "Axes", title: str = "", x: str = "", y: str = "") -> None:
    """The words at a panel."""
    if title:
        axis.set_title(title, fontsize=9.5, loc="left")
    if x:
        axis.set_xlabel(x, fontsize=SMALL)
    if y:
        axis.set_ylabel(y, fontsize=SMALL)


def level(axis: "Axes", value: float, text: str) -> None:
    """A dotted line across a panel, named at its left end."""
    axis.axhline(value, color=GREY, linestyle=":", linewidth=1.2)
    axis.annotate(text, (0, value), xycoords=("axes fraction", "data"), xytext=(4, 2), textcoords="offset points",
                  ha="left", va="bottom", fontsize=7.5, color=GREY)  # fmt: skip


def handles(run: Results, losses: Iterable[int]) -> tuple[list[Any], list[str]]:
    """Of a legend: a line for every loss."""
    from matplotlib.lines import Line2D

    chosen = list(losses)
    # A name that begins with "_" is left out of a legend, unless something stands before it.
    return [Line2D([], [], linewidth=1.8, **look(i)) for i in chosen], [
        "\u200b" + plain_text(run.losses[i]) for i in chosen
    ]


def legend_above(figure: "Figure", run: Results, norms: NDArray) -> None:
    """Losses, what the band is, and how many seeds of norms [seed, ..., loss] are not finite somewhere."""
    from matplotlib.patches import Patch

    lines, names = handles(run, range(len(run.losses)))
    for i in range(len(names)):
        broken = sum(not np.isfinite(norms[j, ..., i]).all() for j in range(len(norms)))
        names[i] += f" ({broken} of {len(norms)} seeds not finite at some step)" if broken else ""
    band = len(run.seeds) > 1
    lines.append(Patch(color=GREY, alpha=0.3 if band else 0, linewidth=0))
    names.append(
        f"line and band: median and interquartile range over {len(run.seeds)} seeds" if band else "one seed, no band"
    )
    put_legend(figure, lines, names)


def put_legend(figure: "Figure", lines: list[Any], names: list[str]) -> None:
    """A legend above all panels, in as many columns as fit."""
    width = 13 * figure.get_figwidth()  # in letters
    for columns in range(len(names), 0, -1):
        widths = [max(map(len, part)) + 7 for part in np.array_split(names, columns)]
        if sum(widths) <= width:
            break
    figure.legend(lines, names, loc="outside upper left", ncols=columns, frameon=False, fontsize=9, handlelength=3.2)


def mark_interval(axis: "Axes", interval: Interval, y: float, style: dict[str, Any]) -> None:
    """An estimate with its interval at a height; in words where it is undefined."""
    style = {k: v for k, v in style.items() if k != "linestyle"}
    if np.isnan(interval.estimate):
        axis.annotate("undefined", (0.01, y), xycoords=("axes fraction", "data"), va="center", fontsize=7, color=GREY)
        return
    if not np.isnan(interval.low):
        axis.plot([interval.low, interval.high], [y, y], color=style["color"], linewidth=1.3)
    axis.plot([interval.estimate], [y], **(style | {"markersize": 6}))
