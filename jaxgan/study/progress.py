"""How far a run is, read from its folder while another process writes it. Imports no JAX, and changes nothing."""

import csv
import json
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxgan.files import StoreError
from jaxgan.results.claim import CONFIG, holder, is_run
from jaxgan.results.seal import read_sealed
from jaxgan.study.messages import counted

_RECENT = 20  # stretches of training that the rate is taken from


class Part(NamedTuple):
    """Runs that are trained together."""

    folder: str  # within the run's
    program: str
    runs: int
    first: int
    last: int
    wave: int


class Trained(NamedTuple):
    """How far a part is."""

    part: Part
    step: int
    done: bool  # trained and measured
    codes: Counter[str]  # of its runs' outcomes; until it is done, of those that are not finite alone


class Progress(NamedTuple):
    """How far a run is."""

    folder: Path
    job: str
    data: str
    steps: int
    configurations: int
    trained: tuple[Trained, ...]
    finished: bool
    holder: dict[str, Any] | str | None  # who writes now, or why that cannot be asked
    failures: dict[str, int]  # by code; of a run that is not finished those that are known
    rate: float | None  # steps a second, of all runs together

    @property
    def runs(self) -> int:
        """All that are asked for."""
        return sum(one.part.runs for one in self.trained)

    @property
    def seconds_left(self) -> float | None:
        """At the rate of the last minutes; None where nothing was trained yet."""
        steps = sum(one.part.runs * (self.steps - min(one.step, self.steps)) for one in self.trained)
        return steps / self.rate if self.rate else None


def progress_of(folder: Path) -> Progress:
    """What the files of a run say.

    Raises:
      StoreError: no run, or one whose config.json is damaged or of another kind.
    """
    if not is_run(folder):
        raise StoreError(f"{folder} holds no run (no {CONFIG})")
    content = read_sealed(folder / CONFIG)
    try:
        parts, config = _parts(content), content["config"]
        steps, data = int(content.get("steps") or config["steps"]), str(config["data"])
    except (KeyError, TypeError, ValueError) as error:
        raise StoreError(f"{folder} holds no run that trains, of which there is a progress") from error
    trained = tuple(_trained(folder, part, steps) for part in parts)
    finished = (folder / "results.nc").is_file()
    failures = _outcomes(folder) if finished else dict(sum((one.codes for one in trained), Counter()))
    failures = {code: n for code, n in failures.items() if n and code != "OK"}
    count, rate = len(content["configurations"]), _rate(folder)
    return Progress(folder, content["job"], data, steps, count, trained, finished, _holder(folder), failures, rate)


def lines_of(found: Progress) -> Iterator[str]:
    """A few lines for a terminal or a log."""
    yield f"{found.folder}: {_state(found)}"
    seeds = counted(found.runs // max(1, found.configurations), "seed")
    what = f"{counted(found.configurations, 'configuration')} x {seeds} x {counted(found.steps, 'step')}"
    yield f"{found.job} on {found.data}: {what}, {counted(len({one.part.program for one in found.trained}), 'program')}"
    done = found.runs if found.finished else sum(one.part.runs for one in found.trained if one.done)
    yield f"runs done: {done:,} of {found.runs:,}"
    for one in found.trained if not found.finished else ():
        if one.step and not one.done:
            what = "trained, being measured" if one.step >= found.steps else f"step {one.step:,} of {found.steps:,}"
            yield f"under way: {title_of(one.part)}: {what}"
    known = "" if found.finished else " so far"
    codes = ", ".join(f"{n:,} {code}" for code, n in sorted(found.failures.items())) or "none"
    yield f"failed runs{known}: {codes}"
    if not found.finished and found.rate and found.seconds_left is not None:
        left = f"about {duration(found.seconds_left)} of training left"
        yield f"{found.rate:,.0f} steps a second of all runs together, {left}"


def title_of(part: Part) -> str:
    """What a part is called.

    Example:
      >>> title_of(Part("minimax/seeds-0-7-1", "minimax", 32, 0, 7, 1))
      'minimax, seeds 0 to 7, wave 2, 32 runs'
    """
    wave = f", wave {part.wave + 1}" if part.wave else ""
    return f"{part.program}, seeds {part.first} to {part.last}{wave}, {counted(part.runs, 'run')}"


def duration(seconds: float) -> str:
    """In the unit that suits it.

    Example:
      >>> duration(42), duration(600), duration(4 * 3600 + 600)
      ('42 s', '10 min', '4 h 10 min')
    """
    minutes = round(seconds / 60)
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"


def _holder(folder: Path) -> dict[str, Any] | str | None:
    try:
        return holder(folder)
    except OSError as error:  # another user's
        return error.strerror or type(error).__name__


def _state(found: Progress) -> str:
    if isinstance(found.holder, str):
        return "finished" if found.finished else f"running or stopped; its lock cannot be asked ({found.holder})"
    if found.holder is not None:
        about = found.holder
        by = f" by process {about['process']} on {about['host']}, since {about['since']}" if about else ""
        return f"running{by}"
    if found.finished:
        return "finished"
    if found.job == "study":
        return "stopped; its command goes on with it"
    command = "profile --train" if found.job == "profile" else found.job
    return f"stopped; continue with: jaxgan {command} --resume --out {found.folder}"


def _parts(content: Mapping[str, Any]) -> list[Part]:
    """Of this layout, or of that of earlier versions, whose seeds were the same for all configurations."""
    found = []
    for block in content["blocks"]:
        if isinstance(block, Mapping):
            program, first, last, wave = (block[name] for name in ("program", "first", "last", "wave"))
            runs = len(block["configurations"]) * (last + 1 - first)
            folder = f"{program}/seeds-{first}-{last}{f'-{wave}' if wave else ''}"
            found.append(Part(folder, program, runs, first, last, wave))
        else:
            first, last = block
            labels = content["configurations"]
            found += [Part(f"{own}/seeds-{first}-{last}", own, last + 1 - first, first, last, 0) for own in labels]
    return found


def _trained(folder: Path, part: Part, steps: int) -> Trained:
    records = folder / part.folder / "records"
    places = [path for path in records.glob("*of*") if path.is_dir()] or [records]  # of several processes each its own
    step = min(max((end for _, end in _spans(place)), default=0) for place in places)
    has_final = any(end >= steps for _, end in _spans(folder / part.folder / "final"))
    done = has_final or ((folder / "results.nc").is_file() and step >= steps)
    codes = _codes(folder / part.folder / "final", steps) or Counter(NON_FINITE=sum(map(_not_finite, places)))
    return Trained(part, step, done, codes)


def _spans(place: Path) -> list[tuple[int, int]]:
    """Of the stretches that a folder has, as files named by their first and last step."""
    names = [path.stem.partition("-") for path in place.glob("*-*.npz")]
    return sorted((int(a), int(b)) for a, _, b in names if a.isdecimal() and b.isdecimal())


def _codes(place: Path, end: int) -> Counter[str]:
    """What the runs of a part came to; nothing until it was measured."""
    try:
        with (place / f"{0:012d}-{end:012d}.npz").open("rb") as whole, np.load(whole) as final:
            return Counter(map(str, final["outcome"].tolist()))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):  # not there, or damaged
        return Counter()


def _not_finite(place: Path) -> int:
    """How many runs have had something that was not finite, by the records of a process."""
    found: Any = False
    for first, last in _spans(place):
        try:
            file = place / f"{first:012d}-{last:012d}.npz"
            with file.open("rb") as whole, np.load(whole) as stretch:  # np.load leaves a damaged file open
                found = found | (stretch["watch/step"] > 0).any(axis=1)
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):  # replaced a moment ago, or damaged
            continue
    return int(np.sum(found))


def _outcomes(folder: Path) -> dict[str, int]:
    """How many runs of a finished study ended how."""
    try:
        with (folder / "metrics.csv").open(encoding="utf-8", newline="") as file:
            return dict(Counter(row["outcome"] for row in csv.DictReader(file)))
    except (OSError, KeyError, ValueError):  # of a profile, or not written yet
        return {}


def _rate(folder: Path) -> float | None:
    """Steps a second of all runs together, of the last stretches of the log."""
    work = [(entry["steps"] * entry["runs"], entry["seconds"]) for entry in _log(folder)]
    steps, seconds = (sum(column) for column in zip(*work[-_RECENT:], strict=True)) if work else (0, 0)
    return steps / seconds if steps and seconds else None


def _log(folder: Path) -> Iterator[dict[str, Any]]:
    """The lines of log.jsonl that are about training; the last one may be half written."""
    try:
        lines = (folder / "log.jsonl").read_text(encoding="utf-8").splitlines()
    except OSError:
        return
    for line in lines:
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict) and entry.keys() >= {"steps", "runs", "seconds"}:
            yield entry
