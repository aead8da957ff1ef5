"""A damaged file of each kind: it must be harmless, or detected before training and repaired as instructed."""

import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path

from benchmarks.faults import bench as runs
from benchmarks.faults import process
from benchmarks.faults.bench import SMALL
from benchmarks.faults.trial import Bench, Trial, rng_for, scaled
from jaxgan.results.claim import is_run

TRIALS = 60
_BLOCK = "minimax/seeds-0-1"
# By case: the prepared run, and the pattern of names from which the damaged file is drawn.
FILES: dict[str, tuple[str, str]] = {
    "config.json of a stopped run": ("stopped", "config.json"),
    "records of a stopped run": ("stopped", f"{_BLOCK}/records/*.npz"),
    "checkpoint of a stopped run": ("stopped", f"{_BLOCK}/training/[0-9]*/**/*"),
    "digest of a checkpoint": ("stopped", f"{_BLOCK}/training/*.sha256"),
    "generator of a stopped run": ("stopped", "minimax/seeds-*/generator/[0-9]*/**/*"),
    "log and lock of a stopped run": ("stopped", "[.l]*"),
    "config.json of a finished run": ("whole", "config.json"),
    "results.nc": ("whole", "results.nc"),
    "SHA256SUMS": ("whole", "SHA256SUMS"),
    "checkpoint of a finished run": ("whole", f"{_BLOCK}/training/[0-9]*/**/*"),
    "records of a finished run": ("whole", f"{_BLOCK}/records/*.npz"),
    "generator, log and pages of a finished run": ("whole", "**/[0-9rltm]*"),
}
_SAID = re.compile(r"^to restore: (.*)$", flags=re.MULTILINE)


def trials(bench: Bench, scale: float) -> list[Trial]:
    """Return trials for pairs of a kind of file and a kind of damage; with a smaller scale, for fewer random pairs."""
    pairs = [(name, how) for name in FILES for how in HOWS]
    rng = rng_for(bench.seed, "damage")
    chosen = sorted(rng.permutation(len(pairs))[: scaled(TRIALS, scale)].tolist())
    found = []
    for number in chosen:
        name, how = pairs[number]
        start, pattern = FILES[name]
        paths = sorted(path for path in (bench.folder / start).glob(pattern) if path.is_file())
        path = paths[int(rng_for(bench.seed, "damage", number).integers(len(paths)))]
        given = {"run": start, "file": _steady(path.relative_to(bench.folder / start)), "index": paths.index(path)}
        found.append(Trial("damage", number, name, {"how": how, **given}))
    return found


def attempt(trial: Trial, bench: Bench, folder: Path) -> tuple[bool, str]:
    """Damage a copy of a run, check it, resume it, and follow the instructions to repair it."""
    start, pattern = FILES[trial.case]
    run, source = runs.copied(bench.folder / start, folder / "run"), bench.folder / start
    path = sorted(path for path in source.glob(pattern) if path.is_file())[trial.given["index"]]
    HOWS[trial.given["how"]](run / path.relative_to(source), bench)
    before = runs.content_of(run)
    looked = runs.check(run, folder / "looked")
    if looked.status not in (0, 2) or not looked.clean:
        return False, f"jaxgan check: {looked.said}"
    if runs.content_of(run) != before:
        return False, "jaxgan check changed something"
    noticed = bool(runs.damaged_parts(looked)) or looked.refused
    resumed = process.run(["train", "--resume", "--out", str(run)], folder / "resumed")
    if resumed.status == 0:
        if not runs.is_named(bench, run, ["whole"]):
            return False, f"resumed with other numbers{'' if noticed else ', not noticed'}"
        if runs.is_whole(runs.check(run, folder / "end")):
            return True, "noticed, made again by --resume" if noticed else "harmless"
    elif not resumed.refused or runs.content_of(run) != before:
        return False, f"resumed: {resumed.said}{'' if runs.content_of(run) == before else ', and changed something'}"
    elif not noticed:
        return False, f"jaxgan check did not notice: {looked.said}; {resumed.said}"
    # With the config.json of another run, a folder without results belongs to that run, whose records are missing.
    swapped = path.name == "config.json" and trial.given["how"] == "another's" and start == "stopped"
    return _mended(bench, folder, run, "other" if swapped else "whole")


def _mended(bench: Bench, folder: Path, run: Path, end: str) -> tuple[bool, str]:
    """Follow the instructions of `jaxgan check` until the run is intact; if there are none, replace the run."""
    for turn in range(4):
        looked = runs.check(run, folder / f"check-{turn}")
        if runs.is_whole(looked):
            equal = runs.is_named(bench, run, [end])
            return equal, "made again as it is said" if equal else "made again with other numbers"
        if not (ways := _SAID.findall(looked.out)):
            return _anew(bench, folder, run)
        for number, way in enumerate(ways):
            ended = _done(way, folder / f"way-{turn}-{number}")
            if ended.status not in (0, 2) or not ended.clean:
                return False, f"the way out {way!r}: {ended.said}"
    return False, f"the way out leads nowhere: {looked.out[-300:]!r}"


def _anew(bench: Bench, folder: Path, run: Path) -> tuple[bool, str]:
    if not is_run(run):  # without a config.json the folder may belong to somebody else, so it is not replaced
        ended = process.run(["train", *SMALL, "--overwrite", "--out", str(run)], folder / "anew")
        return ended.refused, f"noticed; no run any more, not replaced{'' if ended.refused else ended.said}"
    ended = process.run(["train", *SMALL, "--overwrite", "--out", str(run)], folder / "anew")
    if ended.status != 0:
        return False, f"a new run in its place: {ended.said}"
    equal = runs.is_named(bench, run, ["whole"]) and runs.is_whole(runs.check(run, folder / "last"))
    return equal, "noticed; a new run in its place" if equal else "a new run in its place has other numbers"


def _done(way: str, files: Path) -> process.Ended:
    """Carry out a line of `jaxgan check`: remove files, then run a command."""
    remove, _, command = way.rpartition(", and then: ")
    for name in shlex.split(remove.removeprefix("remove ").replace(" and ", " ")) if remove else []:
        path = Path(name)
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    return process.run(shlex.split(command)[1:], files)


def _steady(path: Path) -> str:
    """Replace random names, such as those of a checkpoint's data files, so that a trial can be repeated."""
    return re.sub(r"/[0-9a-f]{32}$", "/*", path.as_posix())


def _flipped(path: Path, bench: Bench) -> None:
    content = bytearray(path.read_bytes() or b"\0")
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def _cut(path: Path, bench: Bench) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def _emptied(path: Path, bench: Bench) -> None:
    path.write_bytes(b"")


def _removed(path: Path, bench: Bench) -> None:
    path.unlink()


def _anothers(path: Path, bench: Bench) -> None:
    """Replace a file by that of another run; if its name is random, by one in the same place."""
    run = next(folder for folder in path.parents if folder.name == "run")
    other = bench.folder / "other"
    inside = re.sub(r"(training|generator)/\d+", r"\1/30", path.relative_to(run).as_posix())
    inside = re.sub(r"/\d+\.sha256", "/30.sha256", inside)
    if (other / inside).is_file():
        shutil.copyfile(other / inside, path)
        return
    folder = other / Path(inside).parent
    others = sorted(one for one in folder.iterdir() if one.is_file()) if folder.is_dir() else []
    shutil.copyfile(others[0] if others else other / "metrics.csv", path)


HOWS: dict[str, Callable[[Path, Bench], None]] = {
    "a byte flipped": _flipped,
    "cut": _cut,
    "emptied": _emptied,
    "removed": _removed,
    "another's": _anothers,
}
