"""Checks of what networks have in common: numbers in their fields, and square images."""

import dataclasses
import types
import typing
from collections.abc import Mapping
from typing import Any

from jaxgan.checks import check_coefficient, check_count
from jaxgan.types import Array

COUNTS: Mapping[str, int] = {
    "channels": 1, "features": 1, "width": 1, "embedding": 1, "w_dim": 1, "mapping_layers": 1, "blocks": 0, "group": 1,
    "channel_base": 1, "channel_max": 1, "cutoff": 0,
}  # fmt: skip
"""The least value of whole numbers, by the name of a field; None where the field's type allows it."""

NUMBERS: Mapping[str, float | None] = {"momentum": 1.0, "style_mixing": 1.0, "dropout": 1.0, "truncation": None}
"""The largest value of numbers of at least 0, by the name of a field."""


def check_fields(module: Any, **least: int) -> None:
    """Checks the fields of a network whose names are in `COUNTS` and `NUMBERS`, and every width in `hidden`.

    Args:
      module: a linen module.
      least: least values in place of those in `COUNTS`.

    Raises:
      ValueError: a number is out of its range.

    Example:
      >>> from jaxgan.nn import BigGANGenerator
      >>> BigGANGenerator(16, 3, embedding=0)
      Traceback (most recent call last):
      ValueError: embedding must be a whole number of at least 1, got 0
    """
    for field in dataclasses.fields(module):
        name, value = field.name, vars(module).get(field.name)
        if value is None and types.NoneType in typing.get_args(field.type):
            continue
        if name in COUNTS:
            check_count(name, value, least.get(name, COUNTS[name]))
        if name in NUMBERS:
            check_coefficient(name, value, highest=NUMBERS[name])
        if name == "hidden":
            for width in value:
                check_count(name, width)


def side_of(x: Array) -> int:
    """The height of square images [n, size, size, c], in pixels.

    Raises:
      ValueError: anything else.

    Example:
      >>> import jax.numpy as jnp
      >>> side_of(jnp.zeros((2, 8, 8, 3)))
      8
    """
    if x.ndim != 4 or x.shape[1] != x.shape[2]:
        raise ValueError(f"this network takes square images [n, size, size, channels], got {list(x.shape)}")
    return x.shape[1]
