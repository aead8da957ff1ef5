"""`python -m benchmarks.diagnosis [--quick] [--seeds 16] [--names NAME ...] [--runs FOLDER] [--out FOLDER]`.

Trains set-ups that fail by a known mechanism, and healthy ones, and counts the outcomes that a diagnosis gives them. It
writes `results.json`, `table.md`, `matrix.md` and `warning.png`; finished runs are kept and not trained again. With
`--quick`, `--seeds` or `--names` these files go to `runs/diagnosis-partial` by default, so that the full results stay.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import machine, report
from benchmarks.diagnosis import inputs, lines, matrix, runs, stopping, warning
from benchmarks.diagnosis.setups import CHOOSING, SETUPS, TESTING, absent
from benchmarks.diagnosis.table import markdown, write

QUICK = 4  # seeds
FULL, PARTIAL = Path("benchmarks/results/diagnosis"), Path("runs/diagnosis-partial")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the validation; the status is 1 if a target is not met."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.diagnosis", description=__doc__)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK} runs per set-up, and only the small set-ups")
    parser.add_argument("--seeds", type=int, help="runs of each set-up")
    parser.add_argument("--names", nargs="+", choices=[setup.name for setup in SETUPS], help="only these set-ups")
    parser.add_argument("--runs", type=Path, default=Path("runs/diagnosis"), help="folder of the runs")
    parser.add_argument("--out", type=Path, help=f"folder of the results; {FULL}, or {PARTIAL} for a part of the runs")
    options = parser.parse_args(arguments)
    out = options.out or (PARTIAL if options.quick or options.seeds or options.names else FULL)
    seeds = options.seeds or (QUICK if options.quick else 16)
    wanted = [s for s in SETUPS if s.name in options.names] if options.names else _some(options.quick)
    skipped = {setup.name: why for setup in wanted if (why := absent(setup))}
    for name, why in skipped.items():
        print(f"{name} is left out: {why}", file=sys.stderr)
    folder = options.runs / f"of-{seeds}"
    inputs.write(folder / "data")
    ran = []
    for setup in wanted:
        if setup.name not in skipped:
            runs.train(setup, folder, seeds)
            ran.append(runs.read(setup, folder))
    about = argparse.Namespace(**{k: v for k, v in vars(options).items() if k not in ("runs", "quick")})
    command = report.command("diagnosis", about) + (" --quick" if options.quick else "")
    results: dict[str, Any] = {"command": command, "machine": machine.ask(), "seeds": seeds, "skipped": skipped}
    results |= counted(ran)
    write(results, out)
    print(markdown(results))
    right, accused = (results["testing"][name]["share"] for name in ("right", "accused"))
    return int((right or 0) < matrix.RIGHT or (accused or 0) > matrix.ACCUSED)


def _some(quick: bool) -> list[Any]:
    """Return all set-ups, or with `quick` only those with points, which have small networks."""
    return [setup for setup in SETUPS if not quick or ("digits" not in setup.name and "mnist" not in setup.name)]


def counted(ran: Sequence[runs.Ran]) -> dict[str, Any]:
    """Return the results that are saved for the runs."""
    now, before = [runs.verdict_of(one) for one in ran], [runs.older_verdict(one) for one in ran]
    rows = [row | {"older": dict(Counter(old.outcomes).most_common())}
            for row, old in zip(matrix.rows(now), before, strict=True)]  # fmt: skip
    choosing = [one for one in ran if one.setup.half == CHOOSING]
    watched = {half: [runs.watched(one) for one in ran if one.setup.half == half] for half in (CHOOSING, TESTING)}
    tried = lines.moved(choosing)
    return {
        "rows": rows,
        "testing": matrix.summary([v for v in now if v.half == TESTING]),
        "choosing": matrix.summary([v for v in now if v.half == CHOOSING]),
        "older": matrix.summary([v for v in before if v.half == TESTING]),
        "thresholds": {"tried": tried, "ranges": lines.ranges(tried)},
        "stopping": {
            half: stopping.rows([stopping.seen(one.evidence) for one in ran if one.setup.half == half])
            for half in (CHOOSING, TESTING)
        },
        "early_warning": {"deadline": warning.deadline([w for w in watched[CHOOSING] if w.expected == "HEALTHY"]),
                          "shown_by": "states"},
        "warnings": warning.warnings(watched[CHOOSING], watched[TESTING]),
    }  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
