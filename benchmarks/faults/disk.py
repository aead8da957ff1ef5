"""A disk that is full at many moments of a run, and a folder that cannot be written to; and room made afterwards."""

import os
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.faults import bench as runs
from benchmarks.faults import process
from benchmarks.faults.bench import SMALL
from benchmarks.faults.trial import Bench, Outcome, Trial, scaled

SIZES = 10
ROOM = 64 * 2**20


def skipped() -> str:
    """Why no small disk can be made here; "" where one can."""
    if os.name != "posix" or os.geteuid() != 0:
        return "only root can mount a disk of a size"
    with tempfile.TemporaryDirectory() as here:
        done = _mount(["-t", "tmpfs", "-o", "size=65536", "tmpfs"], Path(here))
        if done.returncode == 0:
            subprocess.run(["umount", "-l", here], check=True)
    return "" if done.returncode == 0 else "a disk of a size cannot be mounted"


def trials(bench: Bench, scale: float) -> list[Trial]:
    """Sizes up to what a run needs; and a disk that is read-only, for a new run and for one to go on with."""
    most = sum(-(-path.stat().st_size // 4096) * 4096 for path in (bench.folder / "whole").rglob("*") if path.is_file())
    sizes = np.geomspace(8192, 0.95 * most, scaled(SIZES, scale, least=2)).astype(int) // 4096 * 4096
    full = [Trial("disk", i, "full", {"bytes": int(size)}) for i, size in enumerate(sizes)]
    cases = ["read-only, new run", "read-only, stopped run"]
    return full + [Trial("disk", len(full) + i, case, {}) for i, case in enumerate(cases)]


def attempt(trial: Trial, bench: Bench, folder: Path) -> Outcome:
    """A run on a small disk, and again after it was made larger."""
    begun = time.monotonic()
    disk = folder / "disk"
    disk.mkdir()
    _mount(["-t", "tmpfs", "-o", f"size={trial.given.get('bytes', ROOM)}", "tmpfs"], disk).check_returncode()
    try:
        right, came = _full(bench, folder, disk) if trial.case == "full" else _read_only(trial, bench, folder, disk)
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)
    return Outcome(trial, right, came, time.monotonic() - begun)


def _full(bench: Bench, folder: Path, disk: Path) -> tuple[bool, str]:
    run = disk / "run"
    ended = process.run(["train", *SMALL, "--out", str(run)], folder / "full", _filled_by_others)
    if not ended.refused or len(_own_lines(ended)) > 1:
        return False, f"{ended.said} ({len(_own_lines(ended))} lines)"
    _mount(["-o", f"remount,size={ROOM}"], disk).check_returncode()
    begun = (run / "config.json").is_file()
    words = ["train", "--resume"] if begun else ["train", *SMALL]
    on = process.run([*words, "--out", str(run)], folder / "on")
    return _in_the_end(bench, folder, run, on, "equal bits" if begun else "equal bits, begun anew")


def _filled_by_others() -> None:
    """A disk that has room when the run begins: one that has none is refused before."""
    from jaxgan.study.needs import check_needs

    runs.save_always()
    runs.replace(check_needs, lambda *arguments, **options: None)


def _read_only(trial: Trial, bench: Bench, folder: Path, disk: Path) -> tuple[bool, str]:
    run, stopped = disk / "run", trial.case.endswith("stopped run")
    if stopped:
        runs.copied(bench.folder / "stopped", run)
    words = ["train", "--resume"] if stopped else ["train", *SMALL]
    _mount(["-o", "remount,ro"], disk).check_returncode()
    ended = process.run([*words, "--out", str(run)], folder / "read-only")
    looked = runs.check(run, folder / "looked")
    if not ended.refused or looked.status != 2 or not looked.clean:
        return False, f"{ended.said}; jaxgan check: {looked.said}"
    _mount(["-o", "remount,rw"], disk).check_returncode()
    on = process.run([*words, "--out", str(run)], folder / "on")
    return _in_the_end(bench, folder, run, on, "equal bits")


def _in_the_end(bench: Bench, folder: Path, run: Path, on: process.Ended, came: str) -> tuple[bool, str]:
    if on.status != 0:
        return False, f"after there was room: {on.said}"
    if not runs.is_named(bench, run, ["whole"]):
        return False, "other numbers"
    looked = runs.check(run, folder / "end")
    return (True, came) if runs.is_whole(looked) else (False, f"not whole at the end: {looked.said}")


def _own_lines(ended: process.Ended) -> list[str]:
    return [line for line in ended.err.splitlines() if line.startswith("jaxgan: ")]


def _mount(words: Sequence[str], where: Path) -> subprocess.CompletedProcess:
    return subprocess.run(["mount", *words, str(where)], capture_output=True, check=False)
