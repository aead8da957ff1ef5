"""Tables of the validation from outcomes and series that are made up, and what its set-ups promise of each other."""

import numpy as np
import pytest

from benchmarks.diagnosis import inputs, lines, matrix, setups, stopping, table, warning
from benchmarks.diagnosis.matrix import Verdict
from jaxgan.diagnostics import Evidence, Outcome

VERDICTS = (
    Verdict("dominated", "testing", "", "DISCRIMINATOR_DOMINATES", ("NOT_LEARNED",),
            ("DISCRIMINATOR_DOMINATES",) * 12 + ("NOT_LEARNED",) * 2 + ("COLLAPSED",) * 2),
    Verdict("fine", "testing", "", "HEALTHY", (), ("HEALTHY",) * 15 + ("PARTIALLY_COLLAPSED",)),
)  # fmt: skip


def test_a_second_code_is_right_and_a_missing_mode_of_a_control_is_an_accusation():
    found = matrix.summary(VERDICTS)
    assert (found["right"]["count"], found["first"]["count"], found["right"]["of"]) == (14, 12, 16)
    assert (found["accused"]["count"], found["accused"]["of"]) == (1, 16)
    assert found["confusion"]["HEALTHY"] == {"HEALTHY": 15, "PARTIALLY_COLLAPSED": 1}
    assert sum(found["confusion"]["DISCRIMINATOR_DOMINATES"].values()) == 16


def test_without_any_runs_there_is_no_share():
    assert matrix.summary([])["right"]["share"] is None


def test_a_threshold_moves_as_far_as_no_set_up_is_lost():
    found = lines.counted(VERDICTS, {"dominated", "fine"})
    assert found == {"right": 14, "failing": 16, "accused": 1, "healthy": 16, "lost": ["dominated"]}  # 14 / 16 < 0.9


def watched(expected: str, values: list[float], good: list[bool]) -> warning.Watched:
    """Sixteen runs alike, eight probes."""
    name = "P(D ranks training above held-out data)"
    numbers = {name: np.repeat([values], 16, axis=0)}
    return warning.Watched(expected, np.arange(100, 900, 100), np.repeat([good], 16, axis=0), numbers)


def test_an_alarm_that_rings_before_samples_show_it():
    controls = watched("HEALTHY", [0.5] * 8, [False] + [True] * 7)
    decaying = watched("JUNK", [0.5, 0.5, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9], [False] + [True] * 5 + [False] * 2)
    (row,) = warning.warnings([controls], [controls, decaying])
    assert row["false"]["count"] == 0 and row["false"]["of"] == 16
    found = row["codes"]["JUNK"]
    # of three probes the median is up at the fourth probe, 400; samples are bad for good from 700 on
    assert found["detected"]["count"] == found["early"]["count"] == 16 and found["lead_steps"] == 300


def test_a_run_that_is_never_good_has_failed_by_the_deadline_of_controls():
    controls = watched("HEALTHY", [0.5] * 8, [False] * 3 + [True] * 5)
    never, fine = watched("JUNK", [0.5] * 8, [False] * 8), watched("JUNK", [0.5] * 8, [True] * 8)
    by = warning.deadline([controls])
    assert by == 0.5 and (warning.shown_at(never, by) == 0.5).all() and np.isnan(warning.shown_at(fine, by)).all()


def test_every_code_is_chosen_and_tested_on_other_data():
    for code in set(Outcome) - {Outcome.CONDITION_IGNORED}:  # of no set-up here is a sample asked for by its class
        halves = {half: [s for s in setups.SETUPS if s.expected == code and s.half == half]
                  for half in (setups.CHOOSING, setups.TESTING)}  # fmt: skip
        assert all(halves.values()), code.name
        if code != Outcome.HEALTHY:
            data = [{s.data for s in found} for found in halves.values()]
            assert not data[0] & data[1], code.name
    healthy = [s for s in setups.SETUPS if s.healthy]
    assert len(healthy) >= 6 and len(setups.SETUPS) - len(healthy) >= 14
    assert len({s.name for s in setups.SETUPS}) == len(setups.SETUPS)


@pytest.mark.parametrize("name", inputs.FILES)
def test_files_are_the_same_every_time(name):
    first, again = inputs.arrays(name), inputs.arrays(name)
    assert all((first[key] == again[key]).all() for key in first)
    assert np.isfinite(first["x_train"]).all() and len(first["x_test"]) >= 300


def gone(back: int | None = None) -> stopping.Seen:
    """A run whose gradient is gone from the third of 20 probes on, or until its samples are good."""
    bad = np.arange(20) < (20 if back is None else back)
    gradient = np.where((np.arange(20) >= 2) & bad, 0.01, 1.0)[None]
    return stopping.seen(Evidence(10 * np.arange(1, 21), gradient, quality=np.where(bad, 0.0, 1.0)[None]))


def test_a_rule_is_counted_by_what_it_ends_and_spares():
    rule = "the state GRADIENT_VANISHED"
    found = stopping.row([gone(), gone(back=12), gone(back=4)], rule)
    assert (found["failed"]["count"], found["failed"]["of"]) == (1, 1)
    assert (found["fine"]["count"], found["fine"]["of"]) == (
        1,
        2,
    )  # ended at the seventh probe, it would have come back
    assert found["saved"] == pytest.approx(1 - 7 / 20)


def test_the_table_says_what_is_met_and_what_is_not(tmp_path):
    found = matrix.summary(VERDICTS)
    tried = [
        {"threshold": "good", "value": v, "used": v == 0.5, "right": 1, "accused": 0, "lost": []} for v in (0.4, 0.5)
    ]
    controls = watched("HEALTHY", [0.5] * 8, [False] + [True] * 7)
    results = {
        "command": "c", "machine": _machine(), "seeds": 16, "skipped": {"mnist": "not there"},
        "rows": [row | {"older": {}} for row in matrix.rows(VERDICTS)],
        "testing": found, "choosing": found, "older": found,
        "thresholds": {"tried": tried, "ranges": lines.ranges(tried)},
        "warnings": warning.warnings([controls], [controls, watched("JUNK", [0.9] * 8, [False] * 8)]),
        "stopping": {"choosing": stopping.rows([gone()])},
    }  # fmt: skip
    text = table.markdown(results)
    assert "88 % [64, 97]" in text and text.count("NOT MET") == 2 and "mnist: not there" in text
    table.plot(results, tmp_path / "warning.png")
    assert (tmp_path / "warning.png").stat().st_size > 1000


def _machine() -> dict:
    from benchmarks import machine

    return machine.ask()
