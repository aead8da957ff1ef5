"""The runs that are trained together, as config.json has them. Does not import JAX."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple


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
    def runs(self) -> int:
        """The number of runs.

        Example:
          >>> Block("hinge", ("hinge b1=0", "hinge b1=0.5"), 0, 7).runs
          16
        """
        return len(self.configurations) * self.seeds

    @property
    def folder(self) -> str:
        """The block's folder, relative to the run's folder.

        Example:
          >>> Block("minimax", ("minimax",), 0, 7).folder, Block("hinge", ("hinge b1=0",), 8, 15, wave=2).folder
          ('minimax/seeds-0-7', 'hinge/seeds-8-15-2')
        """
        return f"{self.program}/seeds-{self.first}-{self.last}{f'-{self.wave}' if self.wave else ''}"


def blocks_in(content: Mapping[str, Any]) -> tuple[Block, ...]:
    """Return the blocks in a config.json; earlier versions only stored the seeds of each configuration's blocks.

    Example:
      >>> [block.folder for block in blocks_in({"configurations": {"a": {}, "b": {}}, "blocks": [[0, 3]]})]
      ['a/seeds-0-3', 'b/seeds-0-3']
    """
    stored: Sequence[Any] = content["blocks"]
    if all(isinstance(one, Mapping) for one in stored):
        return tuple(Block(**{**one, "configurations": tuple(one["configurations"])}) for one in stored)
    return tuple(Block(label, (label,), *pair) for pair in stored for label in content["configurations"])
