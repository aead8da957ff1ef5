"""`kill -9`, half at named points of the code and half at random moments, followed by resuming."""

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.faults import bench as runs
from benchmarks.faults import points, process
from benchmarks.faults.bench import MORE_STEPS, SMALL
from benchmarks.faults.trial import Bench, Trial, rng_for, scaled, spread_over

TRIALS = 100


class Scene(NamedTuple):
    """A command that is killed, and its allowed results."""

    begins: str  # the prepared run in the folder, or ""
    words: tuple[str, ...]  # the command that is killed, without --out
    ends: tuple[str, ...]  # the prepared runs that the result may equal
    on: tuple[str, ...]  # the command that resumes
    share: int  # of 10 trials


def scenes(bench: Bench) -> dict[str, Scene]:
    """Return all scenes by name."""
    parts = (str(bench.folder / "whole"), str(bench.folder / "second"))
    resume = ("train", "--resume")
    return {
        "new run": Scene("", ("train", *SMALL), ("whole",), resume, 3),
        "resumed run": Scene("stopped", resume, ("whole",), resume, 2),
        "--overwrite of a finished run": Scene(
            "whole", ("train", *SMALL, "--key", "1", "--overwrite"), ("whole", "other"), resume, 2
        ),
        "growth to more steps": Scene("whole", (*resume, *MORE_STEPS), ("grown",), (*resume, *MORE_STEPS), 2),
        "merge": Scene("", ("merge", *parts), ("merged",), ("compare", "--resume"), 1),
    }


def trials(bench: Bench, scale: float) -> list[Trial]:
    """Return trials, half of them at named points, drawn from all points that an undisturbed scene reaches."""
    found = scenes(bench)
    names = [name for name, scene in found.items() for _ in range(scene.share)]
    count = scaled(TRIALS, scale, least=2)
    rng = rng_for(bench.seed, "kills")
    order = spread_over(list(rng.permutation(names)), count)
    made: list[Trial] = []
    rehearsed = _rehearsed(bench, {name: found[name] for name in order[: (count + 1) // 2]})
    chosen: dict[str, set[str]] = {name: set() for name in found}
    for number in range(count):
        name = order[number % ((count + 1) // 2)]
        if number < (count + 1) // 2:
            point = _chosen(rehearsed[name], chosen[name], rng)
            made.append(Trial("kills", number, f"{name}, at a named point", {"scene": name, "point": list(point)}))
        else:
            moment = float(rng.uniform(0.02, bench.seconds))
            made.append(Trial("kills", number, f"{name}, at a random moment", {"scene": name, "seconds": moment}))
    return made


def attempt(trial: Trial, bench: Bench, folder: Path) -> tuple[bool, str]:
    """Kill the command, check the run, and resume it."""
    return _attempt(trial, scenes(bench)[trial.given["scene"]], bench, folder)


def _attempt(trial: Trial, scene: Scene, bench: Bench, folder: Path) -> tuple[bool, str]:
    run = folder / "run"
    if scene.begins:
        runs.copied(bench.folder / scene.begins, run)
    point = trial.given.get("point")
    before = functools.partial(_prepared, run, None if point is None else points.Point(*point))
    killed = process.start([*scene.words, "--out", str(run)], folder / "killed", before)
    ended = process.finish(killed, kill_after=trial.given.get("seconds"))
    if ended.status not in (-9, 0):
        return False, f"before it was killed: {ended.said}"
    if (looked := runs.check(run, folder / "looked")).status not in (0, 2) or not looked.clean:
        return False, f"jaxgan check: {looked.said}"
    return _gone_on(scene, bench, folder, run, "ended before" if ended.status == 0 else "equal bits")


def _gone_on(scene: Scene, bench: Bench, folder: Path, run: Path, came: str) -> tuple[bool, str]:
    begun = any((run / where / "config.json").is_file() for where in ("", ".replaced"))
    words = scene.on if begun else scene.words
    ended = process.run([*words, "--out", str(run)], folder / "on")
    if ended.status != 0:
        return False, f"{'going on' if begun else 'starting anew'}: {ended.said}"
    if not runs.is_named(bench, run, scene.ends):
        return False, "other numbers"
    if not runs.is_whole(looked := runs.check(run, folder / "end")):
        return False, f"not whole at the end: {runs.damaged_parts(looked)} {looked.said}"
    if left := runs.left_over(run):
        return False, f"left over: {left}"
    return True, came if begun else f"{came}, begun anew"


def _prepared(run: Path, at: points.Point | None, log: Path | None = None) -> None:
    runs.save_always()
    points.watch(run, at, log)


def _rehearsed(bench: Bench, scenes: dict[str, Scene]) -> dict[str, list[points.Point]]:
    """Run the scenes undisturbed and return all their points."""
    folders = {name: bench.folder / "rehearsals" / name.replace(" ", "-") for name in scenes}
    started = {}
    for name, scene in scenes.items():
        run = folders[name] / "run"
        folders[name].mkdir(parents=True)
        if scene.begins:
            runs.copied(bench.folder / scene.begins, run)
        before = functools.partial(_prepared, run, None, folders[name] / "points")
        started[name] = process.start([*scene.words, "--out", str(run)], folders[name] / "said", before)
    for name, running in started.items():
        ended = process.finish(running)
        if ended.status != 0 or not runs.is_named(bench, folders[name] / "run", scenes[name].ends):
            raise RuntimeError(f"{name}, undisturbed: {ended.said}\n{ended.err}")
    return {name: points.read(folder / "points") for name, folder in folders.items()}


def _chosen(found: Sequence[points.Point], names: set[str], rng: object) -> points.Point:
    """Draw one of the points, with a name that was not drawn before if there is one."""
    left = [point for point in found if point.name not in names] or list(found)
    name = rng.choice(sorted({point.name for point in left}))  # type: ignore[attr-defined]
    names.add(str(name))
    return left[int(rng.choice([i for i, point in enumerate(left) if point.name == name]))]  # type: ignore[attr-defined]
