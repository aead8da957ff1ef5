"""What a job is while it is carried out: a study, the folder that it has claimed, and blocks of seeds."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from jaxgan.results.claim import RunFolder
from jaxgan.results.records import Origin
from jaxgan.study import processes
from jaxgan.study.build import Study
from jaxgan.study.config import Config

Log = Callable[[str], None]


class Block(NamedTuple):
    """Consecutive seeds that are trained together: all of a run, unless it was given more of them later."""

    first: int
    last: int  # included

    @property
    def folder(self) -> str:
        """The name of its folder within a configuration's."""
        return f"seeds-{self.first}-{self.last}"


def all_seeds(config: Config) -> Block:
    """The seeds of a run, trained together.

    Example:
      >>> from jaxgan.study.config import configure
      >>> all_seeds(configure({"seeds": 8})).folder, all_seeds(configure({"seeds": 8, "first_seed": 8})).folder
      ('seeds-0-7', 'seeds-8-15')
    """
    return Block(config.first_seed, config.first_seed + config.seeds - 1)


class Job(NamedTuple):
    """What all configurations of a run share while it is trained."""

    study: Study
    run: RunFolder
    name: str  # the command that continues it
    progress: bool
    log: Log

    @property
    def folder(self) -> Path:
        """The run's."""
        return self.run.path

    def origin(self, label: str, block: Block, process: str | None = None) -> Origin:
        """Whose records, and whose checkpoint, a process, this one by default, writes of a block of a configuration."""
        process = processes.own_name() if process is None else process
        return Origin(self.run.run, "/".join(filter(None, (label, block.folder, process))))
