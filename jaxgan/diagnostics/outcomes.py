"""Classify how each seed of a study ended. Failures are data and count in the statistics.

The code of a seed says how good the samples are at the end. Events during training, such as a vanishing gradient, are
reported separately by `vanishing_episodes`: they can cause any outcome.
"""

# Annotations stay text so that `help` shows `ArrayLike` instead of the 2,000-character union that it stands for.
from __future__ import annotations

import enum
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float64, Int, Shaped
from numpy.typing import ArrayLike


class Outcome(enum.IntEnum):
    """The outcome of a run, or its state at a probe. `diagnose` returns any of them, `classify` the first five.

    `help(jaxgan.diagnose)` has the rules. HEALTHY, PARTIALLY_COLLAPSED and OVERFITTED are not failures.

    Example:
      >>> Outcome(2).name, Outcome.NOT_LEARNED.value
      ('COLLAPSED', 3)
    """

    HEALTHY = 0
    DIVERGED = 1
    COLLAPSED = 2
    NOT_LEARNED = 3
    GRADIENT_VANISHED = 4
    DISCRIMINATOR_DOMINATES = 5
    GENERATOR_DOMINATES = 6
    JUNK = 7
    OSCILLATING = 8
    PARTIALLY_COLLAPSED = 9
    OVERFITTED = 10
    CONDITION_IGNORED = 11


EXPLANATION: dict[Outcome, str] = {
    Outcome.HEALTHY: "None of the failure rules applies.",
    Outcome.DIVERGED: (
        "A recorded quantity became NaN or infinite, or exploded. If a loss of your own was the first, look there for "
        "the logarithm, root or reciprocal of a value that can be 0 or negative; otherwise lower the learning rates, "
        "or regularize the discriminator with a gradient penalty."
    ),
    Outcome.COLLAPSED: (
        "The samples are near the data, but more than half of the modes or classes are missing, or all samples are "
        "alike: try a discriminator that sees several samples at once (packing), a gradient penalty on it, or a paired "
        "relativistic loss."
    ),
    Outcome.NOT_LEARNED: (
        "The samples are far from the data, and no other cause was found at the end. If they are still improving, "
        "train longer; otherwise try other learning rates or more capacity."
    ),
    Outcome.GRADIENT_VANISHED: (
        "The generator's gradient has almost vanished, in a region where its loss saturates: use the non-saturating "
        "loss or a relativistic one, or slow the discriminator down."
    ),
    Outcome.DISCRIMINATOR_DOMINATES: (
        "The discriminator tells samples and held-out data apart, and the samples no longer improve: give it a lower "
        "learning rate or fewer updates, regularize it, or add instance noise."
    ),
    Outcome.GENERATOR_DOMINATES: (
        "The discriminator does not rank held-out data above bad samples: give it a higher learning rate, more updates "
        "or more capacity."
    ),
    Outcome.JUNK: (
        "The samples were better before, and got worse while the discriminator gave no useful signal. Give it a higher "
        "learning rate, or use a generator from earlier in training."
    ),
    Outcome.OSCILLATING: (
        "The players oscillate: the samples switch modes from one evaluation to the next, or the scores of the "
        "discriminator swing. Lower Adam's beta1 and the learning rates, penalize the discriminator's gradient, or "
        "average the generator."
    ),
    Outcome.PARTIALLY_COLLAPSED: (
        "Most modes or classes are covered, but some are missing by more than chance; this does not count as a "
        "failure. Packing or a gradient penalty may bring them back."
    ),
    Outcome.OVERFITTED: (
        "The discriminator has memorized its training examples, or samples are copies of them; this does not count as "
        "a failure. Use more data or augmentation, or regularize the discriminator."
    ),
    Outcome.CONDITION_IGNORED: (
        "The samples are near the data, but not of the class that was asked for: condition the discriminator by "
        "projection, condition every layer of the generator (class-conditional BatchNorm), or add an auxiliary "
        "classifier."
    ),
}
"""What each outcome means and what to try, in one or two sentences."""


class Thresholds(NamedTuple):
    """The thresholds of `classify`, as multiples of a reference value."""

    modes_share: float = 0.5  # collapsed below this share of the modes, if any is captured
    quality_multiple: float = 10.0  # not learned above this multiple of the reference distance
    quality_share: float = 0.5  # not learned below this share of the reference high-quality share
    vanished_fraction: float = 1e-2  # gradient vanished below this fraction of its own early median


THRESHOLDS = Thresholds()

Measured = tuple[ArrayLike, float]
"""A metric's final values [seeds], and the reference value to compare them with."""


def vanished(g_grad_norm: ArrayLike, *, fraction: float = THRESHOLDS.vanished_fraction) -> Bool[np.ndarray, " seeds"]:
    """Return whether the generator's gradient has vanished at the end of the run, from its norms [seeds, steps].

        not median(last tenth of the steps) > fraction * median(first steps)

    The first steps are the first 1 % of the run, but at least 10 and at most a tenth of it: a gradient can vanish long
    before a tenth of the run is over.

    A gradient that was zero from the start therefore counts as vanished, and one with NaN never counts as healthy.

    Raises:
      ValueError: if g_grad_norm is not [seeds, steps] with steps > 0.

    Example:
      >>> vanished([[1.0] * 20, [1.0] * 10 + [1e-6] * 10]).tolist()
      [False, True]
    """
    norms = np.asarray(g_grad_norm)
    if norms.ndim != 2 or norms.shape[1] == 0:
        raise ValueError(f"expected g_grad_norm [seeds, steps], steps > 0, got shape {norms.shape}")
    tenth = max(1, norms.shape[1] // 10)
    first = min(tenth, max(10, norms.shape[1] // 100))
    early, late = np.median(norms[:, :first], axis=1), np.median(norms[:, -tenth:], axis=1)
    return ~(late > fraction * early)


def classify(
    losses: Iterable[ArrayLike],
    g_grad_norm: ArrayLike,
    samples_finite: ArrayLike,
    *,
    captured: Measured | None = None,
    distance: Measured | None = None,
    high_quality: Measured | None = None,
    thresholds: Thresholds = THRESHOLDS,
) -> Int[np.ndarray, " seeds"]:
    """Return the `Outcome` of each seed as an integer: the first that holds, in this order.

        DIVERGED           a loss or the generator's gradient is not finite at some step, or a sample is not
        NOT_LEARNED        high_quality < quality_share * a perfect sampler's, or no mode or class is captured
        COLLAPSED          captured < modes_share * number of modes or classes
        NOT_LEARNED        distance > quality_multiple * reference distance
        GRADIENT_VANISHED  the gradient has vanished at the end, see `vanished`

    Quality is tested first: noise covers no mode either, but it is not a collapse. A Frechet distance is tested after
    the modes because both missing modes and bad samples make it large.

    A metric is a pair (values [seeds], reference), or None if it was not measured. NaN means that the value is
    undefined and counts as the worst value.

    Args:
      losses: arrays [seeds, steps], only checked for NaN and infinity.
      g_grad_norm: [seeds, steps], the norm of the generator's gradient.
      samples_finite: [seeds], whether all samples were finite.
      captured: the number of modes or classes with samples near them; the reference is their total number.
      distance: the distance of the samples from the data; the reference is that between two sets of real data.
      high_quality: the share of samples near the data; the reference is that of a perfect sampler.
      thresholds: the thresholds.

    Raises:
      ValueError: if a first axis does not have the number of seeds, or a reference is not positive and finite.

    Example:
      >>> norms, losses = np.ones((4, 10)), np.zeros((4, 10))
      >>> losses[2, 7] = np.nan
      >>> codes = classify([losses], norms, [True] * 4, captured=([8, 3, 8, 0], 8))
      >>> [Outcome(code).name for code in codes]
      ['HEALTHY', 'COLLAPSED', 'DIVERGED', 'NOT_LEARNED']
    """
    gone = vanished(g_grad_norm, fraction=thresholds.vanished_fraction)
    seeds = len(gone)
    finite = _by_seed(samples_finite, seeds).astype(bool)
    for series in (*losses, g_grad_norm):
        finite = finite & np.isfinite(_by_seed(series, seeds)).reshape(seeds, -1).all(axis=1)
    # Every comparison with NaN is False. Non-finite seeds therefore come first, so that no diverged run looks healthy,
    # and each rule below negates a test for the good case.
    good = np.ones(seeds, dtype=bool)
    reached = good if captured is None else _ratio(captured, seeds) > 0
    covered = good if captured is None else _ratio(captured, seeds) >= thresholds.modes_share
    close = good if distance is None else _ratio(distance, seeds) <= thresholds.quality_multiple
    sharp = good if high_quality is None else _ratio(high_quality, seeds) >= thresholds.quality_share
    rules = [
        (~finite, Outcome.DIVERGED),
        (~(sharp & reached), Outcome.NOT_LEARNED),
        (~covered, Outcome.COLLAPSED),
        (~close, Outcome.NOT_LEARNED),
        (gone, Outcome.GRADIENT_VANISHED),
    ]
    return np.select([holds for holds, _ in rules], [code for _, code in rules], default=Outcome.HEALTHY)


def _by_seed(values: ArrayLike, seeds: int) -> Shaped[np.ndarray, " {seeds} ..."]:
    array = np.asarray(values)
    if array.shape[:1] != (seeds,):
        raise ValueError(f"expected the {seeds} seeds of g_grad_norm first, got shape {array.shape}")
    return array


def _ratio(measured: Measured, seeds: int) -> Float64[np.ndarray, " {seeds}"]:
    values, reference = measured
    if not 0 < reference < np.inf:
        raise ValueError(f"expected a positive and finite reference, got {reference}")
    return _by_seed(values, seeds) / reference
