"""Which recorded numbers announce a failure, how long before a run shows it, and how often are they false alarms?

An alarm is triggered when a number is beyond its level. The level is set on the healthy controls of the choosing half,
so that at most one run in twenty triggers the alarm; detection, lead and false alarms are measured on the testing half.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray

from benchmarks.diagnosis.matrix import share
from jaxgan.diagnostics import Outcome
from jaxgan.diagnostics.signs import Evidence
from jaxgan.results.codes import FINE
from jaxgan.results.statistics import stratified_interval
from jaxgan.results.statistics.windows import turnover
from jaxgan.thresholds import DIAGNOSIS_THRESHOLDS

PROBES = 3  # an alarm uses the median over this many probes, because a single one is noisy
EARLIEST = 0.25  # share of the run without alarms: every run starts with bad samples and a sure D
FALSE_ALARMS = 0.05  # share of the controls by which the level is chosen
DEADLINE = 0.9  # share of the controls that have left the failing states by the deadline
_FAILING = [code for code in Outcome if code.name not in FINE]

Number = Callable[[Evidence], NDArray | None]


class Alarm(NamedTuple):
    """A number and the side on which it warns: with `high`, above its level."""

    high: bool
    of: Number


def _turnover(e: Evidence) -> NDArray | None:
    return None if e.shares is None else turnover(e.shares, e.samples, DIAGNOSIS_THRESHOLDS.window)


ALARMS: Mapping[str, Alarm] = {
    "P(D ranks data above samples), high": Alarm(True, lambda e: e.separation),
    "P(D ranks data above samples), low": Alarm(False, lambda e: e.separation),
    "P(D ranks training above held-out data)": Alarm(True, lambda e: e.training_edge),
    "share of samples where G's loss has no slope": Alarm(True, lambda e: e.saturated),
    "gradient of G in its early level, low": Alarm(False, lambda e: e.gradient),
    "growth of gradients and logits": Alarm(True, lambda e: e.growth),
    "samples alike (distinctness, low)": Alarm(False, lambda e: e.distinct),
    "turnover of modes": Alarm(True, _turnover),
    "one frequency in D's scores": Alarm(True, lambda e: e.rhythm),
    "excess of samples nearest to training data": Alarm(True, lambda e: e.memorized),
}


class Watched(NamedTuple):
    """The runs of a set-up: their numbers and their states at each probe."""

    expected: str
    steps: Int[np.ndarray, " probe"]
    states: Int[np.ndarray, "run probe"]  # `Outcome` codes
    numbers: Mapping[str, Float[np.ndarray, "run probe"]]  # the numbers in `ALARMS` that are known

    @property
    def part(self) -> Float[np.ndarray, " probe"]:
        """The probes as shares of the run."""
        return self.steps / self.steps[-1]

    @property
    def failing(self) -> Bool[np.ndarray, "run probe"]:
        return np.isin(self.states, _FAILING)


def smoothed(values: Float[np.ndarray, "run probe"], probes: int = PROBES) -> Float[np.ndarray, "run probe"]:
    """Return the median over the last probes, ignoring NaN.

    Example:
      >>> smoothed(np.array([[1.0, 9.0, 1.0, 1.0]])).tolist()
      [[1.0, 5.0, 1.0, 1.0]]
    """
    found = np.full(values.shape, np.nan)
    for i in range(values.shape[1]):
        within = values[:, max(0, i - probes + 1) : i + 1]
        known = np.isfinite(within).any(axis=1)
        found[known, i] = np.nanmedian(np.where(np.isfinite(within[known]), within[known], np.nan), axis=1)
    return found


def level(controls: Sequence[Watched], name: str) -> float | None:
    """Return the level that one control in twenty exceeds at its most extreme probe; None if the number is unknown."""
    high = ALARMS[name].high
    extremes = [_extreme(one, name, high) for one in controls if name in one.numbers]
    if not extremes:
        return None
    worst = np.concatenate(extremes)
    worst = worst[np.isfinite(worst)]
    if not len(worst):
        return None
    return float(np.quantile(worst, 1 - FALSE_ALARMS if high else FALSE_ALARMS))


def _extreme(one: Watched, name: str, high: bool) -> NDArray:
    late = smoothed(one.numbers[name])[:, one.part >= EARLIEST]
    late = np.where(np.isnan(late), -np.inf if high else np.inf, late)
    return late.max(axis=1) if high else late.min(axis=1)


def deadline(controls: Sequence[Watched]) -> float:
    """Return the share of a run by which most controls have left the failing states, in which every run begins."""
    first = [np.where(one.failing.all(axis=1), 1.0, one.part[one.failing.argmin(axis=1)]) for one in controls]
    return float(np.quantile(np.concatenate(first), DEADLINE)) if first else 1.0


def shown_at(one: Watched, by: float) -> Float[np.ndarray, " run"]:
    """Return the share of the run [run] at which its states show the failure, not before the deadline.

    That is the first probe from which the state stays a failing one or the expected one: PARTIALLY_COLLAPSED and
    OVERFITTED do not count as failures, but they show what these runs were made to be. NaN if the last state is
    neither.
    """
    shows = one.failing | (one.states == Outcome[one.expected])
    probes = shows.shape[1]
    last_other = np.where(shows.all(axis=1), -1, probes - 1 - (~shows[:, ::-1]).argmax(axis=1))
    at = np.maximum(one.part[np.minimum(last_other + 1, probes - 1)], by)
    return np.where(shows[:, -1], at, np.nan)


def rings_at(one: Watched, name: str, at: float) -> Float[np.ndarray, " run"]:
    """Return the share of the run [run] at which the alarm is first triggered; NaN if it never is."""
    values = smoothed(one.numbers[name])
    with np.errstate(invalid="ignore"):
        beyond = (values > at if ALARMS[name].high else values < at) & (one.part >= EARLIEST)
    return np.where(beyond.any(axis=1), one.part[beyond.argmax(axis=1)], np.nan)


def warnings(choosing: Sequence[Watched], testing: Sequence[Watched]) -> list[dict[str, Any]]:
    """Return a row per number: its level, false alarms among controls, and detection and lead by expected code."""
    controls = [one for one in choosing if one.expected == "HEALTHY"]
    healthy = [one for one in testing if one.expected == "HEALTHY"]
    by = deadline(controls)
    found = []
    for name in ALARMS:
        at = level(controls, name)
        if at is None:
            continue
        wrong = [rings_at(one, name, at) for one in healthy if name in one.numbers]
        false = np.concatenate(wrong) if wrong else np.zeros(0)
        codes: dict[str, Any] = {}
        for code in sorted({one.expected for one in testing} - {"HEALTHY"}):
            own = [one for one in testing if one.expected == code and name in one.numbers]
            if own:
                codes[code] = detection(
                    np.concatenate([rings_at(one, name, at) for one in own]),
                    np.concatenate([shown_at(one, by) for one in own]),
                    np.concatenate([np.full(len(one.states), one.steps[-1]) for one in own]),
                )
        rang = share(int(np.isfinite(false).sum()), len(false))
        found.append({"number": name, "level": at, "false": rang, "codes": codes})
    return found


def detection(rung: NDArray, shown: NDArray, steps: NDArray) -> dict[str, Any]:
    """Return how many runs triggered an alarm, and its median lead, as a share of a run and in steps.

    The median in steps has a 95 % bootstrap interval over the runs; None for fewer than two.

    Example:
      >>> found = detection(np.array([0.2, np.nan]), np.array([0.5, 0.5]), np.array([100, 100]))
      >>> found["detected"]["count"], found["lead"], found["lead_steps"], found["lead_steps_interval"]
      (1, 0.3, 30.0, None)
    """
    rang = np.isfinite(rung)
    both = rang & np.isfinite(shown)
    lead = (shown - rung)[both]
    in_steps = lead * steps[both]
    early = int((lead > 0).sum())
    return {
        "detected": share(int(rang.sum()), len(rung)),
        "early": share(early, len(rung)),
        "lead": round(float(np.median(lead)), 3) if len(lead) else None,
        "lead_steps": round(float(np.median(in_steps)), 1) if len(lead) else None,
        "lead_steps_interval": _interval(in_steps) if len(lead) > 1 else None,
    }


def _interval(values: NDArray) -> list[float]:
    found = stratified_interval(values[None], "median", rng=0)
    return [round(found.low, 1), round(found.high, 1)]
