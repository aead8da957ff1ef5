"""Performance profiles of runs, and the expected best result of a search over configurations."""

from textwrap import fill
from typing import TYPE_CHECKING, Literal

import numpy as np

from jaxgan.report.layout import COLUMN, grid, legend, line_handles, multiples, new_figure
from jaxgan.report.plots import FEW, PALE, colour, dash, label, plain_text, shorten
from jaxgan.report.run.scores import Scores, scores_of
from jaxgan.report.tables import Cell, Section, numeric, section
from jaxgan.report.words import noun_of, plural
from jaxgan.results.results import Results
from jaxgan.results.statistics import BudgetCurve, Profile, budget_curve, interquartile_mean, performance_profile

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LEAST = 4  # configurations, from which on a search is one


def profiles(results: Results) -> list[Profile] | None:
    """Return the profile of every configuration by the leading metric, at all values that occur; None if undefined."""
    if not results.metrics or len(results.seeds) < 2:
        return None
    scores = scores_of(results, results.metrics[0])
    finite = np.unique(scores.entered[np.isfinite(scores.entered)])
    if len(finite) < 2:
        return None
    return [performance_profile(x, finite, higher_is_better=scores.higher_is_better) for x in scores.entered]


def profiles_figure(results: Results) -> "Figure | None":
    """Plot the share of runs at least as good as a threshold, with a band; failed runs count with the worst value."""
    found = profiles(results)
    if found is None:
        return None
    scores = scores_of(results, results.metrics[0])
    if len(found) > FEW:

        def draw_one(axis: "Axes", i: int) -> None:
            for other in found:
                axis.plot(other.thresholds, other.share, color=PALE, linewidth=0.7, zorder=1)
            _draw_profile(axis, found[i], i, scores)

        return multiples(results.configurations, draw_one, "Share of runs at least as good",
                         plain_text(shorten(scores.label, 28)))  # fmt: skip
    figure = new_figure(2.4, 1.4 * COLUMN)
    (axis,) = grid(figure, 1, 1)
    for i, one in enumerate(found):
        _draw_profile(axis, one, i, scores)
    label(axis, "", plain_text(scores.label), "share of runs at least as good")
    legend(figure, *line_handles(results.configurations, markers=False))
    return figure


def profiles_data(results: Results) -> Section | None:
    """What the figure shows: a row per configuration and threshold."""
    found = profiles(results)
    if found is None:
        return None
    rows: list[tuple[str | Cell, ...]] = [
        (name, *map(numeric, map(float, (one.thresholds[k], one.share[k], one.low[k], one.high[k]))))
        for name, one in zip(results.configurations, found, strict=True)
        for k in range(len(one.thresholds))
    ]
    caption = f"Share of runs at least as good as a threshold by {results.metrics[0].label} [95 % Wilson interval]"
    return section("profiles-data", caption, (noun_of(results), "threshold", "share", "low", "high"), rows)


def budgets(results: Results) -> dict[str, BudgetCurve] | None:
    """Return the expected best of b configurations by family; None if the results are not a study's search.

    The score of a configuration is the interquartile mean over its seeds, with failed ones at the worst value. A family
    is a recipe with all its settings; if no settings vary, all configurations form one family.
    """
    if "study" not in results.notes or not results.metrics:
        return None
    scores = scores_of(results, results.metrics[0])
    values = np.array([interquartile_mean(x) for x in scores.entered])
    names = list(map(str, results.group("setting").get("recipe", np.full(len(values), "all"))))
    members = {family: [i for i, name in enumerate(names) if name == family] for family in dict.fromkeys(names)}
    found = {
        family: budget_curve(values[own], higher_is_better=scores.higher_is_better)
        for family, own in members.items()
        if len(own) >= LEAST and not np.isnan(values[own]).any()
    }
    return found or None


def budgets_figure(results: Results) -> "Figure | None":
    """The expected best over the number of configurations tried, with a band; nothing where it is infinite."""
    found = budgets(results)
    if found is None or not any(np.isfinite(one.best).any() for one in found.values()):
        return None
    figure = new_figure(2.4, 1.4 * COLUMN)
    (axis,) = grid(figure, 1, 1)
    for i, one in enumerate(found.values()):
        shown = np.isfinite(one.best)
        axis.fill_between(one.budgets[shown], one.low[shown], one.high[shown], color=colour(i), alpha=0.14, linewidth=0)
        axis.plot(one.budgets[shown], one.best[shown], color=colour(i), linestyle=dash(i), marker=".", markersize=3)
    tried = f"number of {plural(noun_of(results), 2)} tried"
    label(axis, "", tried, "expected best:\n" + fill(plain_text(scores_of(results, results.metrics[0]).label), 32))
    axis.locator_params(axis="x", integer=True)
    if list(found) != ["all"]:
        legend(figure, *line_handles(list(found), markers=False))
    return figure


def budgets_data(results: Results) -> Section | None:
    """What the figure shows: a row per family and budget."""
    found = budgets(results)
    if found is None:
        return None
    rows: list[tuple[str | Cell, ...]] = [
        (family, *map(numeric, map(float, (one.budgets[k], one.best[k], one.low[k], one.high[k]))))
        for family, one in found.items()
        for k in range(len(one.budgets))
    ]
    caption = f"Expected best of so many by {results.metrics[0].label} [95 % jackknife interval], Lucic et al. (2018)"
    return section("budgets-data", caption, ("family", "tried", "expected best", "low", "high"), rows)


def _draw_profile(axis: "Axes", one: Profile, i: int, scores: Scores) -> None:
    # Between values that occur, the share is that at the next better value.
    where: Literal["pre", "post"] = "pre" if scores.higher_is_better else "post"
    axis.fill_between(one.thresholds, one.low, one.high, step=where, color=colour(i), alpha=0.14, linewidth=0)
    axis.step(one.thresholds, one.share, where=where, color=colour(i), linestyle=dash(i), linewidth=1.3)
    axis.set_ylim(-0.03, 1.03)
    if one.thresholds[0] > 0 and one.thresholds[-1] > 30 * one.thresholds[0]:
        axis.set_xscale("log")
