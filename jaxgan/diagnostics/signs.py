"""Compute the signs of a run at every probe: rules on the evidence up to that probe. Uses only NumPy."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from jaxgan.diagnostics.outcomes import Outcome
from jaxgan.results.statistics import missing_cells
from jaxgan.results.statistics.windows import median_of, turnover
from jaxgan.thresholds import DIAGNOSIS_THRESHOLDS, DiagnosisThresholds


class Evidence(NamedTuple):
    """The measurements of runs at each probe; None for those that the data or the game do not provide.

    Only `steps` and `gradient` are required. Without `quality` and `distance`, samples cannot be recognized as bad.

    Example:
      >>> evidence = Evidence(np.array([10, 20, 30, 40]), np.ones((2, 4)), quality=np.ones((2, 4)))
      >>> evidence.gradient.shape  # [run, probe]
      (2, 4)
    """

    steps: Int[np.ndarray, " probe"]
    gradient: Float[np.ndarray, "run probe"]  # G's median gradient norm since the last probe over its early level
    quality: Float[np.ndarray, "run probe"] | None = None  # share of good samples over that of real data
    distance: Float[np.ndarray, "run probe"] | None = None  # distance from the data over the largest that is still good
    shares: Float[np.ndarray, "run probe k"] | None = None  # share of all samples near each mode, class or cell
    expected: Float[np.ndarray, " k"] | None = None  # the same shares for real data
    samples: int = 500  # number of samples that the shares are computed from
    distinct: Float[np.ndarray, "run probe"] | None = None  # `jaxgan.metrics.distinctness`
    memorized: Float[np.ndarray, "run probe"] | None = None  # `jaxgan.metrics.memorization`
    separation: Float[np.ndarray, "run probe"] | None = None  # this and the next two: see `Discrimination`
    training_edge: Float[np.ndarray, "run probe"] | None = None
    saturated: Float[np.ndarray, "run probe"] | None = None
    growth: Float[np.ndarray, "run probe"] | None = None  # logits and gradients over their early level
    rhythm: Float[np.ndarray, "run probe"] | None = None  # share of one frequency in the variance of D's scores
    nonfinite_step: Int[np.ndarray, " run"] | None = None  # the first step with a value that is not finite; 0: none
    obeyed: Float[np.ndarray, "run probe"] | None = None  # samples of the requested class: 0 at chance, 1 as real data


def good_samples(evidence: Evidence, thresholds: DiagnosisThresholds) -> Bool[np.ndarray, "run probe"]:
    """Return whether the samples are near the data.

    Missing modes also make a distance large, so the distance only counts if enough modes are captured.
    """
    good = np.ones(evidence.gradient.shape, bool)
    if evidence.quality is not None:
        good &= evidence.quality >= thresholds.good
    captured = captured_share(evidence, thresholds)
    if captured is not None:
        good &= captured > 0
    if evidence.distance is not None:
        near = evidence.distance <= 1
        good &= near if captured is None else near | (captured < thresholds.collapsed)
    return good


def captured_share(evidence: Evidence, thresholds: DiagnosisThresholds) -> Float[np.ndarray, "run probe"] | None:
    """Return the share of the modes that are captured."""
    if evidence.shares is None or evidence.expected is None:
        return None
    counts = evidence.expected > 0  # a cell without real data is not a mode
    return np.mean(evidence.shares[..., counts] >= thresholds.captured * evidence.expected[counts], axis=-1)


def improving_samples(evidence: Evidence, thresholds: DiagnosisThresholds) -> Bool[np.ndarray, "run probe"]:
    """Return whether the best result so far is better than one window earlier; True at first, when nothing is known."""
    better = np.zeros(evidence.gradient.shape, bool)
    for values, enough in ((evidence.quality, thresholds.improving), (_nearness(evidence), thresholds.improving)):
        if values is not None:
            best = np.maximum.accumulate(np.nan_to_num(values, nan=-np.inf), axis=1)
            better |= best > _before(best, thresholds.window - 1) + enough
    return better


def _nearness(evidence: Evidence) -> Float[np.ndarray, "run probe"] | None:
    """Return minus the logarithm of the distance, in e-folds."""
    if evidence.distance is None:
        return None
    with np.errstate(divide="ignore", invalid="ignore"):
        return -np.log(evidence.distance)


def _before(values: Float[np.ndarray, "run probe"], probes: int) -> Float[np.ndarray, "run probe"]:
    """Return the values that many probes earlier; minus infinity before the first probe."""
    return np.pad(values, ((0, 0), (probes, 0)), constant_values=-np.inf)[:, : values.shape[1]]


def signs_of(
    evidence: Evidence,
    thresholds: DiagnosisThresholds,
    good: Bool[np.ndarray, "run probe"],
    improving: Bool[np.ndarray, "run probe"],
) -> dict[Outcome, Bool[np.ndarray, "run probe"]]:
    t, e, never = thresholds, evidence, np.zeros(good.shape, bool)
    signs = {Outcome.HEALTHY: good, Outcome.NOT_LEARNED: ~good}
    signs[Outcome.DIVERGED] = _diverged(e, t)
    gone = e.gradient <= t.vanished
    signs[Outcome.GRADIENT_VANISHED] = gone if e.saturated is None else gone & ~(e.saturated < t.saturated)
    if e.separation is not None:
        separation = median_of(e.separation, t.window)  # a player that is ahead only briefly does not dominate
        certain, fooled = separation >= t.certain, (separation <= t.fooled) & ~good
        # A fooled discriminator also saturates the non-saturating loss, from the other side.
        signs[Outcome.GRADIENT_VANISHED] &= certain
        signs[Outcome.DISCRIMINATOR_DOMINATES] = certain & ~improving
        decayed = _decayed(e, t)
        signs[Outcome.GENERATOR_DOMINATES] = fooled & ~decayed
        signs[Outcome.JUNK] = fooled & decayed
    signs[Outcome.OSCILLATING] = switching_modes(e, t) | swinging_scores(e, t, good)
    captured = captured_share(e, t)
    few = never if captured is None else captured < t.collapsed
    alike = never if e.distinct is None else e.distinct <= t.alike
    signs[Outcome.COLLAPSED] = (few | alike) & good
    signs[Outcome.PARTIALLY_COLLAPSED] = never if captured is None else missing(e, t).any(axis=-1) & good & ~few
    if e.obeyed is not None:
        signs[Outcome.CONDITION_IGNORED] = (median_of(e.obeyed, t.window) <= t.ignored) & good
    signs[Outcome.OVERFITTED] = overfitted_discriminator(e, t) | copied_samples(e, t, good)
    return signs


def overfitted_discriminator(evidence: Evidence, thresholds: DiagnosisThresholds) -> Bool[np.ndarray, "run probe"]:
    """Return whether D ranks training examples above held-out ones."""
    if evidence.training_edge is None:
        return np.zeros(evidence.gradient.shape, bool)
    return median_of(evidence.training_edge, thresholds.window) >= thresholds.edge


def copied_samples(
    evidence: Evidence, thresholds: DiagnosisThresholds, good: Bool[np.ndarray, "run probe"]
) -> Bool[np.ndarray, "run probe"]:
    """Return whether many of the good samples are copies of training examples."""
    if evidence.memorized is None:
        return np.zeros(evidence.gradient.shape, bool)
    return (evidence.memorized >= thresholds.memorized) & good


def switching_modes(evidence: Evidence, thresholds: DiagnosisThresholds) -> Bool[np.ndarray, "run probe"]:
    """Return whether the samples change modes from probe to probe."""
    if evidence.shares is None:
        return np.zeros(evidence.gradient.shape, bool)
    return turnover(evidence.shares, evidence.samples, thresholds.window) >= thresholds.turnover


def swinging_scores(
    evidence: Evidence, thresholds: DiagnosisThresholds, good: Bool[np.ndarray, "run probe"]
) -> Bool[np.ndarray, "run probe"]:
    """Return whether D's scores swing at one frequency, while the samples are bad."""
    if evidence.rhythm is None:
        return np.zeros(evidence.gradient.shape, bool)
    return (evidence.rhythm >= thresholds.rhythm) & ~good


def missing(
    evidence: Evidence, thresholds: DiagnosisThresholds = DIAGNOSIS_THRESHOLDS
) -> Bool[np.ndarray, "run probe k"]:
    """Return which modes are missing by more than chance.

    `jaxgan.results.statistics.missing_cells` is applied to the samples of a window of probes together, because the 500
    samples of one probe contain few of each mode.

    Example:
      >>> shares = np.array([[[0.5, 0.5, 0.0]]])
      >>> missing(Evidence(np.array([1]), np.ones((1, 1)), shares=shares, expected=np.full(3, 1 / 3))).tolist()
      [[[False, False, True]]]
    """
    assert evidence.shares is not None and evidence.expected is not None
    found = np.zeros_like(evidence.shares, bool)
    shares, how = np.nan_to_num(evidence.shares), {"fraction": thresholds.missing, "p": thresholds.rare_p}
    for i in range(len(evidence.steps)):
        last = shares[:, max(0, i - thresholds.window + 1) : i + 1]
        n = evidence.samples * min(i + 1, thresholds.window)
        found[:, i] = missing_cells(last.mean(axis=1), evidence.expected, n, **how)
    return found


def _diverged(e: Evidence, t: DiagnosisThresholds) -> Bool[np.ndarray, "run probe"]:
    """Return whether a value was not finite or exploded at or before a probe, or the loss's slope never reaches G."""
    broken = np.zeros(e.gradient.shape, bool)
    if e.nonfinite_step is not None:
        broken |= (e.nonfinite_step[:, None] > 0) & (e.nonfinite_step[:, None] <= e.steps[None])
    if e.growth is not None:
        broken |= np.maximum.accumulate(np.nan_to_num(e.growth), axis=1) >= t.exploded
    if e.saturated is not None:
        broken |= (median_of(e.gradient, t.window) <= t.dead) & (e.saturated < t.saturated)
    return broken


def _decayed(e: Evidence, t: DiagnosisThresholds) -> Bool[np.ndarray, "run probe"]:
    """Return whether the quality is far below its best; for a distance, its logarithm is compared."""
    values = e.quality if e.quality is not None else _nearness(e)
    if values is None:
        return np.zeros(e.gradient.shape, bool)
    lowest = np.finfo(float).min / 2  # not infinity, because the difference of two infinities is NaN
    values = np.nan_to_num(values, nan=lowest, neginf=lowest)
    return np.maximum.accumulate(values, axis=1) - values >= t.decayed


def check_evidence(evidence: Evidence) -> None:
    shape = evidence.gradient.shape
    if evidence.gradient.ndim != 2 or shape[1] != len(evidence.steps) or not shape[1]:
        raise ValueError(f"expected gradient [run, probe] of {len(evidence.steps)} probes, got shape {shape}")
    for name, values in evidence._asdict().items():
        if name in ("steps", "expected", "samples", "nonfinite_step") or values is None:
            continue
        if values.shape[:2] != shape:
            raise ValueError(f"expected {name} of the shape of gradient, {shape}, got {values.shape}")
