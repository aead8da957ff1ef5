"""Precision, recall and transport for points that are uniform on disjoint convex polygons: an exact support."""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float, Float64
from numpy.typing import ArrayLike

from jaxgan.metrics.inputs import AnyArray, checked_features, generator
from jaxgan.metrics.mixtures import MixtureTransport, check_draws, covered
from jaxgan.metrics.modes import CAPTURED_SHARE, ModeReport, report_of
from jaxgan.metrics.transport import wasserstein2
from jaxgan.types import Array, Key

_EDGE = 1e-6  # of the polygons' extent: points on an edge in float32 count as inside


class PolygonSupport(NamedTuple):
    """Probabilities. For samples of the data precision is 1, and recall 1 - alpha in expectation."""

    precision: float  # share of samples inside a polygon: exact
    recall: float  # share of the data within `radius` of a sample
    radius: float  # 1 - alpha of the data is within this radius of n points of its own


def polygon_log_density(x: ArrayLike, corners: ArrayLike) -> Float64[np.ndarray, " n"]:
    """log p(x) of points [n, 2], uniform on each of k equally probable polygons [k, v, 2]; nats, -inf outside.

        p(x) = 1/k sum_i [x in polygon i] / area_i

    Raises:
      ValueError: other shapes, or numbers that are not finite.

    >>> square = [[0.0, 0.0], [2.0, 0.0], [2.0, 2.0], [0.0, 2.0]]
    >>> np.exp(polygon_log_density([[1.0, 1.0], [3.0, 1.0]], [square])).tolist()
    [0.25, 0.0]
    """
    points, shapes = _checked(x, corners)
    _, twice = _fans(shapes)
    with np.errstate(divide="ignore"):
        return np.log(inside(points, shapes) @ (2 / twice.sum(axis=1)) / len(shapes))


def polygon_report(
    x: Float[Array, "n 2"], corners: Float[Array, "k v 2"], *, captured_share: float = CAPTURED_SHARE
) -> ModeReport:
    """`mode_report` with polygons in place of Gaussians: a sample inside a polygon has high quality and counts for it.

    `high_quality` is the exact precision, 1 for samples of the data. `spread` is the root mean square distance from the
    centre of a sample's polygon, relative to that of uniform points: 1 for samples of the data. For `jit` and `vmap`.

    Example:
      >>> corners = jnp.array([[[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]], [[5.0, 0.0], [6.0, 0.0], [5.0, 1.0]]])
      >>> report = polygon_report(jnp.array([[0.2, 0.2], [0.9, 0.9]]), corners)
      >>> report.shares.tolist(), float(report.high_quality), int(report.captured)
      ([0.5, 0.0], 0.5, 1)
    """
    held = inside(x, corners)
    triangles, twice = _fans(corners)
    parts = (twice / jnp.sum(twice, axis=1, keepdims=True))[..., None]
    middle = jnp.mean(triangles, axis=2)  # [k, triangle, 2]
    centres = jnp.sum(parts * middle, axis=1)
    # Of a triangle the mean of |x - c|^2 is that of its centroid, and a twelfth of the sum of the corners' around it.
    within = jnp.sum((triangles - middle[:, :, None]) ** 2, axis=(2, 3))[..., None] / 12
    across = jnp.sum((middle - centres[:, None]) ** 2, axis=2, keepdims=True)
    usual = jnp.sum(parts * (within + across), axis=(1, 2))
    squares = jnp.sum((x[:, None] - centres[None]) ** 2, axis=2) / usual[None]
    counts, squares = jnp.sum(held, axis=0, dtype=float), jnp.sum(jnp.where(held, squares, 0.0))
    return report_of(counts, len(x), squares, captured_share=captured_share)


def polygon_support(
    key: Key, samples: ArrayLike, corners: ArrayLike, *, alpha: float = 0.05, draws: int = 20_000
) -> PolygonSupport:
    """The share of samples [n, 2] inside the polygons [k, v, 2], and the share of the data that the samples cover.

        precision = share of samples inside a polygon
        recall    = P(min_i |y - x_i| <= r) for y from the data,   r: the same is 1 - alpha for n points of the data

    Precision is exact: no draw, no neighbours, no threshold but 1e-6 of the extent for the rounding of float32. In
    Lucic et al. it is the share of samples near the manifold, and recall the share of test examples that the generator
    comes near to, found by inverting it. Here recall is by covering, as in `mixture_support`: it needs samples alone,
    and asks whether the data are as near to them as to n points of their own. Its standard error from the draws is
    sqrt(alpha (1 - alpha) / draws), and it has the error of the single draw of n that sets the radius.

    Args:
      key: for the draws from the data.
      samples: [n, 2].
      corners: [k, v, 2], counter-clockwise, as of `Source.polygons.corners`.
      alpha: the share of the data farther than the radius.
      draws: the number of points used to estimate recall.

    Raises:
      ValueError: other shapes, numbers that are not finite, or an alpha outside (0, 1).
    Source: Lucic et al. 2018, Are GANs created equal? A large-scale study, section 5, for triangles.

    >>> import jax
    >>> corners, rng = [[[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]], np.random.default_rng(0)
    >>> found = polygon_support(jax.random.key(0), rng.uniform(size=(1000, 2)) * [0.5, 1.25], corners)
    >>> f"{found.precision:.1f} {found.recall:.1f}"  # a fifth too high, and half of the square is missing
    '0.8 0.5'
    """
    x, shapes = _checked(samples, corners)
    check_draws(alpha, draws)
    rng = generator(key)
    y, own = (_draw(rng, shapes, count) for count in (draws, len(x)))
    return PolygonSupport(float(np.mean(inside(x, shapes).any(axis=1))), *covered(x, own, y, alpha))


def polygon_transport(key: Key, samples: ArrayLike, corners: ArrayLike) -> MixtureTransport:
    """The exact Wasserstein-2 distance from samples [n, 2] to n points of the data, and between two such draws.

    Both use `wasserstein2`, so n is at most 5,000. It is a distance between finite sets: that to the distribution
    itself has no closed form, and both of these exceed it.

    Raises:
      ValueError: other shapes, more than 5,000 samples, or numbers that are not finite.

    >>> import jax
    >>> found = polygon_transport(jax.random.key(0), np.zeros((100, 2)), [[[3.0, 0.0], [3.1, 0.0], [3.0, 0.1]]])
    >>> f"{found.distance:.1f}"
    '3.0'
    """
    x, shapes = _checked(samples, corners)
    rng = generator(key)
    draw, other = _draw(rng, shapes, len(x)), _draw(rng, shapes, len(x))
    return MixtureTransport(wasserstein2(x, draw), wasserstein2(other, draw), len(x))


def inside(x: Float[AnyArray, "n 2"], corners: Float[AnyArray, "k v 2"]) -> Bool[AnyArray, "n k"]:
    """Which points lie in which convex polygons, of NumPy or JAX; their edges count.

    Example:
      >>> inside(np.array([[0.2, 0.2], [1.0, 1.0]]), np.array([[[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]])).tolist()
      [[True], [False]]
    """
    xp = x.__array_namespace__()
    edges = xp.roll(corners, -1, axis=1) - corners
    lengths = xp.sqrt(xp.sum(edges**2, axis=2))
    apart = x[:, None, None] - corners[None]
    sides = edges[None, ..., 0] * apart[..., 1] - edges[None, ..., 1] * apart[..., 0]
    extent = xp.max(xp.abs(corners - xp.mean(corners, axis=(0, 1))[None, None]))
    return xp.all(sides >= -_EDGE * extent * lengths[None], axis=2)  # always true of an edge of length 0


def _fans(corners: Float[AnyArray, "k v 2"]) -> tuple[Float[AnyArray, "k t 3 2"], Float[AnyArray, "k t"]]:
    """The triangles between the first corner and each edge, and twice their areas."""
    xp = corners.__array_namespace__()
    first = xp.broadcast_to(corners[:, :1], corners[:, 2:].shape)
    triangles = xp.stack([first, corners[:, 1:-1], corners[:, 2:]], axis=2)
    one, other = triangles[:, :, 1] - first, triangles[:, :, 2] - first
    return triangles, one[..., 0] * other[..., 1] - one[..., 1] * other[..., 0]


def _draw(rng: np.random.Generator, corners: Float64[np.ndarray, "k v 2"], n: int) -> Float64[np.ndarray, "n 2"]:
    triangles, twice = _fans(corners)
    shares = (twice / twice.sum(axis=1, keepdims=True) / len(corners)).ravel()
    chosen = triangles.reshape(-1, 3, 2)[rng.choice(len(shares), size=n, p=shares)]
    s, t = np.sort(rng.uniform(size=(2, n, 1)), axis=0)  # spacings of two uniform numbers are uniform on a triangle
    return s * chosen[:, 0] + (t - s) * chosen[:, 1] + (1 - t) * chosen[:, 2]


def _checked(samples: ArrayLike, corners: ArrayLike) -> tuple[Float64[np.ndarray, "n 2"], Float64[np.ndarray, "k v 2"]]:
    x, shapes = checked_features("samples", samples), np.asarray(corners, np.float64)
    if x.shape[1] != 2 or shapes.ndim != 3 or shapes.shape[1] < 3 or shapes.shape[2] != 2 or not len(shapes):
        raise ValueError(f"expected samples [n, 2] and corners [k, v, 2], got shapes {x.shape} and {shapes.shape}")
    _, twice = _fans(shapes)
    if not np.isfinite(shapes).all() or (twice < 0).any() or not twice.sum(axis=1).all():
        raise ValueError("corners must be finite, of convex polygons and counter-clockwise")
    return x, shapes
