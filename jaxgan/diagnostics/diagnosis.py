"""Diagnose each run: signs and a state at every probe, and an outcome at the end.

A *sign* is a rule evaluated on a probe and the ones before it: "the gradient has vanished", "the discriminator
separates real and fake completely". Several signs can hold at once, and a sign can hold for a while and then stop. The
*state* at a probe describes the samples and, if they are bad, names the sign that explains it. The *outcome* is the
state that the run ended in, judged by its last five probes. The module uses only NumPy, and other thresholds can be
applied to a stored run.
"""

from __future__ import annotations  # so that `help` shows `ArrayLike` instead of the union that it stands for

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from jaxgan.diagnostics.outcomes import Outcome
from jaxgan.diagnostics.signs import (
    Evidence,
    check_evidence,
    good_samples,
    improving_samples,
    signs_of,
)
from jaxgan.results.codes import FINE
from jaxgan.thresholds import DIAGNOSIS_THRESHOLDS, DiagnosisThresholds

EXPLAINS_BAD = (
    Outcome.DIVERGED,
    Outcome.GRADIENT_VANISHED,
    Outcome.OSCILLATING,
    Outcome.JUNK,
    Outcome.GENERATOR_DOMINATES,
    Outcome.DISCRIMINATOR_DOMINATES,
    Outcome.NOT_LEARNED,
)
"""Signs that explain bad samples; the first that holds is the state. D can recognize bad samples whatever caused them,
so its dominance comes after the more specific signs."""

LIMITS_GOOD = (
    Outcome.OSCILLATING,
    Outcome.COLLAPSED,
    Outcome.CONDITION_IGNORED,
    Outcome.PARTIALLY_COLLAPSED,
    Outcome.OVERFITTED,
)
"""Signs of what is wrong with samples that are near the data; the first that holds is the state."""


_T = DIAGNOSIS_THRESHOLDS
SIGNS_IN_WORDS = [
    "For bad samples, DIVERGED: a recorded quantity was not finite; or the median of a gradient norm or of a mean "
    f"logit was {_T.exploded:g} times its early level; or the generator's gradient is at most {_T.dead:g} of its early "
    "level although its loss is not saturated.",
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
"""The rules, in the order in which they are tested."""


class Diagnosis(NamedTuple):
    """The diagnosis of a set of runs."""

    outcome: Int[np.ndarray, " run"]  # `Outcome` codes
    states: Int[np.ndarray, "run probe"]  # `Outcome` codes
    signs: Bool[np.ndarray, "run probe code"]  # whether each `Outcome` code holds; good samples are the sign of HEALTHY
    improving: Bool[np.ndarray, "run probe"]  # quality or distance has improved within the window


def diagnose(evidence: Evidence, thresholds: DiagnosisThresholds = DIAGNOSIS_THRESHOLDS) -> Diagnosis:
    """Return the signs and states of each run at every probe, and its outcome.

    Signs at a probe, from the evidence up to that probe:

        DIVERGED                 a quantity was not finite, or logits or gradients reached `exploded` times their early
                                 level
        GRADIENT_VANISHED        gradient <= vanished, half of the samples are saturated, and D is certain
        OSCILLATING              samples change modes from probe to probe, or D's scores oscillate at one frequency
        JUNK                     D is fooled, and the quality is far below its best
        GENERATOR_DOMINATES      D is fooled by bad samples
        DISCRIMINATOR_DOMINATES  D is certain, and samples are no better than one window earlier
        COLLAPSED                fewer than half of the modes are captured, or the samples are nearly identical
        CONDITION_IGNORED        samples are not of the requested classes
        PARTIALLY_COLLAPSED      some mode is missing over a window, by more than chance
        OVERFITTED               D ranks training above held-out examples, or samples are copies
        NOT_LEARNED              the samples are bad

    Whether D is certain or fooled depends on the median over a window of P(D ranks held-out data above samples).

    Samples are good if the share of good samples is at least `good` times that of real data and the distance is within
    its limit. If samples are bad, the state is the first sign of `EXPLAINS_BAD` that holds; otherwise it is the first
    of `LIMITS_GOOD`, or HEALTHY. Missing evidence triggers no sign. NaN in quality or distance counts as bad; if
    neither was measured, samples count as good.

    The outcome is the most frequent state of the last `window` probes: among the failures if most of them are failures,
    otherwise among the other states (`jaxgan.results.codes.FINE`). Ties go to the later state.

    Raises:
      ValueError: if the shapes of the arrays do not match.

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
    """The longest series of consecutive probes at which a sign held, for each run; NaN if none is long enough."""

    begin: Float[np.ndarray, " run"]  # the step of its first probe
    end: Float[np.ndarray, " run"]  # the step of its last probe
    level: Float[np.ndarray, " run"]  # the median of the evidence within it


def longest_stretch(
    holds: Bool[np.ndarray, "run probe"],
    steps: Int[np.ndarray, " probe"],
    values: Float[np.ndarray, "run probe"],
    least: int = 2,
) -> Stretch:
    """Return when a sign held longest, for at least `least` consecutive probes, and the median evidence in that time.

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
    """Return the most frequent of the last states; ties go to the later one.

    Whether the run failed is decided first: each of several kinds of failure may be rare although failures are the
    majority.
    """
    last = states[:, -window:]
    fails = ~np.isin(last, [Outcome[name] for name in FINE if name in Outcome.__members__])
    shares = fails.mean(axis=1)
    failed = np.where(shares == 0.5, fails[:, -1], shares > 0.5)
    counts = (last[:, :, None] == last[:, None, :]).sum(axis=1) * (fails == failed[:, None])
    later = last.shape[1] - 1 - np.argmax(counts[:, ::-1], axis=1)
    return np.take_along_axis(last, later[:, None], axis=1)[:, 0]
