"""The question: is this checkout slower than another commit, in training or in compilation?

`python -m benchmarks.commits [--against 645aad8] [--workloads ...] [--seeds 1 4 16] [--rounds 12] [--out FOLDER]`
unpacks the other commit into a temporary folder and times its `jaxgan` and this one in turns, each in a separate
process with its own `benchmarks.worker` and the same dependencies. This checkout has two turns in every round: their
ratio should be 1, so its deviation from 1 is the noise of the machine. It writes `results.json` and `table.md`; the
default takes about ten minutes on two otherwise idle cores.
"""

import argparse
import io
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import machine, report, speed
from benchmarks.report import number, table
from benchmarks.turns import Interval, in_turns, interval, order, ratios
from benchmarks.workloads import WORKLOADS

ROOT = Path(__file__).parents[1]
SLOWER = 1.03  # the target: no workload is more than 3 % slower
_PARTS = ("jaxgan", "benchmarks")


def unpack(commit: str, folder: Path) -> str:
    """Unpack the library and the benchmarks of a commit into `folder`, and return the full hash of the commit.

    Raises:
      SystemExit: if there is no such commit.
    """
    git = ["git", "-C", str(ROOT)]
    named = subprocess.run(
        [*git, "rev-parse", "--verify", "--quiet", f"{commit}^{{commit}}"], capture_output=True, text=True
    )
    if named.returncode:
        raise SystemExit(f"--against must be a commit of this repository, got {commit!r}")
    name = named.stdout.strip()
    archive = subprocess.run([*git, "archive", "--format=tar", name, *_PARTS], capture_output=True, check=True)
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
        files.extractall(folder, filter="data")
    return name


def check_origin(root: Path) -> None:
    """Check that a process started in `root` imports the library and the benchmarks from there.

    Raises:
      SystemExit: if it imports them from elsewhere, because the wrong commit would then be timed.
    """
    code = "import benchmarks.worker, jaxgan; print(benchmarks.worker.__file__); print(jaxgan.__file__)"
    said = subprocess.run(
        [sys.executable, "-c", code], cwd=root, env=speed.environment(root), capture_output=True, text=True, check=True
    ).stdout
    for line in said.splitlines():
        if not Path(line).resolve().is_relative_to(root.resolve()):
            raise SystemExit(f"expected imports from {root}, got {line}")


def measure(
    workload: str, seeds: int, roots: Mapping[str, Path], *, rounds: int, seconds: float, turn: int = 0
) -> dict[str, Any]:
    """Measure one workload with one number of seeds: ms per seed and step for each round, and seconds to compile.

    All checkouts run the same number of steps. `turn` determines which one is compiled first.
    """
    row: dict[str, Any] = {"workload": workload, "seeds": seeds, "failed": None, "compile_seconds": {}}
    with ExitStack() as stack:
        ready = {}
        try:
            for name in order(list(roots), turn):
                ready[name] = stack.enter_context(speed.worker("jaxgan", workload, seeds, roots[name]))
                row["compile_seconds"][name] = ready[name].about["facts"]["compile_seconds"]
            steps = round(median(speed.steps_for(member, seconds) for member in ready.values()))
            ms: dict[str, list[float]] = {name: [] for name in roots}
            for name in in_turns(list(roots), rounds):
                ms[name].append(1000 * ready[name].run(steps)["seconds"] / steps / seeds)
        except speed.Failure as failure:
            return row | {"failed": str(failure)}
    return row | {"steps": steps, "ms": ms}


def verdict(found: Interval, bar: float) -> str:
    """Return the verdict on a ratio that must be at most `bar`.

    Example:
      >>> [verdict(Interval(1.02, low, high), 1.03) for low, high in ((1.0, 1.03), (1.01, 1.04), (1.04, 1.05))]
      ['met', 'undecided', 'NOT MET']
    """
    return "met" if found.high <= bar else "NOT MET" if found.low > bar else "undecided"


def markdown(results: dict[str, Any]) -> str:
    rows = [row for row in results["rows"] if not row["failed"]]
    parts = [
        machine.sentence(results["machine"]),
        f"Command: `{results['command']}`",
        f"Old is commit `{_short(results['old'])}`, new is `{_short(results['machine']['commit'])}`. Ratios "
        f"compare times in the same round: median (95 % interval of the median over {results['rounds']} rounds; with "
        "fewer than 6, smallest to largest). New / new compares the new commit with itself: its distance from 1 is "
        "noise.",
        f"**Training**: new / old must be at most {SLOWER:g}.",
        table(["work", "seeds", "ms per seed and step, old", "new", "new / old", "", "new / new"], _times(rows)),
        "**Compilation**, seconds: new / old must be at most 1; each program was compiled once by old and twice by "
        "new, of which the mean is taken.",
        table(["work", "seeds", "old", "new", "new again", "new / old"], [_compiled(row) for row in rows]),
    ]
    if rows:
        parts.append(_over_programs(rows))
    parts += [
        f"Did not run: {row['workload']} with {report.counted(row['seeds'])}: {row['failed']}"
        for row in results["rows"]
        if row["failed"]
    ]
    return "\n\n".join(parts) + "\n"


def _short(commit: str | None) -> str:
    name, _, changed = (commit or "unknown").partition("-")
    return name[:7] + (" with changes" if changed else "")


def _times(rows: Sequence[dict[str, Any]]) -> list[list[str]]:
    cells = []
    for row in rows:
        ms = row["ms"]
        found = interval(ratios(ms["new"], ms["old"]))
        times = [number(median(ms[name])) for name in ("old", "new")]
        itself = str(interval(ratios(ms["again"], ms["new"])))
        name = WORKLOADS[row["workload"]].title
        cells.append([name, str(row["seeds"]), *times, str(found), verdict(found, SLOWER), itself])
    return cells


def _compiled(row: dict[str, Any]) -> list[str]:
    seconds = [number(row["compile_seconds"][name]) for name in ("old", "new", "again")]
    return [WORKLOADS[row["workload"]].title, str(row["seeds"]), *seconds, number(_compile_ratio(row))]


def _compile_ratio(row: dict[str, Any]) -> float:
    took = row["compile_seconds"]
    return (took["new"] + took["again"]) / 2 / took["old"]


def _over_programs(rows: Sequence[dict[str, Any]]) -> str:
    against = interval([_compile_ratio(row) for row in rows])
    itself = interval([row["compile_seconds"]["again"] / row["compile_seconds"]["new"] for row in rows])
    return (
        f"Over all {len(rows)} programs: new / old {against}, {verdict(against, 1.0)}; new again / new {itself}. "
        "Undecided means that the interval contains the bar."
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.commits", description=__doc__)
    parser.add_argument("--against", default="645aad8", metavar="COMMIT", help="the old commit; default: %(default)s")
    parser.add_argument("--workloads", nargs="+", choices=WORKLOADS, default=["ring", "dcgan8", "dcgan32"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 4, 16])
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--seconds", type=float, default=0.5, help="approximate length of one turn in a round")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/commits"))
    options = parser.parse_args(arguments)
    about = machine.ask()
    with tempfile.TemporaryDirectory() as folder:
        roots = {"old": Path(folder), "new": ROOT, "again": ROOT}
        old = unpack(options.against, roots["old"])
        for root in (roots["old"], ROOT):
            check_origin(root)
        options.out.mkdir(parents=True, exist_ok=True)
        results: dict[str, Any] = {"command": report.command("commits", options), "machine": about, "old": old}
        results |= {"rounds": options.rounds, "rows": []}
        for turn, (name, seeds) in enumerate((name, seeds) for name in options.workloads for seeds in options.seeds):
            print(f"{WORKLOADS[name].title}, {report.counted(seeds)}", flush=True)
            row = measure(name, seeds, roots, rounds=options.rounds, seconds=options.seconds, turn=turn)
            results["rows"].append(row)
            report.keep(options.out, results, markdown(results))  # save in case a later one fails
    print("\n" + markdown(results))
    return 0


if __name__ == "__main__":
    sys.exit(main())
