"""Run commands of jaxgan in separate processes: forks of a process that has imported everything and computed nothing.

Imports take longer than a whole small run. A fork starts in the state of `jaxgan` after its imports, has its own signal
handlers, files and process group, and ends like any other program.
"""

import atexit
import os
import signal
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

LIMIT = 60.0  # seconds, far more than any command here takes on an idle machine
PATIENCE = 4  # multiple of the limit, for a busy machine, after which a process counts as hung

Before = Callable[[], object]


class Running(NamedTuple):
    """A running process."""

    pid: int
    files: Path  # FILES.out and FILES.err
    begun: float


class Ended(NamedTuple):
    """A process that has ended."""

    status: int | None  # negative: the number of the signal that ended it; None: it hung
    out: str
    err: str
    seconds: float

    @property
    def last(self) -> str:
        """The last line of stderr."""
        return (self.err.strip().splitlines() or [""])[-1]

    @property
    def refused(self) -> bool:
        """Whether it ended with status 2 and a line of jaxgan, without a traceback."""
        return self.status == 2 and self.last.startswith("jaxgan: ") and self.clean

    @property
    def clean(self) -> bool:
        """Whether the output shows no bug of the program."""
        return not any(
            word in self.err + self.out for word in ("Traceback", "jaxgan: unexpected ", "Fatal Python error")
        )

    @property
    def said(self) -> str:
        """The status and the last line, for a list of faults."""
        how = "hung" if self.status is None else f"status {self.status}"
        noise = "" if self.clean else ", with a traceback or as a bug"
        return f"{how}{noise}: {self.last[:300]}"


def load() -> None:
    """Import everything that commands import, without initializing JAX's devices, so that processes can be forked."""
    import matplotlib.backends.backend_agg
    import matplotlib.backends.backend_pdf
    import matplotlib.backends.backend_svg  # noqa: F401

    import jaxgan.cli.app
    import jaxgan.report.profile.report
    import jaxgan.report.profile.terminal
    import jaxgan.report.run.report
    import jaxgan.report.run.terminal
    import jaxgan.study.compare
    import jaxgan.study.generators.generate
    import jaxgan.study.inspection
    import jaxgan.study.merge
    import jaxgan.study.profiles.profile  # noqa: F401

    warnings.filterwarnings("ignore", message=r"os\.fork\(\) was called", category=RuntimeWarning)


def start(words: Sequence[str], files: Path, before: Before | None = None, cwd: Path | None = None) -> Running:
    """Start `jaxgan WORDS`; `before` is called first in the new process."""
    files.parent.mkdir(parents=True, exist_ok=True)
    sys.stdout.flush()
    sys.stderr.flush()
    begun = time.monotonic()
    pid = os.fork()
    if pid == 0:
        os._exit(_run(list(words), files, before, cwd))
    return Running(pid, files, begun)


def finish(running: Running, limit: float = LIMIT * PATIENCE, kill_after: float | None = None) -> Ended:
    """Wait for a process to end; one that takes longer than `limit` seconds is killed and counts as hung."""
    kill_at = None if kill_after is None else running.begun + kill_after
    hung = False
    while True:
        pid, ended = os.waitpid(running.pid, os.WNOHANG)
        if pid:
            break
        now = time.monotonic()
        hung = hung or now > running.begun + limit
        if hung or (kill_at is not None and now >= kill_at):
            os.kill(running.pid, signal.SIGKILL)
            kill_at = None
        time.sleep(0.004)
    texts = [path.read_text("utf-8", "replace") for path in _outputs(running.files)]
    return Ended(
        None if hung else os.waitstatus_to_exitcode(ended), texts[0], texts[1], time.monotonic() - running.begun
    )


def run(words: Sequence[str], files: Path, before: Before | None = None, cwd: Path | None = None) -> Ended:
    """Start a process and wait for its end."""
    return finish(start(words, files, before, cwd))


def _run(words: list[str], files: Path, before: Before | None, cwd: Path | None) -> int:
    try:
        os.setsid()
        for number, (path, mode) in enumerate([(Path(os.devnull), os.O_RDONLY), *_written(files)]):
            os.dup2(os.open(path, mode, 0o644), number)
        if cwd is not None:
            os.chdir(cwd)
        sys.argv = ["jaxgan", *words]
        without_drawing()
        if before is not None:
            before()
        from jaxgan.cli.app import main

        status = main()
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else 0 if error.code is None else 1
    except BaseException:
        traceback.print_exc()
        status = 1
    return _end(status)


def _end(status: int) -> int:
    """End as Python does, because its exit handlers can also hang or print something."""
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            status = status or 120  # the same as Python's
    return status


def without_drawing() -> None:
    """Replace figures by files of a few bytes, because drawing takes half of a small run's time."""
    from matplotlib.figure import Figure

    from jaxgan.report import layout

    def savefig(figure: Figure, target: object, *, format: str = "png", **options: object) -> None:
        target.write(f"a picture as {format}".encode())  # type: ignore[attr-defined]

    Figure.savefig = savefig  # type: ignore[assignment,method-assign]
    layout._settle = lambda figure: None


def _outputs(files: Path) -> tuple[Path, Path]:
    return files.with_name(f"{files.name}.out"), files.with_name(f"{files.name}.err")


def _written(files: Path) -> list[tuple[Path, int]]:
    return [(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC) for path in _outputs(files)]
