"""A fault and its outcome, and how outcomes are counted."""

import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np

Case = TypeVar("Case")


class Trial(NamedTuple):
    """A fault to inject."""

    kind: str  # a module of this package
    number: int  # the seed of everything random
    case: str  # its row in the table
    given: dict[str, Any]  # everything needed to repeat it


class Outcome(NamedTuple):
    """The outcome of a trial."""

    trial: Trial
    right: bool
    came: str  # as it is counted in the table
    seconds: float


class Bench(NamedTuple):
    """The environment of trials: the folder of the prepared runs, and the digests of their numbers."""

    folder: Path
    numbers: dict[str, str]  # digest of the results of each undisturbed run
    seconds: float  # duration of a new run
    seed: int


class Row(NamedTuple):
    """A row of the table."""

    kind: str
    case: str
    trials: int
    right: int
    came: dict[str, int]


def rng_for(seed: int, kind: str, number: int = 0) -> np.random.Generator:
    """Return the random generator of a trial, independent of other trials."""
    return np.random.default_rng([seed, zlib.crc32(kind.encode()), number])


def scaled(count: int, scale: float, least: int = 1) -> int:
    """Return a share of the whole campaign, rounded up.

    Example:
      >>> scaled(100, 0.25), scaled(10, 0.01)
      (25, 1)
    """
    return max(least, int(np.ceil(count * scale - 1e-9)))


def rows(outcomes: Iterable[Outcome]) -> list[Row]:
    """Count outcomes by kind and case, in order of first occurrence.

    Example:
      >>> made = [Outcome(Trial("kills", i, "new run", {}), i != 1, "equal bits", 1.0) for i in range(3)]
      >>> rows(made)[0].trials, rows(made)[0].right
      (3, 2)
    """
    found: dict[tuple[str, str], list[Outcome]] = {}
    for outcome in outcomes:
        found.setdefault((outcome.trial.kind, outcome.trial.case), []).append(outcome)
    return [
        Row(kind, case, len(each), sum(one.right for one in each), dict(Counter(one.came for one in each if one.right)))
        for (kind, case), each in found.items()
    ]


def wrong(outcomes: Iterable[Outcome]) -> list[dict[str, Any]]:
    """Return the trials that were not right, each with the data to repeat it."""
    return [
        {"kind": o.trial.kind, "case": o.trial.case, "number": o.trial.number, "given": o.trial.given, "came": o.came}
        for o in outcomes
        if not o.right
    ]


def spread_over(cases: Sequence[Case], count: int) -> list[Case]:
    """Return `count` cases, each equally often.

    Example:
      >>> spread_over(["a", "b"], 5)
      ['a', 'b', 'a', 'b', 'a']
    """
    return [cases[i % len(cases)] for i in range(count)]
