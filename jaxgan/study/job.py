"""A job in progress: a study, the folder that it has locked, and how its progress is told."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from jaxgan.results.claim import RunFolder
from jaxgan.results.records import Origin
from jaxgan.study.block import Block
from jaxgan.study.build import Study
from jaxgan.study.distributed import processes
from jaxgan.study.stop_rules import StopRules

Log = Callable[[str], None]


def silent(line: str) -> None:
    """Discard a line of the log; for processes that do not lead."""


class Job(NamedTuple):
    """The state that all configurations of a run share during training."""

    study: Study
    run: RunFolder
    name: str  # the command that continues the run
    progress: bool
    log: Log
    rules: StopRules = StopRules((), ())

    @property
    def folder(self) -> Path:
        """The folder of the run."""
        return self.run.path

    def origin(self, block: Block, process: str | None = None) -> Origin:
        """Return the origin of a block's records and checkpoints written by a process, by default this one."""
        process = processes.own_name() if process is None else process
        return Origin(self.run.run, "/".join(filter(None, (block.folder, process))))
