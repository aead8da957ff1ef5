"""The question: what does a training step spend its time on?

`python -m benchmarks.shares [--workloads ring dcgan8 pix2pix32] [--seeds 4] [--steps 20] [--out FOLDER]` trains under
JAX's profiler and sums the time of every instruction of the compiled program over the threads, by its kind and by the
part of the step that it is of: both are read from the program's text. It writes `results.json` and `table.md`.
"""

import argparse
import heapq
import re
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
from jax.profiler import ProfileData

from benchmarks import jaxgan_form, machine, report
from benchmarks.report import table
from benchmarks.workloads import WORKLOADS, Workload

KINDS = ("products", "element by element", "copies and shifts", "reductions", "random bits")
PARTS = ("G forward", "G backward", "D forward", "D backward", "rest")
_SHOWN = 6  # instructions listed for each workload

_INSTRUCTION = re.compile(r"^\s+(?:ROOT )?%([\w.\-]+) = [^=]*?\s([a-z][\w\-]*)\(")
_CALLS = re.compile(r"\bcalls=%([\w.\-]+)")
_NAME = re.compile(r'op_name="([^"]*)"')
_OUTER = frozenset({"while", "call", "conditional"})  # what they contain is timed by itself
_MOVES = frozenset({"bitcast", "broadcast", "concatenate", "constant", "copy", "dynamic-slice", "dynamic-update-slice",
                    "gather", "get-tuple-element", "iota", "pad", "parameter", "reshape", "reverse", "slice",
                    "transpose", "tuple"})  # fmt: skip


class Instruction(NamedTuple):
    """An instruction of a compiled program."""

    kind: str  # one of `KINDS`
    part: str  # one of `PARTS`
    source: str  # where it comes from, as JAX names it


def instructions(text: str) -> dict[str, Instruction]:
    """Return the instructions of a program by name, from its text.

    Example:
      >>> name = "jit(f)/jvp(DCGANGenerator)/Dense_0/dot_general"
      >>> line = f'  %dot.1 = f32[2,2]{{1,0}} dot(%a, %b), metadata={{op_name="{name}"}}'
      >>> instructions(line)["dot.1"]
      Instruction(kind='products', part='G forward', source='DCGANGenerator/Dense_0/dot_general')
    """
    bodies: dict[str, set[str]] = {}
    found, computation = [], ""
    for line in text.splitlines():
        if line and not line[0].isspace() and line.endswith("{"):
            computation = line.removeprefix("ENTRY ").split(" ", 1)[0].lstrip("%")
        elif match := _INSTRUCTION.match(line):
            bodies.setdefault(computation, set()).add(match[2])
            found.append((match[1], match[2], line))
    kept = {}
    for name, operation, line in found:
        called = _CALLS.search(line)
        inside = bodies.get(called[1], set()) if called else {operation}
        if operation not in _OUTER:
            source = named[1] if (named := _NAME.search(line)) else ""
            kept[name] = Instruction(_kind(inside, source), _part(source), _short(source))
    return kept


def _kind(operations: set[str], source: str) -> str:
    if operations & {"dot", "convolution"}:
        return "products"
    if "threefry" in source or "random_bits" in source or operations & {"rng", "rng-bit-generator"}:
        return "random bits"
    if operations & {"reduce", "reduce-window"}:
        return "reductions"
    return "copies and shifts" if operations <= _MOVES else "element by element"


def _part(source: str) -> str:
    for player, name in (("G", "Generator"), ("D", "Discriminator")):
        if re.search(rf"\w*{name}\b", source):
            return f"{player} backward" if "transpose(jvp(" in source else f"{player} forward"
    return "rest"


def _short(source: str) -> str:
    """Return a name without the loops and transformations around a layer."""
    parts = [part for part in re.sub(r"\b(?:transpose|jvp|vmap)\(+|\)", "", source).split("/") if part]
    return "/".join([part for part in parts if not re.match(r"jit\b|while|body|closed_call|shmap", part)][-3:])


def seconds(known: Mapping[str, Instruction], run: Callable[[int], None], steps: int) -> dict[str, float]:
    """Return the seconds of each instruction, summed over threads, in a number of steps."""
    found: dict[str, float] = defaultdict(float)
    with tempfile.TemporaryDirectory() as folder:
        with jax.profiler.trace(folder):
            run(steps)
        (path,) = Path(folder).rglob("*.xplane.pb")
        for plane in ProfileData.from_file(str(path)).planes:
            for line in plane.lines:
                for event in line.events:
                    if event.name in known:
                        found[event.name] += event.duration_ns * 1e-9
    if not found:
        raise RuntimeError("the profiler saw none of the program's instructions")
    return found


def measure(workload: Workload, seeds: int, steps: int) -> dict[str, Any]:
    """Return the shares of a workload's step by kind and part, and its costliest instructions."""
    form = jaxgan_form.make(workload, seeds)
    assert form.text is not None
    form.run(2)
    known = instructions(form.text())
    spent = seconds(known, form.run, steps)
    total = sum(spent.values())
    shares: dict[tuple[str, str], float] = defaultdict(float)
    for name, each in spent.items():
        shares[known[name].kind, known[name].part] += each / total
    costliest = heapq.nlargest(_SHOWN, spent, key=lambda name: spent[name])
    top = [{"name": name, "source": known[name].source, "share": spent[name] / total} for name in costliest]
    rows = [{"kind": kind, **{part: shares[kind, part] for part in PARTS}} for kind in KINDS]
    return {
        "workload": workload.name,
        "title": workload.title,
        "seeds": seeds,
        "instructions": len(spent),
        "rows": rows,
        "top": top,
    }


def markdown(results: Mapping[str, Any]) -> str:
    parts = [machine.sentence(results["machine"]), f"Command: `{results['command']}`"]
    for one in results["workloads"]:
        rows = [[row["kind"], *(_percent(row[part]) for part in PARTS), _percent(sum(row[part] for part in PARTS))]
                for row in one["rows"]]  # fmt: skip
        sums = [sum(row[part] for row in one["rows"]) for part in PARTS]
        seeds, count = report.counted(one["seeds"]), one["instructions"]
        parts.append(f"**{one['title']}, {seeds}**, {count:,} instructions; shares of the time in %")
        parts.append(table(["", *PARTS, "all"], [*rows, ["all", *map(_percent, sums), "100"]]))
        parts.append("The costliest: " + "; ".join(f"{top['source'] or top['name']} {_percent(top['share'])} %"
                                                   for top in one["top"]) + ".")  # fmt: skip
    parts.append(
        "Time is summed over threads. An instruction that computes several parts at once, as updates of parameters do "
        "for all layers, counts for the one that it is named after; *rest* is Adam, data, records and loops."
    )
    return "\n\n".join(parts) + "\n"


def _percent(share: float) -> str:
    return f"{100 * share:.1f}" if share else ""


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmark and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.shares", description=__doc__)
    parser.add_argument("--workloads", nargs="+", choices=WORKLOADS, default=["ring", "dcgan8", "dcgan32", "pix2pix32"])
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/shares"))
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    rows = [measure(WORKLOADS[name], options.seeds, options.steps) for name in options.workloads]
    command = report.command("shares", options)
    results = {"command": command, "machine": machine.describe(), "workloads": rows}
    report.keep(options.out, results, markdown(results))
    print(markdown(results))
    return 0


if __name__ == "__main__":
    sys.exit(main())
