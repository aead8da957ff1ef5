"""Helpers shared by several terms."""

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Float

from jaxgan.types import Array, Step, View

Coefficient = float | Callable[[Step], Float[Array, ""]]
"""A number, or a schedule as a function of `view.step`."""


def at(coefficient: Coefficient, view: View) -> Any:
    return coefficient(view.step) if callable(coefficient) else coefficient


def squared_slopes(critic: Callable[[Array], Array], x: Float[Array, "n ..."]) -> Float[Array, " decisions"]:
    """|grad D|^2 of each decision with respect to its whole input: [decisions].

    >>> squared_slopes(lambda x: 3 * x.reshape(2, 2).sum(axis=1), jnp.ones((4, 1))).tolist()  # packs of two
    [18.0, 18.0]
    """
    logits, pull = jax.vjp(critic, x)
    patches = math.prod(logits.shape[1:])
    (gradient,) = pull(jnp.full_like(logits, 1 / patches))
    return jnp.sum(gradient.reshape(logits.shape[0], -1) ** 2, axis=1)


def slopes(critic: Callable[[Array], Array], x: Float[Array, "n ..."]) -> Float[Array, " decisions"]:
    return root(squared_slopes(critic, x))


def root(squares: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """The square root, with derivative 0 at 0. The inner `where` keeps the infinite derivative out of both branches."""
    positive = squares > 0
    return jnp.where(positive, jnp.sqrt(jnp.where(positive, squares, 1.0)), 0.0)


def by_decision(key: Any, view: View) -> Float[Array, "n ..."]:
    """One uniform number per decision on the real batch, shaped to multiply the batch's examples."""
    n, decisions = view.real.shape[0], view.real_logits.shape[0]
    share = jnp.repeat(jax.random.uniform(key, (decisions,), view.real.dtype), n // decisions)
    return share.reshape(n, *[1] * (view.real.ndim - 1))


def flat(x: Float[Array, "n ..."]) -> Float[Array, "n d"]:
    return x.reshape(x.shape[0], -1)
