"""All runs driven from the host, in compiled chunks: for progress, files, checkpoints, stopping and Ctrl-C."""

import time
from collections.abc import Callable, Collection
from functools import partial
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.experimental import multihost_utils
from tqdm.auto import tqdm  # in a notebook a widget, elsewhere text

from jaxgan.runs.axis import Make, Run, Settings, all_runs, check_sampler, make_of
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
    """What `fit` hands over after each compiled stretch: all arrays lead with the axis of runs.

    Run r has configuration r // len(keys) and key r % len(keys); with one configuration, a run is a seed.
    """

    runs: np.ndarray  # which runs these are: over several processes, those of this one
    state: State  # its buffers are used again for the next chunk: copy what is to stay
    step: int  # steps done so far
    length: int  # steps of this chunk
    steps: np.ndarray  # those of them that are recorded, as `record_steps` has them
    active: np.ndarray  # [run] whether it took them; a run that was stopped stands still, and its info is NaN
    info: Any  # [run, recorded step]: an `Info`, or the rule's own where it updates only one player
    probe: PyTree  # of the state now; None where no probe was due
    first_nonfinite_step: np.ndarray  # [run] at which something watched was not finite, since `fit` began; 0: at none
    first_nonfinite: np.ndarray  # [run] what it was: "g_loss", "d_loss", or what the rule watches; "" where nothing
    seconds: float  # the stretch took

    def __repr__(self) -> str:
        return lines_of(self)

    def _repr_html_(self) -> str:
        return html_of(self)


class FitResult(NamedTuple):
    """The end of `fit`; all arrays lead with the axis of runs, as in a `Chunk`."""

    runs: np.ndarray
    state: State
    step: int
    stopped_at: np.ndarray  # [run] the step after which it was stopped, and whose state it has; 0 where it was not
    first_nonfinite_step: np.ndarray  # as in the last `Chunk`: of every step, recorded or not
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
    """Trains all runs to `num_steps`, in compiled chunks of about `chunk_seconds`, from `state` where given.

    A run is a key, and with `settings` every configuration with every key. Between chunks the host is free: `on_chunk`
    prints, writes and saves. Ctrl-C ends the runs after the chunk under way, with nothing lost; a second one raises
    KeyboardInterrupt. How runs are cut into chunks, and where they are trained, changes none of their random numbers.

    The runs are shared out over all devices, or as `placement` says. Those that do not fit into the memory together
    take turns chunk by chunk. Over several processes every one of them calls `fit` with the same arguments, but with
    its own runs' part of `state` and `stopped_at`, and gets its own runs.

    Args:
      algorithm: of all runs; with `settings`, a function `make(**settings) -> Algorithm`, which is called while the
        program is traced, with numbers that have no value yet.
      sample: (key, n) -> Batch, shared by all runs.
      keys: one per seed.
      num_steps: the steps behind every run at the end.
      settings: arrays that lead with the axis of configurations. Other values compile nothing anew.
      state: where to go on, of an earlier `fit` of the same runs.
      stopped_at: which of them stay as they are, of the same `fit`.
      stop: chunk -> [run] which runs to stop, asked whenever a probe is due. A stopped run keeps its state to the bit
        and, where runs take turns, costs nothing. When all are stopped, `fit` ends.
      probe: (key, state) -> any arrays; with `settings`, (key, algorithm, state) -> any arrays.
      probe_every: a probe is due after so many steps each, and at the end (default: at the end alone).
      probe_at: the steps after which one is due, in place of `probe_every`.
      record_every: the `Info` of a step is computed and kept at the first step, every so many, and the last; by
        default at about 500 steps of a run, as `record_steps` says. 1 keeps all.
      record_at: the steps that are recorded, in place of `record_every`.
      on_chunk: called with every chunk.
      on_compile: called once with the seconds that the compilation took.
      progress: whether to show a bar.
      max_chunk: steps of a chunk at the most.
      chunk_seconds: how long a chunk is to take, about.
      placement: where runs are trained; by default `place`.

    Raises:
      TypeError, ValueError: keys, settings, a sampler or a probe of another form, or names that `make` does not take.
      ValueError: `num_steps` below the steps that `state` has behind it, `probe_every` or `record_every` below
        1, one of them beside `probe_at` or `record_at`, or `stop` without a probe's steps.

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
            length = max(1, min(max_chunk, round(steps * chunk_seconds / max(seconds, 1e-9))))
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
    """Bytes on one device that a stretch of `fit`'s steps holds: state, data, results and intermediate arrays.

    Where not all runs fit together, it is of those that are trained at a time. The compiler says it of the program that
    it compiles for this, and `fit` with the same arguments then finds that compiled.

    Args:
      algorithm, sample, keys, settings, placement: as of `fit`.
      stops: whether `fit` will be given `stop`.

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
    """Where runs are trained, and whether side by side, which the size of one of them decides."""
    one = jax.tree.map(lambda a: a[0], runs)
    start = jax.eval_shape(partial(begin_of, make, sample), one)
    return settle(place(len(runs.key)) if placement is None else placement, start)


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
    """How many steps to take: about `length`, to the next probe at the most, and no more than the buffer records."""
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
    """All processes run chunks of one length, and end together: on the signal that came to any of them, or 0."""
    if jax.process_count() == 1:
        return length, signal, left
    everyone = multihost_utils.process_allgather(np.array([length, signal, left]))
    return int(everyone[:, 0].min()), int(everyone[:, 1].max()), bool(everyone[:, 2].any())
