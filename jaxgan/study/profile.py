"""The job behind `profile`: what losses tell the generator, on paper, in training, or against frozen generators.

Along training it is a study as any other, with a probe of gradients beside the metrics and another report.
"""

import dataclasses
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import jax
import xarray as xr

from jaxgan.diagnostics.gradients import gradient_probe
from jaxgan.report.profile.report import write_profile_report
from jaxgan.results import store
from jaxgan.results.files import write_json
from jaxgan.results.results import SCHEMA, Results
from jaxgan.runs.run import start
from jaxgan.study import catalogue, compilation, inputs, processes, provenance, resources
from jaxgan.study.build import Configuration, Study
from jaxgan.study.config import Config, configure
from jaxgan.study.execute import Others, Task, conduct, origin_of, own_probes, study_for
from jaxgan.study.frozen_generators import gradient_arrays, measure_frozen, rules_for
from jaxgan.study.messages import OptionError
from jaxgan.study.paper import on_paper
from jaxgan.study.profile_config import (
    EVERY,
    NOT_FROZEN,
    Kind,
    ProfileConfig,
    ages_in_steps,
    command_line,
    profile_from,
    stored_profile,
)
from jaxgan.study.strength import BASE, strengths_from
from jaxgan.study.training import Job, Say, Watched, all_seeds
from jaxgan.types import QUANTILES, Loss


def run_profile(
    kind: Kind,
    given: dict[str, Any],
    training: dict[str, Any],
    *,
    out: Path | None = None,
    overwrite: bool = False,
    resume: bool = False,
    gentle: bool = False,
    on: resources.Resources = resources.ALL,
    keep_programs: bool = False,
    progress: bool = True,
    say: Say = print,
) -> Path:
    """Measures and reports; returns the folder that holds everything.

    Nothing is written before everything that can be checked has been.

    Args:
      kind: `paper`, `train` or `frozen`.
      given: options of `ProfileConfig`.
      training: options of `Config` by which generators are trained.
      out: the folder; by default the next number under runs/.
      overwrite: whether a run in `out` may be replaced.
      resume: continue the profile along training in `out`, to more steps or seeds where `training` has more.
      gentle: slower learning over more steps.
      on: devices.
      keep_programs: turns on JAX's compile cache.
      progress: whether bars are drawn on a terminal.
      say: is told what is going on, a line at a time.

    Raises:
      OptionError, DataError, StoreError: one line each, before anything is compiled.
      Interrupted: Ctrl-C along training; the folder can be resumed.
      KeyboardInterrupt: Ctrl-C before there was anything to report.
    """
    if resume and kind != "train":
        raise OptionError("resume", "is for --train; add that, or leave it out")
    given = _absolute(given)
    profile = continued_profile(given, out) if resume else profile_from(kind, given)
    _check_training(kind, training)
    losses = losses_by_name(profile.loss)
    if kind == "paper":
        return _on_paper(profile, losses, out, overwrite, say)
    trained = training if resume else _trained_with(kind, training)
    how: dict[str, Any] = {
        "out": out,
        "overwrite": overwrite,
        "gentle": gentle,
        "on": on,
        "keep_programs": keep_programs,
        "progress": progress,
        "say": say,
    }
    if kind == "train":
        return conduct(along_training(profile, losses), trained, resume=resume, **how)
    return _against_frozen(profile, losses, trained, **how)


def along_training(profile: ProfileConfig, losses: Mapping[str, Loss]) -> Task:
    """A study with a probe of every loss's gradient, and a report of its own."""
    minibatches = profile.minibatches or 4

    def built(config: Config) -> Study:
        _check_one(config)
        study = study_for(config, tuple(strengths_from(profile.d_strength)))
        for configuration in study.configurations.values():
            _try(study, configuration, losses)
        return study

    def others(study: Study) -> Others:
        own = own_probes(study)

        def watched(configuration: Configuration) -> dict[str, Watched]:
            probe = gradient_probe(
                configuration.algorithm.game,
                study.source.sample,
                losses,
                minibatches=minibatches,
                batch_size=configuration.batch_sizes.generator,
                saturated=profile.threshold,
            )
            return {"gradient": Watched(probe, gradient_arrays), **own(configuration)}

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
        return _with_paper("train", profile, losses, results, study, names, notes)

    return Task(
        "profile",
        "profile --train",
        build=built,
        others=others,
        origin=partial(_own_origin, "train", profile),
        finish=finish,
        report=write_profile_report,
        about=f"profile of {', '.join(losses)}: ",
    )


def _on_paper(profile: ProfileConfig, losses: Mapping[str, Loss], out: Path | None, overwrite: bool, say: Say) -> Path:
    if out is not None:
        store.check_out(out, overwrite=overwrite)
    origin = {"schema": SCHEMA, "job": "profile", **_own_origin("paper", profile), **provenance.provenance()}
    folder = store.claim(out, Path("runs"), "profile", overwrite=overwrite)
    write_json(folder / "config.json", origin)
    say(f"profile of {', '.join(losses)}; everything goes to {folder}")
    results = _with_paper("paper", profile, losses, Results(xr.Dataset(), (), origin), None, {"loss": list(losses)})
    return _finish(folder, results)


def _against_frozen(
    profile: ProfileConfig,
    losses: Mapping[str, Loss],
    trained: dict[str, Any],
    *,
    out: Path | None,
    overwrite: bool,
    gentle: bool,
    on: resources.Resources,
    keep_programs: bool,
    progress: bool,
    say: Say,
) -> Path:
    clock = time.perf_counter()
    if out is not None:
        store.check_out(out, overwrite=overwrite)
    trained = inputs.absolute(trained)
    config = configure(trained, gentle=gentle, points=inputs.holds_points(trained))
    _check_one(config)
    placement = resources.start(config.seeds, on)
    if keep_programs:
        compilation.keep_programs()
    study = study_for(config, (BASE,))  # a strength is that of the discriminators from scratch alone
    _try(study, next(iter(study.configurations.values())), losses)
    ages = ages_in_steps(_split(profile.ages), steps_per_epoch(study))
    rules = rules_for(study, profile, tuple(strengths_from(profile.d_strength)))
    folder = store.claim(
        out, Path("runs"), f"profile-frozen-{catalogue.slug(Path(config.data).stem)}", overwrite=overwrite
    )
    origin = origin_of("profile", study, placement, (all_seeds(config),)) | _own_origin("frozen", profile, study)
    write_json(folder / "config.json", origin)
    inputs.keep_copies(folder, study)
    say(f"profile of {', '.join(losses)}; everything goes to {folder}")
    job = Job(study, folder, "profile --frozen", progress, say)
    found = measure_frozen(job, rules, losses, profile, ages, placement)
    results = _with_paper("frozen", profile, losses, dataclasses.replace(found, config=origin), study)
    notes = results.notes | {"seconds": round(time.perf_counter() - clock, 1)}
    return _finish(folder, dataclasses.replace(results, notes=notes))


def _with_paper(
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


def layer_names(study: Study, losses: Mapping[str, Loss]) -> list[str]:
    """The names of the generator's layers, in the order of `Gradients.layers`."""
    algorithm = next(iter(study.configurations.values())).algorithm
    sample = study.source.sample
    probe = gradient_probe(algorithm.game, sample, losses, batch_size=2)
    return list(jax.eval_shape(lambda key: probe(start(algorithm, sample, key), key), study.keys[0]).layers)


def steps_per_epoch(study: Study) -> float | None:
    """Steps in which the discriminator draws as many real examples as there are; None where there is no such number."""
    configuration = next(iter(study.configurations.values()))
    if study.source.size is None:
        return None
    return study.source.size / configuration.batch_sizes.real / configuration.d_steps


def continued_profile(given: Mapping[str, Any], out: Path | None) -> ProfileConfig:
    """What the profile along training in `out` measures; what is given has to be the same.

    Raises:
      OptionError: no `out`, or an option that differs from what the profile was started with.
      StoreError: no profile along training.
    """
    if out is None:
        raise OptionError("resume", "got no --out, expected the folder of the run to continue")
    content = store.read_config(out)
    if content.get("kind") != "train":
        raise store.StoreError(f"--resume: {out} holds no profile along training, which alone can be continued")
    stored = stored_profile(content["profile"])
    for name, value in given.items():
        if value not in (None, ()) and value != (then := getattr(stored, name)):
            raise OptionError(name, f"got {value}, but the run in {out} was started with {then}; leave it out")
    return stored


def _absolute(given: dict[str, Any]) -> dict[str, Any]:
    named = inputs.absolute({"loss": given.get("loss"), "recipe": given.get("d_loss") and (given["d_loss"],)})
    return given | {"loss": named["loss"] or (), "d_loss": next(iter(named["recipe"] or ()), None)}


def _check_training(kind: Kind, training: Mapping[str, Any]) -> None:
    extra = [name for name, value in training.items() if value not in (None, ())]
    if kind == "paper" and extra:
        raise OptionError(extra[0], "is for --train and --frozen; add one of them, or leave it out")
    if kind == "frozen" and (extra := [name for name in NOT_FROZEN if name in extra]):
        raise OptionError(extra[0], "is for --train; generators are trained to their --ages here, leave it out")


def _check_one(config: Config) -> None:
    if len(config.loss + config.recipe) > 1:
        raise OptionError("recipe", f"got {', '.join(config.loss + config.recipe)}, expected one")


def losses_by_name(names: tuple[str, ...]) -> dict[str, Loss]:
    """The losses to measure, by the names that results have for them."""
    found = {catalogue.slug(name): catalogue.find_loss(name) for name in names}
    if len(found) < len(names):
        raise OptionError("loss", f"got two of one name: {', '.join(names)}; rename one in its file")
    return found


def _trained_with(kind: Kind, training: dict[str, Any]) -> dict[str, Any]:
    """What the generators are trained with: one loss, the practical one by default, or one recipe."""
    given = {name: value for name, value in training.items() if value not in (None, ())}
    if "recipe" in given and "loss" in given:
        raise OptionError("recipe", "and --train-loss are two ways to train; give one of them")
    if "recipe" not in given:
        given = {"loss": ("non_saturating",)} | given
    return ({"evaluate_every": EVERY} if kind == "train" else {}) | given


def _split(texts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(part.strip() for text in texts for part in text.split(",") if part.strip())


def _try(study: Study, configuration: Configuration, losses: Mapping[str, Loss]) -> None:
    """Traces a measurement of every loss by itself, so that what does not fit is named."""
    algorithm, sample = configuration.algorithm, study.source.sample
    for name, loss in losses.items():
        probe = gradient_probe(algorithm.game, sample, {name: loss}, batch_size=configuration.batch_sizes.generator)
        try:
            jax.eval_shape(lambda key, probe=probe: probe(start(algorithm, sample, key), key), study.keys[0])
        except (TypeError, ValueError) as error:
            raise OptionError("loss", f"{name}: {error}") from error


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


def _own_origin(kind: Kind, profile: ProfileConfig, study: Study | None = None) -> dict[str, Any]:
    """What config.json holds of a profile beside what it holds of every study."""
    command = command_line(kind, profile, None if study is None else study.config)
    return {"kind": kind, "command": command, "profile": dataclasses.asdict(profile)}


def _finish(folder: Path, results: Results) -> Path:
    store.write_run(folder, results)
    if processes.leads():
        write_profile_report(folder)
    return folder
