"""Distances of features as pure JAX functions: inside `jit`, `vmap` or a probe of a compiled run.

They take arrays [n, d] and [m, d], one value for each call; `jax.vmap` adds axes, such as one over seeds. The formulas
are those of the functions of the same name in `jaxgan.metrics`, which are for large sets on the host: these work in
JAX's precision (float64 with `jax.enable_x64`), hold whole matrices of pairs, and check shapes only, so a NaN or
infinity among the features gives NaN or a meaningless share. Errors in float32 are stated with each function.

The functions of the host do not call these: they need float64 wherever they are called, and blocks. For 3,000 x 256
features in float64 on one core, the forms here take 13 times as long for precision and recall (the host settles most
pairs in float32, with a proven bound) and 1.6 times for slices (XLA's sort), and 3 to 5 times the memory for matrices
of pairs, which grows as n^2. Frechet distance and Vendi score cost the same, but the host's Frechet distance streams.
"""

import math
from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Float

from jaxgan.metrics.balls import Inside
from jaxgan.metrics.kernel import KernelDistance, distance_of_sums, kernel_of, sums_of
from jaxgan.metrics.manifold import PRDC, shares_of
from jaxgan.metrics.neighbours import squared_distances
from jaxgan.metrics.scores import effective_number
from jaxgan.metrics.transport import SlicedWasserstein, squares_on_lines
from jaxgan.types import Array, Key

_LINES = 64  # projected at a time
_P = ParamSpec("_P")
_R = TypeVar("_R")


def _in_full_precision(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Matrix products in float32 on every device: by default some accelerators round their operands to 11 bits."""

    @wraps(function)
    def exact(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        with jax.default_matmul_precision("highest"):
            return function(*args, **kwargs)

    return exact


@_in_full_precision
def frechet_distance(features: ArrayLike, reference: ArrayLike) -> Float[Array, ""]:
    """`jaxgan.metrics.frechet_distance` of the moments of features [n, d] and a reference [m, d].

        |mu_x - mu_y|^2 + tr A + tr B - 2 |R_x R_y^T|_*,   A = R_x^T R_x and B = R_y^T R_y the covariances

    The sum of singular values of the product of two roots, from QR of the centred features, is tr (A B)^(1/2) for
    covariances of any rank. A root of the product of covariances would lose half the digits. The error in float32 is
    about 1e-6 of the traces, so features far from the origin should be centred first.

    Raises:
      ValueError: other shapes, or fewer than 2 rows.

    Example:
      >>> x = jnp.array([[-1.0], [1.0]])
      >>> f"{jax.jit(frechet_distance)(3 * x + 2, x):.4f}"  # 2^2 + (3 - 1)^2 * 2
      '12.0000'
    """
    x, y = _pair(features, reference, least=2)
    means = jnp.mean(x, axis=0), jnp.mean(y, axis=0)
    roots = [_root((part - mean[None]) / jnp.sqrt(len(part) - 1.0)) for part, mean in zip((x, y), means, strict=True)]
    return distance_of_roots(means[0] - means[1], *roots)


@_in_full_precision
def distance_of_roots(gap: Float[Array, " d"], a: Float[Array, "r d"], b: Float[Array, "s d"]) -> Float[Array, ""]:
    """The Frechet distance from the difference of means and roots of the covariances, a^T a and b^T b.

    Example:
      >>> float(distance_of_roots(jnp.zeros(1), jnp.ones((1, 1)), jnp.full((1, 1), 3.0)))
      4.0
    """
    cross = jnp.sum(jnp.linalg.svd(a @ b.T, compute_uv=False))
    return jnp.maximum(jnp.sum(gap**2) + jnp.sum(a**2) + jnp.sum(b**2) - 2 * cross, 0.0)


def _root(rows: Float[Array, "n d"]) -> Float[Array, "r d"]:
    """Rows with the same R^T R, at most d."""
    return jnp.linalg.qr(rows, mode="r") if rows.shape[0] > rows.shape[1] else rows


@_in_full_precision
def kernel_distance(
    features: ArrayLike, reference: ArrayLike, *, degree: int = 3, gamma: float | None = None, coef0: float = 1.0
) -> KernelDistance:
    """`jaxgan.metrics.kernel_distance`: the value and its standard error, each an array [].

    Holds n^2 + n m + m^2 kernels. The error in float32 is about 1e-6 of the largest kernel: some 1e-5 for features of
    unit variance, and useless for features far from the origin, on which the kernel depends.

    Raises:
      ValueError: other shapes, fewer than 4 rows, or a degree below 1.

    Example:
      >>> x = jax.random.normal(jax.random.key(0), (3, 100, 4))  # three seeds against one reference
      >>> found = jax.vmap(kernel_distance, in_axes=(0, None))(x + 1, x[0])
      >>> found.value.shape, bool((found.value > 5 * found.standard_error).all())
      ((3,), True)
    """
    x, y = _pair(features, reference, least=4)
    if degree < 1:
        raise ValueError(f"degree must be a whole number of at least 1, got {degree}")
    settings = degree, 1 / x.shape[1] if gamma is None else gamma, coef0
    level = kernel_of(jnp.mean(x, axis=0)[None], jnp.mean(y, axis=0)[None], *settings)
    pairs = ((x, x, 0), (y, y, 0), (x, y, None))
    return KernelDistance(*distance_of_sums(*(sums_of(kernel_of(a, b, *settings) - level, at) for a, b, at in pairs)))


@_in_full_precision
def prdc(features: ArrayLike, reference: ArrayLike, *, k: int = 5, strict: bool = False) -> PRDC:
    """`jaxgan.metrics.prdc`: precision, recall, density and coverage, each an array [].

    Holds n^2 + n m + m^2 squared distances. Distances are equal if they differ by less than their rounding, a few
    sqrt(d) eps of the squared lengths around the reference's mean: in float32 1e-6 to 1e-5, so pairs so near the edge
    of a ball count, or do not if `strict`. The functions of the host settle these in float64.

    Raises:
      ValueError: other shapes, k < 1, or at most k rows.

    Example:
      >>> x = jnp.arange(6.0)[:, None]
      >>> found = jax.jit(prdc, static_argnames="k")(x[:3] + 0.25, x, k=1)
      >>> f"{found.precision:.3f} {found.recall:.3f} {found.density:.3f} {found.coverage:.3f}"
      '1.000 0.667 2.000 0.667'
    """
    if k < 1:
        raise ValueError(f"k must be a whole number of at least 1, got {k}")
    x, r = _pair(features, reference, least=k + 1)
    centre = jnp.mean(r, axis=0)[None]
    x, r = x - centre, r - centre
    lengths = jnp.sum(x**2, axis=1)[:, None] + jnp.sum(r**2, axis=1)[None]
    rounding = 4 * math.sqrt(x.shape[1]) * jnp.finfo(x.dtype).eps * lengths
    apart = squared_distances(x, r) + (rounding if strict else -rounding)
    within = jnp.less if strict else jnp.less_equal
    around_reference, around_features = within(apart, _radii(r, k)[None]), within(apart, _radii(x, k)[:, None])
    holds, held = jnp.any(around_reference, axis=0), jnp.any(around_features, axis=0)
    return shares_of(Inside(jnp.sum(around_reference, axis=1), holds, held), k)


def _radii(x: Float[Array, "n d"], k: int) -> Float[Array, " n"]:
    """The squared distance of each row to its k-th nearest other row."""
    apart = jnp.where(jnp.eye(len(x), dtype=bool), jnp.inf, squared_distances(x, x))
    return -jax.lax.top_k(-apart, k)[0][:, -1]


@_in_full_precision
def sliced_wasserstein(
    key: Key, features: ArrayLike, reference: ArrayLike, *, directions: int = 1000
) -> SlicedWasserstein:
    """`jaxgan.metrics.sliced_wasserstein`, each field an array []; 64 directions at a time.

    The directions of a key are those of `jax.random`, others than of the function of the host, so that the two differ
    by their `standard_error`. On the same directions they agree: in float32 to about 1e-6 of the squared features.

    Raises:
      ValueError: other shapes, or fewer than 1 direction.

    Example:
      >>> x = jnp.arange(5.0)[:, None]
      >>> float(jax.jit(sliced_wasserstein)(jax.random.key(0), x + 2, x).mind)  # 3 |s|^2
      12.0
    """
    x, y = _pair(features, reference, least=1)
    if directions < 1:
        raise ValueError(f"directions must be a whole number of at least 1, got {directions}")
    u = jax.random.normal(key, (directions, x.shape[1]), x.dtype)
    u = u / jnp.linalg.norm(u, axis=1, keepdims=True)
    squares = jax.lax.map(lambda one: squares_on_lines(x @ one[:, None], y @ one[:, None])[0], u, batch_size=_LINES)
    mean = jnp.mean(squares)
    error = jnp.std(squares, ddof=1) / math.sqrt(directions) if directions > 1 else jnp.full((), jnp.nan)
    found: tuple[Any, ...] = mean, error, 3 * x.shape[1] * mean
    return SlicedWasserstein(*found)


@_in_full_precision
def vendi_score(features: ArrayLike, *, order: float = 1.0) -> Float[Array, ""]:
    """`jaxgan.metrics.vendi_score` of features [n, d]; NaN if a row has length 0.

    Eigenvalues below 1e-6 of their sum count as zero in float32, in float64 below 1e-12. In float32 the score has a
    relative error of about 1e-5 at an order of 1 or more; small orders count the eigenvalues that are lost.

    Raises:
      ValueError: another shape, or an order below 0.

    Example:
      >>> f"{jax.vmap(vendi_score)(jnp.stack([jnp.eye(3), jnp.ones((3, 3))]))[0]:.4f}"
      '3.0000'
    """
    x = _features("features", features, 1)
    if order < 0:
        raise ValueError(f"order must be at least 0, got {order}")
    unit = x / jnp.linalg.norm(x, axis=1, keepdims=True)
    similarity = unit @ unit.T if len(x) < x.shape[1] else unit.T @ unit
    return jnp.asarray(effective_number(jnp.linalg.eigvalsh(similarity / jnp.trace(similarity)), order))


def _features(name: str, features: ArrayLike, least: int) -> Float[Array, "n d"]:
    x = jnp.asarray(features, float)
    if x.ndim != 2 or len(x) < least or not x.shape[1]:
        raise ValueError(f"{name} must be features [n, d] with n >= {least} and d >= 1, got shape {x.shape}")
    return x


def _pair(features: ArrayLike, reference: ArrayLike, least: int) -> tuple[Float[Array, "n d"], Float[Array, "m d"]]:
    x, r = _features("features", features, least), _features("reference", reference, least)
    if x.shape[1] != r.shape[1]:
        raise ValueError(f"features and reference must have the same dimension, got shapes {x.shape} and {r.shape}")
    return x, r
