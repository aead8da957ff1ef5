"""Programs that run once are compiled in less time, to the same numbers."""

import jax
import numpy as np
import optax
import pytest

import jaxgan as jg
from jaxgan.compiler import jit_once
from jaxgan.runs.run import start_runs


@pytest.mark.slow
def test_initial_weights_have_equal_bits() -> None:
    """Those that XLA's own level gives: the default one of users, not that of tests."""
    networks = jg.nn.DCGANGenerator(8, 1, width=8), jg.nn.DCGANDiscriminator(width=8)
    game = jg.adversarial_game(*networks, jg.normal_prior(4), jg.non_saturating)
    algorithm = jg.alternating(game, optax.adam(1e-3), optax.adam(1e-3), batch_size=8)
    keys = jg.seed_keys(jax.random.key(0), 3)

    def begin(keys: jax.Array) -> jg.Players:
        return start_runs(algorithm, jg.data.digits().sample, keys).params

    jax.config.update("jax_disable_most_optimizations", False)
    try:
        quick, usual = jit_once(begin)(keys), jax.jit(begin)(keys)
    finally:
        jax.config.update("jax_disable_most_optimizations", True)
    jax.tree.map(np.testing.assert_array_equal, quick, usual)
