"""Time forms in turns, and summarize the rounds."""

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from statistics import median
from typing import NamedTuple

from benchmarks.report import number


class Interval(NamedTuple):
    """A median over rounds, with a 95 % confidence interval of the true median."""

    median: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.median:.3f} ({self.low:.3f} to {self.high:.3f})"


def interval(values: Sequence[float]) -> Interval:
    """Return the median with an interval from the k-th smallest to the k-th largest value.

    By the binomial distribution, k is the largest number with P(fewer than k of n values are below the median) <=
    2.5 %. With fewer than six values no interval reaches 95 %, so it ranges from the smallest to the largest value.

    Example:
      >>> interval([5.0, 3.0, 1.0, 4.0, 2.0, 6.0, 9.0, 8.0, 7.0])
      Interval(median=5.0, low=2.0, high=8.0)
    """
    n, ordered = len(values), sorted(values)
    below = [sum(math.comb(n, i) for i in range(k)) / 2**n for k in range(n // 2 + 1)]
    k = max(1, sum(p <= 0.025 for p in below) - 1)
    return Interval(median(ordered), ordered[k - 1], ordered[n - k])


def ratios(over: Sequence[float], under: Sequence[float]) -> list[float]:
    """Return the ratio of each round."""
    return [a / b for a, b in zip(over, under, strict=True)]


def spread(values: Sequence[float]) -> str:
    """Format values as median (smallest to largest).

    Example:
      >>> spread([1.0, 2.0, 4.0])
      '2.00 (1.00 to 4.00)'
    """
    return f"{number(median(values))} ({number(min(values))} to {number(max(values))})"


def order(names: Sequence[str], turn: int) -> list[str]:
    """Return the order in a round: it starts with another form each time, and is reversed in every other cycle.

    Over two cycles every form is first, and follows every other form, equally often.

    Example:
      >>> ["".join(order("abc", turn)) for turn in range(6)]
      ['abc', 'bca', 'cab', 'cba', 'bac', 'acb']
    """
    cycle, first = divmod(turn, len(names))
    listed = list(names)[:: -1 if cycle % 2 else 1]
    return listed[first:] + listed[:first]


def in_turns(names: Sequence[str], rounds: int) -> Iterator[str]:
    """Yield the form whose turn it is, round after round."""
    for turn in range(rounds):
        yield from order(names, turn)


def seconds_of(run: Callable[[int], object], steps: int) -> float:
    """Return the seconds of one call."""
    clock = time.perf_counter()
    run(steps)
    return time.perf_counter() - clock


def steps_for(run: Callable[[int], object], seconds: float) -> int:
    """Return how many steps take about `seconds`, after a warm-up of one step."""
    run(1)
    steps = 1
    while (took := seconds_of(run, steps)) < seconds / 4:
        steps *= 2
    return max(1, round(steps * seconds / took))


def measure(runs: Mapping[str, Callable[[int], object]], rounds: int, seconds: float) -> dict[str, list[float]]:
    """Return ms per step of each form for each round, with turns of about `seconds`."""
    steps = {name: steps_for(run, seconds) for name, run in runs.items()}
    ms: dict[str, list[float]] = {name: [] for name in runs}
    for name in in_turns(list(runs), rounds):
        ms[name].append(1000 * seconds_of(runs[name], steps[name]) / steps[name])
    return ms
