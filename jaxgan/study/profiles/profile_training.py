"""Profiles during training: ordinary studies with a probe of every loss's gradient and their own report."""

import dataclasses
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import jax

from jaxgan.diagnostics.gradients import gradient_probe
from jaxgan.report.profile.report import write_profile_report
from jaxgan.results import store
from jaxgan.results.results import Results
from jaxgan.runs.run import start
from jaxgan.study import catalogue
from jaxgan.study.build import Configuration, Program, Study
from jaxgan.study.config import Config
from jaxgan.study.execute import Task
from jaxgan.study.interrupted import continuing
from jaxgan.study.messages import OptionError
from jaxgan.study.planning import Others, own_probes, study_for
from jaxgan.study.profiles.frozen_generators import gradient_arrays
from jaxgan.study.profiles.paper import on_paper
from jaxgan.study.profiles.profile_config import (
    Kind,
    ProfileConfig,
    command_line,
    stored_profile,
)
from jaxgan.study.profiles.strength import strengths_from
from jaxgan.study.trust import check_trusted
from jaxgan.study.watching import Watched
from jaxgan.types import QUANTILES, Loss


def along_training(profile: ProfileConfig, losses: Mapping[str, Loss]) -> Task:
    """Return the task of a study with a probe of every loss's gradient and the report of a profile."""
    minibatches = profile.minibatches or 4

    def built(config: Config) -> Study:
        check_one(config)
        study = study_for(config, tuple(strengths_from(profile.d_strength)))
        for configuration in study.configurations.values():
            check_losses(study, configuration, losses)
        return with_code(study, profile)

    def others(study: Study) -> Others:
        own = own_probes(study)

        def watched(program: Program) -> dict[str, Watched]:
            configuration = study.configurations[program.labels[0]]
            probe = gradient_probe(
                configuration.algorithm.game,
                study.source.sample,
                losses,
                minibatches=minibatches,
                batch_size=configuration.batch_sizes.generator,
                saturated=profile.threshold,
            )
            return {"gradient": Watched(probe, gradient_arrays), **own(program)}

        return watched

    def finish(study: Study, results: Results) -> Results:
        metric = results.metrics[0]
        notes = {
            "metric": metric.label,
            "metric_higher_is_better": metric.higher_is_better,
            "yardsticks": metric.yardsticks,
            "minibatches": minibatches,
            "stopped": None,
        }
        names = {"loss": list(losses), "other_loss": list(losses), "layer": layer_names(study, losses)}
        return with_paper("train", profile, losses, results, study, names, notes)

    return Task(
        "profile",
        continuing("profile"),
        build=built,
        others=others,
        origin=partial(own_origin, "train", profile),
        finish=finish,
        report=write_profile_report,
        about=f"profile of {', '.join(losses)}: ",
    )


def with_code(study: Study, profile: ProfileConfig) -> Study:
    """Return the study with the names of the user's code that the profile uses added."""
    return study._replace(own_code=tuple(dict.fromkeys((*study.own_code, *own_code_of(profile)))))


def own_code_of(profile: ProfileConfig) -> tuple[str, ...]:
    """Return the names of the user's code that the profile uses."""
    return tuple(name for name in (*profile.loss, profile.d_loss) if ":" in name)


def continued_profile(given: Mapping[str, Any], out: Path | None, *, trust: bool) -> ProfileConfig:
    """Return the options of the profile in `out`; options that are given must be the same.

    Raises:
      OptionError: if there is no `out`, or an option differs from that of the started profile.
      StoreError: if `out` holds no profile during training.
    """
    if out is None:
        raise OptionError("resume", "got no --out, expected the folder of the run to continue")
    content = store.read_config(out)
    if content.get("kind") != "train":
        raise store.StoreError(f"--resume: {out} holds no profile along training, which alone can be continued")
    check_trusted(content, out, trust=trust)
    stored = stored_profile(content["profile"])
    for name, value in given.items():
        if value not in (None, ()) and value != (then := getattr(stored, name)):
            raise OptionError(name, f"got {value}, but the run in {out} was started with {then}; leave it out")
    return stored


def losses_by_name(names: tuple[str, ...]) -> dict[str, Loss]:
    """Return the losses to measure, by their names in the results."""
    found = {catalogue.slug(name): catalogue.find_loss(name) for name in names}
    if len(found) < len(names):
        raise OptionError("loss", f"got two of one name: {', '.join(names)}; rename one in its file")
    return found


def with_paper(
    kind: Kind,
    profile: ProfileConfig,
    losses: Mapping[str, Loss],
    results: Results,
    study: Study | None,
    coordinates: Mapping[str, Any] | None = None,
    notes: Mapping[str, Any] | None = None,
) -> Results:
    """The results with the losses on paper beside, and what the report of a profile reads."""
    variables, about = on_paper(losses, profile.threshold)
    dataset = results.dataset.assign(variables)
    dataset = dataset.assign_coords({"logit": variables["paper_logits"].values, **(coordinates or {})})
    own = {"kind": kind, "about": about, "threshold": profile.threshold, "quantiles": QUANTILES}
    trained = {} if study is None else _trained(study)
    return dataclasses.replace(results, dataset=dataset, notes={**results.notes, **(notes or {}), **own, **trained})


def own_origin(kind: Kind, profile: ProfileConfig, study: Study | None = None) -> dict[str, Any]:
    """Return the entries of a profile's config.json in addition to those of every study."""
    command = command_line(kind, profile, None if study is None else study.config)
    return {"kind": kind, "command": command, "profile": dataclasses.asdict(profile)}


def check_one(config: Config) -> None:
    """Raise OptionError unless generators are trained with one loss or one recipe."""
    if len(config.loss + config.recipe) > 1:
        raise OptionError("recipe", f"got {', '.join(config.loss + config.recipe)}, expected one")


def check_losses(study: Study, configuration: Configuration, losses: Mapping[str, Loss]) -> None:
    """Trace a measurement of each loss separately, so that the error names the loss that does not fit."""
    algorithm, sample = configuration.algorithm, study.source.sample
    for name, loss in losses.items():
        probe = gradient_probe(algorithm.game, sample, {name: loss}, batch_size=configuration.batch_sizes.generator)
        try:
            jax.eval_shape(lambda key, probe=probe: probe(key, start(algorithm, sample, key)), study.keys[0])
        except (TypeError, ValueError) as error:
            raise OptionError("loss", f"{name}: {error}") from error


def layer_names(study: Study, losses: Mapping[str, Loss]) -> list[str]:
    """Return the names of the generator's layers, in the order of `Gradients.layers`."""
    configuration = next(iter(study.configurations.values()))
    algorithm, sample = configuration.algorithm, study.source.sample
    probe = gradient_probe(algorithm.game, sample, losses, batch_size=configuration.batch_sizes.generator)
    return list(jax.eval_shape(lambda key: probe(key, start(algorithm, sample, key)), study.keys[0]).layers)


def steps_per_epoch(study: Study) -> float | None:
    """Return the steps in which the discriminator draws as many real examples as there are; None for unlimited data."""
    configuration = next(iter(study.configurations.values()))
    if study.source.size is None:
        return None
    return study.source.size / configuration.batch_sizes.real / configuration.d_steps


def _trained(study: Study) -> dict[str, Any]:
    label = (study.config.loss + study.config.recipe)[0]
    configuration = next(iter(study.configurations.values()))
    return {
        "data": study.source.name,
        "trained": catalogue.slug(label),
        "steps": study.config.steps,
        "batch": configuration.batch_sizes.generator,
        "steps_per_epoch": steps_per_epoch(study),
    }
