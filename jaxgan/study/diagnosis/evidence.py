"""Compute the evidence that a diagnosis needs from the records of a run."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from jaxgan.diagnostics.outcomes import Thresholds
from jaxgan.diagnostics.signs import Evidence
from jaxgan.evaluation import Evaluator
from jaxgan.files import StoreError
from jaxgan.results.results import Results
from jaxgan.study.messages import nearest
from jaxgan.thresholds import DIAGNOSIS_THRESHOLDS, EPISODE_THRESHOLDS

Found = Mapping[str, NDArray]

_RECORDS = 64  # with fewer records in a window, three frequencies can have half of the variance of noise
_SWINGS = 4  # minimum number of oscillations in a window, to exclude drifts and random walks


class Yardsticks(NamedTuple):
    """The references for recorded values; plain numbers and names, so that they can be stored with a run."""

    quality: tuple[str, float] | None  # the metric for the share of good samples, and its value for real data
    distance: tuple[str, float] | None  # the metric for the distance, and its largest good value
    shares: tuple[float, ...] | None  # the share of real data near each mode, class or cell
    samples: int  # number of samples at every probe
    obeyed: tuple[str, float] | None = None  # the same for the share of the requested class
    chance: float | None = None  # that share for samples of arbitrary classes; None: one in all classes


def yardsticks_of(evaluator: Evaluator, thresholds: Thresholds, samples: int) -> Yardsticks:
    """Return the yardsticks of an evaluator, with a multiple of the distance between real data as threshold."""
    name, floor = evaluator.rules.get("distance", ("", 0.0))
    measured = evaluator.real.get("class_accuracy_data")  # NaN: a class that does not count in the share
    return Yardsticks(
        quality=evaluator.rules.get("high_quality"),
        distance=(name, floor * thresholds.quality_multiple) if name else None,
        shares=None if evaluator.shares is None else tuple(evaluator.shares.tolist()),
        samples=samples,
        obeyed=evaluator.rules.get("obeyed"),
        chance=None if measured is None else 1 / int(np.isfinite(measured).sum()),
    )


def evidence_of(yardsticks: Yardsticks, records: Found, whole: int) -> Evidence:
    """Compute the evidence from records [run, record or probe, ...] named GROUP/NAME, with `step` and `probe_step`.

    For a run in progress, it is the first part of the evidence of the complete run; `whole` is the planned last step.
    """
    steps, probes = records["step"], records["probe_step"]
    early = steps <= max(EPISODE_THRESHOLDS.early * whole, steps[0])

    def along(yardstick: tuple[str, float] | None) -> NDArray | None:
        return None if yardstick is None else records[f"along/{yardstick[0]}"] / yardstick[1]

    return rounded(
        Evidence(
            steps=probes,
            gradient=_relative(records["series/g_grad_norm"], steps, probes, early),
            quality=along(yardsticks.quality),
            distance=along(yardsticks.distance),
            shares=records.get("along/shares"),
            expected=None if yardsticks.shares is None else np.asarray(yardsticks.shares),
            samples=yardsticks.samples,
            distinct=records.get("along/distinct"),
            memorized=records.get("along/memorized"),
            separation=records.get("discrimination/separation"),
            training_edge=records.get("discrimination/training_edge"),
            saturated=records.get("discrimination/saturated"),
            growth=_growth(records, steps, probes, early),
            rhythm=rhythm(records["series/fake_logit"], steps, probes),
            nonfinite_step=records["watch/step"].astype(np.int64),
            obeyed=_obeyed(yardsticks, records),
        )
    )


def rounded(evidence: Evidence) -> Evidence:
    """Round the evidence to float32, as it is stored, so that a repeated diagnosis is identical."""

    def one(values: Any) -> Any:
        if not isinstance(values, np.ndarray) or values.ndim < 2:
            return values
        with np.errstate(over="ignore"):  # overflow to infinity is fine: it exceeds any threshold
            return values.astype(np.float32).astype(np.float64)

    return Evidence(*map(one, evidence))


def evidence_in(results: Results, configuration: str) -> Evidence:
    """Return the evidence of the stored runs of one configuration.

    Raises:
      StoreError: if the results were written by an earlier version and lack what a diagnosis needs.
      KeyError: if there is no such configuration.
    """
    if "yardsticks" not in results.notes:
        raise StoreError(f"{results.folder} holds no evidence along training: an earlier version of jaxgan wrote it")
    if configuration not in results.configurations:
        raise KeyError(f"there is no configuration {configuration!r}; {nearest(configuration, results.configurations)}")
    i = results.configurations.index(configuration)
    found: dict[str, Any] = {n: values[i].astype(np.float64) for n, values in results.group("evidence").items()}
    yardsticks = Yardsticks(**results.notes["yardsticks"])
    expected = None if yardsticks.shares is None else np.asarray(yardsticks.shares)
    first = results.dataset["first_nonfinite_step"].values[i]
    return Evidence(results.probe_steps, expected=expected, samples=yardsticks.samples, nonfinite_step=first, **found)


def standing_still(records: Found, stopped_at: NDArray) -> Found:
    """Return records in which stopped runs keep their last values after they stopped."""
    if not stopped_at.any():
        return records
    series = {name: values for name, values in records.items() if name.startswith("series/")}
    return {**records, **{name: standing(values, records["step"], stopped_at) for name, values in series.items()}}


def standing(values: NDArray, steps: NDArray, stopped_at: NDArray) -> NDArray:
    """Return a series [run, record] in which the NaN after a run stopped is replaced by its last value.

    Example:
      >>> nan = np.nan
      >>> standing(np.array([[1.0, nan, nan], [1.0, 2.0, nan]]), np.array([1, 2, 3]), np.array([0, 2])).tolist()
      [[1.0, nan, nan], [1.0, 2.0, 2.0]]
    """
    last = np.where(stopped_at > 0, np.searchsorted(steps, stopped_at, side="right") - 1, len(steps) - 1)
    rows = np.minimum(np.arange(len(steps)), np.maximum(last, 0)[:, None])
    return np.take_along_axis(values, rows.reshape(*rows.shape, *[1] * (values.ndim - 2)), axis=1)


def _obeyed(yardsticks: Yardsticks, records: Found) -> NDArray | None:
    """Return the share [run, probe] of the requested class, scaled: 0 at chance (1 of k classes), 1 for real data."""
    if yardsticks.obeyed is None or yardsticks.shares is None:
        return None
    name, real = yardsticks.obeyed
    chance = 1 / len(yardsticks.shares) if yardsticks.chance is None else yardsticks.chance
    if not real > chance:  # uninformative if the classes of real data are not recognized either
        return None
    return (records[f"along/{name}"] - chance) / (real - chance)


def _relative(values: NDArray, steps: NDArray, probes: NDArray, early: NDArray, least: float = 0.0) -> NDArray:
    """Return medians [run, probe] since the last probe as multiples of the early level, which is at least `least`."""
    level = np.maximum(np.median(values[:, early], axis=1), least)
    with np.errstate(divide="ignore", invalid="ignore"):
        return _medians(values, steps, probes) / level[:, None]


def _medians(values: NDArray, steps: NDArray, probes: NDArray) -> NDArray:
    """Return medians [run, probe] since the last probe; if nothing was recorded since then, the last value."""
    ends = np.searchsorted(steps, probes, side="right")
    begins = np.minimum(np.concatenate([[0], ends[:-1]]), np.maximum(ends - 1, 0))
    return np.stack([np.median(values[:, a : max(b, a + 1)], axis=1) for a, b in zip(begins, ends, strict=True)], 1)


def _growth(records: Found, steps: NDArray, probes: NDArray, early: NDArray) -> NDArray:
    """Return the largest of gradients and logits as multiples of their early level, which is at least 1 for logits."""
    found: Sequence[NDArray] = [
        _relative(abs(records[f"series/{name}"]), steps, probes, early, least)
        for name, least in (("g_grad_norm", 0.0), ("d_grad_norm", 0.0), ("real_logit", 1.0), ("fake_logit", 1.0))
        if f"series/{name}" in records
    ]
    return np.fmax.reduce(np.stack(found), axis=0)  # NaN only where all are NaN


def rhythm(values: NDArray, steps: NDArray, probes: NDArray, window: int = DIAGNOSIS_THRESHOLDS.window) -> NDArray:
    """Return the share [run, probe] of the variance in a window of probes at one frequency and its two neighbours.

    It is computed from a periodogram with a Hann window after removing a linear trend, at frequencies of at least four
    oscillations per window. The share is little more than that of three frequencies for white noise, about a tenth for
    a random walk and nearly 1 for a sine. It is NaN before the first full window, and if a window has fewer than 64
    records.

    Source: Fisher 1929, Tests of significance in harmonic analysis, where g is the share of one frequency.

    Example:
      >>> steps = np.arange(1, 201)
      >>> swing, noise = np.sin(steps / 2), np.random.default_rng(0).normal(size=200)
      >>> rhythm(np.stack([swing, noise]), steps, np.arange(40, 201, 40)).round(1)[:, -1].tolist()
      [1.0, 0.1]
    """
    found = np.full((len(values), len(probes)), np.nan)
    for i in range(window - 1, len(probes)):
        begin = probes[i - window] if i >= window else 0
        within = (begin < steps) & (steps <= probes[i])
        if np.count_nonzero(within) >= _RECORDS:
            found[:, i] = _peak(values[:, within])
    return found


def _peak(values: NDArray) -> NDArray:
    from scipy.signal import detrend, periodogram  # a fifth of a command's start, and few commands need it

    finite = np.isfinite(values).all(axis=1)
    _, power = periodogram(detrend(np.where(finite[:, None], values, 0.0), axis=1), window="hann", axis=1)
    total = power[:, 1:].sum(axis=1)
    near = power[:, _SWINGS - 1 : -2] + power[:, _SWINGS:-1] + power[:, _SWINGS + 1 :]
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(finite & (total > 0), near.max(axis=1) / total, np.nan)
