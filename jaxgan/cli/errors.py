"""Map errors to a one-line message and an exit status. Has no heavy imports."""

import errno
import os
import platform
import sys
import traceback
from collections.abc import Callable, Collection
from difflib import SequenceMatcher
from typing import Any, NamedTuple

from jaxgan.cli.streams import discard, log
from jaxgan.files import PARTIAL
from jaxgan.study.own_code import exit_call, place_in

BAD_INPUT, BUG, STOPPED, CLOSED_PIPE = 2, 1, 130, 141  # the last two as in a shell: 128 plus the number of the signal
_LONGEST_WORD, _LONGEST = 160, 1500
_LOWER = ("--seeds", "--batch-size", "--width", "--samples", "--count", "-n", "--probes", "--image-size")
"""Options with which a command takes less memory, by how much they save."""
_PACKAGES = ("jaxgan", "jax", "jaxlib", "flax", "optax", "numpy")


class Answer(NamedTuple):
    """The response to errors of some kinds, if `applies` holds."""

    kinds: tuple[str, ...]  # class names, so that the classes need not be imported
    status: int
    line: Callable[[Any], str]  # "": nothing is printed
    applies: Callable[[Any], bool] = lambda error: True
    one_line: bool = True  # otherwise one message per line of the text
    lowered: bool = False  # whether the options that save memory are named behind the line


def answer_to(error: BaseException) -> Answer | None:
    """Return the first of `ANSWERS` that applies; None for exceptions that are not errors, such as GeneratorExit.

    Example:
      >>> answer_to(FileNotFoundError(2, "No such file", "x.npz")).status, answer_to(KeyError("x")).status
      (2, 1)
    """
    names = {f"{kind.__module__}.{kind.__qualname__}".removeprefix("builtins.") for kind in type(error).__mro__}
    return next((one for one in ANSWERS if names.intersection(one.kinds) and one.applies(error)), None)


def report(error: BaseException, *, with_traceback: bool, options: Collection[str] = ()) -> int:
    """Print what happened and return the exit status.

    Args:
      error: the error.
      with_traceback: whether to show where in the code it happened.
      options: the options of the command that was called, such as --seeds.

    Raises:
      BaseException: `error` itself, if there is no answer for it.
    """
    answer = answer_to(error)
    if answer is None:
        raise error
    if answer.status == CLOSED_PIPE:
        discard(sys.stdout)
    elif isinstance(error, OSError):  # perhaps from stdout, which Python flushes again at exit
        _settle_stdout()
    if with_traceback and answer.status in (BAD_INPUT, BUG):
        log("".join(traceback.format_exception(error)).rstrip())
        log(_versions())
    text = answer.line(error) + (f": {_advice(options)}" if answer.lowered else "")
    for line in [text] if answer.one_line else text.splitlines():
        if line:
            log(f"jaxgan: {one_line(line)}")
    return answer.status


def one_line(text: str) -> str:
    r"""Return a text as one printable line, with unprintable characters escaped and long words shortened in the middle.

    Example:
      >>> one_line("no file\n  " + 300 * "a" + "\0.npz")
      'no file aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa...aaaaaaaaaaaaaaaaaaaaaaa\\x00.npz'
    """
    words = ["".join(x if x.isprintable() else ascii(x)[1:-1] for x in word) for word in text.split()]
    line = " ".join(w if len(w) <= _LONGEST_WORD else f"{w[:64]}...{w[-32:]}" for w in words)
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}..."


def _settle_stdout() -> None:
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        discard(sys.stdout)


def _of_click(error: Any) -> str:
    """Name the options that an unknown one resembles in more than its dashes; otherwise where all are listed."""
    name, close = getattr(error, "option_name", None) or "", getattr(error, "possibilities", None) or []
    if name.startswith("-"):
        alike = [SequenceMatcher(None, name.strip("-"), other.strip("-")).ratio() for other in close]
        close = error.possibilities = [other for other, ratio in zip(close, alike, strict=True) if ratio >= 0.6]
    text, context = error.format_message(), getattr(error, "ctx", None)
    if context is None or close or not text.startswith(("No such command", "No such option")):
        return text
    return f"{text.removesuffix('.')}; see `{context.command_path} --help`"


def _of_exit(error: SystemExit) -> str:
    return f"{place_in(error) or 'something'} called {exit_call(error)}, expected code that does not exit"


def _of_own_code(error: BaseException) -> str:
    return f"{place_in(error)} raised {type(error).__name__}: {first_line(error)}"


def _of_memory(error: BaseException) -> str:
    return f"out of memory ({first_line(error)})"


def _advice(options: Collection[str]) -> str:
    *others, last = [option for option in _LOWER if option in options] or ["what is asked for"]
    return f"lower {', '.join(others)}{' or ' if others else ''}{last}"


def _of_files(error: OSError) -> str:
    """Name the files, but not our own temporary ones: where only such a file is named, the folder that it is in."""
    paths = [os.fsdecode(name) for name in (error.filename, error.filename2) if isinstance(name, str | bytes)]
    named = [path for path in paths if not path.endswith(PARTIAL)] or [os.path.dirname(path) for path in paths]
    reason = error.strerror or str(error) or type(error).__name__
    full = "; free space and start again" if named and error.errno in (errno.ENOSPC, errno.EDQUOT) else ""
    return f"{' to '.join(filter(None, named))}{': ' if any(named) else ''}{reason}{full}"


def _of_names(error: UnicodeError) -> str:
    return f"expected names and texts in UTF-8, got {error}"


def _of_bug(error: BaseException) -> str:
    line = f"unexpected {type(error).__name__}: {first_line(error)}; this is a bug in jaxgan, "
    return f"{line}please report it with the output of `jaxgan --traceback ...` ({_versions()})"


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message; errors of other libraries have longer messages."""
    return next(iter(str(error).strip().splitlines()), "")


def _versions() -> str:
    from importlib import metadata

    found = [f"Python {platform.python_version()}"]
    for name in _PACKAGES:
        try:
            found.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            found.append(f"{name} not installed")
    return ", ".join([*found, platform.system()])


def _has_no_device(error: BaseException) -> bool:
    """Return whether JAX found no device: it raises an empty `AssertionError` or a `RuntimeError` with a long text."""
    frames = traceback.extract_tb(error.__traceback__)
    return bool(os.environ.get("JAX_PLATFORMS") and frames and frames[-1].filename.endswith("xla_bridge.py"))


def _of_platforms(error: BaseException) -> str:
    got = os.environ["JAX_PLATFORMS"]
    return f"JAX_PLATFORMS must name devices that JAX finds here, got {got!r}; unset it to let JAX choose"


def _is_memory(error: BaseException) -> bool:
    return isinstance(error, MemoryError) or "RESOURCE_EXHAUSTED" in str(error)


ANSWERS = (
    Answer(("BrokenPipeError",), CLOSED_PIPE, lambda error: ""),
    Answer(("click.exceptions.ClickException",), BAD_INPUT, _of_click),
    Answer(("KeyboardInterrupt", "click.exceptions.Abort"), STOPPED, lambda error: "stopped"),
    Answer(("jaxgan.study.interrupted.Interrupted",), STOPPED, str),
    Answer(
        (
            "jaxgan.study.messages.OptionError",
            "jaxgan.data.source.DataError",
            "jaxgan.files.StoreError",
            "jaxgan.checkpoint.CheckpointError",
            "jaxgan.study.distributed.processes.ProcessError",
        ),
        BAD_INPUT,
        str,
    ),
    Answer(("jaxgan.study.study_file.file.StudyError",), BAD_INPUT, str, one_line=False),
    Answer(("MemoryError", "RuntimeError"), BAD_INPUT, _of_memory, _is_memory, lowered=True),
    Answer(("AssertionError", "RuntimeError"), BAD_INPUT, _of_platforms, _has_no_device),
    Answer(("SystemExit",), BAD_INPUT, _of_exit),
    Answer(("Exception",), BAD_INPUT, _of_own_code, lambda error: bool(place_in(error))),
    Answer(("UnicodeError",), BAD_INPUT, _of_names),
    Answer(("OSError",), BAD_INPUT, _of_files),
    Answer(("Exception",), BUG, _of_bug),
)
"""The response to each kind of error, special kinds before general ones."""
