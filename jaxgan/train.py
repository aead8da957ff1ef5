"""Runs: pure functions of a key, vectorized over seeds, or driven from the host in compiled chunks."""

import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxgan.random import named_key
from jaxgan.types import Algorithm, Info, Key, PyTree, Sampler, State

Probe = Callable[[State, Key], PyTree]
"""(state, key) -> any arrays: what the caller wants recorded along a run (metrics, samples, diagnoses)."""


# The step counter is common to all seeds: with a seed axis, a `lax.cond` on it would become a select that
# computes both branches at every step.
SEED_AXES = State(params=0, model_state=0, opt_state=0, average=0, step=None)  # type: ignore[arg-type]


class Result(NamedTuple):
    """The end of a run, its `Info` [step] and its probes [probe]; with seeds, every array leads with the seed axis."""

    state: State
    info: Info
    probes: PyTree


def seed_keys(key: Key, seeds: int | Sequence[int]) -> Key:
    """One key per seed, `fold_in(key, seed)`: seed 7 has the same key alone and among 64.

    Example:
      >>> bool(seed_keys(jax.random.key(0), 8)[7] == seed_keys(jax.random.key(0), [7])[0])
      True
    """
    numbers = jnp.arange(seeds) if isinstance(seeds, int) else jnp.asarray(seeds)
    return jax.vmap(partial(jax.random.fold_in, key))(numbers)


def start(algorithm: Algorithm, sample: Sampler, key: Key) -> State:
    """The state before the first step of the run that `key` determines."""
    return algorithm.init(named_key(key, "init"), sample)


def advance(algorithm: Algorithm, sample: Sampler, key: Key, state: State) -> tuple[State, Info]:
    """One step of the run that `key` determines: its randomness is `fold_in(train key, state.step)`.

    It depends on nothing else, so a run that is cut into chunks, or resumed, draws the same numbers.
    """
    return algorithm.step(state, sample, jax.random.fold_in(named_key(key, "train"), state.step))


def run(
    algorithm: Algorithm,
    sample: Sampler,
    key: Key,
    num_steps: int,
    *,
    probe: Probe | None = None,
    probe_every: int | None = None,
) -> Result:
    """A whole training run as a pure function of `key`: jit it, vmap it, differentiate through it.

    `probe(state, key)` is recorded after every `probe_every` steps (default: once, at the end).

    Raises:
      ValueError: `num_steps` below 1, or not a multiple of `probe_every`.
    """
    every = num_steps if probe_every is None else probe_every
    if num_steps < 1:
        raise ValueError(f"num_steps must be at least 1, got {num_steps}")
    if every < 1 or num_steps % every:
        raise ValueError(f"num_steps must be a multiple of probe_every, got {num_steps} and {probe_every}")

    def one_step(state: State, _: None) -> tuple[State, Info]:
        return advance(algorithm, sample, key, state)

    def stretch(state: State, _: None) -> tuple[State, tuple[Info, PyTree]]:
        state, info = jax.lax.scan(one_step, state, length=every)
        return state, (info, _observe(probe, key, state))

    state, (info, probes) = jax.lax.scan(stretch, start(algorithm, sample, key), length=num_steps // every)
    info = jax.tree.map(lambda a: a.reshape(num_steps, *a.shape[2:]), info)
    return Result(state, info, probes)


def run_seeds(
    algorithm: Algorithm,
    sample: Sampler,
    keys: Key,
    num_steps: int,
    *,
    probe: Probe | None = None,
    probe_every: int | None = None,
) -> Result:
    """`run` for every key at once, in one compiled program; every array of the result leads with the seed axis.

    The data are shared by all seeds. A run that diverges changes no other.

    Example:
      >>> import optax, jaxgan as jg
      >>> game = jg.adversarial_game(
      ...     jg.nn.MLPGenerator(2), jg.nn.MLPDiscriminator(), jg.normal_prior(8), jg.non_saturating)
      >>> algorithm = jg.alternating(game, optax.adam(1e-4), optax.adam(4e-4))
      >>> keys = jg.seed_keys(jax.random.key(0), 4)
      >>> jg.run_seeds(algorithm, jg.data.ring().sample, keys, num_steps=2).info.d_loss.shape
      (4, 2)
    """
    return _run_seeds(algorithm, _as_pytree(sample), keys, num_steps, probe, probe_every)


@partial(jax.jit, static_argnums=(0, 3, 4, 5))
def _run_seeds(
    algorithm: Algorithm,
    sample: Sampler,
    keys: Key,
    num_steps: int,
    probe: Probe | None,
    probe_every: int | None,
) -> Result:
    one = partial(run, algorithm, sample, num_steps=num_steps, probe=probe, probe_every=probe_every)
    return jax.vmap(lambda key: one(key))(keys)


class Chunk(NamedTuple):
    """What `fit` hands over after each compiled stretch: all arrays lead with the seed axis."""

    state: State
    step: int  # steps done so far
    info: Info  # [seed, step in this chunk]
    probe: PyTree  # of the state now; None where no probe was due
    seconds: float  # the stretch took


class Fitted(NamedTuple):
    """The end of `fit`; `interrupted` says that Ctrl-C came, be it in the last chunk."""

    state: State
    step: int
    interrupted: bool


def fit(
    algorithm: Algorithm,
    sample: Sampler,
    keys: Key,
    num_steps: int,
    *,
    state: State | None = None,
    probe: Probe | None = None,
    probe_every: int | None = None,
    on_chunk: Callable[[Chunk], None] = lambda chunk: None,
    on_compile: Callable[[float], None] = lambda seconds: None,
    max_chunk: int = 256,
    chunk_seconds: float = 1.0,
) -> Fitted:
    """Trains all seeds to `num_steps`, in compiled chunks of about `chunk_seconds`, from `state` where given.

    Between chunks the host is free: `on_chunk` prints, writes and saves. Ctrl-C ends the run after the chunk
    under way, with nothing lost; a second one raises KeyboardInterrupt. How a run is cut into chunks changes
    none of its numbers. `on_compile` is told how many seconds the compilation took.

    The buffers of `state` are donated: use the ones that `on_chunk` and the result hold.

    Raises:
      ValueError: `num_steps` below the steps that `state` has behind it, or `probe_every` below 1.
    """
    every = num_steps if probe_every is None else probe_every
    if num_steps < 1 or every < 1:
        raise ValueError(f"num_steps and probe_every must be at least 1, got {num_steps} and {probe_every}")
    sample, clock = _as_pytree(sample), time.perf_counter()
    if state is None:
        state = jax.jit(jax.vmap(partial(start, algorithm, sample), out_axes=SEED_AXES))(keys)
    done = int(state.step)
    if num_steps < done:
        raise ValueError(f"num_steps is {num_steps}, but the state has {done} steps behind it")

    compiled = _stretch.lower(algorithm, max_chunk, sample, keys, state, jnp.int32(0)).compile()
    observe = jax.jit(jax.vmap(partial(_observe, probe), in_axes=(0, SEED_AXES))).lower(keys, state).compile()
    on_compile(time.perf_counter() - clock)

    length = 1
    with _deferred_interrupt() as interrupted:
        while done < num_steps and not interrupted():
            steps = min(length, num_steps - done, every - done % every)
            clock = time.perf_counter()
            state, buffer = compiled(sample, keys, state, jnp.int32(steps))
            info = jax.tree.map(lambda a, n=steps: a[:, :n], jax.device_get(buffer))
            seconds = time.perf_counter() - clock
            done += steps
            due = done % every == 0 or done == num_steps
            on_chunk(Chunk(state, done, info, observe(keys, state) if due else None, seconds))
            length = max(1, min(max_chunk, round(steps * chunk_seconds / max(seconds, 1e-9))))
        return Fitted(state, done, interrupted())


@partial(jax.jit, static_argnums=(0, 1), donate_argnums=4)
def _stretch(
    algorithm: Algorithm, capacity: int, sample: Sampler, keys: Key, state: State, num_steps: jax.Array
) -> tuple[State, Info]:
    """`num_steps` <= capacity steps of every seed. The number is an argument: no chunk length compiles anew."""
    step = jax.vmap(partial(advance, algorithm, sample), in_axes=(0, SEED_AXES), out_axes=(SEED_AXES, 0))
    info = jax.eval_shape(lambda keys, state: step(keys, state)[1], keys, state)
    buffer = jax.tree.map(lambda a: jnp.zeros((a.shape[0], capacity, *a.shape[1:]), a.dtype), info)

    def body(i: jax.Array, carry: tuple[State, Info]) -> tuple[State, Info]:
        state, buffer = carry
        state, info = step(keys, state)
        return state, jax.tree.map(lambda b, a: b.at[:, i].set(a), buffer, info)

    return jax.lax.fori_loop(0, num_steps, body, (state, buffer))


def _observe(probe: Probe | None, key: Key, state: State) -> PyTree:
    return None if probe is None else probe(state, jax.random.fold_in(named_key(key, "probe"), state.step))


def _as_pytree(sample: Sampler) -> Any:
    return sample if isinstance(sample, jax.tree_util.Partial) else jax.tree_util.Partial(sample)


@contextmanager
def _deferred_interrupt() -> Iterator[Callable[[], bool]]:
    """Holds back the first Ctrl-C; the value says whether it came. Only the main thread receives signals."""
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    came: list[int] = []

    def first(signum: int, frame: Any) -> None:
        came.append(signum)
        signal.signal(signal.SIGINT, signal.default_int_handler)

    before = signal.signal(signal.SIGINT, first)
    try:
        yield lambda: bool(came)
    finally:
        signal.signal(signal.SIGINT, before)
