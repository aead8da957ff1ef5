"""The question: above which size should runs take turns on a CPU core instead of running side by side?

`python -m benchmarks.placement [--widths ...] [--batches 64 256] [--seeds 4 16 64] [--rounds 5] [--out FOLDER]` trains
MLPs of growing width on the ring, on every core. Both ways take turns in every round, and for each cell it shows
whether the default of `jaxgan.runs.placement` selects the faster one. It writes `results.json` and `table.md`; the
default takes about seven minutes on two otherwise idle cores.
"""

import argparse
import math
import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import jax

from benchmarks import jaxgan_form, machine, report, turns
from benchmarks.report import number, table
from benchmarks.turns import ratios, spread
from benchmarks.workloads import WORKLOADS, Workload
from jaxgan.runs.placement import SMALL_STATE

WIDTHS = (16, 32, 64, 96, 128, 256, 512)
WAYS = {"side by side": False, "in turn": True}
ROOM = 1.05  # choosing a way that is slower by less than this is not counted as wrong


def ring_of(width: int, batch: int) -> Workload:
    """Return the workload of the ring with a different width and batch size."""
    return WORKLOADS["ring"]._replace(title=f"ring MLP, 2 x {width}, batch {batch}", width=width, batch=batch)


def state_bytes(workload: Workload) -> int:
    """Return the size of a run's state in bytes: parameters and Adam's means of both players."""
    state = jaxgan_form.state_of(jaxgan_form.algorithm(workload), jaxgan_form.sampler(workload))
    return sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(state))


def measure(width: int, batch: int, seeds: int, rounds: int, seconds: float) -> dict[str, Any]:
    """Return ms per step of all seeds, for each way and round."""
    workload = ring_of(width, batch)
    runs = {name: jaxgan_form.make(workload, seeds, in_turn=way).run for name, way in WAYS.items()}
    ms = turns.measure(runs, rounds, seconds)
    jax.clear_caches()  # cells do not share programs
    return {"width": width, "batch": batch, "seeds": seeds, "bytes": state_bytes(workload), "ms": ms}


def chosen(row: dict[str, Any], threshold: float) -> str:
    """Return the way that the rule selects if runs with a state of at least `threshold` bytes take turns."""
    return "in turn" if row["bytes"] >= threshold else "side by side"


def regret(row: dict[str, Any], threshold: float) -> float:
    """Return the ratio of the chosen way's time to the faster one's, as a median over rounds, at least 1.

    Example:
      >>> row = {"bytes": 100, "ms": {"side by side": [2.0, 3.0], "in turn": [1.0, 1.5]}}
      >>> regret(row, 50), regret(row, 200)
      (1.0, 2.0)
    """
    own = chosen(row, threshold)
    other = next(way for way in WAYS if way != own)
    return max(1.0, median(ratios(row["ms"][own], row["ms"][other])))


def thresholds(rows: Sequence[dict[str, Any]]) -> list[tuple[float, float, float, float]]:
    """Return (above, up to, geometric mean of the regrets, largest) for every threshold that the rows distinguish."""
    sizes = [0, *sorted({row["bytes"] for row in rows}), math.inf]
    found = []
    for above, to in pairwise(sizes):
        regrets = [regret(row, to) for row in rows]
        found.append((above, to, math.exp(sum(map(math.log, regrets)) / len(regrets)), max(regrets)))
    return found


def markdown(results: dict[str, Any]) -> str:
    rows, now = results["rows"], results["threshold"]
    columns = list(dict.fromkeys((row["batch"], row["seeds"]) for row in rows))
    wrong = [row for row in rows if regret(row, now) > ROOM]
    cells = []
    for width in dict.fromkeys(row["width"] for row in rows):
        own = {(row["batch"], row["seeds"]): row for row in rows if row["width"] == width}
        first = next(iter(own.values()))
        cells.append([f"2 x {width}", _kib(first["bytes"]), chosen(first, now), *(_cell(own[c], now) for c in columns)])
    head = ["hidden layers", "state, KiB", "default", *(f"batch {batch}, {seeds} seeds" for batch, seeds in columns)]
    rules = [
        [_range(above, to), number(mean), number(largest), "the default" if above < now <= to else ""]
        for above, to, mean, largest in thresholds(rows)
    ]
    verdict = f"The default takes the faster way, or one slower by at most {ROOM - 1:.0%}, in {len(rows) - len(wrong)}"
    parts = [
        machine.sentence(results["machine"]),
        f"Command: `{results['command']}`",
        "**Side by side against in turn**, on every core: the time of a step side by side divided by that in "
        "turn, in the same round, median (smallest to largest). Below 1, side by side is faster; above 1, in turn. "
        f"By default, runs take turns from {_kib(now)} KiB of state per run on; `!` marks where this is slower than "
        f"the other way by more than {ROOM - 1:.0%}.",
        table(head, cells),
        f"{verdict} of {len(rows)} cells.",
        "**Other rules by size**: time relative to the faster way over all cells, if runs took turns from that size "
        "of state on.",
        table(["in turn from, KiB", "geometric mean", "largest", ""], rules),
    ]
    return "\n\n".join(parts) + "\n"


def _cell(row: dict[str, Any], threshold: float) -> str:
    text = spread(ratios(row["ms"]["side by side"], row["ms"]["in turn"]))
    return f"{text} !" if regret(row, threshold) > ROOM else text


def _kib(size: float) -> str:
    return f"{size / 1024:,.0f}"


def _range(above: float, to: float) -> str:
    if not above:
        return "always in turn"
    return "always side by side" if math.isinf(to) else f"{_kib(above)} to {_kib(to)}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.placement", description=__doc__)
    parser.add_argument("--widths", nargs="+", type=int, default=list(WIDTHS))
    parser.add_argument("--batches", nargs="+", type=int, default=[64, 256])
    parser.add_argument("--seeds", nargs="+", type=int, default=[4, 16, 64])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.25, help="approximate length of one turn in a round")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/placement"))
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    jaxgan_form.use_devices()
    command = report.command("placement", options)
    results: dict[str, Any] = {"command": command, "machine": machine.describe(), "threshold": SMALL_STATE, "rows": []}
    for width in options.widths:
        for batch, seeds in ((batch, seeds) for batch in options.batches for seeds in options.seeds):
            row = measure(width, batch, seeds, options.rounds, options.seconds)
            results["rows"].append(row)
            took = ", ".join(f"{way} {number(median(ms))} ms" for way, ms in row["ms"].items())
            print(f"2 x {width}, batch {batch}, {report.counted(seeds)}: {took}", flush=True)
        report.keep(options.out, results, markdown(results))  # save after every measurement, in case a later one fails
    print("\n" + markdown(results))
    return 0


if __name__ == "__main__":
    sys.exit(main())
