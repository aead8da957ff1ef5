"""A run's folder: what is in it, and how it is written and read. numpy, JSON and CSV; nothing here knows JAX.

config.json     what was asked for, the versions, the commit, the device, and the command that repeats it
series.npz      every recorded series, [loss, seed, step] (and quantile), with its coordinates
results.json    metrics and outcomes by loss and seed, yardsticks, and the table of intervals
metrics.csv     the same values, one row per loss and seed
samples.npz     samples by loss and seed, and real ones
report.html     all of it to look at
LOSS/generator, LOSS/training    checkpoints
LOSS/parts, log.jsonl            series and medians as they come, while training runs

Of several processes each has a folder of its own seeds in LOSS/training and LOSS/parts: 1of2 and 2of2.
"""

import csv
import json
import math
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class StoreError(ValueError):
    """A folder that is not what it should be; the message is one line."""


class Metric(NamedTuple):
    """One number per run, and how to read it."""

    name: str
    label: str
    worst: float  # what a failed run enters with
    higher_is_better: bool | None  # None: nearest to the first yardstick is best
    yardsticks: Mapping[str, float]  # what a perfect sampler, real data or an untrained generator get


class Run(NamedTuple):
    """Everything that a run's folder holds but its checkpoints. Arrays lead with (loss, seed)."""

    config: dict[str, Any]
    losses: tuple[str, ...]
    seeds: NDArray[np.int_]
    metrics: tuple[Metric, ...]
    values: dict[str, NDArray[np.float64]]  # metric name -> [loss, seed]
    outcomes: NDArray[np.str_]  # [loss, seed]
    notes: dict[str, Any]  # sample sizes, accuracy of the classifier, thresholds, explanations
    series: dict[str, NDArray]  # name -> [loss, seed, step, ...]
    # "real" [n, ...] and "fake" [loss, seed, n, ...]; with classes "class_histogram" [loss, seed, class] and
    # "class_histogram_data" [class]; with known modes "modes" [k, d] and "sigma"
    samples: dict[str, NDArray]


SERIES_AXES = ("loss", "seed", "step", "quantile")


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
    return is_run(folder) and (folder / "results.json").is_file()


def write_json(path: Path, content: Any) -> None:
    """JSON that any reader takes: what is not finite becomes a string."""
    partial = path.with_name(path.name + ".partial")
    partial.write_text(json.dumps(_plain(content), indent=2, allow_nan=False) + "\n", encoding="utf-8")
    partial.replace(path)


def read_config(folder: Path, *, profile: bool = False) -> dict[str, Any]:
    """What was asked of the run in `folder`, or of the gradient profile.

    Raises:
      StoreError: there is none, or it is the other.
    """
    job = job_of(folder)
    if job is None:
        raise StoreError(f"{folder} holds no run (no config.json)")
    if (job == "profile") != profile:
        kinds = "a run of losses or recipes", "a gradient profile"
        raise StoreError(f"{folder} holds {kinds[not profile]}, expected {kinds[profile]}")
    return json.loads((folder / "config.json").read_text(encoding="utf-8"))


def append_part(folder: Path, loss: str, first: int, series: Mapping[str, NDArray], process: str = "") -> None:
    """Keeps the series of steps first, first + 1, ... [seed, step, ...] of a run under way, or those of a process."""
    parts = folder / loss / "parts" / process
    parts.mkdir(parents=True, exist_ok=True)
    partial = parts / "partial"
    with partial.open("wb") as file:
        np.savez(file, **series)  # type: ignore[arg-type]
    partial.replace(parts / f"{first:012d}.npz")
    for path in parts.glob("*.npz"):
        if int(path.stem) > first:  # of an attempt that a resumed run has gone back behind
            path.unlink()


def log(folder: Path, entry: Mapping[str, Any]) -> None:
    """Appends a line to log.jsonl."""
    with (folder / "log.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(_plain(entry)) + "\n")


def read_parts(folder: Path, loss: str, steps: int, process: str = "") -> dict[str, NDArray]:
    """The first `steps` steps of every series kept so far, [seed, step, ...], or of those that a process kept.

    Raises:
      StoreError: parts are missing.
    """
    chunks: list[dict[str, NDArray]] = []
    done = 0
    for path in sorted((folder / loss / "parts" / process).glob("*.npz")):
        first = int(path.stem)
        if first >= steps or first > done:
            break
        with np.load(path) as part:
            # A part that a resumed run wrote again, from an earlier step on, replaces the end of the last.
            chunks = [{k: v[:, : first - start] for k, v in c.items()} for c, start in _starts(chunks, first)]
            chunks.append({name: part[name] for name in part.files})
        done = first + next(iter(chunks[-1].values())).shape[1]
    if done < steps:
        raise StoreError(f"{folder / loss} has series of {done} steps, expected {steps}")
    joined = {name: np.concatenate([c[name] for c in chunks], axis=1) for name in chunks[0]}
    return {name: values[:, :steps] for name, values in joined.items()}


def _starts(chunks: Sequence[dict[str, NDArray]], end: int) -> list[tuple[dict[str, NDArray], int]]:
    kept, start = [], 0
    for chunk in chunks:
        if start >= end:
            break
        kept.append((chunk, start))
        start += next(iter(chunk.values())).shape[1]
    return kept


def write_run(folder: Path, run: Run) -> None:
    """Writes series, results, metrics.csv and samples; the configuration is there already."""
    coordinates = {
        "loss": np.asarray(run.losses),
        "seed": run.seeds,
        "step": 1 + np.arange(next(iter(run.series.values())).shape[2]),
        "quantile": np.asarray(run.notes["quantiles"]),
    }
    np.savez(folder / "series.npz", **coordinates, **run.series)  # type: ignore[arg-type]
    np.savez_compressed(folder / "samples.npz", **run.samples)  # type: ignore[arg-type]
    with (folder / "metrics.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["loss", "seed", "outcome", *run.values])
        for i, loss in enumerate(run.losses):
            for j, seed in enumerate(run.seeds):
                row = [values[i, j] for values in run.values.values()]
                writer.writerow([loss, seed, run.outcomes[i, j], *row])
    write_json(
        folder / "results.json",
        {
            "losses": run.losses,
            "seeds": run.seeds,
            "outcomes": run.outcomes,
            "metrics": [metric._asdict() for metric in run.metrics],
            "values": {"axes": ["loss", "seed"], **run.values},
            "series": {name: SERIES_AXES[: values.ndim] for name, values in run.series.items()},
            "notes": run.notes,
        },
    )


def drop_parts(folder: Path, losses: Sequence[str]) -> None:
    """Removes the parts of a finished run: they are in series.npz."""
    for loss in losses:
        shutil.rmtree(folder / loss / "parts", ignore_errors=True)


def load_run(folder: Path | str) -> Run:
    """The finished run in `folder`.

    Raises:
      StoreError: there is none, or it is not finished.
    """
    folder = Path(folder)
    config = read_config(folder)
    if not (folder / "results.json").is_file():
        raise StoreError(f"{folder} holds an unfinished run; continue it with --resume --out {folder}")
    results = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    with np.load(folder / "series.npz") as file:
        series = {name: file[name] for name in file.files if name not in SERIES_AXES}
    with np.load(folder / "samples.npz") as file:
        samples = dict(file)
    del results["values"]["axes"]
    metrics = tuple(
        Metric(**(m | {"worst": float(m["worst"]), "yardsticks": _floats(m["yardsticks"])})) for m in results["metrics"]
    )
    return Run(
        config,
        tuple(results["losses"]),
        np.asarray(results["seeds"]),
        metrics,
        {name: np.asarray(v, dtype=np.float64) for name, v in results["values"].items()},
        np.asarray(results["outcomes"]),
        results["notes"],
        series,
        samples,
    )


def _floats(values: Mapping[str, Any]) -> dict[str, float]:
    return {name: float(value) for name, value in values.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)  # JSON has no NaN; Python and numpy read the string back as the number
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
