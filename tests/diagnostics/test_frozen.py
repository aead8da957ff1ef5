"""Discriminators against generators that stand still: the protocol over ages and seeds, and fits."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxgan.diagnostics.frozen import FrozenGeneratorResult, against_discriminators, image_gradients, log_spaced
from jaxgan.diagnostics.gradients import gradient_probe
from jaxgan.dynamics import discriminator_only, with_generator
from jaxgan.game import adversarial_game
from jaxgan.losses import non_saturating
from jaxgan.nn import MLPDiscriminator, MLPGenerator
from jaxgan.random import named_key
from jaxgan.runs import run, seed_keys
from jaxgan.runs.loop import Chunk, fit
from jaxgan.types import QUANTILES, Array, Batch, Generator, Key, Sampler, State
from tests.diagnostics.held import (
    KEY,
    KEYS,
    LOSSES,
    NUMBERS,
    PLAIN,
    TOY,
    N,
    assert_close,
    assert_same,
    interrupt,
    prior,
)

POINT_GAME = adversarial_game(MLPGenerator(2, hidden=(8,)), MLPDiscriminator(hidden=(8,)), prior, non_saturating)


RULE = discriminator_only(POINT_GAME, optax.adam(0.02), batch_size=N)
RULE = RULE._replace(init=jax.jit(RULE.init))  # one program in place of many small ones
STEPS, PROBES = 40, 4
OPTIONS: dict[str, Any] = {"minibatches": 2, "batch_size": N, "saturated": 0.5}


class Protocol(NamedTuple):
    generators: Generator
    found: FrozenGeneratorResult
    states: list[State]  # at the steps that were probed


@pytest.fixture(scope="module")
def protocol(sample: Sampler) -> Protocol:
    """Two ages of two seeds: near the origin, and far from it."""
    start = jax.jit(jax.vmap(lambda key: POINT_GAME.init(key, Batch(jnp.zeros((1, 2))))[0].generator))
    young = start(seed_keys(KEY, 2))
    old = jax.tree.map(lambda a: 1.5 * a + 0.1, young)
    generators = Generator(jax.tree.map(lambda *each: jnp.stack(each), young, old), {})
    states: list[State] = []

    def keep(chunk: Chunk) -> None:
        if chunk.probe is not None:  # the buffers are used again
            states.append(jax.tree.map(np.array, chunk.state))

    arguments = RULE, sample, KEYS, generators, LOSSES, STEPS
    found = against_discriminators(*arguments, probes=PROBES, on_chunk=keep, **OPTIONS)
    return Protocol(generators, found, states)


def alone(a: Any, age: int, seed: int) -> Any:
    """One run of arrays [age * seed, ...]."""
    return jax.tree.map(lambda leaf: leaf[age * 2 + seed], a)


pairs = pytest.mark.parametrize(("age", "seed"), [(0, 0), (0, 1), (1, 0), (1, 1)])


def test_the_shapes_of_what_is_found(protocol: Protocol) -> None:
    found = protocol.found
    assert_same(found.steps, log_spaced(STEPS, PROBES))
    assert {leaf.shape for leaf in found.info} == {(2, 2, STEPS)}
    assert found.gradients.norm.shape == found.gradients.noise.shape == (2, 2, PROBES, 2)
    assert found.gradients.norms.shape == found.gradients.cosine.shape == (2, 2, PROBES, 2, 2)
    assert found.gradients.fake_logit.shape == (2, 2, PROBES, len(QUANTILES))
    assert found.images is not None
    assert found.images.norm.shape == found.images.spread.shape == (2, 2, PROBES, 2)
    assert found.images.norms.shape == (2, 2, PROBES, 2, len(QUANTILES))
    assert {leaf.shape[0] for leaf in jax.tree.leaves(found.state.params)} == {4}
    assert found.keys.shape == (4,) and found.state.step == STEPS and not found.interrupted
    assert [int(state.step) for state in protocol.states] == found.steps.tolist()


def test_a_seeds_discriminators_start_and_draw_alike_for_all_ages(protocol: Protocol) -> None:
    first = jax.tree.map(lambda a: a[:, :, 0], protocol.found.info)
    assert_same(first.real_logit[0], first.real_logit[1])  # the same discriminator on the same data
    assert first.real_logit[0, 0] != first.real_logit[0, 1]  # which are others for another seed
    assert np.all(first.fake_logit[0] != first.fake_logit[1])
    assert_same(jax.random.key_data(protocol.found.keys[:2]), jax.random.key_data(protocol.found.keys[2:]))
    assert len(np.unique(jax.random.key_data(protocol.found.keys), axis=0)) == 2


@pytest.fixture(scope="module")
def run_alone(sample: Sampler) -> Callable[[Key, Generator], Any]:
    def whole(key: Key, generator: Generator) -> Any:
        with_it = RULE._replace(init=lambda key, sample: with_generator(RULE.init(key, sample), generator))
        return run(with_it, sample, key, STEPS)

    return jax.jit(whole)


@pairs
def test_every_age_and_seed_is_a_run_of_its_own(
    protocol: Protocol, run_alone: Callable[[Key, Generator], Any], age: int, seed: int
) -> None:
    generator = jax.tree.map(lambda a: a[age, seed], protocol.generators)
    result = run_alone(named_key(KEYS[seed], "frozen"), generator)
    state = alone(protocol.found.state._replace(step=jnp.full(4, STEPS)), age, seed)
    assert_same(state.params.generator, generator.params)
    info = jax.tree.map(lambda a: a[age, seed], protocol.found.info)
    # Here the bits are equal; another machine may round differently, and 40 steps of Adam make more of it.
    assert_close(state, result.state, rtol=1e-3, atol=2e-5)
    assert_close(info, result.info, rtol=1e-3, atol=2e-5)


def test_gradients_are_those_of_the_states_reached(protocol: Protocol, sample: Sampler) -> None:
    probe: Any = gradient_probe(POINT_GAME, sample, LOSSES, **OPTIONS)  # type: ignore[arg-type]

    @jax.jit
    def look(key: Key, state: State) -> Any:
        k = jax.random.fold_in(named_key(key, "probe"), state.step)
        return probe(k, state), image_gradients(named_key(k, "images"), POINT_GAME, LOSSES, state, sample, N)

    measured = protocol.found.gradients, protocol.found.images
    for age, seed in np.ndindex(2, 2):
        for i, state in enumerate(protocol.states):
            one = alone(state._replace(step=jnp.full(4, state.step)), age, seed)
            expected = look(named_key(KEYS[seed], "frozen"), one)
            # Another program, which may round differently; measured: 1e-7.
            assert_close(jax.tree.map(lambda a: a[age, seed, i], measured), expected, rtol=1e-5, atol=1e-7)  # noqa: B023


def test_a_discriminator_learns_to_tell_a_young_generators_samples(protocol: Protocol) -> None:
    accuracy = protocol.found.info.accuracy[0]  # [seed, step]
    assert np.all(accuracy[:, -8:].mean(axis=1) > accuracy[:, :4].mean(axis=1) + 0.1)
    assert np.all(accuracy[:, -8:].mean(axis=1) > 0.75)


def test_without_judge_and_interrupted() -> None:
    rule = discriminator_only(TOY._replace(discriminate=None), optax.sgd(0.1), batch_size=4)
    generators = Generator({"theta": jnp.arange(3.0).reshape(1, 3, 1)}, {})
    keys = seed_keys(KEY, 3)

    def stop(chunk: Chunk) -> None:
        if chunk.step >= 5:
            interrupt(chunk)

    arguments = rule, NUMBERS, keys, generators, LOSSES, 50
    found = against_discriminators(*arguments, probes=6, minibatches=1, batch_size=4, on_chunk=stop)
    assert found.interrupted and found.images is None
    done = int(found.state.step)
    assert 5 <= done < 50 and found.info.value.shape == (1, 3, done)
    assert_same(found.steps, [step for step in log_spaced(50, 6) if step <= done])
    assert found.gradients.norm.shape == (1, 3, len(found.steps), 2)


def test_no_loss_raises_a_line() -> None:
    generators = Generator({"theta": jnp.zeros((1, 2, 1))}, {})
    with pytest.raises(ValueError, match="losses must be a mapping of names to losses"):
        against_discriminators(discriminator_only(TOY, optax.sgd(0.1)), NUMBERS, KEYS, generators, {}, 5)


def fitted(num_steps: int, **options: Any) -> tuple[State, Any, list[int]]:
    """The last state, the infos, and the steps of the probes."""
    chunks: list[Chunk] = []
    done = fit(PLAIN, NUMBERS, KEYS, num_steps, on_chunk=chunks.append, chunk_seconds=1e6, **options)
    info = jax.tree.map(lambda *parts: np.concatenate(parts, axis=1), *[chunk.info for chunk in chunks])
    seen = [chunk.probe[0].item() for chunk in chunks if chunk.probe is not None]
    assert seen == [chunk.step for chunk in chunks if chunk.probe is not None]
    return done.state, info, seen


def see(key: Key, state: State) -> Array:
    return state.step


def test_fit_looks_at_the_listed_steps_and_at_the_end() -> None:
    state, info, _ = fitted(9)
    for listed, steps in (
        ((2, 5), [2, 5, 9]),
        ([5, 2, 5, 0, 9, 20], [2, 5, 9]),  # in any order, and what lies outside is never reached
        ({1, 2, 8}, [1, 2, 8, 9]),
        ((20,), [9]),
        ((), [9]),
    ):
        *same, seen = fitted(9, probe=see, probe_at=listed)
        assert seen == steps
        assert_same(same, [state, info])
    first, *_ = fitted(4)
    assert fitted(9, state=first, probe=see, probe_at=(2, 4, 6))[2] == [6, 9]
    with pytest.raises(ValueError, match=r"\Aprobe_every and probe_at exclude each other: got both\Z"):
        fitted(9, probe=see, probe_every=3, probe_at=(2,))
