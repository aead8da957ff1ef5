"""Convolutions that double or halve an image, against the two steps that they are made of."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from jaxgan.nn.resnet import doubled, halved, of_doubled, then_halved
from jaxgan.types import Array


def same(x: Array, kernel: Array) -> Array:
    return lax.conv_general_dilated(x, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))


@pytest.mark.parametrize("channels", [3, 40])  # on both sides of the number at which the formulation changes
@pytest.mark.parametrize(
    ("ours", "steps"),
    [(of_doubled, lambda x, w: same(doubled(x), w)), (then_halved, lambda x, w: halved(same(x, w)))],
    ids=["doubled", "halved"],
)
def test_value_and_two_derivatives_are_those_of_the_steps(ours: Callable, steps: Callable, channels: int) -> None:
    rng = np.random.default_rng(0)
    # Few bits each: float32 holds every sum, also of the quarters, in any order.
    x = jnp.array(rng.integers(-1, 2, (2, 6, 4, channels)), jnp.float32)
    w = jnp.array(rng.integers(-1, 2, (3, 3, channels, 5)), jnp.float32)

    def everything(f: Callable) -> tuple:
        def gradient(x: Array, w: Array) -> tuple[Array, Array]:
            return jax.grad(lambda x, w: jnp.sum(f(x, w) ** 2), (0, 1))(x, w)

        penalty = jax.grad(lambda x, w: sum(jnp.sum(jnp.sin(g)) for g in gradient(x, w)), (0, 1))
        return f(x, w), gradient(x, w), penalty(x, w)

    actual, expected = (jax.jit(everything, static_argnums=0)(f) for f in (ours, steps))
    jax.tree.map(np.testing.assert_array_equal, actual[:2], expected[:2])
    # Sines are no integers: sums of about a thousand products below 1e3 round at 1e-7 of them each.
    jax.tree.map(lambda a, e: np.testing.assert_allclose(a, e, rtol=1e-4, atol=0.05), actual[2], expected[2])


def test_other_strides_or_paddings_are_refused() -> None:
    x, w = jnp.ones((1, 4, 4, 2)), jnp.ones((3, 3, 2, 2))
    for given in ({"strides": (2, 2)}, {"padding": "VALID"}):
        with pytest.raises(ValueError, match=r"expected strides \(1, 1\) and padding 'SAME', got"):
            of_doubled(x, w, **given)
