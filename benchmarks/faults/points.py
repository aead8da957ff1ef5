"""Named points of the code: before, during and after every write, rename, sync, save and report of a process.

The library has no code for them: functions are replaced in a forked process.
"""

import functools
import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple


class Point(NamedTuple):
    """A point of a program; `time` counts how often it has been reached."""

    name: str  # before, after or amid, then the function and the file
    time: int


class Watch:
    """A callable for every point, which kills the process at one of them, or writes all of them to a file."""

    def __init__(self, at: Point | None, log: Path | None):
        self.at, self.log = at, log
        self.counts: dict[str, int] = {}

    def __call__(self, name: str) -> bool:
        """Return whether this is the chosen point; the process is killed first unless the point is amid a function."""
        self.counts[name] = self.counts.get(name, 0) + 1
        if self.log is not None:
            with open(self.log, "a", encoding="utf-8") as file:
                file.write(f"{name}\t{self.counts[name]}\n")
        if Point(name, self.counts[name]) != self.at:
            return False
        if not name.startswith("amid"):
            die()
        return True


def die() -> None:
    """End as by `kill -9`, without flushing or cleaning up."""
    os.kill(os.getpid(), signal.SIGKILL)


def watch(root: Path, at: Point | None = None, log: Path | None = None) -> None:
    """Install the points in this process, for files below `root`."""
    from benchmarks.faults.bench import replace

    here = Watch(at, log)
    watch_system(root, here)
    for function in _of_the_library():
        replace(function, _watched(function, function.__qualname__, here, root))


def watch_system(root: Path, here: Watch) -> None:
    """Install the points of Python's own functions."""
    for name in ("fsync", "replace", "rename", "unlink", "rmdir"):
        setattr(os, name, _watched(getattr(os, name), f"os.{name}", here, root))
    tempfile.mkstemp = _watched(tempfile.mkstemp, "mkstemp", here, root)
    shutil.rmtree = _watched(shutil.rmtree, "rmtree", here, root)  # type: ignore[assignment]
    for name in ("write_text", "write_bytes"):
        setattr(Path, name, _half_written(getattr(Path, name), f"Path.{name}", here, root))


def read(log: Path) -> list[Point]:
    """Read the points that `watch` wrote."""
    lines = [line.partition("\t") for line in log.read_text(encoding="utf-8").splitlines()]
    return [Point(name, int(count)) for name, _, count in lines]


def _of_the_library() -> list[Callable]:
    from jaxgan import checkpoint, files
    from jaxgan.report.run import report
    from jaxgan.results import claim, records, seal, store
    from jaxgan.results.results import Results
    from jaxgan.study import folder, merge, training

    return [
        *(checkpoint.save, files.sync_folder, files.append_text, records.append_records, seal.write_sealed),
        *(claim.claim, claim.reopen, claim._settle, claim._move_aside, claim.RunFolder.complete),
        *(store.write_metrics, store.write_sums, Results.write, report.write_run_report),
        *(folder.grown, folder.complete, merge._copy, training.save_generator),
    ]


def _watched(function: Callable, name: str, here: Watch, root: Path) -> Callable:
    @functools.wraps(function)
    def watched(*arguments: Any, **options: Any) -> Any:
        where = _where(arguments, root)
        if where is None:
            return function(*arguments, **options)
        here(f"before {name}{where}")
        found = function(*arguments, **options)
        here(f"after {name}{where}")
        return found

    return watched


def _half_written(function: Callable, name: str, here: Watch, root: Path) -> Callable:
    @functools.wraps(function)
    def written(path: Path, content: Any, *arguments: Any, **options: Any) -> Any:
        where = _where([path], root)
        if where is None:
            return function(path, content, *arguments, **options)
        here(f"before {name}{where}")
        if here(f"amid {name}{where}"):
            function(path, content[: len(content) // 2], *arguments, **options)
            die()
        found = function(path, content, *arguments, **options)
        here(f"after {name}{where}")
        return found

    return written


def _where(arguments: Sequence[Any], root: Path) -> str | None:
    """Return a general name of the file or folder in a call; None if it is not part of the run, such as a cache."""
    named = [one for one in arguments if isinstance(one, os.PathLike) or (isinstance(one, str) and "\n" not in one)]
    paths = [Path(one) for one in named]  # a string with several lines is content, not a path
    if not paths:
        return ""
    path = paths[-1] if paths[-1].is_absolute() else Path.cwd() / paths[-1]
    if root not in (path, *path.parents):
        return None if paths[-1].is_absolute() else f" {_general(paths[-1].name)}"
    return f" {_general(path.name)}" if path != root else " the folder"


def _general(name: str) -> str:
    """Return a name without the parts that differ between runs."""
    if name.endswith(".partial"):
        return "*.partial"
    words = ["0" if word.isdigit() else word for word in name.replace("-", " - ").replace(".", " . ").split(" ")]
    text = "".join(words)
    return text if len(text) < 30 else "data"
