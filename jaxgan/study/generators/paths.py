"""Interpolation paths between two latents."""

import jax.numpy as jnp
from jaxtyping import Float

from jaxgan.types import Array

Places = int | Float[Array, " n"]
"""Positions on a path: t [n], or a number n of evenly spaced positions from 0 to 1."""


def linear_path(start: Float[Array, "*z"], end: Float[Array, "*z"], places: Places) -> Float[Array, "n ..."]:
    """Return the latents (1 - t) start + t end; in the middle, they are shorter than latents from the prior.

    Args:
      start, end: two latents of the same shape.
      places: t [n], or the number n of evenly spaced positions from 0 to 1.

    Raises:
      ValueError: if the shapes differ.

    Example:
      >>> linear_path(jnp.zeros(1), jnp.ones(1), 3).ravel().tolist()
      [0.0, 0.5, 1.0]
    """
    t = _times(places, start, end)
    return (1 - t) * start[None] + t * end[None]


def spherical_path(start: Float[Array, "*z"], end: Float[Array, "*z"], places: Places) -> Float[Array, "n ..."]:
    """Return latents on the great circle, (sin((1 - t) a) start + sin(t a) end) / sin(a).

    Here a is the angle between start and end. If the angle is 0 or pi, the circle is not unique and the path is linear.

    Source: White 2016, Sampling Generative Networks.

    Args:
      start, end: two latents of the same shape.
      places: t [n], or the number n of evenly spaced positions from 0 to 1.

    Raises:
      ValueError: if the shapes differ.

    Example:
      >>> path = spherical_path(jnp.array([1.0, 0.0]), jnp.array([0.0, 1.0]), jnp.array([0.0, 0.3, 1.0]))
      >>> [round(float(length), 4) for length in jnp.linalg.norm(path, axis=1)]
      [1.0, 1.0, 1.0]
    """
    t = _times(places, start, end)
    cosine = jnp.vdot(start, end) / (jnp.linalg.norm(start) * jnp.linalg.norm(end))
    angle = jnp.arccos(jnp.clip(cosine, -1.0, 1.0))
    arc = (jnp.sin((1 - t) * angle) * start[None] + jnp.sin(t * angle) * end[None]) / jnp.sin(angle)
    return jnp.where(jnp.abs(jnp.sin(angle)) > 1e-6, arc, linear_path(start, end, places))


def _times(places: Places, start: Array, end: Array) -> Array:
    """Return t [n, 1, ...] with an axis for each axis of the latents."""
    if start.shape != end.shape:
        raise ValueError(f"expected two latents of one shape, got shapes {list(start.shape)} and {list(end.shape)}")
    t = jnp.linspace(0.0, 1.0, places) if isinstance(places, int) else jnp.asarray(places)
    return t.reshape(-1, *(1 for _ in start.shape))
