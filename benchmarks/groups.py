"""The question: how many of many small runs should a CPU core train side by side?

`python -m benchmarks.groups [--widths 16 32 64] [--groups 4 8 ...] [--seeds 512] [--rounds 5] [--out FOLDER]` trains
small MLPs on the ring, with hundreds of runs on every core in groups of each size; all sizes take turns in every round.
It shows whether the default of `jaxgan.runs.placement`, a number of bytes per group, is close to the fastest. It writes
`results.json` and `table.md`; the default takes about three minutes on two otherwise idle cores.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import jax

from benchmarks import jaxgan_form, machine, report, turns
from benchmarks.placement import ring_of, state_bytes
from benchmarks.report import number, table
from benchmarks.turns import ratios, spread
from jaxgan.runs.placement import GROUP_STATE

ALL = 10**9  # a group size larger than the number of runs on a device


def measure(width: int, batch: int, groups: Sequence[int], seeds: int, rounds: int, seconds: float) -> dict[str, Any]:
    """Return ms per step of all runs for each group size and round; size 0 stands for the default."""
    workload = ring_of(width, batch)
    runs = {str(group): jaxgan_form.make(workload, seeds, group=group or None).run for group in (0, *groups)}
    ms = turns.measure(runs, rounds, seconds)
    jax.clear_caches()
    return {"width": width, "batch": batch, "seeds": seeds, "bytes": state_bytes(workload), "ms": ms}


def markdown(results: dict[str, Any]) -> str:
    rows = results["rows"]
    sizes = [size for size in rows[0]["ms"] if size != "0"]
    cells = []
    for row in rows:
        own = [spread(ratios(row["ms"][size], row["ms"]["0"])) for size in sizes]
        micros = 1000 * median(row["ms"]["0"]) / row["seeds"]
        most = max(1, results["group_state"] // row["bytes"])
        cells.append([f"2 x {row['width']}", f"{row['bytes'] / 1024:,.0f}", str(most), number(micros), *own])
    head = ["hidden layers", "state, KiB", "default, at most", "its us a step and run"]
    head += ["all at once" if int(size) >= ALL else f"groups of {size}" for size in sizes]
    how = (
        f"**{number(rows[0]['seeds'])} runs side by side in groups**, batch {rows[0]['batch']}, on every core: the "
        "time of a step relative to the default in the same round, median (smallest to largest). The default is "
        f"groups of at most {results['group_state'] / 2**20:g} MiB of state."
    )
    parts = [machine.sentence(results["machine"]), f"Command: `{results['command']}`", how, table(head, cells)]
    return "\n\n".join(parts) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.groups", description=__doc__)
    parser.add_argument("--widths", nargs="+", type=int, default=[16, 32, 64])
    parser.add_argument("--groups", nargs="+", type=int, default=[4, 8, 16, 32, 64, ALL])
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--seeds", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.5, help="approximate length of one turn in a round")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/groups"))
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    jaxgan_form.use_devices()
    results: dict[str, Any] = {"command": report.command("groups", options), "machine": machine.describe()}
    results |= {"group_state": GROUP_STATE, "rows": []}
    for width in options.widths:
        row = measure(width, options.batch, options.groups, options.seeds, options.rounds, options.seconds)
        results["rows"].append(row)
        print(f"2 x {width}: {', '.join(f'{s}: {number(median(ms))} ms' for s, ms in row['ms'].items())}", flush=True)
        report.keep(options.out, results, markdown(results))  # save after every measurement, in case a later one fails
    print("\n" + markdown(results))
    return 0


if __name__ == "__main__":
    sys.exit(main())
