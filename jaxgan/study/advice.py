"""Suggest remedies for the failures of each configuration, for reports and for `jaxgan remedy`."""

import dataclasses
from collections import Counter
from typing import Any, TypeVar

import numpy as np

from jaxgan.diagnostics.outcomes import Outcome
from jaxgan.results.codes import HEALTHY
from jaxgan.results.results import Results
from jaxgan.study import catalogue
from jaxgan.study.config import Config, from_stored
from jaxgan.study.remedies import Case, option_of, suggested

ResultsT = TypeVar("ResultsT", bound=Results)
_MOST = 12  # number of configurations that get advice, those with the most problems


def advised(results: ResultsT) -> ResultsT:
    """Return the results with a note of remedies by configuration, those with the most problems first.

    Each remedy is {name, what, option, source}, where `option` is the command-line option that applies it. Results
    without known configurations get no note.
    """
    if "configurations" not in results.config or "config" not in results.config:
        return results
    config = from_stored(results.config["config"])
    to_mend = [
        (results.failed[i].sum(), np.count_nonzero(codes != HEALTHY)) for i, codes in enumerate(results.outcomes)
    ]
    worst = sorted(range(len(to_mend)), key=lambda i: to_mend[i], reverse=True)
    found = {results.configurations[i]: remedies_of(results, config, i) for i in worst[:_MOST] if to_mend[i][1] > 0}
    return dataclasses.replace(results, notes=results.notes | {"remedies": found})


def remedies_of(results: Results, config: Config, i: int) -> list[dict[str, str]]:
    """Return the known remedies for the outcomes of the i-th configuration that it does not use yet."""
    case = case_of(results, config, results.configurations[i])
    return [
        {"name": one.name, "what": one.what, "option": option_of(case, one), "source": one.source}
        for one in suggested(case, codes_of(results, i))
    ]


def case_of(results: Results, config: Config, label: str) -> Case:
    """Return the configuration with that label, with its settings from config.json."""
    stored = results.config["configurations"][label]
    recipe, settings = str(stored["recipe"]), dict[str, Any](stored["settings"])
    # In a study that varies settings, labels start with the recipe's name; in a profile they are strengths of D.
    names = (*config.loss, *config.recipe)
    name = next((n for n in names if f"{label} ".startswith(f"{catalogue.slug(n)} ")), names[0])
    loss = name if name in config.loss else None
    return Case(loss, name.rpartition("=")[2] if loss is None else recipe, settings)


def codes_of(results: Results, i: int) -> list[Outcome]:
    """Return the outcomes of the failed runs, most frequent first, or all outcomes but HEALTHY if no run failed.

    GRADIENT_VANISHED is added if the gradient of more than half of these runs vanished during training.
    """
    failed = results.failed[i]
    of = failed if failed.any() else results.outcomes[i] != HEALTHY
    names = [code for code, _ in Counter(results.outcomes[i, of].tolist()).most_common()]
    codes = [Outcome[name] for name in names if name in Outcome.__members__]
    begin = results.group("cause").get("vanishing_begin")
    if begin is not None and 2 * (begin[i, of] >= 0).sum() > of.sum():
        codes.append(Outcome.GRADIENT_VANISHED)
    return list(dict.fromkeys(codes))
