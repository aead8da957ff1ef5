"""The sharpness of generated images relative to real ones, from sums over samples inside a compiled run."""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float
from numpy.typing import NDArray

from jaxgan.data.source import Examples
from jaxgan.diagnostics.pictures import blur
from jaxgan.metrics.sharpness import CUT, half_weight, hann, high_frequency_share, laplacian_variance, radius
from jaxgan.results.results import Metric
from jaxgan.results.statistics import Interval
from jaxgan.types import Array

LEAST = 3  # pixels on a side needed for a Laplacian
_EXAMPLES = 5000  # real images of each set that are used, at most
_LABELS = {
    "high_frequency": "Power at high frequencies, relative to real images",
    "laplacian": "Variance of the Laplacian, relative to real images",
}


class Sharpness(NamedTuple):
    """Sums over the images that are finite and not constant."""

    images: Float[Array, "*runs"]  # their number
    high_frequency: Float[Array, "*runs"]  # of `jaxgan.metrics.high_frequency_share`, with a Hann window
    laplacian: Float[Array, "*runs"]  # of `jaxgan.metrics.laplacian_variance`


class RealSharpness(NamedTuple):
    """Means over real images, and how far the ratio between two real sets can be from 1 by chance."""

    means: dict[str, float]  # over held-out images
    metrics: tuple[Metric, ...]
    bounds: dict[str, tuple[float, float]]  # 95 % bounds on the ratios between real images


def real_sharpness(train: Examples, heldout: Examples, samples: int) -> RealSharpness | None:
    """For images of at least 3 x 3 pixels that are not all constant; None for others.

    Training images, `samples` of them at most, stand in for a perfect generator.
    """
    if min(heldout.x.shape[1:3]) < LEAST:
        return None
    one = np.asarray(heldout.x[:_EXAMPLES], np.float64)
    other = np.asarray(train.x[: min(samples, _EXAMPLES)], np.float64)
    found = {"high_frequency": high_frequency_share(one, window=True), "laplacian": laplacian_variance(one)}
    if any(np.isnan(values).all() for values in found.values()):
        return None
    against = blur(jax.random.key(0), other, one, other)
    intervals = {"high_frequency": against.high_frequency, "laplacian": against.laplacian}
    metrics = tuple(
        Metric(name, label, 0.0, None, {"real against real": intervals[name].estimate})
        for name, label in _LABELS.items()
    )
    bounds = {name: _around_one(interval) for name, interval in intervals.items()}
    return RealSharpness({name: float(np.nanmean(values)) for name, values in found.items()}, metrics, bounds)


def _around_one(interval: Interval) -> tuple[float, float]:
    """The bounds for samples that may resemble either of the two real sets: they include the sets' ratio and 1."""
    estimate, low, high = interval
    return min(low, low / estimate), max(high, high / estimate)


def sharpness_of(x: Float[Array, "n h w c"], used: Bool[Array, " n"]) -> Sharpness:
    """The sums over the images that are used: as in `jaxgan.metrics`, but traceable and in float32.

    Example:
      >>> fine = (jnp.indices((8, 8)).sum(axis=0).reshape(1, 8, 8, 1) % 2).astype(jnp.float32)
      >>> found = sharpness_of(jnp.concatenate([fine, 0 * fine]), jnp.ones(2, bool))
      >>> float(found.images), float(found.laplacian)
      (1.0, 64.0)
    """
    _, h, w, _ = x.shape
    counted = used & jnp.any(x != x[:, :1, :1], axis=(1, 2, 3))
    x = jnp.where(counted[:, None, None, None], x, 0.0)
    plain = np.outer(hann(h), hann(w))
    window = jnp.asarray(plain / math.sqrt(np.mean(plain**2)), x.dtype)[None, :, :, None]
    mean = jnp.sum(window * x, axis=(1, 2), keepdims=True) / jnp.sum(window)
    power = jnp.abs(jnp.fft.rfft2(window * (x - mean), axes=(1, 2))) ** 2
    weight = half_weight(h, w)
    high, whole = (
        jnp.einsum("nhvc,hv->n", power, jnp.asarray(weight * kept, x.dtype))
        for kept in (radius(h, w) > CUT, np.ones_like(weight))
    )
    inner = x[:, 1:-1, 1:-1]
    around = x[:, 2:, 1:-1] + x[:, :-2, 1:-1] + x[:, 1:-1, 2:] + x[:, 1:-1, :-2] - 4 * inner
    rough, own = (jnp.sum(jnp.var(a, axis=(1, 2)), axis=1) for a in (around, inner))
    shares, variances = (_mean(counted, *pair) for pair in ((high, whole), (rough, own)))
    return Sharpness(jnp.sum(counted, dtype=x.dtype), shares, variances)


def _mean(counted: Bool[Array, " n"], above: Float[Array, " n"], below: Float[Array, " n"]) -> Float[Array, ""]:
    """The sum of above / below."""
    good = counted & (below > 0)
    return jnp.sum(jnp.where(good, above / jnp.where(good, below, 1.0), 0.0))


def ratios(found: Sharpness, real: RealSharpness, finite: NDArray[np.bool_]) -> dict[str, NDArray]:
    """Means over samples divided by those over real images [...]; 0 if all samples are constant, NaN if not finite.

    Constant samples have no sharpness, so only the others count.
    """
    count = np.asarray(found.images, np.float64)
    return {
        name: np.where(finite, np.asarray(getattr(found, name)) / np.maximum(count, 1) / mean, np.nan)
        for name, mean in real.means.items()
    }
