"""The classes of a conditional run: from names and numbers to labels, and what labels a generator takes."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jaxgan.study.messages import OptionError, nearest
from jaxgan.types import PyTree

_SHOWN = 20  # names in a line


def classes_in(content: dict[str, Any]) -> tuple[str, ...]:
    """The names of a run's classes, whose order is that of the labels; () where it is not conditional."""
    return tuple(content["classes"]) if content["config"]["conditional"] else ()


def label_of(named: str, names: Sequence[str], folder: Path, option: str = "class") -> int:
    """The label of the class that a name, or a number in place of a name, means in the run in `folder`.

    A number is that of a label, 0..K-1, only where no class has a number for its name.

    Raises:
      OptionError: a run without classes, or no such class.

    Example:
      >>> label_of("dog", ["cat", "dog"], Path("run")), label_of("1", ["cat", "dog"], Path("run"))
      (1, 1)
      >>> label_of("-1", ["-1", "1"], Path("run"))
      0
    """
    if not names:
        raise OptionError(option, f"got {named!r}, but the run in {folder} is not conditional")
    if named in names:
        return list(names).index(named)
    numbered = any(_is_number(name) for name in names)
    if not numbered and _is_number(named) and 0 <= int(named) < len(names):
        return int(named)
    if len(names) > _SHOWN:
        known = f"known are {', '.join(names[:_SHOWN])} and {len(names) - _SHOWN:,} more"
        raise OptionError(option, f"got {named!r}; {known}")
    raise OptionError(option, f"got {named!r}; {nearest(named, names)}" + ("" if numbered else _or_number(names)))


def check_labels(y: PyTree, names: Sequence[str]) -> None:
    """Refuses conditions that a generator of these classes does not take; of traced ones their values are not known.

    Raises:
      ValueError: none where there are classes, some where there are none, labels outside of 0..K-1, or shares of
        another number of classes.
    """
    if not names:
        if y is not None:
            raise ValueError("this generator is not conditional, and takes no y")
        return
    allowed = f"y, labels [n] in 0..{len(names) - 1} or shares of the classes [n, {len(names)}]"
    if y is None:
        raise ValueError(f"this generator is conditional, expected {allowed}, got none")
    if isinstance(y, jax.core.Tracer):
        return
    values = np.asarray(y)
    if np.issubdtype(values.dtype, np.floating) and values.shape[1:] == (len(names),):
        return
    if not np.issubdtype(values.dtype, np.integer) or not ((values >= 0) & (values < len(names))).all():
        raise ValueError(f"expected {allowed}, got {values.dtype} {values.min()} to {values.max()}")


def _is_number(text: str) -> bool:
    return text.removeprefix("-").isdecimal()


def _or_number(names: Sequence[str]) -> str:
    return f"; or their numbers, 0 to {len(names) - 1}"
