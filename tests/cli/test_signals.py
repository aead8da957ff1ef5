"""Signals: what was trained is kept, a second one waits for the disk, a third gives up at once."""

import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import jaxgan
from jaxgan.checkpoint import latest_step
from jaxgan.cli.app import main
from tests.cli.commands import TINY, refused

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="no such signals there")


def signalled(number: int, times: int, *words: str, after: str, cwd: Path) -> tuple[int, list[str]]:
    """A run that gets a signal so many times, a tenth of a second apart, once the file `after` is there: exit status
    and lines of stderr."""
    before = signal.signal(number, signal.SIG_DFL)  # under nohup and the like it would be ignored by the child, too
    try:
        process = subprocess.Popen(
            [sys.executable, "-W", "error", "-m", "jaxgan", *words], cwd=cwd, stderr=subprocess.PIPE, text=True
        )
    finally:
        signal.signal(number, before)
    deadline = time.monotonic() + 120
    while not (cwd / after).exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    for _ in range(times):
        process.send_signal(number)
        time.sleep(0.1)
    _, errors = process.communicate(timeout=120)
    return process.returncode, errors.splitlines()


def step_kept(line: str) -> int:
    """The step of the last line of a run of one loss in the folder cut, which is that of both checkpoints there."""
    stopped = re.fullmatch(r"jaxgan: stopped at step ([\d,]+) of non_saturating; everything up to it is kept, "
                           r"continue with: jaxgan train --resume --out cut", line)  # fmt: skip
    assert stopped, line
    return int(stopped[1].replace(",", ""))


SLOW_PROBE = """
import os
import time
import jax
import jax.numpy as jnp
import numpy as np

def slow(key, algorithm, state):
    def wait():
        time.sleep(float(os.environ.get("SECONDS_OF_A_LOOK", 0)))
        return np.float32(0)
    return jax.pure_callback(wait, jax.ShapeDtypeStruct((), jnp.float32), vmap_method="sequential")
"""


@POSIX
def test_ctrl_c_twice_keeps_what_was_trained_and_resume_ends_where_one_run_would(tmp_path, monkeypatch, capsys):
    (tmp_path / "slow.py").write_text(SLOW_PROBE)
    looks = ["--steps", "60", "--evaluate-every", "10", "--probe", f"{tmp_path / 'slow.py'}:slow"]
    words = ["train", "--data", "ring", *TINY, *looks, "--devices", "1"]  # as this process has, for bits
    monkeypatch.setenv("SECONDS_OF_A_LOOK", "1")  # of each of two seeds, six times: longer than two signals take
    status, lines = signalled(signal.SIGINT, 2, *words, "--out", "cut", after="cut/log.jsonl", cwd=tmp_path)
    assert status == 130, lines
    assert [line.partition(";")[0] for line in lines[1:-1]] == [
        "jaxgan: stopping after the steps under way, and saving",
        "jaxgan: not saved yet",
    ]
    step = step_kept(lines[-1])
    assert 0 < step < 60
    assert latest_step(tmp_path / "cut" / "non_saturating" / "seeds-0-1" / "training") == step
    assert jaxgan.load_generator(tmp_path / "cut").step == step

    monkeypatch.delenv("SECONDS_OF_A_LOOK")
    monkeypatch.chdir(tmp_path)
    refusal = refused(capsys, "train", "--resume", "--steps", "9", "--out", "cut")
    assert "--steps: got 9, but the run in cut has 60; it can only grow" in refusal
    assert main(["train", "--resume", "--out", "cut"]) == 0
    assert f"continuing at step {step:,}" in capsys.readouterr().err
    assert main([*words, "--out", "whole"]) == 0
    cut, uncut = (jaxgan.load_run(tmp_path / name) for name in ("cut", "whole"))
    for name, values in uncut.series.items():
        np.testing.assert_array_equal(values, cut.series[name])
    for name, values in uncut.values.items():
        np.testing.assert_array_equal(values, cut.values[name])


@POSIX
@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "options"),
    [("SIGTERM", []), ("SIGHUP", []), ("SIGUSR1", ["--stop-on", "usr1"])],
    ids=["TERM", "HUP", "USR1"],
)
def test_every_signal_that_stops_saves(name, options, tmp_path):
    number = getattr(signal, name)
    words = ["train", "--data", "ring", *TINY, "--steps", "1000000", *options, "--out", "cut"]
    status, lines = signalled(number, 1, *words, after="cut/log.jsonl", cwd=tmp_path)
    assert status == 128 + number, lines
    assert len(lines) == 3 and lines[1].startswith("jaxgan: stopping after the steps under way"), lines
    step = step_kept(lines[-1])
    assert latest_step(tmp_path / "cut" / "non_saturating" / "seeds-0-1" / "training") == step
    assert jaxgan.load_generator(tmp_path / "cut").step == step


@POSIX
@pytest.mark.slow
def test_a_third_signal_gives_up_at_once_and_one_before_training_ends_at_once(tmp_path, monkeypatch):
    monkeypatch.setenv("SECONDS_OF_A_LOOK", "1")
    (tmp_path / "slow.py").write_text(SLOW_PROBE)  # two seconds at every look: longer than the three signals take
    words = ["train", "--data", "ring", *TINY, "--steps", "1000000", "--evaluate-every", "10", "--probe",
             "slow.py:slow", "--out"]  # fmt: skip
    status, lines = signalled(signal.SIGINT, 3, *words, "cut", after="cut/log.jsonl", cwd=tmp_path)
    assert status == 130, lines
    assert lines[-2] == "jaxgan: gave up at once, without saving what came after", lines
    saved = latest_step(tmp_path / "cut" / "non_saturating" / "seeds-0-1" / "training")
    if saved is None:
        assert lines[-1].startswith("jaxgan: stopped; nothing was trained yet, continue with: "), lines
    else:
        assert step_kept(lines[-1]) == saved
    status, lines = signalled(signal.SIGTERM, 1, *words, "none", after=".", cwd=tmp_path)
    assert (status, lines) in [(-15, []), (143, ["jaxgan: stopped; nothing was trained yet"])]  # while Python starts


@POSIX
def test_signals_that_no_program_can_wait_for_are_refused(capsys):
    assert "--stop-on: got 'KILL', expected one of USR1" in refused(capsys, "train", "--stop-on", "KILL")
