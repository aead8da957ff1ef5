"""Describe what happened in a run, in text generated only from its numbers."""

import numpy as np
from numpy.typing import NDArray

from jaxgan.report.run.causes import causes_of
from jaxgan.report.run.sharp import sharpness_in_words
from jaxgan.report.run.table import Table, direction, yardsticks
from jaxgan.report.run.verdicts import verdicts
from jaxgan.report.tables import summary_cell
from jaxgan.report.words import MANY, bounds, counted, listed, noun_of, number, plural
from jaxgan.results.results import Results
from jaxgan.results.statistics import Summary

FEW = 8  # seeds, below which the intervals are rough
GRADIENT = "norm of the loss's gradient with respect to the generator's parameters"


def story(results: Results, table: Table) -> list[str]:
    """The run in paragraphs: what was done and came of it, the leading metric, sharpness, the gradient, D, a caution.

    The first has a line for each configuration: who failed, why, since when, and what to try.

    The leading metric is the first one. Nothing is claimed about a configuration from a single seed. Many are counted
    instead of gone through.
    """
    if len(results.configurations) > MANY:
        many = [f"{_setting(results)} {verdicts(results, table)}", _leading_of_many(table, noun_of(results))]
        return [paragraph for paragraph in [*many, sharpness_in_words(results), _caution(results)] if paragraph]
    first = f"{_setting(results)}\n{verdicts(results, table)}"
    paragraphs = [first, _leading(table), sharpness_in_words(results), _gradient(results), _fakes(results)]
    return [paragraph for paragraph in [*paragraphs, _caution(results)] if paragraph]


def tenths(steps: NDArray, values: NDArray) -> tuple[NDArray, NDArray]:
    """Each seed's medians [seed] over the first and the last tenth of the steps, of `values` [seed, record].

    >>> [median.tolist() for median in tenths(np.arange(1, 21), np.arange(20.0)[None])]
    [[0.5], [18.5]]
    """
    length = steps[-1] / 10
    early, late = steps <= max(length, steps[0]), steps > min(steps[-1] - length, steps[-1] - 1)
    return np.median(values[:, early], axis=1), np.median(values[:, late], axis=1)


def _setting(results: Results) -> str:
    n, count = len(results.seeds), len(results.configurations)
    data, steps = results.notes.get("data"), results.notes.get("steps")
    names = f"The {plural(noun_of(results), count)} {listed(results.configurations)}"
    what = f"{names if count <= MANY else counted(count, noun_of(results))} {'was' if count == 1 else 'were'}"
    where = f" on {data}" if data else ""
    length = f" for {counted(steps, 'step')}" if steps else ""
    how_often = f"one seed (seed {results.seeds[0]})" if n == 1 else counted(n, "seed")
    return f"{what} trained{where}{length} from {how_often}{' each' if count > 1 and n > 1 else ''}."


def _leading_of_many(table: Table, noun: str) -> str:
    """The best three by the leading metric, and how many differ from the first."""
    if not table.rows:
        return ""
    row, base = table.rows[0], table.configurations[0]
    defined = [(name, summary) for name, summary in zip(table.configurations, row.summaries, strict=True)
               if summary.defined]  # fmt: skip
    text = f"{row.metric.label} ({direction(row.metric)}), interquartile mean over seeds: "
    text += f"defined for {len(defined)} of {counted(len(table.configurations), noun)}"
    if row.metric.higher_is_better is not None and defined:
        sign = -1 if row.metric.higher_is_better else 1
        defined.sort(key=lambda pair: sign * pair[1].interval.estimate)
        text += "; the best are " + "; ".join(f"{name} {_value(summary)}" for name, summary in defined[:3])
    text += f". For reference: {yardsticks(row.metric)}." if yardsticks(row.metric) else "."
    if table.seeds == 1 or not row.differences:
        return text
    intervals = [difference.interval for difference in row.differences if difference.defined]
    higher, lower = sum(each.low > 0 for each in intervals), sum(each.high < 0 for each in intervals)
    counts = {
        "higher": higher,
        "lower": lower,
        "not distinguishable from it": len(intervals) - higher - lower,
        "without a reported difference, because too many seeds failed": len(row.differences) - len(intervals),
    }
    shares = listed([f"{count} {what}" for what, count in counts.items() if count])
    return f"{text} Seed by seed against {base}, by intervals not corrected for multiple comparisons: {shares}."


def _leading(table: Table) -> str:
    if not table.rows:
        return ""
    row = table.rows[0]
    values = "; ".join(
        f"with {name} {_value(summary)}" for name, summary in zip(table.configurations, row.summaries, strict=True)
    )
    statistic = "value" if table.seeds == 1 else "interquartile mean over seeds"
    text = f"{row.metric.label} ({direction(row.metric)}), {statistic}: {values}."
    if known := yardsticks(row.metric):
        text += f" For reference: {known}."
    if table.seeds == 1:
        return text
    for name, difference in zip(table.configurations[1:], row.differences, strict=True):
        text += " " + _difference(name, table.configurations[0], difference, row.metric.higher_is_better)
    return text


def _value(summary: Summary) -> str:
    if summary.defined:
        return f"{number(summary.interval.estimate)} {bounds(summary.interval)}".strip()
    measured = f"{number(summary.measured.estimate)} {bounds(summary.measured)}".strip()
    everyone = "measured" if summary.seeds == 1 else f"measured over all {summary.seeds} seeds"
    return f"undefined, because {summary.failed} of {summary.seeds} failed ({everyone}: {measured})"


def _difference(name: str, base: str, summary: Summary, higher_is_better: bool | None) -> str:
    if not summary.defined:
        return (
            f"No difference between {name} and {base} is reported: in {summary.failed} of "
            f"{summary.seeds} pairs of seeds at least one failed."
        )
    low, high = summary.interval[1:]
    text = f"Seed by seed, {name} minus {base} is {summary_cell(summary, signed=True).plain}: "
    if not (low > 0 or high < 0):
        return text + "the interval includes 0, so these seeds do not distinguish the two."
    higher = low > 0
    better = "" if higher_is_better is None else " (better)" if higher == higher_is_better else " (worse)"
    return text + f"the interval excludes 0, so {name} is {'higher' if higher else 'lower'}{better}."


def _gradient(results: Results) -> str:
    if "g_grad_norm" not in results.series:
        return ""
    tenth = max(1, int(results.steps[-1]) // 10)
    span = "step" if tenth == 1 else f"{tenth:,} steps"
    parts = []
    for name, norms in zip(results.configurations, results.series["g_grad_norm"], strict=True):
        (early, _), (late, left_out) = (_median(values) for values in tenths(results.steps, norms))
        without, lowest = _without(left_out, len(results.seeds)), _lowest(results.steps, norms, early)
        parts.append(f"with {name} {_change(early, late)}{without}{lowest}")
    median = "" if len(results.seeds) == 1 else " (medians over the seeds)"
    return f"The {GRADIENT}, over the first and the last {span}{median}: {'; '.join(parts)}."


def _lowest(steps: NDArray, norms: NDArray, early: float) -> str:
    """Where in between the gradient was at its lowest, over a tenth of the steps, when that is well below its start."""
    tenth = np.minimum(steps * 10 // (steps[-1] + 1), 9)
    typical = {
        float(steps[tenth == k].mean()): _median(np.median(norms[:, tenth == k], axis=1))[0] for k in np.unique(tenth)
    }
    lowest = min(typical, key=lambda step: typical[step])
    at_the_end = lowest == max(typical)
    if at_the_end or not np.isfinite(list(typical.values())).all() or not typical[lowest] < early / 3:
        return ""
    return f" (lowest: {number(typical[lowest])}, around step {lowest:,.0f})"


def _fakes(results: Results) -> str:
    scores = results.notes.get("scores", [])
    if "d_fake_mean" not in results.series or all(name in scores for name in results.configurations):
        return ""
    parts = []
    for name, means in zip(results.configurations, results.series["d_fake_mean"], strict=True):
        if name in scores:  # no probability: its sigmoid means nothing
            continue
        value, left_out = _median(tenths(results.steps, means)[1])
        where = "" if np.isnan(value) else ("near" if abs(value - 0.5) <= 0.05 else "below" if value < 0.5 else "above")
        end = "it was not finite" if np.isnan(value) else f"{number(value)}, {where} 1/2"
        parts.append(f"with {name} {end}{_without(left_out, len(results.seeds))}")
    median = "" if len(results.seeds) == 1 else " (medians over the seeds)"
    return (
        f"The discriminator's mean output on generated samples, D(G(z)), at the end{median}: {'; '.join(parts)}. "
        "At 1/2 it cannot tell samples from data; near 0 it confidently rejects them."
    )


def _median(by_seed: NDArray) -> tuple[float, int]:
    """The median over the seeds that are finite (NaN: none is), and how many are not."""
    finite = by_seed[np.isfinite(by_seed)]
    return float(np.median(finite)) if len(finite) else float("nan"), len(by_seed) - len(finite)


def _without(left_out: int, seeds: int) -> str:
    if not left_out or left_out == seeds:
        return ""
    return f" (without {counted(left_out, 'non-finite seed')})"


def _change(early: float, late: float) -> str:
    if np.isnan(early) or np.isnan(late):
        return "it was not finite"
    if early == 0 or late == 0:
        return f"{number(early)} and {number(late)}"
    factor = max(early / late, late / early)
    if factor < 1.25:
        return f"{number(early)} and {number(late)}, about the same"
    which = "lower" if late < early else "higher"
    return f"{number(early)} and {number(late)}, {which} by a factor of {number(factor)}"


def _caution(results: Results) -> str:
    n = len(results.seeds)
    if n == 1:
        return (
            f"One seed says nothing about a {noun_of(results)}: another seed may end differently. Train several, such "
            "as 8, before drawing any conclusion."
        )
    text = "All this holds for this data set, these networks and these settings."
    if not causes_of(results):
        text += " It says what happened, not why."
    return f"With {n} seeds the intervals are rough; more would narrow them. {text}" if n < FEW else text
