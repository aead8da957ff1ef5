"""The claim: S seeds trained together cost less per seed than one seed trained by anything else on the same machine.

`python -m benchmarks.speed [--workloads ...] [--seeds 1 4 16 64] [--rounds 7] [--out FOLDER]` checks that all forms
compute the same step, then times them in turns, each in a separate process, and writes `results.json`, its tables and
`speed.png`. Only one form computes at a time. A group of forms is one workload with one number of seeds.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import MappingProxyType
from typing import IO, Any, NamedTuple

from benchmarks import machine, parity, report
from benchmarks.forms import FORMS, available
from benchmarks.workloads import WORKLOADS

_COMPILED = ("torch-compile", "torch-compile-cl")  # forms that may fail the check only because of their compiler
_PAUSE = 0.2  # seconds before a measurement, so that the threads of the previous form become idle
_ENVIRONMENT = {
    "XLA_PYTHON_CLIENT_PREALLOCATE": "false",  # the forms share a GPU's memory
    "JAX_ENABLE_COMPILATION_CACHE": "false",  # compile times must be those of a first run
}


class Failure(RuntimeError):
    """Raised if a form does not run here; the message says why."""


class Worker(NamedTuple):
    """A form that is ready to run in its own process."""

    process: subprocess.Popen[str]
    errors: IO[str]
    about: dict[str, Any]

    def run(self, steps: int) -> dict[str, Any]:
        """Run a number of steps and return seconds and peak memory. Raises `Failure`."""
        time.sleep(_PAUSE)
        assert self.process.stdin is not None
        with suppress(BrokenPipeError):  # the missing answer is reported below
            print(f"run {steps}", file=self.process.stdin, flush=True)
        return _answer(self.process, self.errors)


@contextmanager
def worker(form: str, workload: str, seeds: int, root: Path | None = None) -> Iterator[Worker]:
    """Start the process of a form, with the code in `root` if given; the process ends with the context."""
    command = [sys.executable, "-m", "benchmarks.worker", form, workload, str(seeds)]
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            cwd=root,
            env=environment(root),
        )
        try:
            yield Worker(process, errors, _answer(process, errors))
        finally:
            process.kill()
            process.communicate()


def environment(root: Path | None = None) -> dict[str, str]:
    """Return the environment variables of a form's process, which imports from `root` first."""
    paths = [str(root)] if root else []
    paths += [path for path in [os.environ.get("PYTHONPATH")] if path]
    return {**os.environ, **_ENVIRONMENT} | ({"PYTHONPATH": os.pathsep.join(paths)} if paths else {})


def _answer(process: subprocess.Popen[str], errors: IO[str]) -> dict[str, Any]:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:  # for example, killed for lack of memory
        errors.seek(0)
        said = [text for text in errors.read().splitlines() if text.strip()]
        raise Failure(f"ended with status {process.wait()}" + (f": {said[-1].strip()}" if said else ""))
    answer: dict[str, Any] = json.loads(line)
    if "failed" in answer:
        raise Failure(answer["failed"])
    return answer


def steps_for(member: Worker, seconds: float) -> int:
    """Return how many steps take about `seconds`, after a warm-up."""
    steps = 1
    while True:
        took = member.run(steps)["seconds"]
        if took >= seconds / 4:
            return max(1, round(steps * seconds / took))
        steps = max(2 * steps, round(steps * seconds / 2 / max(took, 1e-9)))


def measure_group(
    workload: str,
    seeds: int,
    forms: Sequence[str],
    *,
    rounds: int,
    seconds: float,
    left_out: Mapping[str, str] = MappingProxyType({}),
) -> list[dict[str, Any]]:
    """Return a row for every form. All processes run at once and take turns; each round starts with another form.

    With many seeds, jaxgan with one seed also takes turns, so that the cost per seed is a ratio within rounds.
    """
    members = [(form, seeds) for form in forms]
    if seeds > 1 and "jaxgan" in forms:
        members.append(("jaxgan", 1))
    rows, ready = [], []
    with ExitStack() as stack:
        for form, count in members:
            row: dict[str, Any] = {"workload": workload, "group": seeds, "form": form, "seeds": count, "failed": None}
            rows.append(row)
            print(f"  {FORMS[form].label}, {report.counted(count)} ... ", end="", flush=True)
            try:
                if form in left_out:
                    raise Failure(left_out[form])
                member = stack.enter_context(worker(form, workload, count))
                row |= {key: member.about[key] for key in ("build_seconds", "facts")}
                row |= {"steps": steps_for(member, seconds), "seconds": [], "ms": []}
                ready.append((row, member))
                print(f"ready after {row['build_seconds']:.1f} s", flush=True)
            except Failure as failure:
                row["failed"] = str(failure)
                print(f"does not run here: {failure}", flush=True)
        for number in range(rounds):
            first = number % max(1, len(ready))
            for row, member in ready[first:] + ready[:first]:
                if not row["failed"]:
                    _measure(row, member)
    return rows


def _measure(row: dict[str, Any], member: Worker) -> None:
    try:
        answer = member.run(row["steps"])
    except Failure as failure:
        row["failed"] = str(failure)
        return
    row["seconds"].append(answer["seconds"])
    row["ms"].append(1000 * answer["seconds"] / row["steps"] / row["seeds"])
    row["peak_rss_mib"] = round(answer["peak_rss_mib"], 1)


def check_parity(workloads: Sequence[str], forms: Sequence[str]) -> list[dict[str, Any]]:
    """Run `benchmarks.parity` in a separate process, because it uses both frameworks, and return its outcomes.

    A compiled form that computes a different step is not timed. If another form does, or an outcome is missing, nothing
    is timed.
    """
    command = [sys.executable, "-m", "benchmarks.parity", "--json", "--workloads", *workloads, "--forms", *forms]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, env={**os.environ, **_ENVIRONMENT})
    outcomes = [parity.Outcome(**json.loads(line)) for line in done.stdout.splitlines()]
    print(*(f"  {parity.line(outcome)}" for outcome in outcomes), sep="\n", flush=True)
    broken = [one for one in outcomes if one.failed is None and not one.agrees]
    asked = sum(len(available(WORKLOADS[name], parity.SEEDS, forms)) for name in workloads)
    if len(outcomes) < asked or any(one.form not in _COMPILED for one in broken):
        raise SystemExit("Not all forms are known to compute the same step, so nothing is timed.")
    return [outcome._asdict() for outcome in outcomes]


def _left_out(outcomes: Sequence[dict[str, Any]], workload: str) -> dict[str, str]:
    """Return why forms of a workload are not timed, by form."""
    found = [parity.Outcome(**outcome) for outcome in outcomes if outcome["workload"] == workload]
    return {one.form: "computes another step" for one in found if one.failed is None and not one.agrees}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed", description=__doc__)
    parser.add_argument("--workloads", nargs="+", choices=WORKLOADS, default=list(WORKLOADS))
    parser.add_argument("--seeds", nargs="+", type=int, help="default: by workload, for minutes on two cores")
    parser.add_argument("--forms", nargs="+", choices=FORMS, default=list(FORMS))
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=1.5, help="approximate length of one turn in a round")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/speed"))
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)

    about = machine.ask()
    print(machine.sentence(about), flush=True)
    results: dict[str, Any] = {
        "command": report.command("speed", options),
        "machine": about,
        "rounds": options.rounds,
        "precision": "float32",
    }
    print("Do all forms compute the same step?", flush=True)
    results |= {"parity": check_parity(options.workloads, options.forms), "rows": []}
    for name in options.workloads:
        for seeds in options.seeds or WORKLOADS[name].seeds:
            print(f"{WORKLOADS[name].title}, {report.counted(seeds)}", flush=True)
            forms = available(WORKLOADS[name], seeds, options.forms)
            left_out = _left_out(results["parity"], name)
            results["rows"] += measure_group(
                name, seeds, forms, rounds=options.rounds, seconds=options.seconds, left_out=left_out
            )
            _write(options.out, results)  # save in case a later one fails
    print("\n" + report.markdown(results))
    return 0


def _write(folder: Path, results: dict[str, Any]) -> None:
    (folder / "results.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    report.write(folder, results)


if __name__ == "__main__":
    sys.exit(main())
