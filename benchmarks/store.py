"""The question: how large is the file of 2,000 runs, and how long does it take to open?

`python -m benchmarks.store [--runs 2000] [--steps 100000] [--rounds 5] [--out FOLDER]` trains two seeds of the ring for
a few steps and enlarges their folder to 2,000 runs of 100,000 steps, with random numbers in every array that a run has
by default. It then times opening the folder in new processes, with this library and with xarray alone, and
`import jaxgan`. It writes `results.json` and `table.md`; the default takes about a minute.
"""

import argparse
import dataclasses
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import xarray as xr

from benchmarks import machine, report
from benchmarks.report import number, table
from benchmarks.turns import in_turns, spread
from jaxgan.results.store import RESULTS, load_results, write_metrics
from jaxgan.runs.records import record_steps

MOST_MB, MOST_SECONDS = 300, 1.0
SEEDS, PROBES = 100, 20  # seeds per configuration; probes along training, as by default
# (untimed imports, timed code): the imports are part of any session.
PROGRAMS = {
    "jaxgan.load_run, every number into memory": ("import jaxgan; load = jaxgan.load_run", "load({folder!r})"),
    "xarray.open_dataset, without this library": ("import xarray, h5netcdf", "xarray.open_dataset({file!r})"),
    "the same, and one series of all runs": ("import xarray, h5netcdf", "xarray.open_dataset({file!r}).g_loss.load()"),
    "import jaxgan": ("", "import jaxgan"),
}


def template(folder: Path) -> None:
    """Make the folder of a short run, whose arrays have the same names, axes and types as those of any run."""
    words = ["--data=ring", "--loss=non_saturating", "--seeds=2", "--steps=2", "--evaluate-every=1"]
    small = ["--width=4", "--batch-size=4", "--no-compile-cache", f"--out={folder}"]
    subprocess.run([sys.executable, "-m", "jaxgan", "train", *words, *small], check=True, capture_output=True)


def enlarged(dataset: xr.Dataset, coordinates: Mapping[str, Sequence[Any] | np.ndarray]) -> xr.Dataset:
    """Return the same variables with longer axes and random numbers, which cannot be compressed.

    Example:
      >>> small = xr.Dataset({"loss": ("seed", np.zeros(2, np.float32))}, {"seed": [0, 1]})
      >>> enlarged(small, {"seed": range(5)}).loss.shape
      (5,)
    """
    rng = np.random.default_rng(0)

    def of(old: xr.DataArray) -> tuple[Any, np.ndarray, dict[Any, Any]]:
        shape = tuple(len(coordinates[str(dim)]) if dim in coordinates else old.sizes[dim] for dim in old.dims)
        if old.dtype.kind == "f":
            values = rng.standard_normal(shape, np.float32).astype(old.dtype, copy=False)
        else:
            values = np.full(shape, old.values.ravel()[0])
        return old.dims, values, dict(old.attrs)

    kept = {name: values for name, values in dataset.coords.items() if name not in coordinates}
    made = {name: np.asarray(values) for name, values in coordinates.items() if name in dataset.dims}
    return xr.Dataset({name: of(variable) for name, variable in dataset.data_vars.items()}, {**kept, **made})


def enlarge(folder: Path, runs: int, steps: int) -> dict[str, Any]:
    """Enlarge `folder` to `runs` runs of `steps` steps; return sizes, and the seconds to write it."""
    found = load_results(folder)
    seeds = min(SEEDS, runs)
    coordinates: dict[str, Any] = {
        "configuration": [f"configuration_{i}" for i in range(runs // seeds)],
        "seed": np.arange(seeds),
        "step": record_steps(steps),
        "probe_step": np.linspace(steps / PROBES, steps, PROBES).astype(int),
    }
    large = dataclasses.replace(found, dataset=enlarged(found.dataset, coordinates))
    clock = time.perf_counter()
    large.write(folder / RESULTS)
    write_metrics(large, folder)
    return {
        "runs": runs // seeds * seeds,
        "records": len(coordinates["step"]),
        "write_seconds": time.perf_counter() - clock,
        "mb": (folder / RESULTS).stat().st_size / 1e6,
        "series": len(large.series),
    }


def open_seconds(folder: Path, rounds: int) -> dict[str, list[float]]:
    """Time each of `PROGRAMS` in a separate process per round, after a first run that fills the file cache."""
    seconds: dict[str, list[float]] = {name: [] for name in PROGRAMS}
    names = {"folder": str(folder), "file": str(folder / RESULTS)}
    for name in [*PROGRAMS, *in_turns(list(PROGRAMS), rounds)]:
        before, code = PROGRAMS[name]
        lines = [before, "import time", "clock = time.perf_counter()", code.format(**names)]
        program = "\n".join([*lines, "print(time.perf_counter() - clock)"])
        done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
        seconds[name].append(json.loads(done.stdout))
    return {name: values[1:] for name, values in seconds.items()}


def markdown(results: dict[str, Any]) -> str:
    size = results["size"]
    opening = next(iter(results["seconds"]))
    cells = [[f"`{RESULTS}`, MB", number(size["mb"]), f"{MOST_MB}", _met(size["mb"], MOST_MB)]]
    for name, seconds in results["seconds"].items():
        bar = [f"{MOST_SECONDS:g}", _met(median(seconds), MOST_SECONDS)] if name == opening else ["", ""]
        cells.append([f"{name}, seconds", spread(seconds), *bar])
    cells.append(["written, seconds", number(size["write_seconds"]), "", ""])
    parts = [
        machine.sentence(results["machine"]),
        f"Command: `{results['command']}`",
        f"**{size['runs']:,} runs of {results['steps']:,} steps**: {size['series']} series of {size['records']} "
        f"records a run, {PROBES} probes, samples and metrics, all random numbers. Times are measured in new "
        "processes after imports, with the file in the system's cache: median (smallest to largest).",
        table(["what", "measured", "at most", ""], cells),
    ]
    return "\n\n".join(parts) + "\n"


def _met(value: float, most: float) -> str:
    return "met" if value <= most else "NOT MET"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.store", description=__doc__)
    parser.add_argument("--runs", type=int, default=2000, help=f"above {SEEDS}, a multiple of it")
    parser.add_argument("--steps", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/store"))
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    results: dict[str, Any] = {"command": report.command("store", options), "machine": machine.ask()}
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        template(run)
        results |= {"steps": options.steps, "size": enlarge(run, options.runs, options.steps)}
        results |= {"seconds": open_seconds(run, options.rounds)}
    report.keep(options.out, results, markdown(results))
    print(markdown(results))
    return 0


if __name__ == "__main__":
    sys.exit(main())
