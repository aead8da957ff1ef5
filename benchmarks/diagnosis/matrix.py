"""Counts of outcomes: the codes given to runs that fail in a known way, and to healthy ones."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from jaxgan.diagnostics import Outcome
from jaxgan.results.statistics import wilson_interval

RIGHT, ACCUSED = 0.90, 0.05  # the targets: at least, at most


class Verdict(NamedTuple):
    """The outcomes that a diagnosis gave to the runs of a set-up."""

    name: str
    half: str
    mechanism: str
    expected: str
    second: tuple[str, ...]
    outcomes: tuple[str, ...]

    @property
    def healthy(self) -> bool:
        return self.expected == Outcome.HEALTHY.name

    @property
    def right(self) -> int:
        return sum(one in (self.expected, *self.second) for one in self.outcomes)


def share(count: int, n: int) -> dict[str, Any]:
    """Return a share with its Wilson interval; None if there are no runs.

    Example:
      >>> {name: round(value, 3) for name, value in share(15, 16).items()}
      {'count': 15, 'of': 16, 'share': 0.938, 'low': 0.717, 'high': 0.989}
    """
    if not n:
        return {"count": 0, "of": 0, "share": None, "low": None, "high": None}
    found = wilson_interval(count, n)
    return {"count": count, "of": n, "share": found.estimate, "low": found.low, "high": found.high}


def confusion(verdicts: Iterable[Verdict]) -> dict[str, dict[str, int]]:
    """Count the runs by expected and given code, in the order of `Outcome`.

    Example:
      >>> one = Verdict("a", "testing", "", "JUNK", (), ("JUNK", "JUNK", "NOT_LEARNED"))
      >>> confusion([one])
      {'JUNK': {'NOT_LEARNED': 1, 'JUNK': 2}}
    """
    counts: dict[str, Counter[str]] = {}
    for verdict in verdicts:
        counts.setdefault(verdict.expected, Counter()).update(verdict.outcomes)
    order = [outcome.name for outcome in Outcome]
    return {
        expected: {code: counts[expected][code] for code in order if counts[expected][code]}
        for expected in order
        if expected in counts
    }


def summary(verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """Return shares over all set-ups: failing runs with an expected or a second code, and accused healthy runs.

    On a healthy control, a missing mode or memorized data counts as an accusation, although neither is a failure.
    """
    failing, healthy = [v for v in verdicts if not v.healthy], [v for v in verdicts if v.healthy]
    runs = sum(len(v.outcomes) for v in failing)
    first = sum(one == v.expected for v in failing for one in v.outcomes)
    controls = sum(len(v.outcomes) for v in healthy)
    return {
        "right": share(sum(v.right for v in failing), runs),
        "first": share(first, runs),
        "accused": share(controls - sum(v.right for v in healthy), controls),
        "confusion": confusion(verdicts),
    }


def rows(verdicts: Sequence[Verdict]) -> list[dict[str, Any]]:
    """Return a row for each set-up."""
    return [
        {
            "name": v.name,
            "half": v.half,
            "mechanism": v.mechanism,
            "expected": v.expected,
            "second": list(v.second),
            "outcomes": dict(Counter(v.outcomes).most_common()),
            "right": share(v.right, len(v.outcomes)),
        }
        for v in verdicts
    ]
