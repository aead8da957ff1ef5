"""Runs of set-ups, kept in a folder and not trained again, and what a diagnosis and the older rule say of them."""

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
from jaxgan.diagnostics.signs import DIAGNOSIS_THRESHOLDS, DiagnosisThresholds
from jaxgan.results.results import Results
from jaxgan.study.evidence import evidence_in


class Ran(NamedTuple):
    """What was seen of the runs of a set-up."""

    setup: SetUp
    evidence: Evidence
    older: NDArray[np.str_]  # [run] of `jg.classify`
    outcomes: NDArray[np.str_]  # [run] as the study has them


def train(setup: SetUp, folder: Path, seeds: int) -> Path:
    """The folder of the set-up's runs, which are trained where they are not there yet."""
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
    """What is stored of them."""
    results = jg.load_run(folder / setup.name)
    label = results.configurations[0]
    return Ran(
        setup,
        evidence_in(results, label),
        older_rule(results),
        results.outcomes[0],
    )


def older_rule(results: Results) -> NDArray[np.str_]:
    """What the rule on the end of training said: `jg.classify` of the final metrics and the series."""
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
    """By other thresholds, without training again."""
    codes = diagnose(ran.evidence, thresholds).outcome
    return _verdict(ran.setup, [Outcome(code).name for code in codes])


def older_verdict(ran: Ran) -> Verdict:
    return _verdict(ran.setup, ran.older.tolist())


def _verdict(setup: SetUp, outcomes: list[str]) -> Verdict:
    second = tuple(code.name for code in setup.second)
    return Verdict(setup.name, setup.half, setup.mechanism, setup.expected.name, second, tuple(outcomes))


def watched(ran: Ran) -> Watched:
    """What early warnings are told from."""
    numbers = {name: values for name, alarm in ALARMS.items() if (values := alarm.of(ran.evidence)) is not None}
    good = diagnose(ran.evidence).signs[..., Outcome.HEALTHY]
    return Watched(ran.setup.expected.name, ran.evidence.steps, good, numbers)
