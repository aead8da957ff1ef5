"""The figure that shows when things went wrong: the leading metric during training, and the episodes of failures."""

import textwrap
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from jaxgan.report.layout import Panel, compose, legend, line_handles, multiples
from jaxgan.report.plots import FEW, GREY, PALE, colour, dash, draw, label, level, over_seeds, plain_text
from jaxgan.report.run.causes import episodes_of
from jaxgan.report.run.curves import curve_panels
from jaxgan.results.results import Metric, Results

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def when_figure(results: Results) -> "Figure | None":
    """Metrics and the generator's gradient over steps; bars under the gradient are the episodes. None: nothing to show.

    Of many configurations each has a small panel of its own with the leading metric.
    """
    panels = when_panels(results)
    if not panels:
        return None
    if len(results.configurations) > FEW and results.along:
        metric = next(metric for metric in results.metrics if metric.name in results.along)
        return multiples(
            results.configurations, lambda axis, i: _draw_metric(axis, results, metric, only=i), metric.label
        )
    figure = compose(panels, min(3, len(panels)))
    handles, names = line_handles(results.configurations, markers=False)
    if episodes_of(results):
        from matplotlib.lines import Line2D

        handles.append(Line2D([], [], color=GREY, linewidth=4, solid_capstyle="butt"))
        names.append("bar: a problem, from its median start to its median end")
    legend(figure, handles, names)
    return figure


def when_panels(results: Results) -> list[Panel]:
    """Every metric along training, the leading one first; what the episodes are of beside it."""
    along = results.along
    panels = [
        Panel(f"along-{metric.name}", partial(_draw_metric, results=results, metric=metric))
        for metric in results.metrics
        if metric.name in along and np.isfinite(along[metric.name]).any()
    ]
    evidence = curve_panels(results, ("g_grad_norm", "d_fake_mean")) if episodes_of(results) else []
    shown = [Panel(f"episodes-{panel.name}", partial(_with_episodes, results=results, panel=panel))
             for panel in evidence]  # fmt: skip
    return [*panels[:1], *shown, *_evidence_panels(results), *panels[1:]]


_EVIDENCE = {
    "separation": ("P(D ranks held-out data above samples)", 0.5, ("discriminator_dominates", "generator_dominates",
                                                                  "junk", "vanishing")),
    "training_edge": ("P(D ranks training above held-out data)", 0.5, ("overfitted",)),
    "memorized": ("Share of the samples that are copies of training examples", None, ("copied",)),
    "rhythm": ("Share of the strongest frequency in D's mean score of samples", None, ("oscillating",)),
    "distinct": ("P(a sample is farther from its nearest neighbour than real data)", 0.5, ("collapsed",)),
}  # fmt: skip
"""The evidence for causes: a label, the value when nothing is wrong, and the causes that it indicates."""


def _evidence_panels(results: Results) -> list[Panel]:
    """Panels of the evidence for the causes that were found."""
    stored, causes = results.group("evidence"), {episode.cause.name for episode in episodes_of(results)}
    return [
        Panel(f"evidence-{name}", partial(_draw_evidence, results=results, values=stored[name], text=text, fine=fine))
        for name, (text, fine, of) in _EVIDENCE.items()
        if name in stored and causes & set(of) and np.isfinite(stored[name]).any()
    ]


def _draw_evidence(axis: "Axes", results: Results, values: NDArray, text: str, fine: float | None) -> None:
    for i in range(len(results.configurations)):
        draw(axis, results.probe_steps, values[i], color=colour(i), linestyle=dash(i), marker=".", markersize=4)
    if fine is not None:
        level(axis, fine)
    axis.set_ylim(-0.03, 1.03)
    _bars(axis, results)
    label(axis, textwrap.fill(plain_text(text), 37), "step")


def _draw_metric(axis: "Axes", results: Results, metric: Metric, only: int | None = None) -> None:
    values = results.along[metric.name]
    finite = values[np.isfinite(values)]
    for i in range(len(results.configurations)):
        if only is not None and i != only:
            axis.plot(results.probe_steps, over_seeds(values[i], infinite=True)[1], color=PALE, linewidth=0.7, zorder=1)
            continue
        how = {"color": colour(i), "linestyle": "-" if i == only else dash(i), "marker": ".", "markersize": 4}
        draw(axis, results.probe_steps, values[i], infinite=True, **how)
    if len(finite) and finite.min() > 0 and finite.max() > 30 * finite.min():
        axis.set_yscale("log")
    if only is not None:
        _bars(axis, results, only)
        return
    for name, value in metric.yardsticks.items():
        if np.isfinite(value):
            level(axis, value, plain_text(name))
    label(axis, textwrap.fill(plain_text(metric.label), 37), "step")


def _with_episodes(axis: "Axes", results: Results, panel: Panel) -> None:
    panel.draw(axis)
    _bars(axis, results)


def _bars(axis: "Axes", results: Results, only: int | None = None) -> None:
    """From the median begin to the median end of each episode, above the panel's lower edge."""
    last = float(results.steps[-1])
    for k, episode in enumerate(episodes_of(results)):
        i = results.configurations.index(episode.configuration)
        if only is None or i == only:
            axis.plot([episode.begin, last if episode.end is None else episode.end], [0.03 + 0.045 * (k % 8)] * 2,
                      transform=axis.get_xaxis_transform(), color=colour(i), linewidth=3.5, alpha=0.9,
                      solid_capstyle="butt")  # fmt: skip
