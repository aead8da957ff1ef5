"""How far a run is, by its files: while it runs, stopped and finished, in this layout and in an earlier one."""

import json
import re
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jaxgan.cli.app import main
from jaxgan.files import StoreError
from jaxgan.results.claim import LOCK, RunFolder, claim
from jaxgan.results.locks import holder
from jaxgan.results.records import Origin, append_records
from jaxgan.study.monitoring.how_far import lines_of
from jaxgan.study.monitoring.progress import Progress, progress_of
from tests.cli.commands import refused

BLOCKS = [
    {
        "program": "minimax",
        "configurations": ["minimax lr_d=0.1", "minimax lr_d=0.2"],
        "first": 0,
        "last": 3,
        "wave": 0,
    },
    {"program": "minimax", "configurations": ["minimax lr_d=0.3"], "first": 0, "last": 3, "wave": 1},
    {"program": "wgan", "configurations": ["wgan"], "first": 0, "last": 3, "wave": 0},
]


def config(blocks: list[Any], *, job: str = "study") -> dict[str, Any]:
    labels = [label for block in BLOCKS for label in block["configurations"]]  # type: ignore[attr-defined]
    labels = labels if isinstance(blocks[0], dict) else ["minimax", "wgan"]
    return {"schema": 2, "job": job, "config": {"steps": 100, "data": "ring", "seeds": 4},
            "configurations": {label: {} for label in labels}, "blocks": blocks}  # fmt: skip


def begun(folder: Path, blocks: list[Any], *, job: str = "study") -> RunFolder:
    return claim(folder, config(blocks, job=job), overwrite=False)


def recorded(run: RunFolder, part: str, end: int, runs: int, *, begin: int = 0, broken: int = 0) -> None:
    steps = np.zeros((runs, 1), np.int64)
    steps[:broken] = end
    arrays = {"watch/step": steps, "outcome": np.array(broken * ["DIVERGED"] + (runs - broken) * ["COLLAPSED"])}
    append_records(run.path / part, begin, end, arrays, Origin(run.run, part))


def logged(run: RunFolder, *entries: dict[str, Any]) -> None:
    with (run.path / "log.jsonl").open("a") as file:
        file.writelines(json.dumps(entry) + "\n" for entry in entries)


@pytest.fixture
def half(tmp_path) -> RunFolder:
    """Of three blocks one is done, one is under way and one was not begun."""
    run = begun(tmp_path / "run", BLOCKS)
    recorded(run, "minimax/seeds-0-3/records", 100, 8, broken=2)
    recorded(run, "minimax/seeds-0-3/final", 100, 8, broken=2)
    recorded(run, "minimax/seeds-0-3-1/records", 20, 4)
    recorded(run, "minimax/seeds-0-3-1/records", 40, 4, begin=20, broken=1)
    logged(
        run,
        {"configuration": "minimax", "wave": 0, "step": 50, "steps": 50, "runs": 8, "seconds": 2.0, "d_loss": 1.0},
        {"configuration": "minimax", "wave": 0, "step": 100, "steps": 50, "runs": 8, "seconds": 2.0},
        {"configuration": "minimax", "wave": 1, "step": 20, "steps": 20, "runs": 4, "seconds": 0.5},
        {"configuration": "minimax", "wave": 1, "step": 40, "steps": 20, "runs": 4, "seconds": 0.5},
        {"note": "of another kind"},
    )
    with (run.path / "log.jsonl").open("a") as file:
        file.write('{"configuration": "minimax", "wave"')  # cut by a crash
    return run


def test_a_study_under_way(half):
    found = progress_of(half.path)
    assert [(one.step, one.done, +one.codes) for one in found.trained] == [
        (100, True, {"DIVERGED": 2, "COLLAPSED": 6}),
        (40, False, {"DIVERGED": 1}),
        (0, False, {}),
    ]
    assert (found.runs, found.configurations, found.finished) == (16, 4, False)
    assert found.failures == {"DIVERGED": 3, "COLLAPSED": 6}
    # 8 runs x 100 steps in 4 seconds and 4 x 40 in 1; 4 runs x 60 and 4 x 100 are left.
    assert found.rate == pytest.approx(960 / 5)
    assert found.seconds_left == pytest.approx(640 / 192)


def test_a_study_under_way_in_words(half):
    with half:
        lines = list(lines_of(progress_of(half.path)))
    assert lines[0].startswith(f"{half.path}: running by process ")
    assert lines[1:] == [
        "study on ring: 4 configurations x 4 seeds x 100 steps, 2 programs",
        "runs done: 8 of 16",
        "under way: minimax, seeds 0 to 3, wave 2, 4 runs: step 40 of 100",
        "failed runs so far: 6 COLLAPSED, 3 DIVERGED",
        "192 steps per second over all runs together, about 3 s of training left",
    ]
    lines = list(lines_of(progress_of(half.path)))
    assert lines[0] == f"{half.path}: stopped; the same command resumes it"


def test_trained_and_not_yet_measured(half):
    recorded(half, "wgan/seeds-0-3/records", 100, 4)
    assert "under way: wgan, seeds 0 to 3, 4 runs: being measured" in list(lines_of(progress_of(half.path)))


def test_several_processes_are_as_far_as_the_slowest(half):
    recorded(half, "wgan/seeds-0-3/records/1of2", 30, 2)
    recorded(half, "wgan/seeds-0-3/records/2of2", 10, 2, broken=1)
    assert progress_of(half.path).trained[2][1:4] == (10, False, {"DIVERGED": 1})


def test_while_a_process_writes_its_log_says_how_far_it_is(half):
    """What was saved may be half a minute old, and after a kill the log may be ahead of what there is to go on from."""
    entry = {"block": "minimax/seeds-0-3-1", "step": 70, "steps": 20, "runs": 4, "seconds": 0.5, "not_finite": 2}
    logged(half, {}, entry | {"stopped": 1, "d_loss": 1.25})
    with half:
        first = progress_of(half.path)
        one = first.trained[1]
        assert (one.step, one.codes, one.stopped, one.losses) == (70, {"DIVERGED": 2}, 1, {"d_loss": 1.25})
        assert "runs done: 8 of 16, stopped by a rule: 1" in lines_of(first)
        assert progress_of(half.path, first) == first
        logged(half, {"block": "wgan/seeds-0-3", "step": 30, "steps": 20, "runs": 4, "seconds": 0.5})
        second = progress_of(half.path, first)
        assert second == progress_of(half.path) and second.trained[2].step == 30
        recorded(half, "minimax/seeds-0-3-1/final", 100, 4, broken=1)
        third = progress_of(half.path, second)
        assert third == progress_of(half.path) and third.trained[1].codes == {"DIVERGED": 1, "COLLAPSED": 3}
    assert progress_of(half.path).trained[2].step == 0


def test_workers_that_write_to_one_log_are_as_fast_together(half):
    """Two of them, at 200 steps a second each."""
    with half:
        for step in range(5, 45):
            for block in ("minimax/seeds-0-3-1", "wgan/seeds-0-3"):
                logged(half, {"block": block, "step": step, "steps": 50, "runs": 4, "seconds": 1.0})
        assert progress_of(half.path).rate == 400.0


def test_a_finished_study_says_how_its_runs_ended(half, capsys):
    half.release()
    (half.path / "results.nc").touch()
    rows = 2 * "a,1,COLLAPSED\n" + "b,1,PARTIALLY_COLLAPSED\n" + 13 * "b,0,HEALTHY\n"
    (half.path / "metrics.csv").write_text(f"configuration,seed,outcome\n{rows}")
    assert main(["status", str(half.path)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"{half.path}: finished",
        "study on ring: 4 configurations x 4 seeds x 100 steps, 2 programs",
        "runs done: 16 of 16",
        "failed runs: 2 COLLAPSED",
    ]


def test_a_run_of_an_earlier_layout(tmp_path):
    """Seeds were the same for all configurations, each with a folder of its own; nothing was measured apart."""
    run = begun(tmp_path / "old", [[0, 1], [2, 3]], job="compare")
    recorded(run, "minimax/seeds-0-1/records", 100, 2)
    recorded(run, "wgan/seeds-2-3/records", 50, 2)
    logged(run, {"configuration": "minimax", "step": 100, "steps": 100, "runs": 2, "seconds": 1.0})
    run.release()
    found = progress_of(run.path)
    assert [(one.block.folder, one.step) for one in found.trained] == [
        ("minimax/seeds-0-1", 100), ("wgan/seeds-0-1", 0), ("minimax/seeds-2-3", 0), ("wgan/seeds-2-3", 50),
    ]  # fmt: skip
    assert found.rate == 200.0
    assert next(lines_of(found)) == f"{run.path}: stopped; continue with: jaxgan compare --resume --out {run.path}"


def test_a_damaged_record_is_passed_over(half):
    next((half.path / "minimax/seeds-0-3-1/records").glob("*40.npz")).write_bytes(b"PK\x03\x04")
    assert progress_of(half.path).failures == {"DIVERGED": 2, "COLLAPSED": 6}


@pytest.mark.parametrize("part", ["final", "records"])
def test_a_part_in_an_unknown_compression_is_passed_over(part, half):
    """zipfile raises NotImplementedError, which is none of the errors of a file that is cut."""
    path = next((half.path / "minimax/seeds-0-3" / part).glob("*.npz"))
    content = path.read_bytes()
    for entry in re.finditer(b"PK\x01\x02", content):
        content = content[: entry.start() + 10] + struct.pack("<H", 99) + content[entry.start() + 12 :]
    path.write_bytes(content)
    assert list(lines_of(progress_of(half.path)))[-2].startswith("failed runs so far: ")


@pytest.mark.parametrize(
    "line",
    [
        b'{"steps": "a", "runs": null, "seconds": 0}',
        b'{"steps": 1, "runs": 1, "seconds": "x", "block": "minimax/seeds-0-3-1", "step": "abc"}',
        b'{"steps": 1, "runs": 1, "seconds": 0.1, "block": ["a"], "step": 1e400, "not_finite": null, "d_loss": []}',
        b'{"steps": 1e400, "runs": 1, "seconds": NaN, "block": "minimax/seeds-0-3-1"}',
        b'{"steps": 1, "runs": 1, "seconds": 1, "block": "wgan/seeds-0-3", "step": {}, "stopped": [], "g_loss": "x"}',
        b"\xff\xfe\n[1]\n" + 100_000 * b"[",
        b'{"steps": ' + 5000 * b"9" + b', "runs": 1, "seconds": 1}',
    ],
)
def test_a_damaged_line_of_the_log_is_passed_over(line, half):
    with half:
        before = progress_of(half.path)
        with (half.path / "log.jsonl").open("ab") as file:
            file.write(b"\n" + line + b"\n")
        found = progress_of(half.path)
    assert [one.step for one in found.trained] == [one.step for one in before.trained]
    assert list(lines_of(found))


@pytest.mark.parametrize(
    "content",
    [
        b"\xff\xfe\x00\n",
        b"configuration,seed,outcome\na,0,HEALTHY\n",
        b"configuration,seed,outcome\n" + 16 * b"a\n",
        b"configuration,seed,out\x00come\n" + 16 * b"a,0,HEALTHY\n",
        b"configuration,seed,outcome\n" + 200_000 * b"a",
        None,
    ],
)
def test_damaged_metrics_are_not_taken_for_no_failures(content, half, capsys):
    half.release()
    (half.path / "results.nc").touch()
    if content is not None:
        (half.path / "metrics.csv").write_bytes(content)
    assert main(["status", str(half.path)]) == 0
    line = f"failed runs: unknown, because metrics.csv is missing or damaged; see: jaxgan check {half.path}"
    assert capsys.readouterr().out.splitlines()[-1] == line


def test_it_changes_nothing(half):
    before = {path: path.stat().st_mtime_ns for path in half.path.rglob("*")}
    progress_of(half.path)
    assert {path: path.stat().st_mtime_ns for path in half.path.rglob("*")} == before


def test_the_folder_of_another_user_says_what_can_be_said(half, monkeypatch):
    def forbidden(folder):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("jaxgan.study.monitoring.progress.holder", forbidden)
    lines = list(lines_of(progress_of(half.path)))
    assert lines[0] == f"{half.path}: running or stopped; its lock cannot be read (Permission denied)"
    assert "runs done: 8 of 16" in lines


def test_what_is_no_run_is_refused(capsys, tmp_path):
    assert refused(capsys, "status", str(tmp_path)) == f"jaxgan: {tmp_path} holds no run (no config.json)"
    run = claim(tmp_path / "paper", {"schema": 2, "job": "profile"}, overwrite=False)
    run.release()
    assert "holds no training run" in refused(capsys, "status", str(run.path))


def test_who_holds_a_folder(tmp_path):
    run = begun(tmp_path / "run", BLOCKS)
    about = holder(run.path)
    assert about is not None and set(about) == {"process", "host", "since"}
    run.release()
    assert holder(run.path) is None
    (run.path / LOCK).unlink()
    assert holder(run.path) is None and not (run.path / LOCK).exists()


def test_it_imports_no_jax():
    code = "import sys, jaxgan.study.monitoring.progress; sys.exit('jax' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_nothing_trained_has_no_rate(tmp_path):
    run = begun(tmp_path / "run", BLOCKS)
    found: Progress = progress_of(run.path)
    assert (found.rate, found.seconds_left, found.failures) == (None, None, {})
    with pytest.raises(StoreError):
        progress_of(tmp_path / "none")
