"""The question: what does a step of a small game cost, compared with a plain vmapped JAX loop that records nothing?

`python -m benchmarks.small_game [--seeds 64] [--rounds 12] [--out FOLDER]` trains MLPs of 2 x 32 on the ring with
batches of 64. At this size, recording and the placement of runs dominate the time of a step. It compares the default of
`jaxgan.fit`, jaxgan recording only the two losses, and two loops that record nothing. Each runs in a separate process,
and they take turns in every round. It writes `results.json` and `table.md`; the default takes about a minute.
"""

import argparse
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import machine, report, speed
from benchmarks.forms import Form, Start
from benchmarks.report import number, table
from benchmarks.turns import in_turns, interval, ratios
from benchmarks.workloads import SMALL_RING, Workload

LOOP = "plain vmapped loop"
SHARED_OUT = "plain vmapped loop, its seeds shared out over the cores"
FORMS = {
    "jaxgan, default records": "jaxgan",
    "jaxgan, the losses alone recorded": "benchmarks.small_game:losses_alone",
    LOOP: "jax-vmap",
    SHARED_OUT: "benchmarks.jax_forms:vmap_over_cores",
}


def losses_alone(workload: Workload, seeds: int, start: Start | None = None) -> Form:
    """Make the form of jaxgan that records only the losses of both players."""
    from benchmarks import jaxgan_form

    rule = jaxgan_form.algorithm(workload)

    def info(told: Any) -> dict[str, Any]:
        return {name: getattr(rule.info(told), name) for name in ("g_loss", "d_loss")}

    return jaxgan_form.make(workload, seeds, start, rule=rule._replace(info=info))


def measure(seeds: int, rounds: int, seconds: float) -> dict[str, list[float]]:
    """Return microseconds per seed and step for every form and round."""
    with ExitStack() as stack:
        ready = {}
        for name, form in FORMS.items():
            ready[name] = stack.enter_context(speed.worker(form, SMALL_RING.name, seeds))
            print(f"{name}: ready after {ready[name].about['build_seconds']:.1f} s", flush=True)
        steps = {name: speed.steps_for(member, seconds) for name, member in ready.items()}
        micros: dict[str, list[float]] = {name: [] for name in FORMS}
        for name in in_turns(list(FORMS), rounds):
            micros[name].append(1e6 * ready[name].run(steps[name])["seconds"] / steps[name] / seeds)
    return micros


def markdown(results: dict[str, Any]) -> str:
    micros = results["micros"]
    cells = [
        [name, number(median(own)), *(_against(own, micros[loop], name == loop) for loop in (LOOP, SHARED_OUT))]
        for name, own in micros.items()
    ]
    head = ["form", "microseconds per seed and step", "in units of the plain loop", "of the one shared out"]
    parts = [
        machine.sentence(results["machine"]),
        f"Command: `{results['command']}`",
        f"**{SMALL_RING.title}**, {report.counted(results['seeds'])}. Ratios compare times in the same round: "
        f"median (95 % interval of the median over {results['rounds']} rounds). By default jaxgan records losses, "
        "spreads, and norms of gradients and updates at about 500 steps of a run, and checks every step for "
        "non-finite values; the loops record nothing.",
        table(head, cells),
    ]
    return "\n\n".join(parts) + "\n"


def _against(own: Sequence[float], loop: Sequence[float], itself: bool) -> str:
    return "1" if itself else str(interval(ratios(own, loop)))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.small_game", description=__doc__)
    parser.add_argument("--seeds", type=int, default=64, help="a multiple of the number of cores")
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--seconds", type=float, default=0.6, help="approximate length of one turn in a round")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/small-game"))
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    results: dict[str, Any] = {
        "command": report.command("small_game", options),
        "machine": machine.ask(),
        "seeds": options.seeds,
        "rounds": options.rounds,
        "micros": measure(options.seeds, options.rounds, options.seconds),
    }
    report.keep(options.out, results, markdown(results))
    print("\n" + markdown(results))
    return 0


if __name__ == "__main__":
    sys.exit(main())
