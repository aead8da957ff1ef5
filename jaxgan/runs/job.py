"""The runs of a `fit` between its chunks: distributed over devices and batches, advanced by compiled programs."""

from collections.abc import Callable
from functools import cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxgan.runs.axis import Make, Run
from jaxgan.runs.placement import (
    Placement,
    assign,
    batches_of,
    bytes_needed,
    from_host,
    joined,
    like_sharded,
    own_part,
    own_runs,
    replicate,
    runs_that_fit,
    shard,
    to_host,
)
from jaxgan.runs.program import Broken, Parts, Programs, parts_of, plan_of, programs, quantities
from jaxgan.runs.run import AnyProbe, as_pytree
from jaxgan.types import PyTree, Sampler, State

CAPACITY = 256  # maximum records per chunk: the size of the buffer in the compiled program


class _Batch(NamedTuple):
    """Runs that are trained together. Their state is on the devices, or on the host while other runs are trained."""

    what: Run
    each: tuple[Parts, Broken]
    runs: np.ndarray  # the runs in this process's places, or -1


class Job(NamedTuple):
    """The state of all runs between two chunks, and the programs that advance them."""

    placement: Placement
    sample: PyTree  # the data, on every device
    probe: PyTree  # likewise
    programs: Programs
    batches: list[_Batch]
    runs: np.ndarray  # the runs of this process
    watched: Callable[[], tuple[str, ...]]  # the names of the watched quantities
    capacity: int  # maximum records per chunk


def assemble(
    make: Make,
    sample: Sampler,
    runs: Run,
    state: State | None,
    probe: AnyProbe | None,
    placement: Placement,
    max_chunk: int,
    every_run: bool,
) -> Job:
    """Distributes the runs, starts them or resumes from `state`, and compiles the programs for the chunks."""
    count = len(runs.key)
    places = assign(count, placement)
    shared, shared_probe = replicate(placement, as_pytree(sample)), replicate(placement, as_pytree(probe))
    capacity = min(max_chunk, CAPACITY)
    compiled = programs(make, placement, capacity)
    size, _ = _that_fit(compiled, shared, runs, placement, capacity, every_run)
    whole = batches_of(places, size)
    mine = own_runs(count, placement)

    batches = []
    for batch in whole:  # places without a run repeat the work of another run
        held = own_part(placement, batch)
        what = _at(placement, runs, np.maximum(batch, 0))
        if state is None:
            parts = compiled.begin(shared, what)
        else:
            rows = _rows(mine, held)
            parts = from_host(placement, jax.tree.map(lambda a, rows=rows: a[rows], to_host(parts_of(state))))
        each = parts, _unbroken(placement, len(batch))
        batches.append(_Batch(what, each if len(whole) == 1 else to_host(each), held))
    if probe is not None:
        arguments = _arguments(compiled, shared, runs, placement, size)
        compiled.observe.lower((shared_probe, replicate(placement, np.int32(0))), *arguments).compile()
    watched = cache(partial(quantities, make, sample, runs))
    return Job(placement, shared, shared_probe, compiled, batches, mine, watched, capacity)


def bytes_held(make: Make, sample: Sampler, runs: Run, placement: Placement, max_chunk: int, every_run: bool) -> int:
    """The bytes on one device of the stretch that `assemble` will then find in the compilation cache."""
    capacity = min(max_chunk, CAPACITY)
    compiled, shared = programs(make, placement, capacity), replicate(placement, as_pytree(sample))
    return _that_fit(compiled, shared, runs, placement, capacity, every_run)[1]


def advance(job: Job, recorded: np.ndarray, done: int, steps: int, active: np.ndarray | None) -> tuple[Job, Any]:
    plan = plan_of(recorded, done, steps, job.capacity)
    shared = job.sample, replicate(job.placement, plan)
    records = int(np.count_nonzero((done < recorded) & (recorded <= done + steps)))
    batches, infos = [], []
    for batch in job.batches:
        moving = None if active is None else from_host(job.placement, active[_rows(job.runs, batch.runs)])
        each, buffer = job.programs.stretch(shared, batch.what, moving, _on_devices(job, batch))
        infos.append(jax.tree.map(lambda a: a[:, :records], to_host(buffer)))
        batches.append(batch._replace(each=each if len(job.batches) == 1 else to_host(each)))
    info = _by_run(job, infos)
    return job._replace(batches=batches), info if active is None else _only(active, info)


def observe(job: Job, done: int) -> PyTree:
    shared = job.probe, replicate(job.placement, np.int32(done))
    seen = [to_host(job.programs.observe(shared, batch.what, _on_devices(job, batch)[0])) for batch in job.batches]
    return _by_run(job, seen)


def state_of(job: Job, done: int) -> State:
    """This process's runs, as one state. It stays on devices if this process has all places and each holds a run."""
    all_parts = [batch.each[0] for batch in job.batches]
    whole = jax.process_count() == 1 and len(all_parts) == 1 and job.batches[0].runs.min() >= 0
    parts = all_parts[0] if whole else _by_run(job, [to_host(parts) for parts in all_parts])
    return parts.at(jnp.int32(done))


def first_nonfinite_of(job: Job) -> tuple[np.ndarray, np.ndarray]:
    """The first non-finite step of each of this process's runs, and the name of the quantity that was not finite."""
    found = _by_run(job, [to_host(batch.each[1]) for batch in job.batches])
    names = np.array(job.watched() if found.step.any() else [""])
    return found.step, np.where(found.step > 0, names[found.quantity], "")


def _that_fit(
    compiled: Programs, shared: PyTree, runs: Run, placement: Placement, capacity: int, every_run: bool
) -> tuple[int, int]:
    """The number of runs that fit at a time, and the bytes on one device of the stretch compiled for them."""

    @cache
    def needed(size: int) -> int:
        what, parts = _arguments(compiled, shared, runs, placement, size)
        active = None if every_run else shard(placement, np.ones(size, bool))
        plan = replicate(placement, plan_of(np.array([]), 0, 0, capacity))
        return bytes_needed(compiled.stretch, (shared, plan), what, active, (parts, _unbroken(placement, size)))

    size = runs_that_fit(placement, assign(len(runs.key), placement).size, needed)
    return size, needed(size)


def _arguments(compiled: Programs, shared: PyTree, runs: Run, placement: Placement, size: int) -> tuple[Run, PyTree]:
    """A given number of runs, and the shapes of their states."""
    what = _at(placement, runs, np.zeros(size, int))
    return what, like_sharded(placement, jax.eval_shape(compiled.begin, shared, what))


def _at(placement: Placement, runs: Run, which: np.ndarray) -> Run:
    return shard(placement, jax.tree.map(lambda a: a[which], runs))


def _unbroken(placement: Placement, size: int) -> Broken:
    return shard(placement, Broken(np.zeros(size, np.int32), np.zeros(size, np.int32)))


def _on_devices(job: Job, batch: _Batch) -> tuple[Parts, Broken]:
    return batch.each if len(job.batches) == 1 else from_host(job.placement, batch.each)


def _rows(mine: np.ndarray, held: np.ndarray) -> np.ndarray:
    """The positions of these places' runs among this process's runs; empty places get that of another run."""
    return np.searchsorted(mine, np.maximum(held, mine[0]))


def _by_run(job: Job, parts: list[PyTree]) -> PyTree:
    """The values of all batches' places, joined in the order of the runs; padding is left out."""
    held = np.concatenate([batch.runs for batch in job.batches])
    order = np.argsort(held, kind="stable")[np.count_nonzero(held < 0) :]
    return joined(parts, order)


def _only(active: np.ndarray, info: PyTree) -> PyTree:
    """Replaces what stopped runs have not computed by NaN (0 if not floating-point)."""

    def blank(a: np.ndarray) -> np.ndarray:
        shown = active.reshape(-1, *[1] * (a.ndim - 1))
        return np.where(shown, a, np.nan if jnp.issubdtype(a.dtype, jnp.floating) else 0).astype(a.dtype)

    return jax.tree.map(blank, info)
