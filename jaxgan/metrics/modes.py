"""Which modes of a known mixture do the samples reach, how evenly and how closely?

Written in jax.numpy, so that a report can be computed inside a compiled run and vmapped over seeds.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.scipy.special import xlogy
from jax.typing import ArrayLike
from jaxtyping import Float, Int

from jaxgan.types import Array, Key

RADIUS = 3.0  # in units of sigma, as in VEEGAN (Srivastava et al. 2017) and PacGAN (Lin et al. 2018)
CAPTURED_SHARE = 0.25  # of the share that an even sampler gives a mode


class ModeReport(NamedTuple):
    """The report on one set of samples, or on many runs as leading axes.

    A sample within 3 sigma of its nearest mode has high quality and counts for that mode.
    """

    captured: Int[Array, "*runs"]  # modes with at least a quarter of an even sampler's share
    modes_hit: Int[Array, "*runs"]  # modes with at least one high-quality sample
    shares: Float[Array, "*runs k"]  # high-quality samples of each mode as a share of all samples
    high_quality: Float[Array, "*runs"]  # share of all samples
    kl_model_data: Float[Array, "*runs"]  # KL(p || uniform), p the mode shares among high-quality samples
    kl_data_model: Float[Array, "*runs"]  # KL(uniform || p): infinite if a mode is empty
    missed: Float[Array, "*runs"]  # share of modes that are not captured
    spread: Float[Array, "*runs"]  # root mean square of (x - its mode) / sigma per coordinate, if of high quality


def mode_report(
    x: ArrayLike, means: ArrayLike, sigma: ArrayLike, *, captured_share: float = CAPTURED_SHARE
) -> ModeReport:
    """Compares samples x [n, d] with an even mixture of N(means[i], sigma^2 I), means [k, d].

        captured = #{i: shares_i >= captured_share / k},  shares_i = high-quality samples of mode i / n

    An even sampler gives each mode 1 / k of its n samples. Shares are relative to all samples, not only to the good
    ones: a generator with one good sample in a thousand has captured nothing, so look at `high_quality` first. A
    generator that is even over the modes and has a quality of at least captured_share captures all of them.

    `modes_hit` is the count of VEEGAN (Srivastava et al. 2017), PacGAN (Lin et al. 2018) and most papers on rings,
    grids and stacked digits since Metz et al. (2017): one sample is enough. So it grows with n, and a single sample of
    2,500 decides. Richardson and Weiss (2018) compare shares with those of the data, as bins that differ.

        kl_model_data = sum_i p_i log(k p_i),  0 log 0 = 0        kl_data_model = 1/k sum_i log(1 / (k p_i))

    in nats and without pseudo-counts. Both are NaN (undefined), like `spread`, if no sample has high quality. A sample
    that is not finite does not have high quality, and changes nothing else.

    A perfect sampler has a high-quality share of P(chi2_d < 9) and a squared spread of
    P(chi2_{d+2} < 9) / P(chi2_d < 9), because the tails are cut. For d = 2, where |x - mode|^2 / (2 sigma^2) is
    exponential and cut at 4.5, that is 1 - exp(-4.5) = 0.98889 and a spread of
    sqrt(1 - 4.5 / (exp(4.5) - 1)) = 0.97440; a smaller one means too little variety within the modes.

    Raises: ValueError unless x is [n, d] and means is [k, d].

    >>> report = mode_report([[0.0, 0.1], [5.0, 0.0], [9.0, 9.0]], means=[[0.0, 0.0], [5.0, 0.0]], sigma=0.1)
    >>> int(report.captured), int(report.modes_hit), report.shares.round(3).tolist(), float(report.kl_data_model)
    (2, 2, [0.3330000042915344, 0.3330000042915344], 0.0)
    """
    x, means, sigma = (jnp.asarray(value, dtype=float) for value in (x, means, sigma))
    if x.ndim != 2 or means.ndim != 2 or x.shape[1] != means.shape[1]:
        raise ValueError(f"expected samples [n, d] and means [k, d], got shapes {x.shape} and {means.shape}")
    n, (k, d) = len(x), means.shape
    squares = jnp.sum(((x[:, None, :] - means[None, :, :]) / sigma) ** 2, axis=-1)
    square, nearest = jnp.min(squares, axis=1), jnp.argmin(squares, axis=1)
    good = square < RADIUS**2  # a NaN or infinite sample has a NaN or infinite square: False
    counts = jnp.sum(good[:, None] & (nearest[:, None] == jnp.arange(k)[None, :]), axis=0, dtype=float)
    return report_of(counts, n, jnp.sum(jnp.where(good, square, 0.0)), d, captured_share=captured_share)


def report_of(
    counts: Float[Array, " k"], n: int, squares: Float[Array, ""], d: int = 1, *, captured_share: float = CAPTURED_SHARE
) -> ModeReport:
    """The report from the number of good samples of each mode among n, and the sum of their squared distances.

    Args:
      counts: by mode.
      n: the number of samples, good or not.
      squares: the sum over good samples of |x - their mode|^2, in a unit in which its mean is about d.
      d: the number of coordinates in that unit.
      captured_share: as in `mode_report`.

    Example:
      >>> report_of(jnp.array([2.0, 0.0]), 4, jnp.float32(2.0)).shares.tolist()
      [0.5, 0.0]
    """
    k, total = len(counts), jnp.sum(counts)
    p = counts / total  # 0 / 0 = NaN is intended: without high-quality samples there is no histogram
    captured = jnp.sum(counts >= max(1.0, captured_share * n / k))
    return ModeReport(
        captured=captured,
        modes_hit=jnp.sum(counts > 0),
        shares=counts / n,
        high_quality=total / n,
        kl_model_data=jnp.sum(xlogy(p, k * p)),
        kl_data_model=jnp.mean(jnp.log(1 / (k * p))),
        missed=1 - captured / k,
        spread=jnp.sqrt(squares / (d * total)),
    )


def perfect_mode_report(key: Key, means: ArrayLike, sigma: ArrayLike, n: int, *, draws: int = 64) -> ModeReport:
    """The mean of `mode_report` over `draws` draws of n samples from the mixture itself: the yardstick.

    Its kl_model_data is about (k - 1) / (2 n). Its kl_data_model is infinite if any draw leaves a mode empty, which is
    then the score of a perfect sampler at this n.

    Args:
      key: for the draws.
      means: [k, d], the centres of the modes.
      sigma: their standard deviation.
      n: samples in each draw.
      draws: the number of draws to average.

    >>> report = perfect_mode_report(jax.random.key(0), means=[[-1.0], [1.0]], sigma=0.1, n=1_000)
    >>> f"{report.high_quality:.3f}"  # P(chi2_1 < 9) = 0.9973
    '0.997'
    """
    means, sigma = jnp.asarray(means, dtype=float), jnp.asarray(sigma, dtype=float)

    def report_of_draw(key: Key) -> ModeReport:
        key_mode, key_noise = jax.random.split(key)
        centre = means[jax.random.randint(key_mode, (n,), 0, len(means))]
        return mode_report(centre + sigma * jax.random.normal(key_noise, centre.shape), means, sigma)

    return mean_report(report_of_draw, key, draws)


def mean_report(report_of_draw: Callable[[Key], ModeReport], key: Key, draws: int) -> ModeReport:
    """The mean of the reports on `draws` draws, made one after another: together they could take too much memory.

    Example:
      >>> float(mean_report(lambda key: report_of(jnp.ones(2), 4, jnp.float32(2.0)), jax.random.key(0), 3).high_quality)
      0.5
    """
    reports = jax.lax.map(report_of_draw, jax.random.split(key, draws))
    return jax.tree.map(lambda values: jnp.mean(values, axis=0), reports)
