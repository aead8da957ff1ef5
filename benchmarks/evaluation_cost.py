"""The question: what does it cost to measure generators along training, in units of the training itself?

`python -m benchmarks.evaluation_cost [--steps 300] [--rounds 8] [--out FOLDER]` trains the main job, `jaxgan compare`
on the digits with all defaults, with the probes of `--evaluate-every` at the spacing of the whole run and without any,
each loss in turn in every round, and asks whether both trained alike to the bit. Of a run's 1,200 steps the first 300
are trained, in which each step and each probe takes what it takes later. Compilation is left out. It writes
`results.json` and `table.md`; the default takes about four minutes on two quiet cores.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import jax
import numpy as np

from benchmarks import machine, report
from benchmarks.report import number, table
from benchmarks.turns import in_turns, interval, ratios
from jaxgan.evaluation import Evaluator, evaluation_probe
from jaxgan.runs.loop import Chunk, FitResult, fit
from jaxgan.study import compilation, resources
from jaxgan.study.build import Configuration
from jaxgan.study.config import configure
from jaxgan.study.planning import PROBE_SAMPLES, Plan, own_probes, plan_for, study_for
from jaxgan.study.watching import Watched, along, probe_steps, watch

BAR = 1.10


def trained(plan: Plan, configuration: Configuration, steps: int, watched: Watched | None) -> tuple[FitResult, float]:
    """A training as `jaxgan compare` does it, and its seconds after compilation, the host's part of probes included."""
    study, begin = plan.study, 0.0

    def compiled(_: float) -> None:
        nonlocal begin
        begin = time.perf_counter()

    def measured(chunk: Chunk) -> None:
        if watched is not None and chunk.probe is not None:
            watched.finish(chunk.probe)

    with compilation.in_precision(study.config):
        end = fit(
            configuration.algorithm,
            study.source.sample,
            study.keys,
            steps,
            probe=None if watched is None else watched.probe,
            probe_at=() if watched is None else probe_steps(steps, study.config.evaluate_every),
            on_chunk=measured,
            on_compile=compiled,
            placement=plan.placement,
        )
        jax.block_until_ready(end.state)
    return end, time.perf_counter() - begin


def probe_samples(evaluator: Evaluator) -> int:
    """How many samples a probe takes of a seed."""
    return min(evaluator.samples, PROBE_SAMPLES)


def measure_loss(plan: Plan, configuration: Configuration, steps: int, rounds: int) -> dict[str, Any]:
    """Seconds with probes and without, a value a round, and whether both trained alike to the bit."""
    evaluator, game = plan.evaluator, configuration.algorithm.game
    watched = watch(evaluation_probe(evaluator, game, probe_samples(evaluator)), along(evaluator), {})
    ways = {"with": watched, "without": None}
    first = {name: trained(plan, configuration, steps, way)[0] for name, way in ways.items()}  # compiles
    same = jax.tree.map(np.array_equal, *(jax.device_get(end.state) for end in first.values()))
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for name in in_turns(list(ways), rounds):
        seconds[name].append(trained(plan, configuration, steps, ways[name])[1])
    times = ", ".join(f"{name} probes {number(median(values))} s" for name, values in seconds.items())
    print(f"{configuration.label}: {times}", flush=True)
    return {"loss": configuration.label, "seconds": seconds, "equal_bits": all(jax.tree.leaves(same))}


def measure(steps: int, rounds: int) -> dict[str, Any]:
    """The main job's setting, and a row for each of its losses."""
    config = configure({})
    placement = resources.start(config.seeds, resources.ALL)
    study = study_for(config)
    plan = plan_for(study, own_probes(study), placement, print)
    return {
        "seeds": config.seeds,
        "steps": steps,
        "every": config.evaluate_every,
        "probes": len(probe_steps(steps, config.evaluate_every)),
        "samples": probe_samples(plan.evaluator),
        "rows": [measure_loss(plan, each, steps, rounds) for each in plan.study.configurations.values()],
    }


def markdown(results: dict[str, Any]) -> str:
    cells = []
    for row in results["rows"]:
        found = interval(ratios(row["seconds"]["with"], row["seconds"]["without"]))
        verdict = "met" if found.high <= BAR else "NOT MET" if found.low > BAR else "undecided"
        cost = 1000 * (median(row["seconds"]["with"]) - median(row["seconds"]["without"])) / results["probes"]
        same = "equal bits" if row["equal_bits"] else "differs"
        cells.append([row["loss"], number(median(row["seconds"]["without"])), str(found), verdict, f"{cost:.0f}", same])
    head = ["loss", "seconds without", "with probes / without", "", "ms a probe", "trained state"]
    parts = [
        machine.sentence(results["machine"]),
        f"Command: `{results['command']}`",
        f"**`jaxgan compare` on the digits**, {report.counted(results['seeds'])}, {results['steps']:,} steps, "
        f"{results['probes']} probes of {results['samples']:,} samples a seed, one every {results['every']} steps, as "
        "by default. A ratio is that of the time of training in the same round, without compilation: median (95 % "
        f"interval of the median over {results['rounds']} rounds). To be at most {BAR:.2f}.",
        table(head, cells),
    ]
    return "\n\n".join(parts) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """One run of the benchmark."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.evaluation_cost", description=__doc__)
    parser.add_argument("--steps", type=int, default=300, help="of each training; a multiple of 60")
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/evaluation-cost"))
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as programs:  # `fit` compiles ahead of time, each time that it is called
        jax.config.update("jax_compilation_cache_dir", programs)
        found = measure(options.steps, options.rounds)
    results = {"command": report.command("evaluation_cost", options), "machine": machine.describe()}
    results |= {"rounds": options.rounds, **found}
    report.keep(options.out, results, markdown(results))
    print("\n" + markdown(results))
    return 0


if __name__ == "__main__":
    sys.exit(main())
