"""How far each threshold can move, on the half of the set-ups used to choose them, before outcomes change."""

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.diagnosis.matrix import Verdict
from benchmarks.diagnosis.runs import Ran, verdict_of
from jaxgan.thresholds import DIAGNOSIS_THRESHOLDS, DiagnosisThresholds

TRIED: Mapping[str, tuple[float, ...]] = {
    "window": (3, 4, 5, 6, 8),
    "good": (0.3, 0.4, 0.5, 0.6, 0.7),
    "captured": (0.1, 0.25, 0.4, 0.5),
    "collapsed": (0.3, 0.4, 0.5, 0.6),
    "alike": (0.005, 0.01, 0.02, 0.05, 0.1),
    "rare_p": (0.0001, 0.001, 0.01, 0.05),
    "vanished": (0.01, 0.03, 0.1, 0.2, 0.3),
    "saturated": (0.3, 0.5, 0.7, 0.9),
    "certain": (0.85, 0.9, 0.95, 0.98, 0.995),
    "fooled": (0.5, 0.55, 0.6, 0.65, 0.7),
    "improving": (0.01, 0.02, 0.05, 0.1),
    "decayed": (0.1, 0.2, 0.25, 0.35, 0.5),
    "turnover": (0.2, 0.3, 0.4, 0.5, 0.6),
    "rhythm": (0.2, 0.25, 0.3, 0.35, 0.4, 0.5),
    "exploded": (30, 100, 1e3, 1e4),
    "edge": (0.6, 0.65, 0.7, 0.75, 0.8),
    "memorized": (0.2, 0.35, 0.5, 0.65, 0.8),
}
LOST = 0.9  # a set-up is lost if a smaller share of its runs has the right code


def moved(choosing: Sequence[Ran], thresholds: DiagnosisThresholds = DIAGNOSIS_THRESHOLDS) -> list[dict[str, Any]]:
    """Return a row per threshold and tried value, with all other thresholds unchanged."""
    kept = {v.name for v in (verdict_of(ran, thresholds) for ran in choosing) if not lost(v)}
    found = []
    for name, values in TRIED.items():
        for value in sorted({*values, getattr(thresholds, name)}):
            whole = int(value) if name == "window" else value
            verdicts = [verdict_of(ran, thresholds._replace(**{name: whole})) for ran in choosing]
            found.append({"threshold": name, "value": value, "used": value == getattr(thresholds, name),
                          **counted(verdicts, kept)})  # fmt: skip
    return found


def counted(verdicts: Sequence[Verdict], kept: set[str]) -> dict[str, Any]:
    """Count the failing runs with the right code and the accused healthy ones, and list the lost set-ups in `kept`."""
    failing, healthy = [v for v in verdicts if not v.healthy], [v for v in verdicts if v.healthy]
    return {
        "right": sum(v.right for v in failing),
        "failing": sum(len(v.outcomes) for v in failing),
        "accused": sum(len(v.outcomes) - v.right for v in healthy),
        "healthy": sum(len(v.outcomes) for v in healthy),
        "lost": sorted(v.name for v in verdicts if v.name in kept and lost(v)),
    }


def lost(verdict: Verdict) -> bool:
    return verdict.right < LOST * len(verdict.outcomes)


def ranges(tried: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return for each threshold its value and the range of tried values around it in which no set-up is lost.

    Example:
      >>> rows = [{"threshold": "a", "value": v, "used": v == 2, "lost": ["x"] if v == 3 else []} for v in (1, 2, 3)]
      >>> ranges(rows)
      [{'threshold': 'a', 'used': 2, 'low': 1, 'high': 2, 'tried': [1, 2, 3]}]
    """
    found = []
    for name in dict.fromkeys(row["threshold"] for row in tried):
        own = sorted((row for row in tried if row["threshold"] == name), key=lambda row: row["value"])
        at = next(i for i, row in enumerate(own) if row["used"])
        low = high = at
        while low > 0 and not own[low - 1]["lost"]:
            low -= 1
        while high < len(own) - 1 and not own[high + 1]["lost"]:
            high += 1
        found.append({"threshold": name, "used": own[at]["value"], "low": own[low]["value"],
                      "high": own[high]["value"], "tried": [row["value"] for row in own]})  # fmt: skip
    return found
