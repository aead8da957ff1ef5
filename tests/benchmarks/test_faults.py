"""The campaign of faults: what it counts and how it makes them; and, slowly, a quarter of it."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import jaxgan.files
from benchmarks.faults import bench, commands, damage, inputs, points, process
from benchmarks.faults.__main__ import KINDS, in_turns
from benchmarks.faults.table import markdown
from benchmarks.faults.trial import Bench, Outcome, Trial, rows, wrong

MACHINE = {"device": "A processor", "cores": 2, "memory_gib": 8, "system": "An OS", "versions": {"jax": "1.0"}}


def test_what_is_not_right_is_in_the_table_with_what_repeats_it() -> None:
    outcomes = [Outcome(Trial("kills", i, "new run", {"point": i}), i != 1, "equal bits", 1.0) for i in range(3)]
    outcomes.append(Outcome(Trial("disk", 0, "full", {"bytes": 4096}), True, "begun anew", 1.0))
    (kills, disk), (fault,) = rows(outcomes), wrong(outcomes)
    assert (kills.trials, kills.right, kills.came) == (3, 2, {"equal bits": 2})
    assert (disk.case, disk.trials, disk.right) == ("full", 1, 1)
    assert fault["number"] == 1 and fault["given"] == {"point": 1}
    results = {"machine": MACHINE, "commands": ["python"], "seconds": 90, "skipped": {"signals": "none here"}}
    text = markdown(results | {"rows": [kills._asdict(), disk._asdict()], "wrong": [fault]})
    assert "4 faults in 2 minutes; 3 came out right" in text and "{'point': 1}" in text and "not begun" not in text
    results["drawn"] = {"kills": 3, "disk": 10}
    assert "9 more were not begun" in markdown(results | {"rows": [kills._asdict(), disk._asdict()], "wrong": [fault]})
    assert "| signals" in text and "left out" in text


def test_points_are_before_amid_and_after_what_is_written(tmp_path: Path) -> None:
    program = f"""
from pathlib import Path
from benchmarks.faults.points import Watch, watch_system
watch_system(Path({str(tmp_path)!r}), Watch(None, Path({str(tmp_path / "log")!r})))
from jaxgan.files import write_text
write_text(Path({str(tmp_path / "a.txt")!r}), "whole")
"""
    subprocess.run([sys.executable, "-c", program], check=True, cwd=Path(__file__).parents[2])
    names = [point.name for point in points.read(tmp_path / "log")]
    written = ["Path.write_text *.partial"]
    assert [name for name in names if name.endswith(written[0])] == [
        f"{w} {written[0]}" for w in ("before", "amid", "after")
    ]
    assert names.index("after os.fsync") < names.index("before os.replace a.txt") < len(names) - 1


def test_a_function_is_replaced_wherever_it_was_imported() -> None:
    from jaxgan.results import store

    calls: list[Path] = []
    old, new = jaxgan.files.file_digest, calls.append
    try:
        bench.replace(old, new)
        store.file_digest(Path("a"))
    finally:
        bench.replace(new, old)
    assert calls == [Path("a")] and store.file_digest is old


def test_damage_and_changes_leave_another_content(tmp_path: Path) -> None:
    prepared = Bench(tmp_path, {}, 1.0, 0)
    for name in ("a byte flipped", "cut", "emptied"):
        (tmp_path / "a").write_bytes(b"0123456789")
        damage.HOWS[name](tmp_path / "a", prepared)
        assert (tmp_path / "a").read_bytes() != b"0123456789"
    rng = np.random.default_rng(0)
    assert all(inputs.changed(b"0123456789", rng) != b"0123456789" for _ in range(200))
    assert {inputs.an_array(rng).ndim for _ in range(100)} == {0, 1, 2, 3, 4, 5}


def test_command_lines_are_those_of_the_seed() -> None:
    first, again, other = ([commands.drawn(np.random.default_rng(seed)) for _ in range(5)] for seed in (0, 0, 1))
    assert first == again != other


def test_a_refusal_is_one_line_of_ours() -> None:
    assert process.Ended(2, "", "a line of the log\njaxgan: expected x, got y\n", 1.0).refused
    assert not process.Ended(1, "", "jaxgan: expected x, got y\n", 1.0).refused
    assert not process.Ended(2, "", "Traceback (most recent call last):\njaxgan: x\n", 1.0).refused
    assert process.Ended(None, "", "", 99.0).said.startswith("hung")


@pytest.mark.slow
def test_a_quarter_of_the_campaign_comes_out_as_it_has_to(tmp_path: Path) -> None:
    """Of another seed than the committed one; all kinds take turns, so that a busy machine tries a part of each."""
    words = ["--scale", "0.25", "--seed", "1", "--minutes", "4", "--out", str(tmp_path)]
    command = [sys.executable, "-m", "benchmarks.faults", *words]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2])
    results = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    assert results["wrong"] == [] and done.returncode == 0
    assert {row["kind"] for row in results["rows"]} | set(results["skipped"]) == set(KINDS)


def test_every_kind_is_tried_first_whatever_their_order() -> None:
    trials = [Trial(kind, number, "", {}) for number, kind in enumerate("aaabbacaab")]
    ordered = in_turns(trials)
    assert [trial.kind for trial in ordered[:3]] == ["a", "b", "c"]
    assert sorted(trial.number for trial in ordered) == list(range(10))
