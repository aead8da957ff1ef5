"""One step of training of every large network at 16 pixels, two seeds side by side, and the slope of R1."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxgan.dynamics import alternating
from jaxgan.game import adversarial_game, normal_prior
from jaxgan.losses import hinge
from jaxgan.nn import (
    NETWORKS,
    BigGANDiscriminator,
    BigGANGenerator,
    InfoGANDiscriminator,
    InfoGANGenerator,
    ResidualMLPDiscriminator,
    ResidualMLPGenerator,
    SNGANDiscriminator,
    SNGANGenerator,
    WGANGPDiscriminator,
    WGANGPGenerator,
)
from jaxgan.runs import run_seeds, seed_keys
from jaxgan.types import Array, Batch, Key

KEY = jax.random.key(0)

PAIRS: dict[str, tuple[Any, Any]] = {
    "sngan": (partial(SNGANGenerator, 16, 1, width=4), partial(SNGANDiscriminator, width=4)),
    "infogan": (partial(InfoGANGenerator, 16, 1, width=4), partial(InfoGANDiscriminator, width=4)),
    "wgan_gp_resnet": (partial(WGANGPGenerator, 16, 1, width=4), partial(WGANGPDiscriminator, width=4)),
    "biggan": (partial(BigGANGenerator, 16, 1, width=4, attention=8, embedding=4),
               partial(BigGANDiscriminator, width=4, attention=8)),
    "residual_mlp": (partial(ResidualMLPGenerator, 2, width=4), partial(ResidualMLPDiscriminator, width=4)),
}  # fmt: skip
KINDS = ((3, None), (0, "bfloat16"))  # classes and precision


def draw(shape: tuple[int, ...], classes: int, key: Key, n: int) -> Batch:
    x = jax.random.uniform(key, (n, *shape), minval=-1.0)
    return Batch(x, jax.random.randint(key, (n,), 0, classes)) if classes else Batch(x)


@pytest.mark.parametrize(
    ("name", "classes", "dtype"),
    [
        *((name, *kind) for name in ("infogan", "residual_mlp") for kind in KINDS),
        *(
            pytest.param(name, *kind, marks=pytest.mark.slow)
            for name in ("sngan", "wgan_gp_resnet", "biggan")
            for kind in KINDS
        ),
    ],
)
def test_a_step_of_two_seeds_is_finite_and_theirs_alone(name: str, classes: int, dtype: str | None) -> None:
    networks = [make(classes=classes, dtype=dtype) for make in PAIRS[name]]
    shape = (2,) if name == "residual_mlp" else (16, 16, 1)
    game = adversarial_game(networks[0], networks[1], normal_prior(6), hinge)
    algorithm = alternating(game, optax.sgd(0.1), optax.sgd(0.1), batch_size=4)
    done: Any = run_seeds(algorithm, partial(draw, shape, classes), seed_keys(KEY, 2), 1)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves((done.state, done.info)))
    params = done.state.params
    for own in params:
        kernels = [leaf for leaf in jax.tree.leaves(own) if leaf.ndim > 2 and not np.all(leaf == leaf[:, :1])]
        assert kernels and all(not np.array_equal(*leaf) for leaf in kernels)
    assert done.info.g_grad_norm.min() > 0 and done.info.d_grad_norm.min() > 0


def converged(module: Any, x: Array) -> Any:
    """Variables in float64, every parameter moved from where it starts, and singular vectors where they end.

    Their derivative is 0 there, as the layer takes it to be.
    """
    variables = jax.tree.map(lambda a: a.astype(jnp.float64), module.init(KEY, x, train=True))
    rng = np.random.default_rng(1)
    params = jax.tree.map(lambda a: a + 0.1 * rng.normal(size=a.shape), variables.pop("params"))

    def passed(i: Any, state: Any) -> Any:
        return {**state, **module.apply({"params": params, **state}, x, train=True, mutable=list(state))[1]}

    state = jax.lax.fori_loop(0, 200, passed, variables)
    return params, state


@pytest.mark.parametrize("name", PAIRS)
def test_the_penalty_on_the_gradient_of_a_discriminator_has_the_slope_of_differences(name: str, x64: None) -> None:
    """R1, E |grad D|^2, along a direction in the parameters: second derivatives, in float64."""
    module = PAIRS[name][1](**{"batch_norm": False} if name == "infogan" else {})
    x = jax.random.normal(KEY, (2, 2) if name == "residual_mlp" else (2, 16, 16, 1))

    @jax.jit
    def slope_and_difference() -> tuple[Array, Array]:
        params, state = converged(module, x)

        def penalty(params: Any) -> Array:
            def total(x: Array) -> Array:
                logits: Any = module.apply({"params": params, **state}, x, train=False)
                return jnp.sum(logits)

            return jnp.sum(jax.grad(total)(x) ** 2) / len(x)

        rng = np.random.default_rng(0)
        direction = jax.tree.map(lambda a: jnp.asarray(rng.normal(size=a.shape)), params)
        parts = jax.tree.map(lambda a, b: jnp.sum(a * b), jax.grad(penalty)(params), direction)
        steps = jnp.array([1e-6, -1e-6])
        values = jax.lax.map(lambda t: penalty(jax.tree.map(lambda a, d: a + t * d, params, direction)), steps)
        return jax.tree.reduce(jnp.add, parts), (values[0] - values[1]) / 2e-6

    slope, difference = slope_and_difference()
    assert abs(slope) > 1e-3
    np.testing.assert_allclose(slope, difference, rtol=1e-5)  # of differences of numbers near 1 in 64 bits


def test_they_are_the_registered_ones() -> None:
    assert set(PAIRS) <= set(NETWORKS)
    for name, (generator, discriminator) in PAIRS.items():
        found = NETWORKS[name]
        assert (found.generator, found.discriminator) == (generator.func, discriminator.func)
