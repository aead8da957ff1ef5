"""The figure of losses as functions of one logit, without a network."""

import textwrap
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from jaxgan.report.layout import Panel, compose, line_handles
from jaxgan.report.plots import (
    DARK,
    GREY,
    SMALL,
    TICKS,
    label,
    level,
    line_width,
    log_axis,
    plain_text,
    probability_ticks,
    style,
)
from jaxgan.report.profile.parts import is_score, part_of
from jaxgan.results.results import Results

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

NEAR = 8.0  # logits shown where the axis is linear
TALL = 10.0  # values shown there
FAR = float(np.log(1e12))  # the logit of D = 1 - 1e-12


def paper_figure(results: Results) -> "Figure":
    """Value, derivatives with respect to the logit and the probability, and their errors in float32."""
    return compose([*paper_panels(results), Panel("words", partial(_legend, results=results))], 2, 2.2)


def paper_panels(results: Results) -> list[Panel]:
    """A panel for each."""
    drawings = {"value": _draw_value, "d_logit": _draw_derivative, "size": _draw_size,
                "d_probability": _draw_probability, "rounding": _draw_rounding}  # fmt: skip
    return [Panel(f"paper-{name}", partial(how, results=results)) for name, how in drawings.items()]


def _draw_value(axis: "Axes", results: Results) -> None:
    found = part_of(results, "paper")
    _curves(axis, results, found["logits"], found["value64"])
    _near(axis, found["logits"], found["value64"])
    label(axis, "Loss of one sample", _axis_name(results), "value")


def _draw_derivative(axis: "Axes", results: Results) -> None:
    found = part_of(results, "paper")
    _curves(axis, results, found["logits"], found["d_logit64"], saturated=True)
    _near(axis, found["logits"], found["d_logit64"])
    _closed_form(axis, results, absolute=False)
    label(axis, "Derivative with respect to the logit, dL/dlogit", _axis_name(results), "dL/dlogit")


def _draw_size(axis: "Axes", results: Results) -> None:
    found, threshold = part_of(results, "paper"), results.notes["threshold"]
    sizes = np.abs(found["d_logit64"])
    _curves(axis, results, found["logits"], sizes, saturated=True)
    log_axis(axis, sizes)
    level(axis, threshold, f"{threshold:g}")
    _closed_form(axis, results, absolute=True)
    label(axis, "Size of the derivative with respect to the logit", _axis_name(results), "|dL/dlogit|")


def _draw_probability(axis: "Axes", results: Results) -> None:
    found = part_of(results, "paper")
    inside = np.abs(found["logits"]) <= FAR + 1e-9
    sizes = np.abs(found["d_probability64"][:, inside])
    _curves(axis, results, found["logits"][inside], sizes)
    log_axis(axis, sizes)
    probability_ticks(axis, -FAR - 0.1, FAR + 0.1)
    label(axis, "Size of the derivative with respect to the probability", _chance_name(results), "|dL/dD|")


def _draw_rounding(axis: "Axes", results: Results) -> None:
    found = part_of(results, "paper")
    spans, largest = _largest(found["logits"], found["error_d_logit"])
    _curves(axis, results, spans, largest)
    log_axis(axis, largest)
    words = "largest relative\ndifference in a logit"
    label(axis, "float32 against float64: the derivative with\nrespect to the logit", _axis_name(results), words)


def _near(axis: "Axes", x: "NDArray", curves: "NDArray") -> None:
    """The part of curves [loss, logit] that a linear axis can show."""
    axis.set_xlim(-NEAR, NEAR)
    shown = curves[:, np.abs(x) <= NEAR]
    shown = shown[np.isfinite(shown)].clip(-TALL, TALL)
    if len(shown):
        low, high = shown.min(), shown.max()
        room = 0.06 * max(high - low, 0.1)
        axis.set_ylim(low - room, high + room)


def _curves(axis: "Axes", results: Results, x: "NDArray", curves: "NDArray", *, saturated: bool = False) -> None:
    every = max(1, len(x) // 9)
    for i, (loss, y) in enumerate(zip(results.losses, curves, strict=True)):
        how = style(i) | {"markevery": (every // 4 + i * every // len(curves), every)}
        axis.plot(x, y, linewidth=line_width(list(curves), i), **how)
        for region in results.notes["about"][loss]["regions"] if saturated else ():
            # numbers that are not finite are strings in JSON
            chosen = (x >= float(region["from_logit"])) & (x <= float(region["to_logit"]))
            axis.plot(x[chosen], y[chosen], color=how["color"], alpha=0.22, linewidth=6, solid_capstyle="butt")


def _largest(x: "NDArray", differences: "NDArray") -> tuple["NDArray", "NDArray"]:
    """Return the centres [span] of spans of one logit, and the largest differences [loss, logit] in each [loss, span].

    Rounding makes the differences fluctuate from one logit to the next.
    """
    edges = np.arange(x.min(), x.max())
    inside = [(x >= edge) & (x <= edge + 1) for edge in edges]
    return edges + 0.5, np.stack([differences[:, span].max(axis=1) for span in inside], axis=1)


def _closed_form(axis: "Axes", results: Results, *, absolute: bool) -> None:
    found = part_of(results, "paper")
    for i, y in enumerate(found["closed_d_logit"]):
        every = 16 if not absolute else 56
        chosen = slice(i * every // len(results.losses), None, every)
        axis.plot(found["logits"][chosen], np.abs(y[chosen]) if absolute else y[chosen], ".", color="black",
                  markersize=2.4, markeredgewidth=0, zorder=4)  # fmt: skip


def _axis_name(results: Results) -> str:
    scores = [is_score(results, loss) for loss in results.losses]
    return "score" if all(scores) else "logit of D(G(z)), or score" if any(scores) else "logit of D(G(z))"


def _chance_name(results: Results) -> str:
    scores = [is_score(results, loss) for loss in results.losses]
    if all(scores):
        return "sigmoid(score), not a probability"
    return "D(G(z))" + ("; sigmoid(score) for losses of a score" if any(scores) else "")


def _legend(axis: "Axes", results: Results) -> None:
    from matplotlib.lines import Line2D

    found = part_of(results, "paper")
    axis.set_axis_off()
    lines, names = line_handles(results.losses)
    names = [
        name + (" (of a score)" if is_score(results, loss) else "")
        for name, loss in zip(names, results.losses, strict=True)
    ]
    if np.isfinite(found["closed_d_logit"]).any():
        lines.append(Line2D([], [], linestyle="", marker=".", color="black", markersize=3))
        names.append("closed form")
    lines.append(Line2D([], [], color=GREY, alpha=0.35, linewidth=6, solid_capstyle="butt"))
    names.append(f"saturated: |dL/dlogit| below {results.notes['threshold']:g}")
    for group in _alike(found["d_logit64"]):
        lines.append(Line2D([], [], linestyle=""))
        names.append("identical dL/dlogit: " + ", ".join(plain_text(results.losses[i]) for i in group))
    names = [textwrap.fill(name, 46) for name in names]
    size = SMALL if len(names) <= 12 else TICKS - 1
    legend = axis.legend(
        lines, names, loc="upper left", frameon=False, fontsize=size, handlelength=3.4, labelcolor=DARK
    )
    legend.set_in_layout(False)  # otherwise a long name would narrow the panels


def _alike(curves: "NDArray | Sequence[NDArray]") -> list[list[int]]:
    """The groups of curves that coincide."""
    groups: list[list[int]] = []
    for i in range(len(curves)):
        home = next(
            (g for g in groups if np.allclose(curves[g[0]], curves[i], rtol=1e-6, atol=0, equal_nan=True)), None
        )
        if home is None:
            groups.append([i])
        else:
            home.append(i)
    return [group for group in groups if len(group) > 1]
