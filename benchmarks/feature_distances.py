"""The question: what do FID, KID and PRDC of 50,000 features cost, compared with the reference implementations?

`python -m benchmarks.feature_distances [--count 50000] [--rounds 3] [--out FOLDER]` draws two sets of features of 2,048
numbers, non-negative like those of Inception. jaxgan, torch-fidelity and prdc take turns on the same arrays, each turn
in a separate process (`benchmarks/feature_forms.py`). Times exclude imports and reading; peak memory includes both.
First all results are compared in 64 bits on 1,000 features of five kinds. Forms that would not fit into memory are
left out and reported. It needs `pip install -e .[reference]`, writes `results.json` and `table.md`, and takes about 50
minutes on two otherwise idle cores; two minutes with `--count 5000`.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import machine, report
from benchmarks.feature_forms import CHECKED, METRICS, OURS
from benchmarks.report import number, table
from benchmarks.turns import in_turns, interval, ratios, spread

DIMENSION = 2048
DEFICIENT = "of rank 32"
TIME, MEMORY = 1.0, 0.5  # the targets, relative to the reference
BARS = ("FID", "precision and recall, k = 3", "PRDC, k = 5")


def draw(count: int, seed: int, shift: float) -> NDArray[np.float32]:
    """Draw non-negative features of 2,048 numbers that vary mostly in 64 directions."""
    rng, weights = np.random.default_rng(seed), np.random.default_rng(0).normal(size=(64, DIMENSION)) / 8
    made = np.empty((count, DIMENSION), np.float32)
    for start in range(0, count, 1000):
        z = rng.normal(size=(min(1000, count - start), 64)) + shift
        made[start : start + 1000] = np.maximum(z @ weights + 0.1 * rng.normal(size=(len(z), DIMENSION)), 0)
    return made


def asked(metric: str, form: str, folder: Path) -> dict[str, Any]:
    """Run `turn` in a separate process; if it fails, return the error as one line."""
    command = [sys.executable, "-m", "benchmarks.feature_forms", metric, form, str(folder)]
    said = subprocess.run(command, capture_output=True, text=True)
    if said.returncode:
        return {"failed": (said.stderr.strip().splitlines() or [f"ended with status {said.returncode}"])[-1]}
    return json.loads(said.stdout.splitlines()[-1])


def checked() -> dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Return two sets of `CHECKED` features of each kind on which the forms are compared, in 64 bits."""
    x, y = (draw(CHECKED, seed, shift).astype(np.float64) for seed, shift in ((1, 0.1), (2, 0.0)))
    rng = np.random.default_rng(3)
    turn, few = rng.normal(size=(256, 256)) / 16, rng.normal(size=(32, 256))
    a, b = x[:, ::8], y[:, ::8]
    # Whole numbers, whose distances are exact everywhere: half of all are repeated, so that distances tie.
    whole = [np.rint(4 * each[: CHECKED // 2]).repeat(2, axis=0) for each in (a, b)]
    return {
        "like those of Inception": (a, b),
        "correlated": (a @ turn, b @ turn),
        DEFICIENT: (a[:, :32] @ few, b[:, :32] @ few),
        "fewer than their numbers": (x, y),
        "each one twice": (whole[0], whole[1]),
    }


def spanned(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the features in orthonormal coordinates of the space that they span, with equal Fréchet distances.

    Of a covariance with eigenvalues that are 0 but for rounding, torch-fidelity takes the roots of these errors, which
    costs it half of the digits: 4e-6 of the distance of features of rank 32.
    """
    _, sizes, axes = np.linalg.svd(np.concatenate([x, y]), full_matrices=False)
    axes = axes[sizes > 1e-10 * sizes[0]]
    return x @ axes.T, y @ axes.T


def parity() -> dict[str, dict[str, float]]:
    """Return the largest relative difference between the forms in 64 bits, by kind of features and metric.

    Raises:
      SystemExit: if a reference is not installed, or a difference is above 1e-6.
    """
    found: dict[str, dict[str, float]] = {}
    for kind, (x, y) in checked().items():
        found[kind] = {}
        for metric, forms in METRICS.items():
            mine, reference = forms.values()
            try:
                ours = mine.compute(x, y)
                theirs = reference.compute(*(spanned(x, y) if (kind, metric) == (DEFICIENT, "FID") else (x, y)))
            except ModuleNotFoundError as error:
                raise SystemExit(f"{error.name} is needed: pip install -e .[reference]") from error
            found[kind][metric] = max(abs(ours[name] - theirs[name]) / (abs(theirs[name]) or 1) for name in theirs)
            if not found[kind][metric] <= 1e-6:
                raise SystemExit(f"{metric}, features {kind}: {ours} of jaxgan differ from the reference's {theirs}")
    return found


def measure(count: int, rounds: int) -> list[dict[str, Any]]:
    """Return a row for each metric and form; the forms of a metric take turns."""
    import psutil

    rows, memory = [], psutil.virtual_memory().total
    with tempfile.TemporaryDirectory() as folder:
        for name, seed, shift in (("x", 1, 0.1), ("y", 2, 0.0)):
            np.save(Path(folder, f"{name}.npy"), draw(count, seed, shift))
        for metric, forms in METRICS.items():
            needed = {name: form.bytes(count) + 2.0**32 for name, form in forms.items()}
            fits = [name for name in forms if needed[name] < memory]
            turns: dict[str, list[dict[str, Any]]] = {name: [] for name in fits}
            for name in in_turns(fits, rounds):
                turns[name].append(asked(metric, name, Path(folder)))
                print(f"{metric}, {name}: {turns[name][-1]}", flush=True)
            too_much = {n: f"needs {needed[n] / 2**30:.0f} GiB" for n in forms if n not in fits}
            rows += [{"metric": metric, "form": name, "turns": turns.get(name, []), "failed": too_much.get(name)}
                     for name in forms]  # fmt: skip
    return rows


def markdown(results: dict[str, Any]) -> str:
    parts = [machine.sentence(results["machine"]), f"Command: `{results['command']}`"]
    parts.append(
        f"Two sets of {results['count']:,} features of {DIMENSION:,} numbers in float32, "
        f"{2 * results['count'] * DIMENSION * 4 / 2**20:,.0f} MiB. Seconds: median (smallest to largest of "
        f"{results['rounds']} rounds), each turn in a separate process; memory: its peak, including imports and "
        "features. Ratios are jaxgan's values divided by the reference's; those of times are within rounds."
    )
    head = ["metric", "by", "seconds", "ratio", "peak MiB", "ratio", "values"]
    parts.append(table(head, [_cells(results, row) for row in results["rows"]]))
    bars = [bar for metric in BARS for bar in _bars(results, metric)]
    parts += ["**Targets**", table(["", "bar", "measured", ""], bars)] if bars else []
    parts.append(
        f"**Parity**: the largest relative difference from the reference in 64 bits, on {CHECKED:,} features of 256 "
        "numbers, or of 2,048 where they are fewer than these. Of rank 32, torch-fidelity's FID is that of the same "
        "features in 32 coordinates: with zero eigenvalues it loses half of its digits."
    )
    rows = [[kind, *(f"{value:.1g}" for value in each.values())] for kind, each in results["parity"].items()]
    parts.append(table(["features", *METRICS], rows))
    return "\n\n".join(parts) + "\n"


def _finished(row: dict[str, Any]) -> list[dict[str, Any]]:
    return row["turns"] if row["turns"] and not any("failed" in each for each in row["turns"]) else []


def _of(results: dict[str, Any], metric: str) -> tuple[dict[str, Any], dict[str, Any]]:
    ours, theirs = (row for row in results["rows"] if row["metric"] == metric)
    return ours, theirs


def _times(results: dict[str, Any], metric: str) -> list[float]:
    ours, theirs = ([each["seconds"] for each in _finished(row)] for row in _of(results, metric))
    return ratios(ours, theirs) if ours and theirs else []


def _memory(results: dict[str, Any], metric: str) -> float:
    ours, theirs = (max(each["peak_mib"] for each in _finished(row)) for row in _of(results, metric))
    return ours / theirs


def _cells(results: dict[str, Any], row: dict[str, Any]) -> list[str]:
    turns = _finished(row)
    if not turns:
        failed = row["failed"] or next((each["failed"] for each in row["turns"] if "failed" in each), "")
        return [row["metric"], row["form"], f"not run: {failed}", "", "", "", ""]
    found = _times(results, row["metric"]) if row["form"] == OURS else []
    values = ", ".join(f"{name} {value:.6g}" for name, value in turns[0]["values"].items())
    return [
        row["metric"],
        row["form"],
        spread([each["seconds"] for each in turns]),
        str(interval(found)) if found else "",
        f"{max(each['peak_mib'] for each in turns):,.0f}",
        number(_memory(results, row["metric"])) if found else "",
        values,
    ]


def _bars(results: dict[str, Any], metric: str) -> list[list[str]]:
    found = _times(results, metric)
    if not found:
        return []
    measured = (("time", TIME, median(found)), ("memory", MEMORY, _memory(results, metric)))
    return [[f"{metric}, {what}", number(bar), number(value), "met" if value <= bar else "NOT MET"]
            for what, bar, value in measured]  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.feature_distances", description=__doc__)
    parser.add_argument("--count", type=int, default=50_000, help="features in each set, more than 1,000")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/feature-distances"))
    options = parser.parse_args(arguments)
    if options.count <= CHECKED or options.rounds < 1:
        parser.error(f"--count must be above {CHECKED:,} and --rounds at least 1")
    options.out.mkdir(parents=True, exist_ok=True)
    results: dict[str, Any] = {"parity": parity()}
    results |= {"command": report.command("feature_distances", options), "machine": machine.describe()}
    results |= {"count": options.count, "rounds": options.rounds, "rows": measure(options.count, options.rounds)}
    report.keep(options.out, results, markdown(results))
    print("\n" + markdown(results))
    return 0


if __name__ == "__main__":
    sys.exit(main())
