"""The runs that are attacked, made once and copied for every trial, and checks of their state after a trial."""

import hashlib
import os
import shutil
import signal
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import FunctionType
from typing import Any

import numpy as np
import xarray as xr

from benchmarks.faults import process
from benchmarks.faults.trial import Bench

SMALL = [
    *("--data", "ring", "--loss", "minimax", "--seeds", "2", "--steps", "30", "--width", "4"),
    *("--samples", "60", "--batch-size", "8", "--evaluate-every", "10"),
]
MORE_STEPS = ["--steps", "60"]


def prepare(folder: Path, seed: int) -> Bench:
    """Make the runs with which trials start, and those with which they must end.

    whole, other     finished runs of one configuration with two keys
    second           the next two seeds of `whole`
    grown, merged    `whole` with more steps, and merged with `second`
    stopped          `whole`, stopped during training
    """
    _end(folder, "whole", _begin(folder, "whole", ["train", *SMALL]))  # first: the others reuse its compiled programs
    for name in ("grown", "again"):
        copied(folder / "whole", folder / name)
    begun = {
        "other": _begin(folder, "other", ["train", *SMALL, "--key", "1"]),
        "second": _begin(folder, "second", ["train", *SMALL, "--first-seed", "2"]),
        "stopped": _begin(folder, "stopped", ["train", *SMALL], stop_in_the_middle),
        "grown": _begin(folder, "grown", ["train", "--resume", *MORE_STEPS]),
        "again": _begin(folder, "again", ["train", *SMALL, "--key", "1", "--overwrite"]),
    }
    for name, running in begun.items():
        _end(folder, name, running, status=130 if name == "stopped" else 0)
    merged = _begin(folder, "merged", ["merge", str(folder / "whole"), str(folder / "second")])
    _end(folder, "merged", merged)
    numbers = {name: numbers_of(folder / name) for name in ("whole", "other", "second", "grown", "merged")}
    if numbers_of(folder / "again") != numbers["other"]:
        raise RuntimeError("two undisturbed runs differ, so disturbed ones cannot be judged")
    seconds = _end(folder, "timed", _begin(folder, "timed", ["train", *SMALL]))
    return Bench(folder, numbers, seconds, seed)


def _begin(folder: Path, name: str, words: Sequence[str], before: process.Before | None = None) -> process.Running:
    return process.start([*words, "--out", str(folder / name)], folder / "said" / name, before)


def _end(folder: Path, name: str, running: process.Running, status: int = 0) -> float:
    ended = process.finish(running)
    if ended.status != status:
        raise RuntimeError(f"{name} could not be prepared: {ended.said}\n{ended.err}")
    return ended.seconds


def stop_in_the_middle() -> None:
    """Send a Ctrl-C after the second chunk of training."""
    from jaxgan.study.training import Writer

    on_chunk, count = Writer.on_chunk, [0]

    def counting(writer: Writer, chunk: Any) -> None:
        on_chunk(writer, chunk)
        count[0] += 1
        if count[0] == 2:
            os.kill(os.getpid(), signal.SIGINT)

    Writer.on_chunk = counting  # type: ignore[assignment, method-assign]


def save_always() -> None:
    """Write a checkpoint after every chunk of training instead of every 30 seconds."""
    from jaxgan.study import training

    training._SAVE_SECONDS = 0.0


def replace(old: Callable, new: Callable) -> None:
    """Replace a function by another in all modules and classes of jaxgan that refer to it."""
    import sys

    for name, module in list(sys.modules.items()):
        if name.split(".")[0] == "jaxgan":
            for attribute, value in list(vars(module).items()):
                if value is old:
                    setattr(module, attribute, new)
                elif isinstance(value, type) and value.__module__ == name and isinstance(old, FunctionType):
                    for own, method in list(vars(value).items()):
                        if method is old:
                            setattr(value, own, new)


def copied(source: Path, target: Path) -> Path:
    """Copy a run."""
    target.parent.mkdir(parents=True, exist_ok=True)
    return Path(shutil.copytree(source, target, symlinks=True))


def numbers_of(folder: Path) -> str:
    """Return the digest of all values of a finished run; "" if they cannot be read."""
    total = hashlib.sha256()
    try:
        with xr.open_dataset(folder / "results.nc", engine="h5netcdf") as opened:
            found = opened.load()
        for name in sorted(map(str, found.variables)):
            values = np.asarray(found[name].values)
            text = values.dtype.kind in "OUSTb"
            total.update(f"{name} {found[name].dims} {values.shape} {'' if text else values.dtype}".encode())
            total.update("\0".join(map(str, values.ravel())).encode() if text else values.tobytes())
    except Exception:  # a damaged file can fail anywhere
        return ""
    return total.hexdigest()


def is_named(bench: Bench, folder: Path, names: Iterable[str]) -> bool:
    """Return whether a run equals one of the named prepared runs bit for bit."""
    return numbers_of(folder) in {bench.numbers[name] for name in names}


def check(folder: Path, files: Path) -> process.Ended:
    """Run `jaxgan check` on a folder."""
    return process.run(["check", str(folder)], files)


def is_whole(ended: process.Ended) -> bool:
    """Return whether `jaxgan check` reports a complete and intact run."""
    return ended.status == 0 and ended.out.rstrip().endswith("everything is intact")


def damaged_parts(ended: process.Ended) -> list[str]:
    """Return the parts that `jaxgan check` reports as damaged, without the missing results of a stopped run."""
    lines = [line for line in ended.out.splitlines() if "DAMAGED" in line and "not there yet" not in line]
    return [line.split()[0] for line in lines]


def left_over(folder: Path) -> list[str]:
    """Return the temporary files and folders that a complete run must not have."""
    return [p.name for p in folder.rglob("*") if p.name.endswith(".partial") or p.name == ".replaced"]


def content_of(folder: Path) -> str:
    """Return the digest of all files except the lock, which records its last holder."""
    total = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.name != ".lock":
            total.update(str(path.relative_to(folder)).encode())
            total.update(path.read_bytes() if path.is_file() else b"")
    return total.hexdigest()
