"""Curves over steps: the median and the band over seeds, with the equilibrium values."""

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from jaxgan.report.layout import Panel, compose, legend, line_handles, multiples
from jaxgan.report.plots import FEW, GREY, PALE, colour, dash, draw, label, log_axis, over_seeds, thin
from jaxgan.report.words import counted
from jaxgan.results.results import Results

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


class Curve(NamedTuple):
    """One series in the curves figure."""

    series: str
    title: str
    log: bool = False
    of: str = ""  # "probability": only where the discriminator gives one; "score": only where it does not


CURVES = (
    Curve("g_loss", "Generator's loss"),
    Curve("d_loss", "Discriminator's loss"),
    Curve("value", "V(D, G) =\nE log D(x) + E log(1 - D(G(z)))", of="probability"),
    Curve("d_real_mean", "D(x), mean over real examples", of="probability"),
    Curve("d_fake_mean", "D(G(z)), mean over samples", of="probability"),
    Curve("real_logit", "Score of real examples, mean", of="score"),
    Curve("fake_logit", "Score of samples, mean", of="score"),
    Curve("g_grad_norm", "Norm of the loss's gradient with\nrespect to G's parameters", log=True),
    Curve("d_grad_norm", "Norm of the loss's gradient with\nrespect to D's parameters", log=True),
    Curve("g_update_norm", "Norm of G's update", log=True),
    Curve("d_update_norm", "Norm of D's update", log=True),
)


def curves_figures(results: Results) -> "dict[str, Figure]":
    """Return figures of series over steps by file name: the median and the interquartile range over seeds.

    Up to 7 configurations share the panels of one figure. With more, each series has a figure with a small panel per
    configuration, in front of the medians of all.
    """
    found = shown_curves(results)
    if not found:
        return {}
    if len(results.configurations) > FEW:
        return {f"curves-{curve.series}": _apart(results, curve) for curve in found}
    figure = compose(curve_panels(results), min(3, len(found)))
    handles, names = line_handles(legend_names(results), markers=False)
    _add_equilibrium(results, handles, names)
    legend(figure, handles, names)
    return {"curves": figure}


def curve_panels(results: Results) -> list[Panel]:
    """The panels of all series that have something to show."""
    return [
        Panel(f"curve-{curve.series}", partial(_draw, results=results, curve=curve)) for curve in shown_curves(results)
    ]


def shown_curves(results: Results) -> list[Curve]:
    """Return the curves that were recorded and are meaningful for at least one configuration."""
    recorded = results.series
    everyone = range(len(results.configurations))
    return [curve for curve in CURVES if curve.series in recorded and any(_shows(results, curve, i) for i in everyone)]


def legend_names(results: Results) -> list[str]:
    """Return the name of every configuration, with its number of seeds that are not finite somewhere."""
    recorded = results.series
    shown = [recorded[curve.series] for curve in CURVES if curve.series in recorded]
    names = []
    for i, name in enumerate(results.configurations):
        # A series that a configuration does not have is NaN throughout.
        own = [values[i] for values in shown if not np.isnan(values[i]).all()]
        broken = sum(not all(np.isfinite(values[j]).all() for values in own) for j in range(len(results.seeds)))
        count = f"{counted(len(results.seeds), 'seed')} of {name}"
        names.append(count + (f" ({broken} not finite at some step)" if broken else ""))
    return names


def _shows(results: Results, curve: Curve, i: int) -> bool:
    """Return whether a curve is meaningful for the i-th configuration: the sigmoid of a score is not a probability."""
    is_score = results.configurations[i] in results.notes.get("scores", [])
    return curve.of != ("probability" if is_score else "score")


def _draw(axis: "Axes", results: Results, curve: Curve) -> None:
    for i, (steps, by_seed) in thinned(results, curve).items():
        draw(axis, steps, by_seed, color=colour(i), linestyle=dash(i))
        _draw_equilibrium(axis, results, curve, i)
    _scale(axis, results, curve)
    label(axis, curve.title, "step")


def _apart(results: Results, curve: Curve) -> "Figure":
    """A small panel for each configuration, before the medians of all."""
    shown = thinned(results, curve)
    medians = {i: (steps, over_seeds(by_seed)[1]) for i, (steps, by_seed) in shown.items()}

    def draw_one(axis: "Axes", i: int) -> None:
        for steps, median in medians.values():
            axis.plot(steps, median, color=PALE, linewidth=0.7, zorder=1)
        if i in shown:
            draw(axis, *shown[i], color=colour(i))
            _draw_equilibrium(axis, results, curve, i)
        _scale(axis, results, curve)

    return multiples(results.configurations, draw_one, curve.title)


def thinned(results: Results, curve: Curve) -> dict[int, tuple[NDArray, NDArray]]:
    """Return steps and values [seed, step] by index of each configuration for which the curve is meaningful."""
    values = results.series[curve.series]
    return {i: thin(results.steps, values[i]) for i in range(len(values)) if _shows(results, curve, i)}


def _scale(axis: "Axes", results: Results, curve: Curve) -> None:
    if curve.log:
        log_axis(axis, results.series[curve.series])
    if curve.series in ("d_real_mean", "d_fake_mean"):
        axis.set_ylim(-0.03, 1.03)


def _draw_equilibrium(axis: "Axes", results: Results, curve: Curve, i: int) -> None:
    known: Mapping[str, Any] = results.notes.get("equilibrium") or {}
    shared = curve.series in known
    value = known.get(curve.series, known.get(f"{curve.series}/{results.configurations[i]}"))
    if value is not None:
        axis.axhline(float(value), color=GREY if shared else colour(i), linestyle=":", linewidth=1.0)


def _add_equilibrium(results: Results, handles: list[Any], names: list[str]) -> None:
    from matplotlib.lines import Line2D

    if results.notes.get("equilibrium"):
        handles.append(Line2D([], [], color=GREY, linestyle=":", linewidth=1.0))
        names.append("equilibrium")
