"""The figure that shows when things went wrong: metrics during training, and the evidence for each failure."""

import textwrap
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from jaxgan.report.layout import Panel, compose, legend, line_handles
from jaxgan.report.paper_sizes import MARK
from jaxgan.report.plots import (
    DARK,
    FEW,
    GREY,
    PALE,
    TICKS,
    colour,
    dash,
    draw,
    label,
    level,
    log_axis,
    over_seeds,
    plain_text,
    shorten,
)
from jaxgan.report.run.evidence import EVIDENCE, Shown, curve_of, evidence_for
from jaxgan.report.run.map import is_light, styles_of
from jaxgan.results.results import Metric, Results

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_WIDE = 33  # letters of a line above a panel; a few more fit if they are narrow
_LINES = 8  # seeds that have a line each; of more, the median and the quartiles
_PANELS = 12  # panels of evidence
_BANDS = 60  # shades of an episode


def when_figure(results: Results) -> "Figure | None":
    """Metrics over steps, and the evidence for each failure with its episode shaded. None: nothing to show.

    Many configurations have a small panel each with the leading metric instead of all metrics.
    """
    many, (shown, left_out) = len(results.configurations) > FEW, shown_evidence(results)
    metrics = _leading_panels(results) if many else _metric_panels(results)
    first = len(metrics) if many else 1
    panels = [*metrics[:first], *_evidence_panels(results, shown), *metrics[first:]]
    if not panels:
        return None
    figure = compose(panels, min(3, len(panels)))
    handles, names = ([], []) if many else line_handles(results.configurations, markers=False)
    if shown:
        more, words = _evidence_handles(left_out)
        handles, names = [*handles, *more], [*names, *words]
    if handles:
        legend(figure, handles, names)
    return figure


def when_panels(results: Results) -> list[Panel]:
    """Every metric along training, the leading one first; after it the evidence for each failure."""
    metrics = _metric_panels(results)
    return [*metrics[:1], *_evidence_panels(results, shown_evidence(results)[0]), *metrics[1:]]


def shown_evidence(results: Results) -> tuple[list[Shown], int]:
    """The evidence that the figure has room for, and how much is left out.

    Of each configuration first what held in the most seeds.
    """
    every = range(len(results.configurations)) if "outcome" in results.dataset else ()
    found = [(rank, one) for i in every for rank, one in enumerate(evidence_for(results, i))]
    kept = sorted(found, key=lambda each: each[0])[:_PANELS]
    return [one for _, one in sorted(kept, key=lambda each: each[1].configuration)], len(found) - len(kept)


def _metrics_along(results: Results) -> list[Metric]:
    along = results.along
    return [metric for metric in results.metrics if metric.name in along and np.isfinite(along[metric.name]).any()]


def _metric_panels(results: Results) -> list[Panel]:
    return [
        Panel(f"along-{metric.name}", partial(_draw_metric, results=results, metric=metric))
        for metric in _metrics_along(results)
    ]


def _leading_panels(results: Results) -> list[Panel]:
    """A panel for each configuration with the leading metric."""
    return [
        Panel(name, partial(_draw_apart, results=results, metric=metric, i=i))
        for metric in _metrics_along(results)[:1]
        for i, name in enumerate(results.configurations)
    ]


def _evidence_panels(results: Results, shown: list[Shown]) -> list[Panel]:
    names = [quote(name, safe="") for name in results.configurations]
    return [
        Panel(f"evidence-{names[one.configuration]}-{one.cause}-{one.rule.evidence}",
              partial(_draw_evidence, results=results, one=one))
        for one in shown
    ]  # fmt: skip


def _draw_evidence(axis: "Axes", results: Results, one: Shown) -> None:
    """The curves of the seeds in which the sign held, in front of the others, with the episodes and the threshold."""
    found = curve_of(results, one.rule.evidence, one.configuration)
    assert found is not None  # `evidence_for` gives only what was recorded
    steps, values = found
    about, style, own = EVIDENCE[one.rule.evidence], styles_of(results, [one.code])[one.code], one.seeds
    _draw_seeds(axis, steps, values[~own], PALE)
    _draw_seeds(axis, steps, values[own], colour(one.configuration))
    if np.isfinite(one.rule.threshold):
        axis.axhline(one.rule.threshold, color=DARK, linestyle="--", linewidth=0.9)
    if about.log:
        log_axis(axis, np.append(values, one.rule.threshold))
    else:
        axis.set_ylim(-0.03, max(1.03, 1.05 * np.max(values, initial=0.0, where=np.isfinite(values))))
    axis.minorticks_off()
    axis.set_xlim(0, 1.01 * float(results.steps[-1]))
    _shade(axis, one, style.colour)
    _tag(axis, one, style.colour)
    name = shorten(results.configurations[one.configuration], _WIDE)
    count = f"{np.count_nonzero(own)} of {len(own)} seeds"
    title = name + (", " if len(name) + len(count) + 2 <= _WIDE else "\n") + count
    label(axis, plain_text(f"{title}\n{textwrap.fill(about.label, _WIDE)}"), "step")


def _draw_seeds(axis: "Axes", steps: NDArray, values: NDArray, shade: str) -> None:
    if len(values) > _LINES:
        draw(axis, steps, values, color=shade)
        return
    for line in values:
        axis.plot(steps, line, color=shade, linewidth=0.9)


def _shade(axis: "Axes", one: Shown, shade: str) -> None:
    """The steps at which the sign held, the darker in the more of its seeds."""
    begin, end = one.begin[one.seeds], one.end[one.seeds]
    end = np.maximum(end, begin + 0.01 * axis.get_xlim()[1])  # a single step is visible, too
    edges = np.unique(np.concatenate([begin, end]))
    if len(edges) > _BANDS:
        edges = np.linspace(edges[0], edges[-1], _BANDS)
    for a, b in pairwise(edges):
        share = np.mean((begin < b) & (end > a))
        if share:
            axis.axvspan(a, b, facecolor=shade, alpha=0.12 + 0.2 * float(share), linewidth=0, zorder=0.5)


def _tag(axis: "Axes", one: Shown, shade: str) -> None:
    """The name of the sign above the curves, on the side of its episodes."""
    transform = axis.yaxis.get_transform()
    low, high = transform.transform(axis.get_ylim())
    ticks = [tick for tick in axis.get_yticks() if low <= transform.transform(tick) <= high]
    axis.set_ylim(*transform.inverted().transform([low, high + 0.24 * (high - low)]))
    axis.set_yticks(ticks)
    left, right = axis.get_xlim()
    late = np.nanmedian((one.begin + one.end) / 2) > (left + right) / 2
    text = f"{one.code}: not finite" if one.cause == "not_finite" else one.code
    axis.text(0.985 if late else 0.015, 0.97, text, transform=axis.transAxes, ha="right" if late else "left",
              va="top", fontsize=TICKS - 0.5, color="black" if is_light(shade) else "white", gid=MARK,
              bbox={"facecolor": shade, "edgecolor": "none", "boxstyle": "square,pad=0.2"})  # fmt: skip


def _evidence_handles(left_out: int) -> tuple[list[Any], list[str]]:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    names = [
        "thin: seeds with the named sign",
        "grey: other seeds",
        "dashed: its threshold",
        "shaded: while it held" + (f" ({left_out} more panels left out)" if left_out else ""),
    ]
    return [
        Line2D([], [], color=DARK, linewidth=0.9),
        Line2D([], [], color=PALE, linewidth=0.9),
        Line2D([], [], color=DARK, linestyle="--", linewidth=0.9),
        Patch(facecolor=GREY, alpha=0.3, linewidth=0),
    ], names


def _draw_metric(axis: "Axes", results: Results, metric: Metric) -> None:
    values = results.along[metric.name]
    for i in range(len(results.configurations)):
        how = {"color": colour(i), "linestyle": dash(i), "marker": ".", "markersize": 4}
        draw(axis, results.probe_steps, values[i], infinite=True, **how)
    _scale(axis, values)
    for name, value in metric.yardsticks.items():
        if np.isfinite(value):
            level(axis, value, plain_text(name))
    axis.margins(y=0.12)  # room for the name of a value at the top
    label(axis, textwrap.fill(plain_text(metric.label), _WIDE + 4), "step")


def _draw_apart(axis: "Axes", results: Results, metric: Metric, i: int) -> None:
    """The metric of the i-th configuration, in front of the medians of all."""
    values = results.along[metric.name]
    for each in values:
        axis.plot(results.probe_steps, over_seeds(each, infinite=True)[1], color=PALE, linewidth=0.7, zorder=1)
    draw(axis, results.probe_steps, values[i], infinite=True, color=colour(i), marker=".", markersize=4)
    _scale(axis, values)
    name = plain_text(shorten(results.configurations[i], _WIDE))
    label(axis, f"{name}\n{textwrap.fill(plain_text(metric.label), _WIDE + 4)}", "step")


def _scale(axis: "Axes", values: NDArray) -> None:
    finite = values[np.isfinite(values)]
    if len(finite) and finite.min() > 0 and finite.max() > 30 * finite.min():
        axis.set_yscale("log")
    else:
        axis.locator_params(axis="y", steps=[1, 2, 4, 5, 10])
