"""Paths between two latents."""

import jax.numpy as jnp

from jaxgan.types import Array


def linear_path(start: Array, end: Array, n: int) -> Array:
    """n latents (1 - t) start + t end, t from 0 to 1. In the middle they are shorter than the prior's."""
    t = jnp.linspace(0.0, 1.0, n).reshape(n, 1)
    return (1 - t) * start.reshape(1, -1) + t * end.reshape(1, -1)


def spherical_path(start: Array, end: Array, n: int) -> Array:
    """n latents on the great circle: (sin((1 - t) a) start + sin(t a) end) / sin(a), a the angle between them.

    Where the angle is 0 or pi, which leaves the circle open, the linear path.

    Source: White 2016, Sampling Generative Networks.

    Example:
      >>> path = spherical_path(jnp.array([1.0, 0.0]), jnp.array([0.0, 1.0]), 3)
      >>> [round(float(length), 4) for length in jnp.linalg.norm(path, axis=1)]
      [1.0, 1.0, 1.0]
    """
    cosine = jnp.vdot(start, end) / (jnp.linalg.norm(start) * jnp.linalg.norm(end))
    angle = jnp.arccos(jnp.clip(cosine, -1.0, 1.0))
    t = jnp.linspace(0.0, 1.0, n).reshape(n, 1)
    arc = (jnp.sin((1 - t) * angle) * start.reshape(1, -1) + jnp.sin(t * angle) * end.reshape(1, -1)) / jnp.sin(angle)
    return jnp.where(jnp.abs(jnp.sin(angle)) > 1e-6, arc, linear_path(start, end, n))
