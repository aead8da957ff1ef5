"""Argument checks whose errors are one line: the name, what was expected and what was given."""

import inspect
import math
import numbers
from functools import partial
from pathlib import Path
from typing import Any

import jax


def check_coefficient(
    name: str,
    value: Any,
    *,
    lowest: float | None = 0.0,
    highest: float | None = None,
    below: float | None = None,
    schedule: bool = False,
) -> None:
    """Raise ValueError unless the value is a finite number within bounds or, with `schedule`, a function.

    Traced numbers, as in a sweep by `vmap`, are accepted, because they have no value yet.

    Example:
      >>> check_coefficient("gamma", 10.0)
      >>> check_coefficient("gamma", -1.0)
      Traceback (most recent call last):
      ValueError: gamma must be a finite number of at least 0, got -1.0
    """
    if isinstance(value, jax.core.Tracer) or (schedule and callable(value)):
        return
    try:
        number = math.nan if isinstance(value, str | bool) else float(value)
    except (TypeError, ValueError):  # None, a function, an array of several numbers
        number = math.nan
    above = lowest is None or number >= lowest
    beneath = (highest is None or number <= highest) and (below is None or number < below)
    if math.isfinite(number) and above and beneath:
        return
    bounds = {"at least": lowest, "at most": highest, "below": below}
    span = " and ".join(f"{words} {bound:g}" for words, bound in bounds.items() if bound is not None)
    raise ValueError(f"{name} must be a finite number{' of ' if span else ''}{span}, got {value!r}")


def check_count(name: str, value: Any, least: int = 1, most: int | None = None) -> None:
    """Raise ValueError unless the value is an integer of at least `least` and, if given, at most `most`.

    Example:
      >>> check_count("d_steps", 0)
      Traceback (most recent call last):
      ValueError: d_steps must be a whole number of at least 1, got 0
    """
    if not isinstance(value, numbers.Integral) or value < least or not (most is None or value <= most):
        span = f"at least {least}" + ("" if most is None else f" and at most {most}")
        raise ValueError(f"{name} must be a whole number of {span}, got {value!r}")


def named(function: Any) -> str:
    """Return a function's name, with the file and line of its definition.

    Example:
      >>> named(max), named(partial(max, 1))
      ('max', 'max')
    """
    name = getattr(_whole(function), "__qualname__", type(function).__name__).rpartition("<locals>.")[2]
    return f"{name} {place_of(function)}".strip()


def place_of(function: Any) -> str:
    """Return "(file:line)" of a function; "" for built-in functions.

    Example:
      >>> place_of(place_of).startswith("(checks.py:")
      True
    """
    code = getattr(_whole(function), "__code__", None)
    return "" if code is None else f"({Path(code.co_filename).name}:{code.co_firstlineno})"


def _whole(function: Any) -> Any:
    """Return the function behind partial applications and decorators."""
    while isinstance(function, partial):
        function = function.func
    return inspect.unwrap(function) if callable(function) else function
