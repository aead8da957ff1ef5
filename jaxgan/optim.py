"""The optax transformations that GANs need and optax lacks."""

from typing import Any

import jax
import jax.numpy as jnp
import optax

from jaxgan.checks import check_coefficient


def clip_params(limit: float) -> optax.GradientTransformation:
    """Keeps every parameter in [-limit, limit]: the last link of a chain, it clips what the update would lead to.

    update <- clip(params + update, -limit, limit) - params, so parameters are in the box after every update (to one
    rounding) and before the next evaluation, as in algorithm 1 of Arjovsky et al. 2017. The authors' code clips
    before an update instead, so that the generator there meets a critic one update outside of the box. Rules that move
    parameters beyond what an optimizer says, `optimistic` and `lookahead`, do not keep to the box.

    Raises:
      ValueError: a limit that is negative or not finite; when updating, no parameters.

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
