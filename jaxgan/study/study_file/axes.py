"""The axes of a study: lists, grids, random rows and ranges from papers, as the texts of `Config.vary`.

Has no heavy imports.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from jaxgan.study import vary
from jaxgan.study.messages import OptionError

Value = float | int | str
DIGITS = 4  # significant digits of drawn and grid values, which appear in labels
_TRIES = 20  # maximum number of draws per requested row


class Range(NamedTuple):
    """The numbers from `low` to `high`, on a logarithmic or linear scale."""

    low: float
    high: float
    scale: str = "log"

    def at(self, share: float) -> float:
        """Return the number at a fraction of the range, on its scale.

        Example:
          >>> Range(1e-4, 1e-2).at(0.5), Range(0, 1, "linear").at(0.25)
          (0.001, 0.25)
        """
        if self.scale == "log":
            low, high = math.log(self.low), math.log(self.high)
            return _short(math.exp(low + share * (high - low)))
        return _short(self.low + share * (self.high - self.low))


Ranges = Mapping[str, Range | Sequence[Value]]
"""By the name of a setting a range, or values of which one is drawn."""


class Together(NamedTuple):
    """Settings of a study file that change together, row by row, with their values; `vary.Axis` has them as text."""

    names: tuple[str, ...]
    rows: tuple[tuple[Value, ...], ...]

    def axis(self, owner: str = "") -> vary.Axis:
        """Return the axis with its values as text."""
        return vary.Axis(owner, self.names, tuple(tuple(map(value_text, row)) for row in self.rows))


def grid(within: Range, n: int) -> tuple[float, ...]:
    """Return n evenly spaced numbers from one end of a range to the other.

    Example:
      >>> grid(Range(1e-4, 1e-2), 3)
      (0.0001, 0.001, 0.01)
    """
    return tuple(within.at(i / (n - 1)) for i in range(n)) if n > 1 else (within.at(0.0),)


def drawn(ranges: Ranges, n: int, seed: int) -> tuple[dict[str, Value], ...]:
    """Draw rows of settings at random from their ranges; the first rows do not depend on n.

    A row that repeats a number of an earlier row from the same range is drawn again, because a recipe with only this
    setting would get the same row twice. With few digits, this happens among some hundred rows.

    Raises:
      OptionError: if a range has too few numbers with that many digits.

    Example:
      >>> few, many = (drawn({"lr_d": Range(1e-5, 1e-2), "d_steps": (1, 5)}, n, seed=0) for n in (1, 8))
      >>> few == many[:1], few
      (True, ({'d_steps': 5, 'lr_d': 6.447e-05},))
    """
    import numpy as np

    names = sorted(ranges)  # independent of their order in the file
    rng, rows, seen = np.random.default_rng(seed), list[dict[str, Value]](), set[tuple[str, Value]]()
    for _ in range(_TRIES * n):
        shares = rng.random(len(names)).tolist()
        row = {name: _drawn(ranges[name], share) for name, share in zip(names, shares, strict=True)}
        own = {(name, value) for name, value in row.items() if isinstance(ranges[name], Range)}
        if not own & seen:
            rows.append(row)
            seen |= own
        if len(rows) == n:
            return tuple(rows)
    raise OptionError("vary", f"got {n:,} rows at random, expected fewer, or ranges that hold so many numbers")


def text_of(settings: Together, owner: str = "") -> str:
    """Return the settings as a text of `Config.vary`.

    Example:
      >>> text_of(Together(("lr_d", "lr_g"), ((0.001, 2.0), (1e-05, 3))), owner="r1_gan")
      'r1_gan:lr_d/lr_g=0.001/2,1e-05/3'
    """
    axis = settings.axis(owner)
    return f"{owner}{':' if owner else ''}{'/'.join(axis.names)}={','.join(map('/'.join, axis.rows))}"


def value_text(value: Any) -> str:
    """Return the shortest text of a setting's value that parses to the same value.

    Example:
      >>> [value_text(value) for value in (0.0003, 1.0, 64, "relu", [64, 32, 64])]
      ['0.0003', '1', '64', 'relu', '(64, 32, 64)']
    """
    if isinstance(value, list | tuple):
        return repr(tuple(value))
    return repr(value).removesuffix(".0") if isinstance(value, float) else str(value)


def labels(label: str, axes: Iterable[Together]) -> list[str]:
    """Return the labels of a recipe's configurations: every row of one axis with every row of the others.

    Example:
      >>> labels("minimax", [Together(("lr_d",), ((0.1,), (0.2,))), Together(("b1",), ((0.5,),))])
      ['minimax lr_d=0.1 b1=0.5', 'minimax lr_d=0.2 b1=0.5']
    """
    return [label + cell.suffix for cell in vary.grid_of([one.axis() for one in axes])]


_TOGETHER = {"lr": ("lr_d", "lr_g")}  # both players share the learning rate
PRESETS: Mapping[str, Ranges] = {
    "lucic-wide": {
        "lr": Range(1e-5, 1e-2),
        "b1": Range(0.0, 0.9999, "linear"),
        "d_steps": (1, 5),
        "clip": Range(1e-3, 1.0),
        "weight": Range(0.1, 100.0),
        "gamma": Range(0.1, 100.0),
    },
    "lucic-narrow": {
        "lr": Range(1e-4, 1e-3),
        "b1": (0.5,),
        "d_steps": (1,),
        "clip": Range(1e-2, 1.0),
        "weight": Range(0.1, 10.0),
        "gamma": Range(0.1, 10.0),
    },
}
"""The ranges that Lucic et al. 2018, "Are GANs Created Equal?", search: what their code draws for every model.

`weight` and `gamma` are what recipes call the weight of a gradient penalty, `clip` is that of weights.
"""


def preset_axis(preset: str, n: int, seed: int, known: Iterable[str]) -> tuple[dict[str, Value], Together]:
    """Return the part of a preset that applies to a recipe with these settings: constants, and an axis of the rest.

    All recipes get the same draws: row 7 has the same learning rate for every recipe.

    Example:
      >>> preset_axis("lucic-narrow", 2, 0, ["lr_d", "lr_g", "b1"])
      ({'b1': 0.5}, Together(names=('lr_d', 'lr_g'), rows=((0.0006505, 0.0006505), (0.0006544, 0.0006544))))
    """
    ranges, known = PRESETS[preset], set(known)
    rows = drawn(ranges, n, seed)
    names = {name: key for key in sorted(ranges) for name in _TOGETHER.get(key, (key,)) if name in known}
    same = {name: rows[0][key] for name, key in names.items() if _is_one(ranges[key])}
    own = {name: key for name, key in names.items() if name not in same}
    return same, Together(tuple(own), tuple(tuple(row[key] for key in own.values()) for row in rows))


def _is_one(values: Range | Sequence[Value]) -> bool:
    return not isinstance(values, Range) and len(values) == 1


def _drawn(values: Range | Sequence[Value], share: float) -> Value:
    return values.at(share) if isinstance(values, Range) else values[int(share * len(values))]


def _short(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")
