"""Prepare a metric's values for statistics: failed seeds at the worst value, and one direction that is better."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float64

from jaxgan.results.results import Metric, Results


class Scores(NamedTuple):
    """The values of a metric for every run; if it is best near its yardstick, the distance from it."""

    label: str
    values: Float64[np.ndarray, "configuration seed"]  # as measured
    failed: Bool[np.ndarray, "configuration seed"]
    worst: float  # the value that a failed run counts with
    higher_is_better: bool

    @property
    def entered(self) -> Float64[np.ndarray, "configuration seed"]:
        """With failed runs, and those without a value, at the worst."""
        return np.where(self.failed | np.isnan(self.values), self.worst, self.values)


def scores_of(results: Results, metric: Metric) -> Scores:
    """Failures are those of `Results.failed`."""
    values, failed = results.values[metric.name], results.failed
    if metric.higher_is_better is not None:
        return Scores(metric.label, values, failed, metric.worst, metric.higher_is_better)
    name, best = next(iter(metric.yardsticks.items()))
    return Scores(
        f"{metric.label}, distance from {name}", np.abs(values - best), failed, abs(metric.worst - best), False
    )
