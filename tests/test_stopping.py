"""Signals that stop: when they are noted, when they are obeyed, and what a program says of them."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from jaxgan.stopping import Stopped, stoppable
from jaxgan.study.distributed.resources import Cluster, OptionError, _no_longer_than, cluster_from
from jaxgan.study.interrupted import last_line


def send(number: int = signal.SIGINT) -> None:
    os.kill(os.getpid(), number)


def test_what_is_held_is_done_before_a_signal_is_obeyed() -> None:
    done: list[int | str] = []
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(Stopped), stoppable((signal.SIGTERM, signal.SIGINT)) as stop:
        with stop.held():
            send(signal.SIGTERM)
            with stop.held():  # within another nothing is obeyed
                send()
            done.append(stop.first)
        done.append("never")
    assert done == [signal.SIGTERM] and stop.status == 143
    assert signal.getsignal(signal.SIGTERM) is before


def test_what_is_not_held_is_left_at_once() -> None:
    with pytest.raises(Stopped), stoppable():
        send()
        raise AssertionError("was not left")


def test_what_is_noted_is_left_to_whoever_looks_and_patience_ends() -> None:
    with pytest.raises(KeyboardInterrupt), stoppable(patience=3) as stop, stop.noting():
        send()
        send()
        assert stop.first == signal.SIGINT
        send()
        raise AssertionError("was not left")


def test_within_another_it_is_the_other() -> None:
    with stoppable() as outer, outer.noting():
        with stoppable(patience=2) as inner:
            assert inner is outer
            send()
            send()  # the patience is the outer's
        assert outer.first


def test_an_error_is_not_covered_by_a_signal() -> None:
    with pytest.raises(ZeroDivisionError), stoppable() as stop, stop.held():
        send()
        _ = 1 / 0


def test_in_other_threads_there_is_nothing_to_stop() -> None:
    found = []

    def work() -> None:
        with stoppable() as stop, stop.held():
            found.append(stop.first)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [0]


STRICT = ["-W", "error", "-W", "ignore:This process:DeprecationWarning"]  # newer Pythons warn of any fork


def program(body: str) -> tuple[int, list[str]]:
    """Exit status and stderr of a program whose own the signals are."""
    lines = ["import os, signal, sys, time", "from jaxgan.stopping import stoppable", "say = lambda line: print("
             "line, file=sys.stderr, flush=True)", "def send(n=signal.SIGINT):", "    os.kill(os.getpid(), n)",
             "    time.sleep(0.1)", "signals = signal.SIGINT, signal.SIGTERM",
             "with stoppable(signals, tell=say) as stop:", "    stop.kept = lambda: 'last'"]  # fmt: skip
    code = "\n".join(lines + ["    " + line for line in body.splitlines()])
    done = subprocess.run([sys.executable, *STRICT, "-c", code], capture_output=True, text=True, timeout=60)
    return done.returncode, done.stderr.splitlines()


FIRST = "soon; a third signal gives up at once"
GAVE_UP = "gave up at once, without saving what came after"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("send()\nsay('never')", (130, ["last"])),
        ("send(signal.SIGTERM)", (143, ["last"])),
        # by a thread, as the main one may be in compiled code: no exception passes through what it runs
        ("try:\n    send()\nfinally:\n    say('never')", (130, ["last"])),
        ("with stop.noting('soon'):\n    send()\nsys.exit(stop.status)", (130, [FIRST])),
        (
            "with stop.noting('soon'):\n    send(signal.SIGTERM)\n    send()\n    send()\nsay('never')",
            (143, [FIRST, "not saved yet; one more gives up at once", GAVE_UP, "last"]),
        ),
        ("say(stop.end())\nsend()\nsend()\nsys.exit(7)", (7, ["last"])),  # one that is ending anyway
        ("def gone(): raise OSError\nstop.kept = gone\nsend()", (130, ["stopped"])),
        ("sys.stderr.close()\nsend()", (130, [])),
        # those of a child, which its parent may send it, are not those of its parent
        (
            "if child := os.fork():\n    os.kill(child, signal.SIGTERM)\n    status = os.waitpid(child, 0)[1]\n"
            "    sys.exit(os.WTERMSIG(status) + bool(stop.first))\ntime.sleep(60)",
            (15, []),
        ),
    ],
)
def test_a_program_says_and_ends_by_itself(body: str, expected: tuple[int, list[str]]) -> None:
    assert program(body) == expected


def test_what_a_program_was_started_to_ignore_stays_so() -> None:
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        assert program("send(signal.SIGTERM)\nsys.exit(7)") == (7, [])
    finally:
        signal.signal(signal.SIGTERM, before)


def saved(folder: Path, step: int, at: int) -> None:
    folder.mkdir(parents=True)
    (folder / str(step)).mkdir()
    os.utime(folder / str(step), (at, at))


def test_the_last_line_says_what_is_on_the_disk(tmp_path: Path) -> None:
    end = f"continue with: jaxgan compare --resume --out {tmp_path}"
    assert last_line("compare", tmp_path) == f"stopped; nothing was trained yet, {end}"
    saved(tmp_path / "b" / "seeds-0-1" / "training", 1234, at=1)
    saved(tmp_path / "a" / "seeds-0-1" / "training", 20, at=2)
    (tmp_path / "a" / "seeds-0-1" / "training" / "21.orbax-checkpoint-tmp").mkdir()  # of a save that was given up
    assert last_line("compare", tmp_path) == f"stopped at step 20 of a; everything up to it is kept, {end}"
    saved(tmp_path / "b" / "seeds-2-3" / "training", 1235, at=3)
    kept = "stopped at step 1,235 of b, seeds 2 to 3; everything up to it is kept"
    assert last_line("compare", tmp_path) == f"{kept}, {end}"
    (tmp_path / "results.nc").touch()
    assert "has all its numbers" in last_line("compare", tmp_path)


def test_of_several_processes_all_have_to_have_saved_the_step(tmp_path: Path) -> None:
    for process, steps in (("1of2", (5, 9)), ("2of2", (5,))):
        own = tmp_path / "a" / "seeds-0-1" / "training" / process
        own.mkdir(parents=True)
        for step in steps:
            (own / f"{step}.npz").touch()
    assert last_line("train", tmp_path).startswith("stopped at step 5 of a; ")


def test_a_coordinator_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jaxgan.study.distributed.resources.SAID_AFTER", 0.05)
    given_up = threading.Event()
    statuses: list[int] = []

    def leave(status: int) -> None:
        statuses.append(status)
        given_up.set()

    monkeypatch.setattr(os, "_exit", leave)
    lines: list[str] = []
    with _no_longer_than(0.1, Cluster("far:1234", 2, 1), lines.append):
        assert given_up.wait(10)
    assert statuses == [2] and lines == [
        "waiting for process 0 at far:1234",
        "jaxgan: --coordinator: waited 0 s for process 0 at far:1234, expected an answer",
    ]


@pytest.mark.parametrize("address", ["far", ":1", "far:", "far:x", "far:0", "far:65536"])
def test_a_coordinator_has_a_host_and_a_port(address: str) -> None:
    with pytest.raises(OptionError, match=f"--coordinator: got '{address}', expected HOST:PORT"):
        cluster_from(False, address, 2, 1)
