"""Tables of the validation from outcomes and series that are made up, and what its set-ups promise of each other."""

import functools
from pathlib import Path

import numpy as np
import pytest

from benchmarks.diagnosis import __main__ as command
from benchmarks.diagnosis import early, inputs, lines, matrix, setups, stopping, table, warning
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


def watched(expected: str, values: list[float], states: list[Outcome]) -> warning.Watched:
    """Sixteen runs alike, eight probes."""
    name = "P(D ranks training above held-out data)"
    numbers = {name: np.repeat([values], 16, axis=0)}
    return warning.Watched(expected, np.arange(100, 900, 100), np.repeat([states], 16, axis=0), numbers)


BAD, FINE = Outcome.NOT_LEARNED, Outcome.HEALTHY
CONTROLS = watched("HEALTHY", [0.5] * 8, [BAD] + [FINE] * 7)


def test_an_alarm_that_rings_before_states_show_it():
    decaying = watched("JUNK", [0.5, 0.5, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9], [BAD] + [FINE] * 5 + [Outcome.JUNK] * 2)
    (row,) = warning.warnings([CONTROLS], [CONTROLS, decaying])
    assert row["false"]["count"] == 0 and row["false"]["of"] == 16
    found = row["codes"]["JUNK"]
    # of three probes the median is up at the fourth probe, 400; the state is a failing one from 700 on
    assert found["detected"]["count"] == found["early"]["count"] == 16 and found["lead_steps"] == 300
    assert found["lead_steps_interval"] == [300, 300]


def test_a_run_that_is_never_fine_has_failed_by_the_deadline_of_controls():
    controls = watched("HEALTHY", [0.5] * 8, [BAD] * 3 + [FINE] * 5)
    never, fine = watched("JUNK", [0.5] * 8, [BAD] * 8), watched("JUNK", [0.5] * 8, [FINE] * 8)
    by = warning.deadline([controls])
    assert by == 0.5 and (warning.shown_at(never, by) == 0.5).all() and np.isnan(warning.shown_at(fine, by)).all()
    assert warning.deadline([never]) == 1


@pytest.mark.parametrize(
    ("expected", "states", "shown"),
    [
        # a failure of good samples is shown like any other one
        ("COLLAPSED", [BAD] * 2 + [FINE] * 3 + [Outcome.COLLAPSED] * 3, 6 / 8),
        # codes that do not count as failures show a run that was made to have them, and only these
        ("PARTIALLY_COLLAPSED", [BAD] * 2 + [FINE] * 2 + [Outcome.PARTIALLY_COLLAPSED] * 4, 5 / 8),
        ("OVERFITTED", [FINE] * 3 + [Outcome.OVERFITTED] * 5, 4 / 8),
        ("OVERFITTED", [FINE] * 5 + [Outcome.PARTIALLY_COLLAPSED] * 3, np.nan),
        # from the probe on from which it stays so, whichever of the states it is
        ("JUNK", [FINE, BAD, FINE, Outcome.JUNK, FINE, BAD, Outcome.JUNK, Outcome.COLLAPSED], 6 / 8),
        ("OVERFITTED", [FINE] * 4 + [BAD, Outcome.OVERFITTED, BAD, Outcome.OVERFITTED], 5 / 8),
        ("COLLAPSED", [Outcome.COLLAPSED] * 7 + [FINE], np.nan),
        # not before the deadline
        ("COLLAPSED", [BAD] + [Outcome.COLLAPSED] * 7, 0.3),
    ],
)
def test_states_show_a_failure_from_when_they_stay(expected, states, shown):
    found = warning.shown_at(watched(expected, [0.5] * 8, states), 0.3)
    np.testing.assert_array_equal(found, np.full(16, shown))


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


def results(shown_by: str = "states", **warned: warning.Watched) -> dict:
    found = matrix.summary(VERDICTS)
    tried = [
        {"threshold": "good", "value": v, "used": v == 0.5, "right": 1, "accused": 0, "lost": []} for v in (0.4, 0.5)
    ]
    return {
        "command": "c", "machine": _machine(), "seeds": 16, "skipped": {"mnist": "not there"},
        "rows": [row | {"older": {}} for row in matrix.rows(VERDICTS)],
        "testing": found, "choosing": found, "older": found,
        "thresholds": {"tried": tried, "ranges": lines.ranges(tried)},
        "early_warning": {"deadline": 0.25, "shown_by": shown_by},
        "warnings": warning.warnings([CONTROLS], [CONTROLS, *warned.values()]),
        "stopping": {"choosing": stopping.rows([gone()])},
    }  # fmt: skip


def test_the_table_says_what_is_met_and_what_is_not(tmp_path):
    found = results(never=watched("JUNK", [0.9] * 8, [BAD] * 8))
    text = table.markdown(found)
    assert "87.5 % [64.0, 96.5]" in text and text.count("NOT MET") == 2 and "mnist: not there" in text
    table.write(found, tmp_path / "out")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "results.json",
        "table.md",
        "matrix.md",
        "warning.png",
    }
    assert (tmp_path / "out" / "warning.png").stat().st_size > 1000


def cells(parts: list[str], code: str) -> tuple[str, str]:
    """The cells of the only number in the two tables of early warnings: the alarms, and those before the failure."""
    found = []
    for part in (parts[1], parts[3]):
        head, _, row = ([cell.strip() for cell in line.split("|")] for line in part.splitlines())
        found.append(row[head.index(code)])
    return found[0], found[1]


def test_a_lead_in_steps_has_its_interval_and_a_code_without_leads_no_share():
    late = watched("JUNK", [0.5] * 2 + [0.9] * 6, [BAD] + [FINE] * 5 + [Outcome.JUNK] * 2)
    good = watched("OVERFITTED", [0.9] * 8, [FINE] * 8)
    found = results("samples", late=late, good=good)
    parts = early.markdown(found)
    assert cells(parts, "JUNK") == ("100 % [81, 100]", "100 % [81, 100]; +300 [+300, +300] (+0.375)")
    assert cells(parts, "OVERFITTED") == ("100 % [81, 100]", "")
    assert "For OVERFITTED the samples themselves" in parts[-1] and "no intervals" not in parts[-1]
    for row in found["warnings"]:
        for one in row["codes"].values():
            del one["lead_steps_interval"]  # results from before it was saved
    assert cells(early.markdown(found), "JUNK")[1] == "100 % [81, 100]; +300 (+0.375)"
    assert "The leads have no intervals" in early.markdown(found)[-1]


def test_the_largest_lead_that_the_deadline_allows_is_counted():
    never = watched("JUNK", [0.9] * 8, [BAD] * 8)  # the alarm rings at 0.25
    found = results(never=never) | {"warnings": warning.warnings([_slow()], [CONTROLS, never])}
    found["early_warning"]["deadline"] = 0.5
    assert "= +0.250 for a run" in early.markdown(found)[-1] and "1 of the 1 positive" in early.markdown(found)[-1]


def _slow() -> warning.Watched:
    return watched("HEALTHY", [0.5] * 8, [BAD] * 3 + [FINE] * 5)


@pytest.mark.parametrize("part", [["--quick"], ["--names", "ring-r1"], ["--seeds", "2"]])
def test_a_part_of_the_runs_does_not_replace_the_full_results(part, tmp_path, monkeypatch):
    assert written(part, tmp_path, monkeypatch) == [Path("runs/diagnosis-partial")]


def test_all_runs_replace_the_full_results_and_a_named_folder_is_used(tmp_path, monkeypatch):
    assert written([], tmp_path, monkeypatch) == [Path("benchmarks/results/diagnosis")]
    assert written(["--quick", "--out", "here"], tmp_path, monkeypatch) == [Path("here")]


def written(arguments: list[str], folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The folders of results of a command, with nothing trained."""
    monkeypatch.chdir(folder)
    outs: list[Path] = []
    monkeypatch.setattr(command, "write", lambda found, out: outs.append(out))
    monkeypatch.setattr(command, "counted", lambda ran: {"testing": matrix.summary(VERDICTS)})
    monkeypatch.setattr(command, "markdown", lambda found: "")
    monkeypatch.setattr(command.inputs, "write", lambda out: None)
    monkeypatch.setattr(command.machine, "ask", dict)
    for name in ("train", "read"):
        monkeypatch.setattr(command.runs, name, lambda *given: None)
    assert command.main(arguments) == 1  # 14 of 16 miss the target
    return outs


@functools.cache
def _machine() -> dict:
    from benchmarks import machine

    return machine.ask()
