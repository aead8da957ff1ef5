"""The classes of a conditional run: convert names and numbers to labels, and check the labels for a generator."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxgan.study.messages import OptionError, nearest, suggestion
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
        raise OptionError(option, f"got {named!r}; {suggestion(named, names)}{known}")
    raise OptionError(option, f"got {named!r}; {nearest(named, names)}" + ("" if numbered else _or_number(names)))


def checked_condition(y: PyTree, n: int, names: Sequence[str], shape: tuple[int, ...] | None) -> PyTree:
    """Return the conditions of n samples as an array: one label stands for n of that class.

    The values of traced arrays are not checked.

    Args:
      y: what was given: labels, shares of the classes, or input images.
      n: the number of samples.
      names: the classes of the generator.
      shape: that of one condition: () for a label, the shape of an input image, None for an unconditional generator.

    Raises:
      ValueError: if conditions are missing for a conditional generator or given for an unconditional one, are not n,
        are labels outside 0..K-1 or proportions for another number of classes, or are images of another shape.

    Example:
      >>> checked_condition(1, 3, ["cat", "dog"], ()).tolist()
      [1, 1, 1]
    """
    if shape is None:
        if y is not None:
            raise ValueError("this generator is not conditional, and takes no y")
        return None
    k = len(names)
    allowed = f"y, images [n, {', '.join(map(str, shape))}] in [-1, 1]" if shape else (
        f"y, labels [n] in 0..{k - 1} or shares of the classes [n, {k}]")  # fmt: skip
    if y is None:
        raise ValueError(f"this generator is conditional, expected {allowed}, got none")
    try:
        values = y if isinstance(y, jax.core.Tracer) else np.asarray(y)
    except ValueError:
        raise ValueError(f"expected {allowed}, got lists of several lengths") from None
    whole, floats = (np.issubdtype(values.dtype, kind) for kind in (np.integer, np.floating))
    if not (whole and not shape and values.ndim <= 1) and not (floats and values.shape[1:] == (shape or (k,))):
        raise ValueError(f"expected {allowed}, got {values.dtype} {list(values.shape)}")
    if whole and not isinstance(values, jax.core.Tracer) and not ((values >= 0) & (values < k)).all():
        raise ValueError(f"expected {allowed}, got {values.dtype} {values.min()} to {values.max()}")
    found = jnp.asarray(values) if values.ndim else jnp.full(n, values)
    if found.shape[0] != n:  # an exported generator has a symbol for n, which `len` refuses
        raise ValueError(f"expected {allowed}, with n = {n}, got {found.shape[0]}")
    return found


def _is_number(text: str) -> bool:
    return text.removeprefix("-").isdecimal()


def _or_number(names: Sequence[str]) -> str:
    return f"; or their numbers, 0 to {len(names) - 1}"
