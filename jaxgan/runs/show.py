"""Short displays of results: a notebook shows shapes and types rather than every number."""

from html import escape
from typing import Any

import jax
import numpy as np

MAX_LINES = 20


def lines_of(result: Any) -> str:
    """A NamedTuple of pytrees: its fields and their entries, each with shape and type, in at most 20 lines.

    Example:
      >>> from jaxgan.types import Players
      >>> print(lines_of(Players({"w": np.zeros((2, 3))}, None)))
      Players
        generator.w: float64[2, 3]
        discriminator: None
    """
    lines = [type(result).__name__]
    for name in result._fields:
        value = getattr(result, name)
        lines += [f"  {name}{child}: {_summary(part)}" for child, part in _children(value)]
    if len(lines) > MAX_LINES:
        lines[MAX_LINES - 1 :] = [f"  ... and {len(lines) - MAX_LINES + 1} more"]
    return "\n".join(lines)


def html_of(result: Any) -> str:
    """The same as HTML, for a notebook."""
    return f"<pre>{escape(lines_of(result))}</pre>"


def _children(value: Any) -> list[tuple[str, Any]]:
    if isinstance(value, dict):
        return [(f".{name}", part) for name, part in value.items()]
    if hasattr(value, "_fields"):
        return [(f".{name}", getattr(value, name)) for name in value._fields]
    return [("", value)]


def _summary(value: Any) -> str:
    if isinstance(value, jax.Array | np.ndarray):
        return f"{value.dtype}{list(value.shape)}"
    leaves = jax.tree.leaves(value)
    if value is None or isinstance(value, bool | int | float | str) or not leaves:
        return repr(value)
    return f"{len(leaves)} array{'s' * (len(leaves) > 1)}, {sum(np.size(leaf) for leaf in leaves):,} numbers"
