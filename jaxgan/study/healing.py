"""Train a configuration that failed and its remedies over the same seeds, as one ordinary run."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from jaxgan.diagnostics.outcomes import Outcome
from jaxgan.report.run.healed import BASE
from jaxgan.results.results import Results
from jaxgan.study.advice import case_of, codes_of
from jaxgan.study.compare import run_study
from jaxgan.study.config import Config, from_stored
from jaxgan.study.generate import Run, load_run
from jaxgan.study.messages import OptionError, nearest
from jaxgan.study.remedies import Case, Remedy, suggested


class Trial(NamedTuple):
    """The configuration and the remedies to train."""

    configuration: str  # that failed
    codes: tuple[Outcome, ...]  # outcomes of its failed runs, and their causes
    case: Case
    remedies: tuple[Remedy, ...]
    given: dict[str, Any]  # options for `run_study`


def remedies(
    run: Results | Path | str, *, configuration: str | None = None, out: Path | str | None = None, **how: Any
) -> Run:
    """Train the remedies for a configuration that failed over the same seeds, and return the run with all of them.

    The first configuration of the new run, `as_it_was`, is the one that failed. Each other configuration adds one
    remedy for its outcomes that it did not use yet. The run has a planned claim for each remedy, that it fails less
    often, with its intervals and a corrected p-value. A second call continues the run.

    Args:
      run: a finished run or its folder.
      configuration: the label of the failed configuration; by default the one with the most failures.
      out: the folder; by default remedies-LABEL in the run's folder, where LABEL is the configuration's label.
      how: options of `run_study`.

    Raises:
      OptionError: if there is no such configuration, no failed run, or no known remedy.
      StoreError: if there is no finished run.

    Example:
      >>> healed = remedies("runs/0001-compare-digits", configuration="minimax")  # doctest: +SKIP
      >>> (~healed.failed).mean(axis=1)  # doctest: +SKIP
    """
    results = run if isinstance(run, Results) else load_run(run)
    trial = trial_of(results, configuration)
    if out is None:
        if results.folder is None:
            raise OptionError("out", "expected a folder for the remedies, because these results were not read from one")
        out = results.folder / f"remedies-{trial.configuration.replace(' ', '-')}"
    return load_run(run_study("compare", trial.given, out=Path(out), **{"again": True, **how}))


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
    case, codes = case_of(results, config, label), codes_of(results, i)
    found = suggested(case, codes)
    if not found:
        names = ", ".join(code.name for code in codes)
        raise OptionError("configuration", f"there is no known remedy for {names} that {label} does not use already")
    return Trial(label, tuple(codes), case, tuple(found), _options(config, case, found))


def _configuration(results: Results, configuration: str | None) -> str:
    if configuration is None:
        return results.configurations[int(results.failed.sum(axis=1).argmax())]
    if configuration not in results.configurations:
        known = nearest(configuration, results.configurations)
        raise OptionError("configuration", f"there is no configuration {configuration!r}; {known}")
    return configuration


def _options(config: Config, case: Case, found: list[Remedy]) -> dict[str, Any]:
    """Return the options for a run of the case and each remedy, each under its own label."""
    other = ("loss", "recipe", "set", "vary")
    given = {name: v for name, v in config.__dict__.items() if name not in other and v not in ("", None)}
    cases = {BASE: case} | {one.name: changed for one in found if (changed := one.change(case)) is not None}
    names: dict[str, list[str]] = {"loss": [], "recipe": []}
    texts = []
    for label, one in cases.items():
        own = one.loss.rpartition("=")[2] if one.loss is not None else one.recipe
        names["recipe" if one.loss is None else "loss"].append(f"{label}={own}")
        texts += [f"{label}:{text}" for text in _texts(one.settings)]
    claims = tuple(f"failed: {one.name} > {BASE}" for one in found)
    return given | {name: tuple(each) for name, each in names.items()} | {"set": tuple(texts), "planned": claims,
                                                                         "stop": ()}  # fmt: skip


def _texts(settings: Mapping[str, Any]) -> list[str]:
    """Return numeric settings as NAME=VALUE; the others keep the recipe's defaults."""
    found = []
    for name, value in settings.items():
        if name == "batch_size" and isinstance(value, list):  # as `BatchSizes` are stored
            found.append(f"{name}={tuple(value)}")
        elif isinstance(value, bool | int | float):
            found.append(f"{name}={value}")
    return found
