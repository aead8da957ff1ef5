"""Lower bounds on the memory and disk space of a run; runs that cannot fit are rejected before their folder is made."""

import math
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.extend.core import ClosedJaxpr, Jaxpr

from jaxgan.evaluation import PIECE
from jaxgan.memory import available_memory
from jaxgan.runs.placement import Placement, settle
from jaxgan.runs.records import record_steps
from jaxgan.study.build import Study
from jaxgan.study.config import Config
from jaxgan.study.messages import OptionError

_PAGE = 3_000_000  # approximate size in bytes of a report with its figures
WAVE = 2**27
"""Bytes of the state of a block of several configurations, about: what a killed study trains again, and what a
checkpoint writes every so often. A thousand small runs, or a few configurations of a network for images."""
_LOWER = "lower --seeds, --batch-size, --width or --samples, or record less often with --record-every"
_ALWAYS = 300 * 2**20
"""Bytes that the smallest run took beyond what is there when it is asked, of compiling, measuring and drawing: 325 MiB
with its programs in the compile cache, 430 without."""
_COPIES = 2  # number of copies of the records in memory while they are concatenated


class Needs(NamedTuple):
    """Lower bounds on the bytes needed at one time, by what needs them."""

    memory: dict[str, int]
    disk: dict[str, int]


class Held(NamedTuple):
    """What the folder of a run that continues has, or will have when it has what it was started for."""

    runs: int = 0
    steps: int = 0


def needs_of(study: Study, placement: Placement, workers: int = 1, held: Held | None = None) -> Needs:
    """Return lower bounds on what a study needs; of a training step, for example, only its largest array is counted.

    Nothing is compiled. On devices other than CPUs, only host memory is counted; runs are trained there in waves that
    fit. Each of several `workers` on one machine needs as much memory as a process that trains. Of a run that continues
    with what is `held`, only the disk space of what it adds is counted: it already has most of its other files.
    """
    config, runs = study.config, len(study.keys) * len(study.configurations)
    traced = [one.step for one in study.programs.values() if one.step is not None]
    state, record = max(bytes_of(step.state) for step in traced), max(bytes_of(step.info) for step in traced)
    together = min(WAVE // state // len(study.keys) or 1, max(len(one.labels) for one in study.programs.values()))
    together *= len(study.keys)
    settled = settle(placement, traced[0].state)
    on_host = placement.mesh.devices.flat[0].platform == "cpu"
    width = 1 if settled.in_turn else settled.group or together
    at_once = min(together, width * placement.mesh.size)
    modes = 0 if study.source.modes is None else len(study.source.modes)
    example = 4 * (math.prod(study.source.shape) + modes)  # samples have a distance to every mode
    records = _records(config, config.steps) * record * runs
    measured = config.samples if len(study.source.shape) == 1 else min(config.samples, PIECE)
    memory = {
        "compiling, measuring and drawing": workers * _ALWAYS,
        "data": workers * _data(study) * (placement.mesh.size if on_host else 1),
        "the state of all runs of a block, and a copy to save": workers * 2 * state * together,
        "the widest array of a step": on_host * at_once * max(widest(step.program) for step in traced),
        "records": _COPIES * records,
        "the samples of one seed": measured * example,
    }
    if held == (runs, config.steps):
        return Needs(memory, {})
    # Two checkpoints of the training state are kept, and the older is removed once the next one is complete.
    more, of_more = (runs, records) if held is None else (
        max(0, runs - held.runs), max(0, records - _records(config, held.steps) * record * held.runs)
    )  # fmt: skip
    disk = {
        "checkpoints": state * (2 * more + together),
        "records and results": 3 * of_more,
        "the report": 0 if held else _PAGE,
    }
    return Needs(memory, disk)


def _records(config: Config, steps: int) -> int:
    return len(record_steps(steps, config.record_every or None)) if steps else 0


def check_needs(needs: Needs, folder: Path) -> None:
    """Check that there is enough memory and disk space; `folder` need not exist yet.

    Raises:
      OptionError: if there is not; the message states the sizes and what to reduce.
    """
    _check("memory", needs.memory, available_memory(), _LOWER)
    there = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.is_dir())
    _check("disk", needs.disk, shutil.disk_usage(there).free, f"make room in {there}, or {_LOWER}")


def bytes_of(shapes: Any) -> int:
    """Return the number of bytes of all arrays of a pytree."""
    return sum(math.prod(leaf.shape) * _itemsize(leaf.dtype) for leaf in jax.tree.leaves(shapes))


def widest(jaxpr: Jaxpr) -> int:
    """Return the bytes of the largest array that a program creates, including inner programs.

    Example:
      >>> widest(jax.make_jaxpr(lambda x: (x[:, None] * x[None, :]).sum())(np.zeros(10, np.float32)).jaxpr)
      400
    """
    return max((max(own, inner) for own, inner in map(_of_equation, jaxpr.eqns)), default=0)


def made(jaxpr: Jaxpr) -> int:
    """Return the bytes of all arrays that a program creates, including inner programs, with loops counted once.

    Example:
      >>> made(jax.make_jaxpr(lambda x: (x[:, None] * x[None, :]).sum())(np.zeros(10, np.float32)).jaxpr)
      484
    """
    return sum(
        max(
            bytes_of([v.aval for v in one.outvars if hasattr(v.aval, "shape")]),
            sum(map(made, inner_programs(one.params))),
        )
        for one in jaxpr.eqns
    )


def _of_equation(equation: Any) -> tuple[int, int]:
    own = max((bytes_of([v.aval]) for v in equation.outvars if hasattr(v.aval, "shape")), default=0)
    return own, max(map(widest, inner_programs(equation.params)), default=0)


def inner_programs(params: Mapping[str, Any]) -> Iterator[Jaxpr]:
    """Yield the inner programs of an equation: those of a loop, a branch, a function."""
    for value in params.values():
        for each in value if isinstance(value, tuple | list) else (value,):
            if isinstance(each, ClosedJaxpr):
                yield each.jaxpr
            elif isinstance(each, Jaxpr):
                yield each


def _data(study: Study) -> int:
    return sum(np.asarray(leaf).nbytes for leaf in jax.tree.leaves((study.source.train, study.source.heldout)))


def _itemsize(dtype: Any) -> int:
    return 8 if jax.dtypes.issubdtype(dtype, jax.dtypes.prng_key) else np.dtype(dtype).itemsize


def _check(what: str, needed: Mapping[str, int], free: int, lower: str) -> None:
    total = sum(needed.values())
    if total > free:
        most = [f"{gib(size)} for {name}" for name, size in needed.items() if size > total / 10]
        line = f"the run needs at least {gib(total)} of {what} ({', '.join(most)}), and {gib(free)} are free; {lower}"
        raise OptionError("seeds", line)


def gib(size: int) -> str:
    """Format a number of bytes in GiB.

    Example:
      >>> gib(3 * 2**29)
      '1.5 GiB'
    """
    return f"{size / 2**30:,.{0 if size > 2**37 else 1}f} GiB"
