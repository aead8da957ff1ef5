"""How many failed runs does each stop rule end, how much training does it save, and how many good runs does it end?

A rule holds if its condition has held at five consecutive probes. Ending a run is counted as wrong if the run is fine
when trained to its last step.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Int
from numpy.typing import NDArray

from benchmarks.diagnosis.matrix import share
from jaxgan.diagnostics import Evidence, Outcome, diagnose
from jaxgan.results.codes import FINE
from jaxgan.study.stop_rules import FOR_GOOD, in_a_row


class Seen(NamedTuple):
    """The runs of a set-up: their states along training, and the evidence for them."""

    steps: Int[np.ndarray, " probe"]
    states: Int[np.ndarray, "run probe"]
    outcome: Int[np.ndarray, " run"]
    evidence: Evidence


def seen(evidence: Evidence) -> Seen:
    found = diagnose(evidence)
    return Seen(evidence.steps, found.states, found.outcome, evidence)


def _states(*codes: Outcome) -> Callable[[Seen], NDArray[np.bool_]]:
    return lambda one: np.isin(one.states, codes)


_FAILING = [code for code in Outcome if code.name not in FINE]
RULES: Mapping[str, Callable[[Seen], NDArray[np.bool_]]] = {
    "gradient of G at most a tenth of its early level": lambda one: one.evidence.gradient <= 0.1,
    **{f"the state {code.name}": _states(code) for code in _FAILING},
    "any failing state": _states(*_FAILING),
    "`failed`: " + ", ".join(code.name for code in FOR_GOOD): _states(*FOR_GOOD),
}
"""The condition of each rule, [run, probe]; the last one is that of `jaxgan study`."""


def ended_at(one: Seen, rule: str) -> Bool[np.ndarray, "run probe"]:
    """Return whether the rule has ended a run by each probe, without the last one, where a run ends anyway."""
    return np.maximum.accumulate(in_a_row(RULES[rule](one)), axis=1)[:, :-1]


def _left(one: Seen, ended: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the share of the steps that are saved [run]."""
    return np.where(ended.any(axis=1), 1 - one.steps[ended.argmax(axis=1)] / one.steps[-1], 0.0)


def row(runs: Sequence[Seen], rule: str) -> dict[str, Any]:
    """Return the shares of failing and fine runs that a rule ends, and the share of the failing runs' steps saved."""
    failed = [~np.isin(one.outcome, [Outcome[name] for name in FINE if name in Outcome.__members__]) for one in runs]
    ended = [ended_at(one, rule) for one in runs]
    at = [
        np.where(e.any(axis=1), one.steps[e.argmax(axis=1)], one.steps[-1]) for one, e in zip(runs, ended, strict=True)
    ]
    left = np.concatenate([1 - a / one.steps[-1] for one, a in zip(runs, at, strict=True)])
    fails, ends = np.concatenate(failed), np.concatenate([e.any(axis=1) for e in ended])
    return {
        "rule": rule,
        "failed": share(int((fails & ends).sum()), int(fails.sum())),
        "fine": share(int((~fails & ends).sum()), int((~fails).sum())),
        "saved": round(float(left[fails].mean()), 3) if fails.any() else None,
    }


def rows(runs: Sequence[Seen]) -> list[dict[str, Any]]:
    """Return a row for each rule."""
    return [row(runs, rule) for rule in RULES]
