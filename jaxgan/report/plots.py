"""The style of all figures: colours and dashes, medians with bands, log axes that can show exact zeros."""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TITLE, SMALL, TICKS = 8.0, 7.5, 7.0  # font sizes
FEW = 7  # at most so many curves share one panel

# Okabe and Ito's colours (2008), which are safe for colour blindness, and a violet; dashes work in black and white.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#4B2E83")
DASHES: tuple[Any, ...] = ("-", (0, (5, 1.5)), (0, (1, 1)), (0, (6, 1.5, 1, 1.5)), (0, (3, 3)), (0, (8, 3)))
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
DARK, GREY, PALE = "#222222", "#666666", "#cccccc"
BINS = 250  # points per curve
_BEYOND = 1e300  # replaces infinity, so that interpolation is possible
_CHANCES = (1e-12, 1e-6, 0.01, 0.1, 1e-3, 0.3, 1e-9)  # ticks of D(G(z)), with 1 - these; first ones take precedence


def colour(i: int) -> str:
    """Return the colour of the i-th curve."""
    return COLOURS[i % len(COLOURS)]


def dash(i: int) -> Any:
    """Return the dash of the i-th curve; with colours, the first 42 curves are all different."""
    return DASHES[sum(divmod(i, len(COLOURS))) % len(DASHES)]


def style(i: int) -> dict[str, Any]:
    """Return the colour, dash and marker of the i-th curve as matplotlib options."""
    return {"color": colour(i), "linestyle": dash(i), "marker": MARKERS[i % len(MARKERS)], "markersize": 3.2}


def plain_axis(axis: "Axes") -> None:
    """Set the style of an axis."""
    axis.tick_params(which="both", labelsize=TICKS)
    for each in (axis.xaxis, axis.yaxis):
        each.get_offset_text().set_fontsize(TICKS)
    axis.spines[["top", "right"]].set_visible(False)
    axis.grid(color="#dddddd", linewidth=0.5)
    axis.set_axisbelow(True)


def plain_text(text: str) -> str:
    """Escape a text, because matplotlib reads $...$ as a formula."""
    return text.replace("$", r"\$")


def shorten(name: str, letters: int) -> str:
    """Shorten a name to at most this many letters; the end is kept, because names differ there.

    >>> shorten("my_losses.py:minimax", 10)
    '...minimax'
    """
    return name if len(name) <= letters else "..." + name[3 - letters :]


def label(axis: "Axes", title: str = "", x: str = "", y: str = "") -> None:
    """Set the title and axis labels of a panel."""
    if title:
        axis.set_title(title, fontsize=TITLE, loc="left")
    if x:
        axis.set_xlabel(x, fontsize=SMALL)
    if y:
        axis.set_ylabel(y, fontsize=SMALL)


def level(axis: "Axes", value: float, text: str = "") -> None:
    """Draw a dotted line across a panel, labelled at its left end."""
    axis.axhline(value, color=GREY, linestyle=":", linewidth=1.0)
    axis.annotate(text, (0, value), xycoords=("axes fraction", "data"), xytext=(3, 1.5), textcoords="offset points",
                  ha="left", va="bottom", fontsize=TICKS - 0.5, color=GREY, annotation_clip=True)  # fmt: skip


def thin(steps: NDArray, values: NDArray, bins: int = BINS) -> tuple[NDArray, NDArray]:
    """Return steps [b] and medians [seed, b] of values [seed, record] over at most `bins` spans of equal length.

    Records may be unevenly spaced: a span is placed at the mean step of its records, and empty spans are left out.
    Medians ignore values that are not finite; they are NaN if a span has no finite value.

    >>> thin(np.array([1, 2, 3, 4]), np.array([[1.0, 3.0, 5.0, np.nan]]), bins=2)
    (array([1.5, 3.5]), array([[2., 5.]]))
    """
    at = np.asarray(steps, np.float64)
    if len(at) <= 1:
        return at, np.where(np.isfinite(values), values, np.nan)
    span = np.minimum((at - at[0]) * bins // (at[-1] + 1 - at[0]), bins - 1)
    edges = [0, *(np.flatnonzero(np.diff(span)) + 1).tolist(), len(at)]
    finite = np.where(np.isfinite(values), values, np.nan)
    medians = [_nanmedian(finite[:, a:b]) for a, b in pairwise(edges)]
    return np.array([at[a:b].mean() for a, b in pairwise(edges)]), np.stack(medians, axis=1)


def thin_to(ends: NDArray, steps: NDArray, values: NDArray) -> NDArray:
    """Return medians [seed, end] of values [seed, record] recorded at `steps`, over spans that end at the steps `ends`.

    >>> thin_to(np.array([1, 4]), np.array([1, 2, 3, 4]), np.array([[9.0, 1.0, 2.0, 3.0]])).tolist()
    [[9.0, 2.0]]
    """
    edges = [0, *np.searchsorted(steps, ends, side="right").tolist()]
    return np.stack([np.median(values[:, min(a, max(b - 1, 0)) : max(b, 1)], axis=1) for a, b in pairwise(edges)], 1)


def over_seeds(by_seed: NDArray, *, infinite: bool = False) -> NDArray:
    """Return the quartiles [3, step] of by_seed [seed, step] over finite values; NaN if there are none.

    With `infinite`, infinite values count as larger than all others, and a quartile that falls on one is NaN.

    >>> values = np.array([[1.0, np.nan], [3.0, np.inf]])
    >>> over_seeds(values).tolist()
    [[1.5, nan], [2.0, nan], [2.5, nan]]
    >>> over_seeds(np.array([[1.0], [2.0], [np.inf], [np.inf], [np.inf]]), infinite=True).ravel().tolist()
    [2.0, nan, nan]
    """
    beyond = _BEYOND if infinite else np.nan
    counted = np.nan_to_num(by_seed.astype(np.float64), nan=np.nan, posinf=beyond, neginf=-beyond)
    some = ~np.isnan(counted).all(axis=0)
    result = np.full((3, counted.shape[1]), np.nan)
    if some.any():
        result[:, some] = np.nanquantile(counted[:, some], [0.25, 0.5, 0.75], axis=0)
    return np.where(np.abs(result) < np.sqrt(_BEYOND), result, np.nan)


def draw(axis: "Axes", x: NDArray, by_seed: NDArray, *, infinite: bool = False, **how: Any) -> None:
    """Draw the median of by_seed [seed, step] and, with several seeds, their interquartile range as a band."""
    low, median, high = over_seeds(by_seed, infinite=infinite)
    if len(by_seed) > 1:
        axis.fill_between(x, low, high, color=how["color"], alpha=0.16, linewidth=0)
    axis.plot(x, median, **({"linewidth": 1.2} | how))


def draw_all(axis: "Axes", x: NDArray, by_curve: NDArray) -> None:
    """Draw a curve, a band and markers for each of by_curve [curve, seed, step].

    If curves coincide, lower ones are wider and markers alternate, so that each stays visible.
    """
    medians = [over_seeds(values)[1] for values in by_curve]
    every = max(1, min(len(x) // 5, max(3 * len(medians), len(x) // 10)))
    for i, values in enumerate(by_curve):
        how = style(i) | {"markevery": (min(i * every // len(medians), len(x) - 1), every)}
        draw(axis, x, values, linewidth=line_width(medians, i), **how)


def line_width(curves: Sequence[NDArray], i: int) -> float:
    """Return the width of the i-th curve, which grows with the number of later curves that coincide with it, up to two.

    >>> line_width([np.ones(3), np.zeros(3), np.ones(3)], 0) > line_width([np.ones(3), np.zeros(3), np.ones(3)], 2)
    True
    """
    later = sum(np.allclose(curves[i], other, rtol=1e-3, atol=0, equal_nan=True) for other in curves[i + 1 :])
    return 1.2 + 1.6 * min(later, 2)


def log_axis(axis: "Axes", values: NDArray, which: str = "y") -> None:
    """Make an axis logarithmic for `values`; if some are exactly 0, it is linear below the smallest positive one.

    Call it after drawing. If all values are zero, or there are none, the axis stays linear.
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
        first = math.ceil(low) - 1  # below all positive values
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
    if top - bottom < 3:  # too few powers of ten to read values between them
        steps = (1, 2, 5) if top - bottom < 1.5 else (1, 3)
        marks = [k * 10.0**e for e in range(math.floor(bottom), math.ceil(top)) for k in steps]
        marks = [mark for mark in marks if bottom <= math.log10(mark) <= top]
        ticks.set_ticks(marks, [f"{mark:g}" for mark in marks])
    ticks.set_minor_formatter(NullFormatter())


def probability_ticks(axis: "Axes", low: float, high: float, which: str = "x") -> None:
    """Set ticks of D(G(z)) on an axis of logits from `low` to `high`: at 1e-6, 0.5, 1 - 1e-6 and so on."""
    span, kept = high - low, [(0.0, "0.5", 3)]
    for d in _CHANCES:
        far = f"1 - {_short(d)}" if d < 1e-3 else f"{1 - d:g}"
        logit = math.log(d / (1 - d))
        for at, text in ((logit, _short(d)), (-logit, far)):
            # Labels side by side need room for their letters, labels on a y axis for one line; symmetric on both sides.
            need = [span * (0.02 + 0.018 * (len(far) + other) / 2 if which == "x" else 0.09) for _, _, other in kept]
            if low <= at <= high and all(abs(at - x) >= n for (x, _, _), n in zip(kept, need, strict=True)):
                kept.append((at, text, len(far)))
    shown = sorted(mark for mark in kept if low <= mark[0] <= high)
    getattr(axis, f"set_{which}ticks")([at for at, _, _ in shown], [text for _, text, _ in shown])


def _nanmedian(values: NDArray) -> NDArray:
    if not np.isnan(values).any():
        return np.median(values, axis=1)  # a hundred times faster
    empty = np.isnan(values).all(axis=1, keepdims=True)
    result = np.nanmedian(np.where(empty, 0.0, values), axis=1)  # numpy warns of empty slices
    return np.where(empty[:, 0], np.nan, result)


def _short(d: float) -> str:
    return f"{d:g}".replace("e-0", "e-")
