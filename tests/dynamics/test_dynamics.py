"""Updates against hand computations: a bilinear game of two numbers, and networks with BatchNorm."""

import functools
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxgan.dynamics import (
    alternating,
    averaged,
    best_generator,
    current_generator,
    discriminator_only,
    extragradient,
    optimistic,
    simultaneous,
    unrolled,
    update_player,
)
from jaxgan.game import adversarial_game, normal_prior
from jaxgan.losses import minimax
from jaxgan.random import named_key
from jaxgan.trees import norm
from jaxgan.types import QUANTILES, Algorithm, Array, Batch, BatchSizes, Evaluation, Game, Info, Key, Players, State

KEY = jax.random.key(0)
THETA, PSI = np.array([3.0, 4.0], np.float32), np.array([-1.0, 2.0], np.float32)


def draw(key: Key, n: int) -> Batch:
    return Batch(jax.random.normal(key, (n, 2)))


def bilinear(scale: float = 1.0) -> Game:
    """L_G = -L_D = scale <theta, psi>: the game that simultaneous descent spirals out of."""

    def objective(
        sign: int, key: Key, params: Players, model_state: Players, batch: Batch, num_fake: int, step: Array
    ) -> tuple[Array, Evaluation]:
        value = sign * scale * jnp.sum(params.generator * params.discriminator)
        return value, Evaluation((value,), {}, jnp.zeros(batch.x.shape[0]), jnp.zeros(num_fake))

    return Game(
        init=lambda key, batch: (Players(jnp.asarray(THETA), jnp.asarray(PSI)), Players({}, {})),
        generator=functools.partial(objective, 1),
        discriminator=functools.partial(objective, -1),
        sample=lambda key, params, model_state, n, y=None: jnp.zeros((n, 2)),
    )


class Normed(nn.Module):
    features: int

    @nn.compact
    def __call__(self, x: Array, *, train: bool) -> Array:
        y = nn.Dense(self.features)(nn.BatchNorm(use_running_average=not train, momentum=0.9)(x))
        return y if self.features > 1 else y.reshape(-1)


GAME = adversarial_game(Normed(2), Normed(1), normal_prior(3), minimax)
ADAM = optax.adam(1e-2)
SIZES = BatchSizes(real=5, fake=3, generator=4)


def init(algorithm: Algorithm) -> State:
    return jax.jit(algorithm.init, static_argnums=1)(KEY, draw)


def step(algorithm: Algorithm, state: State, key: Key = KEY) -> tuple[State, Info]:
    return jax.jit(algorithm.step, static_argnums=2)(key, state, draw)


update = jax.jit(update_player, static_argnums=(1, 2, 3, 6))


def assert_same(a: Any, b: Any) -> None:
    jax.tree.map(np.testing.assert_array_equal, a, b)


def assert_moved(a: Any, b: Any) -> None:
    assert all(jax.tree.leaves(jax.tree.map(lambda x, y: np.any(x != y), a, b)))


@pytest.mark.parametrize("d_steps", [1, 3])
def test_alternating_descent_on_the_bilinear_game(d_steps: int) -> None:
    lr_g, lr_d = 0.25, 0.5  # powers of two: the arithmetic is exact
    algorithm = alternating(bilinear(), optax.sgd(lr_g), optax.sgd(lr_d), batch_size=2, d_steps=d_steps)
    state, info = step(algorithm, init(algorithm))
    psi = PSI + d_steps * lr_d * THETA  # the discriminator first, and the generator against the new one
    theta = THETA - lr_g * psi
    assert_same(state.params, Players(theta, psi))
    assert state.step == 1
    assert (info.d_grad_norm, info.d_update_norm) == (5, 5 * lr_d)  # |theta| = 5
    # roundings of a root in 32 bits
    np.testing.assert_allclose(info.g_grad_norm, np.linalg.norm(psi), rtol=1e-6)
    np.testing.assert_allclose(info.g_update_norm, lr_g * np.linalg.norm(psi), rtol=1e-6)
    assert info.g_loss == THETA @ psi
    assert info.d_loss == info.d_parts[0] == -THETA @ (psi - lr_d * THETA)  # before the last update
    # logits of 0, where D = 1/2
    np.testing.assert_allclose(info.value, -np.log(4), rtol=1e-6)
    np.testing.assert_array_equal([*info.d_real, *info.d_fake][::2], [0.5, 0.5])


@pytest.mark.parametrize("scale", [1.0, 1e-6])
def test_adam_rescales_a_small_gradient(scale: float) -> None:
    algorithm = alternating(bilinear(scale), optax.adam(1e-3, eps=0), optax.adam(1e-3, eps=0), batch_size=2)
    _, info = step(algorithm, init(algorithm))
    np.testing.assert_allclose(info.d_grad_norm, 5 * scale, rtol=1e-6)
    # the first step of Adam is lr in every coordinate; its bias corrections round
    np.testing.assert_allclose([info.g_update_norm, info.d_update_norm], 1e-3 * np.sqrt(2), rtol=1e-4)


@pytest.fixture(scope="module")
def trained() -> tuple[Algorithm, State]:
    """A state in which no optimizer or BatchNorm statistic is still at its start."""
    algorithm = alternating(GAME, ADAM, ADAM, batch_size=SIZES, d_steps=2)
    state, _ = step(algorithm, init(algorithm))
    return algorithm, state


@pytest.mark.parametrize("player", ["generator", "discriminator"])
def test_an_update_leaves_the_other_player_alone(trained: tuple[Algorithm, State], player: str) -> None:
    _, before = trained
    other = {"generator": "discriminator", "discriminator": "generator"}[player]
    after, _ = update(KEY, GAME, player, ADAM, before, draw(KEY, 4), 3)
    for part in ("params", "model_state", "opt_state"):
        assert_same(getattr(getattr(after, part), other), getattr(getattr(before, part), other))
        assert_moved(getattr(getattr(after, part), player), getattr(getattr(before, part), player))


def test_a_step_is_d_steps_updates_and_one(trained: tuple[Algorithm, State]) -> None:
    algorithm, before = trained
    state = before
    for i in range(2):
        k = jax.random.fold_in(named_key(KEY, "discriminator"), i)
        batch = draw(named_key(k, "data"), SIZES.real)
        state, d = update(named_key(k, "game"), GAME, "discriminator", ADAM, state, batch, SIZES.fake)
    k = named_key(KEY, "generator")
    batch = draw(named_key(k, "data"), SIZES.generator)
    state, g = update(named_key(k, "game"), GAME, "generator", ADAM, state, batch, SIZES.generator)
    after, info = step(algorithm, before)
    # the loop of the step is compiled as a whole and may round differently in the last bits
    close = functools.partial(np.testing.assert_allclose, rtol=2e-5, atol=1e-7)
    jax.tree.map(close, after, state._replace(step=before.step + 1))
    close([info.g_loss, info.d_loss], [g.loss, d.loss])
    close([info.g_grad_norm, info.d_grad_norm], [g.grad_norm, d.grad_norm])
    assert d.evaluation.real_logits.shape == (SIZES.real,)
    assert d.evaluation.fake_logits.shape == (SIZES.fake,)
    assert g.evaluation.fake_logits.shape == (SIZES.generator,)


def test_info_is_that_of_the_objectives(trained: tuple[Algorithm, State]) -> None:
    _, before = trained
    batch = draw(KEY, 5)
    tx = optax.sgd(0.5)
    before = before._replace(opt_state=Players((), tx.init(before.params.discriminator)))
    after, move = update(KEY, GAME, "discriminator", tx, before, batch, 3)

    def loss(own: Any) -> Array:
        params = before.params._replace(discriminator=own)
        return GAME.discriminator(KEY, params, before.model_state, batch, 3, before.step)[0]

    gradient = jax.tree.leaves(jax.jit(jax.grad(loss))(before.params.discriminator))
    expected = np.sqrt(sum(np.sum(np.float64(leaf) ** 2) for leaf in gradient))
    # sums of a few 32-bit squares
    np.testing.assert_allclose(move.grad_norm, expected, rtol=1e-5)
    np.testing.assert_allclose(move.update_norm, 0.5 * expected, rtol=1e-5)
    assert_moved(after.params.discriminator, before.params.discriminator)


def test_info_describes_the_last_discriminator_step(trained: tuple[Algorithm, State]) -> None:
    algorithm, before = trained
    _, info = step(algorithm, before)
    for spread in (info.d_real, info.d_fake):
        assert spread.quantiles.shape == (len(QUANTILES),)
        assert np.all(np.diff(spread.quantiles) >= 0)
        assert 0 < spread.quantiles[0] <= spread.mean <= spread.quantiles[-1] < 1
    # d_loss = -V for cross-entropy, up to the rounding of a sum
    np.testing.assert_allclose(info.value, -info.d_loss, rtol=1e-6)
    np.testing.assert_allclose(sum(info.d_parts), info.d_loss, rtol=1e-6)


def test_each_player_has_its_own_optimizer() -> None:
    freeze = optax.sgd(0.0)
    for still, moving, txs in (
        ("generator", "discriminator", (freeze, optax.adam(1e-2))),
        ("discriminator", "generator", (optax.adam(1e-2), freeze)),
    ):
        algorithm = alternating(GAME, *txs, batch_size=4)
        before = init(algorithm)
        after, _ = step(algorithm, before)
        assert_same(getattr(after.params, still), getattr(before.params, still))
        assert_moved(getattr(after.params, moving), getattr(before.params, moving))


@pytest.mark.parametrize(("batch_size", "drawn"), [(6, {6}), (SIZES, {5, 4})])
def test_batch_sizes_reach_the_sampler(batch_size: int | BatchSizes, drawn: set[int]) -> None:
    sizes: list[int] = []

    def recording(key: Key, n: int) -> Batch:
        sizes.append(n)
        return draw(key, n)

    algorithm = alternating(GAME, optax.sgd(0.1), optax.sgd(0.1), batch_size=batch_size)
    state = jax.eval_shape(lambda: algorithm.init(KEY, recording))
    assert sizes == [min(SIZES) if batch_size == SIZES else batch_size]
    sizes.clear()
    jax.eval_shape(lambda state: algorithm.step(KEY, state, recording), state)
    assert set(sizes) == drawn


@pytest.mark.parametrize("options", [{"d_steps": 0}, {"batch_size": 0}, {"batch_size": BatchSizes(4, 0, 4)}])
def test_counts_below_one_raise(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"at least 1, got .*0"):
        alternating(GAME, optax.sgd(0.1), optax.sgd(0.1), **options)


def test_the_average_follows_its_formula_in_parameters_and_statistics(trained: tuple[Algorithm, State]) -> None:
    algorithm, _ = trained
    kept = averaged(algorithm, 0.75)
    plain, state = init(algorithm), init(kept)
    expected = current_generator(plain)
    assert_same(state.average, expected)
    for t, key in enumerate(jax.random.split(KEY, 3)):
        plain, _ = step(algorithm, plain, key)
        state, _ = step(kept, state, key)
        rate = max(1 - 0.75, 9 / (10 + t))
        expected = jax.tree.map(lambda a, b, r=rate: (1 - r) * a + r * b, expected, current_generator(plain))
    assert_same(state.params, plain.params)  # the average is an observer
    assert set(expected.model_state) == {"batch_stats"}
    # roundings of three weighted sums in 32 bits
    jax.tree.map(functools.partial(np.testing.assert_allclose, rtol=1e-5, atol=1e-7), state.average, expected)
    assert_same(best_generator(state), state.average)
    assert_same(best_generator(plain), current_generator(plain))


def test_decay_is_checked_where_it_is_a_number_and_may_be_traced(trained: tuple[Algorithm, State]) -> None:
    algorithm, _ = trained
    for decay in (-0.1, 1, 1.5, float("nan")):
        with pytest.raises(ValueError, match=rf"decay must be in \[0, 1\), got {decay}"):
            averaged(algorithm, decay)

    def average(decay: Array) -> Any:
        kept = averaged(algorithm, decay)  # type: ignore[arg-type]  # an array in place of the number
        return kept.step(KEY, kept.init(KEY, draw), draw)[0].average

    swept = jax.eval_shape(jax.vmap(average), jnp.zeros(2))
    assert all(leaf.shape[0] == 2 for leaf in jax.tree.leaves(swept))


@pytest.mark.parametrize(
    "entries", [[3.0, 4.0], [1e-30, 2e-30, -2e-30], [1e30, -1e30], [0.0, 0.0], [1e-30, 1.0, 0.0], [5.0]]
)
def test_norm_equals_numpys_in_64_bits(entries: list[float]) -> None:
    tree = {"a": jnp.array(entries[:1]), "b": {"c": jnp.array(entries[1:])}, "d": jnp.zeros((0, 3))}
    exact = np.linalg.norm(np.array(entries, np.float32).astype(np.float64))
    np.testing.assert_allclose(norm(tree), float(exact), rtol=1e-6)  # a few roundings


def test_norm_of_what_is_not_finite_says_so() -> None:
    assert np.isnan(norm([jnp.array([1.0, jnp.nan]), jnp.array(2.0)]))
    assert np.isnan(norm([jnp.array([jnp.inf, jnp.nan])]))
    assert norm([jnp.array([1.0, -jnp.inf]), jnp.array(2.0)]) == np.inf


def test_norm_of_no_parameters_is_zero() -> None:
    assert norm({}) == 0


RULES: dict[str, Any] = {
    "alternating": alternating,
    "simultaneous": simultaneous,
    "extragradient": extragradient,
    "optimistic": optimistic,
    "unrolled": functools.partial(unrolled, unroll_steps=1),
}


@pytest.mark.parametrize("name", RULES)
def test_an_optimizer_is_told_the_loss(name: str) -> None:
    """With a tolerance that no loss can satisfy, `reduce_on_plateau` halves its scale at every step but the first."""
    plateau = optax.contrib.reduce_on_plateau(factor=0.5, patience=1, rtol=0.0, atol=1e9)
    tx = optax.chain(optax.sgd(0.1), plateau)
    algorithm = RULES[name](bilinear(), tx, tx, batch_size=2)
    state = init(algorithm)
    for _ in range(3):
        state, _ = step(algorithm, state)
    scales = [leaf for leaf in jax.tree.leaves(state.opt_state) if leaf.shape == () and leaf == 0.5**2]
    assert len(scales) >= 2, state.opt_state  # both players' scale, halved at the second and the third step


@pytest.mark.parametrize("name", RULES)
def test_an_optimizer_that_is_not_called_is_one_clear_line(name: str) -> None:
    for txs, which in (((optax.adam, optax.sgd(0.1)), "g_tx"), ((optax.sgd(0.1), optax.adam), "d_tx")):
        with pytest.raises(
            TypeError, match=rf"{which} must be an optax optimizer, such .*, got the function adam: call it"
        ):
            RULES[name](bilinear(), *txs)
    with pytest.raises(TypeError, match=r"d_tx must be an optax optimizer, such as optax.adam\(1e-3\), got 0.001"):
        discriminator_only(bilinear(), 1e-3)  # type: ignore[arg-type]
