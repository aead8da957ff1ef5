"""The job behind `profile`: what losses tell the generator, on paper, in training, or against frozen generators."""

import dataclasses
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxgan.diagnostics.gradients import gradient_probe
from jaxgan.report.profile.report import write_profile_report
from jaxgan.report.profile.tables import markdown, tables
from jaxgan.results import store
from jaxgan.results.profile_store import ProfileRun, load_profile, write_profile
from jaxgan.runs.placement import Placement
from jaxgan.runs.run import start
from jaxgan.study import catalogue, compilation, provenance, resources
from jaxgan.study.along_training import measure_training
from jaxgan.study.build import Study, build
from jaxgan.study.config import Config, OptionError, configure
from jaxgan.study.execute import absolute, file_digests, input_digests
from jaxgan.study.frozen_generators import Rule, measure_frozen, rules_for
from jaxgan.study.paper import on_paper
from jaxgan.study.profile_config import NOT_FROZEN, Kind, Wanted, ages_in_steps, command_line, wanted_from
from jaxgan.study.strength import skills_from
from jaxgan.study.training import Say
from jaxgan.types import QUANTILES, BatchSizes, Loss


class Job(NamedTuple):
    """A profile's options turned into functions."""

    wanted: Wanted
    losses: dict[str, Loss]  # by short name
    studies: dict[str, Study]  # by skill, the base first; none on paper
    rules: dict[str, Rule]  # of discriminators from scratch, by skill
    ages: tuple[int, ...]
    placement: Placement
    progress: bool
    say: Say


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
    say: Say = print,
) -> Path:
    """Measures and reports; returns the folder that holds everything.

    `given` are options of `Wanted`, `training` those of `Config` by which generators are trained. Nothing is written
    before everything that can be checked has been.

    Raises:
      OptionError, DataError, StoreError: one line each, before anything is compiled.
      KeyboardInterrupt: Ctrl-C before there was anything to report.
    """
    clock = time.perf_counter()
    given = given | {"loss": _absolute(given.get("loss"))}
    given |= {"d_loss": next(iter(_absolute(given.get("d_loss") and (given["d_loss"],))), None)}
    wanted = wanted_from(kind, given)
    if kind == "paper" and (extra := [name for name, value in training.items() if value not in (None, ())]):
        raise OptionError(extra[0], "is for --train and --frozen; add one of them, or leave it out")
    if kind == "frozen" and (extra := [name for name in NOT_FROZEN if training.get(name) is not None]):
        raise OptionError(extra[0], "is for --train; generators are trained to their --ages here, leave it out")
    losses = _losses(wanted.loss)
    config: Config | None = None
    studies: dict[str, Study] = {}
    ages: tuple[int, ...] = ()
    rules: dict[str, Rule] = {}
    placement = resources.start(1 if kind == "paper" else training.get("seeds") or 8, on)
    if kind != "paper":
        config = configure(_trained_with(absolute(training)), gentle=gentle)
        if keep_programs:
            compilation.keep_programs()
        if len(config.recipe or config.loss) > 1:
            raise OptionError("recipe", f"got {', '.join(config.recipe)}, expected one")
        skills = {skill.name: skill for skill in skills_from(wanted.d_skill)}
        # Against frozen generators a skill is that of the discriminators from scratch alone.
        studies = {name: build(config, skill) for name, skill in skills.items() if kind == "train" or name == "base"}
        base = studies["base"]
        if kind == "frozen":
            ages = ages_in_steps(_split(wanted.ages), steps_per_epoch(base))
            rules = rules_for(base, wanted, generator_batch(base))
        for study in studies.values():
            _try(study, losses)
    if out is not None:
        store.check_out(out, overwrite=overwrite)
    job = Job(wanted, losses, studies, rules, ages, placement, progress, say)
    name = "profile" if config is None else f"profile-{kind}-{catalogue.slug(Path(config.data).stem)}"
    folder = store.claim(out, Path("runs"), name, overwrite=overwrite)
    store.write_json(folder / "config.json", _origin(kind, wanted, config, studies))
    say(f"profile of {', '.join(losses)}; everything goes to {folder}")
    write_profile(folder, _measure(kind, job, config, clock))
    report(folder)
    return folder


def report(folder: Path) -> None:
    """What is made of a profile's arrays; making it again changes nothing."""
    run = load_profile(folder)
    store.write_json(folder / "table.json", tables(run))
    (folder / "table.md").write_text(markdown(run), encoding="utf-8")
    write_profile_report(folder)


def steps_per_epoch(study: Study) -> float | None:
    """Steps in which the discriminator draws as many real examples as there are; None where there is no such number."""
    if study.source.size is None:
        return None
    sizes, d_steps = generator_batch(study), 1
    full = {"d_steps": study.config.d_steps} | next(iter(study.settings.values()), {})
    if isinstance(full.get("d_steps"), int):
        d_steps = full["d_steps"]
    return study.source.size / sizes.real / d_steps


def generator_batch(study: Study) -> BatchSizes:
    """The batch sizes of the trained algorithm."""
    config = study.config
    if study.settings:
        size = next(iter(study.settings.values())).get("batch_size", 64)
        return BatchSizes(*size) if isinstance(size, list) else BatchSizes(size, size, size)
    assert config.batch_size and config.fake_batch_size and config.generator_batch_size  # they have defaults
    return BatchSizes(config.batch_size, config.fake_batch_size, config.generator_batch_size)


def _measure(kind: Kind, job: Job, config: Config | None, clock: float) -> ProfileRun:
    arrays, about = on_paper(job.losses, job.wanted.threshold)
    notes: dict[str, Any] = {
        "kind": kind,
        "about": about,
        "threshold": job.wanted.threshold,
        "quantiles": QUANTILES,
    }
    skills: tuple[str, ...] = ()
    if config is not None:
        study = job.studies["base"]
        notes |= {
            "data": study.source.name,
            "trained": next(iter(study.algorithms)),
            "steps": config.steps,
            "batch": generator_batch(study).generator,
            "steps_per_epoch": steps_per_epoch(study),
        }
        batch = generator_batch(study).generator
        how: dict[str, Any] = {"progress": job.progress, "say": job.say}
        if kind == "train":
            found = measure_training(job.studies, job.losses, job.wanted, batch, job.placement, **how)
        else:
            found = measure_frozen(study, job.rules, job.losses, job.wanted, job.ages, batch, job.placement, **how)
        arrays |= found[0]
        notes |= found[1]
        skills = tuple(notes.pop("skills"))
    notes["seconds"] = round(time.perf_counter() - clock, 1)
    seeds = np.arange(config.seeds if config is not None else 0)
    return ProfileRun({}, tuple(job.losses), seeds, skills, job.ages, notes, arrays)


def _absolute(names: tuple[str, ...] | None) -> tuple[str, ...]:
    return absolute({"loss": names})["loss"] or ()


def _losses(names: tuple[str, ...]) -> dict[str, Loss]:
    found = {catalogue.slug(name): catalogue.find_loss(name) for name in names}
    if len(found) < len(names):
        raise OptionError("loss", f"got two of one name: {', '.join(names)}")
    return found


def _trained_with(training: dict[str, Any]) -> dict[str, Any]:
    """What the generators are trained with: one loss, the practical one by default, or one recipe."""
    given = {name: value for name, value in training.items() if value not in (None, ())}
    if "recipe" in given:
        if "loss" in given:
            raise OptionError("recipe", "comes with a loss of its own; leave --train-loss out")
        return given
    return {"loss": ("non_saturating",)} | given


def _split(texts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(part.strip() for text in texts for part in text.split(",") if part.strip())


def _try(study: Study, losses: Mapping[str, Loss]) -> None:
    """Traces a look at every loss by itself, so that what does not fit is named."""
    algorithm = next(iter(study.algorithms.values()))
    batch = generator_batch(study).generator
    for name, loss in losses.items():
        probe = gradient_probe(algorithm.game, study.source.sample, {name: loss}, batch_size=batch)
        try:
            jax.eval_shape(
                lambda key, probe=probe: probe(start(algorithm, study.source.sample, key), key), study.keys[0]
            )
        except (TypeError, ValueError) as error:
            raise OptionError("loss", f"{name}: {error}") from error


def _origin(kind: Kind, wanted: Wanted, config: Config | None, studies: dict[str, Study]) -> dict[str, Any]:
    study = next(iter(studies.values()), None)
    return {
        "job": "profile",
        "kind": kind,
        "command": command_line(kind, wanted, config),
        "wanted": dataclasses.asdict(wanted),
        "config": None if config is None else dataclasses.asdict(config),
        "settings": {} if study is None else study.settings,
        "inputs": file_digests((*wanted.loss, wanted.d_loss)) | ({} if study is None else input_digests(study)),
        "versions": provenance.versions(),
        "commit": provenance.commit(),
        **provenance.device(),
        "key": None if config is None else config.key,
    }
