"""The settings that a study varies: axes whose grid is combined with every recipe that they apply to."""

import itertools
import re
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from jaxgan.study.messages import OptionError, nearest

MOST = 2**14  # maximum number of configurations
_BETWEEN_VALUES = re.compile(r",(?![^(]*\))")  # commas inside parentheses, as in (64, 32, 64), belong to one value


class Axis(NamedTuple):
    """Settings that vary together, as text: one row of values for each position on the axis."""

    owner: str  # a label or recipe; "": all recipes
    names: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]  # values as text, as in --set


class Cell(NamedTuple):
    """One cell of the grid of a recipe's axes."""

    suffix: str  # suffix of the configuration's label
    texts: tuple[tuple[str, str], ...]  # pairs of setting and value


def axis_of(text: str) -> Axis:
    """Parse [OWNER:]NAME[/NAME...]=VALUE[/VALUE...],... as an axis.

    Raises:
      OptionError: if the form is wrong, a row has the wrong length, or a row occurs twice.

    Example:
      >>> axis_of("r1_gan:lr_d/lr_g=0.1/0.2,0.3/0.4")
      Axis(owner='r1_gan', names=('lr_d', 'lr_g'), rows=(('0.1', '0.2'), ('0.3', '0.4')))
      >>> axis_of("batch_size=64,(64, 32, 64)").rows
      (('64',), ('(64, 32, 64)',))
    """
    left, _, right = text.partition("=")
    owner, _, own = left.rpartition(":")
    names = tuple(own.split("/"))
    rows = tuple(tuple(value.strip() for value in row.split("/")) for row in _BETWEEN_VALUES.split(right))
    if not right or not all(names) or not all(value for row in rows for value in row):
        raise OptionError("vary", f"got {text!r}, expected NAME=VALUE,VALUE,...")
    if len(set(names)) < len(names):
        raise OptionError("vary", f"got {text[:60]!r}, expected each name once")
    if wrong := next((row for row in rows if len(row) != len(names)), None):
        expected = f"{len(names)} values, one for each of {'/'.join(names)}"
        raise OptionError("vary", f"got {'/'.join(wrong)!r}, expected {expected}")
    if len(set(rows)) < len(rows):
        twice = next(row for row in rows if rows.count(row) > 1)
        raise OptionError("vary", f"got {'/'.join(twice)} twice along {'/'.join(names)}, expected each row once")
    return Axis(owner, names, rows)


def cells_of(label: str, recipe: str, axes: Iterable[Axis]) -> list[Cell]:
    """Return the grid of the axes that apply to a recipe, the last varying fastest; one empty cell if none applies.

    Raises:
      OptionError: if a setting is on two axes or there are too many cells.

    Example:
      >>> [cell.suffix for cell in cells_of("minimax", "gan", [axis_of("lr_d=0.1,0.2"), axis_of("gan:b1=0,0.5")])]
      [' lr_d=0.1 b1=0', ' lr_d=0.1 b1=0.5', ' lr_d=0.2 b1=0', ' lr_d=0.2 b1=0.5']
    """
    own = [axis for axis in axes if axis.owner in ("", label, recipe)]
    names = [name for axis in own for name in axis.names]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise OptionError("vary", f"{twice} varies along two axes of {label}, expected one")
    count = 1
    for axis in own:
        count *= len(axis.rows)
    if count > MOST:
        raise OptionError("vary", f"got {count:,} configurations of {label}, expected at most {MOST:,}")
    return grid_of(own)


def grid_of(axes: Sequence[Axis]) -> list[Cell]:
    """Combine every row of each axis with every row of the others, the last varying fastest.

    Example:
      >>> [cell.suffix for cell in grid_of([Axis("", ("lr_d", "lr_g"), (("1", "2"), ("3", "4")))])]
      [' lr_d=1 lr_g=2', ' lr_d=3 lr_g=4']
    """
    names, cells = [name for axis in axes for name in axis.names], []
    for rows in itertools.product(*(axis.rows for axis in axes)):
        texts = tuple(zip(names, itertools.chain(*rows), strict=True))
        cells.append(Cell("".join(f" {name}={value}" for name, value in texts), texts))
    return cells


def check_owners(axes: Sequence[Axis], owners: set[str]) -> None:
    """Check that every owner of an axis is a label or a recipe of the study.

    Raises:
      OptionError: if one is not; the message names the nearest.
    """
    for axis in axes:
        if axis.owner and axis.owner not in owners:
            found = f"got {axis.owner}:{'/'.join(axis.names)}, but nothing is called {axis.owner!r}"
            raise OptionError("vary", f"{found}; {nearest(axis.owner, owners)}")


def varied_names(axes: Iterable[Axis]) -> tuple[str, ...]:
    """Return the settings that vary for any recipe, in the order of the axes.

    Example:
      >>> varied_names([axis_of("lr_d/lr_g=1/2,3/4"), axis_of("b1=0"), axis_of("minimax:lr_d=5")])
      ('lr_d', 'lr_g', 'b1')
    """
    return tuple(dict.fromkeys(name for axis in axes for name in axis.names))


def is_logarithmic(values: Sequence[Any]) -> bool:
    """Return whether numbers are spaced logarithmically rather than linearly.

    Example:
      >>> is_logarithmic([0.001, 0.01, 0.1]), is_logarithmic([1, 2, 3])
      (True, False)
    """
    if len(values) < 3 or not all(isinstance(value, int | float) and value > 0 for value in values):
        return False
    ordered = sorted(values)
    return ordered[-1] / ordered[0] >= 8 and ordered[len(ordered) // 2] < (ordered[0] + ordered[-1]) / 2.5
