"""Gaussian mixtures with known modes, so that the modes a generator misses can be counted."""

import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import Partial

from jaxgan.data.source import Mixture, Source
from jaxgan.types import Array, Batch, Key


def _draw(means: Array, sigma: Array, key: Key, n: int) -> Batch:
    mode_key, noise_key = jax.random.split(key)
    mode = jax.random.randint(mode_key, (n,), 0, means.shape[0])
    return Batch(means[mode] + sigma * jax.random.normal(noise_key, (n, means.shape[1])))


def gaussian_mixture(name: str, means: np.ndarray, sigma: float) -> Source:
    """Equal weights, isotropic: p(x) = 1/k sum_i N(x; means[i], sigma^2 I), with `means` [k, d].

    Every batch is newly drawn; only the means are stored. Raises ValueError for invalid means or sigma.

    >>> gaussian_mixture("pair", np.array([[-1.0], [1.0]]), 0.1).sample(jax.random.key(0), 5).x.shape
    (5, 1)
    """
    means = np.asarray(means, np.float32)
    if means.ndim != 2 or means.size == 0:
        raise ValueError(f"expected means of shape [modes, dimensions], got {list(means.shape)}")
    if not sigma > 0:
        raise ValueError(f"expected a positive sigma, got {sigma}")
    sample = Partial(_draw, jnp.asarray(means), jnp.asarray(sigma, jnp.float32))
    return Source(name, means.shape[1:], None, sample, mixture=Mixture(means, sigma))


def ring(modes: int = 8, radius: float = 1.0, sigma: float = 0.01) -> Source:
    """Gaussians evenly spaced on a circle, the first at (radius, 0).

    The defaults are those of VEEGAN (Srivastava et al. 2017) and PacGAN (Lin et al. 2018).

    >>> ring(4).mixture.means.round(6) + 0.0
    array([[ 1.,  0.],
           [ 0.,  1.],
           [-1.,  0.],
           [ 0., -1.]], dtype=float32)
    """
    angle = 2 * np.pi * np.arange(modes) / modes  # linspace to 2 pi would count the first mode twice
    return gaussian_mixture("ring", radius * np.stack([np.cos(angle), np.sin(angle)], axis=1), sigma)


def grid(side: int = 5, spacing: float = 2.0, sigma: float = 0.05) -> Source:
    """`side` x `side` Gaussians on a square lattice centred at the origin.

    The defaults, 25 modes at {-4, -2, 0, 2, 4}^2, are those of VEEGAN (Srivastava et al. 2017) and PacGAN
    (Lin et al. 2018).

    >>> np.unique(grid().mixture.means)
    array([-4., -2.,  0.,  2.,  4.], dtype=float32)
    """
    line = spacing * (np.arange(side) - (side - 1) / 2)
    return gaussian_mixture("grid", np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2), sigma)
