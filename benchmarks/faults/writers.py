"""Two or four processes on one folder at once: one must continue, and the others must report which process holds it."""

import functools
import re
import time
from pathlib import Path
from typing import NamedTuple

from benchmarks.faults import bench as runs
from benchmarks.faults import process
from benchmarks.faults.bench import MORE_STEPS, SMALL
from benchmarks.faults.trial import Bench, Trial, rng_for, scaled, spread_over

PAIRS, FOURS = 20, 6
_SAYS_WHY = re.compile(r"is in use by (another )?process|already holds a run|changed by another process")


class Scene(NamedTuple):
    """The commands that run at once, and their allowed results."""

    begins: str  # the prepared run in the folder, or ""
    words: tuple[tuple[str, ...], ...]  # the command of each process, without the folder
    ends: tuple[str, ...]  # the prepared runs that the result may equal
    one_alone: bool = True  # whether only one process can succeed; otherwise they may succeed one after another


_RESUME, _NEW = ("train", "--resume"), ("train", *SMALL)
_OVERWRITE = ("train", *SMALL, "--key", "1", "--overwrite")
_GROW, _REBUILD = ("train", "--resume", *MORE_STEPS), ("check", "--rebuild")
SCENES = {
    "--resume, --resume": Scene("stopped", (_RESUME, _RESUME), ("whole",)),
    "new, new": Scene("", (_NEW, _NEW), ("whole",)),
    "--resume, --overwrite": Scene("stopped", (_RESUME, _OVERWRITE), ("whole", "other"), False),
    "--overwrite, --overwrite": Scene("whole", (_OVERWRITE, _OVERWRITE), ("other",)),
    "more steps, check --rebuild": Scene("whole", (_GROW, _REBUILD), ("grown",), False),
}
MORE = {
    "four --resume": Scene("stopped", (_RESUME,) * 4, ("whole",)),
    "four new": Scene("", (_NEW,) * 4, ("whole",)),
    "--resume twice, --overwrite, --rebuild": Scene(
        "stopped", (_RESUME, _OVERWRITE, _RESUME, _REBUILD), ("whole", "other"), False
    ),
}


def trials(bench: Bench, scale: float) -> list[Trial]:
    """Return trials in which each process starts up to a second after the first."""
    cases = spread_over(list(SCENES), scaled(PAIRS, scale)) + spread_over(list(MORE), scaled(FOURS, scale))
    made = []
    for number, case in enumerate(cases):
        rng = rng_for(bench.seed, "writers", number)
        scene = (SCENES | MORE)[case]
        waits = [0.0, *rng.choice([0.0, 0.05, 0.3, 1.0], size=len(scene.words) - 1).tolist()]
        order = rng.permutation(len(scene.words)).tolist()
        made.append(Trial("writers", number, case, {"order": order, "waits": waits}))
    return made


def attempt(trial: Trial, bench: Bench, folder: Path) -> tuple[bool, str]:
    """Run all commands at once, then one more that continues the run, in case the winning process had less to do."""
    return _attempt(trial, (SCENES | MORE)[trial.case], bench, folder)


def _attempt(trial: Trial, scene: Scene, bench: Bench, folder: Path) -> tuple[bool, str]:
    run = folder / "run"
    if scene.begins:
        runs.copied(bench.folder / scene.begins, run)
    started = []
    for number, wait in zip(trial.given["order"], trial.given["waits"], strict=True):
        words = [*scene.words[number], *([] if scene.words[number] == _REBUILD else ["--out"]), str(run)]
        before = functools.partial(_after, wait)
        started.append(process.start(words, folder / f"said-{number}", before))
    ended = [process.finish(one) for one in started]
    for one in ended:
        if one.status != 0 and not (one.refused and _is_about_others(one.last, scene)):
            return False, one.said
    first = sum(one.status == 0 for one in ended)
    if not first or (scene.one_alone and first > 1):
        return False, f"{first} of {len(ended)} came to their end"
    return _in_the_end(scene, bench, folder, run)


def _is_about_others(line: str, scene: Scene) -> bool:
    unfinished = _REBUILD in scene.words and "unfinished run" in line  # it came first, with nothing to rebuild
    return bool(_SAYS_WHY.search(line)) or unfinished


def _in_the_end(scene: Scene, bench: Bench, folder: Path, run: Path) -> tuple[bool, str]:
    words = _GROW if _GROW in scene.words else _RESUME
    on = process.run([*words, "--out", str(run)], folder / "on")
    if on.status != 0:
        return False, f"afterwards: {on.said}"
    if not runs.is_named(bench, run, scene.ends):
        return False, "other numbers"
    if not runs.is_whole(looked := runs.check(run, folder / "end")):
        return False, f"not whole at the end: {looked.said}"
    return (False, f"left over: {left}") if (left := runs.left_over(run)) else (True, "equal bits")


def _after(seconds: float) -> None:
    runs.save_always()
    time.sleep(seconds)
