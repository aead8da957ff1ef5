"""Run the job of `profile`: measure gradients of losses without training, during training, or on frozen generators.

A profile during training is an ordinary study with an additional probe of gradients and a different report.
"""

import dataclasses
import shlex
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import xarray as xr

from jaxgan.report.profile.report import write_profile_report
from jaxgan.results import store
from jaxgan.results.claim import RunFolder, check_out
from jaxgan.results.results import SCHEMA, Results
from jaxgan.stopping import Stopping, stoppable
from jaxgan.study import catalogue, inputs, provenance
from jaxgan.study.blocks import blocks_for
from jaxgan.study.config import configure
from jaxgan.study.distributed import resources
from jaxgan.study.execute import How, conduct, started
from jaxgan.study.folder import RUNS, complete, new_folder, origin_of
from jaxgan.study.job import Job, Log
from jaxgan.study.messages import OptionError
from jaxgan.study.needs import Needs, check_needs, needs_of
from jaxgan.study.planning import study_for
from jaxgan.study.profiles.frozen_generators import frozen_needs, measure_frozen, rules_for
from jaxgan.study.profiles.profile_config import (
    EVERY,
    NOT_FROZEN,
    Kind,
    ProfileConfig,
    ages_in_steps,
    profile_from,
)
from jaxgan.study.profiles.profile_training import (
    along_training,
    check_losses,
    check_one,
    continued_profile,
    losses_by_name,
    own_code_of,
    own_origin,
    steps_per_epoch,
    with_code,
    with_paper,
)
from jaxgan.study.profiles.strength import BASE, strengths_from
from jaxgan.types import Loss


def run_profile(
    kind: Kind,
    given: dict[str, Any],
    training: dict[str, Any],
    *,
    out: Path | None = None,
    overwrite: bool = False,
    resume: bool = False,
    trust: bool = False,
    gentle: bool = False,
    on: resources.Resources = resources.ALL,
    keep_programs: bool = False,
    progress: bool = True,
    log: Log = print,
) -> Path:
    """Measure and report a gradient profile; return its folder.

    All checks that are possible in advance are done before anything is written.

    Args:
      kind: `paper` (without training), `train` (during training) or `frozen` (against frozen generators).
      given: options of `ProfileConfig`.
      training: options of `Config` for training the generators.
      out: the folder; by default the next numbered folder under runs/.
      overwrite: whether an existing run in `out` may be replaced.
      resume: continue the profile of kind `train` in `out`, to more steps or seeds if `training` asks for more.
      trust: whether to run code named by the folder even if the folder was created elsewhere.
      gentle: lower default learning rates over more steps.
      on: devices.
      keep_programs: whether to use JAX's compilation cache.
      progress: whether to show progress in a terminal.
      log: called with each line of progress.

    Raises:
      OptionError, DataError, StoreError: with a one-line message, before anything is compiled.
      Interrupted: if a signal such as Ctrl-C arrives during training; the folder can be resumed.
      KeyboardInterrupt: if it arrives before there is anything to report.

    Example:
      >>> given = {"loss": ("minimax", "non_saturating")}
      >>> folder = jg.run_profile("train", given, {"data": "ring", "seeds": 8, "steps": 2000})  # doctest: +SKIP
      >>> jg.load_run(folder).dataset  # doctest: +SKIP
    """
    if resume and kind != "train":
        raise OptionError("resume", "is for --train; add that, or leave it out")
    given = _absolute(given)
    profile = continued_profile(given, out, trust=trust) if resume else profile_from(kind, given)
    _check_training(kind, training)
    losses = losses_by_name(profile.loss)
    how = How(
        out=out,
        overwrite=overwrite,
        trust=trust,
        gentle=gentle,
        on=on,
        keep_programs=keep_programs,
        progress=progress,
        log=log,
    )
    if kind == "paper":
        return _on_paper(profile, losses, how)
    trained = training if resume else _trained_with(kind, training)
    if kind == "train":
        return conduct(along_training(profile, losses), trained, how, resume=resume)
    with stoppable() as stopping:
        return _against_frozen(profile, losses, trained, how, stopping)


def _on_paper(profile: ProfileConfig, losses: Mapping[str, Loss], how: How) -> Path:
    if how.out is not None:
        check_out(how.out, overwrite=how.overwrite)
    code = own_code_of(profile)
    origin = {"schema": SCHEMA, "job": "profile", **own_origin("paper", profile), **provenance.provenance()}
    origin |= {"inputs": inputs.digests_of_code(code), "code": inputs.code_of(code)}
    with new_folder(how.out, "profile", origin, code, None, how.overwrite) as run:
        how.log(f"profile of {', '.join(losses)}; results go to {run.path}")
        results = with_paper(
            "paper",
            profile,
            losses,
            Results(xr.Dataset()),
            None,
            {"loss": list(losses)},
        )
        return _finish(run, results)


def _against_frozen(
    profile: ProfileConfig,
    losses: Mapping[str, Loss],
    trained: dict[str, Any],
    how: How,
    stopping: Stopping,
) -> Path:
    clock = time.perf_counter()
    if how.out is not None:
        check_out(how.out, overwrite=how.overwrite)
    trained = inputs.absolute(trained)
    config = configure(trained, gentle=how.gentle, points=inputs.holds_points(trained))
    check_one(config)
    placement = started(config, how.on, keep_programs=how.keep_programs, log=how.log)
    study = with_code(study_for(config, (BASE,)), profile)  # strengths only apply to discriminators from scratch
    check_losses(study, next(iter(study.configurations.values())), losses)
    ages = ages_in_steps(_split(profile.ages), steps_per_epoch(study))
    rules = rules_for(study, profile, tuple(strengths_from(profile.d_strength)))
    training, own = needs_of(study, placement), frozen_needs(study, rules, losses, profile, ages)
    check_needs(Needs(training.memory | own.memory, training.disk | own.disk), how.out or RUNS)
    name = f"profile-frozen-{catalogue.slug(Path(config.data).stem)}"
    origin = origin_of("profile", study, placement, blocks_for(study)) | own_origin("frozen", profile, study)
    with (
        new_folder(how.out, name, origin, study.own_code, config, how.overwrite) as run,
        stopping.noting("what was measured is being reported"),
    ):
        again = f"repeat it with the same options and --overwrite --out {shlex.quote(str(run.path))}"
        stopping.kept = lambda: f"stopped; nothing was measured yet, {again}"
        how.log(f"profile of {', '.join(losses)}; results go to {run.path}")
        job = Job(study, run, "profile --frozen", how.progress, how.log)
        with stopping.noting("stopping after the steps under way; what was measured is reported"):
            found = measure_frozen(job, rules, losses, profile, ages, placement, stopping)
        results = with_paper("frozen", profile, losses, found, study)
        notes = results.notes | {"seconds": round(time.perf_counter() - clock, 1)}
        _finish(run, dataclasses.replace(results, notes=notes))
        stopping.kept = partial(_reported, run.path, notes["stopped"])
        return run.path


def _reported(folder: Path, stopped: int | None) -> str:
    at = "stopped; all" if stopped is None else f"stopped at step {stopped:,} of the discriminators; what"
    return f"{at} was measured is in {folder}"


def _absolute(given: dict[str, Any]) -> dict[str, Any]:
    named = inputs.absolute({"loss": given.get("loss"), "recipe": given.get("d_loss") and (given["d_loss"],)})
    return given | {"loss": named["loss"] or (), "d_loss": next(iter(named["recipe"] or ()), None)}


def _check_training(kind: Kind, training: Mapping[str, Any]) -> None:
    extra = [name for name, value in training.items() if value not in (None, ())]
    if kind == "paper" and extra:
        raise OptionError(extra[0], "is for --train and --frozen; add one of them, or leave it out")
    if kind == "frozen" and (extra := [name for name in NOT_FROZEN if name in extra]):
        raise OptionError(extra[0], "is for --train; generators are trained to their --ages here, leave it out")


def _trained_with(kind: Kind, training: dict[str, Any]) -> dict[str, Any]:
    """Return the options for training the generators: one loss, non-saturating by default, or one recipe."""
    given = {name: value for name, value in training.items() if value not in (None, ())}
    if "recipe" in given and "loss" in given:
        raise OptionError("recipe", "and --train-loss are two ways to train; give one of them")
    if "recipe" not in given:
        given = {"loss": ("non_saturating",)} | given
    return ({"evaluate_every": EVERY} if kind == "train" else {}) | given


def _split(texts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(part.strip() for text in texts for part in text.split(",") if part.strip())


def _finish(run: RunFolder, results: Results) -> Path:
    run.check()
    dataclasses.replace(results, config=store.read_config(run.path)).write(run.path / store.RESULTS)
    complete(run, store.load_results(run.path), write_profile_report)
    return run.path
