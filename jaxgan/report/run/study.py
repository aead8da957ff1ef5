"""The first part of a study's page: its claims, the selection bias, survival, performance profiles and budgets."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from jaxgan.report.page import at, picture
from jaxgan.report.run.claims import claims_sections
from jaxgan.report.run.profiles import budgets_data, budgets_figure, profiles_data, profiles_figure
from jaxgan.report.run.selection import selection_section
from jaxgan.report.run.settings import are_many, by_recipe
from jaxgan.report.run.survival import survival_data, survival_figure, survival_section
from jaxgan.report.tables import Section, to_dict
from jaxgan.results.results import Results, variable

OF_RUNS = {
    "survival": (survival_figure, survival_data, "The Kaplan-Meier share of runs that have not failed by each step "
                 "[band: 95 % interval at each step; marks: runs that were stopped]."),
    "profiles": (profiles_figure, profiles_data, "The share of runs at least as good as a threshold; failed runs "
                 "count as worse than any [band: 95 % Wilson interval at each]."),
}  # fmt: skip
BUDGETS = (budgets_figure, budgets_data, "The expected best of a number of configurations drawn at random from "
           "those tried, each by its interquartile mean over seeds [band: 95 % jackknife interval; too narrow near the "
           "total number].")  # fmt: skip
_POOLED = " All settings of a recipe are pooled: runs of one seed start alike, so the bands are too narrow."


def study_sections(results: Results) -> list[Section]:
    """Return the sections of a study, claims first; none if the results are not a study's."""
    if "study" not in results.notes:
        return []
    runs = pooled(results)
    more = (selection_section(results), None if runs is None else survival_section(runs))
    return [*claims_sections(results), *(part for part in more if part is not None)]


def study_figures(
    results: Results, folder: Path | None, write: Callable[..., Any] = picture
) -> list[tuple[dict[str, Any], str]]:
    """Return figures with captions, written to the folder if there is one; none if the results are not a study's."""
    if "study" not in results.notes:
        return []
    runs = pooled(results)
    drawn = {} if runs is None else {name: (runs, *how) for name, how in OF_RUNS.items()}
    drawn["budgets"] = (results, *BUDGETS)
    figures = []
    for name, (found, make, data, about) in drawn.items():
        if (figure := make(found)) is None:
            continue
        figures.append(
            (
                write(figure, at(folder, name), data=_frame(data(found))),
                about + (_POOLED if found is not results else ""),
            )
        )
    return figures


def pooled(results: Results) -> Results | None:
    """Pool the runs of each recipe if there are many configurations; None if recipes have different numbers of runs."""
    if not are_many(results):
        return results
    groups = by_recipe(results)
    if len({len(own) for own in groups.values()}) > 1:
        return None
    names = [name for name in (*(m.name for m in results.metrics), "outcome", "failed_at", "stopped_at")
             if name in results.dataset]  # fmt: skip
    stacked = {name: np.stack([results.dataset[name].values[own].ravel() for own in groups.values()]) for name in names}
    found = [variable("metric", name, ("configuration", "seed"), values) for name, values in stacked.items()]
    seeds = np.arange(stacked["outcome"].shape[1])
    dataset = xr.Dataset(dict(found)).assign_coords(configuration=list(groups), seed=seeds)
    return replace(results, dataset=dataset, notes={**results.notes, "noun": "recipe"})


def _frame(data: Section | None) -> Any:
    import pandas as pd

    return None if data is None else pd.DataFrame(to_dict([data])[data.name]["rows"])
