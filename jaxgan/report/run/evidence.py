"""The evidence for what went wrong: for every sign, the measurements that it compares with its thresholds.

A run stores the measurements and when each sign held, but not what the signs derive from them, so that is derived here
again. `jaxgan.diagnostics` has the rules; a test compares these curves with them.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from jaxgan.report.plots import thin
from jaxgan.report.run.causes import causes_of
from jaxgan.results.codes import HEALTHY
from jaxgan.results.results import Results
from jaxgan.results.statistics.windows import last_of, median_of, turnover
from jaxgan.thresholds import DIAGNOSIS_THRESHOLDS, EPISODE_THRESHOLDS

_T = DIAGNOSIS_THRESHOLDS


class Rule(NamedTuple):
    """One comparison that a sign makes."""

    evidence: str  # a name in `EVIDENCE`
    threshold: float  # NaN if it is not this comparison that finds the sign
    above: bool  # whether the sign holds from the threshold up; otherwise from it down

    def holds(self, values: NDArray) -> NDArray[np.bool_]:
        """Whether values meet it; NaN never does."""
        return values >= self.threshold if self.above else values <= self.threshold


class Evidence(NamedTuple):
    """What a panel of evidence shows."""

    label: str
    log: bool = False  # otherwise a share or a probability


EVIDENCE: dict[str, Evidence] = {
    "separation": Evidence(f"P(D ranks held-out data above samples), median of {_T.window} evaluations"),
    "training_edge": Evidence(f"P(D ranks training above held-out data), median of {_T.window} evaluations"),
    "turnover": Evidence(f"Share of samples that change mode between evaluations, median of {_T.window}"),
    "rhythm": Evidence("Share of the strongest frequency in D's mean score of samples"),
    "captured": Evidence("Share of the modes or classes captured"),
    "rarest": Evidence(f"Rarest mode's share, times the data's, mean of {_T.window} evaluations"),
    "distinct": Evidence("P(a sample is farther from its nearest neighbour than real data)", log=True),
    "obeyed": Evidence(f"Class accuracy (0: chance, 1: real data), median of {_T.window} evaluations"),
    "memorized": Evidence("Share of samples that are copies of training examples"),
    "gradient": Evidence("Norm of G's gradient, times its early level", log=True),
    "saturated": Evidence("Share of samples where G's loss is flat"),
    "growth": Evidence("Largest gradient or score so far, times its early level", log=True),
    "quality": Evidence("Share of good samples, times that of real data"),
    "distance": Evidence("Distance from the data, times the largest that is good", log=True),
}

RULES: dict[str, tuple[Rule, ...]] = {
    "vanishing": (Rule("gradient", _T.vanished, False), Rule("saturated", _T.saturated, True)),
    "discriminator_dominates": (Rule("separation", _T.certain, True),),
    "generator_dominates": (Rule("separation", _T.fooled, False),),
    "junk": (Rule("separation", _T.fooled, False),),
    "oscillating": (Rule("turnover", _T.turnover, True),),
    "swinging": (Rule("rhythm", _T.rhythm, True),),
    "collapsed": (Rule("captured", _T.collapsed, False), Rule("distinct", _T.alike, False)),
    "partially_collapsed": (Rule("rarest", _T.missing, False),),
    "condition_ignored": (Rule("obeyed", _T.ignored, False),),
    "overfitted": (Rule("training_edge", _T.edge, True),),
    "copied": (Rule("memorized", _T.memorized, True),),
    "exploded": (Rule("growth", _T.exploded, True),),
    "dead": (Rule("gradient", _T.dead, False),),
    "not_finite": (Rule("growth", np.nan, True),),
    "not_learned": (Rule("quality", _T.good, False), Rule("distance", 1.0, True), Rule("captured", 0.0, False)),
}
"""The comparisons of each sign, by the name of its cause. The last two are no causes: the one is told by its step, the
other by its outcome."""


class Shown(NamedTuple):
    """A sign that held in seeds of one configuration, and one comparison that it made."""

    configuration: int
    cause: str  # a name in `RULES`
    code: str
    rule: Rule
    begin: NDArray[np.float64]  # [seed], NaN for a seed that ended HEALTHY or where the comparison did not come out
    end: NDArray[np.float64]  # [seed]

    @property
    def seeds(self) -> NDArray[np.bool_]:
        """The seeds in which it held so and that did not end HEALTHY."""
        return np.isfinite(self.begin)


def evidence_for(results: Results, i: int) -> list[Shown]:
    """The signs that held in seeds of the i-th configuration that did not end HEALTHY, those of most seeds first."""
    found = []
    for cause, code, begin, end in _stretches(results, ~np.isin(results.outcomes[i], (HEALTHY, "OK")), i):
        for rule, own in _met(results, i, cause, begin, end) if np.isfinite(begin).any() else ():
            found.append(Shown(i, cause, code, rule, *_within(own, begin, end)))
    return sorted(found, key=lambda one: -np.count_nonzero(one.seeds))


def curve_of(results: Results, name: str, i: int) -> tuple[NDArray, NDArray] | None:
    """The steps and the values [seed, step] of evidence of the i-th configuration; None if it was not recorded."""
    stored, probes = results.group("evidence"), results.probe_steps
    if name == "gradient" and "g_grad_norm" in results.series:
        norms = results.series["g_grad_norm"][i].astype(np.float64)
        with np.errstate(divide="ignore", invalid="ignore"):
            return thin(results.steps, norms / early_level(norms, results.steps)[:, None])
    if name in ("captured", "rarest", "turnover"):
        return None if (values := _of_modes(results, name, i)) is None else (probes, values)
    if name not in stored:
        return None
    values = stored[name][i].astype(np.float64)
    if name in ("separation", "training_edge", "obeyed"):
        values = median_of(values, _T.window)
    return probes, np.maximum.accumulate(np.nan_to_num(values, posinf=np.inf), axis=1) if name == "growth" else values


def early_level(norms: NDArray, steps: NDArray) -> NDArray[np.float64]:
    """The median over the first steps [seed] of norms [seed, record], as `vanishing_episodes` has it."""
    after = np.append(steps[1:], steps[-1] + (steps[-1] - steps[-2] if len(steps) > 1 else 1))
    first = after - steps[0] <= max(EPISODE_THRESHOLDS.early * (after[-1] - steps[0]), after[0] - steps[0])
    return np.asarray(np.median(norms[:, first], axis=1), np.float64)


def _of_modes(results: Results, name: str, i: int) -> NDArray[np.float64] | None:
    """What is derived from the shares of samples near each mode, [seed, evaluation]."""
    yardsticks, stored = results.notes.get("yardsticks") or {}, results.group("evidence").get("shares")
    if stored is None or not yardsticks.get("shares"):
        return None
    expected, shares = np.asarray(yardsticks["shares"], np.float64), stored[i].astype(np.float64)
    if name == "turnover":
        return turnover(shares, int(yardsticks["samples"]), _T.window)
    counts = expected > 0  # a cell without real data is not a mode
    shares, expected = shares[..., counts], expected[counts]
    if name == "captured":
        return np.mean(shares >= _T.captured * expected, axis=-1)
    return np.min(np.nanmean(last_of(np.nan_to_num(shares), _T.window), axis=-1) / expected, axis=-1)


def _stretches(results: Results, bad: NDArray[np.bool_], i: int) -> Iterator[tuple[str, str, NDArray, NDArray]]:
    """For every sign: its cause, its code, and its first and last step [seed], NaN where it did not hold."""
    last = float(results.steps[-1]) if len(results.steps) else np.inf
    for cause in causes_of(results):
        held = bad & cause.found(i)
        yield cause.name, cause.code, *_within(held, cause.begin[i], np.nan_to_num(cause.end[i], nan=last))
    ends = np.full(len(bad), last)
    if "first_nonfinite_step" in results.dataset:
        first = results.dataset["first_nonfinite_step"].values[i]
        yield "not_finite", "DIVERGED", *_within(bad & (first > 0), first, ends)
    if "failed_at" in results.dataset:
        held = bad & (results.outcomes[i] == "NOT_LEARNED")
        yield "not_learned", "NOT_LEARNED", *_within(held, results.dataset["failed_at"].values[i], ends)


def _within(held: NDArray[np.bool_], begin: NDArray, end: NDArray) -> tuple[NDArray, NDArray]:
    return np.where(held, begin, np.nan), np.where(held, end, np.nan)


def _met(results: Results, i: int, cause: str, begin: NDArray, end: NDArray) -> list[tuple[Rule, NDArray[np.bool_]]]:
    """The comparisons that a sign made, with the seeds [seed] in which each of them came out while the sign held.

    Several signs are found by one of several comparisons. One counts in a seed if it came out at half of the
    evaluations or more, or more often than the others. None does where an earlier version had other rules.
    """
    curves = {
        rule: curve
        for rule in RULES.get(cause, ())
        if (curve := curve_of(results, rule.evidence, i)) is not None and np.isfinite(curve[1]).any()
    }
    if not curves:
        return []
    shares = []
    for rule, (steps, values) in curves.items():
        inside = (steps >= begin[:, None]) & (steps <= end[:, None])
        shares.append(np.sum(inside & rule.holds(values), axis=1) / np.maximum(np.sum(inside, axis=1), 1))
    best = (np.arange(len(shares))[:, None] == np.argmax(shares, axis=0)) & (np.max(shares, axis=0) > 0)
    often = np.array(shares) >= (0.5 if cause != "not_learned" else np.inf)  # there the others say the same
    always = np.isnan([rule.threshold for rule in curves])[:, None]
    counts = (best | often | always) & np.isfinite(begin)
    return [(rule, own) for rule, own in zip(curves, counts, strict=True) if own.any()]
