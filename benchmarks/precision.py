"""The question: how much faster is each precision, and how does it affect the outcome over seeds?

`python -m benchmarks.precision [--rounds 7] [--out FOLDER]` times the three precisions of `--precision` in turns on
three workloads, then trains the main job (8 seeds on digits, default settings) with each. It writes `results.json` and
`table.md`.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import jaxgan_form, machine, report
from benchmarks.report import number, table
from benchmarks.workloads import WORKLOADS
from jaxgan.report.run.table import summarize_run
from jaxgan.study.compare import run_study
from jaxgan.study.config import PRECISIONS
from jaxgan.study.generators.generate import load_run

_WORKLOADS = ("ring", "dcgan8", "dcgan32")


def speed(name: str, seeds: int, rounds: int, seconds: float) -> dict[str, Any]:
    """Return ms per seed and step for each precision and round; the precisions take turns."""
    forms = {precision: jaxgan_form.make(WORKLOADS[name], seeds, precision=precision) for precision in PRECISIONS}
    steps = {}
    for precision, form in forms.items():
        form.run(1)
        clock = time.perf_counter()
        form.run(2)
        steps[precision] = max(1, round(2 * seconds / (time.perf_counter() - clock)))
    ms: dict[str, list[float]] = {precision: [] for precision in PRECISIONS}
    for _ in range(rounds):
        for precision, form in forms.items():
            clock = time.perf_counter()
            form.run(steps[precision])
            ms[precision].append(1e3 * (time.perf_counter() - clock) / steps[precision] / seeds)
    return {"workload": name, "seeds": seeds, "ms": ms}


def outcome(precision: str) -> dict[str, Any]:
    """Return the summary of the practical loss over 8 seeds on digits."""
    with tempfile.TemporaryDirectory() as folder:
        options = {"loss": ("non_saturating",), "precision": precision}
        run = load_run(run_study("train", options, out=Path(folder) / "run"))
    found = summarize_run(run)
    return {
        "precision": precision,
        "metrics": {row.metric.name: row.summaries[0].interval._asdict() for row in found.rows},
        "failed": found.failures["any"][0].failed,
        "seeds": found.seeds,
        "command": run.config["command"],
    }


def markdown(results: dict[str, Any]) -> str:
    parts = [machine.sentence(results["machine"]), f"Command: `{results['command']}`"]
    parts.append("ms per seed and step, median (smallest to largest of the rounds):")
    cells = [
        [f"{WORKLOADS[row['workload']].title}, {row['seeds']} seeds", *(_times(row["ms"][p]) for p in PRECISIONS)]
        for row in results["speed"]
    ]
    parts.append(table(["work", *PRECISIONS], cells))
    return "\n\n".join([*parts, *_outcomes(results["outcomes"])]) + "\n"


def _times(ms: Sequence[float]) -> str:
    return f"{number(median(ms))} ({number(min(ms))} to {number(max(ms))})"


def _outcomes(outcomes: Sequence[dict[str, Any]]) -> list[str]:
    rows = []
    for entry in outcomes:
        metrics = [entry["metrics"][name] for name in ("frechet", "captured", "kl")]
        rows.append([entry["precision"], *map(_interval, metrics), f"{entry['failed']} of {entry['seeds']}"])
    head = ["precision", "Fréchet distance", "classes of 10", "KL over classes, nats", "failed"]
    note = "The main job, practical loss, 8 seeds: interquartile mean [95 % bootstrap interval over seeds]."
    return [note, table(head, rows)]


def _interval(value: dict[str, Any]) -> str:
    estimate, low, high = (number(float(value[name])) for name in ("estimate", "low", "high"))
    return f"{estimate} [{low}, {high}]"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.precision", description=__doc__)
    parser.add_argument("--seeds", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=1.5, help="approximate length of one turn in a round")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/precision"))
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    jaxgan_form.use_devices()
    results: dict[str, Any] = {
        "command": f"python -m benchmarks.precision --seeds {options.seeds} --rounds {options.rounds} "
        f"--seconds {options.seconds:g}",
        "machine": machine.describe(),
        "speed": [speed(name, options.seeds, options.rounds, options.seconds) for name in _WORKLOADS],
        "outcomes": [outcome(precision) for precision in PRECISIONS],
    }
    report.keep(options.out, results, markdown(results))
    print(markdown(results))
    return 0


if __name__ == "__main__":
    sys.exit(main())
