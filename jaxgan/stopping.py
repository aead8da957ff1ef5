"""Signals that ask to stop: noted while something is trained or saved, and obeyed at once everywhere else.

Python runs handlers of signals in the main thread and between its own instructions: not while a program is compiled or
runs. And what a handler raises may come up in a destructor, where it is lost, or pass through C++, which it ends by an
abort. In a process of ours a thread that sleeps until a signal comes therefore answers, and no handler raises.
"""

import atexit
import os
import signal
import stat
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

_exit = os._exit  # which is not the user's code's to call: while that runs it is another
PATIENCE = 3
"""The signal that is not waited out: the first stops, the second changes nothing, this one gives up."""


class Stopped(KeyboardInterrupt):
    """A signal came where nothing is lost by stopping at once, or what it had to wait for is done."""


class Stopping:
    """What has come of the signals, and where the main thread is. Made by `stoppable`."""

    def __init__(self, patience: int = PATIENCE, tell: Callable[[str], None] | None = None):
        self.patience, self.tell = patience, tell
        self.first = 0  # the number of the signal that came first; 0: none came
        self.line = ""  # is said when one comes that has to wait
        self.kept: Callable[[], str] = lambda: "stopped"  # the last line of the program: what is there to go on from
        self.leaving: Callable[[], object] = lambda: None  # is called before the lines of a process that ends at once
        self._count = self._depth = 0
        self._ended = False
        self._before: dict[int, Any] = {}
        self._lock = threading.Lock()

    @property
    def status(self) -> int:
        """The exit status of a program that the first signal has stopped, as shells have it."""
        return 128 + self.first

    @contextmanager
    def noting(self, line: str = "") -> Iterator[None]:
        """Within it signals are noted, and `line` is said; whoever is within looks at `first`."""
        before = self.line
        self._depth += 1
        self.line = line or before
        try:
            yield
        finally:
            self.line = before
            self._depth -= 1

    @contextmanager
    def held(self, line: str = "stopping once this is saved") -> Iterator[None]:
        """As `noting`; what came is obeyed at its end.

        Raises:
          Stopped: at its end.
        """
        with self.noting(line):
            yield
        if self.first and not self._depth:
            raise Stopped

    def also(self, number: int) -> None:
        """One more signal that stops."""
        if number not in self._before:
            self._before[number] = signal.signal(number, self._handle)

    def end(self) -> str:
        """The last line; whoever asks for it says it, and then ends."""
        with self._lock:  # for ever, where the thread that answers is about to end the process
            self._ended = True
        return self._last()

    def _handle(self, number: int, frame: Any) -> None:
        self.first = self.first or number
        self._count += 1
        if self.tell is not None:
            return
        if not self._depth:
            raise Stopped
        if self._count >= self.patience:
            raise KeyboardInterrupt

    def _listen(self, reader: int) -> None:
        """Answers in place of handlers, until the other end of `reader` is closed."""
        heard = 0
        while numbers := os.read(reader, 64):
            for number in filter(self._before.__contains__, numbers):
                heard += 1
                self._answer(heard, number)

    def _answer(self, heard: int, number: int) -> None:
        self.first = self.first or number  # before looking at the depth: `held` looks at both the other way round
        if number == getattr(signal, "SIGHUP", None):
            _let_go_of_dead_terminals()
        if heard >= self.patience:
            self._leave("gave up at once, without saving what came after")
            _exit(self.status)  # at the end of the process: its last line is said
        if self._ended:
            return
        if not self._depth:
            self._leave()
        elif heard == 1:
            self._tell(f"{self.line}; a third signal gives up at once")
        else:
            self._tell("not saved yet; one more gives up at once")

    def _leave(self, *lines: str) -> None:
        """Ends the process, unless the main thread is about to."""
        with self._lock:
            if self._ended:
                return
            with suppress(Exception):
                sys.stdout.flush()
            with suppress(Exception):
                self.leaving()
            for line in (*lines, self._last()):
                self._tell(line)
            _exit(self.status)

    def _last(self) -> str:
        with suppress(Exception):  # of a folder that is gone, say: there is nothing more to be said of it
            return self.kept()
        return "stopped"

    def _tell(self, line: str) -> None:
        with suppress(OSError, ValueError, RuntimeError):  # where it is closed nobody listens
            if self.tell is not None:
                self.tell(line)


_active: Stopping | None = None


@contextmanager
def stoppable(
    signals: Iterable[int] = (signal.SIGINT,),
    *,
    patience: int = PATIENCE,
    tell: Callable[[str], None] | None = None,
) -> Iterator[Stopping]:
    """Takes `signals` over; within another, it is that one.

    Only the main thread receives signals: in others nothing is taken over, and nothing ever comes.

    Args:
      signals: those that stop.
      patience: at which of them a KeyboardInterrupt is raised even within `Stopping.held`.
      tell: is called with lines about signals, from a thread. Where it is given the process is ours: in place of what
        would be raised anywhere it says `Stopping.kept` and ends the process, and what has come first is its status.
        Signals that the process was started to ignore, as by nohup, stay so.

    Raises:
      Stopped: one came outside of `Stopping.held` and `Stopping.noting`, or within `held`, at its end.

    Example:
      >>> import signal
      >>> with stoppable() as stop, stop.noting():
      ...     signal.raise_signal(signal.SIGINT)
      ...     stop.first == signal.SIGINT
      True
    """
    global _active
    if threading.current_thread() is not threading.main_thread():
        yield Stopping()
        return
    if _active is not None:
        yield _active
        return
    _active = stop = Stopping(patience, tell)
    release = _listening(stop) if tell is not None else lambda: None
    for number in signals:
        if tell is None or signal.getsignal(number) is not signal.SIG_IGN:
            stop.also(number)
    try:
        yield stop
    finally:
        _active = None
        if tell is None or not stop.first:
            _give_back(stop)
            release()


def _listening(stop: Stopping) -> Callable[[], None]:
    """Starts the thread that answers; returns what ends it."""
    reader, writer = os.pipe()
    if os.name == "posix":
        os.set_blocking(writer, False)
    before = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    thread = threading.Thread(target=stop._listen, args=(reader,), name="signals", daemon=True)
    thread.start()
    atexit.register(_ignore, stop)  # registered first, and so called after all that may take its time at the exit

    def release() -> None:
        atexit.unregister(_ignore)
        signal.set_wakeup_fd(before)
        os.close(writer)
        thread.join()
        os.close(reader)

    return release


def _ignore(stop: Stopping) -> None:
    """While Python ends it gives signals back, and the exit status would be lost to one that comes then."""
    for number in stop._before:
        signal.signal(number, signal.SIG_IGN)


def _give_back(stop: Stopping) -> None:
    for number, before in stop._before.items():
        signal.signal(number, signal.SIG_DFL if before is None else before)


def _let_go_of_dead_terminals() -> None:
    """After a hang-up every line to the terminal is an error, for which nothing is to be lost."""
    for descriptor in (1, 2):
        with suppress(OSError):
            if stat.S_ISCHR(os.fstat(descriptor).st_mode) and not os.isatty(descriptor):
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, descriptor)
                os.close(nowhere)


_masks: list[Any] = []


def _before_fork() -> None:
    """Signals wait until it is settled whose they are."""
    if _active is not None:
        _masks.append(signal.pthread_sigmask(signal.SIG_BLOCK, _active._before))


def _after_fork() -> None:
    if _masks:
        signal.pthread_sigmask(signal.SIG_SETMASK, _masks.pop())


def _in_a_fork() -> None:
    """Those of a child, which its parent may send it, are not its parent's."""
    global _active
    if _active is not None:
        signal.set_wakeup_fd(-1)
        _give_back(_active)
        _active = None
    _after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_in_a_fork)
