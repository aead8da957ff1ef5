"""What is measured of the trained generators of a block: written once, when the block is done, and never made again."""

from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jaxgan.results.records import append_records, read_records
from jaxgan.results.results import StoreError
from jaxgan.study.build import Study
from jaxgan.study.job import Block, Job


def write_final(job: Job, block: Block, found: Mapping[str, Any]) -> None:
    """Keeps what `Evaluator.finish` made of a block's generators [run, ...]: the block is done."""
    job.run.check()
    append_records(job.folder / block.folder / "final", 0, job.study.config.steps, found, job.origin(block, ""))


def read_final(job: Job, block: Block) -> dict[str, NDArray]:
    """What `write_final` kept.

    Raises:
      StoreError: it is not there, damaged, or another's.
    """
    return read_records(job.folder / block.folder / "final", job.study.config.steps, job.origin(block, ""))


def is_done(job: Job, block: Block) -> bool:
    """Whether a block was trained and measured to the end that is asked for."""
    try:
        read_final(job, block)
    except StoreError:  # not there or damaged: measured again, of what training left
        return False
    return True


def by_configuration(study: Study, found: Mapping[Block, Mapping[str, NDArray]]) -> list[dict[str, NDArray]]:
    """What blocks have of every configuration, [seed, ...], in the order of the study's labels."""
    parts: dict[str, list[dict[str, NDArray]]] = {label: [] for label in study.configurations}
    for block in sorted(found, key=lambda block: block.first):
        for i, label in enumerate(block.configurations):
            rows = slice(i * block.seeds, (i + 1) * block.seeds)
            parts[label].append({n: v if n in AXES else v[rows] for n, v in found[block].items()})
    return [_joined(each) for each in parts.values()]


AXES = ("step", "probe_step")


def _joined(parts: Sequence[dict[str, NDArray]]) -> dict[str, NDArray]:
    """Blocks of seeds one after the other, at the steps that all of them have.

    A block that was trained to an earlier end first was measured there, too.
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
