"""Determine the outcomes of runs at their end and at each probe, by the rules that their evaluator supports."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jaxgan.diagnostics.diagnosis import SIGNS_IN_WORDS, diagnose
from jaxgan.diagnostics.outcomes import THRESHOLDS, Outcome, Thresholds
from jaxgan.diagnostics.signs import Evidence
from jaxgan.evaluation import Evaluator
from jaxgan.results.codes import FINE
from jaxgan.study.build import Study
from jaxgan.study.diagnosis.causes import stretches_of
from jaxgan.study.diagnosis.evidence import evidence_of, standing_still, yardsticks_of
from jaxgan.study.stop_rules import StopRules
from jaxgan.study.watching import samples_along
from jaxgan.thresholds import DIAGNOSIS_THRESHOLDS, DiagnosisThresholds

Found = Mapping[str, NDArray]


def judged(multiple: float | None, evaluator: Evaluator) -> tuple[Evaluator, Thresholds]:
    """Return the evaluator and thresholds with only the rules that tell a trained generator from an untrained one.

    The multiple of a distance is lowered if half of an untrained generator's distance would otherwise count as learned.
    If that would also reject real data, or the distance between real data is 0, there is no such rule.
    """
    if "distance" not in evaluator.rules:
        return evaluator, THRESHOLDS
    name, floor = evaluator.rules["distance"]
    untrained = next(m.yardsticks["untrained generator"] for m in evaluator.metrics if m.name == name)
    allowed = 0.5 * untrained / floor if floor > 0 else 0.0
    if allowed > 1:
        return evaluator, THRESHOLDS._replace(quality_multiple=min(multiple or np.inf, allowed))
    line = (
        f"no rule on the distance: real data are at {floor:.3g} from real data, an untrained generator at "
        f"{untrained:.3g}"
    )
    rules = {role: rule for role, rule in evaluator.rules.items() if role != "distance"}
    return evaluator._replace(rules=rules, notes=evaluator.notes | {"not_applied": line}), THRESHOLDS


def evidence_for(study: Study, evaluator: Evaluator, rules: StopRules, records: Found) -> Evidence:
    """Return the evidence for a diagnosis from records [run, ...]; stopped runs keep their last values."""
    yardsticks = yardsticks_of(*judged(study.config.failure_multiple, evaluator), samples_along(evaluator))
    stopped_at = rules.stopped_before(study.config.steps, records)
    return evidence_of(yardsticks, standing_still(records, stopped_at), study.config.steps)


def outcomes_of(study: Study, evaluator: Evaluator, rules: StopRules, records: Found, final: Found) -> NDArray[np.str_]:
    """Return the outcome [run] of each run; a run whose final samples are not finite has diverged."""
    found = diagnose(evidence_for(study, evaluator, rules, records))
    return codes_in_words(np.where(final["finite"], found.outcome, Outcome.DIVERGED))


def diagnosed_runs(
    evidence: Sequence[Evidence], thresholds: DiagnosisThresholds = DIAGNOSIS_THRESHOLDS
) -> dict[str, NDArray]:
    """Diagnose the runs of all configurations; return arrays [configuration, seed, ...] by their stored names.

    Evidence of the same kind is diagnosed together, because hundreds of configurations take minutes one by one.
    """
    kinds: dict[tuple[bool, ...], list[int]] = {}
    for i, one in enumerate(evidence):
        kinds.setdefault(tuple(values is None for values in one), []).append(i)
    found: dict[str, list[NDArray]] = {}
    for own in kinds.values():
        for name, values in _diagnosed(_joined([evidence[i] for i in own]), thresholds).items():
            by_configuration = values.reshape(len(own), -1, *values.shape[1:])
            for i, each in zip(own, by_configuration, strict=True):
                found.setdefault(name, [each] * len(evidence))[i] = each
    return {name: np.stack(values) for name, values in found.items()}


def _joined(evidence: Sequence[Evidence]) -> Evidence:
    """Concatenate evidence of the same kind along the runs."""
    first = evidence[0]
    by_run: dict[str, Any] = {
        name: np.concatenate([getattr(one, name) for one in evidence])
        for name, values in first._asdict().items()
        if name not in ("steps", "expected", "samples") and values is not None
    }
    return first._replace(**by_run)


def _diagnosed(evidence: Evidence, thresholds: DiagnosisThresholds) -> dict[str, NDArray]:
    """Diagnose runs [run, ...]; return arrays by their stored names."""
    one = diagnose(evidence, thresholds)
    found = {"outcome": codes_in_words(one.outcome), "outcome_along": codes_in_words(one.states),
             "cause_signs": one.signs, "cause_improving": one.improving[:, -1]}  # fmt: skip
    for name, stretch in stretches_of(evidence, one, thresholds):
        fields = zip(("begin", "end", "depth"), stretch, strict=True)
        found |= {f"cause_{name}_{field}": values for field, values in fields}
    return found


def codes_in_words(codes: NDArray) -> NDArray[np.str_]:
    """Return the names of outcome codes, as an array of the same shape.

    Example:
      >>> codes_in_words(np.array([[0, 1]])).tolist()
      [['HEALTHY', 'DIVERGED']]
    """
    return np.array([outcome.name for outcome in sorted(Outcome)])[codes]


def failed_at(along: NDArray[np.str_], final: Sequence[str] | NDArray[np.str_], probes: NDArray) -> NDArray[np.int64]:
    """Return, for each run, the step of the first probe from which it stayed failed to its end; 0 if it did not fail.

    Example:
      >>> along = np.array([["HEALTHY", "COLLAPSED", "COLLAPSED"], ["COLLAPSED", "HEALTHY", "HEALTHY"]])
      >>> failed_at(along, ["COLLAPSED", "HEALTHY"], np.array([10, 20, 30])).tolist()
      [20, 0]
    """
    fine = np.isin(along, FINE)
    last_fine = np.where(fine.any(axis=1), fine.shape[1] - 1 - fine[:, ::-1].argmax(axis=1), -1)
    first = probes[np.minimum(last_fine + 1, len(probes) - 1)]  # if fine at the last probe: it failed at the end
    return np.where(np.isin(final, FINE), 0, first)


def rules_in_words(evaluator: Evaluator, thresholds: Thresholds) -> list[str]:
    """Return the rules of a diagnosis in words, with the thresholds for this data."""
    t, rules = DIAGNOSIS_THRESHOLDS, []
    labels = {metric.name: metric.label for metric in evaluator.metrics}
    good = []
    if "high_quality" in evaluator.rules:
        name, share = evaluator.rules["high_quality"]
        good.append(f"{labels[name]} of at least {t.good:g} times that of real data ({share:.3g})")
    if "captured" in evaluator.rules:
        good.append("a mode or class captured")
    if "distance" in evaluator.rules:
        name, floor = evaluator.rules["distance"]
        most = thresholds.quality_multiple
        good.append(
            f"{labels[name]} of at most {most:g} times that of real against real ({floor:.3g}), that is "
            f"{most * floor:.3g}, where at least half of the modes or classes are captured"
        )
    rules.append(f"Samples count as good with: {'; '.join(good)}.")
    if "not_applied" in evaluator.notes:
        rules.append(f"There is {evaluator.notes['not_applied']}.")
    rules.append(
        f"The outcome is the most frequent state of the last {t.window} probes. The state of bad samples is the first "
        "of these rules that holds, that of good samples the first of the rules for good samples, else HEALTHY."
    )
    return rules + SIGNS_IN_WORDS
