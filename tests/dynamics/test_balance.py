"""Balance of skill: who is held back, when, and what of a player that is held back stays as it is."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxgan import toy
from jaxgan.checkpoint import load, save
from jaxgan.dynamics import (
    alternating,
    averaged,
    balanced,
    extragradient,
    lookahead,
    optimistic,
    simultaneous,
    unrolled,
    update_player,
)
from jaxgan.losses import non_saturating
from jaxgan.losses.parts import accuracy_of
from jaxgan.random import named_key
from jaxgan.runs.loop import fit
from jaxgan.runs.run import run, seed_keys, start_runs
from jaxgan.types import Algorithm, Array, Batch, Evaluation, Game, Key, Players, State, Step

KEY, ORIGIN, SGD = jax.random.key(0), toy.origin(), optax.sgd(1.0)


def scripted(start: float) -> Game:
    """D = psi is right on every example where psi > 0, on none where psi < 0; L_D = -psi, L_G = theta psi.

    Each evaluation counts, in its player's model state.
    """

    def objective(
        player: str, key: Key, params: Players, model_state: Players, batch: Batch, num_fake: int, step: Step
    ) -> tuple[Array, Evaluation]:
        theta, psi = params
        value = -psi if player == "discriminator" else theta * psi
        state = {"seen": getattr(model_state, player)["seen"] + 1}
        return value, Evaluation((value,), state, jnp.full(4, psi), jnp.full(4, -psi))

    def init(key: Key, batch: Batch) -> tuple[Players, Players]:
        seen = {"seen": jnp.int32(0)}
        return Players(jnp.float32(0.0), jnp.float32(start)), Players(seen, seen)

    return Game(init, partial(objective, "generator"), partial(objective, "discriminator"), lambda *_: jnp.zeros(1))


def apart(start: float = 2.0) -> Game:
    """Uniform data and generator, whose means are apart: a small GAN, whose discriminator is right at first."""
    return toy.gaussian_mean(non_saturating, draw=lambda key, shape: jax.random.uniform(key, shape), start=(start, 0.0))


def uniform(key: Key, n: int) -> Batch:
    return Batch(jax.random.uniform(key, (n, 1)))


ADAM = partial(optax.adam, eps_root=1e-16)
RULES: dict[str, Callable[..., Algorithm]] = {
    "alternating": partial(alternating, d_steps=2),
    "generator first": partial(alternating, generator_first=True),
    "unrolled": partial(unrolled, unroll_steps=2),
    "simultaneous": simultaneous,
    "extragradient": extragradient,
    "optimistic": optimistic,
}


def trained(algorithm: Algorithm, steps: int, sample: Any = ORIGIN) -> Any:
    """The state after so many steps, and the `Info` and the state after each."""
    return jax.jit(lambda: run(algorithm, sample, KEY, steps, probe=lambda key, state: state, probe_every=1))()


def test_a_discriminator_waits_from_the_step_after_its_accuracy_was_above_the_target() -> None:
    algorithm = balanced(alternating(scripted(-2.5), SGD, SGD, batch_size=1), 0.8)
    result = trained(algorithm, 8)
    psi, theta = np.asarray(result.probes.params.discriminator), np.asarray(result.probes.params.generator)
    # right for the first time when the fourth step sees psi = 0.5; the generator moves against psi as it stands
    np.testing.assert_array_equal(psi, [-1.5, -0.5, 0.5, 1.5, 1.5, 1.5, 1.5, 1.5])
    np.testing.assert_array_equal(theta, -np.cumsum(psi))
    np.testing.assert_array_equal(result.info.d_update_norm, [1, 1, 1, 1, 0, 0, 0, 0])
    np.testing.assert_array_equal(result.info.d_grad_norm, np.ones(8))  # what it sees is still reported
    balance = result.probes.opt_state
    np.testing.assert_array_equal(balance.level, [0, 0, 0, 1, 1, 1, 1, 1])
    np.testing.assert_array_equal(balance.held.discriminator, [0, 0, 0, 0, 1, 2, 3, 4])
    np.testing.assert_array_equal(balance.held.generator, np.zeros(8))


@pytest.mark.parametrize("rule", RULES)
def test_nothing_of_a_player_that_waits_changes(rule: str) -> None:
    """Adam's moments and counts, and the model state; in every rule, and not in what it looks ahead to either."""
    make = RULES[rule]
    result = trained(balanced(make(scripted(0.5), ADAM(0.1), ADAM(0.1), batch_size=1), 0.8), 4)
    own = [
        (p.params.discriminator, p.model_state.discriminator, p.opt_state.inner.discriminator) for p in [result.probes]
    ]
    for leaf in jax.tree.leaves(own):
        np.testing.assert_array_equal(leaf, np.broadcast_to(leaf[:1], leaf.shape))
    assert result.state.opt_state.held.discriminator == 3
    # to the generator it was a constant: its loss is theta psi
    psi = float(result.state.params.discriminator)
    theta = np.asarray(result.probes.params.generator)
    np.testing.assert_allclose(theta[-1] - theta[-2], result.info.g_update_norm[-1] * -1, rtol=1e-5)
    np.testing.assert_allclose(result.info.g_grad_norm[1:], psi, rtol=1e-6)


def test_the_generator_waits_while_the_discriminator_is_below_the_floor() -> None:
    """A step without it adds an update of the discriminator."""
    result = trained(balanced(simultaneous(scripted(-2.5), SGD, SGD, batch_size=1), 1.0, floor=0.5), 6)
    np.testing.assert_array_equal(result.probes.params.discriminator, [-1.5, -0.5, 0.5, 1.5, 2.5, 3.5])
    held = np.asarray(result.probes.opt_state.held.generator)
    # the mean starts at 1/2, which is not below; the fourth step is the first to see a discriminator that is right
    np.testing.assert_array_equal(held, [0, 1, 2, 3, 3, 3])
    np.testing.assert_array_equal(result.probes.params.generator, [2.5, 2.5, 2.5, 2.5, 1.0, -1.5])
    np.testing.assert_array_equal(result.probes.model_state.generator["seen"], [1, 1, 1, 1, 2, 3])


def test_the_mean_forgets_by_its_decay() -> None:
    decay = 0.75
    result = trained(balanced(alternating(scripted(0.5), SGD, SGD, batch_size=1), 0.9, decay=decay), 8)
    # always right: the mean is 1 - decay^n / 2, above 0.9 once that is; as there is no way back it stays so
    expected = 1 - 0.5 * decay ** np.arange(1, 9)
    np.testing.assert_allclose(result.probes.opt_state.level, expected, rtol=1e-6)
    np.testing.assert_array_equal(result.info.d_update_norm, np.append(1.0, 1.0 * (expected[:-1] <= 0.9)))


def test_what_it_goes_by_may_be_the_generators_gradient() -> None:
    """Held back where the generator's gradient norm, |psi|, is below 3."""
    algorithm = alternating(scripted(5.5), SGD, SGD, batch_size=1)
    by_gradient = balanced(algorithm, -3.0, floor=-9.0, measure=lambda report: -report.generator.grad_norm)
    assert trained(by_gradient, 3).state.opt_state.held == (0, 0)
    weak = balanced(alternating(scripted(0.5), SGD, SGD, batch_size=1), -3.0, floor=-9.0, measure=by_gradient_norm)
    result = trained(weak, 3)
    np.testing.assert_array_equal(result.probes.params.discriminator, [1.5, 1.5, 1.5])


def by_gradient_norm(report: Players) -> Array:
    return -report.generator.grad_norm


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_that_never_holds_back_has_the_bits_of_the_rule_inside(rule: str) -> None:
    """In arithmetic that is exact: elsewhere two compiled programs may contract sums and products differently."""
    tx = optax.sgd(0.5, momentum=0.5)
    inner = RULES[rule](scripted(-0.25), tx, tx, batch_size=1)
    plain, wrapped = (trained(each, 6) for each in (inner, balanced(inner, 1.0)))
    same(plain.probes._replace(opt_state=()), wrapped.probes._replace(opt_state=()))
    same(plain.probes.opt_state, wrapped.probes.opt_state.inner)
    same(plain.info, wrapped.info)
    assert wrapped.state.opt_state.held == (0, 0)


def same(a: Any, b: Any) -> None:
    jax.tree.map(np.testing.assert_array_equal, a, b)


def test_it_is_the_loop_of_the_paper() -> None:
    """Update by update: D only where its accuracy on the last batch was at most the target."""
    game, tx, target = apart(), optax.adam(0.2), 0.7
    algorithm = balanced(alternating(game, tx, tx, batch_size=16, d_steps=2), target)
    start = jax.jit(algorithm.init, static_argnums=1)(KEY, uniform)
    move = jax.jit(update_player, static_argnums=(1, 2, 3, 6))
    state, ours = start._replace(opt_state=start.opt_state.inner), start
    step, last, waited = jax.jit(algorithm.step, static_argnums=2), 0.0, 0
    for i in range(12):
        key = jax.random.fold_in(KEY, i)
        ours, _ = step(key, ours, uniform)
        accuracy, free = 0.0, last <= target
        for j in range(2):
            k = jax.random.fold_in(named_key(key, "discriminator"), j)
            batch = uniform(named_key(k, "data"), 16)
            after, report = move(named_key(k, "game"), game, "discriminator", tx, state, batch, 16)
            accuracy = float(accuracy_of(report.evaluation.real_logits, report.evaluation.fake_logits))
            state = after if free else state
        k = named_key(key, "generator")
        state, _ = move(named_key(k, "game"), game, "generator", tx, state, uniform(named_key(k, "data"), 16), 16)
        last, waited, state = accuracy, waited + (not free), state._replace(step=state.step + 1)
    assert 2 < waited < 10
    assert ours.opt_state.held.discriminator == waited
    # compiled as a whole a step may round differently, and Adam divides by roots of small numbers
    jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-3, atol=1e-5), ours.params, state.params)


def test_every_run_decides_by_itself() -> None:
    def held(target: Any, start: Any) -> Array:
        algorithm = balanced(alternating(scripted(start), SGD, SGD, batch_size=1), target)
        return run(algorithm, ORIGIN, KEY, 8).state.opt_state.held.discriminator

    targets, starts = jnp.array([0.8, 1.0]), jnp.array([-2.5, 0.5, -9.0])
    together = jax.jit(jax.vmap(jax.vmap(held, (None, 0)), (0, None)))(targets, starts)
    np.testing.assert_array_equal(together, [[4, 7, 0], [0, 0, 0]])


def test_a_stopped_run_goes_on_with_equal_bits(tmp_path: Path) -> None:
    noisy = optax.noisy_sgd(0.5, key=jax.random.key(0))
    inner = alternating(scripted(-1.5), noisy, noisy, batch_size=1)
    algorithm = averaged(lookahead(balanced(inner, 0.6, floor=0.4, decay=0.5), k=3), 0.9)
    keys = seed_keys(KEY, 2)
    whole = fit(algorithm, ORIGIN, keys, 12).state
    save(tmp_path, 5, fit(algorithm, ORIGIN, keys, 5).state, {})
    like = jax.eval_shape(lambda: start_runs(algorithm, ORIGIN, keys))
    resumed: State = fit(algorithm, ORIGIN, keys, 12, state=load(tmp_path, like)[0]).state
    same(jax.tree.map(bits, resumed), jax.tree.map(bits, whole))
    held = resumed.opt_state.fast.held
    assert (held.discriminator + held.generator > 0).all()


def bits(leaf: Array) -> Array:
    return jax.random.key_data(leaf) if jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key) else leaf


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"target": 1.2}, "target must be a finite number of at least 0 and at most 1, got 1.2"),
        ({"target": float("nan")}, "target must be a finite number .*, got nan"),
        ({"target": 0.5, "floor": 0.6}, "floor must be at most target, got 0.6 above 0.5"),
        ({"target": 0.5, "decay": 1.0}, "decay must be a finite number of at least 0 and below 1, got 1.0"),
        ({"target": float("inf"), "measure": by_gradient_norm}, "target must be a finite number, got inf"),
    ],
)
def test_numbers_that_mean_nothing_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        balanced(alternating(scripted(0.5), SGD, SGD, batch_size=1), **options)


def test_it_goes_directly_around_a_rule() -> None:
    outside = balanced(lookahead(alternating(scripted(0.5), SGD, SGD, batch_size=1)), 0.8)
    with pytest.raises(ValueError, match=r"^balanced must go around a rule whose optimizer .* `Players`, got Slow$"):
        outside.init(KEY, ORIGIN)
