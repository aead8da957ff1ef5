"""Commands that end where they would begin to train: what is refused before costs nothing, and the rest is known."""

import os
import sys
from typing import Any

from benchmarks.faults import process

PLANNED = 77
"""The status of a command that would have made a folder and trained."""


MEMORY = 6 * 2**30
"""Bytes that a process may take here: one that tries more is refused it, and the machine is left alone."""


def plan_only(*, evaluator: bool = False) -> None:
    """Ends this process where a run's folder is made; or, without `evaluator`, before a classifier is trained."""
    from benchmarks.faults.bench import replace
    from jaxgan.evaluation import evaluator_for
    from jaxgan.study.folder import new_folder

    with_little_memory()
    replace(new_folder, _ended)
    if not evaluator:
        replace(evaluator_for, _ended)


def with_little_memory() -> None:
    """Bounds what this process can take."""
    import resource

    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))


def fits(ended: process.Ended) -> bool:
    """Planned, done, or refused in one line; what `jaxgan check` finds damaged is its result."""
    refused = ended.refused and len(said_by_us(ended)) == 1
    found = ended.status == 2 and ended.out.rstrip().endswith("parts are damaged or missing")
    return ended.clean and (ended.status in (0, PLANNED) or refused or found)


def said_by_us(ended: process.Ended) -> list[str]:
    """Lines of errors; warnings are none."""
    own = [line for line in ended.err.splitlines() if line.startswith("jaxgan: ")]
    return [line for line in own if not line.startswith("jaxgan: warning: ")]


def came(ended: process.Ended) -> str:
    """In the words of a count."""
    return {PLANNED: "taken", 0: "taken"}.get(ended.status or 0, "refused in one line")


def _ended(*arguments: Any, **options: Any) -> None:
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(PLANNED)
