"""The gradient probe where numbers are known or hard: by hand, at the optimal discriminator, and beyond float32."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import expit

from jaxgan import toy
from jaxgan.diagnostics.gradients import Gradients, gradient_probe
from jaxgan.losses import cross_entropy_discriminator, minimax, non_saturating, relativistic, reverse_kl
from jaxgan.random import named_key
from jaxgan.types import Array, Batch, Key, Loss, Players, State
from tests.diagnostics.probed import (
    FEW,
    KEY,
    LOSSES,
    OPTIONS,
    SETTINGS,
    N,
    assert_same,
    close,
    points,
    probe_in,
    reference_of,
    rows,
    state_in,
    state_of,
    wide,
)

ROW = {name: i for i, name in enumerate(LOSSES)}


def test_losses_with_one_generator_have_one_gradient() -> None:
    found = probe_in("points")(KEY, state_in("points"))
    both = [ROW["wasserstein"], ROW["hinge"]]
    for each in (found.norm, found.norms, found.noise, found.snr, found.saturated, found.cosine, found.cosine.T):
        assert_same(each[both[0]], each[both[1]])
    # its own square, rounded
    np.testing.assert_allclose(found.cosine[both[0], both[1]], 1, rtol=1e-6)


def test_the_games_own_objective_does_not_matter() -> None:
    setting = SETTINGS["points"]

    def pull_to_the_origin(view: Any) -> Array:
        return jnp.sum(view.fake**2, axis=1)

    game = setting.game(minimax, g_terms=(pull_to_the_origin,))
    other = jax.jit(gradient_probe(game, setting.sample, setting.losses, **OPTIONS))
    assert_same(other(KEY, state_in("points")), probe_in("points")(KEY, state_in("points")))


def test_a_key_draws_the_same_and_another_key_others() -> None:
    probe, state = probe_in("points"), state_in("points")
    assert_same(probe(KEY, state), probe(KEY, state))
    other = probe(jax.random.key(4), state)
    assert np.all(np.asarray(other.norm) != np.asarray(probe(KEY, state).norm))


def test_one_minibatch_has_no_variance() -> None:
    game = toy.two_point(minimax)
    state = state_of(*game.init(KEY, toy.two_points(KEY, 2)))
    state.params.discriminator["psi"] = jnp.array([0.5, 0.25])
    found = jax.jit(gradient_probe(game, toy.two_points, FEW, minibatches=1, batch_size=N))(KEY, state)
    assert np.all(np.isnan([found.noise, found.snr]))
    rest = found._replace(noise=0, snr=0)
    assert all(np.all(np.isfinite(leaf)) for leaf in jax.tree.leaves(rest))
    # in two units, each a power of two or the largest entry: a few roundings in float32
    np.testing.assert_allclose(found.norms, found.norm.reshape(-1, 1), rtol=1e-6)


def with_discriminator(kernels: tuple[float, float], bias: float) -> State:
    """The state of "points" with the discriminator's two kernels multiplied, and its last bias."""
    state = state_in("points")
    first, last = (state.params.discriminator[f"Dense_{i}"] for i in (0, 1))
    discriminator = {
        "Dense_0": {**first, "kernel": first["kernel"] * kernels[0]},
        "Dense_1": {"kernel": last["kernel"] * kernels[1], "bias": jnp.full(1, bias, jnp.float32)},
    }
    return state._replace(params=state.params._replace(discriminator=discriminator))


def test_a_gradient_that_float32_cannot_carry_back_is_measured() -> None:
    """At logits that are all -60 the minimax gradient is sigmoid(-60) = 9e-27 times that of `wasserstein`."""
    # The slope of the logit is about 1e-8, but on its way back through the last kernel a derivative of 1e-27 becomes
    # 1e-47, which float32 does not have.
    state = with_discriminator((1e12, 1e-20), -60.0)
    plain = reference_of("points", state)
    assert np.all(plain.fake == -60) and np.all(plain.real == -60)
    assert np.all(rows(plain.gradients["minimax"]) == 0)
    found = wide(probe_in("points")(KEY, state))
    factor = expit(-60.0)
    low, unit = ROW["minimax"], ROW["wasserstein"]
    # A rounding of exp(-60) in float32, whose argument is exact; all else is in powers of two.
    tight = functools.partial(np.testing.assert_allclose, rtol=1e-5)
    tight(found.norms[unit], np.linalg.norm(rows(plain.gradients["wasserstein"]), axis=1))
    for measure in (found.norm, found.norms, found.noise, *found.layers.values()):
        assert np.all(measure[unit] > 0)
        tight(measure[low], factor * measure[unit])
    tight(found.snr[low], found.snr[unit])
    tight(found.cosine[low, unit], 1)
    tight(found.cosine[low], found.cosine[unit])


def test_norms_whose_squares_float32_does_not_have_are_measured() -> None:
    small = 2.0**-72  # entries of 1e-22, and exact
    found, usual = (wide(probe_in("points")(KEY, with_discriminator((1, k), 0.0))) for k in (small, 1.0))
    unit = ROW["wasserstein"]  # its derivative with respect to the logit is constant
    for a, b in zip(found.layers.values(), usual.layers.values(), strict=True):
        np.testing.assert_allclose(a[unit], small * b[unit], rtol=1e-6)  # a product is rounded elsewhere
    np.testing.assert_allclose(found.norm[unit], small * usual.norm[unit], rtol=1e-6)
    np.testing.assert_allclose(found.norms[unit], small * usual.norms[unit], rtol=1e-6)


def test_minibatches_of_very_different_sizes_are_joined_right() -> None:
    """D(x) = sigmoid(-60 + 8 x), so that one example's derivative is exp(8) times that of another, one sigma away."""
    count, slope = 6, 8.0
    game = toy.gaussian_mean(minimax)
    params = Players({"theta": jnp.zeros(1)}, {"psi": jnp.array([-60.0, slope])})
    state = state_of(params, Players({}, {}))
    probe = gradient_probe(game, toy.standard_normal, {"minimax": minimax}, minibatches=count, batch_size=2)

    def logits(i: Array) -> Array:
        k = named_key(jax.random.fold_in(key, i), "game")
        return game.generator(k, params, state.model_state, toy.origin()(key, 2), 2, state.step)[1].fake_logits

    key = jax.random.key(9)
    derivatives = expit(np.asarray(jax.jit(jax.vmap(logits))(jnp.arange(count)), np.float64))
    rises = np.diff(np.log2(np.maximum.accumulate(derivatives.max(axis=1))))
    assert np.count_nonzero(rises > 3) >= 2 and np.count_nonzero(rises == 0) >= 2  # of the units' exponent
    gradients = slope * derivatives.mean(axis=1)
    found = wide(jax.jit(probe)(key, state))
    # A logit of 60 has a spacing of 4e-6: rounded otherwise in another program, it moves its exponential by as much.
    close(found.norms[0], gradients, rtol=2e-5, atol=0)
    close(found.norm[0], gradients.mean(), rtol=2e-5, atol=0)
    close(found.noise[0], gradients.std(ddof=1), rtol=2e-5, atol=0)
    close(found.snr[0], gradients.mean() / gradients.std(ddof=1), rtol=2e-5, atol=0)
    close(found.layers["theta"][0], gradients.mean(), rtol=2e-5, atol=0)


def test_a_derivative_of_zero_gives_a_norm_of_zero() -> None:
    found = wide(probe_in("points")(KEY, with_discriminator((1, 1e-20), -200.0)))
    dead = [ROW["minimax"], ROW["f_kl"]]  # exp(-200) is 0 in float32
    alive = [ROW[name] for name in ("non_saturating", "wasserstein", "relativistic", "relativistic_average")]
    for measure in (found.norm, found.norms, found.noise, *found.layers.values()):
        assert np.all(measure[dead] == 0)
        assert np.all(np.isfinite(measure[alive]))
    assert np.all(np.isnan(found.cosine[dead])) and np.all(np.isnan(found.cosine[:, dead]))
    assert np.all(np.isnan(found.snr[dead]))
    assert np.all(found.norm[alive] > 0) and np.all(np.isfinite(found.cosine[np.ix_(alive, alive)]))
    assert np.all(found.saturated[dead] == 1) and found.saturated[ROW["non_saturating"]] == 0
    assert np.all(found.d_fake == 0)


def test_a_constant_critic_has_no_gradient() -> None:
    found = wide(probe_in("points")(KEY, with_discriminator((0, 0), 0.25)))
    for measure in (found.norm, found.norms, found.noise, *found.layers.values()):
        assert np.all(measure == 0)
    assert np.all(np.isnan(found.cosine)) and np.all(np.isnan(found.snr))
    assert np.all(found.fake_logit == 0.25)


def test_infinity_and_nan_are_said() -> None:
    found = wide(probe_in("points")(KEY, with_discriminator((1, 0.01), 100.0)))
    over = ROW["f_kl"]  # exp(99) is infinite in float32
    others = [i for i in ROW.values() if i != over]
    for measure in (found.norm, found.norms, *found.layers.values()):
        assert not np.any(np.isfinite(measure[over]))
        assert np.all(np.isfinite(measure[others]))
    assert np.all(np.isnan(found.cosine[over])) and not np.isfinite(found.noise[over])
    assert np.all(np.isfinite(found.cosine[np.ix_(others[1:3], others[1:3])]))

    poisoned = state_in("points")
    poisoned = poisoned._replace(params=jax.tree.map(lambda a: a * jnp.nan, poisoned.params))
    found = wide(probe_in("points")(KEY, poisoned))
    # (In a layer before a ReLU the derivative at NaN is 0, in JAX.)
    for leaf in jax.tree.leaves(found._replace(saturated=np.nan, layers={})):
        assert np.all(np.isnan(leaf))
    assert all(np.all(np.isnan(leaf)) for leaf in (found.layers["Dense_1"], found.fake_logit))


def jensen_shannon(theta: float) -> float:
    """JSD of N(0, 1) and N(theta, 1) by a sum over a fine grid."""
    x = np.linspace(-12, 12, 24001)
    p, q = (np.exp(-((x - mean) ** 2) / 2) / np.sqrt(2 * np.pi) for mean in (0, theta))
    m = (p + q) / 2
    return float(np.sum(p * np.log(p / m) + q * np.log(q / m)) / 2 * (x[1] - x[0]))


@pytest.fixture(scope="module")
def gaussian() -> Callable[..., Gradients]:
    losses = {
        "minimax": minimax,
        "non_saturating": non_saturating,
        "reverse_kl": reverse_kl,
        "ascent": Loss(cross_entropy_discriminator, lambda real, fake: fake),
    }
    game = toy.gaussian_mean(minimax)
    return jax.jit(gradient_probe(game, toy.standard_normal, losses, minibatches=8, batch_size=4096))


def at_the_optimal_discriminator(theta: float) -> State:
    params = Players({"theta": jnp.array([theta])}, {"psi": jnp.array([theta**2 / 2, -theta])})
    return state_of(params, Players({}, {}))


def test_gradients_at_the_optimal_discriminator_are_those_of_divergences(gaussian: Callable[..., Gradients]) -> None:
    """minimax: 2 JSD. reverse_kl: KL(q || p) = theta^2 / 2. non_saturating: KL(q || p) - 2 JSD."""
    theta, h = 0.75, 1e-3  # exact in float32
    found = wide(gaussian(KEY, at_the_optimal_discriminator(theta)))
    two_jsd = (jensen_shannon(theta + h) - jensen_shannon(theta - h)) / h
    expected = np.array([two_jsd, theta - two_jsd, theta, theta])
    assert np.all(expected > 0.1)  # each is worth being told apart
    # Five standard errors; the slope of `reverse_kl` is one number, the same for every sample.
    assert np.all(np.abs(found.norm - expected) < 5 * found.noise / np.sqrt(8) + 1e-5)
    assert np.all(found.noise < 0.01 * found.norm)
    # One parameter, which all divergences would lower. Squares of a unit, rounded.
    signs = np.array([1, 1, 1, -1])
    np.testing.assert_allclose(found.cosine, np.outer(signs, signs), rtol=1e-6)


def test_at_the_equilibrium_there_is_no_gradient(gaussian: Callable[..., Gradients]) -> None:
    found = gaussian(KEY, at_the_optimal_discriminator(0.0))
    assert np.all(np.asarray(found.norms) == 0) and np.all(np.asarray(found.d_fake) == 0.5)


def test_a_loss_of_pairs_needs_as_many_real_as_fake_logits() -> None:
    def too_few(key: Key, n: int) -> Batch:
        return points(key, 5)

    game = SETTINGS["points"].game(minimax)
    with pytest.raises(ValueError, match=r"as many real as fake logits: got shapes \(5,\) and \(8,\)"):
        jax.eval_shape(gradient_probe(game, too_few, {"it": relativistic}, batch_size=N), KEY, state_in("points"))
    found = jax.eval_shape(gradient_probe(game, too_few, FEW, batch_size=N), KEY, state_in("points"))
    assert found.norm.shape == (2,)  # the average of other numbers is no pair


@pytest.mark.parametrize(
    ("message", "options"),
    [
        ("losses must be a mapping of names to losses, .*, got {}", {"losses": {}}),
        ("losses must be a mapping of names to losses, .*, got {'a': 1}", {"losses": {"a": 1}}),
        ("minibatches must be a whole number of at least 1, got 0", {"minibatches": 0}),
        ("minibatches must be a whole number of at least 1, got 1.5", {"minibatches": 1.5}),
        ("batch_size must be a whole number of at least 1, got 0", {"batch_size": 0}),
        ("saturated must be above 0, got 0", {"saturated": 0}),
        ("saturated must be above 0, got -0.1", {"saturated": -0.1}),
        ("saturated must be a finite number, got nan", {"saturated": float("nan")}),
    ],
)
def test_arguments_that_mean_nothing_raise_a_line(message: str, options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=rf"\A{message}\Z"):
        gradient_probe(toy.gaussian_mean(minimax), toy.standard_normal, **{"losses": FEW, **options})
