"""Commands that end before they would train, so that many can be tried: refusals come earlier and cost nothing."""

import os
import sys
from typing import Any

from benchmarks.faults import process

PLANNED = 77
"""The exit status of a command that would have created a folder and trained."""


MEMORY = 6 * 2**30
"""The maximum memory of a process in bytes; larger allocations fail, which protects the machine."""


def plan_only(*, evaluator: bool = False) -> None:
    """End this process when a run's folder would be created or, without `evaluator`, a classifier be trained."""
    from benchmarks.faults.bench import replace
    from jaxgan.evaluation import evaluator_for
    from jaxgan.study.folder import new_folder

    with_little_memory()
    replace(new_folder, _ended)
    if not evaluator:
        replace(evaluator_for, _ended)


def with_little_memory() -> None:
    """Limit the memory of this process."""
    import resource

    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))


def fits(ended: process.Ended) -> bool:
    """Return whether a command was planned, done, or refused in one line; `jaxgan check` may also report damage."""
    refused = ended.refused and len(said_by_us(ended)) == 1
    found = ended.status == 2 and ended.out.rstrip().endswith("parts are damaged or missing")
    return ended.clean and (ended.status in (0, PLANNED) or refused or found)


def said_by_us(ended: process.Ended) -> list[str]:
    """Return the error lines of jaxgan, without warnings."""
    own = [line for line in ended.err.splitlines() if line.startswith("jaxgan: ")]
    return [line for line in own if not line.startswith("jaxgan: warning: ")]


def came(ended: process.Ended) -> str:
    """Return the result as it is counted in the table."""
    return {PLANNED: "taken", 0: "taken"}.get(ended.status or 0, "refused in one line")


def _ended(*arguments: Any, **options: Any) -> None:
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(PLANNED)
