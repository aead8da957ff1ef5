"""All seeds of a run driven from the host, in compiled chunks: for progress, files, checkpoints and Ctrl-C."""

import signal
import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import multihost_utils

from jaxgan.runs.placement import (
    Placement,
    bytes_needed,
    deal,
    from_host,
    joined,
    like_spread,
    over_seeds,
    own_part,
    own_seeds,
    place,
    repeated,
    seeds_that_fit,
    spread,
    to_host,
    waves_of,
)
from jaxgan.runs.run import Probe, advance, as_pytree, observe, start
from jaxgan.types import Algorithm, Info, Key, PyTree, Sampler, State


class Chunk(NamedTuple):
    """What `fit` hands over after each compiled stretch: all arrays lead with the seed axis."""

    seeds: np.ndarray  # the positions in `keys` of the seeds below: over several processes, those of this one
    state: State  # its buffers are used again for the next chunk: copy what is to stay
    step: int  # steps done so far
    info: Any  # [seed, step in this chunk]: the rule's own, an `Info` but where it moves one player alone
    probe: PyTree  # of the state now; None where no probe was due
    seconds: float  # the stretch took

    @property
    def length(self) -> int:
        """The steps of this chunk."""
        return int(jax.tree.leaves(self.info)[0].shape[1])


class Fitted(NamedTuple):
    """The end of `fit`; `interrupted` says that Ctrl-C came, be it in the last chunk."""

    seeds: np.ndarray
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
    probe_at: Collection[int] = (),
    on_chunk: Callable[[Chunk], None] = lambda chunk: None,
    on_compile: Callable[[float], None] = lambda seconds: None,
    max_chunk: int = 256,
    chunk_seconds: float = 1.0,
    placement: Placement | None = None,
) -> Fitted:
    """Trains all seeds to `num_steps`, in compiled chunks of about `chunk_seconds`, from `state` where given.

    Between chunks the host is free: `on_chunk` prints, writes and saves. Ctrl-C ends the run after the chunk
    under way, with nothing lost; a second one raises KeyboardInterrupt. How a run is cut into chunks, and where its
    seeds run, changes none of its random numbers. `on_compile` is told how many seconds the compilation took.

    The seeds are dealt out over all devices, or as `placement` says. Those that do not fit into the memory together
    take turns chunk by chunk. Over several processes every one of them calls `fit` with the same arguments, but with
    its own seeds' part of `state`, and gets its own seeds.

    `probe` looks after every `probe_every` steps, or after the steps that `probe_at` lists, and in any case at the end.

    Raises:
      ValueError: `num_steps` below the steps that `state` has behind it, `probe_every` below 1, or both it and
        `probe_at`.
    """
    every = num_steps if probe_every is None else probe_every
    if num_steps < 1 or every < 1:
        raise ValueError(f"num_steps and probe_every must be at least 1, got {num_steps} and {probe_every}")
    if probe_at and probe_every is not None:
        raise ValueError("probe_every and probe_at exclude each other: got both")
    looks = {step for step in probe_at if 0 < step < num_steps} or set(range(every, num_steps, every))
    looks |= {num_steps}
    done = 0 if state is None else int(state.step)
    if num_steps < done:
        raise ValueError(f"num_steps is {num_steps}, but the state has {done} steps behind it")
    clock = time.perf_counter()
    placement = place(len(keys)) if placement is None else placement
    crew = _assemble(algorithm, sample, keys, state, probe, placement, max_chunk)
    on_compile(time.perf_counter() - clock)

    length, stopped = 1, False
    with _deferred_interrupt() as interrupted:
        while done < num_steps and not stopped:
            steps = min(length, min(look for look in looks if look > done) - done)
            clock = time.perf_counter()
            crew, info = _advance(crew, done, steps)
            seconds = time.perf_counter() - clock
            done += steps
            seen = _observe(crew, done) if probe is not None and done in looks else None
            on_chunk(Chunk(crew.seeds, _state(crew, done), done, info, seen, seconds))
            length = max(1, min(max_chunk, round(steps * chunk_seconds / max(seconds, 1e-9))))
            length, stopped = _agreed(length, interrupted())
        return Fitted(crew.seeds, _state(crew, done), done, stopped)


class _Wave(NamedTuple):
    """Seeds that run together. The state, without its step, is on the devices, or on the host while others run."""

    keys: Key
    state: State
    seeds: np.ndarray  # which of `keys` this process's places hold, or -1


class _Crew(NamedTuple):
    placement: Placement
    shared: PyTree  # the data, on every device
    probe: PyTree  # likewise
    stretch: Any
    observe: Any
    waves: list[_Wave]
    seeds: np.ndarray  # the positions in the caller's keys of this process's seeds


def _assemble(
    algorithm: Algorithm,
    sample: Sampler,
    keys: Key,
    state: State | None,
    probe: Probe | None,
    placement: Placement,
    max_chunk: int,
) -> _Crew:
    """Deals the seeds out, starts them or takes up `state`, and compiles what the chunks will run."""
    seeds = len(keys)
    places = deal(seeds, placement)
    shared = repeated(placement, as_pytree(sample))
    its_probe = repeated(placement, as_pytree(probe))
    begin, stretch, look = programs(algorithm, placement, max_chunk)

    def arguments(size: int) -> tuple[Any, ...]:
        placed_keys = spread(placement, keys[np.zeros(size, int)])
        states = like_spread(placement, jax.eval_shape(begin, shared, placed_keys))
        return (shared, *numbers(placement, 0, 0)), placed_keys, states

    size = seeds_that_fit(placement, places.size, lambda size: bytes_needed(stretch, *arguments(size)))
    whole = waves_of(places, size)
    mine = own_seeds(seeds, placement)

    waves = []
    for wave in whole:  # a place without a seed goes through the motions of another
        held = own_part(placement, wave)
        wave_keys = spread(placement, keys[np.maximum(wave, 0)])
        if state is None:
            states = begin(shared, wave_keys)
        else:
            taken = np.searchsorted(mine, np.maximum(held, mine[0]))
            part = jax.tree.map(lambda a, taken=taken: a[taken], to_host(_without_step(state)))
            states = from_host(placement, part)
        waves.append(_Wave(wave_keys, states if len(whole) == 1 else to_host(states), held))
    if probe is not None:
        (_, done, _), *each = arguments(size)
        look.lower((its_probe, done), *each).compile()
    return _Crew(placement, shared, its_probe, stretch, look, waves, mine)


@lru_cache(maxsize=16)
def programs(algorithm: Algorithm, placement: Placement, capacity: int) -> tuple[Any, ...]:
    """Start, stretch and observation of all seeds; kept, so that another call of `fit` compiles nothing again."""

    def begin(sample: Sampler, key: Key) -> State:
        return _without_step(start(algorithm, sample, key))

    def stretch(shared: tuple[Sampler, jax.Array, jax.Array], key: Key, state: State) -> tuple[State, Info]:
        """`steps` <= capacity steps. The number is an argument: no length of a chunk compiles anew."""
        sample, done, steps = shared
        state = state._replace(step=done)
        info = jax.eval_shape(lambda state: advance(algorithm, sample, key, state)[1], state)
        buffer = jax.tree.map(lambda a: jnp.zeros((capacity, *a.shape), a.dtype), info)

        def body(i: jax.Array, carry: tuple[State, Info]) -> tuple[State, Info]:
            state, buffer = carry
            state, info = advance(algorithm, sample, key, state)
            return state, jax.tree.map(lambda b, a: b.at[i].set(a), buffer, info)

        state, buffer = jax.lax.fori_loop(0, steps, body, (state, buffer))
        return _without_step(state), buffer

    def look(shared: tuple[Probe, jax.Array], key: Key, state: State) -> PyTree:
        probe, done = shared
        return observe(probe, key, state._replace(step=done))

    return (
        jax.jit(over_seeds(placement, begin)),
        jax.jit(over_seeds(placement, stretch), donate_argnums=2),
        jax.jit(over_seeds(placement, look)),
    )


def _advance(crew: _Crew, done: int, steps: int) -> tuple[_Crew, Info]:
    shared = (crew.shared, *numbers(crew.placement, done, steps))
    waves, parts = [], []
    for wave in crew.waves:
        state = _on_devices(crew, wave)
        state, buffer = crew.stretch(shared, wave.keys, state)
        parts.append(jax.tree.map(lambda a: a[:, :steps], to_host(buffer)))
        waves.append(wave._replace(state=state if len(crew.waves) == 1 else to_host(state)))
    return crew._replace(waves=waves), _by_seed(crew, parts)


def _observe(crew: _Crew, done: int) -> PyTree:
    shared = crew.probe, numbers(crew.placement, done, 0)[0]
    parts = [to_host(crew.observe(shared, wave.keys, _on_devices(crew, wave))) for wave in crew.waves]
    return _by_seed(crew, parts)


def _state(crew: _Crew, done: int) -> State:
    """This process's seeds, as one state. Where all places are this process's and hold a seed, it stays on devices."""
    states = [wave.state for wave in crew.waves]
    whole = jax.process_count() == 1 and len(states) == 1 and crew.waves[0].seeds.min() >= 0
    state = states[0] if whole else _by_seed(crew, [to_host(state) for state in states])
    return state._replace(step=jnp.int32(done))


def _on_devices(crew: _Crew, wave: _Wave) -> State:
    return wave.state if len(crew.waves) == 1 else from_host(crew.placement, wave.state)


def numbers(placement: Placement, done: int, steps: int) -> tuple[jax.Array, jax.Array]:
    """The steps behind a state, and how many a stretch is to take: arguments, so that no number compiles anew."""
    return repeated(placement, (np.int32(done), np.int32(steps)))


def _by_seed(crew: _Crew, parts: list[PyTree]) -> PyTree:
    """What the waves' places have, joined in the order of the seeds; what only fills a place up is left out."""
    held = np.concatenate([wave.seeds for wave in crew.waves])
    order = np.argsort(held, kind="stable")[np.count_nonzero(held < 0) :]
    return joined(parts, order)


def _without_step(state: State) -> State:
    """The step counter is common to all seeds: with a seed axis, a `lax.cond` on it would compute both branches."""
    return state._replace(step=None)  # type: ignore[arg-type]


def _agreed(length: int, stopped: bool) -> tuple[int, bool]:
    """All processes run chunks of one length, and stop together."""
    if jax.process_count() == 1:
        return length, stopped
    everyone = multihost_utils.process_allgather(np.array([length, stopped]))
    return int(everyone[:, 0].min()), bool(everyone[:, 1].any())


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
