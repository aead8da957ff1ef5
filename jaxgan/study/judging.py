"""What runs came to, at their end and at each probe, by the rules that their evaluator allows."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jaxgan.diagnostics.outcomes import THRESHOLDS, Outcome, Thresholds, classify
from jaxgan.evaluation import Evaluator
from jaxgan.study.build import Study
from jaxgan.study.stop_rules import StopRules

Found = Mapping[str, NDArray]


def judged(multiple: float | None, evaluator: Evaluator) -> tuple[Evaluator, Thresholds]:
    """The evaluator with the rules that can tell a generator that has learned from one that has not, and their lines.

    The multiple of a distance is lowered where it would let half of an untrained generator's pass as learned. Where
    that would refuse real data against real data, too, or where these are at no distance at all, there is no such rule.
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


def outcomes_of(study: Study, evaluator: Evaluator, rules: StopRules, records: Found, final: Found) -> NDArray[np.str_]:
    """[run] what each run came to, of what was recorded of it [run, ...] and measured at its end [run]."""
    evaluator, thresholds = judged(study.config.failure_multiple, evaluator)
    stopped_at = rules.stopped_before(study.config.steps, records)
    held: dict[str, Any] = {role: (final[metric], reference) for role, (metric, reference) in evaluator.rules.items()}
    *losses, norms = _series(records, stopped_at)
    codes = classify(losses, norms, final["finite"], thresholds=thresholds, **held)
    return np.array([Outcome(code).name for code in codes])


def outcomes_along(
    evaluator: Evaluator, records: Found, thresholds: Thresholds, stopped_at: NDArray
) -> NDArray[np.str_]:
    """[run, probe] what each run would have come to at each probe, by the samples of that probe."""
    steps, probes = records["step"], records["probe_step"]
    *losses, norms = _series(records, stopped_at)
    codes = []
    for i, probe in enumerate(probes):
        seen = max(1, np.count_nonzero(steps <= probe))
        held: dict[str, Any] = {
            r: (records[f"along/{metric}"][:, i], reference) for r, (metric, reference) in evaluator.rules.items()
        }
        before = [values[:, :seen] for values in losses]
        codes.append(classify(before, norms[:, :seen], np.ones(len(norms), bool), thresholds=thresholds, **held))
    names = np.array([outcome.name for outcome in sorted(Outcome)])
    return names[np.stack(codes, axis=1)]


def _series(records: Found, stopped_at: NDArray) -> list[NDArray]:
    names = ("g_loss", "d_loss", "g_grad_norm")
    return [standing(records[f"series/{name}"], records["step"], stopped_at) for name in names]


def failed_at(along: NDArray[np.str_], final: Sequence[str] | NDArray[np.str_], probes: NDArray) -> NDArray[np.int64]:
    """[run] the step of the first probe from which a run that failed had failed at all; 0 where it did not fail.

    Example:
      >>> failed_at(np.array([["OK", "COLLAPSED", "COLLAPSED"], ["COLLAPSED", "OK", "OK"]]), ["COLLAPSED", "OK"],
      ...           np.array([10, 20, 30])).tolist()
      [20, 0]
    """
    fine = along == Outcome.OK.name
    last_fine = np.where(fine.any(axis=1), fine.shape[1] - 1 - fine[:, ::-1].argmax(axis=1), -1)
    first = probes[np.minimum(last_fine + 1, len(probes) - 1)]  # one that was fine to the last probe failed at the end
    return np.where(np.asarray(final) == Outcome.OK.name, 0, first)


def standing(values: NDArray, steps: NDArray, stopped_at: NDArray) -> NDArray:
    """A series [run, record] with what a stopped run had last in place of the NaN that it recorded from then on.

    Example:
      >>> nan = np.nan
      >>> standing(np.array([[1.0, nan, nan], [1.0, 2.0, nan]]), np.array([1, 2, 3]), np.array([0, 2])).tolist()
      [[1.0, nan, nan], [1.0, 2.0, 2.0]]
    """
    last = np.where(stopped_at > 0, np.searchsorted(steps, stopped_at, side="right") - 1, len(steps) - 1)
    rows = np.minimum(np.arange(len(steps)), np.maximum(last, 0)[:, None])
    return np.take_along_axis(values, rows, axis=1)


def rules_in_words(evaluator: Evaluator, thresholds: Thresholds) -> list[str]:
    """The failure rules with their numbers."""
    rules = ["NON_FINITE: a loss, the generator's gradient or a sample was NaN or infinite."]
    labels = {metric.name: metric.label for metric in evaluator.metrics}
    if "high_quality" in evaluator.rules:
        name, share = evaluator.rules["high_quality"]
        rules.append(
            f"NOT_LEARNED: {labels[name]} below {thresholds.quality_share:g} times that of "
            f"a perfect sampler ({share:.3g}), or no mode or class captured."
        )
    if "captured" in evaluator.rules:
        _, total = evaluator.rules["captured"]
        rules.append(
            f"COLLAPSED: fewer than {thresholds.modes_share * total:g} of {total:g} modes or classes captured."
        )
    if "distance" in evaluator.rules:
        name, floor = evaluator.rules["distance"]
        rules.append(
            f"NOT_LEARNED: {labels[name]} above {thresholds.quality_multiple:g} times that of real "
            f"against real ({floor:.3g}), that is above {thresholds.quality_multiple * floor:.3g}."
        )
    if "not_applied" in evaluator.notes:
        rules.append(f"NOT_LEARNED: {evaluator.notes['not_applied']}.")
    rules.append(
        "GRADIENT_VANISHED: the norm of the generator loss's gradient with respect to the generator's parameters has a "
        f"median over the last tenth of the steps below {thresholds.vanished_fraction:g} times that over the first "
        "steps (one in a hundred, at least 10)."
    )
    return rules
