"""Signs of what happens to a run, at every probe: rules on what was seen there and before. NumPy alone."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from jaxgan.diagnostics.outcomes import Outcome
from jaxgan.results.statistics import missing_cells
from jaxgan.results.statistics.shares import MISSING, RARE_P


class Evidence(NamedTuple):
    """What was seen of runs at each probe; None where the data or the game do not have it.

    Only `steps` and `gradient` are needed. Without `quality` and `distance` nothing says that samples are bad.
    """

    steps: Int[np.ndarray, " probe"]
    gradient: Float[np.ndarray, "run probe"]  # the norm of G's, a median since the probe before, in its early level
    quality: Float[np.ndarray, "run probe"] | None = None  # share of good samples, in that of real data
    distance: Float[np.ndarray, "run probe"] | None = None  # from the data, in the largest that is still good
    shares: Float[np.ndarray, "run probe k"] | None = None  # of all samples, those near each mode, class or cell
    expected: Float[np.ndarray, " k"] | None = None  # the same of real data
    samples: int = 500  # that the shares are of
    distinct: Float[np.ndarray, "run probe"] | None = None  # `jaxgan.metrics.distinctness`
    memorized: Float[np.ndarray, "run probe"] | None = None  # `jaxgan.metrics.memorization`
    separation: Float[np.ndarray, "run probe"] | None = None  # this and the next two: `Discrimination`
    training_edge: Float[np.ndarray, "run probe"] | None = None
    saturated: Float[np.ndarray, "run probe"] | None = None
    growth: Float[np.ndarray, "run probe"] | None = None  # of logits and gradients, in their early level
    rhythm: Float[np.ndarray, "run probe"] | None = None  # share of one frequency in what D says of samples
    nonfinite_step: Int[np.ndarray, " run"] | None = None  # the first step with something not finite; 0: none
    obeyed: Float[np.ndarray, "run probe"] | None = None  # samples of the class asked for: 0 by chance, 1 as real data


class DiagnosisThresholds(NamedTuple):
    """Where `diagnose` draws its lines."""

    window: int = 5  # probes: a sign that is about a stretch, and the outcome, are taken over so many
    good: float = 0.4  # share of good samples, in that of real data: what cannot reach all modes stalls at a half
    captured: float = 0.25  # of its share in the data: below it a mode is not captured
    collapsed: float = 0.5  # of the modes: with fewer captured the distribution is another
    missing: float = MISSING  # of its share in the data: below it a mode is missing; weak ones are at 0.14 and above
    rare_p: float = RARE_P  # of a binomial test with Bonferroni's correction over modes: missing not by chance
    alike: float = 0.02  # of `distinct`: nearly every sample has a twin closer than any two real examples
    vanished: float = 0.1  # of its early level: the noise of minibatches moves a norm by a factor of 2 or 3, not of 10
    saturated: float = 0.5  # of the samples are where the loss has no slope
    certain: float = 0.95  # P(D ranks real above fake): D tells all but a few apart
    fooled: float = 0.6  # as above: D tells hardly better than a coin
    improving: float = 0.05  # by which the best quality rises within a window that is not a standstill
    decayed: float = 0.25  # by which quality is below its best
    turnover: float = 0.4  # of the samples change their mode from probe to probe, beyond what sampling does
    rhythm: float = 0.5  # of the variance is at one frequency
    exploded: float = 300  # times the early level; without diverging it was at most 110
    dead: float = 1e-7  # of the gradient's early level, where the loss has slope: no unit passes it on
    edge: float = 0.65  # P(D ranks a training example above a held-out one); healthy at most 0.61
    memorized: float = 0.5  # half of the samples are copies
    ignored: float = 0.25  # of what real data have beyond chance: three of four samples are of any class


DIAGNOSIS_THRESHOLDS = DiagnosisThresholds()


def good_samples(evidence: Evidence, thresholds: DiagnosisThresholds) -> Bool[np.ndarray, "run probe"]:
    """Are the samples near the data? A distance is large for missing modes, too: it is asked where enough are there."""
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
    """The share of the modes that are captured."""
    if evidence.shares is None or evidence.expected is None:
        return None
    counts = evidence.expected > 0  # a cell without real data is no mode
    return np.mean(evidence.shares[..., counts] >= thresholds.captured * evidence.expected[counts], axis=-1)


def improving_samples(evidence: Evidence, thresholds: DiagnosisThresholds) -> Bool[np.ndarray, "run probe"]:
    """Whether the best so far is better than the best of a window before; true at first, when nothing can be said."""
    better = np.zeros(evidence.gradient.shape, bool)
    for values, enough in ((evidence.quality, thresholds.improving), (_nearness(evidence), thresholds.improving)):
        if values is not None:
            best = np.maximum.accumulate(np.nan_to_num(values, nan=-np.inf), axis=1)
            better |= best > _before(best, thresholds.window - 1) + enough
    return better


def _nearness(evidence: Evidence) -> Float[np.ndarray, "run probe"] | None:
    """Minus the logarithm of the distance: by how many e-folds it falls."""
    if evidence.distance is None:
        return None
    with np.errstate(divide="ignore", invalid="ignore"):
        return -np.log(evidence.distance)


def _before(values: Float[np.ndarray, "run probe"], probes: int) -> Float[np.ndarray, "run probe"]:
    """What there was so many probes earlier; minus infinity before the first."""
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
        separation = median_of(e.separation, t.window)  # in passing, nobody dominates
        certain, fooled = separation >= t.certain, (separation <= t.fooled) & ~good
        # A discriminator that is fooled saturates the practical loss, too: from the other side.
        signs[Outcome.GRADIENT_VANISHED] &= certain
        signs[Outcome.DISCRIMINATOR_DOMINATES] = certain & ~improving
        decayed = _decayed(e, t)
        signs[Outcome.GENERATOR_DOMINATES] = fooled & ~decayed
        signs[Outcome.JUNK] = fooled & decayed
    signs[Outcome.OSCILLATING] = _oscillating(e, t, good)
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
    """Does D rank training examples above held-out ones?"""
    if evidence.training_edge is None:
        return np.zeros(evidence.gradient.shape, bool)
    return median_of(evidence.training_edge, thresholds.window) >= thresholds.edge


def copied_samples(
    evidence: Evidence, thresholds: DiagnosisThresholds, good: Bool[np.ndarray, "run probe"]
) -> Bool[np.ndarray, "run probe"]:
    """Are many of the good samples copies of training examples?"""
    if evidence.memorized is None:
        return np.zeros(evidence.gradient.shape, bool)
    return (evidence.memorized >= thresholds.memorized) & good


def median_of(values: Float[np.ndarray, "run probe"], window: int) -> Float[np.ndarray, "run probe"]:
    """Over the last probes of each, as far as there are any; NaN where none of them is a number.

    Example:
      >>> median_of(np.array([[1.0, 5.0, 3.0, 9.0]]), 3).tolist()
      [[1.0, 3.0, 3.0, 5.0]]
    """
    found = np.full(values.shape, np.nan)
    for i in range(values.shape[1]):
        last = values[:, max(0, i - window + 1) : i + 1]
        some = ~np.isnan(last).all(axis=1)
        found[some, i] = np.nanmedian(last[some], axis=1)
    return found


def missing(
    evidence: Evidence, thresholds: DiagnosisThresholds = DIAGNOSIS_THRESHOLDS
) -> Bool[np.ndarray, "run probe k"]:
    """Which modes are missing, and not by chance.

    By `jaxgan.results.statistics.missing_cells` of the samples of a window of probes together, as of the 500 of one a
    mode has few.

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
    """Not finite, or grown beyond measure, from then on; or nothing of the loss's slope arrives at the generator."""
    broken = np.zeros(e.gradient.shape, bool)
    if e.nonfinite_step is not None:
        broken |= (e.nonfinite_step[:, None] > 0) & (e.nonfinite_step[:, None] <= e.steps[None])
    if e.growth is not None:
        broken |= np.maximum.accumulate(np.nan_to_num(e.growth), axis=1) >= t.exploded
    if e.saturated is not None:
        broken |= (median_of(e.gradient, t.window) <= t.dead) & (e.saturated < t.saturated)
    return broken


def _decayed(e: Evidence, t: DiagnosisThresholds) -> Bool[np.ndarray, "run probe"]:
    """Is the quality far below what it was? Of a distance: farther by as much of its logarithm."""
    values = e.quality if e.quality is not None else _nearness(e)
    if values is None:
        return np.zeros(e.gradient.shape, bool)
    lowest = np.finfo(float).min / 2  # and not infinity, of which two have no difference
    values = np.nan_to_num(values, nan=lowest, neginf=lowest)
    return np.maximum.accumulate(values, axis=1) - values >= t.decayed


def _oscillating(
    e: Evidence, t: DiagnosisThresholds, good: Bool[np.ndarray, "run probe"]
) -> Bool[np.ndarray, "run probe"]:
    holds = np.zeros(e.gradient.shape, bool)
    if e.shares is not None:
        holds |= turnover(e.shares, e.samples, t.window) >= t.turnover
    if e.rhythm is not None:
        holds |= (e.rhythm >= t.rhythm) & ~good
    return holds


def turnover(
    shares: Float[np.ndarray, "run probe k"], samples: int, window: int = DIAGNOSIS_THRESHOLDS.window
) -> Float[np.ndarray, "run probe"]:
    """The share of good samples that change their mode from one probe to the next, a median over a window of probes.

        TV(p, q) - E TV of two draws of as many samples,  TV = sum |p_i - q_i| / 2

    between successive probes, p and q the shares of the modes among the good samples; by the normal approximation a
    draw differs from another by E|p_i - q_i| = sqrt(2 p_i (1 - p_i) (1/n + 1/m) / pi). NaN before a window has two
    pairs of probes with 20 good samples each.

    Example:
      >>> cycles = np.array([[[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]]])
      >>> turnover(cycles, 500, window=3).round(2).tolist()
      [[nan, nan, 0.97]]
    """
    total = np.nan_to_num(shares.sum(axis=-1))
    n = total * samples
    with np.errstate(invalid="ignore", divide="ignore"):
        p = shares / total[..., None]
        mean = (p[:, 1:] + p[:, :-1]) / 2
        by_chance = np.sqrt(2 / np.pi * mean * (1 - mean) * (1 / n[:, 1:] + 1 / n[:, :-1])[..., None])
        change = 0.5 * np.sum(abs(p[:, 1:] - p[:, :-1]) - by_chance, axis=-1)
    change = np.where((n[:, 1:] >= 20) & (n[:, :-1] >= 20), change, np.nan)
    found = np.full(total.shape, np.nan)
    for i in range(2, total.shape[1]):
        pairs = change[:, max(0, i - window + 1) : i]
        enough = np.count_nonzero(~np.isnan(pairs), axis=1) >= 2
        found[enough, i] = np.nanmedian(pairs[enough], axis=1)
    return found


def check_evidence(evidence: Evidence) -> None:
    shape = evidence.gradient.shape
    if evidence.gradient.ndim != 2 or shape[1] != len(evidence.steps) or not shape[1]:
        raise ValueError(f"expected gradient [run, probe] of {len(evidence.steps)} probes, got shape {shape}")
    for name, values in evidence._asdict().items():
        if name in ("steps", "expected", "samples", "nonfinite_step") or values is None:
            continue
        if values.shape[:2] != shape:
            raise ValueError(f"expected {name} of the shape of gradient, {shape}, got {values.shape}")
