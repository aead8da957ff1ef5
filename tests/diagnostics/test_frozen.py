"""Discriminators against generators that stand still: the rule, the protocol over ages and seeds, and its measures."""

import functools
import signal
from collections.abc import Callable
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax.tree_util import Partial
from scipy.special import log_expit

from jaxgan import toy
from jaxgan.data import Examples, from_images
from jaxgan.diagnostics.frozen import (
    FrozenGeneratorResult,
    ImageGradients,
    against_discriminators,
    generators_of_ages,
    image_gradients,
    log_spaced,
    normalization_of,
)
from jaxgan.diagnostics.gradients import gradient_probe
from jaxgan.dynamics import DiscriminatorInfo, alternating, averaged, discriminator_only, with_generator
from jaxgan.game import adversarial_game
from jaxgan.losses import minimax, non_saturating, relativistic_average
from jaxgan.nn import DCGANDiscriminator, DCGANGenerator, MLPDiscriminator, MLPGenerator
from jaxgan.nn.layers import spectrally_normalized
from jaxgan.random import named_key
from jaxgan.runs import run, run_seeds, seed_keys
from jaxgan.runs.loop import Chunk, fit
from jaxgan.types import (
    QUANTILES,
    Array,
    Batch,
    BatchSizes,
    Game,
    Generator,
    Key,
    Loss,
    Players,
    PyTree,
    Sampler,
    State,
)

KEY = jax.random.key(1)
KEYS = seed_keys(jax.random.key(0), 2)
N = 8
LOSSES = {"minimax": minimax, "relativistic_average": relativistic_average}
IMAGES = from_images("noise", Examples(np.random.default_rng(0).integers(0, 256, (16, 8, 8, 1), np.uint8)))


def prior(key: Key, n: int) -> Array:
    """Quicker to compile than a normal one."""
    return 4 * jax.random.uniform(key, (n, 4)) - 2


POINT_GAME = adversarial_game(MLPGenerator(2, hidden=(8,)), MLPDiscriminator(hidden=(8,)), prior, non_saturating)
IMAGE_GAME = adversarial_game(DCGANGenerator(8, 1, width=4), DCGANDiscriminator(width=4), prior, non_saturating)


def numbers(key: Key, n: int) -> Batch:
    return Batch(4 * jax.random.uniform(key, (n, 1)) - 2)


NUMBERS = Partial(numbers)
POINTS = Partial(lambda key, n: Batch(4 * jax.random.uniform(key, (n, 2)) - 2))


def assert_same(a: Any, b: Any) -> None:
    jax.tree.map(np.testing.assert_array_equal, a, b)


def assert_close(a: Any, b: Any, **tolerance: float) -> None:
    jax.tree.map(functools.partial(np.testing.assert_allclose, **tolerance), a, b)


class Normalized(nn.Module):
    """Two kinds of normalization, and two momenta."""

    @nn.compact
    def __call__(self, x: Array, *, train: bool) -> Array:
        x = nn.BatchNorm(use_running_average=not train, momentum=0.5)(x)
        x = nn.relu(spectrally_normalized(nn.Dense(4), True, train=train)(x))
        x = nn.BatchNorm(use_running_average=not train, momentum=0.99)(x)
        return nn.Dense(1)(x).reshape(x.shape[0])


class NormalizedGenerator(nn.Module):
    @nn.compact
    def __call__(self, z: Array, *, train: bool) -> Array:
        return nn.Dense(2)(nn.relu(nn.BatchNorm(use_running_average=not train)(z)))


NORMALIZED_GAME = adversarial_game(NormalizedGenerator(), Normalized(), prior, non_saturating)


@functools.cache
def normalized_state() -> State:
    return bare(*jax.jit(NORMALIZED_GAME.init)(KEY, Batch(jax.random.uniform(KEY, (N, 2)))))


def bare(params: Players, model_state: Players) -> State:
    return State(params, model_state, None, None, jnp.int32(0))


@functools.cache
def image_state() -> State:
    """Wider weights than at the start, so that logits and gradients differ."""
    params, model_state = jax.jit(IMAGE_GAME.init)(KEY, IMAGES.sample(KEY, N))
    return bare(jax.tree.map(lambda p: 3 * p, params), model_state)


def toy_state(psi: tuple[float, float], theta: float = 0.5) -> State:
    """Of `toy.gaussian_mean`: D(x) = psi_0 + psi_1 x."""
    return bare(Players({"theta": jnp.array([theta])}, {"psi": jnp.array(psi)}), Players({}, {}))


class Look(NamedTuple):
    """The discriminator's objective at a state, from the batch that a key draws, and an update by its gradient."""

    loss: Array
    real: np.ndarray
    fake: np.ndarray
    state: State


def update_by_hand(
    game: Game, tx: optax.GradientTransformation, sample: Sampler, sizes: BatchSizes
) -> Callable[[Key, State], Look]:
    def update(key: Key, state: State) -> Look:
        batch = sample(named_key(key, "data"), sizes.real)

        def value(own: PyTree) -> Any:
            params = state.params._replace(discriminator=own)
            return game.discriminator(named_key(key, "game"), params, state.model_state, batch, sizes.fake, state.step)

        (loss, seen), gradient = jax.value_and_grad(value, has_aux=True)(state.params.discriminator)
        change, opt_state = tx.update(gradient, state.opt_state.discriminator, state.params.discriminator)
        after = state._replace(
            params=state.params._replace(discriminator=optax.apply_updates(state.params.discriminator, change)),
            model_state=state.model_state._replace(discriminator=seen.model_state),
            opt_state=state.opt_state._replace(discriminator=opt_state),
        )
        return Look(loss, seen.real_logits, seen.fake_logits, after)

    return jax.jit(update)


def judged(look: Look, threshold: float | None) -> DiscriminatorInfo:
    real, fake = (np.asarray(logits, np.float64) for logits in (look.real, look.fake))
    between = (real.mean() + fake.mean()) / 2 if threshold is None else threshold
    accuracy = ((real > between).mean() + (fake < between).mean()) / 2
    value = log_expit(real).mean() + log_expit(-fake).mean()
    return DiscriminatorInfo(*[np.float64(a) for a in (look.loss, accuracy, value, real.mean(), fake.mean())])  # type: ignore[arg-type]


def test_three_updates_move_the_discriminator_alone_by_its_own_gradient() -> None:
    tx, sizes = optax.sgd(0.1, momentum=0.9), BatchSizes(real=6, fake=N, generator=N)
    rule = discriminator_only(NORMALIZED_GAME, tx, batch_size=sizes, d_steps=3)
    before = normalized_state()
    opt_state = Players(optax.EmptyState(), tx.init(before.params.discriminator))
    before = before._replace(opt_state=opt_state)
    after, info = jax.jit(rule.step)(KEY, before, POINTS)
    # The generator's statistics, too: it is called in training, and would move them.
    for part in ("params", "model_state", "opt_state"):
        assert_same(getattr(after, part).generator, getattr(before, part).generator)
    assert after.step == before.step + 1 and after.average is None

    by_hand, state = update_by_hand(NORMALIZED_GAME, tx, POINTS, sizes), before
    for i in range(3):
        look = by_hand(jax.random.fold_in(KEY, i), state)
        state = look.state
    # Another program, which may round differently; measured: 3e-7.
    for part in ("params", "model_state", "opt_state"):
        assert_close(getattr(after, part).discriminator, getattr(state, part).discriminator, rtol=1e-5, atol=1e-6)
    assert_close(info, judged(look, 0.0), rtol=1e-5, atol=1e-6)
    moved = jax.tree.map(lambda a, b: bool(np.all(np.asarray(a) != np.asarray(b))), after, before)
    assert all(jax.tree.leaves((moved.params.discriminator, moved.model_state.discriminator)))


TOY = toy.gaussian_mean(non_saturating, draw=lambda key, shape: 4 * jax.random.uniform(key, shape) - 2)
SIZES = BatchSizes(real=10, fake=14, generator=10)


THRESHOLDS = (0.0, 1.4, None)


@pytest.mark.parametrize("threshold", THRESHOLDS)
def test_a_step_reports_its_last_batch_before_the_update(threshold: float | None) -> None:
    """D(x) = sigmoid(0.4 + x), where fakes lie above the data: most of both are on the wrong side."""
    tx = optax.adam(0.1)
    step = jax.jit(discriminator_only(TOY, tx, batch_size=SIZES, threshold=threshold).step, static_argnums=2)
    state = toy_state((0.4, 1.0))
    state = state._replace(opt_state=Players(optax.EmptyState(), tx.init(state.params.discriminator)))
    after, info = step(KEY, state, numbers)
    look = update_by_hand(TOY, tx, numbers, SIZES)(jax.random.fold_in(KEY, 0), state)
    assert_close(info, judged(look, threshold), rtol=1e-6)  # sums of 14 numbers
    assert_close(after.params, look.state.params, rtol=1e-6)
    assert info.accuracy < 0.5
    assert len({judged(look, each).accuracy.item() for each in THRESHOLDS}) == 3
    # Logits on the threshold are on neither side.
    constant = state._replace(params=toy_state((0.0, 0.0)).params)
    assert step(KEY, constant, numbers)[1].accuracy == (0.5 if threshold == 1.4 else 0)


@pytest.mark.parametrize(
    ("message", "options"),
    [
        ("d_steps must be a whole number of at least 1, got 0", {"d_steps": 0}),
        (r"batch size \(real\) must be a whole number of at least 1, got 0", {"batch_size": 0}),
        (r"batch size \(fake\) must be a whole number of at least 1, got -1", {"batch_size": BatchSizes(1, -1, 1)}),
    ],
)
def test_counts_that_mean_nothing_raise_a_line(message: str, options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=rf"\A{message}\Z"):
        discriminator_only(TOY, optax.sgd(0.1), **options)


def test_a_generator_is_put_into_a_state() -> None:
    state = State(Players(1, 2), Players({"batch_stats": 3, "terms": 8}, {}), Players(5, 6), None, jnp.int32(7))
    found = with_generator(state, Generator("weights", {"batch_stats": 4}))
    own = {"batch_stats": 4, "terms": 8}  # the memories of terms are not the generator's to bring
    assert found == state._replace(params=Players("weights", 2), model_state=Players(own, {}))


@given(last=st.integers(1, 2000), count=st.integers(2, 60))
@settings(deadline=None, max_examples=100)
def test_log_spaced_steps(last: int, count: int) -> None:
    steps = log_spaced(last, count)
    assert steps[0] == 1 and steps[-1] == last and np.issubdtype(steps.dtype, np.integer)
    assert np.all(np.diff(steps) > 0)
    assert len(steps) == min(count, last)
    if len(steps) > 2:
        # Beyond what neighbouring whole numbers allow, every ratio is the same; a step is rounded by at most 1/2.
        ratios = np.log(steps[1:] / steps[:-1])
        wide = ratios[np.diff(steps) > 1]
        assert wide.size == 0 or np.ptp(wide) < 2 / steps[:-1][np.diff(steps) > 1].min()


def test_log_spaced_ends() -> None:
    assert log_spaced(1).tolist() == [1]
    assert log_spaced(7, 7).tolist() == log_spaced(7, 100).tolist() == [1, 2, 3, 4, 5, 6, 7]
    assert log_spaced(1000, 2).tolist() == [1, 1000]
    with pytest.raises(ValueError, match=r"\Alast must be a whole number of at least 1, got 0\Z"):
        log_spaced(0)
    with pytest.raises(ValueError, match=r"\Acount must be a whole number of at least 2, got 1\Z"):
        log_spaced(10, 1)


PLAIN = alternating(TOY, optax.sgd(0.3), optax.sgd(0.3), batch_size=4)


def test_generators_of_ages_are_those_of_runs_of_so_many_steps() -> None:
    """An average changes no training, so that one run has both: the generator as trained, and its average."""
    averaging = averaged(PLAIN, 0.75)

    def probe(key: Key, state: State) -> tuple[PyTree, PyTree]:
        assert state.average is not None
        return state.params.generator, state.average.params

    seen = run_seeds(averaging, NUMBERS, KEYS, 5, probe=probe, probe_every=1).probes
    for algorithm, expected in zip((PLAIN, averaging), seen, strict=True):
        found = generators_of_ages(algorithm, NUMBERS, KEYS, (0, 2, 5)).params["theta"]
        assert found.shape == (3, 2, 1)  # [age, seed, ...]
        assert np.all(found[0] == 1)  # as it starts
        # Another program for the same steps, which may round differently.
        assert_close(found[1:], np.stack(expected["theta"], axis=1)[[1, 4]], rtol=1e-6)
        # The same program: where it stops in between changes no bit.
        assert_same(generators_of_ages(algorithm, NUMBERS, KEYS, [5]).params["theta"][0], found[2])
    assert len(np.unique([each["theta"] for each in seen])) == 2 * 2 * 5


@pytest.mark.parametrize(
    ("message", "ages"),
    [
        (r"ages must be steps in increasing order, got \[\]", ()),
        (r"ages must be steps in increasing order, got \[2, 1\]", (2, 1)),
        (r"ages must be steps in increasing order, got \[2, 2\]", (2, 2)),
        ("an age must be a whole number of at least 0, got -1", (-1, 2)),
        ("an age must be a whole number of at least 0, got 1.5", (1.5,)),
    ],
)
def test_ages_that_mean_nothing_raise_a_line(message: str, ages: Any) -> None:
    with pytest.raises(ValueError, match=rf"\A{message}\Z"):
        generators_of_ages(PLAIN, NUMBERS, KEYS, ages)


def interrupt(chunk: Chunk) -> None:
    signal.raise_signal(signal.SIGINT)


def test_an_interrupt_ends_the_making_of_generators() -> None:
    with pytest.raises(KeyboardInterrupt):
        generators_of_ages(PLAIN, NUMBERS, KEYS, (1, 5), on_chunk=interrupt)


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


class Labelled(nn.Module):
    """`network` on its input beside the condition."""

    network: nn.Module

    @nn.compact
    def __call__(self, x: Array, y: Array, *, train: bool) -> Array:
        return self.network(jnp.concatenate([x, y], axis=1), train=train)


def labelled_points(key: Key, n: int) -> Batch:
    y = jax.random.uniform(named_key(key, "label"), (n, 1))
    return Batch(jax.random.uniform(key, (n, 2)) * y, y)


LABEL_GAME = adversarial_game(
    Labelled(MLPGenerator(2, hidden=(8,))), Labelled(MLPDiscriminator(hidden=(8,))), prior, non_saturating
)
THREE = {"minimax": minimax, "non_saturating": non_saturating, "relativistic_average": relativistic_average}


@functools.cache
def label_state() -> State:
    return bare(*jax.jit(LABEL_GAME.init)(KEY, labelled_points(KEY, N)))


def seen_by_hand(game: Game, state: State, sample: Sampler, key: Key) -> Any:
    """(fake, real, condition, the discriminator's model state with the statistics of the fake batch)."""
    batch = sample(named_key(key, "data"), N)
    generator = state.params.generator, state.model_state.generator
    fake = game.sample(named_key(key, "sample"), *generator, N, y=batch.y)
    own = state.params.discriminator, state.model_state.discriminator
    return fake, batch.x, batch.y, normalization_of(game, *own, fake, batch.y)


@pytest.mark.parametrize("name", ["labels", "images"])
def test_image_gradients_are_those_of_each_samples_own_loss(name: str) -> None:
    game, sample = (LABEL_GAME, labelled_points) if name == "labels" else (IMAGE_GAME, IMAGES.sample)
    state = label_state() if name == "labels" else image_state()
    discriminate = game.discriminate
    assert discriminate is not None
    found = jax.jit(lambda state: image_gradients(KEY, game, THREE, state, sample, N))(state)

    @jax.jit
    def by_autodiff(state: State) -> list[Array]:
        fake, real, y, held = seen_by_hand(game, state, sample, KEY)

        def logits(x: Array) -> Array:
            return discriminate(KEY, state.params.discriminator, held, x, y)[0]

        def total(loss: Loss, x: Array) -> Array:
            parts = loss.generator(logits(real), logits(x))
            return jnp.sum(jnp.stack([jnp.mean(part) for part in (parts if isinstance(parts, tuple) else (parts,))]))

        return [N * jax.grad(functools.partial(total, loss))(fake) for loss in THREE.values()]

    for i, gradient in enumerate(by_autodiff(state)):
        each = np.asarray(gradient, np.float64).reshape(N, -1)
        lengths, mean = np.linalg.norm(each, axis=1), each.mean(axis=0)
        expected = ImageGradients(
            np.linalg.norm(mean),  # type: ignore[arg-type]
            np.sqrt(np.sum((each - mean) ** 2) / N),  # type: ignore[arg-type]
            np.quantile(lengths, QUANTILES),  # type: ignore[arg-type]
        )
        # float32 sums in another order; measured: 2e-7.
        assert_close(jax.tree.map(lambda a: a[i], found), expected, rtol=5e-6)  # noqa: B023
        assert np.ptp(lengths) > 0.01 * lengths.max() > 0


@pytest.fixture(scope="module")
def held() -> Any:
    """Logits of a batch of fakes in training and with its statistics held, and slopes of the first of them."""
    discriminate = IMAGE_GAME.discriminate
    assert discriminate is not None

    @jax.jit
    def look(state: State) -> Any:
        fake, *_, held = seen_by_hand(IMAGE_GAME, state, IMAGES.sample, KEY)
        params, model_state = state.params.discriminator, state.model_state.discriminator
        ways = [(held, False), (model_state, True), (model_state, False)]
        pulls = [
            jax.vjp(lambda x, way=way: discriminate(KEY, params, way[0], x, train=way[1])[0], fake) for way in ways
        ]
        return [(logits, pull(jnp.eye(N)[0])[0]) for logits, pull in pulls]

    return look(image_state())


def test_held_statistics_are_those_of_the_batch(held: Any) -> None:
    (by_held, _), (in_training, _), (at_the_start, _) = held
    # A statistic comes from a difference and a division by 1 - momentum = 0.1, a digit less; measured: 5e-7.
    assert_close(by_held, in_training, rtol=1e-5, atol=1e-6)
    assert np.max(np.abs(np.asarray(at_the_start - in_training))) > 0.1


def test_held_statistics_part_the_samples(held: Any) -> None:
    (_, by_held), (_, in_training), _ = (jax.tree.map(np.asarray, way) for way in held)
    assert np.all(by_held[1:] == 0) and np.any(by_held[0] != 0)
    assert np.all(np.any(in_training[1:] != 0, axis=(1, 2, 3)))


def test_only_statistics_are_held() -> None:
    x = jax.random.uniform(KEY, (N, 2)) * jnp.array([[3.0, 0.5]])
    params, own = normalized_state().params.discriminator, normalized_state().model_state.discriminator
    held = jax.jit(lambda x: normalization_of(NORMALIZED_GAME, params, own, x))(x)
    assert jax.tree.all(jax.tree.map(lambda a, b: a.shape == b.shape, held, own))
    old, new = own["batch_stats"], held["batch_stats"]
    assert_same(new["SpectralNorm_0"], old["SpectralNorm_0"])
    # From a difference, as above; measured: 1e-6.
    assert_close(new["BatchNorm_0"], {"mean": np.mean(x, axis=0), "var": np.var(x, axis=0)}, rtol=1e-5)
    assert all(np.all(new["BatchNorm_1"][name] != old["BatchNorm_1"][name]) for name in ("mean", "var"))
    assert NORMALIZED_GAME.discriminate is not None
    after = jax.jit(NORMALIZED_GAME.discriminate, static_argnames="train")(KEY, params, own, x, train=True)[1][
        "batch_stats"
    ]["BatchNorm_1"]
    statistics = jax.tree.map(lambda now, then: (now - 0.99 * then) / 0.01, after, old["BatchNorm_1"])
    # With a momentum of 0.99 both sides have two digits less than float32; measured: 4e-4 of small numbers.
    assert_close(new["BatchNorm_1"], statistics, rtol=1e-3, atol=1e-4)


def test_image_gradients_need_a_judge() -> None:
    with pytest.raises(ValueError, match=r"\Agradients with respect to examples need a game with `discriminate`, .*\Z"):
        image_gradients(KEY, TOY._replace(discriminate=None), LOSSES, toy_state((0, 1)), numbers, N)


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
