"""The view of a run that is trained: as text of what is known, and on a terminal with lines, signals and a kill."""

import io
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from jaxgan.study.block import Block
from jaxgan.study.monitoring.progress import Progress, Trained
from jaxgan.study.monitoring.view import MOST, view_of
from tests.study.terminals import Screen, in_terminal
from tests.study.test_progress import BLOCKS, begun, logged, recorded


def trained(program: str, step: int, *, done: bool = False, wave: int = 0, stopped: int = 0) -> Trained:
    block = Block(program, tuple(f"{program} lr_d={lr}" for lr in (1, 2, 3, 4)), 0, 7, wave)  # of 32 runs
    return Trained(block, step, done, Counter(), stopped, {"d_loss": 1.385, "g_loss": -0.69})


def progress(*parts: Trained, failures: dict[str, int] | None = None, rate: float | None = 25_600.0) -> Progress:
    return Progress(Path("runs/rates"), "study", "ring", 4000, 24, parts, False, {}, failures or {}, rate)


def text(found: Progress, columns: int, note: str = "", **how: Any) -> list[str]:
    """As a console that is so wide prints it."""
    console = Console(width=columns, file=io.StringIO(), soft_wrap=True, color_system=None)
    console.print(view_of(found, columns, note, **how))
    return console.file.getvalue().splitlines()  # type: ignore[attr-defined]


WAVES = [trained("non_saturating", 4000, done=True, stopped=3), trained("non_saturating", 1234, wave=1, stopped=2),
         trained("non_saturating", 0, wave=2), trained("non_saturating", 0, wave=3)]  # fmt: skip
STUDY = progress(trained("minimax", 4000, done=True), *WAVES, trained("relativistic_average", 0),
                 failures={"DIVERGED": 12, "COLLAPSED": 3, "GRADIENT_VANISHED": 2})  # fmt: skip


def test_a_study_at_80_columns():
    # 64 of 192 runs are done, and of 32 more 1,234 of 4,000 steps: 472,512 steps are left at 25,600 a second.
    assert text(STUDY, 80) == [
        "",
        "minimax               ━━━━━━━━━━━━━━━━━━━━━  done",
        "non_saturating        ━━━━━━───────────────  1 of 4 blocks, step 1,234 of 4,000",
        "relativistic_average  ─────────────────────  to come",
        "runs done: 64 of 192, stopped by a rule: 5",
        "failed runs so far: 3 COLLAPSED, 12 DIVERGED, 2 GRADIENT_VANISHED",
        "about 18 s of training left, d_loss 1.385, g_loss -0.690",
        "25,600 steps per second over all runs together",
        "",
    ]


def test_a_study_at_40_columns_has_no_bars():
    assert text(STUDY, 40) == [
        "",
        "minimax             done",
        "non_saturating      1 of 4, step 1,234",
        "relativistic_av...  to come",
        "runs done: 64 of 192",
        "stopped by a rule: 5",
        "failed runs so far: 3 COLLAPSED",
        "12 DIVERGED, 2 GRADIENT_VANISHED",
        "about 18 s of training left",
        "d_loss 1.385, g_loss -0.690",
        "",
    ]


def test_one_block_takes_two_lines():
    one = progress(trained("non_saturating", 1200))
    assert text(one, 80) == [
        "non_saturating  ━━━━━━━━━━━━────────────────────────────  step 1,200 of 4,000",
        "about 4 s of training left, d_loss 1.385, g_loss -0.690",
        "",
    ]
    assert text(one, 40) == ["non_saturating  step 1,200 of 4,000", "about 4 s of training left", ""]
    begins = progress(trained("non_saturating", 0), rate=None)
    assert text(begins, 80, "compiling")[1] == "compiling"
    assert text(one._replace(failures={"DIVERGED": 1}), 80)[2] == "failed runs so far: 1 DIVERGED"


def test_in_ascii_bars_are_signs():
    assert set(text(STUDY, 80, plain=True)[2]) & set("━─#-") == set("#-")


@pytest.mark.parametrize("columns", [1, 20, 40, 60, 80, 200])
@pytest.mark.parametrize("under_way", [1, 40])
def test_many_programs_are_counted_and_lines_fit(columns, under_way):
    parts = [trained(f"recipe_{k} d_steps={k}", 100 if k < under_way else 0) for k in range(80)]
    lines = text(progress(*parts, failures={"DIVERGED": 12, "NOT_LEARNED": 2_000}), columns)
    assert all(len(line) < max(columns, 20) for line in lines)
    assert columns < 40 or len(list(filter(None, lines))) <= 12
    more = f"{under_way - MOST} more under way " if under_way > MOST else ""
    assert more + f"0 of 80 programs done {80 - under_way} to come" in " ".join(lines).replace(",", "")


def test_several_blocks_of_a_program_under_way_are_counted():
    parts = [trained("minimax", 100, wave=k) for k in range(3)]
    assert text(progress(*parts), 80)[1].endswith("  0 of 3 blocks, 3 under way")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Of three blocks one is done and one is under way, by what the log says of it."""
    with begun(tmp_path / "run", BLOCKS) as run:
        recorded(run, "minimax/seeds-0-3/records", 100, 8, broken=2)
        recorded(run, "minimax/seeds-0-3/final", 100, 8, broken=2)
        entry = {"block": "minimax/seeds-0-3-1", "step": 40, "steps": 20, "runs": 4, "seconds": 0.5}
        logged(run, entry | {"d_loss": 1.25, "g_loss": 0.5, "not_finite": 1, "stopped": 3})
    return tmp_path


PROGRAM = """
import os, signal, sys, time
from pathlib import Path
from jaxgan.cli.app import _say
from jaxgan.cli.streams import log
from jaxgan.results.claim import reopen
from jaxgan.stopping import stoppable
from jaxgan.study.monitoring.live import watched_live

with stoppable([signal.SIGINT], tell=_say) as stopping, reopen(Path("run")), watched_live(Path("run")) as look:
    look("compiling minimax")
    log("a line of the log that is longer than the terminal is wide: " + 40 * "=")
    look()
    print("a line of the user's code")
    with stopping.noting("saving"):
        {body}
print("the results")
"""
WAIT = "print('now'); [time.sleep(0.01) for _ in iter(lambda: stopping.first, 2)]"
VIEW = [  # of the program's 1,200 steps 960 are done
    "minimax  ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━────────  1 of 2 blocks, step 40 of 100",
    "wgan     ───────────────────────────────────────  to come",
    "runs done: 8 of 16, stopped by a rule: 3",
    "failed runs so far: 6 COLLAPSED, 3 DIVERGED",
    "about 4 s of training left, d_loss 1.250, g_loss 0.500",
    "160 steps per second over all runs together",
]
LOGGED = ["a line of the log that is longer than the terminal is wide: " + 20 * "=", 20 * "=",
          "a line of the user's code"]  # fmt: skip


def ran(body: str, folder: Path, *keys: tuple[str, str]) -> Screen:
    return in_terminal(PROGRAM.replace("{body}", body), folder, keys)


def test_the_view_gives_way_to_what_comes_after_it(folder):
    screen = ran("pass", folder)
    assert screen.status == 0
    assert all(line in screen.written for line in ("compiling minimax", "runs done: 8 of 16", "6 COLLAPSED"))
    assert screen.lines == [*LOGGED, "the results", ""]
    assert (screen.column, screen.hidden) == (0, False)


@pytest.mark.parametrize("last", ["os._exit(3)", "os.kill(os.getpid(), signal.SIGKILL)"])
def test_a_killed_program_leaves_the_cursor_on_an_empty_line(folder, last):
    screen = ran(last, folder)
    assert screen.status == (3 if "exit" in last else -signal.SIGKILL)
    assert screen.lines == [*LOGGED, "", *VIEW, ""]
    assert (screen.column, screen.hidden) == (0, False)


def test_ctrl_c_is_said_above_the_view_and_three_end_it(folder):
    screen = ran(WAIT.replace("stopping.first", "0"), folder, ("now", "\x03"), ("saving; a third", "\x03"),
                 ("one more gives up", "\x03"))  # fmt: skip
    assert screen.status == 130
    assert screen.lines == [
        *LOGGED,
        "now",
        "",
        "jaxgan: saving; a third signal gives up at once",
        "",
        "jaxgan: not saved yet; one more gives up at once",
        "",
        "jaxgan: gave up at once, without saving what came after",
        "",
        "jaxgan: stopped",
        "",
    ]
    assert (screen.column, screen.hidden) == (0, False)
    above = screen.written.partition("a third signal gives up at once")[2]
    assert "runs done: 8 of 16" in above  # drawn again below the line


def test_an_error_clears_the_view(folder):
    screen = ran("raise RuntimeError('an error')", folder)
    assert screen.status == 1
    assert screen.lines[:4] == [*LOGGED, "Traceback (most recent call last):"]
    assert screen.lines[-2:] == ["RuntimeError: an error", ""]
    assert (screen.column, screen.hidden) == (0, False)


@pytest.mark.parametrize("terminal", ["dumb", "xterm"])
def test_without_a_terminal_there_are_plain_lines(folder, terminal, monkeypatch):
    monkeypatch.setenv("TERM", terminal)
    monkeypatch.setenv("FORCE_COLOR", "1")  # rich then takes every stream for a terminal
    done = subprocess.run([sys.executable, "-W", "error", "-c", PROGRAM.replace("{body}", "pass")], cwd=folder,
                          capture_output=True, text=True, check=True)  # fmt: skip
    assert done.stderr == "a line of the log that is longer than the terminal is wide: " + 40 * "=" + "\n"
    assert done.stdout == "a line of the user's code\nthe results\n"


@pytest.mark.slow
def test_a_real_run_is_shown_and_ctrl_c_keeps_what_was_trained(tmp_path):
    words = ["train", "--data", "ring", "--seeds", "2", "--steps", "100000", "--width", "8", "--out", "run"]
    code = f"import sys, jaxgan.cli.app as app; sys.argv[1:] = {words}; sys.exit(app.main())"
    screen = in_terminal(code, tmp_path, (("d_loss", "\x03"),))
    assert screen.status == 130
    assert "compiling non_saturating" in screen.written and " of 100,000" in screen.written
    assert "jaxgan: stopped at step" in "".join(screen.lines[-3:])
    assert not any("d_loss" in line for line in screen.lines)
    assert (screen.column, screen.hidden) == (0, False)
