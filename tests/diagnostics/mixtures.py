"""What the tests of theory share: mixtures of Gaussians, and integrals of their densities by SciPy."""

import functools
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy.integrate import quad

from jaxgan.diagnostics.theory import Mixture, log_density
from jaxgan.types import Array

DATA = Mixture(np.array([0.3, 0.7]), np.array([-2.0, 1.5]), np.array([0.6, 1.1]))
LOW, HIGH = -24.0, 24.0  # all of them to 1e-30, and of the Gaussians of THETAS
ROOT = math.sqrt(2 * math.pi)


def by_scipy(integrand: Callable[[float, float], float], *mixtures: Any) -> float:
    """The integral of integrand(p(x), q(x)); where a density underflows to 1e-300 it adds nothing."""
    parts = [[tuple(map(float, part)) for part in zip(*mixture, strict=True)] for mixture in mixtures]

    def function(x: float) -> float:
        p, q = (sum(w / s * math.exp(-(((x - m) / s) ** 2) / 2) for w, m, s in part) / ROOT for part in parts)
        return integrand(p, q) if min(p, q) > 1e-300 else 0.0

    return quad(function, LOW, HIGH, points=np.linspace(-8, 8, 9), limit=400, epsabs=1e-13, epsrel=1e-13)[0]


def logs(*mixtures: Mixture) -> list[Callable[[Array], Array]]:
    """Their log densities, of arrays made now: JAX 0.10 keeps NumPy's in compiled functions as wide as it met them."""
    return [functools.partial(log_density, jax.tree.map(jnp.asarray, mixture)) for mixture in mixtures]


def kl_integrand(p: float, q: float) -> float:
    return p * math.log(p / q)


def jsd_integrand(p: float, q: float) -> float:
    return (p * math.log(2 * p / (p + q)) + q * math.log(2 * q / (p + q))) / 2
