"""The simulation of coverage counts what it says, and its table marks what is not as promised."""

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks import coverage
from jaxgan.results.statistics import Interval

KEPT = Path(coverage.__file__).parent / "results" / "coverage" / "results.json"


def test_trials_are_counted_by_what_they_answer():
    answers = iter([True, False, None, True, True, True, None, None])
    row = coverage.measure(coverage.Case("a", "b", lambda n, rng: next(answers)), 0, [4], 8)
    assert row["share"] == {"4": 0.8} and row["without"] == {"4": 3 / 8}
    nothing = coverage.measure(coverage.Case("a", "b", lambda n, rng: None), 0, [4], 8)
    assert nothing["share"] == {"4": None}


def test_the_same_case_has_the_same_numbers():
    case = coverage.Case("a", "b", coverage.of_share(0.3))
    assert coverage.measure(case, 3, [8, 16], 50) == coverage.measure(case, 3, [8, 16], 50)


def test_an_interval_of_known_coverage():
    """Wilson's interval of one seed is [0, 0.79] or [0.21, 1]: at a rate of 1/2 it holds always, at 0.1 nine times."""
    shares = [coverage.measure(coverage.Case("a", "b", coverage.of_share(p)), 0, [1], 2_000)["share"]["1"]
              for p in (0.5, 0.1)]  # fmt: skip
    assert shares[0] == 1 and shares[1] == pytest.approx(0.9, abs=4 * np.sqrt(0.09 / 2_000))  # four standard errors


def test_bounds_hold_themselves():
    assert coverage.holds(Interval(1.0, 1.0, 1.0), 1.0) and not coverage.holds(Interval(1.0, 1.0, 1.0), 1.1)
    assert not coverage.holds(Interval(1.0, float("nan"), float("nan")), 1.0)


def test_what_is_outside_is_marked_from_eight_seeds_on():
    row = {"interval": "mean", "values": "normal", "share": {"4": 0.5, "8": 0.92, "16": 0.95, "32": None},
           "without": {}}  # fmt: skip
    assert coverage.outside(row) == ["8"]
    machine = {"device": "A processor", "cores": 2, "memory_gib": 8, "system": "An OS", "versions": {"numpy": "2"}}
    text = coverage.markdown({"rows": [row], "alarms": [row], "trials": 2_000, "machine": machine, "command": "python"})
    assert "| mean     | normal | 50.0    | 92.0*   | 95.0     |          |" in text
    assert "| mean | normal | 50.0    | 92.0    | 95.0     |          |" in text


@pytest.mark.skipif(not KEPT.is_file(), reason="not measured yet")
def test_the_kept_numbers_are_as_the_docstrings_say():
    """Of the interquartile mean 94 to 96 % from 8 seeds on, within four standard errors of each simulation."""
    results = json.loads(KEPT.read_text())
    error = 4 * np.sqrt(0.95 * 0.05 / results["trials"])
    shares = [share for row in results["rows"] if row["interval"] == "interquartile mean"
              for n, share in row["share"].items() if int(n) >= 8]  # fmt: skip
    assert len(shares) == 15 and all(0.94 - error <= share <= 0.96 + error for share in shares)
