"""Show the evidence of a set-up's runs: `python -m benchmarks.diagnosis.show FOLDER NAME ...`."""

import sys
from pathlib import Path

import numpy as np

from benchmarks.diagnosis.runs import read
from benchmarks.diagnosis.setups import SETUPS
from jaxgan.diagnostics import Outcome, diagnose
from jaxgan.diagnostics.signs import captured_share
from jaxgan.results.statistics.windows import turnover
from jaxgan.thresholds import DIAGNOSIS_THRESHOLDS


def main(folder: Path, names: list[str]) -> None:
    for setup in SETUPS:
        if (names and setup.name not in names) or not (folder / setup.name / "results.nc").is_file():
            continue
        ran = read(setup, folder)
        e, found = ran.evidence, diagnose(ran.evidence)
        codes, counts = np.unique(ran.outcomes, return_counts=True)
        print(
            f"\n== {setup.name} ({setup.half}) expected {setup.expected.name}: "
            + ", ".join(f"{n} {c}" for c, n in zip(codes, counts, strict=True))
        )
        older, counts = np.unique(ran.older, return_counts=True)
        print("   older: " + ", ".join(f"{n} {c}" for c, n in zip(older, counts, strict=True)))
        rows = {
            name: getattr(e, name)
            for name in (
                "quality",
                "distance",
                "gradient",
                "separation",
                "training_edge",
                "saturated",
                "growth",
                "rhythm",
                "distinct",
                "memorized",
            )
        }
        rows["captured"] = captured_share(e, DIAGNOSIS_THRESHOLDS)
        if e.shares is not None:
            rows["turnover"] = turnover(e.shares, e.samples, DIAGNOSIS_THRESHOLDS.window)
        at = np.linspace(0, len(e.steps) - 1, 8).round().astype(int)
        print("   " + " " * 14 + " ".join(f"{s:>15}" for s in e.steps[at]))
        for name, values in rows.items():
            if values is not None:
                with np.errstate(all="ignore"):
                    cells = [
                        np.nanquantile(values[:, i], [0.1, 0.5, 0.9])
                        if np.isfinite(values[:, i]).any()
                        else [np.nan] * 3
                        for i in at
                    ]
                print(f"   {name:14}" + " ".join(f"{'/'.join(f'{v:.2g}' for v in c):>15}" for c in cells))
        held = [(Outcome(c).name, found.signs[:, -1, c].mean()) for c in range(len(Outcome))]
        print("   signs at the end: " + ", ".join(f"{n} {v:.2f}" for n, v in held if v))


main(Path(sys.argv[1]), sys.argv[2:])
