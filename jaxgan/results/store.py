"""A run's folder: what is in it, and how it is claimed, written and read. Nothing here knows JAX.

config.json     what was asked for, the versions, the commit, the device, and the command that repeats it
results.nc      every number, labelled (see `jaxgan.results.results`)
metrics.csv     outcome and metrics, one row per configuration and seed
report.html     all of it to look at, with its pictures beside it
code/           the user's own code, as it was
log.jsonl       medians over seeds as they came
CONFIGURATION/generator              checkpoint of the generators of all seeds
CONFIGURATION/seeds-0-7/training     checkpoint of all that training carries on
CONFIGURATION/seeds-0-7/records      what each stretch of training recorded

Of several processes each has a folder of its own seeds in training and in records: 1of2, 2of2.
"""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jaxgan.results.files import StoreError, plain, written_whole
from jaxgan.results.results import SCHEMA, Results, read_results

RESULTS = "results.nc"


def claim(out: Path | None, root: Path, slug: str, *, overwrite: bool) -> Path:
    """Makes the folder of a new run: `out`, or the next numbered one under `root`.

    Raises:
      StoreError: `out` holds something already, and `overwrite` was not asked for or it is no run of ours.
    """
    if out is None:
        root.mkdir(parents=True, exist_ok=True)
        numbers = [int(p.name.split("-")[0]) for p in root.iterdir() if p.name.split("-")[0].isdecimal()]
        number = max(numbers, default=0) + 1
        while True:
            folder = root / f"{number:04d}-{slug}"
            try:
                folder.mkdir()
            except FileExistsError:  # another run took the number
                number += 1
            else:
                return folder
    check_out(out, overwrite=overwrite)
    if is_run(out):
        shutil.rmtree(out)
    out.mkdir(parents=True, exist_ok=True)
    return out


def check_out(out: Path, *, overwrite: bool) -> None:
    """Whether a run may go to `out`, before anything is done for it.

    Raises:
      StoreError: as `claim`.
    """
    if out.exists() and not out.is_dir():
        raise StoreError(f"--out: {out} is a file, expected a folder")
    if out.is_dir() and any(out.iterdir()):
        if not is_run(out):
            raise StoreError(f"--out: {out} holds other files, expected a new or empty folder")
        if not overwrite:
            raise StoreError(f"--out: {out} already holds a run; add --overwrite or --resume, or name another folder")
        if out.resolve() == Path.cwd().resolve():
            raise StoreError(f"--out: {out} is the current folder, which cannot be replaced; go to another one")


def job_of(folder: Path) -> str | None:
    """The command whose folder this is, finished or not, by a config.json of ours and not anybody's. None: of none."""
    try:
        content = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content.get("job") if isinstance(content, dict) else None


def is_run(folder: Path) -> bool:
    """Whether `folder` is one of ours."""
    return job_of(folder) is not None


def is_finished(folder: Path) -> bool:
    """Whether the run in `folder` has all its numbers."""
    return is_run(folder) and (folder / RESULTS).is_file()


def read_config(folder: Path) -> dict[str, Any]:
    """What was asked of the run in `folder`.

    Raises:
      StoreError: there is none, or it is of another schema.
    """
    if job_of(folder) is None:
        raise StoreError(f"{folder} holds no run (no config.json)")
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    if (schema := config.get("schema", 1)) != SCHEMA:
        message = f"the run in {folder} has schema {schema}, expected {SCHEMA}: another version of jaxgan started it"
        raise StoreError(message)
    return config


def log(folder: Path, entry: Mapping[str, Any]) -> None:
    """Appends a line to log.jsonl."""
    with (folder / "log.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(plain(entry)) + "\n")


def append_records(folder: Path, start: int, end: int, arrays: Mapping[str, NDArray]) -> None:
    """Keeps what the stretch of training from step `start` to step `end` recorded; stretches follow each other.

    Files of their own, each whole or absent, are what a run that is killed leaves readable: of twelve kills of a
    writer that appends to a zarr store ten left arrays of different lengths.
    """
    path = folder / f"{start:012d}-{end:012d}.npz"
    with written_whole(path) as partial, partial.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]
    for other in folder.glob("*-*.npz"):
        if other != path and _span(other)[0] >= start:  # of an attempt that a resumed run started again from before
            other.unlink()


def read_records(folder: Path, end: int) -> dict[str, NDArray]:
    """What was recorded up to step `end`: every array joined along its second axis, [run, record, ...].

    Arrays of one axis, as `step` and `probe_step`, are joined along that.

    Raises:
      StoreError: a stretch is missing or damaged.
    """
    spans = sorted(map(_span, folder.glob("*-*.npz")))
    parts: dict[str, list[NDArray]] = {}
    at = 0
    while at < end:
        following = [span for span in spans if span[0] == at and at < span[1] <= end]
        if not following:
            raise StoreError(f"{folder} has records up to step {at:,}, expected {end:,}")
        start, at = following[-1]
        file = folder / f"{start:012d}-{at:012d}.npz"
        try:
            with file.open("rb") as whole, np.load(whole) as opened:  # np.load leaves a damaged file open
                for name in opened.files:
                    parts.setdefault(name, []).append(opened[name])
        except Exception as error:  # a damaged file can fail anywhere in numpy, zipfile and zlib
            raise StoreError(f"{file} is damaged: {type(error).__name__}") from error
    return {name: np.concatenate(each, axis=0 if each[0].ndim == 1 else 1) for name, each in parts.items()}


def join_records(folder: Path, end: int, arrays: Mapping[str, NDArray]) -> None:
    """One file in place of all stretches up to step `end`, which `read_records` has read."""
    append_records(folder, 0, end, arrays)


def _span(file: Path) -> tuple[int, int]:
    start, _, end = file.stem.partition("-")
    return int(start), int(end)


def write_run(folder: Path, results: Results) -> None:
    """Writes results.nc and metrics.csv; the configuration is there already."""
    results.write(folder / RESULTS)
    if "outcome" in results.dataset:
        with written_whole(folder / "metrics.csv") as partial:
            results.to_pandas().to_csv(partial, index=False)


def load_results(folder: Path | str) -> Results:
    """The finished run, or the gradient profile, in `folder`.

    Raises:
      StoreError: there is none, it is not finished, damaged, or of another schema.
    """
    folder = Path(folder)
    read_config(folder)
    if not (folder / RESULTS).is_file():
        raise StoreError(f"{folder} holds an unfinished run; continue it with --resume --out {folder}")
    return read_results(folder / RESULTS)
