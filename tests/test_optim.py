"""Parameters in a box, and the RMSprop of the papers."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxgan.optim import clip_params, cosine_schedule
from tests import golden

KEY = jax.random.key(0)


def test_clipped_parameters_stay_in_their_box() -> None:
    limit = 0.01
    tx = optax.chain(optax.sgd(1.0), clip_params(limit))
    params = {"a": jnp.array([0.0, 0.5, -0.3]), "b": jnp.array([[0.004], [-0.009]])}
    state = tx.init(params)
    expected = {name: np.asarray(leaf) for name, leaf in params.items()}
    for key in jax.random.split(KEY, 20):
        gradient = jax.tree.map(lambda a, key=key: 0.01 * jax.random.normal(key, a.shape), params)
        updates, state = jax.jit(tx.update)(gradient, state, params)
        params = optax.apply_updates(params, updates)
        expected = jax.tree.map(lambda p, g: np.clip(p - g, -limit, limit), expected, gradient)
        # one rounding of numbers up to 0.5 at first; the roundings of later updates stay where nothing is clipped
        jax.tree.map(functools.partial(np.testing.assert_allclose, atol=3e-8), params, expected)
    flat = np.abs(np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(params)]))
    assert flat.max() <= limit * (1 + 2**-23) and np.any(flat < 0.9 * limit)


def test_clipping_needs_the_parameters() -> None:
    tx = clip_params(0.01)
    with pytest.raises(ValueError, match="clip_params needs the parameters"):
        tx.update(jnp.zeros(2), tx.init(jnp.zeros(2)))


@pytest.mark.parametrize("limit", [-0.01, float("nan"), float("inf")])
def test_other_limits_raise(limit: float) -> None:
    with pytest.raises(ValueError, match=f"limit must be a finite number of at least 0, got {limit}"):
        clip_params(limit)


def path(**options: Any) -> np.ndarray:
    tx = optax.rmsprop(5e-5, **options)
    params = jnp.zeros(3)
    state, params_at = tx.init(params), []
    for gradient in golden.RMSPROP_GRADIENTS:
        updates, state = tx.update(jnp.asarray(gradient, jnp.float32), state, params)
        params = jnp.asarray(optax.apply_updates(params, updates))
        params_at.append(params)
    return np.stack(params_at)


def test_optaxs_rmsprop_with_eps_outside_of_the_root_is_torchs() -> None:
    # 32 bits, where terms of both signs add up to a fifth of them
    np.testing.assert_allclose(path(decay=0.99, eps=1e-8, eps_in_sqrt=False), golden.RMSPROP, rtol=1e-5)
    inside = path(decay=0.99, eps=1e-8)
    assert np.all(np.abs(inside[:, 2]) < 0.01 * np.abs(golden.RMSPROP[:, 2]))  # a small gradient moves next to nothing
    assert np.all(np.abs(path() / golden.RMSPROP - 1) > 0.5)  # nor are optax's defaults


def test_a_cosine_goes_from_one_end_to_the_other_and_stays() -> None:
    for first, last in ((2e-4, 5e-5), (0.0, 5e6), (0.9, 0.99)):
        schedule = cosine_schedule(first, last, 40)
        found = [float(schedule(jnp.int32(step))) for step in (0, 10, 20, 40, 41, 1000)]
        # cos(pi / 4) = 1 / sqrt(2) a quarter of the way
        quarter = (first + last) / 2 + (first - last) / 2 / np.sqrt(2)
        np.testing.assert_allclose(found, [first, quarter, (first + last) / 2, last, last, last], rtol=1e-5)
    with pytest.raises(ValueError, match="steps must be a whole number of at least 1, got 0"):
        cosine_schedule(0.0, 1.0, 0)
    with pytest.raises(ValueError, match="last must be a finite number, got nan"):
        cosine_schedule(0.0, float("nan"), 10)
