"""Where the blocks of a study are carried out: in this process, or by the workers of an engine that others have made.

An engine is a `concurrent.futures.Executor`, or anything that has its `submit`: Dask's, submitit's, the standard
library's. The study's folder, which all workers see, is the only state: what is done is in it, so any engine goes on.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor
from contextlib import contextmanager, nullcontext, suppress
from functools import partial
from typing import Any, NamedTuple, Protocol

from jaxgan.files import file_digest
from jaxgan.results.claim import CONFIG
from jaxgan.stopping import stoppable
from jaxgan.study import clusters
from jaxgan.study.interrupted import Interrupted, last_line
from jaxgan.study.job import Block, Job
from jaxgan.study.live import Look, unseen
from jaxgan.study.messages import OptionError, counted, nearest
from jaxgan.study.processes import ProcessError
from jaxgan.study.resources import Resources

ENGINES = ("local", "dask", "slurm")
TRIES = 3
"""Jobs that are begun for a block where each ends without an answer: killed, or out of memory."""
_POLL = 0.05  # seconds between two questions whether a block is done
_STOPPING = "stopping: blocks that no worker has started are skipped"

Outcome = tuple[str, float, Exception | None]
"""What a worker answers: who it is, the seconds that the block took, and what went wrong."""
Work = Callable[..., Outcome]


class Submits(Protocol):
    """A `concurrent.futures.Executor`, or what has as much of it."""

    def submit(self, function: Callable[..., Any], /, *arguments: Any) -> Any:
        """A future, with `result()` and perhaps `done()` and `cancel()`."""


class Engine(NamedTuple):
    """What carries blocks out in place of this process."""

    name: str
    opened: clusters.Opened
    work: Work  # of (folder, digest of its config.json, folder of the block, command)
    here: int = 0  # workers on this machine, which share its memory; the others have a machine of their own
    devices: int = 0  # of each worker; 0: all that it sees


class Where(NamedTuple):
    """What every worker is to use, as numbers, which any engine can send."""

    devices: int = 0  # 0: all that it sees
    in_turn: int = -1  # -1: what is faster
    keep_programs: int = 0


def engine_from(what: Any, on: Resources, work: Work, *, keep_programs: bool) -> Engine | None:
    """The engine that `--on` names, or an executor of the caller's own; None: this process.

    Args:
      what: a text as `ENGINES` begin it, None, or an object with `submit(function, *args)`.
      on: devices of a worker, and the order of its runs.
      work: what a worker is asked to do, with the fields of `Where` after its own arguments.
      keep_programs: whether workers use JAX's compile cache.

    Raises:
      OptionError: no such engine, or one whose package is not installed or does not take what is asked of it.
    """
    if what is None or what == "local":
        return None
    if on.cluster is not None:
        raise OptionError("on", "got it with --distributed or --coordinator, expected one of them")
    where = Where(on.devices or 0, -1 if on.in_turn is None else int(on.in_turn), int(keep_programs))
    if not isinstance(what, str):
        if not callable(getattr(what, "submit", None)):
            raise OptionError("on", f"got {type(what).__name__}, expected one of {', '.join(ENGINES)}, or an executor")
        return Engine(type(what).__name__, lambda folder, blocks: nullcontext(what), partial(work, **where._asdict()))
    name, _, rest = what.partition(":")
    here = 0
    if name == "dask":
        opened, devices, here = clusters.dask(rest, where.devices)
        where = where._replace(devices=devices)
    elif name == "slurm":
        opened = clusters.slurm(rest)
    else:
        expected = "dask:WORKERS or dask:tcp://HOST:PORT, slurm:NAME=VALUE,..."
        raise OptionError("on", f"got {what!r}; {nearest(name, ENGINES)}; {expected}")
    return Engine(what, opened, partial(work, **where._asdict()), here, where.devices)


def carried_out(
    engine: Engine, job: Job, blocks: Sequence[Block], missing: Sequence[Block], look: Look = unseen
) -> dict[str, float]:
    """Has workers carry out the `missing` of a run's `blocks`; the seconds that each program took them.

    Raises:
      Interrupted: a signal; what no worker has begun is cancelled.
      ProcessError: a worker died, or cannot do what it is asked to.
      Exception: what went wrong in a worker, as it would be raised here.
    """
    seconds, done = {block.program: 0.0 for block in blocks}, len(blocks) - len(missing)
    with stoppable() as stopping, stopping.noting(_STOPPING):
        if missing:
            job.log(f"{counted(len(missing), 'block')} with {engine.name}")
            for block, (who, took, error) in _answers(engine, job, missing, look, lambda: bool(stopping.first)):
                if isinstance(error, Interrupted) and stopping.first:
                    continue
                if error is not None:
                    raise error
                done += 1
                seconds[block.program] += took
                job.log(f"{_title(block, blocks)}: done by {who}, {done} of {counted(len(blocks), 'block')}")
    if stopping.first and done < len(blocks):
        raise Interrupted(f"{done} of {counted(len(blocks), 'block')} are done; {last_line(job.name, job.folder)}")
    return {name: round(took, 1) for name, took in seconds.items()}


def _answers(
    engine: Engine, job: Job, missing: Sequence[Block], look: Look, stopped: Callable[[], bool]
) -> Iterator[tuple[Block, Outcome]]:
    """The blocks in the order in which they are done."""
    folder = job.folder.absolute()
    digest, tries, waiting = file_digest(folder / CONFIG), dict.fromkeys(missing, 0), dict[Block, Any]()

    def submit(block: Block) -> None:
        tries[block] += 1
        with _in_a_line(engine, job):
            waiting[block] = executor.submit(engine.work, str(folder), digest, block.folder, job.name)

    with engine.opened(folder, len(missing)) as executor:
        try:
            for block in missing:
                if stopped():
                    break
                submit(block)
            while waiting:
                look()
                ended = [block for block, future in waiting.items() if _has_ended(future)]
                for block in ended:
                    with _in_a_line(engine, job):
                        outcome = _outcome(waiting.pop(block), may_die=tries[block] < TRIES)
                    if outcome is None:
                        submit(block)
                    else:
                        yield block, outcome
                if not ended:
                    if stopped():
                        break
                    time.sleep(_POLL)
        finally:
            for future in waiting.values():
                _cancel(future)


def _has_ended(future: Any) -> bool:
    done = getattr(future, "done", None)
    return done is None or bool(done())  # without it its result is waited for


def _outcome(future: Any, *, may_die: bool) -> Outcome | None:
    """What a worker has answered; None where a job ended without an answer, which submitit does not begin again."""
    try:
        return future.result()
    except Exception as error:
        if may_die and type(error).__name__ == "UncompletedJobError":
            return None
        raise


@contextmanager
def _in_a_line(engine: Engine, job: Job) -> Iterator[None]:
    """What goes wrong between this process and a worker; what goes wrong within one is its answer."""
    try:
        yield
    except Exception as error:
        name, goes_on = type(error).__name__, last_line(job.name, job.folder)
        if isinstance(error, BrokenExecutor) or name in ("KilledWorker", "UncompletedJobError"):
            raise ProcessError(f"a worker of {engine.name} died, perhaps for lack of memory; {goes_on}") from error
        line = next(iter(str(error).strip().splitlines()), "")
        raise ProcessError(f"{engine.name} gave no answer ({name}: {line}); {goes_on}") from error


def _cancel(future: Any) -> None:
    """Takes back what no worker has begun. Of a batch system's jobs those that wait: others save what they did."""
    if getattr(future, "state", "PENDING") == "PENDING" and callable(getattr(future, "cancel", None)):
        with suppress(Exception):  # nothing depends on it
            future.cancel()


def _title(block: Block, blocks: Sequence[Block]) -> str:
    """As "minimax, wave 3 of 8"."""
    own = [one for one in blocks if one.program == block.program]
    seeds = {(one.first, one.last) for one in own}
    waves = sum((one.first, one.last) == (block.first, block.last) for one in own)
    wave = f", wave {block.wave + 1} of {waves}" if waves > 1 else ""
    return f"{block.program}{wave}{f', seeds {block.first} to {block.last}' if len(seeds) > 1 else ''}"
