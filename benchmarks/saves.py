"""The question: what share of the main job's time is spent on saves, locks and digests?

`python -m benchmarks.saves [--seeds 8] [--steps 1200] [--rounds 3] [--out FOLDER]` runs `jaxgan compare` on digits in
separate processes and times, by wrapping the functions, every call that protects a run: claiming the folder with its
lock, comparing its id, and writing records, checkpoints, results and the digests of all files. It writes `results.json`
and `table.md`; the default takes a few minutes.
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

from benchmarks import machine, report
from benchmarks.report import number, table
from benchmarks.turns import spread

BAR = 0.01
# Where the library calls the functions, and their names in the table; for nested calls the outermost one counts.
PARTS = {
    "jaxgan.results.claim.claim": "claim and lock",
    "jaxgan.results.claim.RunFolder.check": "comparison of the run's id",
    "jaxgan.study.training.append_records": "records",
    "jaxgan.study.training.read_records": "records, read and compared",
    "jaxgan.study.finals.append_records": "final measurements",
    "jaxgan.study.finals.read_records": "final measurements, read and compared",
    "jaxgan.checkpoint.save": "checkpoints",
    "jaxgan.results.results.Results.write": "results.nc",
    "jaxgan.results.store.write_sums": "SHA256SUMS",
}
PROGRAM = """
import contextlib, functools, importlib, io, json, sys, time
from jaxgan.cli.app import main

spent, inside = {name: 0.0 for name in PARTS}, []


def timed(name, function):
    @functools.wraps(function)
    def call(*args, **kwargs):
        inside.append(name)
        clock = time.perf_counter()
        try:
            return function(*args, **kwargs)
        finally:
            inside.pop()
            spent[name] += 0.0 if inside else time.perf_counter() - clock

    return call


for name in PARTS:
    *path, last = name.split(".")
    parts = [part for part in path if part.islower()]
    owner = functools.reduce(getattr, path[len(parts):], importlib.import_module(".".join(parts)))
    setattr(owner, last, timed(name, getattr(owner, last)))
clock = time.perf_counter()
with contextlib.redirect_stdout(io.StringIO()):
    status = main(ARGUMENTS)
print(json.dumps({"status": status, "seconds": time.perf_counter() - clock, "spent": spent}))
"""


def once(seeds: int, steps: int) -> dict[str, Any]:
    """Return the seconds of one run, and those of every part."""
    with tempfile.TemporaryDirectory() as folder:
        words = ["compare", "--seeds", str(seeds), "--steps", str(steps), "--out", f"{folder}/run"]
        program = PROGRAM.replace("PARTS", repr(list(PARTS))).replace("ARGUMENTS", repr(words))
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr)
    found: dict[str, Any] = json.loads(done.stdout)
    if found["status"]:
        raise RuntimeError(done.stderr)
    return found


def markdown(results: dict[str, Any]) -> str:
    rounds = results["rounds"]

    def shares(names: Sequence[str]) -> list[float]:
        return [sum(one["spent"][name] for name in names) / one["seconds"] for one in rounds]

    total = shares(list(PARTS))
    verdict = "met" if median(total) <= BAR else "NOT MET"
    cells = [[what, spread([one["spent"][name] for one in rounds]), f"{100 * median(shares([name])):.2f} %", ""]
             for name, what in PARTS.items()]  # fmt: skip
    everything = [sum(one["spent"].values()) for one in rounds]
    cells.append(["**all of it**", spread(everything), f"**{100 * median(total):.2f} %**", verdict])
    how = (
        f"`jaxgan compare` on digits, {results['seeds']} seeds, {number(results['steps'])} steps of two losses, in "
        f"{spread([one['seconds'] for one in rounds])} seconds: median (smallest to largest of {len(rounds)} runs). "
        f"The bar is {100 * BAR:g} % of the job."
    )
    parts = [machine.sentence(results["machine"]), f"Command: `{results['command']}`", how]
    return "\n\n".join([*parts, table(["what keeps a run whole", "seconds", "of the job", ""], cells)]) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.saves", description=__doc__)
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--steps", type=int, default=1200)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/saves"))
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    results: dict[str, Any] = {"command": report.command("saves", options), "machine": machine.ask()}
    results |= {"seeds": options.seeds, "steps": options.steps}
    results["rounds"] = [once(options.seeds, options.steps) for _ in range(options.rounds)]
    report.keep(options.out, results, markdown(results))
    print(markdown(results))
    return 0


if __name__ == "__main__":
    sys.exit(main())
