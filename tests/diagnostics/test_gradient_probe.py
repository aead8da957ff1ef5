"""The gradient probe against jax.grad of a game with each loss, numpy in 64 bits, and exact factors beyond float32."""

import functools
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax.traverse_util import flatten_dict
from jax.tree_util import Partial
from scipy.special import expit

from jaxgan import toy
from jaxgan.augment import instance_noise
from jaxgan.data import Examples, from_images
from jaxgan.diagnostics.gradients import Gradients, gradient_probe
from jaxgan.dynamics import alternating
from jaxgan.game import adversarial_game
from jaxgan.losses import (
    cross_entropy_discriminator,
    f_kl,
    hinge,
    minimax,
    non_saturating,
    relativistic,
    relativistic_average,
    reverse_kl,
    wasserstein,
)
from jaxgan.nn import DCGANDiscriminator, DCGANGenerator, MLPDiscriminator, MLPGenerator, Packed
from jaxgan.random import named_key
from jaxgan.runs import Result, run, run_seeds, seed_keys
from jaxgan.runs.loop import Chunk, fit
from jaxgan.types import QUANTILES, Algorithm, Array, Batch, Game, Key, Loss, Players, Sampler, State

KEY = jax.random.key(3)
N = 8
OPTIONS: dict[str, Any] = {"minibatches": 3, "batch_size": N, "saturated": 0.5}
KEYS = seed_keys(jax.random.key(0), 2)
STEPS = 4

own = Loss(
    cross_entropy_discriminator,
    lambda real, fake: (jnp.tanh(fake), 0.5 * (jnp.mean(real) - jnp.mean(fake)) ** 2),
)
"""A user's loss of two parts, one by example and one of the whole batch."""

LOSSES = {
    "minimax": minimax,
    "wasserstein": wasserstein,
    "own": own,
    "hinge": hinge,  # with the generator's part of `wasserstein`
    "relativistic": relativistic,
    "relativistic_average": relativistic_average,
    "f_kl": f_kl,
    "non_saturating": non_saturating,
}
ROW = {name: i for i, name in enumerate(LOSSES)}
FEW = {name: LOSSES[name] for name in ("minimax", "relativistic_average")}
ONE = {"relativistic_average": relativistic_average}

# The derivative of every sample's loss by its own logit: n times that of the mean.
DERIVATIVES: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "minimax": lambda real, fake: -expit(fake),
    "wasserstein": lambda real, fake: -np.ones_like(fake),
    "own": lambda real, fake: 1 - np.tanh(fake) ** 2 + fake.mean() - real.mean(),
    "hinge": lambda real, fake: -np.ones_like(fake),
    "relativistic": lambda real, fake: -expit(real - fake),
    "relativistic_average": lambda real, fake: -expit(real.mean() - fake) - expit(real - fake.mean()).mean(),
    "f_kl": lambda real, fake: -np.exp(fake - 1),
    "non_saturating": lambda real, fake: expit(fake) - 1,
}

# float32 sums in another order than that of jax.grad; measured: 2e-7.
close = functools.partial(np.testing.assert_allclose, rtol=5e-6, atol=1e-9)


class Labelled(nn.Module):
    """`network` on its input beside the one-hot condition, for conditions [n] and those of packs [n, m]."""

    network: nn.Module

    @nn.compact
    def __call__(self, x: Array, y: Array, *, train: bool) -> Array:
        return self.network(jnp.concatenate([x, jax.nn.one_hot(y, 3).reshape(x.shape[0], -1)], axis=1), train=train)


def prior(key: Key, n: int) -> Array:
    """Quicker to compile than a normal one."""
    return 4 * jax.random.uniform(key, (n, 4)) - 2


def points(key: Key, n: int) -> Batch:
    return Batch(2 * jax.random.uniform(key, (n, 2)))


POINTS = Partial(points)


def labelled_points(key: Key, n: int) -> Batch:
    y = jax.random.randint(named_key(key, "label"), (n,), 0, 3)
    return Batch(points(key, n).x * (y.reshape(n, 1) - 1), y)


GENERATOR, DISCRIMINATOR = MLPGenerator(2, hidden=(8,)), MLPDiscriminator(hidden=(8,))
IMAGES = from_images("noise", Examples(np.random.default_rng(0).integers(0, 256, (16, 8, 8, 1), np.uint8)))


class Setting(NamedTuple):
    """A game but for its loss, its data, and the losses that are measured in it."""

    networks: tuple[nn.Module, nn.Module] = (GENERATOR, DISCRIMINATOR)
    sample: Sampler = POINTS
    losses: Mapping[str, Loss] = FEW
    options: Mapping[str, Any] = {}

    def game(self, loss: Loss, **options: Any) -> Game:
        return adversarial_game(*self.networks, prior, loss, **{**self.options, **options})


SETTINGS = {
    "points": Setting(losses=LOSSES),
    "images": Setting((DCGANGenerator(8, 1, width=4), DCGANDiscriminator(width=4)), IMAGES.sample, ONE),
    # Conditions, packs, and an augmentation that follows the step.
    "packs of labels": Setting(
        (Labelled(GENERATOR), Packed(Labelled(DISCRIMINATOR), 2)),
        labelled_points,
        options={"augment": instance_noise(lambda step: 0.2 * step)},
    ),
}


def state_of(params: Players, model_state: Players) -> State:
    return State(params, model_state, None, None, jnp.int32(3))


def wider(params: Players) -> Players:
    """Larger weights than at the start, so that logits differ."""
    return jax.tree.map(lambda p: 2 * p, params)


@functools.cache
def state_in(name: str) -> State:
    setting = SETTINGS[name]
    params, model_state = jax.jit(setting.game(minimax).init)(KEY, setting.sample(KEY, N))
    return state_of(wider(params), model_state)


@functools.cache
def probe_in(name: str) -> Callable[..., Gradients]:
    setting = SETTINGS[name]
    return jax.jit(gradient_probe(setting.game(non_saturating), setting.sample, setting.losses, **OPTIONS))


class Reference(NamedTuple):
    """What jax.grad of a game with each loss gives, by minibatch."""

    gradients: dict[str, Any]  # of each loss, leaves [minibatch, ...]
    real: np.ndarray  # logits [minibatch, n]
    fake: np.ndarray


@functools.cache
def differentiate(name: str) -> Callable[[State, Key], Any]:
    setting = SETTINGS[name]

    def minibatch(state: State, key: Key) -> Any:
        batch = setting.sample(named_key(key, "data"), N)

        def of(loss: Loss) -> Any:
            game = setting.game(loss)

            def value(generator: Any) -> Any:
                params = state.params._replace(generator=generator)
                return game.generator(named_key(key, "game"), params, state.model_state, batch, N, state.step)

            return jax.grad(value, has_aux=True)(state.params.generator)

        found = {name: of(loss) for name, loss in setting.losses.items()}
        evaluation = next(iter(found.values()))[1]
        return {name: gradient for name, (gradient, _) in found.items()}, evaluation.real_logits, evaluation.fake_logits

    def minibatches(state: State, key: Key) -> Any:
        keys = jax.vmap(lambda i: jax.random.fold_in(key, i))(jnp.arange(OPTIONS["minibatches"]))
        return jax.lax.map(functools.partial(minibatch, state), keys)

    return jax.jit(minibatches)


def wide(tree: Any) -> Any:
    return jax.tree.map(lambda a: np.asarray(a, np.float64), tree)


def reference_of(name: str, state: State, key: Key = KEY) -> Reference:
    return Reference(*wide(differentiate(name)(state, key)))


class Training(NamedTuple):
    """A rule, its data, and how its runs are probed."""

    algorithm: Algorithm
    sample: Sampler
    probed: dict[str, Any]


@functools.cache
def training_in(name: str) -> Training:
    setting = SETTINGS[name]
    game = setting.game(non_saturating)
    start, tx = state_in(name), optax.sgd(0.1)
    rule = alternating(game, tx, tx, batch_size=N)

    def init(key: Key, sample: Sampler) -> State:
        """Quicker to compile than the networks' own."""
        params = jax.tree.map(lambda p: p * jax.random.uniform(key, minval=0.5), start.params)
        opt_state = Players(tx.init(params.generator), tx.init(params.discriminator))
        return State(params, start.model_state, opt_state, None, jnp.int32(0))

    algorithm = rule._replace(init=init)
    probe = gradient_probe(game, setting.sample, ONE, **OPTIONS)
    return Training(algorithm, setting.sample, {"probe": probe, "probe_every": STEPS // 2})


@functools.cache
def image_runs() -> tuple[Result, Result]:
    """All seeds without and with a probe."""
    algorithm, sample, probed = training_in("images")
    return run_seeds(algorithm, sample, KEYS, STEPS), run_seeds(algorithm, sample, KEYS, STEPS, **probed)


def reference_at_the_end(name: str, state: State, seed: int) -> Reference:
    """`state` of all seeds: what the last probe of one of them has to find."""
    params, model_state = jax.tree.map(lambda a: jnp.asarray(a)[seed], (state.params, state.model_state))
    key = jax.random.fold_in(named_key(KEYS[seed], "probe"), STEPS)
    return reference_of(name, state_of(params, model_state), key)


def rows(gradient: Any) -> np.ndarray:
    """[minibatch, numbers]."""
    return np.concatenate([a.reshape(len(a), -1) for a in jax.tree.leaves(gradient)], axis=1)


class Seen(NamedTuple):
    gradients: Gradients
    reference: Reference
    losses: list[str]

    def each(self) -> np.ndarray:
        """[loss, minibatch, numbers]"""
        return np.stack([rows(self.reference.gradients[name]) for name in self.losses])


@pytest.fixture(scope="module", params=SETTINGS)
def seen(request: pytest.FixtureRequest) -> Seen:
    name = request.param
    if name == "images":  # as it is recorded along a run
        _, probed = image_runs()
        last = jax.tree.map(lambda a: a[1, -1], probed.probes)
        return Seen(wide(last), reference_at_the_end(name, probed.state, 1), list(ONE))
    state = state_in(name)
    return Seen(wide(probe_in(name)(KEY, state)), reference_of(name, state), list(SETTINGS[name].losses))


def test_norms_are_those_of_the_games_own_gradients(seen: Seen) -> None:
    each = seen.each()
    close(seen.gradients.norms, np.linalg.norm(each, axis=2))
    # the norm of the mean gradient, and not the mean of the norms
    close(seen.gradients.norm, np.linalg.norm(each.mean(axis=1), axis=1))
    assert np.all(seen.gradients.norm < 0.999 * seen.gradients.norms.mean(axis=1))
    assert np.all(seen.gradients.norm > 1e-4)


def test_noise_is_the_total_standard_deviation_over_minibatches(seen: Seen) -> None:
    each = seen.each()
    noise = np.sqrt(each.var(axis=1, ddof=1).sum(axis=1))
    close(seen.gradients.noise, noise)
    close(seen.gradients.snr, np.linalg.norm(each.mean(axis=1), axis=1) / noise)


def test_cosines_are_between_the_mean_gradients(seen: Seen) -> None:
    mean = seen.each().mean(axis=1)
    unit = mean / np.linalg.norm(mean, axis=1, keepdims=True)
    close(seen.gradients.cosine, unit @ unit.T)
    assert np.unique(np.round(seen.gradients.cosine, 4)).size > len(mean) / 2


def test_layers_are_the_parts_of_the_whole(seen: Seen) -> None:
    parts: dict[str, Any] = {}
    by_name = {loss: flatten_dict(seen.reference.gradients[loss], sep="/") for loss in seen.losses}
    for leaf in by_name[seen.losses[0]]:
        layer = leaf.rpartition("/")[0]
        squares = [np.sum(by_name[loss][leaf].mean(axis=0) ** 2) for loss in seen.losses]
        parts[layer] = parts.get(layer, 0) + np.array(squares)
    assert seen.gradients.layers.keys() == parts.keys() and len(parts) > 1
    for layer, squares in parts.items():
        close(seen.gradients.layers[layer], np.sqrt(squares))
    # another order of sums
    whole = np.sqrt(sum(part**2 for part in seen.gradients.layers.values()))
    np.testing.assert_allclose(whole, seen.gradients.norm, rtol=1e-6)


def test_saturation_and_quantiles_are_those_of_the_logits(seen: Seen) -> None:
    real, fake = seen.reference.real, seen.reference.fake
    for i, name in enumerate(seen.losses):
        derivatives = [DERIVATIVES[name](*logits) for logits in zip(real, fake, strict=True)]
        assert seen.gradients.saturated[i] == pytest.approx(
            np.mean(np.abs(derivatives) < OPTIONS["saturated"]), abs=1e-6
        )
    if len(seen.losses) > 1:
        assert np.unique(seen.gradients.saturated).size > 1
    quantiles = np.quantile(fake, QUANTILES)
    close(seen.gradients.fake_logit, quantiles, atol=1e-6)
    close(seen.gradients.d_fake, expit(quantiles), atol=1e-6)
    assert np.ptp(quantiles) > 0.01


def assert_same(a: Any, b: Any) -> None:
    jax.tree.map(np.testing.assert_array_equal, a, b)


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


def check_probes(name: str, state: State, probes: Gradients) -> None:
    """[seed, probe, ...]: each is that of a state of its own, and the last ones are those of the seeds' last states."""
    assert probes.norm.shape == (2, 2, 1)
    assert len(np.unique(probes.norm)) == probes.norm.size and np.all(np.asarray(probes.norm) > 0)
    for seed in range(2):
        gradients = reference_at_the_end(name, state, seed).gradients
        close(probes.norms[seed, -1, 0], np.linalg.norm(rows(gradients["relativistic_average"]), axis=1))


def test_a_probe_of_all_seeds_changes_no_bit_of_their_training() -> None:
    without, probed = image_runs()
    assert_same(without.state, probed.state)
    assert_same(without.info, probed.info)
    check_probes("images", probed.state, probed.probes)


def test_a_probe_changes_no_bit_of_a_fit() -> None:
    algorithm, sample, probed = training_in("points")
    chunks: list[list[Chunk]] = [[], []]
    fitted = [
        fit(algorithm, sample, KEYS, STEPS, on_chunk=each.append, max_chunk=STEPS, chunk_seconds=1e6, **options)
        for each, options in zip(chunks, ({}, probed), strict=True)
    ]
    assert_same(*[each.state for each in fitted])
    infos = [jax.tree.map(lambda *a: np.concatenate(a, axis=1), *[c.info for c in each]) for each in chunks]
    assert_same(*infos)
    probes = [chunk.probe for chunk in chunks[1] if chunk.probe is not None]
    check_probes("points", fitted[1].state, jax.tree.map(lambda *a: np.stack(a, axis=1), *probes))


def test_a_probe_changes_no_bit_of_a_run() -> None:
    game, tx = toy.two_point(relativistic), optax.sgd(0.1)
    algorithm = alternating(game, tx, tx, batch_size=2)
    probe = gradient_probe(game, toy.two_points, ONE, minibatches=2, batch_size=2)
    ways: list[dict[str, Any]] = [{}, {"probe": probe, "probe_every": 2}]
    without, probed = (jax.jit(functools.partial(run, algorithm, toy.two_points, num_steps=4, **o))(KEY) for o in ways)
    assert_same(without.state, probed.state)
    assert_same(without.info, probed.info)
    assert probed.probes.norm.shape == (2, 1) and probed.probes.norm[0] != probed.probes.norm[1]


def test_data_are_arguments_of_a_program() -> None:
    networks = MLPGenerator(64, hidden=(8,)), DISCRIMINATOR
    game = adversarial_game(*networks, prior, minimax)

    def program(count: int) -> str:
        source = from_images("grey", Examples(np.full((count, 8, 8, 1), 7, np.uint8)))
        probe = gradient_probe(game, source.sample, {"relativistic": relativistic}, batch_size=N)
        assert isinstance(probe, Partial)
        assert [leaf.shape for leaf in jax.tree.leaves(probe)] == [(count, 8, 8, 1)]
        assert jax.tree.leaves(probe)[0] is source.sample.args[0]
        shapes = jax.eval_shape(lambda key: state_of(*game.init(key, source.sample(key, N))), KEY)
        return jax.jit(lambda probe, key, state: probe(key, state)).lower(probe, KEY, shapes).as_text()

    few, many = program(101), program(901)
    assert "tensor<101x8x8x1xui8>" in few and "tensor<901x8x8x1xui8>" in many
    assert len(few) == len(many)  # both numbers have three digits


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
