"""Handle standard output and error that are closed, limited to ASCII, or a pipe that is not read to its end."""

import codecs
import io
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from typing import TextIO
from unicodedata import normalize

from jaxgan.study.own_code import caller, is_own

_PLAIN = {"∞": "inf", "“": '"', "”": '"', "±": "+/-", "…": "..."}


def make_usable() -> None:
    """Redirect closed streams to the null device, and replace characters that the encoding does not support."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:  # otherwise the next opened file would take its number and receive the output
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 open until the program ends
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="jaxgan.plain")


def log(line: str) -> None:
    """Write a line of progress to stderr, separate from the results; a closed stderr does not end the run."""
    try:
        # click would bypass a replacement of stderr, such as a live view, and write to the underlying stream.
        print(line, file=sys.stderr, flush=True)
    except (OSError, ValueError):  # a closed pipe or a full disk; a closed file
        discard(sys.stderr)


def discard(stream: TextIO) -> None:
    """Discard buffered and later output of the stream, because Python flushes it at exit."""
    with suppress(OSError, ValueError):  # a stream without a file descriptor, as in a notebook
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


@contextmanager
def warnings_as_lines() -> Iterator[None]:
    """Print each warning once as a line of progress; tracing a program again would repeat it."""
    shown: set[str] = set()

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        place = f" ({os.path.basename(filename)}:{lineno})" if is_own(filename) else ""
        text = "jaxgan: warning: " + " ".join(str(message).split()) + place
        if text not in shown:
            log(text)
        shown.add(text)

    with warnings.catch_warnings():
        warnings.showwarning = show
        yield


@contextmanager
def only_results_on_stdout() -> Iterator[None]:
    """Redirect what is printed during a job to stderr, prefixed with the name of the user's file that prints it."""
    printed = _Printed()
    with redirect_stdout(printed):
        try:
            yield
        finally:
            printed.close()


class _Printed(io.TextIOBase):
    """A stream that logs each line with the name of the file that started it."""

    def __init__(self) -> None:
        self.begun, self.who = "", ""

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        for part in text.splitlines(keepends=True):
            self.who = self.who if self.begun else caller()
            self.begun += part
            if part.endswith("\n"):
                self._end()
        return len(text)

    def _end(self) -> None:
        line = self.begun.rstrip("\n")
        log(f"{self.who}: {line}" if self.who else line)
        self.begun = ""

    def close(self) -> None:
        if self.begun:
            self._end()
        super().close()


def _plain(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    letters = error.object[error.start : error.end]
    plain = (_PLAIN.get(x) or normalize("NFKD", x).encode("ascii", "ignore").decode() or "?" for x in letters)
    return "".join(plain), error.end


codecs.register_error("jaxgan.plain", _plain)
