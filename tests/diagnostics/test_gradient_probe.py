"""The gradient probe against jax.grad of a game with each loss and numpy in 64 bits, alone and along training."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax.traverse_util import flatten_dict
from jax.tree_util import Partial
from scipy.special import expit

from jaxgan import toy
from jaxgan.data import Examples, from_images
from jaxgan.diagnostics.gradients import Gradients, gradient_probe
from jaxgan.dynamics import alternating
from jaxgan.game import adversarial_game
from jaxgan.losses import minimax, non_saturating, relativistic
from jaxgan.nn import MLPGenerator
from jaxgan.random import named_key
from jaxgan.runs import Result, run, run_seeds, seed_keys
from jaxgan.runs.loop import Chunk, fit
from jaxgan.types import QUANTILES, Algorithm, Key, Players, Sampler, State
from tests.diagnostics.probed import (
    DISCRIMINATOR,
    KEY,
    ONE,
    OPTIONS,
    SETTINGS,
    N,
    Reference,
    assert_same,
    close,
    prior,
    probe_in,
    reference_of,
    rows,
    state_in,
    state_of,
    wide,
)

KEYS = seed_keys(jax.random.key(0), 2)
STEPS = 4

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
