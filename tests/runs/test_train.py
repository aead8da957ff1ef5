"""Runs: one program for all seeds, the same numbers however it is cut, and an end that loses nothing."""

import functools
import logging
import math
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan import checkpoint
from jaxgan.data.synthetic import ring
from jaxgan.runs import Chunk, FitResult, Result, advance, fit, place, run, run_seeds, seed_keys, start_runs
from jaxgan.types import Algorithm, Array, Key, Players, Sampler, State

KEYS = seed_keys(jax.random.key(0), 3)


def assert_same(a: Any, b: Any) -> None:
    jax.tree.map(np.testing.assert_array_equal, a, b)


def assert_close(a: Any, b: Any, atol: float) -> None:
    jax.tree.map(functools.partial(np.testing.assert_allclose, rtol=0, atol=atol), a, b)


def of_seed(tree: Any, i: int) -> Any:
    return jax.tree.map(lambda a: a[i], tree)


def copied(tree: Any) -> Any:
    """For a state that is used again: `fit` takes the buffers of the one it is given."""
    return jax.tree.map(jnp.copy, tree)


def probe(key: Key, state: State) -> dict[str, Array]:
    return {"step": state.step, "number": jax.random.normal(key, (2,))}


class Fitting(NamedTuple):
    """A call of `fit`: what it returned, its chunks, and their infos joined."""

    fitted: FitResult
    chunks: list[Chunk]
    info: Any


def fitting_of(algorithm: Algorithm, sample: Sampler, num_steps: int, **options: Any) -> Fitting:
    chunks: list[Chunk] = []
    how: dict[str, Any] = {"record_every": 1, "chunk_seconds": 1e6} | options
    fitted = fit(algorithm, sample, KEYS, num_steps, on_chunk=chunks.append, **how)
    infos = [chunk.info for chunk in chunks]
    return Fitting(fitted, chunks, jax.tree.map(lambda *parts: np.concatenate(parts, axis=1), *infos))


@pytest.fixture(scope="module")
def initial(algorithm: Algorithm, sample: Sampler) -> State:
    return jax.jit(lambda keys: start_runs(algorithm, sample, keys))(KEYS)


@pytest.fixture(scope="module")
def together(algorithm: Algorithm, sample: Sampler) -> Result:
    return run_seeds(algorithm, sample, KEYS, 6, probe=probe, probe_every=2)


@pytest.fixture(scope="module")
def alone(algorithm: Algorithm, sample: Sampler) -> Callable[[Key], Result]:
    return jax.jit(lambda key: run(algorithm, sample, key, 6, probe=probe, probe_every=2))


def drawing(sample: Sampler) -> Algorithm:
    """A tracer of randomness: its state is the sampler's last batch and the last key's bits, its info the same."""

    def drawn(key: Key, step: Array) -> State:
        numbers = {"batch": sample(key, 5).x, "bits": jax.random.bits(key, (4,))}
        return State(Players(numbers, {}), Players({}, {}), Players({}, {}), None, step)

    def step(key: Key, state: State, sample: Sampler) -> tuple[State, Any]:
        return drawn(key, state.step + 1), drawn(key, state.step).params.generator

    return Algorithm(lambda key, sample: drawn(key, jnp.int32(0)), step, game=None)  # type: ignore[arg-type]


def test_a_seed_draws_the_same_numbers_alone_and_among_others(sample: Sampler) -> None:
    algorithm = drawing(sample)
    together = run_seeds(algorithm, sample, KEYS, 4, probe=probe, probe_every=2)
    alone = jax.jit(lambda key: run(algorithm, sample, key, 4, probe=probe, probe_every=2))
    for i, key in enumerate(KEYS):
        assert_same(of_seed(together, i), alone(key))
    info: Any = together.info
    bits = np.asarray(info["bits"]).reshape(-1, 4)
    assert len(np.unique(bits, axis=0)) == 3 * 4  # and no two steps, or seeds, share theirs


@pytest.mark.parametrize("seeds", [np.int64(3), np.arange(3), jnp.arange(3), (0, 1, 2)])
def test_seeds_are_whole_numbers_of_any_kind(seeds: Any) -> None:
    assert (seed_keys(jax.random.key(0), seeds) == KEYS).all()


@pytest.mark.parametrize("seeds", [2.5, "3", [1.5], [[1]], None])
def test_other_seeds_are_refused(seeds: Any) -> None:
    with pytest.raises(ValueError, match="seeds must be a whole number or a sequence of them, got "):
        seed_keys(jax.random.key(0), seeds)


@pytest.mark.parametrize("key", [0, "a", None, np.int32(0)])
def test_what_is_no_key_is_refused(key: Any) -> None:
    with pytest.raises(TypeError, match=r"key must be a JAX key, such as jax.random.key\(0\), got "):
        seed_keys(key, 2)


@pytest.mark.parametrize("seeds", [[0, 2**32], [-1]])
def test_seeds_that_would_share_a_key_are_refused(seeds: list[int]) -> None:
    with pytest.raises(ValueError, match="seeds must be from 0 to 4294967295, got "):
        seed_keys(jax.random.key(0), seeds)


def test_keys_that_draw_by_their_neighbours_are_for_runs_in_turn(sample: Sampler) -> None:
    """JAX vectorizes XLA's own generator by drawing everything from the first key."""
    algorithm, keys = drawing(sample), seed_keys(jax.random.key(0, impl="rbg"), 3)
    with pytest.raises(ValueError, match=r"keys of rbg draw .* or runs in turn, by place\(\.\.\., in_turn=True\)"):
        run_seeds(algorithm, sample, keys, 2)
    together = run_seeds(algorithm, sample, keys, 2, placement=place(3, in_turn=True))
    alone = jax.jit(lambda key: run(algorithm, sample, key, 2))
    for i, key in enumerate(keys):
        assert_same(of_seed(together.info, i), alone(key).info)


def test_seed_7_has_one_key() -> None:
    among = seed_keys(jax.random.key(3), 64)
    assert among.shape == (64,)
    assert seed_keys(jax.random.key(3), [7])[0] == seed_keys(jax.random.key(3), (9, 7))[1] == among[7]
    assert len(np.unique(jax.random.key_data(among), axis=0)) == 64


def test_a_seed_trains_alike_alone_and_among_others(together: Result, alone: Callable[[Key], Result]) -> None:
    # A batched product may round differently, and a game amplifies rounding exponentially: hence few steps, and
    # ten times what was measured on them (2e-7).
    for i, key in enumerate(KEYS):
        assert_close(of_seed(together, i), alone(key), atol=2e-6)


@pytest.mark.usefixtures("x64")
def test_a_seed_trains_alike_for_longer_in_64_bits(algorithm: Algorithm, sample: Sampler) -> None:
    def wide(key: Key, sample: Sampler) -> State:
        state = algorithm.init(key, sample)
        return jax.tree.map(lambda a: a.astype(float) if jnp.issubdtype(a.dtype, jnp.floating) else a, state)

    in_64_bits = algorithm._replace(init=wide)
    result = run_seeds(in_64_bits, sample, KEYS, 100)
    single = jax.jit(lambda key: run(in_64_bits, sample, key, 100))
    for i, key in enumerate(KEYS):
        # measured: 7e-16; the room is for machines whose products round otherwise
        assert_close(of_seed(result, i), single(key), atol=1e-12)


def test_run_is_a_loop_of_steps(
    algorithm: Algorithm, sample: Sampler, initial: State, alone: Callable[[Key], Result]
) -> None:
    step = jax.jit(lambda state: advance(algorithm, sample, KEYS[0], state))
    state, losses = of_seed(initial._replace(step=jnp.zeros(1, jnp.int32)), 0), []
    for _ in range(6):
        state, info = step(state)
        losses.append(info.d_loss)
    result = alone(KEYS[0])
    # the loop is compiled as a whole and may round differently
    assert_close(result.state, state, atol=1e-5)
    np.testing.assert_allclose(result.info.d_loss, losses, atol=1e-5)


def test_fit_is_run_seeds(algorithm: Algorithm, sample: Sampler, together: Result) -> None:
    fitting = fitting_of(algorithm, sample, 6, probe=probe, probe_every=2, max_chunk=8)
    assert fitting.fitted.step == 6 and not fitting.fitted.interrupted
    # other programs for the same steps, which may round differently
    assert_close(fitting.fitted.state, together.state._replace(step=jnp.int32(6)), atol=1e-5)
    assert_close(fitting.info, together.info, atol=1e-5)
    probes = [chunk.probe for chunk in fitting.chunks if chunk.probe is not None]
    assert_same(jax.tree.map(lambda *each: np.stack(each, axis=1), *probes), together.probes)


def test_how_a_run_is_cut_changes_no_bit(algorithm: Algorithm, sample: Sampler) -> None:
    short, long = (fitting_of(algorithm, sample, 11, max_chunk=size) for size in (3, 8))
    assert [chunk.step for chunk in short.chunks] == [1, 4, 7, 10, 11]
    assert [chunk.step for chunk in long.chunks] == [1, 9, 11]
    assert_same(short.fitted.state, long.fitted.state)
    assert_same(short.info, long.info)
    assert jax.tree.leaves(short.info)[0].shape[:2] == (3, 11)


@pytest.mark.parametrize("through_disk", [True, False])
def test_a_resumed_run_changes_no_bit(
    algorithm: Algorithm, sample: Sampler, tmp_path: Path, through_disk: bool
) -> None:
    whole = fitting_of(algorithm, sample, 9, max_chunk=8)
    half = fitting_of(algorithm, sample, 4, max_chunk=8)
    state = half.fitted.state
    if through_disk:
        checkpoint.save(tmp_path, 4, state, {})
        state, _ = checkpoint.load(tmp_path, state)
    rest = fitting_of(algorithm, sample, 9, max_chunk=8, state=state)
    assert_same(rest.fitted.state, whole.fitted.state)
    assert_same(jax.tree.map(lambda a, b: np.concatenate([a, b], axis=1), half.info, rest.info), whole.info)


def test_a_seed_of_nan_changes_no_other(algorithm: Algorithm, sample: Sampler, initial: State) -> None:
    healthy, poisoned = copied(initial), copied(initial)
    poisoned = poisoned._replace(params=jax.tree.map(lambda a: a.at[1].set(jnp.nan), poisoned.params))
    a = fitting_of(algorithm, sample, 5, max_chunk=8, state=healthy)
    b = fitting_of(algorithm, sample, 5, max_chunk=8, state=poisoned)
    for i in (0, 2):
        assert_same(of_seed(a.info, i), of_seed(b.info, i))
        assert_same(of_seed(a.fitted.state.params, i), of_seed(b.fitted.state.params, i))
    assert np.all(np.isnan(b.info.d_loss[1]))


def test_probes_are_recorded_when_due(sample: Sampler, together: Result) -> None:
    assert_same(together.probes["step"], np.tile([2, 4, 6], (3, 1)))
    assert together.probes["number"].shape == (3, 3, 2)
    once = run_seeds(drawing(sample), sample, KEYS, 6, probe=probe)
    assert once.probes["number"].shape == (3, 1, 2)
    assert_same(once.probes["number"][:, 0], together.probes["number"][:, -1])  # the key's and the step's alone


def test_a_chunk_may_last_as_long_as_it_likes(sample: Sampler) -> None:
    chunks = fitting_of(drawing(sample), sample, 11, max_chunk=8, chunk_seconds=math.inf).chunks
    assert [chunk.step for chunk in chunks] == [1, 9, 11]


def test_a_probe_changes_no_bit(algorithm: Algorithm, sample: Sampler) -> None:
    without = fitting_of(algorithm, sample, 7, max_chunk=8)
    probed = fitting_of(algorithm, sample, 7, max_chunk=8, probe=probe, probe_every=3)
    assert_same(without.fitted.state, probed.fitted.state)
    assert_same(without.info, probed.info)
    due = {chunk.step: chunk.probe for chunk in probed.chunks if chunk.probe is not None}
    assert list(due) == [3, 6, 7]  # and at the end
    assert_same(due[6]["step"], [6, 6, 6])
    assert all(chunk.probe is None for chunk in without.chunks)


def test_errors_say_what_was_asked(algorithm: Algorithm, sample: Sampler, initial: State) -> None:
    for function, keys in ((run, KEYS[0]), (run_seeds, KEYS)):
        with pytest.raises(ValueError, match="num_steps must be at least 1, got 0"):
            function(algorithm, sample, keys, 0)
        with pytest.raises(ValueError, match="multiple of probe_every, got 5 and 2"):
            function(algorithm, sample, keys, 5, probe=probe, probe_every=2)
        with pytest.raises(ValueError, match="multiple of probe_every, got 5 and 0"):
            function(algorithm, sample, keys, 5, probe=probe, probe_every=0)
    with pytest.raises(ValueError, match="num_steps and probe_every must be at least 1, got 5 and 0"):
        fit(algorithm, sample, KEYS, 5, probe=probe, probe_every=0)
    state = initial._replace(step=jnp.int32(6))
    with pytest.raises(ValueError, match="num_steps must be at least the 6 steps that the state has behind it, got 5"):
        fit(algorithm, sample, KEYS, 5, state=state)


def compilations(caplog: pytest.LogCaptureFixture) -> int:
    return sum("Compiling" in text for text in caplog.messages)


def test_a_second_call_compiles_nothing(sample: Sampler, caplog: pytest.LogCaptureFixture) -> None:
    algorithm, other_keys = drawing(sample), seed_keys(jax.random.key(5), 3)
    run_seeds(algorithm, sample, KEYS, 3)
    anew = ring().sample
    with jax.log_compiles(), caplog.at_level(logging.WARNING):
        run_seeds(algorithm, sample, other_keys, 3)
        run_seeds(algorithm, anew, other_keys, 3)  # an equal source
        assert compilations(caplog) == 0
        run_seeds(algorithm, sample, KEYS, 2)
        assert compilations(caplog) == 0  # nor for another number of steps


def test_resuming_compiles_nothing(algorithm: Algorithm, sample: Sampler, caplog: pytest.LogCaptureFixture) -> None:
    options: dict[str, Any] = {"probe": probe, "probe_every": 3, "max_chunk": 7, "chunk_seconds": 1e6}
    state = fit(algorithm, sample, KEYS, 6, **options).state
    with jax.log_compiles(), caplog.at_level(logging.WARNING):
        assert fit(algorithm, sample, KEYS, 20, state=state, **options).step == 20
        assert compilations(caplog) == 0


def test_fit_compiles_before_the_first_chunk_and_then_never(
    algorithm: Algorithm, sample: Sampler, caplog: pytest.LogCaptureFixture
) -> None:
    compiled: list[int] = []
    times: list[float] = []
    with jax.log_compiles(), caplog.at_level(logging.WARNING):
        fit(
            algorithm,
            sample,
            KEYS,
            11,
            max_chunk=5,
            chunk_seconds=1e6,
            probe=probe,
            probe_every=10,
            on_compile=times.append,
            on_chunk=lambda chunk: compiled.append(compilations(caplog)),
        )
    assert len(times) == 1 and times[0] > 0
    assert len(compiled) == 4  # of lengths 1, 5, 4 and 1
    assert compiled[0] > 0 and len(set(compiled)) == 1


def test_the_step_counter_has_no_seed_axis(algorithm: Algorithm, sample: Sampler) -> None:
    fitting = fitting_of(algorithm, sample, 3, max_chunk=8)
    assert fitting.fitted.state.step.shape == ()
    assert {leaf.shape[0] for leaf in jax.tree.leaves(fitting.fitted.state[:-1])} == {3}

    def lazy(key: Key, state: State, sample: Sampler) -> tuple[State, Any]:
        bits = jax.lax.cond(state.step % 2 == 0, lambda: jax.random.bits(key), lambda: jnp.uint32(0))
        return state._replace(step=state.step + 1), bits

    lazy_algorithm = drawing(sample)._replace(update=lazy)
    program = str(jax.make_jaxpr(lambda keys: run_seeds(lazy_algorithm, sample, keys, 2))(KEYS))
    assert "cond[" in program  # with a seed axis it would have become a select


def test_an_interrupt_ends_the_run_after_the_chunk_and_loses_nothing(algorithm: Algorithm, sample: Sampler) -> None:
    steps: list[int] = []

    def interrupt(chunk: Chunk) -> None:
        steps.append(chunk.step)
        if chunk.step >= 5:
            signal.raise_signal(signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    fitted = fit(algorithm, sample, KEYS, 50, on_chunk=interrupt, max_chunk=8, chunk_seconds=1e6)
    assert fitted.interrupted and fitted.step == steps[-1] == 9
    assert signal.getsignal(signal.SIGINT) is before
    assert_same(fitted.state, fitting_of(algorithm, sample, fitted.step, max_chunk=8).fitted.state)


def test_a_second_interrupt_is_a_keyboard_interrupt(algorithm: Algorithm, sample: Sampler) -> None:
    def interrupt(chunk: Chunk) -> None:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        fit(algorithm, sample, KEYS, 50, on_chunk=interrupt, max_chunk=8)
    assert signal.getsignal(signal.SIGINT) is before


def test_an_interrupt_in_the_last_chunk_is_not_lost(algorithm: Algorithm, sample: Sampler) -> None:
    fitted = fit(algorithm, sample, KEYS, 1, on_chunk=lambda chunk: signal.raise_signal(signal.SIGINT), max_chunk=8)
    assert fitted.step == 1 and fitted.interrupted  # whoever calls may have more to do, and is to stop


def test_fit_works_outside_the_main_thread(algorithm: Algorithm, sample: Sampler) -> None:
    steps: list[int] = []
    thread = threading.Thread(target=lambda: steps.append(fit(algorithm, sample, KEYS, 2, max_chunk=8).step))
    thread.start()
    thread.join()
    assert steps == [2]
