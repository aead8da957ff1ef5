"""The runs of set-ups, which are kept and not trained again, and their outcomes by a diagnosis and the older rule."""

import contextlib
import shutil
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import jaxgan as jg
from benchmarks.diagnosis.matrix import Verdict
from benchmarks.diagnosis.setups import SetUp, given
from benchmarks.diagnosis.warning import ALARMS, Watched
from jaxgan.diagnostics import Evidence, diagnose
from jaxgan.diagnostics.outcomes import THRESHOLDS, Outcome, classify
from jaxgan.results.results import Results
from jaxgan.study.diagnosis.evidence import evidence_in
from jaxgan.thresholds import DIAGNOSIS_THRESHOLDS, DiagnosisThresholds


class Ran(NamedTuple):
    """The evidence and the outcomes of a set-up's runs."""

    setup: SetUp
    evidence: Evidence
    older: NDArray[np.str_]  # [run] by `jg.classify`
    outcomes: NDArray[np.str_]  # [run] as stored by the study


def train(setup: SetUp, folder: Path, seeds: int) -> Path:
    """Train the runs of a set-up if they do not exist yet, and return their folder."""
    out = folder / setup.name
    if not (out / "results.nc").is_file():
        shutil.rmtree(out, ignore_errors=True)
        begun = time.monotonic()
        with contextlib.redirect_stdout(sys.stderr):
            jg.run_study(
                "train",
                given(setup, folder / "data", seeds),
                out=out,
                progress=False,
                log=lambda line: None,
                trust=True,
            )
        print(f"{setup.name}: {time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True)
    return out


def read(setup: SetUp, folder: Path) -> Ran:
    """Read the stored runs of a set-up."""
    results = jg.load_run(folder / setup.name)
    label = results.configurations[0]
    return Ran(
        setup,
        evidence_in(results, label),
        older_rule(results),
        results.outcomes[0],
    )


def older_rule(results: Results) -> NDArray[np.str_]:
    """Return the outcomes by the older rule, which uses the end of training: `jg.classify` of metrics and series."""
    yardsticks, values = results.notes["yardsticks"], results.values
    rules: dict[str, Any] = {}
    if yardsticks["quality"]:
        name, reference = yardsticks["quality"]
        rules["high_quality"] = (values[name][0], reference)
    if yardsticks["distance"]:
        name, allowed = yardsticks["distance"]
        rules["distance"] = (values[name][0], allowed / THRESHOLDS.quality_multiple)
    if "captured" in values and yardsticks["shares"]:
        rules["captured"] = (values["captured"][0], float(np.count_nonzero(yardsticks["shares"])))
    losses = [results.series[name][0] for name in ("g_loss", "d_loss")]
    finite = np.isfinite(results.samples["fake"][0].reshape(len(results.seeds), -1)).all(axis=1)
    codes = classify(losses, results.series["g_grad_norm"][0], finite, **rules)
    return np.array([Outcome(code).name for code in codes])


def verdict_of(ran: Ran, thresholds: DiagnosisThresholds = DIAGNOSIS_THRESHOLDS) -> Verdict:
    """Return the verdict with the given thresholds, without training again."""
    codes = diagnose(ran.evidence, thresholds).outcome
    return _verdict(ran.setup, [Outcome(code).name for code in codes])


def older_verdict(ran: Ran) -> Verdict:
    return _verdict(ran.setup, ran.older.tolist())


def _verdict(setup: SetUp, outcomes: list[str]) -> Verdict:
    second = tuple(code.name for code in setup.second)
    return Verdict(setup.name, setup.half, setup.mechanism, setup.expected.name, second, tuple(outcomes))


def watched(ran: Ran) -> Watched:
    """Return the numbers from which early warnings are computed."""
    numbers = {name: values for name, alarm in ALARMS.items() if (values := alarm.of(ran.evidence)) is not None}
    return Watched(ran.setup.expected.name, ran.evidence.steps, diagnose(ran.evidence).states, numbers)
