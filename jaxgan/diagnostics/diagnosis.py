"""What became of each run, why and since when: signs at every probe, a state, and an outcome at the end.

A *sign* is a rule on what was seen at a probe and the ones before it: "the gradient has vanished", "the discriminator
tells everything apart". Several can hold at once, and hold for a while and pass. The *state* at a probe says what the
samples are like and, where they are bad, which sign explains it. The *outcome* is the state that the run ended in, by
its last five probes. NumPy alone: it can be taken again, with other thresholds, of a stored run.
"""

from __future__ import annotations  # `help` then shows `ArrayLike` and not the union behind it

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from jaxgan.diagnostics.outcomes import Outcome
from jaxgan.diagnostics.signs import (
    DIAGNOSIS_THRESHOLDS,
    DiagnosisThresholds,
    Evidence,
    check_evidence,
    good_samples,
    improving_samples,
    signs_of,
)
from jaxgan.results.codes import FINE

EXPLAINS_BAD = (
    Outcome.DIVERGED,
    Outcome.GRADIENT_VANISHED,
    Outcome.OSCILLATING,
    Outcome.JUNK,
    Outcome.GENERATOR_DOMINATES,
    Outcome.DISCRIMINATOR_DOMINATES,
    Outcome.NOT_LEARNED,
)
"""Signs that explain bad samples, the first that holds. D can tell bad samples apart whatever made them so, and so its
dominance comes last."""

LIMITS_GOOD = (
    Outcome.OSCILLATING,
    Outcome.COLLAPSED,
    Outcome.CONDITION_IGNORED,
    Outcome.PARTIALLY_COLLAPSED,
    Outcome.OVERFITTED,
)
"""Signs of what is wrong with samples that are near the data, the first that holds."""


_T = DIAGNOSIS_THRESHOLDS
SIGNS_IN_WORDS = [
    "For bad samples, DIVERGED: a recorded quantity was not finite; or the median of a gradient norm or of a mean "
    f"logit was {_T.exploded:g} times its early level; or the generator's gradient is {_T.dead:g} of its early level "
    "although its loss is not saturated.",
    f"GRADIENT_VANISHED: the generator's gradient is at most {_T.vanished:g} of its early level, its loss is "
    f"saturated for at least {_T.saturated:.0%} of the samples, and P(D ranks held-out data above samples) is at least "
    f"{_T.certain:g}, as a median over {_T.window} probes.",
    f"OSCILLATING: {_T.turnover:.0%} of the good samples change mode from probe to probe, beyond sampling noise, as a "
    f"median over {_T.window} probes (this part also applies to good samples); or {_T.rhythm:.0%} of the variance of "
    "D's mean score of samples is at one frequency.",
    f"JUNK: the median of that probability is at most {_T.fooled:g}, and the share of good samples is {_T.decayed:g} "
    "below its best (of a distance: its logarithm).",
    "GENERATOR_DOMINATES: the same probability, but the samples were not better before.",
    f"DISCRIMINATOR_DOMINATES: that median is at least {_T.certain:g}, and the best samples so far are no better than "
    f"those {_T.window - 1} probes earlier.",
    "NOT_LEARNED: none of these.",
    f"For good samples, COLLAPSED: less than {_T.collapsed:.0%} of the modes or classes have {_T.captured:.0%} of "
    "their share in the data, or P(a sample is farther from its nearest neighbour than real data from theirs) is at "
    f"most {_T.alike:g}.",
    f"CONDITION_IGNORED: the share of samples of the class that was asked for is at most {_T.ignored:g} times that of "
    f"real data, both beyond chance, as a median over {_T.window} probes.",
    f"PARTIALLY_COLLAPSED: over {_T.window} probes some mode or class has less than {_T.missing:.0%} of its share in "
    f"the data, with p below {_T.rare_p:g} divided by their number.",
    f"OVERFITTED: P(D ranks training above held-out data) is at least {_T.edge:g}, as a median over {_T.window} "
    f"probes, or {_T.memorized:.0%} more samples than expected by chance are nearest to a training example.",
]
"""The rules, in the order in which they are asked."""


class Diagnosis(NamedTuple):
    """What became of runs."""

    outcome: Int[np.ndarray, " run"]  # of `Outcome`
    states: Int[np.ndarray, "run probe"]  # of `Outcome`
    signs: Bool[np.ndarray, "run probe code"]  # whether each of `Outcome` holds; good samples are the sign of HEALTHY
    improving: Bool[np.ndarray, "run probe"]  # quality or distance has become better within the window


def diagnose(evidence: Evidence, thresholds: DiagnosisThresholds = DIAGNOSIS_THRESHOLDS) -> Diagnosis:
    """States along training and the outcome of each run.

    Signs at a probe, of what was seen since the start:

        DIVERGED                 something was not finite, or logits or gradients were `exploded` times their early
        GRADIENT_VANISHED        gradient <= vanished, half of the samples are saturated, and D is certain
        OSCILLATING              modes change from probe to probe, or D's scores swing at one frequency
        JUNK                     D is fooled, and the quality is far below its best
        GENERATOR_DOMINATES      D is fooled, with bad samples
        DISCRIMINATOR_DOMINATES  D is certain, and samples are no better than a window before
        COLLAPSED                fewer than half of the modes captured, or samples that are alike
        CONDITION_IGNORED        samples are of other classes than they were asked for
        PARTIALLY_COLLAPSED      some mode is missing over a window, and not by chance
        OVERFITTED               D ranks training above held-out examples, or samples are copies
        NOT_LEARNED              bad samples

    D is certain or fooled by the median over a window of P(D ranks held-out data above samples).

    Samples are good with a share of good ones of at least `good` times real data's, and a distance that is allowed.
    The state where they are bad is the first sign of `EXPLAINS_BAD`, and else of `LIMITS_GOOD`, or HEALTHY. What is not
    known holds no sign, and NaN in quality or distance is bad; where neither is known samples pass for good.

    The outcome is the most frequent state of the last `window` probes, of the failures where most are failures and else
    of the others (`jaxgan.results.codes.FINE`); between equally frequent ones the later.

    Raises:
      ValueError: arrays of other shapes.

    Example:
      >>> steps, ones = np.arange(100, 1100, 100), np.ones((2, 10))
      >>> quality = np.array([[0.9] * 10, [0.0] * 10])
      >>> gone = np.array([[1.0] * 10, [1.0] + [0.01] * 9])
      >>> found = diagnose(Evidence(steps, gone, quality=quality))
      >>> [Outcome(code).name for code in found.outcome]
      ['HEALTHY', 'GRADIENT_VANISHED']
    """
    check_evidence(evidence)
    good, improving = good_samples(evidence, thresholds), improving_samples(evidence, thresholds)
    signs = np.zeros((*evidence.gradient.shape, len(Outcome)), bool)
    for code, sign in signs_of(evidence, thresholds, good, improving).items():
        signs[..., code] = sign
    states = np.full(good.shape, Outcome.HEALTHY)
    for code in reversed(LIMITS_GOOD):
        states = np.where(signs[..., code], code, states)
    bad = np.full(good.shape, Outcome.NOT_LEARNED)
    for code in reversed(EXPLAINS_BAD):
        bad = np.where(signs[..., code], code, bad)
    states = np.where(good & ~signs[..., Outcome.DIVERGED], states, bad)
    return Diagnosis(_sustained(states, thresholds.window), states, signs, improving)


class Stretch(NamedTuple):
    """The longest stretch of probes at which something held, of each run; NaN where it held at no two in a row."""

    begin: Float[np.ndarray, " run"]  # the step of its first probe
    end: Float[np.ndarray, " run"]  # and of its last
    level: Float[np.ndarray, " run"]  # the median of some evidence meanwhile


def longest_stretch(
    holds: Bool[np.ndarray, "run probe"],
    steps: Int[np.ndarray, " probe"],
    values: Float[np.ndarray, "run probe"],
    least: int = 2,
) -> Stretch:
    """Since when and until when a sign held, and what it was told from.

    Example:
      >>> holds = np.array([[False, True, True, True], [False, True, False, False]])
      >>> longest_stretch(holds, np.array([10, 20, 30, 40]), np.ones((2, 4)))
      Stretch(begin=array([20., nan]), end=array([40., nan]), level=array([ 1., nan]))
    """
    found = np.full((3, len(holds)), np.nan)
    for i, row in enumerate(holds):
        edges = np.flatnonzero(np.diff(np.concatenate([[0], row.astype(int), [0]])))
        begins, ends = edges[::2], edges[1::2]
        if len(begins) and (ends - begins).max() >= least:
            k = int((ends - begins).argmax())
            found[:2, i] = steps[begins[k]], steps[ends[k] - 1]
            inside = values[i, begins[k] : ends[k]]
            found[2, i] = np.nanmedian(inside) if np.isfinite(inside).any() else np.nan
    return Stretch(*found)


def _sustained(states: Int[np.ndarray, "run probe"], window: int) -> Int[np.ndarray, " run"]:
    """The most frequent of the last states; between equally frequent ones the later.

    Of several ways to fail each may be rare, and all of them together are not: whether a run failed is decided first.
    """
    last = states[:, -window:]
    fails = ~np.isin(last, [Outcome[name] for name in FINE if name in Outcome.__members__])
    shares = fails.mean(axis=1)
    failed = np.where(shares == 0.5, fails[:, -1], shares > 0.5)
    counts = (last[:, :, None] == last[:, None, :]).sum(axis=1) * (fails == failed[:, None])
    later = last.shape[1] - 1 - np.argmax(counts[:, ::-1], axis=1)
    return np.take_along_axis(last, later[:, None], axis=1)[:, 0]
