"""Points uniform on convex polygons: data with a known density and a hard edge, so that precision is exact."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import Partial
from jaxtyping import Float
from numpy.typing import ArrayLike

from jaxgan.data.source import Polygons, Source
from jaxgan.types import Array, Batch, Key


def _draw(first: Array, edges: Array, shares: Array, key: Key, n: int) -> Batch:
    """Points first + s edge + t other edge of triangles that are chosen by their shares."""
    chosen_key, place_key = jax.random.split(key)
    chosen = jax.random.choice(chosen_key, len(shares), (n,), p=shares)
    place = jax.random.uniform(place_key, (n, 2))
    place = jnp.where(jnp.sum(place, axis=1, keepdims=True) > 1, 1 - place, place)  # the other half of a parallelogram
    return Batch(first[chosen] + jnp.einsum("ni,nid->nd", place, edges[chosen], precision="highest"))


def uniform_polygons(name: str, polygons: Sequence[ArrayLike]) -> Source:
    """Points of the plane, uniform on convex polygons that are equally probable.

        p(x) = 1/k sum_i [x in polygon i] / area_i

    Every batch is newly drawn, and there is no held-out set. `Source.polygons` has the corners, for
    `jaxgan.metrics.polygon_support` and `polygon_transport`.

    Args:
      name: of the data set.
      polygons: for each the corners [v, 2], v >= 3, counter-clockwise; v may differ. They must not overlap.

    Raises:
      ValueError: no polygon, or one that is not of that form, not convex or in another's way.

    Example:
      >>> square = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
      >>> source = uniform_polygons("pair", [square, square[:3] + 2])
      >>> source, source.polygons.areas.tolist()
      (Source(pair, unlimited of shape [2], 2 modes), [1.0, 0.5])
    """
    found = Polygons(_checked([np.asarray(one, np.float64) for one in polygons]))
    corners = found.corners
    first = np.broadcast_to(corners[:, :1], corners[:, 2:].shape)
    edges = np.stack([corners[:, 1:-1] - first, corners[:, 2:] - first], axis=2)  # a fan of triangles, v - 2 of each
    twice = edges[..., 0, 0] * edges[..., 1, 1] - edges[..., 0, 1] * edges[..., 1, 0]
    shares = twice / twice.sum(axis=1, keepdims=True) / len(corners)
    drawn = (jnp.asarray(part, jnp.float32) for part in (first.reshape(-1, 2), edges.reshape(-1, 2, 2), shares.ravel()))
    return Source(name, (2,), None, Partial(_draw, *drawn), polygons=found)


def polygons(count: int = 8, corners: int = 3, radius: float = 1.0, size: float = 0.25) -> Source:
    """`count` regular polygons on a circle, each with a corner pointing outwards: triangles by default.

    Convex polygons as data whose support is known are the idea of Lucic et al. 2018, Are GANs created equal?, whose
    triangles are images; these are points, whose density is known as well.

    Args:
      count: the number of polygons.
      corners: the number of corners of each, at least 3.
      radius: the radius of the circle on which the centres lie.
      size: the distance of a corner from its polygon's centre.

    Raises:
      ValueError: polygons that overlap, or numbers that make none.

    Example:
      >>> polygons().polygons.corners.shape, polygons().sample(jax.random.key(0), 5).x.shape
      ((8, 3, 2), (5, 2))
    """
    if count < 1 or corners < 3 or not size > 0:
        raise ValueError(f"expected polygons with 3 or more corners and a size, got {count}, {corners} and {size}")
    turns = 2 * np.pi * np.arange(count)[:, None] / count
    outwards = turns + 2 * np.pi * np.arange(corners) / corners
    at, reach = (np.stack([np.cos(angle), np.sin(angle)], axis=-1) for angle in (turns, outwards))
    return uniform_polygons("polygons", list(radius * at + size * reach))


def _checked(polygons: Sequence[np.ndarray]) -> Float[np.ndarray, "k v 2"]:
    """The corners of all in one array; those with fewer repeat the last."""
    for i, one in enumerate(polygons):
        if one.ndim != 2 or one.shape[1:] != (2,) or len(one) < 3 or not np.isfinite(one).all():
            raise ValueError(f"expected 3 or more finite corners [v, 2] of polygon {i}, got shape {list(one.shape)}")
        inner = _sides(one, one)
        if inner.min() < -1e-9 * np.abs(inner).max() or not inner.max() > 0:
            raise ValueError(f"polygon {i} is not convex with corners in counter-clockwise order")
        for j, other in enumerate(polygons[:i]):
            # Convex sets are apart if all of one lies beyond an edge of the other; they may share an edge.
            both = _sides(one, other), _sides(other, one)
            if not any((sides <= 1e-9 * np.abs(sides).max()).all(axis=1).any() for sides in both):
                raise ValueError(f"polygons {j} and {i} overlap")
    if not polygons:
        raise ValueError("expected at least one polygon")
    most = max(map(len, polygons))
    return np.stack([np.pad(one, ((0, most - len(one)), (0, 0)), mode="edge") for one in polygons])


def _sides(corners: Float[np.ndarray, "v 2"], x: Float[np.ndarray, "n 2"]) -> Float[np.ndarray, "v n"]:
    """On which side of each edge each point lies: above 0 on the inner side."""
    edges, apart = np.roll(corners, -1, axis=0) - corners, x[None] - corners[:, None]
    return edges[:, None, 0] * apart[..., 1] - edges[:, None, 1] * apart[..., 0]
