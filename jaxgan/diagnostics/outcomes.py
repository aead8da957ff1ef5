"""How each seed of a study ended, as one code per seed: failures are data and count in the statistics."""

import enum
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray


class Outcome(enum.IntEnum):
    """The first of these, from 1 on, that holds for a seed; OK when none does."""

    OK = 0
    NON_FINITE = 1
    COLLAPSED = 2
    NOT_LEARNED = 3
    GRADIENT_VANISHED = 4


EXPLANATION: dict[Outcome, str] = {
    Outcome.OK: "None of the failure rules applies.",
    Outcome.NON_FINITE: (
        "A loss, a gradient or a sample became NaN or infinite: lower the learning rates, or bound the "
        "discriminator with a gradient penalty."
    ),
    Outcome.COLLAPSED: (
        "The samples miss more than half of the modes or classes: try a gradient penalty on the "
        "discriminator (R1), a relativistic loss, or a faster discriminator."
    ),
    Outcome.NOT_LEARNED: (
        "The modes are reached but the samples are far from the data: train longer, or give both players "
        "more capacity or other learning rates."
    ),
    Outcome.GRADIENT_VANISHED: (
        "No other rule applies, but the generator's gradient has all but disappeared, so it learns no more: "
        "take the non-saturating loss, or slow the discriminator down."
    ),
}
"""What each outcome means and what to try, in a sentence."""


class Thresholds(NamedTuple):
    """Where `classify` draws its lines, as multiples of a reference value."""

    modes_share: float = 0.5  # collapsed below this share of the modes
    quality_multiple: float = 10.0  # not learned above this multiple of the reference distance
    quality_share: float = 0.5  # not learned below this share of the reference high-quality share
    vanished_fraction: float = 1e-2  # gradient vanished below this fraction of its own early median


THRESHOLDS = Thresholds()

Measured = tuple[ArrayLike, float]
"""A metric's final values [seeds], and the value to hold them against."""


def vanished(g_grad_norm: ArrayLike, *, fraction: float = THRESHOLDS.vanished_fraction) -> NDArray[np.bool_]:
    """[seeds]: has the generator's gradient vanished? From its norms [seeds, steps].

        not median(last tenth of the steps) > fraction * median(first steps)

    The first steps are one in a hundred and at least 10 (at most a tenth of the run): a gradient can be gone long
    before a tenth of a run is over.

    So a gradient that was zero from the start has vanished, and one with NaN is never reported as healthy.

    Raises: ValueError unless g_grad_norm is [seeds, steps] with steps > 0.

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
) -> NDArray[np.int_]:
    """The `Outcome` of each seed, [seeds] integers: the first that holds, in this order.

        NON_FINITE         a loss or the generator's gradient is not finite at some step, or a sample is not
        COLLAPSED          captured < modes_share * number of modes or classes
        NOT_LEARNED        distance > quality_multiple * reference distance, or
                           high_quality < quality_share * a perfect sampler's
        GRADIENT_VANISHED  see `vanished`

    losses are arrays [seeds, steps] and g_grad_norm is one; samples_finite is [seeds] booleans. A metric is a
    pair (values [seeds], reference), or None where it was not measured. A value that is NaN, that is,
    undefined, counts as the worst.

    Raises: ValueError when a first axis is not that of the seeds, or a reference is not positive and finite.

    >>> norms, losses = np.ones((3, 10)), np.zeros((3, 10))
    >>> losses[2, 7] = np.nan
    >>> codes = classify([losses], norms, [True, True, True], captured=([8, 3, 8], 8))
    >>> [Outcome(code).name for code in codes]
    ['OK', 'COLLAPSED', 'NON_FINITE']
    """
    gone = vanished(g_grad_norm, fraction=thresholds.vanished_fraction)
    seeds = len(gone)
    finite = _by_seed(samples_finite, seeds).astype(bool)
    for series in (*losses, g_grad_norm):
        finite = finite & np.isfinite(_by_seed(series, seeds)).reshape(seeds, -1).all(axis=1)
    # Every comparison with NaN is False. So non-finite seeds are sorted out first, before a diverged run can
    # read as healthy, and each test below asks for the good case and negates it.
    good = np.ones(seeds, dtype=bool)
    covered = good if captured is None else _ratio(captured, seeds) >= thresholds.modes_share
    close = good if distance is None else _ratio(distance, seeds) <= thresholds.quality_multiple
    sharp = good if high_quality is None else _ratio(high_quality, seeds) >= thresholds.quality_share
    return np.select(
        [~finite, ~covered, ~(close & sharp), gone],
        [Outcome.NON_FINITE, Outcome.COLLAPSED, Outcome.NOT_LEARNED, Outcome.GRADIENT_VANISHED],
        default=Outcome.OK,
    )


def _by_seed(values: ArrayLike, seeds: int) -> NDArray:
    array = np.asarray(values)
    if array.shape[:1] != (seeds,):
        raise ValueError(f"expected the {seeds} seeds of g_grad_norm first, got shape {array.shape}")
    return array


def _ratio(measured: Measured, seeds: int) -> NDArray[np.float64]:
    values, reference = measured
    if not 0 < reference < np.inf:
        raise ValueError(f"expected a positive and finite reference, got {reference}")
    return _by_seed(values, seeds) / reference
