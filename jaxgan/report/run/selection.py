"""The selection bias: how much better the best looks on the seeds that it was selected on than on others."""

import numpy as np
from numpy.typing import NDArray

from jaxgan.report.run.scores import Scores, scores_of
from jaxgan.report.tables import Cell, Section, interval_cell, numeric, section
from jaxgan.report.words import noun_of, percent
from jaxgan.results.results import Results
from jaxgan.results.statistics import select_by_halves

LEAST = 4  # minimum number of seeds, so that both halves have two
_RNG = 0


def selection_section(results: Results) -> Section | None:
    """Return the best configuration by the leading metric, and each one's best step, chosen on half of the seeds.

    Steps are included for up to six configurations. Return None if there is nothing to choose, or for no study.
    """
    if "study" not in results.notes or not results.metrics or len(results.seeds) < LEAST:
        return None
    metric, names = results.metrics[0], results.configurations
    scores = scores_of(results, metric)
    rows: list[tuple[Cell, ...]] = []
    if len(names) > 1:
        rows.append(_row(noun_of(results), scores.entered, names, scores))
    along = results.along.get(metric.name)
    if along is not None and along.shape[-1] > 1 and len(names) <= 6 and metric.higher_is_better is not None:
        steps = [f"step {step:,}" for step in results.probe_steps.tolist()]
        for name, values in zip(names, along.astype(np.float64), strict=True):
            entered = np.where(np.isnan(values), scores.worst, values)
            rows.append(_row(f"step of {name}", entered.T, steps, scores))
    if not rows:
        return None
    caption = (
        f"The best by {scores.label}, chosen by the interquartile mean over one half of the seeds and scored on the "
        "other, averaged over 200 random halves. The score on the selecting half is too good by the gain [95 % "
        "jackknife interval]; the score on the other half is what to expect"
    )
    head = ("what is chosen", "chosen most often", "on the half that chose", "on the other half", "gain")
    return section("selection", caption, head, rows)


def _row(what: str, x: NDArray[np.float64], names: tuple[str, ...] | list[str], scores: Scores) -> tuple[Cell, ...]:
    found = select_by_halves(x, higher_is_better=scores.higher_is_better, rng=_RNG)
    often = Cell(names[found.chosen], f"in {percent(float(found.shares[found.chosen]))}", names[found.chosen])
    gain = interval_cell(found.gain)
    return Cell(what), often, numeric(found.selecting), numeric(found.other), gain
