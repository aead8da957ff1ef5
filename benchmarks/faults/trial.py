"""One fault and what came of it; and how outcomes are counted."""

import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np

Case = TypeVar("Case")


class Trial(NamedTuple):
    """One fault to be made."""

    kind: str  # a module of this package
    number: int  # seeds all that is drawn at random
    case: str  # its row in the table
    given: dict[str, Any]  # what repeats it


class Outcome(NamedTuple):
    """What came of a trial."""

    trial: Trial
    right: bool
    came: str  # in the words of a count
    seconds: float


class Bench(NamedTuple):
    """Where trials happen: folders with the prepared runs, and what their numbers have to be."""

    folder: Path
    numbers: dict[str, str]  # the digest of results.nc of a run that nothing disturbed
    seconds: float  # that a new run takes
    seed: int


class Row(NamedTuple):
    """A line of the table."""

    kind: str
    case: str
    trials: int
    right: int
    came: dict[str, int]


def rng_for(seed: int, kind: str, number: int = 0) -> np.random.Generator:
    """Random numbers that are a trial's own, whatever others there are."""
    return np.random.default_rng([seed, zlib.crc32(kind.encode()), number])


def scaled(count: int, scale: float, least: int = 1) -> int:
    """A share of the whole campaign, rounded up.

    Example:
      >>> scaled(100, 0.25), scaled(10, 0.01)
      (25, 1)
    """
    return max(least, int(np.ceil(count * scale - 1e-9)))


def rows(outcomes: Iterable[Outcome]) -> list[Row]:
    """The outcomes counted by kind and case, in the order in which they first come.

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
    """What was not as it has to be, each with what repeats it."""
    return [
        {"kind": o.trial.kind, "case": o.trial.case, "number": o.trial.number, "given": o.trial.given, "came": o.came}
        for o in outcomes
        if not o.right
    ]


def spread_over(cases: Sequence[Case], count: int) -> list[Case]:
    """So many cases, each as often as the others.

    Example:
      >>> spread_over(["a", "b"], 5)
      ['a', 'b', 'a', 'b', 'a']
    """
    return [cases[i % len(cases)] for i in range(count)]
