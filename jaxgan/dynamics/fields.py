"""Vector fields for update rules to follow, derived from the joint gradient of a game: `Field` -> `Field`.

Rules move along minus the field: with w = (G, D) and F = (dL_G/dG, dL_D/dD), the flow is v = -F.
"""

from typing import Any

import jax
import jax.numpy as jnp

from jaxgan.checks import check_coefficient
from jaxgan.types import Field, Key, Players, Scalar


def consensus_field(field: Field, gamma: float = 10.0) -> Field:
    """F + d/dw (gamma/2 |F|^2): adds the exact gradient of the squared field with respect to both players' parameters.

    The added term is gamma J^T F, where J is the Jacobian of F. In a zero-sum game this shifts the eigenvalues of the
    flow to the left.
    Source: Mescheder et al. 2017, The Numerics of GANs, equation 10.

    Raises:
      ValueError: gamma is negative or not finite.

    Example:
      >>> import jaxgan as jg
      >>> field = consensus_field(jg.joint_gradient(jg.toy.dirac(jg.minimax)), gamma=1.0)
    """
    check_coefficient("gamma", gamma)

    def adjusted(key: Key, params: Players, *rest: Any) -> tuple[Players, Players]:
        def energy(params: Players) -> tuple[Scalar, tuple[Players, Players]]:
            gradient, seen = field(key, params, *rest)
            squares = [jnp.sum(leaf**2) for leaf in jax.tree.leaves(gradient)]
            return gamma / 2 * sum(squares, start=jnp.zeros(())), (gradient, seen)

        correction, (gradient, seen) = jax.grad(energy, has_aux=True)(params)
        return jax.tree.map(jnp.add, gradient, correction), seen

    return adjusted


def symplectic_field(field: Field, weight: float = 1.0, *, align: bool = False) -> Field:
    """F + weight A^T F, A = (J - J^T)/2 the antisymmetric part of F's Jacobian J: symplectic gradient adjustment.

    With `align`, `weight` takes the sign of <F, J^T F> <A^T F, J^T F> / d + 1/10, where d is the number of parameters,
    so that the adjustment does not push away from stable points.
    Source: Balduzzi et al. 2018, The Mechanics of n-Player Differentiable Games, algorithm 1.

    Raises:
      ValueError: weight is negative or not finite.

    Example:
      >>> import jaxgan as jg
      >>> field = symplectic_field(jg.joint_gradient(jg.toy.dirac(jg.minimax)))
    """
    check_coefficient("weight", weight)

    def adjusted(key: Key, params: Players, *rest: Any) -> tuple[Players, Players]:
        gradient, pull, seen = jax.vjp(lambda params: field(key, params, *rest), params, has_aux=True)
        (transposed,) = pull(gradient)  # J^T F
        _, forward, _ = jax.jvp(lambda params: field(key, params, *rest), (params,), (gradient,), has_aux=True)  # J F
        correction = jax.tree.map(lambda a, b: (a - b) / 2, transposed, forward)
        signed: Any = weight
        if align:
            size = sum(leaf.size for leaf in jax.tree.leaves(gradient))
            signed = weight * jnp.sign(_dot(gradient, transposed) * _dot(correction, transposed) / size + 0.1)
        return jax.tree.map(lambda g, c: g + signed * c, gradient, correction), seen

    return adjusted


def _dot(a: Players, b: Players) -> Scalar:
    products = jax.tree.map(lambda x, y: jnp.sum(x * y), a, b)
    return sum(jax.tree.leaves(products), start=jnp.zeros(()))
