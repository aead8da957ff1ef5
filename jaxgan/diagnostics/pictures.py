"""Are samples blurrier than data, and do they lie between its modes? What an L1 or L2 loss does to a generator."""

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

_PIECE = 2**22  # products of pairs at a time, 32 MiB


class Blur(NamedTuple):
    """Sharpness of samples against that of real images, with the same of other real images for comparison."""

    blurrier: bool  # whether both ratios of samples are below 1, and below those of real images
    high_frequency: Interval  # mean share of power at high frequencies, samples' over real images'
    laplacian: Interval  # mean variance of the Laplacian, samples' over real images'
    real_high_frequency: Interval  # the other real images' over the real images'
    real_laplacian: Interval
    left_out: int  # samples that are constant or not finite, and have no sharpness


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
    """Are samples [n, h, w, c] blurrier than real images?

        ratio = mean over samples / mean over real images

    of `high_frequency_share` (under Hann's window) and of `laplacian_variance`, which know no scale: contrast does not
    count. Each ratio has a percentile interval by resampling the images of both sets, and the same is done for
    `other_real`, held-out images, say. Samples are blurrier where both of their intervals lie below 1 and below those
    of real against real. That is sharper than one test at the level: equal distributions are accused less often than
    in (1 - confidence) / 2 of cases. Noise and chessboard patterns make ratios above 1, and hide blur.

    Images that are constant or not finite are left out. Bounds are NaN, and nobody is accused, where fewer than two
    images of a set are left.

    Source: Durall et al. 2020, Watch your Up-Convolution (spectra); Isola et al. 2017, Image-to-Image Translation with
    Conditional Adversarial Networks, section 4.1, on what L1 and L2 leave out.

    Args:
      key: of the resampling.
      samples: the generator's images.
      real: images of the data.
      other_real: others of the data.
      cut: cycles per pixel from which a frequency is high.
      confidence: of the intervals.
      resamples: how many samples of images are drawn with replacement.

    Raises:
      ValueError: images that are not [n, h, w, c] of 3 x 3 pixels or more, or of three sizes that differ.

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
    """How many samples are means of real examples rather than such, against other real examples."""

    between: bool  # whether one of the two shares is above that of real examples beyond chance
    gaps: Interval  # share of samples that are far from all real examples, with some on opposite sides
    real_gaps: Interval  # the same of other real examples
    averages: Interval  # share of samples that are nearer to the mean of their neighbours than real examples are
    real_averages: Interval
    far: Interval  # share of samples that are far from all real examples, on whichever side
    left_out: int  # samples that are not finite


def between_modes(
    samples: ArrayLike,
    real: ArrayLike,
    other_real: ArrayLike,
    *,
    neighbours: int = 10,
    percentile: float = 99.0,
    confidence: float = 0.95,
) -> Between:
    """Are samples means of several real examples, as L1 and L2 make them, rather than like one?

    With r_1, ..., r_k the real examples nearest to a sample x, x counts

        in a gap      where |x - r_1| is above the `percentile` of the same of `other_real`, and (r_1 - x).(s - x) < 0
                      for a real example s
        as a mean     where |x - mean of r_i| / sqrt(mean of |x - r_i|^2) is below the (100 - percentile) of the same

    The first is far from all real examples but has some on opposite sides, as a point between two modes has and one
    outside of the data has not. The second lacks what every real example has of its own: in d dimensions with
    independent noise a real example has sqrt((k + 1) / 2 k), their mean 1 / sqrt(k). It is what shows in images, whose
    blends are no further from the data than data; blur shows there, too. It asks for neighbours all around: the mean of
    very many examples may have those of one mode on one side alone, and is not found. Examples are points, features or
    images.

    Shares have Wilson's intervals; samples are called between where one of them lies above that of the other real
    examples. Samples that are not finite are left out; without any left shares are NaN, and nobody is accused.

    Args:
      samples: [n, ...].
      real: [m, ...].
      other_real: others of the data, held-out ones, say; none of `real` among them.
      neighbours: k, at most m.
      percentile: of the distances among real examples beyond which a sample is far, in percent.
      confidence: of the intervals.

    Raises:
      ValueError: arrays that do not have one shape behind their first axis, no real examples, or some that are not
        finite; fewer than 2 neighbours.

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
    """Where examples lie among real ones."""

    nearest: Int[np.ndarray, " n"]
    distance: Float64[np.ndarray, " n"]  # to the nearest
    own: Float64[np.ndarray, " n"]  # distance to the mean of the neighbours, over the root of their mean square one


def _means(
    values: Float64[np.ndarray, " n"], resamples: int, rng: np.random.Generator
) -> tuple[int, float, NDArray[np.float64]]:
    """How many values there are, their mean, and the means of samples of them with replacement."""
    used = values[np.isfinite(values)]
    if len(used) < 2:
        return len(used), float(used.mean()) if len(used) else np.nan, np.full(resamples, np.nan)
    return len(used), float(used.mean()), replicates(used[None], lambda x: x.mean(axis=(-2, -1)), resamples, rng)


def _ratio(
    above: tuple[int, float, NDArray[np.float64]], below: tuple[int, float, NDArray[np.float64]], confidence: float
) -> Interval:
    (n, mean, drawn), (m, other, others) = above, below
    with np.errstate(invalid="ignore", divide="ignore"):  # images without any high frequency
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
    for column in index.T:  # not all at once: that would be k times the data
        middle += examples[column] / k
    own = np.linalg.norm(x - middle, axis=1)
    return _Placed(index[:, 0], distance[:, 0], np.divide(own, spread, out=np.ones(len(x)), where=spread > 0))


def _has_opposite(
    x: Float64[np.ndarray, "n d"],
    nearest: Int[np.ndarray, " n"],
    asked: Bool[np.ndarray, " n"],
    examples: Float64[np.ndarray, "m d"],
) -> Bool[np.ndarray, " n"]:
    """Whether an example lies on the other side of x than the nearest: (r - x) . (s - x) < 0. False where not asked."""
    found, rows = np.zeros(len(x), bool), np.flatnonzero(asked)
    for piece in np.array_split(rows, max(1, -(-len(rows) * len(examples) // _PIECE))):
        towards = examples[nearest[piece]] - x[piece]
        least = (towards @ examples.T).min(axis=1)
        found[piece] = least < np.sum(towards * x[piece], axis=1)
    return found


def _share(flags: Bool[np.ndarray, " n"], confidence: float) -> Interval:
    return wilson_interval(int(flags.sum()), len(flags), confidence=confidence) if len(flags) else UNDEFINED
