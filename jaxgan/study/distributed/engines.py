"""Run the blocks of a study in this process, or with the workers of an external engine.

An engine is a `concurrent.futures.Executor` or anything with its `submit` method: Dask's, submitit's, the standard
library's. The study's folder, which all workers share, is the only state, so any engine can continue a study.
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
from jaxgan.study.block import Block
from jaxgan.study.distributed import clusters
from jaxgan.study.distributed.processes import ProcessError
from jaxgan.study.distributed.resources import Resources
from jaxgan.study.interrupted import Interrupted, last_line
from jaxgan.study.job import Job
from jaxgan.study.messages import OptionError, counted, nearest
from jaxgan.study.monitoring.live import Look, unseen

ENGINES = ("local", "dask", "slurm")
TRIES = 3
"""Maximum number of jobs for a block if they end without an answer: killed, or out of memory."""
_POLL = 0.05  # seconds between checks for finished blocks
_STOPPING = "stopping: blocks that no worker has started are skipped"

Outcome = tuple[str, float, Exception | None]
"""A worker's answer: its name, the seconds that the block took, and the error, if any."""
Work = Callable[..., Outcome]


class Submits(Protocol):
    """A `concurrent.futures.Executor`, or any object with its `submit` method."""

    def submit(self, function: Callable[..., Any], /, *arguments: Any) -> Any:
        """Return a future with `result()` and optionally `done()` and `cancel()`."""


class Engine(NamedTuple):
    """An engine that runs blocks instead of this process."""

    name: str
    opened: clusters.Opened
    work: Work  # of (folder, digest of its config.json, folder of the block, command)
    here: int = 0  # number of workers on this machine, which share its memory; other workers run elsewhere
    devices: int = 0  # per worker; 0: all that it sees


class Where(NamedTuple):
    """The resources of every worker, as plain numbers that any engine can send."""

    devices: int = 0  # 0: all that it sees
    in_turn: int = -1  # -1: whatever is faster
    keep_programs: int = 0


def engine_from(what: Any, on: Resources, work: Work, *, keep_programs: bool) -> Engine | None:
    """Return the engine named by `--on`, or the caller's own executor; None means this process.

    Args:
      what: a text that starts with one of `ENGINES`, None, or an object with `submit(function, *args)`.
      on: the devices of a worker, and the order of its runs.
      work: the function that workers call, with the fields of `Where` after its own arguments.
      keep_programs: whether workers use JAX's compilation cache.

    Raises:
      OptionError: if there is no such engine, its package is not installed, or it rejects its arguments.
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
    """Let workers run the `missing` ones of a run's `blocks`; return the seconds that they spent on each program.

    Raises:
      Interrupted: if a signal arrives; blocks that no worker has started are cancelled.
      ProcessError: if a worker dies or cannot do its work.
      Exception: an error in a worker, as it would be raised in this process.
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
    """Yield the blocks with their outcomes, in the order in which they finish."""
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
    return done is None or bool(done())  # without `done`, wait for the result


def _outcome(future: Any, *, may_die: bool) -> Outcome | None:
    """Return the result of a worker; None if a job ended without one and submitit does not restart it."""
    try:
        return future.result()
    except Exception as error:
        if may_die and type(error).__name__ == "UncompletedJobError":
            return None
        raise


@contextmanager
def _in_a_line(engine: Engine, job: Job) -> Iterator[None]:
    """Turn errors between this process and a worker into one line; errors within a worker are part of its result."""
    try:
        yield
    except Exception as error:
        name, goes_on = type(error).__name__, last_line(job.name, job.folder)
        if isinstance(error, BrokenExecutor) or name in ("KilledWorker", "UncompletedJobError"):
            raise ProcessError(f"a worker of {engine.name} died, perhaps for lack of memory; {goes_on}") from error
        line = next(iter(str(error).strip().splitlines()), "")
        raise ProcessError(f"{engine.name} gave no answer ({name}: {line}); {goes_on}") from error


def _cancel(future: Any) -> None:
    """Cancel work that no worker has started; in a batch system, only queued jobs: running ones save their progress."""
    if getattr(future, "state", "PENDING") == "PENDING" and callable(getattr(future, "cancel", None)):
        with suppress(Exception):  # best effort
            future.cancel()


def _title(block: Block, blocks: Sequence[Block]) -> str:
    """Return a title such as "minimax, wave 3 of 8"."""
    own = [one for one in blocks if one.program == block.program]
    seeds = {(one.first, one.last) for one in own}
    waves = sum((one.first, one.last) == (block.first, block.last) for one in own)
    wave = f", wave {block.wave + 1} of {waves}" if waves > 1 else ""
    return f"{block.program}{wave}{f', seeds {block.first} to {block.last}' if len(seeds) > 1 else ''}"
