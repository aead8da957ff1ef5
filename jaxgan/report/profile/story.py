"""Describe a gradient profile in text generated only from its numbers: where each loss saturates, and the effect."""

from collections.abc import Iterator
from itertools import groupby

import numpy as np

from jaxgan.report.profile.parts import PARAMETERS, age_text, ages_of, part_of
from jaxgan.report.profile.rows import FrozenRow, TrainingRow, frozen_rows, strength_rows, training_rows
from jaxgan.report.profile.tables import DECADES, SHARE, zeros_text
from jaxgan.report.tables import interval_cell
from jaxgan.report.words import counted, listed, number, percent
from jaxgan.results.results import Results
from jaxgan.results.statistics import Interval

SURE = 0.99  # minimum accuracy at which a discriminator counts as sure


def story(results: Results) -> list[str]:
    """Return the paragraphs: each loss on paper, the measurements, and a caution."""
    paragraphs = [
        _paper(results),
        *_frozen(results),
        *_training(results),
        _strengths(results),
        _stopped(results),
        _caution(results),
    ]
    return [paragraph for paragraph in paragraphs if paragraph]


def _paper(results: Results) -> str:
    """Describe where losses saturate, with one clause for all losses of the same kind."""
    sentences = []
    kinds: dict[str, list[str]] = {}
    for loss in results.losses:
        kinds.setdefault(_blindness(results, loss), []).append(loss)
    for kind, names in kinds.items():
        verb = "is" if len(names) == 1 else "are"
        where = listed(sorted({results.notes["about"][loss]["saturates"] for loss in names}))
        sentences.append(f"{listed(names)} {verb} {kind}" + ("" if where == "nowhere" else f" ({where})"))
    threshold = f"{results.notes['threshold']:g}"
    return (
        "On paper, a loss is blind where its derivative with respect to the discriminator's logit is "
        f"below {threshold} in absolute value, whatever that logit depends on. " + "; ".join(sentences) + "."
    )


def _blindness(results: Results, loss: str) -> str:
    regions = results.notes["about"][loss]["regions"]
    low = any(float(region["from_logit"]) == -np.inf for region in regions)
    high = any(float(region["to_logit"]) == np.inf for region in regions)
    if low and high:
        return "blind on both sides or everywhere"
    if low:
        return "blind where the discriminator is sure that a sample is generated, where the generator is worst"
    if high:
        return "blind where samples pass for real, where there is little left to learn"
    return "blind at a target in between" if regions else "nowhere blind"


def _frozen(results: Results) -> Iterator[str]:
    rows = [row for row in frozen_rows(results) if row.configuration == results.configurations[0]]
    if not rows:
        return
    found = part_of(results, "frozen")
    steps = results.notes["d_iterations"]
    yield (
        f"Generators trained with {results.notes['trained']} on {results.notes['data']} were frozen at "
        f"{listed([age_text(results, age) for age in ages_of(results)])}, and a discriminator was trained from scratch "
        f"against each for {counted(steps, 'step')}. {_sureness(results)} What follows is about the {PARAMETERS}."
    )
    for age, of_age in groupby(rows, key=lambda row: row.age):
        yield f"At {age_text(results, age)}: " + "; ".join(_change(row) for row in of_age) + "."
    snr = np.median(found["snr"][0], axis=(0, 1))  # over ages and seeds
    parts = [f"{loss} {number(snr[0, i])} and {number(snr[-1, i])}" for i, loss in enumerate(results.losses)]
    minibatches = results.notes["minibatches"]
    yield (
        f"How much of a minibatch's gradient is signal (norm of the mean over {minibatches} of them, divided by the "
        f"standard deviation of one; noise alone has about {number(minibatches**-0.5)}), at the first and at the last "
        f"step, the median over ages and seeds: {'; '.join(parts)}."
    )
    zeros = [row for row in rows if row.zeros]
    if zeros:
        where = [
            f"{row.loss} at {age_text(results, row.age)} in {zeros_text(row.zeros, row.first_zero, len(results.seeds))}"
            for row in zeros
        ]
        yield f"The gradient was exactly 0, not merely small, under {listed(where)}; slopes end there."


def _sureness(results: Results) -> str:
    accuracy = np.median(part_of(results, "frozen")["accuracy"][0], axis=1)  # over seeds: [age, step]
    reached = [np.flatnonzero(each >= SURE) for each in accuracy]
    if all(len(each) for each in reached):
        first = [f"{each[0] + 1:,}" for each in reached]
        step = "step" if len(first) == 1 else "steps"
        return f"The median discriminator first had {percent(SURE)} of a batch correct at {step} {listed(first)}."
    best = [f"{100 * each.max():.1f} %" for each in accuracy]
    return f"The median discriminator had at best {listed(best)} of a batch correct."


def _change(row: FrozenRow) -> str:
    """Describe a change with a verb, so that its numbers need no sign."""
    interval, share = row.per_thousand, row.saturated.estimate
    if np.isnan(interval.estimate):
        return f"{row.loss} has no slope, because its norm was 0 or not finite from the start"
    saturated = f", with {percent(share)} of samples saturated at the end" if share >= 0.005 else ""
    clear = abs(interval.estimate) >= 0.005 and (interval.low > 0 or interval.high < 0 or np.isnan(interval.low))
    if not clear:
        slope, total = (interval_cell(each, DECADES).plain for each in (interval, row.total))
        return (
            f"{row.loss} changed by {slope} decades per 1,000 steps, which is compatible with no change, "
            f"{total} in all{saturated}"
        )
    verb, sign = ("lost", -1) if interval.estimate < 0 else ("gained", 1)
    slope, total = (interval_cell(_times(each, sign), SHARE).plain for each in (interval, row.total))
    return f"{row.loss} {verb} {slope} decades per 1,000 steps, {total} in all{saturated}"


def _times(interval: Interval, sign: int) -> Interval:
    """Return the interval of the quantity multiplied by `sign`, 1 or -1."""
    bounds = sorted((sign * interval.low, sign * interval.high))
    return Interval(sign * interval.estimate, *bounds)


def _training(results: Results) -> Iterator[str]:
    rows = [row for row in training_rows(results) if row.configuration == results.configurations[0]]
    if not rows:
        return
    found, trained = part_of(results, "training"), results.notes["trained"]
    yield (
        f"Along {counted(results.notes['steps'], 'step')} of {trained} on {results.notes['data']}, every "
        f"{counted(int(found['steps'][0]), 'step')}, the {PARAMETERS} was measured under every loss at the same "
        "parameters and minibatches. "
        f"From the first measurement to the last tenth, in decades: {'; '.join(_drift(row) for row in rows)}."
    )
    last = max(1, len(found["steps"]) // 10)
    d_fake = np.median(found["d_fake"][0, :, -last:, len(results.notes["quantiles"]) // 2])
    shares = [f"{row.loss} {percent(row.saturated.estimate)}" for row in rows]
    yield (
        f"At the end the median sample had D(G(z)) = {number(d_fake)} (the sigmoid of its logit or score), and these "
        f"shares of samples were saturated, with almost no gradient: {'; '.join(shares)}."
    )
    if "update_norm" not in found:
        return
    gradient, update = (found[name][0] for name in ("trained_norm", "update_norm"))
    yield (
        f"The optimizer rescales: the norm of {trained}'s gradient went from {number(np.median(gradient[:, 0]))} to "
        f"{number(np.median(gradient[:, -last:]))} (median over seeds), that of the resulting update from "
        f"{number(np.median(update[:, 0]))} to {number(np.median(update[:, -last:]))}."
    )


def _drift(row: TrainingRow) -> str:
    return f"{row.loss} {interval_cell(row.change, DECADES).plain}"


def _strengths(results: Results) -> str:
    if len(results.configurations) < 2:
        return ""
    parts = []
    rows = frozen_rows(results)
    if rows:
        for strength in results.configurations[1:]:
            own, base = (
                [row for row in rows if row.configuration == name] for name in (strength, results.configurations[0])
            )
            norms = [
                f"{a.loss} {np.log10(a.norm.estimate / b.norm.estimate):+.2f}" if a.norm.estimate and b.norm.estimate
                else f"{a.loss} {number(a.norm.estimate)} instead of {number(b.norm.estimate)}"
                for a, b in zip(own, base, strict=True) if a.age == ages_of(results)[-1]
            ]  # fmt: skip
            cosines = [row.agreement.estimate for row in own if row.age == ages_of(results)[-1]]
            parts.append(
                f"With {strength} the norm at the end differs from the base's by {'; '.join(norms)} decades, and the "
                f"gradients' cosines with the base's are from {min(cosines):.2f} to {max(cosines):.2f}"
            )
        return f"Strength of the discriminator, at {age_text(results, ages_of(results)[-1])}: " + ". ".join(parts) + "."
    metrics = [
        f"{row.configuration}: {interval_cell(row.metric).plain}"
        for row in strength_rows(results)
        if row.metric is not None
    ]
    ends = "; ".join(metrics)
    return f"Strength of the discriminator: {results.notes['metric']} of generators trained with {ends}."


def _stopped(results: Results) -> str:
    stopped = results.notes.get("stopped")
    return "" if stopped is None else f"The run was stopped at step {stopped:,}; this is what was measured by then."


def _caution(results: Results) -> str:
    n = len(results.seeds)
    if not n:
        return (
            "This shows how a loss responds to a logit, not which logits a discriminator produces: for that, use "
            "--train or --frozen."
        )
    if n == 1:
        return "One seed says nothing about a loss: profile several, such as 8, before drawing any conclusion."
    return (
        "All this holds for these data, networks and settings. A norm says how far a step would go before the "
        "optimizer rescales it, not whether the direction is right."
    )
