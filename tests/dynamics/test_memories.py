"""What a state keeps beside its parameters: slow weights, averages, and the memories of terms and augmentations."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxgan import toy
from jaxgan.augment import adaptive
from jaxgan.dynamics import (
    alternating,
    averaged,
    best_generator,
    consensus,
    extragradient,
    lookahead,
    simultaneous,
    symplectic,
    unrolled,
)
from jaxgan.game import adversarial_game, normal_prior
from jaxgan.losses import minimax, non_saturating
from jaxgan.networks import AUGMENT, TERMS
from jaxgan.nn import MLPDiscriminator, MLPGenerator
from jaxgan.terms import lecam
from jaxgan.types import Algorithm, State
from tests.dynamics.steps import KEY, along, first, flat, step, uniform


def test_lookahead_by_hand_and_around_and_inside_an_average() -> None:
    tx = optax.sgd(0.5)  # exact arithmetic
    plain = simultaneous(toy.bilinear(start=(4.0, 8.0)), tx, tx, batch_size=1)
    fast, slow = [[8, 6], [7.5, 5], [10, 1.25]], [[4, 8], [7.5, 5], [7.5, 5]]  # (8, 6) goes to (11, 2)
    for algorithm, averages in (
        (lookahead(plain, k=2, alpha=0.5), None),
        # 9 of 10 parts of the new generator at first, then 9 of 11 and 9 of 12
        (averaged(lookahead(plain, k=2, alpha=0.5), 0.75), [7.6, 82.7 / 11, 20.675 / 11 + 7.5]),  # of where it is back
        (lookahead(averaged(plain, 0.75), k=2, alpha=0.5), [7.6, 114.2 / 11, 28.55 / 11 + 7.5]),  # of what went ahead
    ):
        state = first(algorithm)
        for i in range(3):
            after, _ = step(algorithm, state)
            assert jax.tree.map(jnp.shape, after) == jax.tree.map(jnp.shape, state)
            state = after
            np.testing.assert_array_equal(flat(state.params), fast[i])
            np.testing.assert_array_equal(flat(state.opt_state.params), slow[i])
            if averages is not None:
                # tenths and elevenths are no 32-bit numbers
                np.testing.assert_allclose(flat(best_generator(state)), averages[i], rtol=1e-6)
        seen = along(algorithm, 3, see=lambda state: (state.params, state.opt_state.params))
        np.testing.assert_array_equal(seen, np.concatenate([fast, slow], axis=1))


def test_lookahead_leaves_the_optimizers_of_its_rule_alone() -> None:
    adam = simultaneous(toy.dirac(minimax), optax.adam(0.1), optax.adam(0.1), batch_size=1)
    seen = along(lookahead(adam, k=2), 5, see=lambda state: [one[0].count for one in state.opt_state.fast])
    np.testing.assert_array_equal(seen.T, [[1, 2, 3, 4, 5]] * 2)


@pytest.mark.parametrize(
    ("rule", "updates"),
    [
        (functools.partial(alternating, d_steps=2), 2),
        (functools.partial(unrolled, unroll_steps=2), 1),
        (simultaneous, 1),
        (extragradient, 1),
        (functools.partial(consensus, gamma=0.1), 1),
        (lambda *args, **options: lookahead(symplectic(*args, **options), k=2), 1),
    ],
    ids=["alternating", "unrolled", "simultaneous", "extragradient", "consensus", "lookahead of symplectic"],
)
def test_memories_move_once_an_update_in_every_rule(rule: Callable[..., Algorithm], updates: int) -> None:
    networks = MLPGenerator(1, hidden=()), MLPDiscriminator(hidden=())
    augmentation = adaptive(lambda key, x: x + 1, target=-0.9, images=128)  # logits of both signs: p always grows
    terms = (lecam(0.3, 0.9),)
    game = adversarial_game(*networks, normal_prior(2), non_saturating, d_terms=terms, augment=augmentation)
    algorithm = rule(game, optax.sgd(0.1), optax.sgd(0.1), batch_size=16)

    def memories(state: State) -> Any:
        return [state.model_state.discriminator[name] for name in (TERMS, AUGMENT)]

    seen = along(algorithm, 3, uniform, memories)
    real, fake, weight, p = seen.T
    counts = updates * np.arange(1, 4)
    # 32-bit numbers
    np.testing.assert_allclose(weight, 1 - 0.9**counts, rtol=1e-6)
    np.testing.assert_allclose(p, counts * 16 / 128, rtol=1e-6)
    assert np.isfinite(seen).all() and np.all(np.diff(real) != 0) and np.all(np.diff(fake) != 0)


def test_an_average_is_not_kept_twice() -> None:
    descent = simultaneous(toy.dirac(minimax), optax.sgd(0.1), optax.sgd(0.1), batch_size=1)
    with pytest.raises(ValueError, match="keeps an average of the generator already"):
        averaged(averaged(descent, 0.9), 0.5).init(KEY, toy.origin())
