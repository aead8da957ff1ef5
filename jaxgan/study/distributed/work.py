"""The work of an engine's worker: run one block of a study whose folder another process leads."""

import os
import pickle
import socket
import threading
import time
import traceback
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from jaxgan.checkpoint import CheckpointError
from jaxgan.data.source import DataError
from jaxgan.files import StoreError, file_digest
from jaxgan.results import claim, store
from jaxgan.study import inputs, provenance
from jaxgan.study.block import blocks_in
from jaxgan.study.carrying_out import carry_out
from jaxgan.study.config import from_stored
from jaxgan.study.distributed.engines import Outcome
from jaxgan.study.distributed.processes import ProcessError
from jaxgan.study.distributed.resources import Resources
from jaxgan.study.execute import started
from jaxgan.study.finals import is_done
from jaxgan.study.fitting import check_compiled
from jaxgan.study.interrupted import Interrupted, not_written
from jaxgan.study.job import Job, silent
from jaxgan.study.messages import OptionError
from jaxgan.study.own_code import place_in
from jaxgan.study.planning import Plan, own_probes, plan_for, study_for, watched_of
from jaxgan.study.resume import check_unchanged
from jaxgan.study.watching import Watched

_OURS = (OptionError, DataError, StoreError, CheckpointError, ProcessError, Interrupted, MemoryError)
_one_at_a_time = threading.Lock()  # the devices of a process are shared by its threads
_loaded: dict[Path, str] = {}  # the user's files that were imported in this process, by digest


class Workplace(NamedTuple):
    """A study in a worker, which may carry out many blocks of it."""

    job: Job
    plan: Plan
    watched: dict[str, Watched]  # by program


def work(
    folder: str, digest: str, block: str, command: str, *, devices: int = 0, in_turn: int = -1, keep_programs: int = 0
) -> Outcome:
    """Run a block unless it is done; return (worker, seconds, error). Only one worker at a time runs a block.

    Args:
      folder: the folder of the run, which this worker must be able to access.
      digest: the digest of its config.json as seen by the leading process.
      block: the block's folder, relative to the run's folder.
      command: the command that continues the run, such as `train`.
      devices: the number of devices of this worker; 0 for all that it sees.
      in_turn: 1 to train runs one after another, 0 side by side, -1 for the faster of the two.
      keep_programs: whether to use JAX's compilation cache.
    """
    clock, who = time.perf_counter(), f"process {os.getpid()} on {socket.gethostname()}"
    error: Exception | None = None
    try:
        path = Path(folder)
        _check_seen(path, digest, who)
        with claim.part_of(path, block), _one_at_a_time:
            _carry_out(_workplace(path, digest, command, devices, in_turn, keep_programs), block)
    except Exception as raised:
        error = _sendable(raised, command, Path(folder))
    return who, time.perf_counter() - clock, error


def _carry_out(place: Workplace, name: str) -> None:
    job, plan, watched = place
    block = next(block for block in plan.blocks if block.folder == name)
    if is_done(job, block):
        return
    if block.program not in watched:
        check_compiled(plan._replace(blocks=(block,)), silent)  # of the memory of this machine, before it trains
        watched[block.program] = watched_of(plan, plan.study.programs[block.program])
    carry_out(job, plan, block, watched[block.program])


def _check_seen(folder: Path, digest: str, who: str) -> None:
    try:
        seen = file_digest(folder / claim.CONFIG) == digest
    except OSError:
        seen = False
    if not seen:
        raise StoreError(f"{who} does not see the run in {folder}, expected a folder that all workers share")


@lru_cache(maxsize=1)
def _workplace(folder: Path, digest: str, command: str, devices: int, in_turn: int, keep_programs: int) -> Workplace:
    """The study of a run's config.json, which `digest` tells from another's, built once in a process."""
    content, run = store.read_config(folder), claim.beside(folder)
    if (sources := content.get("sources")) not in (None, provenance.sources()):
        here = f"({str(sources)[:8]}, here {provenance.sources()[:8]})"
        raise StoreError(f"the run in {folder} was started by other code of jaxgan {here}: install the same everywhere")
    on = Resources(devices or None, None if in_turn < 0 else bool(in_turn))
    config = from_stored(content["config"])
    placement = started(config, on, keep_programs=bool(keep_programs), log=silent)
    study = study_for(config)
    check_unchanged(content, study, f"the run in {folder} was started")
    _check_imported(study.own_code)
    plan = plan_for(study, own_probes(study), placement, silent)._replace(blocks=blocks_in(content))
    return Workplace(Job(study, run, command, False, silent, plan.rules), plan, {})


def _check_imported(names: tuple[str, ...]) -> None:
    """A module stays as it was imported, in a worker that lives on; the files that options name are run anew."""
    named = inputs.named_files(names)
    for path in inputs.own_files(names).values():
        if path not in named and _loaded.setdefault(path, file_digest(path)) != file_digest(path):
            raise StoreError(f"{path} was changed after this worker had imported it, expected newly started workers")


def _sendable(error: Exception, command: str, folder: Path) -> Exception:
    """An error as it would be said in one process, where it can be sent to another; with where it was raised."""
    found = not_written(error, command, folder) or error
    if not isinstance(found, _OURS) and "RESOURCE_EXHAUSTED" not in str(found) and (place := place_in(found)):
        first = next(iter(str(found).strip().splitlines()), "")
        found = ProcessError(f"{place} raised {type(found).__name__}: {first}")
    try:
        again = pickle.loads(pickle.dumps(found))
        sent = again if str(again) == str(found) else RuntimeError(f"{type(found).__name__}: {found}")
    except Exception:  # whatever an error holds
        sent = RuntimeError(f"{type(found).__name__}: {found}")
    sent.add_note("in a worker:\n" + "".join(traceback.format_exception(error)).rstrip())
    return sent
