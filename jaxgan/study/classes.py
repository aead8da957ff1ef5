"""The classes of a conditional run: convert names and numbers to labels, and check the labels for a generator."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jaxgan.study.messages import OptionError, nearest
from jaxgan.types import PyTree

_SHOWN = 20  # maximum number of names in a message


def classes_in(content: dict[str, Any]) -> tuple[str, ...]:
    """Return the names of a run's classes in the order of the labels; () if it is not conditional."""
    return tuple(content["classes"]) if content["config"]["conditional"] else ()


def label_of(named: str, names: Sequence[str], folder: Path, option: str = "class") -> int:
    """Return the label of a class of the run in `folder`, given its name or its number.

    A number means a label, 0..K-1, only if no class has a number as its name.

    Raises:
      OptionError: if the run has no classes, or no such class.

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
    """Check that a generator with these classes accepts the conditions; the values of traced arrays are not checked.

    Raises:
      ValueError: if labels are missing for a conditional generator or given for an unconditional one, are outside
        0..K-1, or are proportions for another number of classes.
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
