"""The final measurements of a block's trained generators, written once when the block is done."""

from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jaxgan.results.records import append_records, read_records
from jaxgan.results.results import StoreError
from jaxgan.study.block import Block
from jaxgan.study.build import Study
from jaxgan.study.job import Job

AXES = ("step", "probe_step")
"""Records that are the same for all runs of a block."""


def write_final(job: Job, block: Block, found: Mapping[str, Any]) -> None:
    """Store the output of `Evaluator.finish` for a block's generators [run, ...], which marks the block as done."""
    job.run.check()
    append_records(job.folder / block.folder / "final", 0, job.study.config.steps, found, job.origin(block, ""))


def read_final(job: Job, block: Block) -> dict[str, NDArray]:
    """Read what `write_final` stored.

    Raises:
      StoreError: if it is missing, damaged, or belongs to another run.
    """
    return read_records(job.folder / block.folder / "final", job.study.config.steps, job.origin(block, ""))


def is_done(job: Job, block: Block) -> bool:
    """Return whether a block was trained to the requested step and measured."""
    try:
        read_final(job, block)
    except StoreError:  # not there or damaged: measured again, of what training left
        return False
    return True


def by_configuration(study: Study, found: Mapping[Block, Mapping[str, NDArray]]) -> list[dict[str, NDArray]]:
    """Return the blocks' measurements [seed, ...] by configuration, in the order of the study's labels."""
    parts: dict[str, list[dict[str, NDArray]]] = {label: [] for label in study.configurations}
    for block in sorted(found, key=lambda block: block.first):
        for i, label in enumerate(block.configurations):
            rows = slice(i * block.seeds, (i + 1) * block.seeds)
            parts[label].append({n: v if n in AXES else v[rows] for n, v in found[block].items()})
    return [_joined(each) for each in parts.values()]


def _joined(parts: Sequence[dict[str, NDArray]]) -> dict[str, NDArray]:
    """Concatenate blocks of seeds, at the steps that all of them have.

    A block that was first trained to an earlier step was also measured there.
    """
    if len(parts) == 1:
        return parts[0]
    common = {axis: reduce(np.intersect1d, [part[axis] for part in parts]) for axis in AXES if axis in parts[0]}

    def at(part: dict[str, NDArray], name: str) -> NDArray:
        if name.startswith("watch/") or not common or "/" not in name:
            return part[name]
        axis = "step" if name.startswith("series/") else "probe_step"
        return part[name][:, np.isin(part[axis], common[axis])]

    return common | {name: np.concatenate([at(part, name) for part in parts]) for name in parts[0] if name not in AXES}
