"""The discriminator alone against a generator that is held, and generators of several ages to hold."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax.tree_util import Partial
from scipy.special import log_expit

from jaxgan.diagnostics.frozen import generators_of_ages, log_spaced
from jaxgan.dynamics import DiscriminatorInfo, averaged, discriminator_only, with_generator
from jaxgan.random import named_key
from jaxgan.runs import run_seeds
from jaxgan.types import Array, Batch, BatchSizes, Game, Generator, Key, Players, PyTree, Sampler, State
from tests.diagnostics.held import (
    KEY,
    KEYS,
    NORMALIZED_GAME,
    NUMBERS,
    PLAIN,
    TOY,
    N,
    assert_close,
    assert_same,
    interrupt,
    normalized_state,
    numbers,
    toy_state,
)

POINTS = Partial(lambda key, n: Batch(4 * jax.random.uniform(key, (n, 2)) - 2))


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


def test_an_interrupt_ends_the_making_of_generators() -> None:
    with pytest.raises(KeyboardInterrupt):
        generators_of_ages(PLAIN, NUMBERS, KEYS, (1, 5), on_chunk=interrupt)
