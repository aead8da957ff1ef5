"""The host loop: all runs advanced in compiled chunks, for progress, files, checkpoints, stopping and Ctrl-C."""

import time
from collections.abc import Callable, Collection
from functools import partial
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.experimental import multihost_utils
from tqdm.auto import tqdm  # a widget in a notebook, text elsewhere

from jaxgan.runs.axis import Make, Run, Settings, all_runs, check_sampler, check_streams, make_of
from jaxgan.runs.job import CAPACITY, advance, assemble, bytes_held, first_nonfinite_of, observe, state_of
from jaxgan.runs.placement import Placement, own_runs, place, settle
from jaxgan.runs.program import begin_of
from jaxgan.runs.records import record_steps
from jaxgan.runs.run import OF_SETTINGS, OF_STATE, AnyProbe, check_probe
from jaxgan.runs.show import html_of, lines_of
from jaxgan.stopping import stoppable
from jaxgan.types import Algorithm, Key, PyTree, Sampler, State

_MAX_CHUNK = 4096  # steps


class Chunk(NamedTuple):
    """What `fit` passes on after each compiled stretch: all arrays lead with the axis of runs.

    Run r has configuration r // len(keys) and key r % len(keys); with one configuration, a run is a seed.
    """

    runs: np.ndarray  # the indices of these runs; with several processes, the runs of this process
    state: State  # its buffers are reused for the next chunk: copy what you want to keep
    step: int  # steps done so far
    length: int  # steps in this chunk
    steps: np.ndarray  # the recorded steps among them, as chosen by `record_steps`
    active: np.ndarray  # [run] whether it was trained; a stopped run does not change, and its info is NaN
    info: Any  # [run, recorded step]: an `Info`, or the rule's own type if it updates only one player
    probe: PyTree  # the probe of the current state; None if no probe was due
    first_nonfinite_step: np.ndarray  # [run] the first step since `fit` began with a non-finite watched value; 0: none
    first_nonfinite: np.ndarray  # [run] the name of that value: "g_loss", "d_loss", or as the rule names it; "": none
    seconds: float  # the duration of the stretch

    def __repr__(self) -> str:
        return lines_of(self)

    def _repr_html_(self) -> str:
        return html_of(self)


class FitResult(NamedTuple):
    """The end of `fit`; all arrays lead with the axis of runs, as in a `Chunk`."""

    runs: np.ndarray
    state: State
    step: int
    stopped_at: np.ndarray  # [run] the step after which it was stopped, and whose state it has; 0 if it was not
    first_nonfinite_step: np.ndarray  # as in the last `Chunk`: over all steps, recorded or not
    first_nonfinite: np.ndarray
    interrupted: bool  # whether Ctrl-C was pressed, even during the last chunk

    def __repr__(self) -> str:
        return lines_of(self)

    def _repr_html_(self) -> str:
        return html_of(self)


def fit(
    algorithm: Algorithm | Make,
    sample: Sampler,
    keys: Key,
    num_steps: int,
    *,
    settings: Settings | None = None,
    state: State | None = None,
    stopped_at: np.ndarray | None = None,
    stop: Callable[[Chunk], np.ndarray] | None = None,
    probe: AnyProbe | None = None,
    probe_every: int | None = None,
    probe_at: Collection[int] = (),
    record_every: int | None = None,
    record_at: Collection[int] = (),
    on_chunk: Callable[[Chunk], None] = lambda chunk: None,
    on_compile: Callable[[float], None] = lambda seconds: None,
    progress: bool = False,
    max_chunk: int = _MAX_CHUNK,
    chunk_seconds: float = 1.0,
    placement: Placement | None = None,
) -> FitResult:
    """Trains all runs up to `num_steps`, in compiled chunks of about `chunk_seconds`, resuming from `state` if given.

    There is one run per key or, with `settings`, one for each configuration with each key. The host is free between
    chunks: `on_chunk` can print, write and save. Ctrl-C ends the runs after the current chunk without losing anything;
    a second one raises KeyboardInterrupt. How runs are divided into chunks, and where they are trained, changes none of
    their random numbers.

    The runs are distributed over all devices, or as `placement` says. Runs that do not fit into memory together take
    turns chunk by chunk. With several processes, each calls `fit` with the same arguments, except for its own runs'
    part of `state` and `stopped_at`, and gets its own runs back.

    Args:
      algorithm: the algorithm of all runs; with `settings`, a function `make(**settings) -> Algorithm`, which is called
        while the program is traced, with abstract values.
      sample: (key, n) -> Batch, shared by all runs.
      keys: one per seed.
      num_steps: the total number of steps of each run at the end.
      settings: arrays that lead with the axis of configurations. Other values do not trigger recompilation.
      state: the state to resume from, from an earlier `fit` of the same runs.
      stopped_at: which of them stay stopped, from the same `fit`.
      stop: chunk -> [run] which runs to stop, called whenever a probe is due. A stopped run keeps its state bit for bit
        and, if runs take turns, costs nothing. `fit` ends when all runs are stopped.
      probe: (key, state) -> any arrays; with `settings`, (key, algorithm, state) -> any arrays.
      probe_every: number of steps between probes, with one at the end (default: only at the end).
      probe_at: the steps after which a probe is due, in place of `probe_every`.
      record_every: the `Info` of a step is computed and kept at the first step, at every `record_every`-th, and at the
        last; by default at about 500 steps of a run, as described in `record_steps`. 1 keeps all.
      record_at: the steps that are recorded, in place of `record_every`.
      on_chunk: called with every chunk.
      on_compile: called once with the compilation time in seconds.
      progress: whether to show a progress bar.
      max_chunk: maximum number of steps in a chunk.
      chunk_seconds: the approximate duration of a chunk.
      placement: where runs are trained; by default `place`.

    Raises:
      TypeError, ValueError: keys, settings, sampler or probe have the wrong form, or `make` does not take a name.
      ValueError: `num_steps` is below the steps already done in `state`, `probe_every` or `record_every` is below 1 or
        combined with `probe_at` or `record_at`, or `stop` is given without steps for probes.

    Example:
      >>> import optax, jaxgan as jg
      >>> def make(lr):
      ...     return jg.simultaneous(jg.toy.dirac(jg.minimax), optax.sgd(lr), optax.sgd(lr), batch_size=1)
      >>> keys = jg.seed_keys(jax.random.key(0), 3)
      >>> end = fit(make, jg.toy.origin(), keys, 5, settings={"lr": [0.1, 0.2]})
      >>> end.step, end.runs.tolist()  # 2 configurations x 3 seeds
      (5, [0, 1, 2, 3, 4, 5])
    """
    due = _due(num_steps, probe_every, probe_at, stop is not None)
    recorded = record_steps(num_steps, record_every, record_at)
    done = _steps_behind(state, num_steps)
    check_probe(probe, OF_STATE if settings is None else OF_SETTINGS)
    make = make_of(algorithm, settings)
    runs, _ = all_runs(settings, keys)
    check_sampler(sample, keys[0])
    clock = time.perf_counter()
    placement = _settled(make, sample, runs, placement)
    mine = own_runs(len(runs.key), placement)
    every_run = stop is None and stopped_at is None
    stopped_at = np.zeros(len(mine), int) if stopped_at is None else np.array(stopped_at)
    job = assemble(make, sample, runs, state, probe, placement, max_chunk, every_run)
    on_compile(time.perf_counter() - clock)

    bar = tqdm(total=num_steps, initial=done, unit="step", disable=not progress, dynamic_ncols=True)
    with bar, stoppable(patience=2) as stopping, stopping.noting():
        length, interrupted, left = _agreed(1, 0, bool((stopped_at == 0).any()))
        while done < num_steps and left and not interrupted:
            steps = _next(length, done, due, recorded)
            active = stopped_at == 0
            clock = time.perf_counter()
            job, info = advance(job, recorded, done, steps, None if every_run else active)
            seconds = time.perf_counter() - clock
            done += steps
            seen = observe(job, done) if probe is not None and done in due else None
            kept = recorded[(done - steps < recorded) & (recorded <= done)]
            state, broken = state_of(job, done), first_nonfinite_of(job)
            chunk = Chunk(job.runs, state, done, steps, kept, active, info, seen, *broken, seconds)
            on_chunk(chunk)
            bar.update(steps)
            if stop is not None and done in due:
                stopped_at = np.where(active & _answers(stop, chunk), done, stopped_at)
            length = max(1, round(min(max_chunk, steps * chunk_seconds / max(seconds, 1e-9))))
            length, interrupted, left = _agreed(length, stopping.first, bool((stopped_at == 0).any()))
        stopping.first = stopping.first or interrupted
        end = state_of(job, done)
        return FitResult(job.runs, end, done, stopped_at, *first_nonfinite_of(job), interrupted > 0)


def memory_of(
    algorithm: Algorithm | Make,
    sample: Sampler,
    keys: Key,
    *,
    settings: Settings | None = None,
    stops: bool = False,
    placement: Placement | None = None,
) -> int:
    """Bytes on one device that a stretch of `fit`'s steps needs: state, data, results and intermediate arrays.

    If the runs do not all fit at once, this covers the runs that are trained at a time. The compiler reports it for the
    program that it compiles for this purpose, and `fit` with the same arguments then reuses that program.

    Args:
      algorithm, sample, keys, settings, placement: as in `fit`.
      stops: whether `fit` will be called with `stop`.

    Example:
      >>> import optax, jaxgan as jg
      >>> game, players = jg.toy.dirac(jg.minimax), (optax.sgd(0.1), optax.sgd(0.1))
      >>> keys = jg.seed_keys(jax.random.key(0), 3)
      >>> small, large = (jg.simultaneous(game, *players, batch_size=n) for n in (1, 100_000))
      >>> memory_of(large, jg.toy.origin(), keys) - memory_of(small, jg.toy.origin(), keys) >= 400_000
      True
    """
    make = make_of(algorithm, settings)
    runs, _ = all_runs(settings, keys)
    return bytes_held(make, sample, runs, _settled(make, sample, runs, placement), _MAX_CHUNK, not stops)


def _steps_behind(state: State | None, num_steps: int) -> int:
    done = 0 if state is None else int(state.step)
    if num_steps < done:
        raise ValueError(f"num_steps must be at least the {done} steps that the state has behind it, got {num_steps}")
    return done


def _settled(make: Make, sample: Sampler, runs: Run, placement: Placement | None) -> Placement:
    """Where runs are trained, and whether they are vectorized, which depends on the size of one run."""
    one = jax.tree.map(lambda a: a[0], runs)
    start = jax.eval_shape(partial(begin_of, make, sample), one)
    settled = settle(place(len(runs.key)) if placement is None else placement, start)
    check_streams(runs.key, not settled.in_turn)
    return settled


def _due(num_steps: int, every: int | None, at: Collection[int], stopping: bool) -> set[int]:
    """The steps after which a probe is due."""
    if num_steps < 1 or (every is not None and every < 1):
        raise ValueError(f"num_steps and probe_every must be at least 1, got {num_steps} and {every}")
    if at and every is not None:
        raise ValueError("probe_every and probe_at exclude each other: got both")
    if stopping and every is None and not at:
        raise ValueError("stop is asked when a probe is due: give probe_every or probe_at, got neither")
    steps = set(at) or set(range(every or num_steps, num_steps, every or num_steps))
    return {step for step in steps if 0 < step < num_steps} | {num_steps}


def _next(length: int, done: int, due: set[int], recorded: np.ndarray) -> int:
    """The number of steps to take: about `length`, but not past the next probe or the capacity of the record buffer."""
    until = min(done + length, min(step for step in due if step > done))
    ahead = recorded[(done < recorded) & (recorded <= until)]
    return (until if len(ahead) < CAPACITY else int(ahead[CAPACITY - 1])) - done


def _answers(stop: Callable[[Chunk], np.ndarray], chunk: Chunk) -> np.ndarray:
    answers = np.asarray(stop(chunk))
    if answers.shape != chunk.runs.shape or answers.dtype != bool:
        got = f"{answers.dtype}{list(answers.shape)}"
        raise ValueError(f"stop must return a bool for every run, bool{list(chunk.runs.shape)}, got {got}")
    return answers


def _agreed(length: int, signal: int, left: bool) -> tuple[int, int, bool]:
    """Values common to all processes, which run chunks of one length and end together: on a signal to any of them."""
    if jax.process_count() == 1:
        return length, signal, left
    everyone = multihost_utils.process_allgather(np.array([length, signal, left]))
    return int(everyone[:, 0].min()), int(everyone[:, 1].max()), bool(everyone[:, 2].any())
