"""Optax transformations and schedules that GANs need and optax lacks."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Float

from jaxgan.checks import check_coefficient, check_count
from jaxgan.types import Array, Step


def cosine_schedule(first: float, last: float, steps: int) -> Callable[[Step], Float[Array, ""]]:
    """A schedule that goes from `first` to `last` over half a cosine and then stays at `last`.

    last + (first - last) (1 + cos(pi min(step / steps, 1))) / 2. Either end may be 0.

    Raises:
      ValueError: a number is not finite, or steps is below 1.

    Example:
      >>> [round(float(cosine_schedule(0.9, 0.99, 100)(jnp.int32(step))), 4) for step in (0, 50, 100, 200)]
      [0.9, 0.945, 0.99, 0.99]
    """
    check_coefficient("first", first, lowest=None)
    check_coefficient("last", last, lowest=None)
    check_count("steps", steps)
    return lambda step: last + (first - last) / 2 * (1 + jnp.cos(jnp.pi * jnp.minimum(step / steps, 1.0)))


def clip_params(limit: float) -> optax.GradientTransformation:
    """Keeps every parameter in [-limit, limit]; it must come last in a chain, to clip the result of the whole update.

    update <- clip(params + update, -limit, limit) - params, so after every update (up to rounding), and before the next
    evaluation, the parameters are in the box, as in algorithm 1 of Arjovsky et al. 2017. The authors' code clips before
    an update instead, so their generator sees a critic that is one update outside the box. `optimistic` and
    `lookahead`, which move parameters beyond the optimizer's update, do not keep them in the box.

    Raises:
      ValueError: limit is negative or not finite; when updating, `params` is missing.

    Example:
      >>> tx = optax.chain(optax.sgd(1.0), clip_params(0.01))
      >>> updates, _ = tx.update(jnp.float32(-5.0), tx.init(jnp.float32(0.0)), jnp.float32(0.0))
      >>> round(float(updates), 6)
      0.01
    """
    check_coefficient("limit", limit)

    def update(updates: Any, state: optax.EmptyState, params: Any = None) -> tuple[Any, optax.EmptyState]:
        if params is None:
            raise ValueError("clip_params needs the parameters: call update(updates, state, params)")
        clipped = jax.tree.map(lambda u, p: jnp.clip(p + u, -limit, limit) - p, updates, params)
        return clipped, state

    return optax.GradientTransformation(lambda params: optax.EmptyState(), update)  # type: ignore[arg-type]
