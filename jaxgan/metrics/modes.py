"""Which modes of a known mixture do the samples reach, how evenly and how sharply?

Written in jax.numpy, so that a report can be taken inside a compiled run and vmapped over seeds.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.scipy.special import xlogy
from jax.typing import ArrayLike

from jaxgan.types import Array, Key

RADIUS = 3.0  # in units of sigma, as in VEEGAN (Srivastava et al. 2017) and PacGAN (Lin et al. 2018)


class ModeReport(NamedTuple):
    """Scalars. A sample is of high quality within 3 sigma of its nearest mode, and counts for that mode."""

    captured: Array  # modes with at least one high-quality sample
    high_quality: Array  # share of all samples
    kl_model_data: Array  # KL(p || uniform), p the shares of the modes among the high-quality samples
    kl_data_model: Array  # KL(uniform || p): infinite when a mode is empty
    missed: Array  # share of modes without a high-quality sample
    spread: Array  # root mean square of (x - its mode) / sigma, per coordinate, over high-quality samples


def mode_report(x: ArrayLike, means: ArrayLike, sigma: ArrayLike) -> ModeReport:
    """Compare samples x [n, d] with an even mixture of N(means[i], sigma^2 I), means [k, d].

        kl_model_data = sum_i p_i log(k p_i),  0 log 0 = 0        kl_data_model = 1/k sum_i log(1 / (k p_i))

    in nats and without pseudo-counts. Both are NaN (undefined), as is `spread`, when no sample is of high
    quality. A sample that is not finite is not of high quality, and changes nothing else.

    A perfect sampler has a high-quality share of P(chi2_d < 9) and a squared spread of
    P(chi2_{d+2} < 9) / P(chi2_d < 9), as the tails are cut. For d = 2, where |x - mode|^2 / (2 sigma^2) is
    exponential and cut at 4.5, that is 1 - exp(-4.5) = 0.98889 and a spread of
    sqrt(1 - 4.5 / (exp(4.5) - 1)) = 0.97440; a smaller one means too little variety within the modes.

    Raises: ValueError unless x is [n, d] and means is [k, d].

    >>> report = mode_report([[0.0, 0.1], [5.0, 0.0], [9.0, 9.0]], means=[[0.0, 0.0], [5.0, 0.0]], sigma=0.1)
    >>> int(report.captured), round(float(report.high_quality), 3), float(report.kl_data_model)
    (2, 0.667, 0.0)
    """
    x, means, sigma = (jnp.asarray(value, dtype=float) for value in (x, means, sigma))
    if x.ndim != 2 or means.ndim != 2 or x.shape[1] != means.shape[1]:
        raise ValueError(f"expected samples [n, d] and means [k, d], got shapes {x.shape} and {means.shape}")
    n, (k, d) = len(x), means.shape
    squares = jnp.sum(((x[:, None, :] - means[None, :, :]) / sigma) ** 2, axis=-1)
    square, nearest = jnp.min(squares, axis=1), jnp.argmin(squares, axis=1)
    good = square < RADIUS**2  # a NaN or infinite sample has a NaN or infinite square: False
    counts = jnp.sum(good[:, None] & (nearest[:, None] == jnp.arange(k)[None, :]), axis=0, dtype=float)
    total = jnp.sum(counts)
    p = counts / total  # 0 / 0 = NaN is meant: without a high-quality sample there is no histogram
    captured = jnp.sum(counts > 0)
    return ModeReport(
        captured=captured,
        high_quality=total / n,
        kl_model_data=jnp.sum(xlogy(p, k * p)),
        kl_data_model=jnp.mean(jnp.log(1 / (k * p))),
        missed=1 - captured / k,
        spread=jnp.sqrt(jnp.sum(jnp.where(good, square, 0.0)) / (d * total)),
    )


def perfect_mode_report(key: Key, means: ArrayLike, sigma: ArrayLike, n: int, *, draws: int = 64) -> ModeReport:
    """The mean of `mode_report` over `draws` draws of n samples from the mixture itself: the yardstick.

    Its kl_model_data is near (k - 1) / (2 n). Its kl_data_model is infinite when any draw left a mode empty,
    which is then what a perfect sampler scores at this n.

    >>> report = perfect_mode_report(jax.random.key(0), means=[[-1.0], [1.0]], sigma=0.1, n=1_000)
    >>> f"{report.high_quality:.3f}"  # P(chi2_1 < 9) = 0.9973
    '0.997'
    """
    means, sigma = jnp.asarray(means, dtype=float), jnp.asarray(sigma, dtype=float)

    def report_of_draw(key: Key) -> ModeReport:
        key_mode, key_noise = jax.random.split(key)
        centre = means[jax.random.randint(key_mode, (n,), 0, len(means))]
        return mode_report(centre + sigma * jax.random.normal(key_noise, centre.shape), means, sigma)

    # One draw after another: side by side they would need draws * n * k * d numbers at once.
    reports = jax.lax.map(report_of_draw, jax.random.split(key, draws))
    return jax.tree.map(lambda values: jnp.mean(values, axis=0), reports)
