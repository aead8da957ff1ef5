"""A job in progress: a study, the folder that it has locked, and blocks of runs."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from jaxgan.results.claim import RunFolder
from jaxgan.results.records import Origin
from jaxgan.study import processes
from jaxgan.study.build import Study
from jaxgan.study.stop_rules import StopRules

Log = Callable[[str], None]


def silent(line: str) -> None:
    """Discard a line of the log; for processes that do not lead."""


class Block(NamedTuple):
    """Runs that are trained together: configurations of one program, each with the same consecutive seeds."""

    program: str
    configurations: tuple[str, ...]
    first: int
    last: int  # inclusive
    wave: int = 0  # number of this block among several blocks of a program with the same seeds

    @property
    def seeds(self) -> int:
        """The number of seeds."""
        return self.last + 1 - self.first

    @property
    def folder(self) -> str:
        """The block's folder, relative to the run's folder.

        Example:
          >>> Block("minimax", ("minimax",), 0, 7).folder, Block("hinge", ("hinge b1=0",), 8, 15, wave=2).folder
          ('minimax/seeds-0-7', 'hinge/seeds-8-15-2')
        """
        return f"{self.program}/seeds-{self.first}-{self.last}{f'-{self.wave}' if self.wave else ''}"


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
