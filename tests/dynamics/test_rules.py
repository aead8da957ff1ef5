"""Update rules against the algebra of linear games, and what they do with optimizer states, keys and memories."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxgan import toy
from jaxgan.data.synthetic import ring
from jaxgan.dynamics import (
    alternating,
    consensus,
    critic_warm_up,
    extragradient,
    lookahead,
    optimistic,
    simultaneous,
    symplectic,
    symplectic_field,
    two_time_scales,
    unrolled,
    update_player,
)
from jaxgan.game import adversarial_game, joint_gradient, normal_prior
from jaxgan.losses import minimax, non_saturating, wasserstein
from jaxgan.nn import MLPDiscriminator, MLPGenerator
from jaxgan.random import named_key
from jaxgan.runs import run
from jaxgan.terms import r1
from jaxgan.types import Algorithm, Array, BatchSizes, Game, Key, Loss, Players, State, Term, View
from tests.dynamics.steps import KEY, ORIGIN, along, first, flat, step, uniform

H, GAMMA = 0.3, 0.8
SGD = optax.sgd(H)


def uniform_mean(loss: Loss) -> Game:
    """`gaussian_mean` with what is quicker to compile than a normal distribution."""
    return toy.gaussian_mean(loss, draw=lambda key, shape: jax.random.uniform(key, shape))


def turning(rule: Callable[..., Algorithm], steps: int = 100, **options: Any) -> np.ndarray:
    """theta + i psi on the bilinear game in three dimensions: its flow is u' = -i u, a rule's step one factor."""
    points = along(rule(toy.bilinear(3, start=(1.0, 0.5)), SGD, SGD, batch_size=1, **options), steps, toy.origin(3))
    return points[:, :3] + 1j * points[:, 3:]


@pytest.mark.parametrize(
    ("rule", "factor", "rate"),
    [
        (simultaneous, 1 - 1j * H, np.sqrt(1 + H**2)),
        (extragradient, 1 - 1j * H * (1 - 1j * H), np.sqrt(1 - H**2 + H**4)),
        # J^T J = A^T J = 1
        (functools.partial(consensus, gamma=GAMMA), 1 - H * GAMMA - 1j * H, np.sqrt((1 - GAMMA * H) ** 2 + H**2)),
        (functools.partial(symplectic, weight=GAMMA), 1 - H * GAMMA - 1j * H, np.sqrt((1 - GAMMA * H) ** 2 + H**2)),
    ],
    ids=["simultaneous", "extragradient", "consensus", "symplectic"],
)
def test_a_step_of_the_bilinear_game_is_one_factor(
    x64: None, rule: Callable[..., Algorithm], factor: complex, rate: float
) -> None:
    u = turning(rule)
    # a few roundings
    np.testing.assert_allclose(u[1:], factor * u[:-1], rtol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(u[-1]), np.linalg.norm(u[0]) * rate**99, rtol=1e-11)  # of 99 steps


def test_optimistic_descent_converges_on_the_bilinear_game(x64: None) -> None:
    # w_(t+1) = w_t - 2 h A w_t + h A w_(t-1), and A is i
    u = turning(optimistic, 200)
    np.testing.assert_allclose(u[2:], (1 - 2j * H) * u[1:-1] + 1j * H * u[:-2], rtol=1e-12, atol=1e-14)
    slow = np.abs(np.roots([1, -(1 - 2j * H), -1j * H])).max()
    assert slow < 0.98
    # the other root has died out
    np.testing.assert_allclose(np.linalg.norm(u[199]) / np.linalg.norm(u[99]), slow**100, rtol=1e-10)


@pytest.mark.parametrize(("generator_first", "sign"), [(False, -1), (True, 1)])
def test_alternating_descent_keeps_an_ellipse_of_the_bilinear_game(x64: None, generator_first: bool, sign: int) -> None:
    u = turning(alternating, generator_first=generator_first)
    form = np.sum(np.abs(u) ** 2 + sign * H * u.real * u.imag, axis=1)
    np.testing.assert_allclose(form, 3 * (1 + 0.25 + sign * H * 0.5), rtol=1e-12)  # roundings of 100 steps


@pytest.mark.parametrize(("k", "alpha"), [(5, 0.5), (1, 0.5), (4, 0.3), (3, 1.0)])
def test_lookahead_averages_a_power_of_the_update_map(x64: None, k: int, alpha: float) -> None:
    u = turning(lambda *args, **options: lookahead(simultaneous(*args, **options), k, alpha), 10 * k)
    cycle = (1 - alpha) + alpha * (1 - 1j * H) ** k
    expected = (1 + 0.5j) * cycle ** np.arange(1, 11)
    np.testing.assert_allclose(u[k - 1 :: k], np.stack([expected] * 3, axis=1), rtol=1e-12)
    assert (abs(cycle) < 1) == (k in (4, 5))  # descent alone leaves


def test_the_look_ahead_of_extragradient_leaves_no_trace(x64: None) -> None:
    txs = Players(optax.adam(0.1), optax.sgd(0.2, momentum=0.9))
    algorithm = extragradient(toy.bilinear(start=(1.0, 0.5)), *txs, batch_size=1)

    def moved(at: list[Array], w: list[Array], opt_state: list[Any]) -> tuple[list[Array], list[Any]]:
        gradients = -at[1], at[0]
        moves = [tx.update(*its) for tx, *its in zip(txs, gradients, opt_state, w, strict=True)]
        return [own + update for own, (update, _) in zip(w, moves, strict=True)], [after for _, after in moves]

    state = first(algorithm)
    w, opt_state = [jnp.array([1.0]), jnp.array([0.5])], [tx.init(jnp.zeros(1)) for tx in txs]
    for count in (1, 2, 3):
        state, _ = step(algorithm, state)
        ahead, _ = moved(w, w, opt_state)
        w, opt_state = moved(ahead, w, opt_state)
        np.testing.assert_allclose(flat(state.params), np.concatenate(w), rtol=1e-12)
        np.testing.assert_allclose(flat(state.opt_state), flat(opt_state), rtol=1e-12)
        assert state.opt_state.generator[0].count == count


def test_optimistic_descent_is_optaxs(x64: None) -> None:
    game = uniform_mean(minimax)
    ours = optimistic(game, optax.sgd(0.1), optax.sgd(0.2), batch_size=4)
    optaxs = [optax.optimistic_gradient_descent(h) for h in (0.1, 0.2)]
    a, b = (along(each, 20, uniform) for each in (ours, simultaneous(game, *optaxs, batch_size=4)))
    # products in another order
    np.testing.assert_allclose(a, b, rtol=1e-11)


update = jax.jit(update_player, static_argnums=(1, 2, 3, 6))


def test_every_update_of_an_alternating_step_draws_for_itself(x64: None) -> None:
    game, tx, sizes = uniform_mean(non_saturating), optax.adam(0.1), BatchSizes(real=4, fake=3, generator=5)
    algorithm = alternating(game, tx, tx, batch_size=sizes, d_steps=2, g_steps=3)
    state = before = first(algorithm, uniform)
    moves = [("discriminator", 2, sizes.real, sizes.fake), ("generator", 3, sizes.generator, sizes.generator)]
    for player, count, real, fake in moves:
        for i in range(count):
            k = jax.random.fold_in(named_key(KEY, player), i)
            batch = uniform(named_key(k, "data"), real)
            state, _ = update(named_key(k, "game"), game, player, tx, state, batch, fake)
    after, _ = step(algorithm, before, uniform)
    # compiled as a whole it may round differently
    np.testing.assert_allclose(flat(after.params), flat(state.params), rtol=1e-12)
    assert (after.opt_state.generator[0].count, after.opt_state.discriminator[0].count) == (3, 2)


def test_the_second_player_meets_the_first_as_it_has_become() -> None:
    tx = optax.sgd(0.5)  # exact arithmetic
    for generator_first, expected in ((False, [3 - 0.5 * 2.5, -1 - 1.5]), (True, [3 - 0.5, -1 - 0.5 * 2.5])):
        algorithm = alternating(toy.bilinear(start=(3.0, -1.0)), tx, tx, batch_size=1, generator_first=generator_first)
        np.testing.assert_array_equal(flat(step(algorithm, first(algorithm))[0].params), expected)


@pytest.mark.parametrize(
    ("schedule", "counts"),
    [
        (critic_warm_up(), [100] * 25 + [5] * 2),
        (critic_warm_up(d_steps=2, warm=3, first=2, period=4), [3, 3, 2, 2, 3, 2, 2, 2, 3, 2]),
        (critic_warm_up(first=0, warm=7, period=3), [7, 5, 5, 7, 5]),
        (lambda step: step - 2, [1, 1, 1, 1, 2, 3]),  # never less than one
        (3, [3, 3, 3]),
    ],
    ids=["WGAN", "short", "no warm up", "from below", "constant"],
)
def test_a_schedule_says_how_often_the_discriminator_moves(schedule: Any, counts: list[int]) -> None:
    algorithm = alternating(toy.dirac(minimax), optax.adam(0.1), optax.adam(0.1), batch_size=1, d_steps=schedule)

    def made(state: State) -> list[Array]:
        return [one[0].count for one in state.opt_state]

    seen = along(algorithm, len(counts), see=made)
    np.testing.assert_array_equal(seen.T, [np.arange(1, len(counts) + 1), np.cumsum(counts)])


@pytest.mark.parametrize(
    ("name", "got", "make"),
    [
        ("d_steps", "0", lambda build: build(alternating, d_steps=0)),
        ("d_steps", "1.5", lambda build: build(unrolled, d_steps=1.5)),
        ("g_steps", "-1", lambda build: build(alternating, g_steps=-1)),
        ("unroll_steps", "0", lambda build: build(unrolled, unroll_steps=0)),
        (r"batch size \(fake\)", "0", lambda build: build(alternating, batch_size=BatchSizes(4, 0, 4))),
        (r"batch size \(real\)", "0", lambda build: build(simultaneous, batch_size=0)),
        (r"batch size \(real\)", "-2", lambda build: build(extragradient, batch_size=-2)),
        ("gamma", "-1.0", lambda build: build(consensus, gamma=-1.0)),
        ("gamma", "nan", lambda build: build(consensus, gamma=float("nan"))),
        ("weight", "-1", lambda build: build(symplectic, weight=-1)),
        ("weight", "inf", lambda build: build(symplectic, weight=float("inf"))),
        ("k", "0", lambda build: lookahead(build(simultaneous), k=0)),
        ("alpha", "1.1", lambda build: lookahead(build(simultaneous), alpha=1.1)),
        ("alpha", "-0.1", lambda build: lookahead(build(simultaneous), alpha=-0.1)),
        ("alpha", "nan", lambda build: lookahead(build(simultaneous), alpha=float("nan"))),
        ("warm", "0", lambda build: critic_warm_up(warm=0)),
        ("first", "-1", lambda build: critic_warm_up(first=-1)),
    ],
)
def test_numbers_that_mean_nothing_raise(name: str, got: str, make: Callable[..., Any]) -> None:
    with pytest.raises(ValueError, match=rf"^{name} must be a .*, got {got}$"):
        make(lambda rule, **options: rule(toy.bilinear(), SGD, SGD, **options))


@pytest.mark.parametrize("rule", [alternating, unrolled, simultaneous, extragradient, optimistic])
@pytest.mark.parametrize("which", ["g_tx", "d_tx"])
def test_an_optimizer_that_needs_more_than_gradients_is_named(rule: Callable[..., Algorithm], which: str) -> None:
    search = optax.scale_by_backtracking_linesearch(5)  # of which `optax.lbfgs` has one, too
    algorithm = rule(toy.bilinear(), **{"g_tx": SGD, "d_tx": SGD, which: optax.chain(SGD, search)}, batch_size=1)
    message = rf"^{which} must be an optimizer that goes by .*, got one that needs grad and value_fn \(as a line .*\)"
    with pytest.raises(TypeError, match=message):
        jax.eval_shape(lambda key: algorithm.step(key, algorithm.init(key, ORIGIN), ORIGIN), KEY)


def drawing(key: Key) -> optax.GradientTransformation:
    """Updates of its own random numbers."""

    def update(updates: Any, state: Key, params: Any = None) -> tuple[Any, Key]:
        return jax.tree.map(lambda u: jax.random.uniform(state, u.shape), updates), jax.random.split(state)[0]

    return optax.GradientTransformation(lambda params: key, update)


@pytest.mark.usefixtures("x64")
def test_a_swept_number_may_be_wider_than_the_parameters() -> None:
    """Networks have parameters of 32 bits where JAX counts in 64, too, and the numbers of a sweep have 64 there."""
    game = adversarial_game(MLPGenerator(2, (4,)), MLPDiscriminator((4,)), normal_prior(2), non_saturating)

    def after(b1: Any, alpha: Any) -> State:
        adam = optax.adam(1e-3, b1)
        algorithm = lookahead(alternating(game, adam, adam, batch_size=4), k=2, alpha=alpha)
        return run(algorithm, ring().sample, KEY, 3).state

    state = jax.eval_shape(after, *(jax.ShapeDtypeStruct((), float) for _ in range(2)))
    wide = [leaf for leaf in jax.tree.leaves((state.params, state.opt_state)) if leaf.dtype == float]
    assert not wide


def test_a_raw_key_of_an_optimizer_is_told_of() -> None:
    """All runs would share its noise, which a typed key's do not."""

    def updated(key: Key) -> Array:
        algorithm = alternating(toy.bilinear(), SGD, drawing(key), batch_size=1)
        keys = jax.random.split(KEY, 2)
        states = jax.vmap(lambda key: algorithm.step(key, algorithm.init(key, ORIGIN), ORIGIN)[0])(keys)
        return states.params.discriminator["psi"].ravel()

    first, second = updated(jax.random.key(0))
    assert first != second
    with pytest.warns(UserWarning, match=r"^d_tx draws by a raw random key, the same one in every run: expected a "):
        first, second = updated(jax.random.PRNGKey(0))
    assert first == second


@pytest.mark.parametrize("rule", [simultaneous, extragradient, optimistic, consensus, symplectic])
def test_players_that_move_at_once_see_batches_of_one_size(rule: Callable[..., Algorithm]) -> None:
    for sizes in (BatchSizes(4, 4, 3), BatchSizes(4, 3, 4)):
        with pytest.raises(ValueError, match=r"sizes must be equal, got BatchSizes\(real=4"):
            rule(toy.bilinear(), SGD, SGD, batch_size=sizes)


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("k", [1, 2, 5])
def test_the_unrolled_generator_descends_through_the_updates_of_the_discriminator(
    x64: None, k: int, momentum: float
) -> None:
    """L_G = -theta psi, L_D = theta psi + gamma/2 psi^2: psi_k is linear in theta."""
    theta, psi, rate = 1.5, 0.5, 0.25
    game = toy.dirac(wasserstein, d_terms=(r1(GAMMA),), start=(theta, psi))
    d_tx = optax.sgd(H, momentum=momentum) if momentum else SGD
    algorithm = unrolled(game, optax.sgd(rate), d_tx, unroll_steps=k, batch_size=1)
    state, info = step(algorithm, first(algorithm))
    trace = theta + GAMMA * psi
    psi -= H * trace  # the discriminator's own update
    np.testing.assert_allclose(state.params.discriminator["psi"], [psi], rtol=1e-12)
    later, slope, trace_slope = psi, 0.0, 0.0  # slopes by theta
    for _ in range(k):
        trace, trace_slope = momentum * trace + theta + GAMMA * later, momentum * trace_slope + 1 + GAMMA * slope
        later, slope = later - H * trace, slope - H * trace_slope
    gradient = -(later + theta * slope)
    if not momentum:
        left = (1 - H * GAMMA) ** k
        np.testing.assert_allclose(gradient, -left * psi + 2 * theta * (1 - left) / GAMMA, rtol=1e-12)
    np.testing.assert_allclose(state.params.generator["theta"], [theta - rate * gradient], rtol=1e-12)
    np.testing.assert_allclose(info.g_loss, -theta * later, rtol=1e-12)


def test_unrolling_leaves_the_discriminator_where_alternating_does(x64: None) -> None:
    game, tx = uniform_mean(non_saturating), optax.adam(0.1, eps_root=1e-16)
    options: dict[str, Any] = {"batch_size": BatchSizes(4, 3, 5), "d_steps": 2}
    states = [
        step(each, first(each, uniform), uniform)[0]
        for each in (unrolled(game, tx, tx, **options), alternating(game, tx, tx, **options))
    ]
    for part in ("params", "opt_state", "model_state"):
        a, b = (flat(getattr(state, part).discriminator) for state in states)
        np.testing.assert_allclose(a, b, rtol=1e-12)  # compiled as a whole it may round differently
    assert np.all(flat(states[0].params.generator) != flat(states[1].params.generator))


@pytest.mark.parametrize("eps_root", [0.0, 1e-16])
def test_adam_needs_an_eps_root_where_a_unit_is_dead(eps_root: float) -> None:
    networks = MLPGenerator(1, hidden=()), MLPDiscriminator(hidden=(4,))
    game = adversarial_game(*networks, normal_prior(2), non_saturating)
    algorithm = unrolled(game, SGD, optax.adam(1e-3, eps_root=eps_root), unroll_steps=2, batch_size=8)
    state = first(algorithm, uniform)
    state.params.discriminator["Dense_0"]["bias"] = jnp.array([-100.0, 0, 0, 0])
    after, info = step(algorithm, state, uniform)
    assert np.isfinite(flat(after.params.discriminator)).all()
    assert np.isfinite(flat(after.params.generator)).all() == np.isfinite(info.g_grad_norm) == (eps_root > 0)


def square(name: str, curvature: float) -> Term:
    """curvature/2 |own parameter|^2."""

    def term(view: View) -> Array:
        return curvature / 2 * jnp.sum(view.params[name] ** 2)

    return term


@pytest.mark.parametrize(
    ("curvature", "theta", "psi", "sign"),
    [
        (1, 1.0, 0.5, 1),  # towards a stable point
        (-1, 1.0, 0.5, -1),  # away from an unstable one
        (-1, 0.5, 0.2, -1),  # |F|^4 = 0.3364, and half of it is above 1/10
        (-1, 0.4, 0.2, 1),  # |F|^4 = 0.16, and half of it is below
    ],
)
def test_the_sign_of_an_aligned_adjustment(x64: None, curvature: float, theta: float, psi: float, sign: int) -> None:
    """F = (c theta - psi, theta + c psi): <F, J^T F> = c |F|^2 and <A^T F, J^T F> = |F|^2."""
    terms: dict[str, Any] = {"d_terms": (square("psi", curvature),), "g_terms": (square("theta", curvature),)}
    game = toy.dirac(wasserstein, start=(theta, psi), **terms)
    params, model_state = game.init(KEY, ORIGIN(KEY, 1))
    rest = model_state, ORIGIN(KEY, 1), 1, jnp.int32(0)
    f = np.array([curvature * theta - psi, theta + curvature * psi])
    for align, expected in ((True, sign), (False, 1)):
        field = symplectic_field(joint_gradient(game), 0.7, align=align)
        adjusted = f + expected * 0.7 * np.array([f[1], -f[0]])
        np.testing.assert_allclose(flat(field(KEY, params, *rest)[0]), adjusted, rtol=1e-12)


def test_two_time_scales_have_a_rate_each() -> None:
    game = toy.bilinear(start=(3.0, -1.0))
    algorithm = two_time_scales(game, optax.sgd, lr_g=0.25, lr_d=0.5, batch_size=1)
    np.testing.assert_array_equal(flat(step(algorithm, first(algorithm))[0].params), [3 - 0.25 * 2.5, -1 - 0.5 * 3])
    algorithm = two_time_scales(game, batch_size=1)
    _, info = step(algorithm, first(algorithm))
    # the first step of Adam is its rate in every coordinate; its bias corrections round
    np.testing.assert_allclose([info.g_update_norm, info.d_update_norm], [1e-4, 4e-4], rtol=1e-4)


@pytest.mark.parametrize("rule", [consensus, symplectic])
def test_a_rule_reports_the_players_own_gradients_whatever_direction_it_takes(rule: Callable[..., Algorithm]) -> None:
    game = toy.bilinear(2, start=(3.0, 1.0))  # |dL_G/dtheta| = |psi| = sqrt 2, |dL_D/dpsi| = |theta| = 3 sqrt 2
    algorithm = rule(game, optax.sgd(0.5), optax.sgd(0.5), batch_size=1)
    state = algorithm.init(KEY, toy.origin(2))
    _, info = algorithm.step(KEY, state, toy.origin(2))
    np.testing.assert_allclose([info.g_grad_norm, info.d_grad_norm], [np.sqrt(2), 3 * np.sqrt(2)], rtol=1e-6)
    assert abs(info.g_update_norm - 0.5 * info.g_grad_norm) > 0.1  # it did take another
