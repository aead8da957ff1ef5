"""The numbers of a gradient profile: interquartile means over seeds with their intervals, one row per loss."""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from jaxgan.report.profile.parts import ages_of, part_of
from jaxgan.results.decades import Decades, decades
from jaxgan.results.results import Results
from jaxgan.results.statistics import UNDEFINED, Interval, iqm_interval


class FrozenRow(NamedTuple):
    """One loss against the discriminators of one age of the generator; intervals over seeds."""

    configuration: str  # which strength of the discriminator
    age: int
    loss: str
    per_thousand: Interval  # decades of the norm per 1,000 steps of the discriminator
    total: Interval  # decades from the first to the last step, or to the last before a true zero
    norm: Interval  # at the end
    snr: Interval  # at the end
    spread: Interval  # decades gained in all by the spread over samples of the gradient with respect to the example
    saturated: Interval  # share of samples at the end
    zeros: int  # seeds whose norm was exactly 0 at some step
    first_zero: int | None  # the earliest such step
    agreement: Interval  # cosine at the end with the gradient under the base discriminator


class TrainingRow(NamedTuple):
    """One loss along the training of one configuration; intervals over seeds."""

    configuration: str
    loss: str
    early: Interval  # norm at the first probe
    late: Interval  # norm over the last tenth of the probes
    change: Interval  # decades from early to late
    snr: Interval
    saturated: Interval
    cosine: Interval  # with the gradient of the loss that is trained with, over the last tenth; NaN where it is no part
    zeros: int
    first_zero: int | None


class StrengthRow(NamedTuple):
    """The results for a discriminator of one strength; intervals over seeds."""

    configuration: str
    age: int | None
    accuracy: Interval | None
    implied: Interval | None  # (V + log 4) / 2 at the end, nats
    metric: Interval | None  # the leading metric of the trained generator


def frozen_rows(results: Results) -> list[FrozenRow]:
    """Return a row per configuration, age and loss."""
    found = part_of(results, "frozen")
    if not found:
        return []
    return [
        _frozen_row(results, found, (s, a, i))
        for s in range(len(results.configurations))
        for a in range(len(ages_of(results)))
        for i in range(len(results.losses))
    ]


def training_rows(results: Results) -> list[TrainingRow]:
    """Return a row per configuration and loss."""
    found = part_of(results, "training")
    if not found:
        return []
    return [
        _training_row(results, found, s, i)
        for s in range(len(results.configurations))
        for i in range(len(results.losses))
    ]


def strength_rows(results: Results) -> list[StrengthRow]:
    """Return a row per strength (and age) on the discriminator, and on the generator if one was trained with it."""
    found, training = part_of(results, "frozen"), part_of(results, "training")
    rows = []
    for s, name in enumerate(results.configurations):
        for a, age in enumerate(ages_of(results) if found else ()):
            implied = (_late(found["value"][s, a]) + np.log(4)) / 2
            shown = None if results.notes.get("d_scores") else over_seeds(implied)
            rows.append(StrengthRow(name, age, over_seeds(_late(found["accuracy"][s, a])), shown, None))
        if "metric" in training:
            rows.append(StrengthRow(name, None, None, None, over_seeds(training["metric"][s])))
    return rows


def over_seeds(values: Sequence[float] | NDArray) -> Interval:
    """Return the interquartile mean over the seeds that have a value, with its interval; undefined if none has."""
    defined = np.asarray(values, np.float64)
    return _interval(tuple(defined[~np.isnan(defined)].tolist()))


@lru_cache(maxsize=4096)  # tables, figures and words ask for the same ones, and each is thousands of resamples
def _interval(values: tuple[float, ...]) -> Interval:
    return iqm_interval(values, rng=0) if values else UNDEFINED


def _frozen_row(results: Results, found: dict[str, NDArray], place: tuple[int, int, int]) -> FrozenRow:
    s, a, i = place
    norms, nothing = found["norm"][s, a, :, :, i], np.full(len(results.seeds), np.nan)
    fits = [decades(found["steps"], each) for each in norms]
    spread = nothing
    if "image_spread" in found:
        spread = np.array([decades(found["steps"], each).total for each in found["image_spread"][s, a, :, :, i]])
    agreement = found["agreement"][s, a, :, i] if "agreement" in found else nothing
    return FrozenRow(
        results.configurations[s],
        ages_of(results)[a],
        results.losses[i],
        over_seeds([fit.per_thousand for fit in fits]),
        over_seeds([fit.total for fit in fits]),
        over_seeds(norms[:, -1]),
        over_seeds(found["snr"][s, a, :, -1, i]),
        over_seeds(spread),
        over_seeds(found["saturated"][s, a, :, -1, i]),
        *_zeros(fits),
        over_seeds(agreement),
    )


def _training_row(results: Results, found: dict[str, NDArray], s: int, i: int) -> TrainingRow:
    norms, trained = found["norm"][s, :, :, i], results.notes.get("trained")
    last = max(1, len(found["steps"]) // 10)
    late = np.median(norms[:, -last:], axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        change = np.log10(late / norms[:, 0])
    cosine = np.full(len(results.seeds), np.nan)
    if trained in results.losses:
        cosine = np.median(found["cosine"][s, :, -last:, i, results.losses.index(trained)], axis=1)
    return TrainingRow(
        results.configurations[s],
        results.losses[i],
        over_seeds(norms[:, 0]),
        over_seeds(late),
        over_seeds(change),
        over_seeds(np.median(found["snr"][s, :, -last:, i], axis=1)),
        over_seeds(np.median(found["saturated"][s, :, -last:, i], axis=1)),
        over_seeds(cosine),
        *_zeros([decades(found["steps"], each) for each in norms]),
    )


def _zeros(fits: Sequence[Decades]) -> tuple[int, int | None]:
    steps = [fit.first_zero for fit in fits if fit.first_zero is not None]
    return len(steps), min(steps, default=None)


def _late(values: NDArray) -> NDArray:
    """Means over the last twentieth of the steps, the last axis."""
    return values[..., -max(1, values.shape[-1] // 20) :].mean(axis=-1)
