"""The question: what does it cost to record the gradient of every loss, and how long does the frozen protocol take?

`python -m benchmarks.profiles [--workloads ring dcgan8] [--seeds 8] [--rounds 7] [--out FOLDER]` trains the same runs
with and without a probe of six losses on four minibatches every 50 steps, which take turns in every round, and times
`jaxgan profile --frozen` on the digits, including compilation and the report. It writes `results.json` and `table.md`.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import jax

from benchmarks import jaxgan_form, machine, report
from benchmarks.report import number, table
from benchmarks.workloads import WORKLOADS, Workload
from jaxgan import losses
from jaxgan.diagnostics.gradients import gradient_probe
from jaxgan.runs import run_seeds, seed_keys
from jaxgan.types import Sampler

LOSSES = ("minimax", "non_saturating", "wasserstein", "hinge", "least_squares", "relativistic")
EVERY, MINIBATCHES = 50, 4
FROZEN = ("--data=digits", "--loss=minimax", "--loss=non_saturating", "--loss=wasserstein", "--loss=hinge",
          "--ages=1e,10e,25e", "--seeds=8", "--d-iterations=2000")  # fmt: skip


def probe_cost(workload: Workload, seeds: int, rounds: int, steps: int) -> dict[str, Any]:
    """Return the seconds per round with and without the probe, and whether both results are equal bit for bit."""
    algorithm, sample = jaxgan_form.algorithm(workload), jaxgan_form.sampler(workload)
    watched = {name: getattr(losses, name) for name in LOSSES}
    probe = gradient_probe(algorithm.game, sample, watched, minibatches=MINIBATCHES, batch_size=workload.batch)
    keys = seed_keys(jax.random.key(0), seeds)

    def form(probe: Any, sample: Sampler = sample) -> Callable[[], Any]:
        return lambda: jax.block_until_ready(
            run_seeds(algorithm, sample, keys, steps, probe=probe, probe_every=EVERY)
        )  # fmt: skip

    forms = {"plain": form(None), "watched": form(probe)}
    first = {name: run() for name, run in forms.items()}  # compiles
    equal = jax.tree.map(lambda a, b: bool((a == b).all()), first["plain"].state, first["watched"].state)
    seconds: dict[str, list[float]] = {name: [] for name in forms}
    for turn in range(rounds):
        for name in list(forms)[:: -1 if turn % 2 else 1]:
            clock = time.perf_counter()
            forms[name]()
            seconds[name].append(time.perf_counter() - clock)
    return {
        "workload": workload.name,
        "seeds": seeds,
        "steps": steps,
        "seconds": seconds,
        "equal_bits": all(jax.tree.leaves(equal)),
    }


def frozen_command(out: Path) -> list[str]:
    """Return the command that is timed."""
    return ["profile", "--frozen", *FROZEN, "--no-compile-cache", f"--out={out}"]


def frozen_seconds(rounds: int) -> list[float]:
    """Return the seconds that the whole command takes in a separate process, for each round."""
    seconds = []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, "-m", "jaxgan", *frozen_command(Path(folder) / "profile")]
            clock = time.perf_counter()
            subprocess.run(command, check=True, capture_output=True)
            seconds.append(time.perf_counter() - clock)
    return seconds


def markdown(results: dict[str, Any]) -> str:
    parts = [machine.sentence(results["machine"]), f"Command: `{results['command']}`"]
    cells = []
    for row in results["probe"]:
        pairs = zip(row["seconds"]["watched"], row["seconds"]["plain"], strict=True)
        ratios = [watched / plain for watched, plain in pairs]
        spread = f"{median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f})"
        per_step = 1e3 * median(row["seconds"]["plain"]) / row["steps"] / row["seeds"]
        same = "equal bits" if row["equal_bits"] else "differs"
        cells.append([WORKLOADS[row["workload"]].title, str(row["seeds"]), spread, number(per_step), same])
    head = ["work", "seeds", "watched / plain run", "ms per seed and step, plain", "trained state"]
    parts.append(
        f"**The probe in training**: {len(LOSSES)} losses ({', '.join(LOSSES)}) on {MINIBATCHES} minibatches every "
        f"{EVERY} steps; the time of the whole run relative to one without it, in the same round, median (smallest to "
        "largest). Target: at most 1.15."
    )
    parts.append(table(head, cells))
    if seconds := results["frozen_seconds"]:
        spread = f"median {median(seconds):.0f} s ({min(seconds):.0f} to {max(seconds):.0f})"
        parts.append(
            "**The frozen protocol on digits**: 3 ages x 8 seeds x 2,000 discriminator steps x 4 losses, as "
            f"`jaxgan {' '.join(frozen_command(Path('FOLDER')))}`, with generators, compilation and report: {spread}. "
            "Target: at most 300 s on two cores."
        )
    return "\n\n".join(parts) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.profiles", description=__doc__)
    parser.add_argument("--workloads", nargs="+", choices=WORKLOADS, default=["ring", "dcgan8"])
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--steps", type=int, default=400, help=f"steps of each run; a multiple of {EVERY}")
    parser.add_argument("--frozen-rounds", type=int, default=2, help="rounds of the frozen protocol; 0 omits it")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/profile-costs"))
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    jaxgan_form.use_devices()
    rows = [probe_cost(WORKLOADS[name], options.seeds, options.rounds, options.steps) for name in options.workloads]
    words = [*options.workloads, "--seeds", str(options.seeds), "--rounds", str(options.rounds)]
    command = " ".join(["python -m benchmarks.profiles --workloads", *words, f"--steps {options.steps}"])
    results = {
        "command": f"{command} --frozen-rounds {options.frozen_rounds}",
        "machine": machine.describe(),
        "probe": rows,
        "frozen_seconds": frozen_seconds(options.frozen_rounds),
    }
    report.keep(options.out, results, markdown(results))
    print(markdown(results))
    return 0


if __name__ == "__main__":
    sys.exit(main())
