"""Test whether samples are blurrier than the data or lie between its modes, as with L1 or L2 losses."""

from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Bool, Float64, Int
from numpy.typing import ArrayLike, NDArray

from jaxgan.checks import check_count
from jaxgan.metrics.sharpness import CUT, high_frequency_share, laplacian_variance
from jaxgan.results.statistics import UNDEFINED, Interval, wilson_interval
from jaxgan.results.statistics.bootstrap import percentile_interval, replicates
from jaxgan.types import Key

_PIECE = 2**22  # pairwise products computed at a time: 32 MiB


class Blur(NamedTuple):
    """The sharpness of samples relative to real images, and that of other real images for comparison."""

    blurrier: bool  # whether both ratios of the samples are below 1 and below those of the other real images
    high_frequency: Interval  # ratio of the mean share of power at high frequencies, samples over real images
    laplacian: Interval  # ratio of the mean variance of the Laplacian, samples over real images
    real_high_frequency: Interval  # the same ratio, other real images over real images
    real_laplacian: Interval
    left_out: int  # number of samples that are constant or not finite, whose sharpness is undefined


def blur(
    key: Key,
    samples: ArrayLike,
    real: ArrayLike,
    other_real: ArrayLike,
    *,
    cut: float = CUT,
    confidence: float = 0.95,
    resamples: int = 999,
) -> Blur:
    """Return whether samples [n, h, w, c] are blurrier than real images, with the ratios of sharpness.

        ratio = mean over samples / mean over real images

    There is one ratio for `high_frequency_share` (with a Hann window) and one for `laplacian_variance`. Both measures
    are scale-invariant, so contrast does not matter. Each ratio has a percentile bootstrap interval that resamples the
    images of both sets; the ratios of `other_real`, such as held-out images, to `real` are computed in the same way.
    Samples are blurrier if both of their intervals lie below 1 and below those of `other_real`. This is stricter than a
    single test: for equal distributions it has a false positive rate below (1 - confidence) / 2. Noise and checkerboard
    patterns raise the ratios above 1 and hide blur.

    Images that are constant or not finite are left out. If fewer than two images of a set are left, the bounds are NaN
    and the samples do not count as blurrier.

    Source: Durall et al. 2020, Watch your Up-Convolution (spectra); Isola et al. 2017, Image-to-Image Translation with
    Conditional Adversarial Networks, section 4.1, on what L1 and L2 leave out.

    Args:
      key: the random key of the resampling.
      samples: the generated images.
      real: images of the data.
      other_real: other images of the data.
      cut: the frequency, in cycles per pixel, from which frequencies count as high.
      confidence: the level of the intervals.
      resamples: the number of bootstrap resamples.

    Raises:
      ValueError: if images are not [n, h, w, c] of at least 3 x 3 pixels, or their shapes differ.

    Example:
      >>> noise = np.random.default_rng(0).normal(size=(90, 8, 8, 1))
      >>> smooth = noise + np.roll(noise, 1, axis=1) + np.roll(noise, 1, axis=2)
      >>> found = blur(jax.random.key(0), smooth[:30], noise[30:60], noise[60:])
      >>> found.blurrier, blur(jax.random.key(0), *np.split(noise, 3)).blurrier
      (True, False)
    """
    sets = [np.asarray(images, np.float64) for images in (samples, real, other_real)]
    if len({images.shape[1:] for images in sets}) > 1:
        raise ValueError(f"expected images of one shape, got {', '.join(str(images.shape[1:]) for images in sets)}")
    rng = np.random.default_rng(np.asarray(jax.random.bits(key, (4,))))
    ratios: list[tuple[Interval, Interval]] = []
    shares = [high_frequency_share(images, cut=cut, window=True) for images in sets]
    for values in (shares, [laplacian_variance(images) for images in sets]):
        of_samples, of_real, of_others = (_means(one, resamples, rng) for one in values)
        ratios.append((_ratio(of_samples, of_real, confidence), _ratio(of_others, of_real, confidence)))
    below = [one.high < 1 and one.high < other.low for one, other in ratios]  # False where one of them is NaN
    (high, real_high), (laplacian, real_laplacian) = ratios
    return Blur(all(below), high, laplacian, real_high, real_laplacian, int(np.isnan(shares[0]).sum()))


class Between(NamedTuple):
    """How many samples look like means of real examples, compared with other real examples."""

    between: bool  # whether one of the two shares is above that of real examples by more than chance
    gaps: Interval  # share of samples that are far from all real examples and have some on opposite sides
    real_gaps: Interval  # the same for the other real examples
    averages: Interval  # share of samples that are nearer to the mean of their neighbours than real examples are
    real_averages: Interval
    far: Interval  # share of samples that are far from all real examples, on any side
    left_out: int  # number of samples that are not finite


def between_modes(
    samples: ArrayLike,
    real: ArrayLike,
    other_real: ArrayLike,
    *,
    neighbours: int = 10,
    percentile: float = 99.0,
    confidence: float = 0.95,
) -> Between:
    """Return whether samples look like means of several real examples, as L1 and L2 losses produce, and not like one.

    Let r_1, ..., r_k be the real examples nearest to a sample x. The sample counts as

        in a gap      if |x - r_1| is above the `percentile` of the same distance for `other_real`, and
                      (r_1 - x).(s - x) < 0 for some real example s
        a mean        if |x - mean of r_i| / sqrt(mean of |x - r_i|^2) is below the (100 - percentile) percentile of
                      the same ratio for `other_real`

    A sample in a gap is far from all real examples but has some on opposite sides. This holds for a point between two
    modes, but not for a point outside the data. A sample that is a mean lacks the individual noise of a real example:
    with independent noise in d dimensions, the ratio is sqrt((k + 1) / 2 k) for a real example and 1 / sqrt(k) for a
    mean of k. The second test is the one that works for images, because blends of images are no farther from the data
    than the data themselves; they are also blurry. It needs neighbours on all sides: the mean of very many examples may
    have only neighbours of one mode on one side, and is not detected. Examples are points, features or images.

    Shares have Wilson intervals; `between` is True if one of them lies above that of the other real examples. Samples
    that are not finite are left out. If none are left, the shares are NaN and `between` is False.

    Args:
      samples: [n, ...].
      real: [m, ...].
      other_real: other examples of the data, such as held-out ones; disjoint from `real`.
      neighbours: k, at most m.
      percentile: a sample is far if its distance exceeds this percentile of the distances between real examples.
      confidence: the level of the intervals.

    Raises:
      ValueError: if the shapes differ after the first axis, there are no real examples or some are not finite, or
        `neighbours` is below 2.

    Example:
      >>> modes = np.random.default_rng(0).normal(size=(400, 2)) + np.array([[-9.0, 0.0], [9.0, 0.0]] * 200)
      >>> middle = between_modes(modes[:100] - [9.0, 0.0] * np.sign(modes[:100, :1]), modes[:200], modes[200:])
      >>> middle.between, between_modes(modes[:200] + 40, modes[:200], modes[200:]).between
      (True, False)
    """
    check_count("neighbours", neighbours, least=2)
    x, examples, others = (_flat(one) for one in (samples, real, other_real))
    shapes = [np.shape(one)[1:] for one in (samples, real, other_real)]
    if len(set(shapes)) > 1 or not (len(examples) and len(others)):
        sizes = ", ".join(str(np.shape(one)) for one in (samples, real, other_real))
        raise ValueError(f"expected samples and two sets of real examples of one shape, got {sizes}")
    if not (np.isfinite(examples).all() and np.isfinite(others).all()):
        raise ValueError("expected finite real examples, got some that are not")
    usable = x[np.isfinite(x).all(axis=1)]
    found, expected = (_placed(one, examples, min(neighbours, len(examples))) for one in (usable, others))
    radius, least = np.percentile(expected.distance, percentile), np.percentile(expected.own, 100 - percentile)
    gaps, real_gaps = (
        _share(_has_opposite(one, place.nearest, place.distance > radius, examples), confidence)
        for one, place in ((usable, found), (others, expected))
    )
    averages, real_averages = (_share(place.own < least, confidence) for place in (found, expected))
    return Between(
        between=gaps.low > real_gaps.high or averages.low > real_averages.high,
        gaps=gaps,
        real_gaps=real_gaps,
        averages=averages,
        real_averages=real_averages,
        far=_share(found.distance > radius, confidence),
        left_out=len(x) - len(usable),
    )


class _Placed(NamedTuple):
    """Where examples lie relative to real ones."""

    nearest: Int[np.ndarray, " n"]  # index of the nearest real example
    distance: Float64[np.ndarray, " n"]  # distance to it
    own: Float64[np.ndarray, " n"]  # distance to the mean of the neighbours over the RMS distance to the neighbours


def _means(
    values: Float64[np.ndarray, " n"], resamples: int, rng: np.random.Generator
) -> tuple[int, float, NDArray[np.float64]]:
    """Return the number of finite values, their mean, and the means of bootstrap resamples."""
    used = values[np.isfinite(values)]
    if len(used) < 2:
        return len(used), float(used.mean()) if len(used) else np.nan, np.full(resamples, np.nan)
    return len(used), float(used.mean()), replicates(used[None], lambda x: x.mean(axis=(-2, -1)), resamples, rng)


def _ratio(
    above: tuple[int, float, NDArray[np.float64]], below: tuple[int, float, NDArray[np.float64]], confidence: float
) -> Interval:
    (n, mean, drawn), (m, other, others) = above, below
    with np.errstate(invalid="ignore", divide="ignore"):  # images may have no power at high frequencies
        estimate, found = float(np.divide(mean, other)), drawn / others
    if min(n, m) < 2 or np.isnan(estimate):
        return Interval(estimate, *UNDEFINED[1:])
    return percentile_interval(estimate, found, min(n, m), confidence)


def _flat(examples: ArrayLike) -> Float64[np.ndarray, "n d"]:
    x = np.asarray(examples, np.float64)
    return x.reshape(len(x), -1) if x.ndim else x.reshape(1, 1)


def _placed(x: Float64[np.ndarray, "n d"], examples: Float64[np.ndarray, "m d"], k: int) -> _Placed:
    from sklearn.neighbors import NearestNeighbors

    if not len(x):
        return _Placed(np.zeros(0, int), np.zeros(0), np.zeros(0))
    distance, index = NearestNeighbors(n_neighbors=k).fit(examples).kneighbors(x)
    spread = np.sqrt(np.mean(distance**2, axis=1))
    middle = np.zeros_like(x)
    for column in index.T:  # one neighbour at a time: all at once would take k times the memory of the data
        middle += examples[column] / k
    own = np.linalg.norm(x - middle, axis=1)
    return _Placed(index[:, 0], distance[:, 0], np.divide(own, spread, out=np.ones(len(x)), where=spread > 0))


def _has_opposite(
    x: Float64[np.ndarray, "n d"],
    nearest: Int[np.ndarray, " n"],
    asked: Bool[np.ndarray, " n"],
    examples: Float64[np.ndarray, "m d"],
) -> Bool[np.ndarray, " n"]:
    """Return whether some example s lies opposite to the nearest r: (r - x) . (s - x) < 0; False where not `asked`."""
    found, rows = np.zeros(len(x), bool), np.flatnonzero(asked)
    for piece in np.array_split(rows, max(1, -(-len(rows) * len(examples) // _PIECE))):
        towards = examples[nearest[piece]] - x[piece]
        least = (towards @ examples.T).min(axis=1)
        found[piece] = least < np.sum(towards * x[piece], axis=1)
    return found


def _share(flags: Bool[np.ndarray, " n"], confidence: float) -> Interval:
    return wilson_interval(int(flags.sum()), len(flags), confidence=confidence) if len(flags) else UNDEFINED
