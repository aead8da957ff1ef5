"""Curves over steps: the median and the band over seeds, with the equilibrium drawn in.

Figures are made without pyplot, which keeps every figure alive and a global state besides.
"""

import math
from collections.abc import Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from jaxgan.results.results import Results as Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's colours (2008), which the colour-blind tell apart; in black and white the dashes do.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
DASHES: tuple[Any, ...] = ("-", (0, (5, 1.5)), (0, (1, 1)), (0, (6, 1.5, 1, 1.5)), (0, (3, 3)), (0, (8, 3)))
DPI = 120
BINS = 250  # points per curve


class Panel(NamedTuple):
    """One series in the curves figure."""

    series: str
    title: str
    log: bool = False
    of: str = ""  # "probability": only where the discriminator gives one; "score": only where it does not


PANELS = (
    Panel("g_loss", "Generator's loss"),
    Panel("d_loss", "Discriminator's loss"),
    Panel("value", "V(D, G) = E log D(x) + E log(1 - D(G(z)))", of="probability"),
    Panel("d_real_mean", "D(x), mean over real examples", of="probability"),
    Panel("d_fake_mean", "D(G(z)), mean over generated samples", of="probability"),
    Panel("real_logit", "Score of real examples, mean", of="score"),
    Panel("fake_logit", "Score of generated samples, mean", of="score"),
    Panel("g_grad_norm", "Norm of the loss's gradient with respect to the\ngenerator's parameters", log=True),
    Panel("d_grad_norm", "Norm of the loss's gradient with respect to the\ndiscriminator's parameters", log=True),
    Panel("g_update_norm", "Norm of the generator's update", log=True),
    Panel("d_update_norm", "Norm of the discriminator's update", log=True),
)


def curves_figure(run: Run) -> "Figure":
    """Series over steps: the median over seeds, the interquartile range over seeds, and the equilibrium.

    Each seed is first reduced to medians over at most 250 spans of steps; a seed is left out where it is not
    finite, and the legend counts such seeds.
    """
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    panels = [
        panel
        for panel in PANELS
        if panel.series in run.series and any(_shows(run, panel, i) for i in range(len(run.configurations)))
    ]
    columns = min(3, len(panels))
    rows = math.ceil(len(panels) / columns)
    figure = Figure(figsize=(4 * columns, 2.6 * rows + 0.5), dpi=DPI, layout="constrained")
    axes = figure.subplots(rows, columns, sharex=True, squeeze=False).ravel()
    for axis in axes[len(panels) :]:
        axis.remove()
    for axis, panel in zip(axes, panels, strict=False):
        _draw_panel(axis, run, panel)
    for axis in axes[max(0, len(panels) - columns) : len(panels)]:
        axis.set_xlabel("step", fontsize=9)
        axis.tick_params(labelbottom=True)
    handles = [Line2D([], [], color=colour(i), linestyle=dash(i), linewidth=2) for i in range(len(run.configurations))]
    names = [_legend(run, i) for i in range(len(run.configurations))]
    if run.notes.get("equilibrium"):
        handles.append(Line2D([], [], color="#555555", linestyle=":", linewidth=1.2))
        names.append("equilibrium")
    figure.legend(handles, names, loc="outside upper left", ncols=3, frameon=False, fontsize=9)
    return figure


def _shows(run: Run, panel: Panel, i: int) -> bool:
    """Whether a panel has something to say of the i-th loss: sigmoid of a score is no probability."""
    is_score = run.configurations[i] in run.notes.get("scores", [])
    return panel.of != ("probability" if is_score else "score")


def thin(values: NDArray, bins: int = BINS) -> tuple[NDArray, NDArray]:
    """The middle steps [b] of at most `bins` equal spans, and the medians [seed, b] of `values` [seed, step].

    What is not finite is left out of the medians; NaN where a span holds nothing else.

    >>> thin(np.array([[1.0, 3.0, 5.0, np.nan]]), bins=2)
    (array([1.5, 3.5]), array([[2., 5.]]))
    """
    steps = values.shape[1]
    edges = np.linspace(0, steps, min(bins, steps) + 1).round().astype(int)
    finite = np.where(np.isfinite(values), values, np.nan)
    medians = [_nanquantiles(finite[:, a:b], 0.5, axis=1) for a, b in pairwise(edges)]
    return (edges[:-1] + edges[1:] + 1) / 2, np.stack(medians, axis=1)


def _nanquantiles(values: NDArray, q: float | list[float], axis: int) -> NDArray:
    if not np.isnan(values).any():
        return np.quantile(values, q, axis=axis)  # a hundred times as fast
    empty = np.isnan(values).all(axis=axis, keepdims=True)
    result = np.nanquantile(np.where(empty, 0.0, values), q, axis=axis)  # numpy warns of empty slices
    return np.where(np.squeeze(empty, axis), np.nan, result)


def plain_axis(axis: "Axes") -> None:
    """The house style of an axis."""
    axis.tick_params(which="both", labelsize=8)
    axis.spines[["top", "right"]].set_visible(False)
    axis.grid(color="#dddddd", linewidth=0.6)
    axis.set_axisbelow(True)


def colour(i: int) -> str:
    """Of the i-th loss."""
    return COLOURS[i % len(COLOURS)]


def dash(i: int) -> Any:
    """Of the i-th loss."""
    return DASHES[i % len(DASHES)]


def plain_text(text: str) -> str:
    """The text as it stands: matplotlib reads $...$ as a formula."""
    return text.replace("$", r"\$")


def _draw_panel(axis: "Axes", run: Run, panel: Panel) -> None:
    values = run.series[panel.series]
    positive = values[np.isfinite(values) & (values > 0)]
    for i, loss in enumerate(run.configurations):
        if not _shows(run, panel, i):
            continue
        places, by_seed = thin(values[i])
        steps = np.interp(places, 1 + np.arange(len(run.steps)), run.steps)
        if panel.log and len(positive):  # a gradient of exactly 0 must not drop out of a logarithmic axis
            by_seed = np.where(by_seed == 0, positive.min(), by_seed)
        low, median, high = _nanquantiles(by_seed, [0.25, 0.5, 0.75], axis=0)
        axis.fill_between(steps, low, high, color=colour(i), alpha=0.2, linewidth=0)
        axis.plot(steps, median, color=colour(i), linestyle=dash(i), linewidth=1.5)
        equilibrium = _equilibrium(run.notes.get("equilibrium", {}), panel.series, loss)
        if equilibrium is not None:
            shared = panel.series in run.notes["equilibrium"]
            axis.axhline(equilibrium, color="#555555" if shared else colour(i), linestyle=":", linewidth=1.2)
    if panel.log and len(positive):
        axis.set_yscale("log")
    if panel.series in ("d_real_mean", "d_fake_mean"):
        axis.set_ylim(-0.03, 1.03)
    axis.set_title(panel.title, fontsize=9.5, loc="left")
    plain_axis(axis)


def _equilibrium(values: Mapping[str, Any], series: str, loss: str) -> float | None:
    value = values.get(series, values.get(f"{series}/{loss}"))
    return None if value is None else float(value)


def _legend(run: Run, i: int) -> str:
    shown = [run.series[panel.series][i] for panel in PANELS if panel.series in run.series]
    broken = sum(not all(np.isfinite(values[j]).all() for values in shown) for j in range(len(run.seeds)))
    n = len(run.seeds)
    # The name not first: matplotlib leaves out of a legend what begins with "_".
    count = f"{n} {'seed' if n == 1 else 'seeds'} of {plain_text(run.configurations[i])}"
    return count + (f" ({broken} not finite at some step)" if broken else "")
