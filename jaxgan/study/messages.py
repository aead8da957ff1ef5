"""The wording of error messages and counts. Has no heavy imports."""

import difflib
from collections.abc import Iterable


class OptionError(ValueError):
    """Raised for an invalid option; the one-line message names the option, the value and what is allowed."""

    def __init__(self, option: str, message: str):
        dashes = "--" if len(option) > 1 else "-"
        named = "RUN" if option == "run" else dashes + option.replace("_", "-")  # the run is an argument
        super().__init__(f"{named}: {message}")
        self._made_of = option, message

    def __reduce__(self) -> tuple[type, tuple[str, str], dict[str, object]]:
        """Support pickling for other processes, which recreate an exception from its arguments."""
        return type(self), self._made_of, self.__dict__


def counted(n: int, noun: str) -> str:
    """Return a number with its noun in singular or plural.

    Example:
      >>> counted(1, "seed"), counted(1200, "step")
      ('1 seed', '1,200 steps')
    """
    return f"{n:,} {noun}" + ("" if n == 1 else "s")


def nearest(word: str, known: Iterable[str]) -> str:
    """Return the end of a message about an unknown name: the nearest known name, and all known names."""
    known = sorted(known)
    return f"{suggestion(word, known)}known: {', '.join(known)}"


def suggestion(word: str, known: Iterable[str]) -> str:
    """Return the question whether the nearest known name was meant; "" if none is near.

    Example:
      >>> suggestion("hing", ["hinge", "minimax"]), suggestion("x", ["hinge", "minimax"])
      ("did you mean 'hinge'? ", '')
    """
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f"did you mean {close[0]!r}? " if close else ""


def expect(option: str, value: object, good: bool, allowed: str) -> None:
    """Raise OptionError unless `good`."""
    if not good:
        raise OptionError(option, f"got {value}, expected {allowed}")
