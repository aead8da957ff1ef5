"""Diagnose a stored run again, with other thresholds or with the rules of a later version."""

import dataclasses
from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np

from jaxgan.diagnostics.outcomes import EXPLANATION, Outcome
from jaxgan.evaluation.pairs import worded
from jaxgan.results.results import Results, variable
from jaxgan.study.diagnosis.advice import advised
from jaxgan.study.diagnosis.causes import in_words
from jaxgan.study.diagnosis.evidence import evidence_in
from jaxgan.study.diagnosis.judging import diagnosed_runs, failed_at
from jaxgan.study.limits import LIMITS, WINDOW
from jaxgan.study.messages import OptionError, nearest
from jaxgan.thresholds import DIAGNOSIS_THRESHOLDS, DiagnosisThresholds

ResultsT = TypeVar("ResultsT", bound=Results)
_RUN = ("configuration", "seed")


def diagnosed(results: ResultsT, thresholds: DiagnosisThresholds = DIAGNOSIS_THRESHOLDS) -> ResultsT:
    """Return the results with outcomes, states and causes for these thresholds; nothing is trained or written.

    Raises:
      StoreError: if the results were written by an earlier version and lack what a diagnosis needs.

    Example:
      >>> run = jg.load_run("runs/0001-compare-ring")  # doctest: +SKIP
      >>> jg.diagnosed(run, jg.DiagnosisThresholds(good=0.8)).failed.mean(axis=1)  # doctest: +SKIP
    """
    found = diagnosed_runs([evidence_in(results, name) for name in results.configurations], thresholds)
    pairs = zip(found["outcome_along"], found["outcome"], strict=True)
    found["failed_at"] = np.stack([failed_at(along, end, results.probe_steps) for along, end in pairs])
    dims = {name: tuple(map(str, results.dataset[name].dims)) if name in results.dataset else _RUN for name in found}
    groups = {name: "cause" if name.startswith("cause_") else "metric" for name in found}
    new = [variable(groups[n], n.removeprefix("cause_"), dims[n], v) for n, v in found.items()]
    signs = {"sign": [outcome.name for outcome in sorted(Outcome)]}  # earlier versions had fewer
    dataset = results.dataset.drop_dims("sign", errors="ignore").assign(dict(new)).assign_coords(signs)
    notes = results.notes | {"causes": in_words(), "explanations": {one.name: EXPLANATION[one] for one in EXPLANATION}}
    return advised(worded(dataclasses.replace(results, dataset=dataset, notes=notes)))


def thresholds_of(texts: Sequence[str]) -> DiagnosisThresholds:
    """Parse thresholds given as NAME=VALUE; the others keep their defaults.

    Raises:
      OptionError: if the form is wrong, a name is unknown, or a value is not a number above 0.

    Example:
      >>> thresholds_of(["good=0.8"]).good
      0.8
    """
    found: dict[str, Any] = {}
    for text in texts:
        name, sign, value = text.partition("=")
        if not sign:
            raise OptionError("threshold", f"got {text!r}, expected NAME=VALUE, such as good=0.8")
        if name not in DiagnosisThresholds._fields:
            known = nearest(name, DiagnosisThresholds._fields)
            raise OptionError("threshold", f"there is no threshold {name!r}; {known}")
        kind, limit = ("a whole number", WINDOW) if name == "window" else ("a number", LIMITS["threshold"])
        try:
            found[name] = int(value) if name == "window" else float(value)
        except ValueError:
            found[name] = float("nan")
        if not limit.holds(found[name]):
            raise OptionError("threshold", f"{name}: got {value!r}, expected {kind} {limit}")
    return DIAGNOSIS_THRESHOLDS._replace(**found)
