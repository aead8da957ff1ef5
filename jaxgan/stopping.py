"""Stop signals: only recorded while training or saving, and acted on immediately everywhere else.

Python runs signal handlers in the main thread and between bytecode instructions, so not while a program is compiling or
running. An exception raised in a handler may also surface in a destructor, where it is lost, or propagate through C++,
which aborts the process. In a process that belongs to jaxgan, a thread that sleeps until a signal arrives therefore
responds, and no handler raises.
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

_exit = os._exit  # saved here, because `os._exit` is replaced while user code runs
PATIENCE = 3
"""The number of the signal that forces an exit: the first one stops, the second has no effect, this one gives up."""


class Stopped(KeyboardInterrupt):
    """A signal arrived where stopping at once loses nothing, or the work it had to wait for is done."""


class Stopping:
    """The signals so far, and whether the main thread may be interrupted. Created by `stoppable`."""

    def __init__(self, patience: int = PATIENCE, tell: Callable[[str], None] | None = None):
        self.patience, self.tell = patience, tell
        self.first = 0  # the number of the first signal; 0: none came
        self.line = ""  # reported when a signal arrives that has to wait
        self.kept: Callable[[], str] = lambda: "stopped"  # the program's last line: what was saved to resume from
        self.leaving: Callable[[], object] = lambda: None  # called before the last lines when the process ends at once
        self._count = self._depth = 0
        self._ended = False
        self._before: dict[int, Any] = {}
        self._lock = threading.Lock()

    @property
    def status(self) -> int:
        """The exit status of a program stopped by the first signal, following the convention of shells."""
        return 128 + self.first

    @contextmanager
    def noting(self, line: str = "") -> Iterator[None]:
        """Inside this context signals are only recorded, and `line` is reported; the code inside must check `first`."""
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
        """Like `noting`, but a recorded signal takes effect at the end.

        Raises:
          Stopped: at the end, if a signal came.
        """
        with self.noting(line):
            yield
        if self.first and not self._depth:
            raise Stopped

    def also(self, number: int) -> None:
        """Adds a signal that stops."""
        if number not in self._before:
            self._before[number] = signal.signal(number, self._handle)

    def end(self) -> str:
        """The last line; the caller must print it and then end the process."""
        with self._lock:  # blocks forever if the signal thread is about to end the process
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
        """Responds in place of the handlers, until the other end of `reader` is closed."""
        heard = 0
        while numbers := os.read(reader, 64):
            for number in filter(self._before.__contains__, numbers):
                heard += 1
                self._answer(heard, number)

    def _answer(self, heard: int, number: int) -> None:
        self.first = self.first or number  # before checking the depth: `held` checks the two in the opposite order
        if number == getattr(signal, "SIGHUP", None):
            _let_go_of_dead_terminals()
        if heard >= self.patience:
            self._leave("gave up at once, without saving what came after")
            _exit(self.status)  # if `_leave` returned, the main thread has already printed the last line
        if self._ended:
            return
        if not self._depth:
            self._leave()
        elif heard == 1:
            self._tell(f"{self.line}; a third signal gives up at once")
        else:
            self._tell("not saved yet; one more gives up at once")

    def _leave(self, *lines: str) -> None:
        """Ends the process, unless the main thread is about to do so."""
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
        with suppress(Exception):  # the folder may be gone, for example: then there is nothing more to report
            return self.kept()
        return "stopped"

    def _tell(self, line: str) -> None:
        with suppress(OSError, ValueError, RuntimeError):  # the output may be closed
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
    """Takes over `signals`; inside another `stoppable`, it returns that one's `Stopping`.

    Only the main thread receives signals: in other threads nothing is taken over, and no signal ever arrives.

    Args:
      signals: the signals that stop.
      patience: the number of the signal that raises KeyboardInterrupt even inside `Stopping.held`.
      tell: called with lines about signals, from a thread. If given, the process belongs to jaxgan: instead of raising,
        it reports `Stopping.kept` and ends the process, with a status given by the first signal. Signals that the
        process was started to ignore, for example by nohup, stay ignored.

    Raises:
      Stopped: a signal came outside `Stopping.held` and `Stopping.noting`, or inside `held`, at its end.

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
    """Starts the thread that responds to signals; returns a function that ends it."""
    reader, writer = os.pipe()
    if os.name == "posix":
        os.set_blocking(writer, False)
    before = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    thread = threading.Thread(target=stop._listen, args=(reader,), name="signals", daemon=True)
    thread.start()
    atexit.register(_ignore, stop)  # registered first, so it runs after all other exit handlers, which may be slow

    def release() -> None:
        atexit.unregister(_ignore)
        signal.set_wakeup_fd(before)
        os.close(writer)
        thread.join()
        os.close(reader)

    return release


def _ignore(stop: Stopping) -> None:
    """Ignores signals while Python shuts down and restores handlers: a late signal would change the exit status."""
    for number in stop._before:
        signal.signal(number, signal.SIG_IGN)


def _give_back(stop: Stopping) -> None:
    for number, before in stop._before.items():
        signal.signal(number, signal.SIG_DFL if before is None else before)


def _let_go_of_dead_terminals() -> None:
    """After a hang-up, every write to the terminal is an error; redirects output so that nothing is lost over it."""
    for descriptor in (1, 2):
        with suppress(OSError):
            if stat.S_ISCHR(os.fstat(descriptor).st_mode) and not os.isatty(descriptor):
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, descriptor)
                os.close(nowhere)


_masks: list[Any] = []


def _before_fork() -> None:
    """Blocks signals until it is clear whether parent or child should receive them."""
    if _active is not None:
        _masks.append(signal.pthread_sigmask(signal.SIG_BLOCK, _active._before))


def _after_fork() -> None:
    if _masks:
        signal.pthread_sigmask(signal.SIG_SETMASK, _masks.pop())


def _in_a_fork() -> None:
    """In a child process: signals sent to it must not be treated as the parent's."""
    global _active
    if _active is not None:
        signal.set_wakeup_fd(-1)
        _give_back(_active)
        _active = None
    _after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_in_a_fork)
