"""Train a configuration that failed and its remedies over the same seeds, as ordinary runs."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import xarray as xr

from jaxgan.diagnostics.outcomes import Outcome
from jaxgan.report.run.healed import BASE
from jaxgan.results.results import Results
from jaxgan.study import catalogue
from jaxgan.study.compare import run_study
from jaxgan.study.config import Config, default_interval, from_stored, split_label
from jaxgan.study.diagnosis.advice import case_of, codes_of, remedies_for, suspect_loss
from jaxgan.study.diagnosis.changes import Case
from jaxgan.study.diagnosis.remedies import Remedy, is_number, setting_text
from jaxgan.study.generators.generate import Run, load_run
from jaxgan.study.messages import OptionError, nearest
from jaxgan.study.settings import known_settings


class Trial(NamedTuple):
    """The configuration and the remedies to train."""

    configuration: str  # that failed
    codes: tuple[Outcome, ...]  # outcomes of its failed runs, and their causes
    case: Case
    remedies: tuple[Remedy, ...]
    given: dict[str, Any]  # options of `run_study` for the failed configuration and remedies that change only it
    apart: dict[str, dict[str, Any]]  # the same by remedy, for those that change the steps or the networks of a run
    suspect: dict[str, str] | None  # where to look before anything is trained, see `suspect_loss`


def remedies(
    run: Results | Path | str, *, configuration: str | None = None, out: Path | str | None = None, **how: Any
) -> Run:
    """Train the remedies for a configuration that failed over the same seeds, and return the run with them.

    The first configuration of the new run, `as_it_was`, is the one that failed. Each other configuration adds one
    remedy for its outcomes that it did not use yet. The run has a planned claim for each remedy, that it fails less
    often, with its intervals and a corrected p-value. Remedies that change the number of steps or the networks, which
    all configurations of a run share, are runs of their own, in folders of their names in the new run's. A second call
    continues all of them.

    Args:
      run: a finished run or its folder.
      configuration: the label of the failed configuration; by default the one with the most failures.
      out: the folder; by default remedies-LABEL in the run's folder, where LABEL is the configuration's label.
      how: options of `run_study`.

    Raises:
      OptionError: if there is no such configuration, no failed run, or no known remedy.
      StoreError: if there is no finished run.

    Example:
      >>> healed = jg.remedies("runs/0001-compare-digits", configuration="minimax")  # doctest: +SKIP
      >>> (~healed.failed).mean(axis=1)  # doctest: +SKIP
    """
    results = run if isinstance(run, Results) else load_run(run)
    trial = trial_of(results, configuration)
    if out is None:
        if results.folder is None:
            raise OptionError("out", "expected a folder for the remedies, because these results were not read from one")
        out = results.folder / f"remedies-{trial.configuration.replace(' ', '-')}"
    how = {"again": True, **how}
    folder = run_study("compare", trial.given, out=Path(out), **how)
    for name, given in trial.apart.items():
        run_study("compare", given, out=folder / name, **how)
    return load_run(folder)


def with_apart(found: Run, trial: Trial) -> Results:
    """Return the outcomes of all remedies, those that are configurations of the run and those in its folders."""
    assert found.folder is not None  # it was loaded
    runs = [found, *(load_run(found.folder / name) for name in trial.apart)]
    outcomes = [run.dataset[["outcome"]] for run in runs]
    return Results(xr.concat(outcomes, "configuration", "minimal", coords="minimal", compat="override", join="exact"))


def trial_of(results: Results, configuration: str | None = None) -> Trial:
    """Return what `remedies` trains.

    Raises:
      OptionError: if there is no such configuration, no failed run, or no known remedy.
    """
    label = _configuration(results, configuration)
    i = results.configurations.index(label)
    failed = results.failed[i]
    if not failed.any():
        raise OptionError("configuration", f"no run of {label} failed, so there is nothing to heal")
    config = from_stored(results.config["config"])
    case, codes = case_of(results, config, i), codes_of(results, i)
    found = remedies_for(results, case, i)
    if not found:
        names = ", ".join(code.name for code in codes)
        raise OptionError("configuration", f"there is no known remedy for {names} that {label} does not use already")
    changed = {one.name: new for one in found if (new := one.change(case)) is not None}
    among = {name: new for name, new in changed.items() if new.shared == case.shared}
    apart = {name: _options(config, {name: new}) for name, new in changed.items() if name not in among}
    given = _options(config, {BASE: case, **among})
    return Trial(label, tuple(codes), case, tuple(found), given, apart, suspect_loss(results, case, i))


def _configuration(results: Results, configuration: str | None) -> str:
    if configuration is None:
        return results.configurations[int(results.failed.sum(axis=1).argmax())]
    if configuration not in results.configurations:
        known = nearest(configuration, results.configurations)
        raise OptionError("configuration", f"there is no configuration {configuration!r}; {known}")
    return configuration


def _options(config: Config, cases: Mapping[str, Case]) -> dict[str, Any]:
    """Return the options of a run of these cases by label, which share what all configurations of a run have."""
    other = ("loss", "recipe", "set", "vary")
    given = {name: v for name, v in config.__dict__.items() if name not in other and v not in ("", None)}
    names: dict[str, list[str]] = {"loss": [], "recipe": []}
    texts = []
    for label, one in cases.items():
        own = split_label(one.loss)[1] if one.loss is not None else one.recipe
        names["recipe" if one.loss is None else "loss"].append(f"{label}={own}")
        texts += [f"{label}:{text}" for text in _texts(one)]
        if one.shared.steps is not None and one.shared.steps != config.steps:
            given["steps"] = one.shared.steps
            if config.evaluate_every == default_interval(config.steps):  # which follows the steps
                given.pop("evaluate_every", None)
        given["network"] = one.shared.network
    claims = tuple(f"failed: {name} > {BASE}" for name in cases if name != BASE and BASE in cases)
    return given | {name: tuple(each) for name, each in names.items()} | {"set": tuple(texts), "planned": claims,
                                                                         "stop": ()}  # fmt: skip


def _texts(case: Case) -> list[str]:
    """Return numeric settings as NAME=VALUE, and None where that is not the default; others keep their defaults."""
    library = case.recipe in catalogue.RECIPES  # the user's own code is not run before it is trusted
    known = known_settings(catalogue.find_recipe(case.recipe)) if library else {}
    return [setting_text(name, value) for name, value in case.settings.items()
            if is_number(value) or (value is None and known.get(name) is not None)]  # fmt: skip
