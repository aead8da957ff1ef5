"""Results of a study without any training, of which the claims are known."""

import dataclasses

import numpy as np

from jaxgan.results.results import Results, variable
from tests.synthetic import make_run

RUN = ("configuration", "seed")


def planned(metric: str, better: str, than: str, text: str = "") -> dict[str, str]:
    return {"metric": metric, "better": better, "than": than, "text": text or f"{better} beats {than}"}


def make_study(
    configurations: tuple[str, ...] = ("minimax", "non_saturating", "r1_gan"),
    seeds: int = 8,
    *,
    claims: tuple[dict[str, str], ...] = (),
    failed_at: dict[tuple[int, int], int] | None = None,
    stopped_at: dict[tuple[int, int], int] | None = None,
    recipes: tuple[str, ...] = (),
) -> Results:
    """A run of `make_run` whose distances fall by configuration; a run with a step in `failed_at` has failed then.

    Distances are 200 - j for seed j under the first configuration, as they are there, and 30 i + j + 2 j % 3 under the
    i-th.
    """
    times = {name: np.zeros((len(configurations), seeds), int) for name in ("failed_at", "stopped_at")}
    for name, given in (("failed_at", failed_at), ("stopped_at", stopped_at)):
        for place, step in (given or {}).items():
            times[name][place] = step
    run = make_run(configurations, seeds, failures={place: "COLLAPSED" for place in failed_at or {}})
    for i in range(1, len(configurations)):
        j = np.arange(seeds)
        run.dataset["frechet"].values[i] = 30.0 * i + j + (2 * j) % 3
    variables = dict([variable("metric", name, RUN, values) for name, values in times.items()])
    if recipes:
        variables |= dict([variable("setting", "recipe", ("configuration",), list(recipes))])
        variables |= dict([variable("setting", "lr_d", ("configuration",), [float(x[-1]) for x in configurations])])
    notes = run.notes | {"noun": "configuration", "study": {"planned": list(claims)}}
    return dataclasses.replace(run, dataset=run.dataset.assign(variables), notes=notes)
