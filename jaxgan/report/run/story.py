"""What happened in a run, in words, from its numbers alone: nothing is said that they do not say."""

import numpy as np
from numpy.typing import NDArray

from jaxgan.report.run.table import Failures, Table, cell, direction, number, yardsticks
from jaxgan.results.results import Results as Run
from jaxgan.results.statistics import Summary

FEW = 8  # seeds, below which the intervals are rough
GRADIENT = "norm of the loss's gradient with respect to the generator's parameters"


def story(run: Run, table: Table) -> list[str]:
    """The run in paragraphs: what was done, who failed, the leading metric, the gradient, D, and a caution.

    The leading metric is the first one. Nothing is claimed about a loss from a single seed.
    """
    paragraphs = [_setting(run) + " " + _failures(table), _why(run), _leading(table), _gradient(run), _fakes(run)]
    return [paragraph for paragraph in [*paragraphs, _caution(run)] if paragraph]


def tenths(values: NDArray) -> tuple[NDArray, NDArray]:
    """Each seed's medians [seed] over the first and the last tenth of the steps of `values` [seed, step].

    >>> [median.tolist() for median in tenths(np.arange(20.0)[None])]
    [[0.5], [18.5]]
    """
    tenth = max(1, values.shape[1] // 10)
    return np.median(values[:, :tenth], axis=1), np.median(values[:, -tenth:], axis=1)


def _setting(run: Run) -> str:
    n, losses = len(run.seeds), len(run.configurations)
    names, data, steps = listed(run.configurations), run.notes.get("data"), run.notes.get("steps")
    noun = "recipe" if run.config.get("config", {}).get("recipe") else "loss"
    what = f"The {noun} {names} was" if losses == 1 else f"The {noun}{'es' if noun == 'loss' else 's'} {names} were"
    where = f" on {data}" if data else ""
    length = f" for {steps:,} {'step' if steps == 1 else 'steps'}" if steps else ""
    how_often = f"one seed (seed {run.seeds[0]})" if n == 1 else f"{n} seeds"
    return f"{what} trained{where}{length} from {how_often}{' each' if losses > 1 and n > 1 else ''}."


def _failures(table: Table) -> str:
    sentences = []
    for i, loss in enumerate(table.losses):
        codes = {code: by_loss[i].failed for code, by_loss in table.failures.items() if by_loss[i].failed}
        total = table.failures["any"][i]
        codes.pop("any", None)
        if table.seeds == 1:
            fate = f"the seed failed ({listed(codes)})" if total.failed else "the seed did not fail"
            sentences.append(f"With {loss} {fate}.")
            continue
        low, high = (f"{100 * bound:.0f} %" for bound in total.share[1:])
        by_code = f": {listed([f'{count} {code}' for code, count in codes.items()])}" if codes else ""
        sentences.append(
            f"With {loss} {_share(total, table.seeds)} failed{by_code} "
            f"(95 % Wilson interval of the share: {low} to {high})."
        )
    return " ".join(sentences)


def _why(run: Run) -> str:
    """When the generator's gradient had vanished, in how many seeds, how deep, and what answers it."""
    found = run.group("cause")
    if "vanishing_begin" not in found:
        return ""
    sentences = []
    for i, label in enumerate(run.configurations):
        begin, end, depth, d_fake = (found[f"vanishing_{name}"][i] for name in ("begin", "end", "depth", "d_fake"))
        seeds = int(np.isfinite(begin).sum())
        if not seeds:
            continue
        typical = [float(np.nanmedian(values)) for values in (begin, end, depth)]
        failed = int((run.outcomes[i][np.isfinite(begin)] != "OK").sum())
        how_many = "the seed" if len(begin) == 1 else f"{seeds} of {len(begin)} seeds"
        medians = " (medians)" if seeds > 1 else ""
        certain = f" while D(G(z)) was {number(float(np.nanmedian(d_fake)))}" if np.isfinite(d_fake).any() else ""
        last = int(run.steps[-1])
        ends = f"to the end, step {last:,}" if typical[1] >= last else f"to step {typical[1]:,.0f}"
        sentences.append(
            f"In {how_many} of {label} the generator's gradient had vanished from step {typical[0]:,.0f} "
            f"{ends}{medians}: its norm fell to {number(typical[2])} of its early level{certain}. "
            f"{failed or 'None'} of {'it' if seeds == 1 else 'these seeds'} failed in the end."
        )
    if not sentences:
        return "The generator's gradient vanished in no seed."
    advice = run.notes.get("causes", {}).get("vanishing", {}).get("advice", "")
    return " ".join([*sentences, advice]).strip()


def _share(failures: Failures, seeds: int) -> str:
    if failures.failed == 0:
        return f"none of the {seeds} seeds"
    return f"all {seeds} seeds" if failures.failed == seeds else f"{failures.failed} of {seeds} seeds"


def _leading(table: Table) -> str:
    if not table.rows:
        return ""
    row = table.rows[0]
    values = "; ".join(
        f"with {loss} {_value(summary)}" for loss, summary in zip(table.losses, row.summaries, strict=True)
    )
    statistic = "value" if table.seeds == 1 else "interquartile mean over seeds"
    text = f"{row.metric.label} ({direction(row.metric)}), {statistic}: {values}."
    if row.metric.yardsticks:
        text += f" To hold it against: {yardsticks(row.metric)}."
    if table.seeds == 1:
        return text
    for loss, difference in zip(table.losses[1:], row.differences, strict=True):
        text += " " + _difference(loss, table.losses[0], difference, row.metric.higher_is_better)
    return text


def _value(summary: Summary) -> str:
    first, second = cell(summary)
    return f"{first} {second}" if summary.defined and summary.seeds > 1 else f"{first} {second}".split(" [n/a")[0]


def _difference(loss: str, base: str, summary: Summary, higher_is_better: bool | None) -> str:
    if not summary.defined:
        return (
            f"Between {loss} and {base} there is no difference to report: in {summary.failed} of "
            f"{summary.seeds} pairs of seeds at least one failed."
        )
    low, high = summary.interval[1:]
    text = f"Seed by seed, {loss} minus {base} is {' '.join(cell(summary, signed=True))}: "
    if not (low > 0 or high < 0):
        return text + "the interval includes 0, so these seeds do not tell the two apart."
    higher = low > 0
    better = "" if higher_is_better is None else (", the better" if higher == higher_is_better else ", the worse")
    return text + f"the interval excludes 0, with {loss} the {'higher' if higher else 'lower'}{better} one."


def _gradient(run: Run) -> str:
    if "g_grad_norm" not in run.series:
        return ""
    steps = max(1, run.series["g_grad_norm"].shape[2] // 10)
    span = "step" if steps == 1 else f"{steps:,} steps"
    parts = []
    for loss, norms in zip(run.configurations, run.series["g_grad_norm"], strict=True):
        (early, _), (late, left_out) = (_median(values) for values in tenths(norms))
        parts.append(f"with {loss} {_change(early, late)}{_without(left_out, len(run.seeds))}{_lowest(norms, early)}")
    median = "" if len(run.seeds) == 1 else " (medians over the seeds)"
    return f"The {GRADIENT}, over the first and the last {span}{median}: {'; '.join(parts)}."


def _lowest(norms: NDArray, early: float) -> str:
    """Where in between the gradient was at its lowest, when that is well below where it began."""
    tenth = max(1, norms.shape[1] // 10)
    blocks = norms[:, : norms.shape[1] // tenth * tenth].reshape(len(norms), -1, tenth)
    typical = np.array([_median(np.median(block, axis=1))[0] for block in blocks.swapaxes(0, 1)])
    if not np.isfinite(typical).all() or not 0 < typical.min() < early / 3:
        return ""
    lowest = int(typical.argmin())
    return f" (at its lowest {number(typical.min())}, around step {lowest * tenth + tenth // 2:,})"


def _fakes(run: Run) -> str:
    scores = run.notes.get("scores", [])
    if "d_fake_mean" not in run.series or all(loss in scores for loss in run.configurations):
        return ""
    parts = []
    for loss, means in zip(run.configurations, run.series["d_fake_mean"], strict=True):
        if loss in scores:  # no probability: its sigmoid means nothing
            continue
        value, left_out = _median(tenths(means)[1])
        where = "" if np.isnan(value) else ("near" if abs(value - 0.5) <= 0.05 else "below" if value < 0.5 else "above")
        end = "it was not finite" if np.isnan(value) else f"{number(value)}, {where} 1/2"
        parts.append(f"with {loss} {end}{_without(left_out, len(run.seeds))}")
    median = "" if len(run.seeds) == 1 else ", as the median over the seeds"
    return (
        f"The discriminator's mean output on generated samples, D(G(z)), ended{median}: {'; '.join(parts)}. "
        "At 1/2 it cannot tell samples from data, near 0 it rejects them with confidence."
    )


def _median(by_seed: NDArray) -> tuple[float, int]:
    """The median over the seeds that are finite (NaN: none is), and how many are not."""
    finite = by_seed[np.isfinite(by_seed)]
    return float(np.median(finite)) if len(finite) else float("nan"), len(by_seed) - len(finite)


def _without(left_out: int, seeds: int) -> str:
    if not left_out or left_out == seeds:
        return ""
    return f" (without {left_out} {'seed' if left_out == 1 else 'seeds'} no longer finite)"


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


def _caution(run: Run) -> str:
    n = len(run.seeds)
    if n == 1:
        return (
            "One seed says nothing about a loss: another seed may end otherwise. Train several (8, say) "
            "before drawing any conclusion."
        )
    text = "All this holds for this data set, these networks and these settings. It says what happened, not why."
    return f"With {n} seeds the intervals are rough; more would narrow them. {text}" if n < FEW else text


def listed(items: "dict[str, int] | tuple[str, ...] | list[str]") -> str:
    """The items as a list in a sentence.

    >>> listed(["a", "b", "c"])
    'a, b and c'
    """
    *first, last = items or [""]
    return f"{', '.join(first)} and {last}" if first else last
