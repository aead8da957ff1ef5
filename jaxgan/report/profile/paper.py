"""The figure of losses on paper: what one logit gives, without a network."""

import textwrap
from typing import TYPE_CHECKING

import numpy as np

from jaxgan.report.profile.panels import (
    DARK,
    GREY,
    grid,
    handles,
    is_score,
    level,
    look,
    say,
    show_chances,
    show_logarithmically,
    width,
)
from jaxgan.report.profile.parts import part_of
from jaxgan.report.run.curves import DPI, plain_text
from jaxgan.results.results import Results

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

NEAR = 8.0  # logits shown where the axis is linear
TALL = 10.0  # values shown there
FAR = float(np.log(1e12))  # the logit of D = 1 - 1e-12


def paper_figure(run: Results) -> "Figure":
    """Value, derivatives with respect to the logit and to the probability, and what float32 makes of them."""
    from matplotlib.figure import Figure

    found = part_of(run, "paper")
    figure = Figure(figsize=(12, 6.6), dpi=DPI, layout="constrained")
    value, near, d_logit, by_chance, error, words = grid(figure, 6, 3)
    x, threshold, logit = found["logits"], run.notes["threshold"], _axis_name(run)
    _curves(value, run, x, found["value64"])
    say(value, "Loss of one sample", logit, "value")
    for axis in (value, near):
        axis.set_xlim(-NEAR, NEAR)
    _curves(near, run, x, found["d_logit64"], saturated=True)
    say(near, "Derivative with respect to the logit, dL/dlogit", logit, "dL/dlogit")
    for axis, name in ((value, "value64"), (near, "d_logit64")):
        shown = found[name][:, np.abs(x) <= NEAR]
        shown = shown[np.isfinite(shown)].clip(-TALL, TALL)
        if len(shown):
            low, high = shown.min(), shown.max()
            room = 0.06 * max(high - low, 0.1)
            axis.set_ylim(low - room, high + room)
    _curves(d_logit, run, x, np.abs(found["d_logit64"]), saturated=True)
    show_logarithmically(d_logit, np.abs(found["d_logit64"]))
    level(d_logit, threshold, f"{threshold:g}")
    say(d_logit, "Size of the derivative with respect to the logit", logit, "|dL/dlogit|")
    for axis in (near, d_logit):
        _closed_form(axis, run, absolute=axis is d_logit)
    inside = np.abs(x) <= FAR + 1e-9
    sizes = np.abs(found["d_probability64"][:, inside])
    _curves(by_chance, run, x[inside], sizes)
    show_logarithmically(by_chance, sizes)
    show_chances(by_chance, -FAR - 0.1, FAR + 0.1)
    say(by_chance, "Size of the derivative with respect to the probability", _chance_name(run), "|dL/dD|")
    spans, largest = _largest(x, found["error_d_logit"])
    _curves(error, run, spans, largest)
    show_logarithmically(error, largest)
    say(
        error,
        "float32 against float64: the derivative\nwith respect to the logit",
        logit,
        "relative difference,\nlargest within a logit",
    )
    _legend(words, run)
    return figure


def _curves(axis: "Axes", run: Results, x: "NDArray", curves: "NDArray", *, saturated: bool = False) -> None:
    every = max(1, len(x) // 9)
    for i, (loss, y) in enumerate(zip(run.losses, curves, strict=True)):
        style = look(i) | {"markevery": (every // 4 + i * every // len(curves), every), "markersize": 4}
        axis.plot(x, y, linewidth=width(list(curves), i), **style)
        for region in run.notes["about"][loss]["regions"] if saturated else ():
            # numbers that are not finite are strings in JSON
            chosen = (x >= float(region["from_logit"])) & (x <= float(region["to_logit"]))
            axis.plot(x[chosen], y[chosen], color=style["color"], alpha=0.22, linewidth=8, solid_capstyle="butt")


def _largest(x: "NDArray", differences: "NDArray") -> tuple["NDArray", "NDArray"]:
    """The middles [span] of spans of one logit, and the largest of differences [loss, logit] in each [loss, span].

    Rounding makes the differences jump from one logit to the next.
    """
    edges = np.arange(x.min(), x.max())
    inside = [(x >= edge) & (x <= edge + 1) for edge in edges]
    return edges + 0.5, np.stack([differences[:, span].max(axis=1) for span in inside], axis=1)


def _closed_form(axis: "Axes", run: Results, *, absolute: bool) -> None:
    found = part_of(run, "paper")
    for i, y in enumerate(found["closed_d_logit"]):
        every = 16 if not absolute else 56
        chosen = slice(i * every // len(run.losses), None, every)
        axis.plot(found["logits"][chosen], np.abs(y[chosen]) if absolute else y[chosen], ".", color="black",
                  markersize=3, markeredgewidth=0, zorder=4)  # fmt: skip


def _axis_name(run: Results) -> str:
    scores = [is_score(run, loss) for loss in run.losses]
    return "score" if all(scores) else "logit of D(G(z)), or score" if any(scores) else "logit of D(G(z))"


def _chance_name(run: Results) -> str:
    scores = [is_score(run, loss) for loss in run.losses]
    if all(scores):
        return "sigmoid(score), which is no probability"
    return "D(G(z))" + ("; sigmoid(score) where the loss is of a score" if any(scores) else "")


def _legend(axis: "Axes", run: Results) -> None:
    from matplotlib.lines import Line2D

    found = part_of(run, "paper")
    axis.set_axis_off()
    lines, names = handles(run, range(len(run.losses)))
    names = [
        name + (" (of a score)" if is_score(run, loss) else "") for name, loss in zip(names, run.losses, strict=True)
    ]
    if np.isfinite(found["closed_d_logit"]).any():
        lines.append(Line2D([], [], linestyle="", marker=".", color="black", markersize=4))
        names.append("closed form")
    lines.append(Line2D([], [], color=GREY, alpha=0.35, linewidth=8, solid_capstyle="butt"))
    names.append(f"saturated: |dL/dlogit| below {run.notes['threshold']:g}")
    for group in _alike(found["d_logit64"]):
        lines.append(Line2D([], [], linestyle=""))
        names.append("one curve over the logit: " + ", ".join(plain_text(run.losses[i]) for i in group))
    names = [textwrap.fill(name, 46) for name in names]
    size = 9 if len(names) <= 12 else 7.5
    legend = axis.legend(
        lines, names, loc="upper left", frameon=False, fontsize=size, handlelength=3.4, labelcolor=DARK
    )
    legend.set_in_layout(False)  # or else a long name would narrow the panels


def _alike(curves: "NDArray") -> list[list[int]]:
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
