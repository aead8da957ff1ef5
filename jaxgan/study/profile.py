"""The job behind `profile`: what losses tell the generator, on paper, in training, or against frozen generators.

Along training it is a study as any other, with a probe of gradients beside the metrics and another report.
"""

import dataclasses
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import xarray as xr

from jaxgan.diagnostics.gradients import gradient_probe
from jaxgan.report.profile.report import write_profile_report
from jaxgan.results import store
from jaxgan.results.files import write_json
from jaxgan.results.results import SCHEMA, Results
from jaxgan.runs.placement import Placement
from jaxgan.runs.run import start
from jaxgan.study import catalogue, compilation, inputs, processes, provenance, resources
from jaxgan.study.build import Configuration, Study
from jaxgan.study.config import configure
from jaxgan.study.execute import Others, Plan, giving_up, measured, origin_of, own_probes, plan_for, study_for
from jaxgan.study.frozen_generators import Rule, gradient_arrays, measure_frozen, rules_for
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
)
from jaxgan.study.strength import strengths_from
from jaxgan.study.training import Block, Job, Log, Watched
from jaxgan.types import QUANTILES, Loss


def run_profile(
    kind: Kind,
    given: dict[str, Any],
    training: dict[str, Any],
    *,
    out: Path | None = None,
    overwrite: bool = False,
    gentle: bool = False,
    on: resources.Resources = resources.ALL,
    keep_programs: bool = False,
    progress: bool = True,
    log: Log = print,
) -> Path:
    """Measures and reports; returns the folder that holds everything.

    Nothing is written before everything that can be checked has been.

    Args:
      kind: `paper`, `train` or `frozen`.
      given: options of `ProfileConfig`.
      training: options of `Config` by which generators are trained.
      out: the folder; by default the next number under runs/.
      overwrite: whether a run in `out` may be replaced.
      gentle: slower learning over more steps.
      on: devices.
      keep_programs: turns on JAX's compile cache.
      progress: whether bars are drawn on a terminal.
      log: called with each line of progress.

    Raises:
      OptionError, DataError, StoreError: one line each, before anything is compiled.
      KeyboardInterrupt: Ctrl-C before there was anything to report.
    """
    profile = _checked(kind, given, training)
    losses = _losses(profile.loss)
    if out is not None:
        store.check_out(out, overwrite=overwrite)
    if kind == "paper":
        origin = _origin(kind, profile)
        folder = store.claim(out, Path("runs"), "profile", overwrite=overwrite)
        write_json(folder / "config.json", origin)
        log(f"profile of {', '.join(losses)}; everything goes to {folder}")
        variables, notes = on_paper(losses, profile.threshold)
        dataset = xr.Dataset(variables, coords={"loss": list(losses), "logit": variables["paper_logits"].values})
        return _finish(folder, Results(dataset, (), origin, _notes(kind, profile, notes)))
    clock = time.perf_counter()
    config = configure(_trained_with(kind, training), gentle=gentle, points=inputs.holds_points(training))
    if len(config.loss + config.recipe) > 1:
        raise OptionError("recipe", f"got {', '.join(config.loss + config.recipe)}, expected one")
    strengths = tuple(strengths_from(profile.d_strength))
    placement = resources.start(config.seeds, on)
    if keep_programs:
        compilation.keep_programs()
    # Against frozen generators a strength is that of the discriminators from scratch alone.
    study = study_for(config, strengths if kind == "train" else strengths[:1])
    own = own_probes(config)
    for configuration in study.configurations.values():
        _try(study, configuration, losses)
    ages: tuple[int, ...] = ()
    rules: dict[str, Rule] = {}
    if kind == "frozen":
        ages = ages_in_steps(_split(profile.ages), steps_per_epoch(study))
        rules = rules_for(study, profile, strengths)
    plan = plan_for(study, placement, log) if kind == "train" else None
    name = f"profile-{kind}-{catalogue.slug(Path(config.data).stem)}"
    folder = store.claim(out, Path("runs"), name, overwrite=overwrite)
    origin = _origin(kind, profile, study, placement)
    write_json(folder / "config.json", origin)
    inputs.keep_copies(folder, study)
    log(f"profile of {', '.join(losses)}; everything goes to {folder}")
    job = Job(study, folder, f"profile --{kind}", progress, log)
    if plan is not None:
        results = _along_training(job, plan, profile, losses, own)
    else:
        results = measure_frozen(job, rules, losses, profile, ages, placement)
    variables, about = on_paper(losses, profile.threshold)
    dataset = results.dataset.assign(variables).assign_coords(logit=variables["paper_logits"].values)
    notes = (
        results.notes
        | _notes(kind, profile, about)
        | _trained(study)
        | {"seconds": round(time.perf_counter() - clock, 1)}
    )
    return _finish(folder, dataclasses.replace(results, dataset=dataset, config=origin, notes=notes))


def _along_training(job: Job, plan: Plan, profile: ProfileConfig, losses: Mapping[str, Loss], own: Others) -> Results:
    def others(configuration: Configuration) -> dict[str, Watched]:
        probe = gradient_probe(
            configuration.algorithm.game,
            plan.study.source.sample,
            losses,
            minibatches=profile.minibatches or 4,
            batch_size=configuration.batch_sizes.generator,
            saturated=profile.threshold,
        )
        return {"gradient": Watched(probe, gradient_arrays), **own(configuration)}

    with giving_up(job):
        results = measured(job, plan, others)
    assert results is not None  # one process does all
    metric = results.metrics[0]
    notes = results.notes | {
        "metric": metric.label,
        "metric_higher_is_better": metric.higher_is_better,
        "yardsticks": metric.yardsticks,
        "minibatches": profile.minibatches or 4,
        "stopped": None,
    }
    layers = layer_names(plan.study, losses)
    coordinates = {"loss": list(losses), "other_loss": list(losses), "layer": layers}
    return dataclasses.replace(results, dataset=results.dataset.assign_coords(coordinates), notes=notes)


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


def _checked(kind: Kind, given: dict[str, Any], training: dict[str, Any]) -> ProfileConfig:
    named = inputs.absolute({"loss": given.get("loss"), "recipe": given.get("d_loss") and (given["d_loss"],)})
    given = given | {"loss": named["loss"] or ()}
    given |= {"d_loss": next(iter(named["recipe"] or ()), None)}
    profile = profile_from(kind, given)
    extra = [name for name, value in training.items() if value not in (None, ())]
    if kind == "paper" and extra:
        raise OptionError(extra[0], "is for --train and --frozen; add one of them, or leave it out")
    if kind == "frozen" and (extra := [name for name in NOT_FROZEN if training.get(name) not in (None, ())]):
        raise OptionError(extra[0], "is for --train; generators are trained to their --ages here, leave it out")
    return profile


def _losses(names: tuple[str, ...]) -> dict[str, Loss]:
    found = {catalogue.slug(name): catalogue.find_loss(name) for name in names}
    if len(found) < len(names):
        raise OptionError("loss", f"got two of one name: {', '.join(names)}; rename one in its file")
    return found


def _trained_with(kind: Kind, training: dict[str, Any]) -> dict[str, Any]:
    """What the generators are trained with: one loss, the practical one by default, or one recipe."""
    given = {name: value for name, value in inputs.absolute(training).items() if value not in (None, ())}
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


def _notes(kind: Kind, profile: ProfileConfig, about: dict[str, Any]) -> dict[str, Any]:
    return {"kind": kind, "about": about, "threshold": profile.threshold, "quantiles": QUANTILES}


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


def _origin(
    kind: Kind, profile: ProfileConfig, study: Study | None = None, placement: Placement | None = None
) -> dict[str, Any]:
    own = {
        "kind": kind,
        "command": command_line(kind, profile, None if study is None else study.config),
        "profile": dataclasses.asdict(profile),
    }
    if study is not None and placement is not None:
        return origin_of("profile", study, placement, (Block(0, study.config.seeds - 1),)) | own
    return {"schema": SCHEMA, "job": "profile", **own, **provenance.provenance()}


def _finish(folder: Path, results: Results) -> Path:
    store.write_run(folder, results)
    if processes.leads():
        write_profile_report(folder)
    return folder
