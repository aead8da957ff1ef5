"""Read the progress of a run from its folder while another process writes it. Does not import JAX."""

import csv
import json
import math
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence, Set
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from jaxgan.files import StoreError
from jaxgan.results.claim import CONFIG, is_run
from jaxgan.results.codes import FINE
from jaxgan.results.locks import holder
from jaxgan.results.seal import read_sealed
from jaxgan.study.block import Block, blocks_in

_RECENT = 20  # chunks of training from which the rate is computed
_LOSSES = ("d_loss", "g_loss")
_WORK, _COUNTS = ("steps", "runs", "seconds"), ("step", "stopped", "not_finite")  # numbers in a line of the log
_BEYOND = 1e18  # no number of the log is as large, unless the log is damaged
_TAIL = 2**18  # bytes read from the end of the log: more than a thousand chunks


class Trained(NamedTuple):
    """The progress of a block."""

    block: Block
    step: int
    done: bool  # trained and measured
    codes: Counter[str]  # its runs by outcome; until it is done, only those that are not finite
    stopped: int = 0  # runs that were stopped by a rule
    losses: Mapping[str, float] = MappingProxyType({})  # the latest medians over its runs

    @property
    def under_way(self) -> bool:
        """Whether the block has started and is not done."""
        return self.step > 0 and not self.done


class Progress(NamedTuple):
    """The progress of a run."""

    folder: Path
    job: str
    data: str
    steps: int
    configurations: int
    trained: tuple[Trained, ...]
    finished: bool
    holder: dict[str, Any] | str | None  # the process that is writing, or why it cannot be determined
    failures: dict[str, int] | None  # by code; for an unfinished run, those known so far; None: metrics.csv is damaged
    rate: float | None  # steps per second, summed over all runs
    resumable: bool = True  # whether a stopped run can be continued

    @property
    def runs(self) -> int:
        """The number of requested runs."""
        return sum(one.block.runs for one in self.trained)

    @property
    def runs_done(self) -> int:
        """The number of runs that are trained and measured."""
        return self.runs if self.finished else sum(one.block.runs for one in self.trained if one.done)

    @property
    def seconds_left(self) -> float | None:
        """The remaining time at the recent rate; None if nothing was trained yet."""
        steps = sum(one.block.runs * (self.steps - min(one.step, self.steps)) for one in self.trained)
        return steps / self.rate if self.rate else None


def progress_of(folder: Path, before: Progress | None = None) -> Progress:
    """Read the progress of a run from its files.

    Args:
      folder: the folder of the run.
      before: an earlier result in the same process; with it, most files need not be read again.

    Raises:
      StoreError: if there is no run, or its config.json is damaged or of another kind.
    """
    found = _not_begun(folder) if before is None else before
    finished = (folder / "results.nc").is_file()
    log = list(_log(folder, whole=before is None))
    last = {str(entry.get("block")): entry for entry in log}
    trained = tuple(
        one
        if before is not None and (one.done or not (one.block.folder in last or (folder / one.block.folder).is_dir()))
        else _trained(found, one, last.get(one.block.folder, {}), finished, again=before is not None)
        for one in found.trained
    )
    outcomes: dict[str, int] | None = dict(sum((one.codes for one in trained), Counter()))
    if finished:
        written = _outcomes(found)
        outcomes = outcomes if written is None and found.holder is not None else written  # about to be written
    failures = None if outcomes is None else {code: n for code, n in outcomes.items() if n and code not in FINE}
    rate = _rate(log, {one.block.folder for one in trained if one.under_way})
    return found._replace(trained=trained, finished=finished, failures=failures, rate=rate)


def _not_begun(folder: Path) -> Progress:
    """Return the progress before the first step: all blocks to be trained, and the process that is writing."""
    if not is_run(folder):
        raise StoreError(f"{folder} holds no run (no {CONFIG})")
    content = read_sealed(folder / CONFIG)
    try:
        blocks, config = blocks_in(content), content["config"]
        steps, data = int(content.get("steps") or config["steps"]), str(config["data"])
        job, count = str(content["job"]), len(content["configurations"])
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise StoreError(f"{folder} holds no training run, expected one") from error
    trained = tuple(Trained(block, 0, False, Counter()) for block in blocks)
    resumable = content.get("kind") != "frozen"
    return Progress(folder, job, data, steps, count, trained, False, _holder(folder), {}, None, resumable)


def _holder(folder: Path) -> dict[str, Any] | str | None:
    try:
        return holder(folder)
    except OSError as error:  # the folder of another user
        return error.strerror or type(error).__name__


def _trained(found: Progress, before: Trained, last: Mapping[str, Any], finished: bool, *, again: bool) -> Trained:
    """Return the progress of a block from its files and, while a process is writing, from its last line in the log.

    The saved files may be half a minute old. The log is only as old as the last chunk of training, but may be ahead of
    what a killed process has saved.
    """
    own, steps = found.folder / before.block.folder, found.steps
    places = [path for path in own.glob("records/*of*") if path.is_dir()] or [own / "records"]  # one per process
    saved = min(max((end for _, end in _spans(place)), default=0) for place in places)
    step = saved if found.holder is None else max(saved, int(last.get("step", 0)))
    done = any(end >= steps for _, end in _spans(own / "final")) or (finished and saved >= steps)
    broken = before.codes["DIVERGED"] if again else sum(map(_not_finite, places))
    codes = _codes(own / "final", steps) or Counter(DIVERGED=max(broken, int(last.get("not_finite", 0))))
    losses = {name: float(last[name]) for name in _LOSSES if name in last}
    return Trained(before.block, step, done, codes, int(last.get("stopped", before.stopped)), losses)


def _spans(place: Path) -> list[tuple[int, int]]:
    """Return the first and last step of each file in a folder, from its name."""
    names = [path.stem.partition("-") for path in place.glob("*-*.npz")]
    return sorted((int(a), int(b)) for a, _, b in names if a.isdecimal() and b.isdecimal())


def _codes(place: Path, end: int) -> Counter[str]:
    """Count the outcomes of a block's runs; empty until the block was measured."""
    try:
        with (place / f"{0:012d}-{end:012d}.npz").open("rb") as whole, np.load(whole) as final:
            return Counter(map(str, final["outcome"].tolist()))
    except Exception:  # missing, or damaged: that can fail anywhere in NumPy, zipfile and zlib
        return Counter()


def _not_finite(place: Path) -> int:
    """Count the runs with a value that was not finite, from the records of one process."""
    found: Any = False
    for first, last in _spans(place):
        try:
            file = place / f"{first:012d}-{last:012d}.npz"
            with file.open("rb") as whole, np.load(whole) as stretch:  # np.load leaves a damaged file open
                found = found | (stretch["watch/step"] > 0).any(axis=1)
        except Exception:  # replaced a moment ago, or damaged, as above
            continue
    return int(np.sum(found))


def _outcomes(found: Progress) -> dict[str, int] | None:
    """Count the outcomes of a finished study's runs; None if metrics.csv does not have one for each."""
    path = found.folder / "metrics.csv"
    if found.job == "profile" and not path.exists():  # a profile of fixed generators has none
        return {}
    try:
        with path.open(encoding="utf-8", newline="") as file:
            outcomes = [row["outcome"] for row in csv.DictReader(file)]
    except (OSError, KeyError, ValueError, csv.Error):
        return None
    known = len(outcomes) == found.runs and all(isinstance(code, str) and code.isupper() for code in outcomes)
    return dict(Counter(outcomes)) if known else None


def _rate(log: Sequence[Mapping[str, Any]], under_way: Set[str]) -> float | None:
    """Return the steps per second of all runs together, from the last chunks in the log.

    The rate is multiplied by the number of blocks that are in progress in these chunks, because the workers of an
    engine train blocks at the same time and write to one log.
    """
    recent = log[-_RECENT:]
    work = [(entry["steps"] * entry["runs"], entry["seconds"]) for entry in recent]
    steps, seconds = (sum(column) for column in zip(*work, strict=True)) if work else (0, 0)
    beside = len(under_way & {entry.get("block") for entry in recent})
    return max(1, beside) * steps / seconds if steps and seconds else None


def _log(folder: Path, *, whole: bool) -> Iterator[dict[str, Any]]:
    """Yield the lines of log.jsonl about training, from all of it or from its end; the last line may be incomplete."""
    try:
        with (folder / "log.jsonl").open("rb") as file:
            file.seek(0 if whole else max(0, file.seek(0, os.SEEK_END) - _TAIL))
            lines = file.read().splitlines()
    except OSError:
        return
    for line in lines:
        try:
            entry = _sound(json.loads(line))
        except (ValueError, RecursionError):
            continue
        if entry:
            yield entry


def _sound(entry: Any) -> dict[str, Any]:
    """Return what is used of a line about training, without values of a wrong type; {} if it is another line."""
    if not isinstance(entry, dict) or not all(_is_count(entry.get(name)) for name in _WORK):
        return {}
    found = {name: entry[name] for name in _WORK}
    found |= {name: int(entry[name]) for name in _COUNTS if _is_count(entry.get(name))}
    found |= {name: entry[name] for name in _LOSSES if _is_loss(entry.get(name))}
    return found | ({"block": entry["block"]} if isinstance(entry.get("block"), str) else {})


def _is_count(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < _BEYOND


def _is_loss(value: Any) -> bool:
    """Return whether a value is a loss; NaN and infinity are texts in the log."""
    if isinstance(value, str):
        return value in ("nan", "inf", "-inf")
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < math.inf
