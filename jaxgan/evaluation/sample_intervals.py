"""Intervals over samples for the metrics of `sample_metrics`."""

from collections.abc import Callable, Sequence

import numpy as np

from jaxgan.evaluation.feature_sets import FeatureSet
from jaxgan.evaluation.sample_metrics import KINDS, NAMES, Sets, measure, rows_of
from jaxgan.metrics.inputs import generator
from jaxgan.random import named_key
from jaxgan.results.statistics import UNDEFINED, Interval
from jaxgan.types import Key


def intervals(
    kinds: Sequence[str],
    key: Key,
    sets: Sets,
    *,
    level: float = 0.95,
    resamples: int = 40,
    advance: Callable[[int], object] = lambda n: None,
) -> dict[str, Interval]:
    """The metrics of `measure` with intervals over new samples: how much another set of that size would move them.

    The reference is fixed. Uses a formula if there is one (Frechet distances, kernel distance, two-sample test,
    duplicates); otherwise value +- t times the standard deviation over random halves of the samples, drawn without
    replacement. For a smooth statistic this equals the standard deviation of the full set over new samples. Unlike
    bootstrap resamples, halves never hold a sample twice, which would make it its own nearest neighbour.

    Args:
      kinds: of metrics.
      key: for the metrics, as of `measure`, and the halves.
      sets: the features.
      level: the confidence level.
      resamples: the number of halves; with fewer than 2 there are no intervals from halves.
      advance: called with 1 after each half.

    Raises:
      ValueError: sets that are too small for a metric; the message is one line.
    Source: Shao and Wu 1989, A general theory for jackknife variance estimation.
    """
    from scipy.stats import t

    found: dict[str, Interval] = {}
    by_halves = [kind for kind in kinds if KINDS[kind].interval is None]
    for kind in kinds:
        if (formula := KINDS[kind].interval) is not None:
            found |= formula(named_key(key, kind), sets, level)
        else:
            found |= {name: Interval(value, *UNDEFINED[1:]) for name, value in measure([kind], key, sets).items()}
    if resamples < 2 or not by_halves or (sets.samples.n or 0) < 20:
        return found
    rng, replicates = generator(named_key(key, "halves")), []
    for _ in range(resamples):
        replicates.append(measure(by_halves, key, sets._replace(samples=_half(sets.samples, rng))))
        advance(1)
    factor = float(t.ppf((1 + level) / 2, resamples - 1))
    for name in (name for kind in by_halves for name in KINDS[kind].labels):
        half = factor * float(np.std([each[name] for each in replicates], ddof=1))
        low, high = KINDS[NAMES[name]].labels[name][3]
        value = found[name].estimate
        found[name] = Interval(value, max(value - half, low), min(value + half, high))
    return found


def _half(samples: FeatureSet, rng: np.random.Generator) -> FeatureSet:
    rows = rows_of(samples)
    chosen = rng.permutation(len(rows))[: len(rows) // 2]
    own = samples.probabilities
    shown = None if own is None else own[chosen]
    return samples._replace(n=len(chosen), features=rows[chosen], probabilities=shown, radii={})
