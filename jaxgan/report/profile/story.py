"""What a gradient profile shows, in words, from its numbers alone: where each loss is blind, and what that costs."""

from collections.abc import Iterator
from itertools import groupby

import numpy as np

from jaxgan.report.profile.parts import ages_of, part_of
from jaxgan.report.profile.tables import (
    DECADES,
    FrozenRow,
    TrainingRow,
    age_text,
    frozen_rows,
    interval_text,
    skill_rows,
    training_rows,
    zeros_text,
)
from jaxgan.report.run.story import listed
from jaxgan.report.run.table import number
from jaxgan.results.results import Results

SURE = 0.99  # accuracy from which a discriminator is called sure


def story(run: Results) -> list[str]:
    """The profile in paragraphs: what each loss is on paper, what was measured, and a caution."""
    paragraphs = [_paper(run), *_frozen(run), *_training(run), _skills(run), _stopped(run), _caution(run)]
    return [paragraph for paragraph in paragraphs if paragraph]


def _paper(run: Results) -> str:
    """Losses of one kind of blindness in one sentence."""
    sentences = []
    kinds: dict[str, list[str]] = {}
    for loss in run.losses:
        kinds.setdefault(_blindness(run, loss), []).append(loss)
    for kind, names in kinds.items():
        verb = "is" if len(names) == 1 else "are"
        where = listed(sorted({run.notes["about"][loss]["saturates"] for loss in names}))
        sentences.append(f"{listed(names)} {verb} {kind}" + ("" if where == "nowhere" else f" ({where})"))
    threshold = f"{run.notes['threshold']:g}"
    return (
        "On paper, a loss is blind where its derivative with respect to the discriminator's logit is below "
        f"{threshold} in absolute value, whatever that logit depends on. " + "; ".join(sentences) + "."
    )


def _blindness(run: Results, loss: str) -> str:
    regions = run.notes["about"][loss]["regions"]
    low = any(float(region["from_logit"]) == -np.inf for region in regions)
    high = any(float(region["to_logit"]) == np.inf for region in regions)
    if low and high:
        return "blind on both sides, or everywhere"
    if low:
        return "blind where the discriminator is sure that a sample is generated, that is, where the generator is worst"
    if high:
        return "blind where samples pass for real, that is, where there is little left to learn"
    return "blind at a target in between" if regions else "nowhere blind"


def _frozen(run: Results) -> Iterator[str]:
    rows = [row for row in frozen_rows(run) if row.skill == run.configurations[0]]
    if not rows:
        return
    found = part_of(run, "frozen")
    steps = run.notes["d_iterations"]
    yield (
        f"Generators trained with {run.notes['trained']} on {run.notes['data']} were frozen at "
        f"{listed([age_text(run, age) for age in ages_of(run)])}, and a discriminator was trained from scratch against "
        f"each for {steps:,} steps. {_sureness(run)} What follows is about the gradient with respect to the "
        "generator's parameters."
    )
    for age, of_age in groupby(rows, key=lambda row: row.age):
        yield f"At {age_text(run, age)}: " + "; ".join(_change(run, row) for row in of_age) + "."
    snr = np.median(found["snr"][0], axis=(0, 1))  # over ages and seeds
    parts = [f"{loss} {number(snr[0, i])} and {number(snr[-1, i])}" for i, loss in enumerate(run.losses)]
    minibatches = run.notes["minibatches"]
    yield (
        f"How much of a minibatch's gradient is signal (norm of the mean over {minibatches} of them, divided by the "
        f"standard deviation of one; noise alone has about {number(minibatches**-0.5)}), at the first and at the last "
        f"step, the median over ages and seeds: {'; '.join(parts)}."
    )
    zeros = [row for row in rows if row.zeros]
    if zeros:
        where = [
            f"{row.loss} at {age_text(run, row.age)} in {zeros_text(row.zeros, row.first_zero, len(run.seeds))}"
            for row in zeros
        ]
        yield f"The gradient was exactly 0, not merely small, under {listed(where)}; slopes end before that."


def _sureness(run: Results) -> str:
    accuracy = np.median(part_of(run, "frozen")["accuracy"][0], axis=1)  # over seeds: [age, step]
    reached = [np.flatnonzero(each >= SURE) for each in accuracy]
    if all(len(each) for each in reached):
        first = [f"{each[0] + 1:,}" for each in reached]
        step = "step" if len(first) == 1 else "steps"
        return f"The median discriminator first had {100 * SURE:.0f} % of a batch right at {step} {listed(first)}."
    best = [f"{100 * each.max():.1f} %" for each in accuracy]
    return f"The median discriminator had at best {listed(best)} of a batch right."


def _change(run: Results, row: FrozenRow) -> str:
    interval = row.per_thousand
    if np.isnan(interval.estimate):
        return f"{row.loss} has no slope, as its norm was 0 or not finite from the start"
    told = interval.low > 0 or interval.high < 0 or np.isnan(interval.low)
    what = "neither clearly lost nor gained" if not told else "lost" if interval.estimate < 0 else "gained"
    return (
        f"{row.loss} {what} {interval_text(interval, DECADES)} decades per 1,000 steps, "
        f"{interval_text(row.total, DECADES)} in all"
        + (
            f", with {100 * row.saturated.estimate:.0f} % of samples saturated at the end"
            if row.saturated.estimate >= 0.005
            else ""
        )
    )


def _training(run: Results) -> Iterator[str]:
    rows = [row for row in training_rows(run) if row.skill == run.configurations[0]]
    if not rows:
        return
    found, trained = part_of(run, "training"), run.notes["trained"]
    yield (
        f"Along {run.notes['steps']:,} steps of {trained} on {run.notes['data']}, every {int(found['steps'][0]):,} "
        "steps, the gradient with respect to the generator's parameters was measured under every loss at the same "
        "parameters and minibatches. "
        f"From the first measurement to the last tenth, in decades: {'; '.join(_drift(row) for row in rows)}."
    )
    last = max(1, len(found["steps"]) // 10)
    d_fake = np.median(found["d_fake"][0, :, -last:, len(run.notes["quantiles"]) // 2])
    shares = [f"{row.loss} {100 * row.saturated.estimate:.0f} %" for row in rows]
    yield (
        f"At the end the median sample had D(G(z)) = {number(d_fake)} (the sigmoid of its logit or score), and these "
        f"shares of samples were saturated, told next to nothing: {'; '.join(shares)}."
    )
    gradient, update = (found[name][0] for name in ("trained_norm", "update_norm"))
    yield (
        f"The optimizer rescales: {trained}'s gradient went from {number(np.median(gradient[:, 0]))} to "
        f"{number(np.median(gradient[:, -last:]))} (median over seeds), the norm of the update made of it from "
        f"{number(np.median(update[:, 0]))} to {number(np.median(update[:, -last:]))}."
    )


def _drift(row: TrainingRow) -> str:
    return f"{row.loss} {interval_text(row.change, DECADES)}"


def _skills(run: Results) -> str:
    if len(run.configurations) < 2:
        return ""
    parts = []
    rows = frozen_rows(run)
    if rows:
        for skill in run.configurations[1:]:
            own, base = ([row for row in rows if row.skill == name] for name in (skill, run.configurations[0]))
            norms = [
                f"{a.loss} {np.log10(a.norm.estimate / b.norm.estimate):+.2f}" if a.norm.estimate and b.norm.estimate
                else f"{a.loss} {number(a.norm.estimate)} in place of {number(b.norm.estimate)}"
                for a, b in zip(own, base, strict=True) if a.age == ages_of(run)[-1]
            ]  # fmt: skip
            cosines = [row.agreement.estimate for row in own if row.age == ages_of(run)[-1]]
            parts.append(
                f"With {skill} the norm at the end differs from the base's by {'; '.join(norms)} decades, and the "
                f"gradients' cosines with the base's are from {min(cosines):.2f} to {max(cosines):.2f}"
            )
        return f"Skill of the discriminator, at {age_text(run, ages_of(run)[-1])}: " + ". ".join(parts) + "."
    metrics = [f"{row.skill}: {interval_text(row.metric)}" for row in skill_rows(run) if row.metric is not None]
    ends = "; ".join(metrics)
    return f"Skill of the discriminator: {run.notes['metric']} of generators trained with {ends}."


def _stopped(run: Results) -> str:
    stopped = run.notes.get("stopped")
    return (
        "" if stopped is None else f"The run was stopped at step {stopped:,}; this is what had been measured by then."
    )


def _caution(run: Results) -> str:
    n = len(run.seeds)
    if not n:
        return (
            "On paper says what a loss makes of a logit, not which logits a discriminator gives: for that there are "
            "--train and --frozen."
        )
    if n == 1:
        return "One seed says nothing about a loss: profile several (8, say) before drawing any conclusion."
    return (
        "All this holds for these data, networks and settings. A norm says how far a step would go before the "
        "optimizer rescales it, not whether the direction is right."
    )
