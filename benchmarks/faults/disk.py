"""A disk that becomes full during a run, and a read-only folder; runs are resumed after the obstacle is removed."""

import functools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.faults import bench as runs
from benchmarks.faults import process
from benchmarks.faults.bench import SMALL
from benchmarks.faults.trial import Bench, Trial, scaled

SIZES = 10
ROOM = 64 * 2**20


def skipped() -> str:
    """Return why a small disk cannot be mounted here; "" if it can."""
    if os.name != "posix" or os.geteuid() != 0:
        return "only root can mount a small disk"
    with tempfile.TemporaryDirectory() as here:
        done = _mount(["-t", "tmpfs", "-o", "size=65536", "tmpfs"], Path(here))
        if done.returncode == 0:
            subprocess.run(["umount", "-l", here], check=True)
    return "" if done.returncode == 0 else "a small disk cannot be mounted"


def trials(bench: Bench, scale: float) -> list[Trial]:
    """Return trials with various amounts of free space at various moments, and with a read-only disk.

    The read-only disk is tried with a new run and with a stopped one.
    """
    sizes = np.geomspace(4096, 2**18, scaled(SIZES, scale, least=2)).astype(int) // 4096 * 4096
    full = [Trial("disk", i, "full", {"bytes": int(size), "after": i % 4}) for i, size in enumerate(sizes)]
    cases = ["read-only, new run", "read-only, stopped run"]
    return full + [Trial("disk", len(full) + i, case, {}) for i, case in enumerate(cases)]


def attempt(trial: Trial, bench: Bench, folder: Path) -> tuple[bool, str]:
    """Run on a disk that other files fill or that is read-only, and again after the obstacle was removed."""
    disk = folder / "disk"
    disk.mkdir()
    _mount(["-t", "tmpfs", "-o", f"size={ROOM}", "tmpfs"], disk).check_returncode()
    try:
        right, came = (
            _full(trial, bench, folder, disk) if trial.case == "full" else _read_only(trial, bench, folder, disk)
        )
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)
    return right, came


def _full(trial: Trial, bench: Bench, folder: Path, disk: Path) -> tuple[bool, str]:
    run = disk / "run"
    before = functools.partial(_filled, disk, trial.given["bytes"], trial.given["after"])
    ended = process.run(["train", *SMALL, "--out", str(run)], folder / "full", before)
    if ended.status == 0 and runs.is_named(bench, run, ["whole"]):
        return True, "there was room enough"
    if not ended.refused or len(_own_lines(ended)) > 1:
        return False, f"{ended.said} ({len(_own_lines(ended))} lines)"
    (disk / "of others").unlink(missing_ok=True)
    begun = (run / "config.json").is_file()
    words = ["train", "--resume"] if begun else ["train", *SMALL]
    on = process.run([*words, "--out", str(run)], folder / "on")
    return _in_the_end(bench, folder, run, on, "equal bits" if begun else "equal bits, begun anew")


def _filled(disk: Path, left: int, after: int) -> None:
    """Fill the disk, except for `left` bytes, after records were written `after` times; 0: right after the start."""
    from jaxgan.results.records import append_records

    runs.save_always()
    count = [0]

    def fill() -> None:
        with (disk / "of others").open("wb") as file:
            file.write(bytes(max(0, shutil.disk_usage(disk).free - left)))

    def appending(*arguments: Any) -> None:
        append_records(*arguments)
        count[0] += 1
        if count[0] == after:
            fill()

    if after == 0:
        _once_it_fits(fill)
    runs.replace(append_records, appending)


def _once_it_fits(fill: Callable[[], None]) -> None:
    """Fill the disk right after the run has checked that it has enough space."""
    from jaxgan.study.needs import check_needs

    def checked(*arguments: Any, **options: Any) -> None:
        check_needs(*arguments, **options)
        fill()

    runs.replace(check_needs, checked)


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
