"""The claim: compile time, program size and memory per seed do not grow with seeds, steps or data.

`python -m benchmarks.programs [--rounds 3] [--out FOLDER]` compiles the DCGAN-32 and the ring MLP for several numbers
of seeds and sizes of the data set, each time without a compile cache, alternating between forward and reverse order.
The number of steps is an argument of the program, so it has no effect. It writes `results.json` and `table.md`.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import jax
import numpy as np

from benchmarks import jaxgan_form, machine, report
from benchmarks.report import number, table
from benchmarks.workloads import WORKLOADS
from jaxgan.data import from_images
from jaxgan.data.source import Examples

_SEEDS = (1, 4, 16, 64)
_EXAMPLES = (2_048, 16_384)


def cases() -> list[tuple[str, int, int | None]]:
    """Return (workload, seeds, number of examples in the data set; None for the ring, which draws its own)."""
    return [
        *(("ring", seeds, None) for seeds in _SEEDS),
        *(("dcgan32", seeds, _EXAMPLES[0]) for seeds in _SEEDS),
        ("dcgan32", 16, _EXAMPLES[1]),
    ]


def compiled(name: str, seeds: int, examples: int | None) -> dict[str, Any]:
    """Compile a program without a cache; return seconds, length of its text, and bytes by the compiler's analysis."""
    jax.clear_caches()
    workload, sample = WORKLOADS[name], None
    if examples is not None:
        images = np.random.default_rng(0).integers(0, 256, (examples, *workload.shape), dtype=np.uint8)
        sample = from_images(name, Examples(images)).sample
    facts = jaxgan_form.make(workload, seeds, sample=sample).facts
    memory = facts["memory"]
    own = memory["argument"] + memory["output"] + memory["temp"] - memory["alias"] - memory["data"]
    return {
        "seconds": facts["compile_seconds"],
        "characters": facts["characters"],
        "bytes": own,
        "data": memory["data"],
    }


def measure(rounds: int) -> list[dict[str, Any]]:
    """Return a row for every case, with the seconds of every round."""
    rows: dict[Any, dict[str, Any]] = {}
    for turn in range(rounds):
        for case in cases()[:: -1 if turn % 2 else 1]:
            found = compiled(*case)
            row = rows.setdefault(case, found | {"seconds": []})
            row["seconds"].append(found["seconds"])
            print(f"{case[0]}, {case[1]} seeds, {case[2] or 'no'} examples: {found['seconds']:.1f} s", flush=True)
    names = ("workload", "seeds", "examples")
    return [dict(zip(names, case, strict=True)) | rows[case] for case in cases()]


def markdown(results: dict[str, Any]) -> str:
    head = ["program", "seeds", "examples", "seconds to compile", "thousand characters", "MiB a seed", "MiB of data"]
    rows = [
        [
            WORKLOADS[row["workload"]].title, str(row["seeds"]), f"{row['examples']:,}" if row["examples"] else "drawn",
            f"{number(median(row['seconds']))} ({number(min(row['seconds']))} to {number(max(row['seconds']))})",
            number(row["characters"] / 1e3), number(row["bytes"] / row["seeds"] / 2**20), number(row["data"] / 2**20),
        ]
        for row in results["rows"]
    ]  # fmt: skip
    note = (
        "Bytes are those of arguments, results and intermediate arrays on all devices, from the compiler's analysis; "
        "buffers reused for a result count once. The data set, of which every device has a copy, is counted separately."
    )
    parts = [machine.sentence(results["machine"]), f"Command: `{results['command']}`", table(head, rows), note]
    return "\n\n".join(parts) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.programs", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/programs"))
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    jax.config.update("jax_enable_compilation_cache", False)
    jaxgan_form.use_devices()
    rows = measure(options.rounds)
    command = f"python -m benchmarks.programs --rounds {options.rounds}"
    results = {"command": command, "machine": machine.describe(), "rows": rows}
    report.keep(options.out, results, markdown(results))
    print(markdown(results))
    return 0


if __name__ == "__main__":
    sys.exit(main())
