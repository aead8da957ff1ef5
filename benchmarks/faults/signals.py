"""Stop signals, sent once, twice and three times at random moments, followed by resuming."""

import os
import re
import signal
import time
from contextlib import suppress
from pathlib import Path

from benchmarks.faults import bench as runs
from benchmarks.faults import process
from benchmarks.faults.bench import SMALL
from benchmarks.faults.trial import Bench, Trial, rng_for, scaled, spread_over

TRIALS = 36
NAMES = ("SIGINT", "SIGTERM", "SIGHUP")
TIMES = {1: "once", 2: "twice", 3: "three times"}
_STEP = re.compile(r"stopped at step ([\d,]+) of")


def trials(bench: Bench, scale: float) -> list[Trial]:
    """Return trials with signals at intervals of 0.01 to 1 second."""
    cases = spread_over([(name, count) for count in TIMES for name in NAMES], scaled(TRIALS, scale, least=3))
    made = []
    for number, (name, count) in enumerate(cases):
        rng = rng_for(bench.seed, "signals", number)
        first = float(rng.uniform(0.05, bench.seconds))
        gaps = [float(10 ** rng.uniform(-2, 0)) for _ in range(count - 1)]
        made.append(Trial("signals", number, f"{name} {TIMES[count]}", {"first": first, "gaps": gaps}))
    return made


def attempt(trial: Trial, bench: Bench, folder: Path) -> tuple[bool, str]:
    """Stop a new run with signals, and resume it."""
    run, number = folder / "run", getattr(signal, trial.case.split()[0])
    running = process.start(["train", *SMALL, "--out", str(run)], folder / "signalled", runs.save_always)
    for wait in (trial.given["first"], *trial.given["gaps"]):
        time.sleep(wait)
        with suppress(ProcessLookupError):
            os.kill(running.pid, number)
    ended = process.finish(running)
    if ended.status not in (0, 128 + number) or not ended.clean:
        return False, ended.said
    if ended.status == 0 and not runs.is_named(bench, run, ["whole"]):
        return False, f"it came to its end with other numbers: {ended.said}"
    if ended.status and not ended.last.startswith("jaxgan: "):
        return False, f"the last line: {ended.said}"
    return _gone_on(bench, folder, run, ended)


def _gone_on(bench: Bench, folder: Path, run: Path, ended: process.Ended) -> tuple[bool, str]:
    if (said := _STEP.search(ended.last)) and _kept(run) < int(said[1].replace(",", "")):
        return False, f"step {said[1]} was said to be kept, and {_kept(run)} is: {ended.said}"
    begun = (run / "config.json").is_file()
    words = ["train", "--resume"] if begun else ["train", *SMALL]
    on = process.run([*words, "--out", str(run)], folder / "on")
    if on.status != 0:
        return False, f"going on: {on.said}"
    if not runs.is_named(bench, run, ["whole"]):
        return False, "other numbers"
    if not runs.is_whole(looked := runs.check(run, folder / "end")):
        return False, f"not whole at the end: {looked.said}"
    how = "came to its end" if ended.status == 0 else "stopped" if begun else "stopped before it had a folder"
    return True, f"{how}, equal bits"


def _kept(run: Path) -> int:
    """Return the step of a run's last checkpoint."""
    return max((int(path.name) for path in run.glob("*/seeds-*/training/*") if path.name.isdigit()), default=0)
