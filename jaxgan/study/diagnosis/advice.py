"""Suggest remedies for the failures of each configuration, for reports and for `jaxgan remedy`."""

import dataclasses
from collections import Counter
from collections.abc import Mapping
from typing import Any, TypeVar

import numpy as np

from jaxgan.diagnostics.outcomes import Outcome
from jaxgan.nn.conditional import DISCRIMINATOR, GENERATOR
from jaxgan.nn.registry import NETWORKS, fields_of
from jaxgan.results.codes import HEALTHY
from jaxgan.results.results import Results
from jaxgan.study import catalogue
from jaxgan.study.config import Config, defaults, from_stored, is_own, prefix_of, split_label
from jaxgan.study.diagnosis.changes import Case, Shared
from jaxgan.study.diagnosis.remedies import Remedy, option_of, suggested, switches
from jaxgan.study.networks import PLAYERS

ResultsT = TypeVar("ResultsT", bound=Results)
_MOST = 12  # number of configurations that get advice, those with the most problems
_LOSSES = ("g_loss", "d_loss")  # as runs name them among the quantities that were not finite


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
    """Return what to try against the outcomes of the i-th configuration: known remedies that it does not use yet.

    If its runs diverged from the user's own loss on, the first entry is to look there.
    """
    case = case_of(results, config, i)
    suspect = suspect_loss(results, case, i)
    return [
        *([] if suspect is None else [suspect]),
        *(
            {"name": one.name, "what": one.what, "option": option_of(case, one), "source": one.source}
            for one in remedies_for(results, case, i)
        ),
    ]


def remedies_for(results: Results, case: Case, i: int) -> list[Remedy]:
    """Return the known remedies for the outcomes of the i-th configuration that it does not use yet.

    If its runs diverged from the user's own loss on, another loss or recipe is no remedy for that.
    """
    codes = codes_of(results, i)
    found = suggested(case, codes)
    if suspect_loss(results, case, i) is None:
        return found
    others = set(codes) - {Outcome.DIVERGED}
    return [one for one in found if one.against & others or not switches(case, one)]


def suspect_loss(results: Results, case: Case, i: int) -> dict[str, str] | None:
    """Return the advice to look in the user's own loss, if it was the first non-finite quantity of most diverged runs.

    It has the form of a remedy, with the place to look at as its option and what was seen as its source.
    """
    if case.loss is None or not is_own(case.loss) or "first_nonfinite" not in results.dataset:
        return None
    first = results.dataset["first_nonfinite"].values[i].astype(str)
    step = results.dataset["first_nonfinite_step"].values[i]
    diverged = (results.outcomes[i] == Outcome.DIVERGED.name) & (step > 0)
    own = diverged & np.isin(first, _LOSSES)
    if not own.any() or 2 * own.sum() <= diverged.sum():
        return None
    name = Counter(first[own].tolist()).most_common(1)[0][0]
    return {
        "name": "own_loss",
        "what": "another form of your own loss where it takes the logarithm, root or reciprocal of a value that can be "
        "0 or negative",
        "option": split_label(case.loss)[1],
        "source": f"first non-finite quantity: {name} at step {np.median(step[own]):,.0f}",
    }


def case_of(results: Results, config: Config, i: int) -> Case:
    """Return the i-th configuration, with its settings from config.json."""
    label = results.configurations[i]
    stored = results.config["configurations"][label]
    # In a study that varies settings, labels start with the recipe's name; in a profile they are strengths of D.
    names = (*config.loss, *config.recipe)
    name = next((n for n in names if f"{label} ".startswith(f"{catalogue.slug(n)} ")), names[0])
    loss = name if name in config.loss else None
    recipe = split_label(name)[1] if loss is None else str(stored["recipe"])
    better = results.group("cause").get("improving")
    learning = results.outcomes[i] == Outcome.NOT_LEARNED.name
    improving = better is not None and 2 * np.count_nonzero(better[i, learning]) > learning.sum()
    return Case(loss, recipe, dict(stored["settings"]), catalogue.slug(name), shared_of(results.config, config),
                bool(improving))  # fmt: skip


def shared_of(stored: Mapping[str, Any], config: Config) -> Shared:
    """Return what all configurations of a run have in common."""
    fields, conditions = {}, {}
    for player in PLAYERS:
        about = stored.get("network", {}).get(player, {"name": ""})
        if about["name"] in NETWORKS:
            module = getattr(NETWORKS[about["name"]], player)
            fields[player] = {name: field.default for name, field in fields_of(module).items()} | about["fields"]
            known = GENERATOR.get(about["name"], ()) if player == "generator" else DISCRIMINATOR
            conditions[player] = tuple(getattr(module, "CONDITIONS", known)) if config.conditional else ()
    usual = defaults(config.data, points=len(stored.get("shape", ())) == 1)["steps"]
    paired = prefix_of(config.data) != ""
    return Shared(config.set, config.steps, 2 * config.steps < usual, config.network, fields, conditions, paired)


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
