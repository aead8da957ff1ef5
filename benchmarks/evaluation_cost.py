"""The question: what does it cost to measure generators during training, relative to the training itself?

`python -m benchmarks.evaluation_cost [--steps 300] [--rounds 8] [--out FOLDER]` trains the main job, `jaxgan compare`
on the digits with all defaults, with the probes of `--evaluate-every` at the spacing of the whole run and without any
probes. The losses take turns in every round, and both results are compared bit for bit. Only the first 300 of a run's
1,200 steps are trained, because steps and probes take equally long later. Compilation is excluded. It writes
`results.json` and `table.md`; the default takes about four minutes on two otherwise idle cores.
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
from jaxgan.runs.loop import Chunk, FitResult, fit
from jaxgan.study import compilation
from jaxgan.study.build import Configuration
from jaxgan.study.config import configure
from jaxgan.study.distributed import resources
from jaxgan.study.planning import Plan, own_probes, plan_for, study_for, watched_of
from jaxgan.study.watching import Watched, probe_steps, samples_along

JOBS: dict[str, tuple[dict[str, Any], float]] = {
    "the main job": ({}, 1.10),
    "a small ring": ({"data": "ring", "width": 32, "seeds": 16, "set": ["gan:batch_size=64"], "steps": 3000}, 1.15),
}
"""Options of each job, and the target for the time of training with probes relative to training without."""


def trained(plan: Plan, configuration: Configuration, steps: int, watched: Watched | None) -> tuple[FitResult, float]:
    """Train as `jaxgan compare` does; return the result and the seconds after compilation, with the host's work."""
    study, begin = plan.study, 0.0

    def compiled(_: float) -> None:
        nonlocal begin
        begin = time.perf_counter()

    def measured(chunk: Chunk) -> None:
        if watched is not None and chunk.probe is not None:
            watched.finish(chunk.probe)

    with compilation.in_precision(study.config.precision):
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


def measure_loss(plan: Plan, configuration: Configuration, steps: int, rounds: int) -> dict[str, Any]:
    """Return the seconds of each round with and without probes, and whether both results are equal bit for bit."""
    watched = watched_of(plan, plan.study.programs[configuration.label])
    ways = {"with": watched, "without": None}
    first = {name: trained(plan, configuration, steps, way)[0] for name, way in ways.items()}  # compiles
    same = jax.tree.map(np.array_equal, *(jax.device_get(end.state) for end in first.values()))
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for name in in_turns(list(ways), rounds):
        seconds[name].append(trained(plan, configuration, steps, ways[name])[1])
    times = ", ".join(f"{name} probes {number(median(values))} s" for name, values in seconds.items())
    print(f"{configuration.label}: {times}", flush=True)
    return {"loss": configuration.label, "seconds": seconds, "equal_bits": all(jax.tree.leaves(same))}


def measure(job: str, steps: int, rounds: int) -> dict[str, Any]:
    """Return the settings of a job, and a row for each of its losses."""
    config = configure(JOBS[job][0])
    placement = resources.start(config.seeds, resources.ALL)
    study = study_for(config)
    plan = plan_for(study, own_probes(study), placement, print)
    return {
        "job": job,
        "data": config.data,
        "seeds": config.seeds,
        "steps": steps,
        "every": config.evaluate_every,
        "probes": len(probe_steps(steps, config.evaluate_every)),
        "samples": samples_along(plan.evaluator),
        "rows": [measure_loss(plan, each, steps, rounds) for each in plan.study.configurations.values()],
    }


def markdown(results: dict[str, Any]) -> str:
    parts = [machine.sentence(results["machine"]), f"Command: `{results['command']}`"]
    head = ["loss", "seconds without", "with probes / without", "", "ms a probe", "trained state"]
    for job in results["jobs"]:
        bar = JOBS[job["job"]][1]
        parts += [
            f"**{job['job'][:1].upper()}{job['job'][1:]}**, `jaxgan compare` on {job['data']}, "
            f"{report.counted(job['seeds'])}, {job['steps']:,} steps, {job['probes']} probes of {job['samples']:,} "
            f"samples a seed, one every {job['every']} steps, as by default: metrics and the evidence for a diagnosis. "
            "Ratios compare the time of training in the same round, without compilation: median (95 % interval of "
            f"the median over {results['rounds']} rounds). Target: at most {bar:.2f}.",
            table(head, [_cells(row, job["probes"], bar) for row in job["rows"]]),
        ]
    return "\n\n".join(parts) + "\n"


def _cells(row: dict[str, Any], probes: int, bar: float) -> list[str]:
    found = interval(ratios(row["seconds"]["with"], row["seconds"]["without"]))
    verdict = "met" if found.high <= bar else "NOT MET" if found.low > bar else "undecided"
    cost = 1000 * (median(row["seconds"]["with"]) - median(row["seconds"]["without"])) / probes
    same = "equal bits" if row["equal_bits"] else "differs"
    return [row["loss"], number(median(row["seconds"]["without"])), str(found), verdict, f"{cost:.0f}", same]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.evaluation_cost", description=__doc__)
    parser.add_argument("--steps", type=int, default=300, help="steps of a training of the main job; a multiple of 60")
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/evaluation-cost"))
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as programs:  # `fit` compiles ahead of time in every call
        jax.config.update("jax_compilation_cache_dir", programs)
        lengths = {job: options.steps * (1 if not given else given["steps"] // 300) for job, (given, _) in JOBS.items()}
        jobs = [measure(job, steps, options.rounds) for job, steps in lengths.items()]
    results: dict[str, Any] = {"command": report.command("evaluation_cost", options), "machine": machine.describe()}
    results |= {"rounds": options.rounds, "jobs": jobs}
    report.keep(options.out, results, markdown(results))
    print("\n" + markdown(results))
    return 0


if __name__ == "__main__":
    sys.exit(main())
