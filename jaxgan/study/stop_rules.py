"""Rules that end a run before its last step. They are pure functions of its records, so resuming does not change them.

not_finite    a watched value was NaN or infinite
failed        not finite, or for five consecutive probes in a state from which no run in a validation recovered
METRIC>=VALUE, METRIC<=VALUE    a goal that holds for five consecutive probes

A probe is a step after which generators are measured.
"""

import re
from collections.abc import Mapping, Sequence
from copy import copy
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from jaxgan.diagnostics.diagnosis import EXPLAINS_BAD, diagnose
from jaxgan.diagnostics.outcomes import Outcome
from jaxgan.study.diagnosis.evidence import Yardsticks, evidence_of
from jaxgan.study.limits import ANY
from jaxgan.study.messages import OptionError, expect, nearest

IN_A_ROW = 5
"""The number of consecutive probes at which a rule must hold, because a noisy metric crosses its bound repeatedly."""
FOR_GOOD = (*(code for code in EXPLAINS_BAD if code != Outcome.NOT_LEARNED), Outcome.COLLAPSED)
"""Lasting states: bad samples with a known cause, or good samples from few modes.

Of the runs whose samples are merely bad, a third become good: `python -m benchmarks.diagnosis` measures this, and
compares it with other rules.
"""
GOAL = r"(\w+)\s*(>=|<=)\s*(\S+)"
"""The pattern of a goal: a metric, a sign and a number."""

History = Sequence[Mapping[str, NDArray]]
"""The records [run, ...] of each chunk of training."""


class Goal(NamedTuple):
    """A bound on a metric along training."""

    metric: str
    at_least: bool
    value: float


class StopRules:
    """Stop rules parsed from text; False if there are none.

    Args:
      texts: the rules, in the forms above.
      metrics: the names of metrics that a goal can use.

    Raises:
      OptionError: if a text has another form.
    """

    def __init__(self, texts: Sequence[str], metrics: Sequence[str]):
        self.goals = [goal_of(text, metrics) for text in texts if text not in ("not_finite", "failed")]
        self.not_finite, self.failed = "not_finite" in texts or "failed" in texts, "failed" in texts
        self.yardsticks: Yardsticks | None = None
        self.steps = 0

    def told_by(self, yardsticks: Yardsticks, steps: int) -> "StopRules":
        """Return the same rules, with `failed` also based on a diagnosis of runs of `steps` steps."""
        rules = copy(self)
        rules.yardsticks, rules.steps = yardsticks, steps
        return rules

    def __bool__(self) -> bool:
        return bool(self.goals or self.not_finite)

    def stopped_at(self, history: History) -> NDArray[np.int64]:
        """Return the step [run] of the first probe at which a rule holds; 0 if none does."""
        probes = np.concatenate([part["probe_step"] for part in history if "probe_step" in part])
        holds = [in_a_row(goal_holds(goal, history)) for goal in self.goals]
        if self.not_finite:
            holds.append(_broken(history, probes))
        if self.failed and self.yardsticks is not None:
            found = diagnose(evidence_of(self.yardsticks, _whole(history), self.steps))
            holds.append(in_a_row(np.isin(found.states, FOR_GOOD)))
        any_rule = np.logical_or.reduce(holds)
        return np.where(any_rule.any(axis=1), probes[any_rule.argmax(axis=1)], 0)

    def stopped_before(self, end: int, records: Mapping[str, NDArray]) -> NDArray[np.int64]:
        """Return the step [run] at which each run was stopped before `end`, from its complete records; 0 if not."""
        first = records["watch/step"]
        if not self:
            return np.zeros(len(first), np.int64)
        stopped = self.stopped_at([{**records, "watch/step": first[:, None]}])
        return np.where(stopped < end, stopped, 0)


def goal_of(text: str, metrics: Sequence[str]) -> Goal:
    """Parse a goal.

    Raises:
      OptionError: if the text is not a bound on a known metric.

    Example:
      >>> goal_of("captured >= 8", ["captured"])
      Goal(metric='captured', at_least=True, value=8.0)
    """
    goal = goal_in(text)
    if goal.metric not in metrics:
        raise OptionError("stop", f"there is no metric {goal.metric!r}; {nearest(goal.metric, metrics)}")
    return goal


def check_rules(texts: Sequence[str]) -> None:
    """Check the form of stop rules, before there is a measurement that could know their metrics.

    Raises:
      OptionError: if a text has another form.
    """
    for text in texts:
        if text not in ("not_finite", "failed"):
            goal_in(text)


def goal_in(text: str) -> Goal:
    """Parse a goal on any metric.

    Raises:
      OptionError: if the text is not a bound.

    Example:
      >>> goal_in("kl<=0.1")
      Goal(metric='kl', at_least=False, value=0.1)
    """
    match = re.fullmatch(GOAL, text.strip())
    try:
        value = float(match[3]) if match else float("nan")
    except ValueError:
        value = float("nan")
    if match is None or np.isnan(value):
        expected = "not_finite, failed, or a goal such as captured>=8"
        raise OptionError("stop", f"got {text!r}, expected {expected}")
    expect("stop", repr(text), ANY.holds(value), f"a bound {ANY}")
    return Goal(match[1], match[2] == ">=", value)


def goal_holds(goal: Goal, history: History) -> NDArray[np.bool_]:
    """Return whether the metric is within its bound, [run, probe]; NaN is not."""
    values = _joined(history, f"along/{goal.metric}")
    return values >= goal.value if goal.at_least else values <= goal.value


def _broken(history: History, probes: NDArray) -> NDArray[np.bool_]:
    steps = _joined(history, "watch/step").astype(np.int64)
    first = np.where(steps > 0, steps, np.iinfo(np.int64).max).min(axis=1)
    return first[:, None] <= probes[None, :]


def _whole(history: History) -> dict[str, NDArray]:
    """Join the records so far, in the form in which those of a finished run are read."""
    along = [name for name in dict.fromkeys(name for part in history for name in part) if "/" in name]
    joined = {name: _joined(history, name) for name in along if name != "watch/quantity"}
    steps = joined["watch/step"].astype(np.int64)
    first = steps[np.arange(len(steps)), (steps > 0).argmax(axis=1)]
    axes = {name: np.concatenate([part[name] for part in history if name in part]) for name in ("step", "probe_step")}
    return joined | axes | {"watch/step": first}


def in_a_row(holds: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return whether a condition holds at a probe and the four before it, [run, probe].

    Example:
      >>> in_a_row(np.array([[True] * 6])).tolist()
      [[False, False, False, False, True, True]]
    """
    counts = np.cumsum(holds, axis=1)
    before = np.pad(counts, ((0, 0), (IN_A_ROW, 0)))[:, : holds.shape[1]]
    return counts - before == IN_A_ROW


def _joined(history: History, name: str) -> NDArray:
    return np.concatenate([part[name] for part in history if name in part], axis=1)
