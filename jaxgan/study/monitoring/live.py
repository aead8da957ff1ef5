"""Show the progress of a run live in a terminal or a notebook; elsewhere, show nothing."""

import importlib.util
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol

from rich.console import Console, Group
from rich.live import Live

from jaxgan.stopping import stoppable
from jaxgan.study.monitoring.progress import progress_of
from jaxgan.study.monitoring.view import view_of

_OFTEN = 0.25  # seconds between two looks, at the least
_SHARE = 0.01  # of the time that looks may take


class Look(Protocol):
    """A function that updates the progress display if it is time to; call it repeatedly."""

    def __call__(self, note: str = "", *, now: bool = False) -> None:
        """With what is being done in place of the rate; `now`, or with another note, at once."""


def unseen(note: str = "", *, now: bool = False) -> None:
    """A `Look` that shows nothing."""


@contextmanager
def watched_live(folder: Path, *, shown: bool = True) -> Iterator[Look]:
    """Show the run in `folder` in the terminal; output to stderr, from any thread, appears above it.

    The cursor is never hidden and stays on an empty line, so the terminal is left intact however the program ends.
    """
    notebook = _in_notebook()
    console = _Console(file=sys.stderr, force_jupyter=notebook, soft_wrap=True, highlight=False)
    # Not as rich has it: variables of the environment make it take any stream for a terminal.
    terminal = bool(sys.stderr and sys.stderr.isatty()) and not console.is_dumb_terminal
    if not (shown and (terminal or notebook)):
        yield unseen
        return
    view = _View(folder, console)
    with stoppable() as stopping:
        before, stopping.leaving = stopping.leaving, view.close
        try:
            yield view.look
        finally:
            stopping.leaving = before
            view.close()


def _in_notebook() -> bool:
    """Whether what is displayed can be redrawn in place: by Jupyter's kernel, and with widgets, as bars are there."""
    return "ipykernel.zmqshell" in sys.modules and importlib.util.find_spec("ipywidgets") is not None


class _Console(Console):
    def show_cursor(self, show: bool = True) -> bool:
        """Stays as it is: a process that is killed could not show it again."""
        return False


class _View:
    def __init__(self, folder: Path, console: Console):
        self.folder, self.console = folder, console
        self.found, self.note, self.next = progress_of(folder), "", 0.0
        self.live = Live(
            console=console,
            get_renderable=self._view,
            auto_refresh=False,
            transient=True,
            redirect_stdout=sys.stdout.isatty(),  # where it is that terminal
        )
        self.live.start()

    def _view(self) -> Group:
        plain = self.console.options.ascii_only
        return view_of(self.found, self.console.width, self.note, plain=plain)

    def look(self, note: str = "", *, now: bool = False) -> None:
        clock = time.monotonic()
        if not now and note == self.note and clock < self.next:
            return
        self.note = note
        with suppress(OSError, ValueError):  # a terminal or a folder that is gone: training finds out what it means
            self.found = progress_of(self.folder, self.found)
            self.live.refresh()
        self.next = clock + max(_OFTEN, (time.monotonic() - clock) / _SHARE)

    def close(self) -> None:
        with suppress(OSError, ValueError):
            self.live.stop()
