"""The runs that are attacked, made once and copied for every trial; and whether a run is what it has to be."""

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
    """Makes the runs that trials begin with, and those that they have to end with.

    whole, other     finished runs of one configuration and two keys
    second           the next two seeds of `whole`
    grown, merged    what `whole` becomes with more steps, or together with `second`
    stopped          `whole`, stopped on its way
    """
    _end(folder, "whole", _begin(folder, "whole", ["train", *SMALL]))  # alone: the others find its programs compiled
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
        raise RuntimeError("two undisturbed runs have other numbers: nothing can be said of disturbed ones")
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
    """Sends a Ctrl-C after the second stretch of training."""
    from jaxgan.study.training import Writer

    on_chunk, count = Writer.on_chunk, [0]

    def counting(writer: Writer, chunk: Any) -> None:
        on_chunk(writer, chunk)
        count[0] += 1
        if count[0] == 2:
            os.kill(os.getpid(), signal.SIGINT)

    Writer.on_chunk = counting  # type: ignore[assignment, method-assign]


def save_always() -> None:
    """A checkpoint after every stretch of training, and not every 30 seconds."""
    from jaxgan.study import training

    training._SAVE_SECONDS = 0.0


def replace(old: Callable, new: Callable) -> None:
    """Puts a function in the place of another in all modules that have it, as if it had been written so."""
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
    """A copy of a run."""
    target.parent.mkdir(parents=True, exist_ok=True)
    return Path(shutil.copytree(source, target, symlinks=True))


def numbers_of(folder: Path) -> str:
    """The digest of every number of a finished run; "" where it has none that can be read."""
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
    """Whether the run has the numbers of one of the prepared ones, to the bit."""
    return numbers_of(folder) in {bench.numbers[name] for name in names}


def check(folder: Path, files: Path) -> process.Ended:
    """`jaxgan check`."""
    return process.run(["check", str(folder)], files)


def is_whole(ended: process.Ended) -> bool:
    """What `jaxgan check` says of a run of which nothing is missing."""
    return ended.status == 0 and ended.out.rstrip().endswith("everything is intact")


def damaged_parts(ended: process.Ended) -> list[str]:
    """What `jaxgan check` calls damaged, but for the results of a run that was stopped."""
    lines = [line for line in ended.out.splitlines() if "DAMAGED" in line and "not there yet" not in line]
    return [line.split()[0] for line in lines]


def left_over(folder: Path) -> list[str]:
    """What no run has to have once it is complete."""
    return [p.name for p in folder.rglob("*") if p.name.endswith(".partial") or p.name == ".replaced"]


def content_of(folder: Path) -> str:
    """The digest of all files' bytes, but for the lock's, which says who held it last."""
    total = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.name != ".lock":
            total.update(str(path.relative_to(folder)).encode())
            total.update(path.read_bytes() if path.is_file() else b"")
    return total.hexdigest()
