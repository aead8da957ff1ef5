"""Common functions of pytrees of arrays."""

from typing import Any

import jax
import jax.numpy as jnp

from jaxgan.types import PyTree, Scalar


def norm(tree: Any) -> Scalar:
    """The Euclidean norm of a pytree without underflow or overflow: m |tree / m| with m the largest entry.

    The plain root of the sum of squares is 0 for float32 entries of 1e-30, just where a vanishing gradient has
    to be measured. NaN and infinite entries give NaN and infinity.

    Example:
      >>> round(float(norm({"w": jnp.full((4,), 1e-30)})) * 1e30, 3)
      2.0
    """
    leaves = [jnp.ravel(leaf) for leaf in jax.tree.leaves(tree) if leaf.size]
    if not leaves:  # a network without parameters
        return jnp.zeros(())
    largest = jnp.max(jnp.stack([jnp.max(jnp.abs(leaf)) for leaf in leaves]))
    scale = jnp.where((largest > 0) & jnp.isfinite(largest), largest, 1.0)
    root = jnp.sqrt(sum(jnp.sum(jnp.square(leaf / scale)) for leaf in leaves))
    return jnp.where(jnp.isfinite(largest), scale * root, largest)


def like(old: PyTree, new: PyTree) -> PyTree:
    """`new` in the types of `old`, as what is carried from step to step has to keep them.

    Example:
      >>> like({"n": jnp.int32(0)}, {"n": jnp.float32(2.0)})["n"].dtype
      dtype('int32')
    """
    return jax.tree.map(lambda new, old: new if new.dtype == old.dtype else new.astype(old.dtype), new, old)
