"""The job behind `compare` and `train`: losses x seeds on one data set, from options to a report."""

import dataclasses
import hashlib
import time
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jaxgan import checkpoint
from jaxgan.dynamics import best_generator
from jaxgan.evaluation.evaluator import Judge, Measured, judge_for, with_untrained
from jaxgan.random import named_key
from jaxgan.report.run.report import write_report
from jaxgan.report.run.table import summarize_run, to_dict, to_markdown
from jaxgan.results import store
from jaxgan.runs.placement import Placement
from jaxgan.runs.run import start_runs
from jaxgan.study import catalogue, compilation, processes, provenance, resources
from jaxgan.study.assemble import assemble
from jaxgan.study.build import Study, build
from jaxgan.study.config import NAMES, Config, OptionError, command_line, configure, counted, from_stored
from jaxgan.study.training import Interrupted, Say, train
from jaxgan.types import Generator


def run_study(
    job: str,
    given: dict[str, Any],
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
    """Trains, measures and reports; returns the folder that holds everything.

    `given` are options of `Config`; what is missing takes its default. Nothing is written before everything that
    can be checked has been. `keep_programs` turns on JAX's compile cache. Of several processes, which all run this,
    each trains and writes its own seeds, and the first does the rest.

    Raises:
      OptionError, DataError, StoreError, CheckpointError: one line each, before anything is compiled.
      ProcessError: one of these, in one of several processes.
      Interrupted: Ctrl-C; the folder can be resumed.
    """
    given = absolute(given)
    if resume and (gentle or overwrite):
        raise OptionError("resume", "continues a run as it was started; leave --gentle and --overwrite out")
    config = _resumed(given, out) if resume else configure(given, gentle=gentle)
    placement = resources.start(config.seeds, on)
    say = say if processes.leads() else _say_nothing
    if keep_programs:
        compilation.keep_programs()
    if resume and out is not None and store.is_finished(out):
        if processes.leads():
            _report(out)
        return out
    with processes.in_agreement():
        study = build(config)
        inputs = input_digests(study)
        if resume and out is not None:
            _check_same(store.read_config(out), study, inputs, out)
        judge = None
        if processes.leads():
            if out is not None and not resume:
                store.check_out(out, overwrite=overwrite)
            judge = judge_for(study.source, config.samples, config.split_seed, say)
    with processes.in_agreement():
        folder = Path() if out is None else out
        if processes.leads() and not resume:
            name = f"{job}-{catalogue.slug(Path(config.data).stem)}"
            origin = _origin(job, config, placement) | {"settings": study.settings, "inputs": inputs}
            folder = store.claim(out, Path("runs"), name, overwrite=overwrite)
            store.write_json(folder / "config.json", origin)
    folder = processes.seen_by_all(folder)
    say(
        f"{counted(config.seeds, 'seed')} x {counted(config.steps, 'step')} of {', '.join(study.algorithms)} "
        f"on {study.source.name}; everything goes to {folder}"
    )
    try:
        _run(study, placement, judge, job, folder, progress=progress and processes.leads(), say=say)
    except (Interrupted, processes.ProcessError):
        raise
    except BaseException as error:
        processes.give_up()
        if isinstance(error, KeyboardInterrupt):
            raise Interrupted(folder, job, "before the end") from None
        raise
    return folder


def _run(
    study: Study, placement: Placement, judge: Judge | None, job: str, folder: Path, *, progress: bool, say: Say
) -> None:
    series, measured, seconds = {}, {}, {}
    for loss, algorithm in study.algorithms.items():
        clock = time.perf_counter()
        generator = train(study, placement, job, loss, folder, progress=progress, say=say)
        if judge is not None:
            measured[loss] = judge.measure(algorithm.game, generator, _evaluation_keys(study))
            parts = [store.read_parts(folder, loss, study.config.steps, name) for name in processes.names()]
            series[loss] = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        seconds[loss] = time.perf_counter() - clock
    with processes.in_agreement():
        if judge is not None:
            judge = with_untrained(judge, _measure_untrained(study, judge))
            store.write_run(folder, assemble(study, folder, judge, series, measured, seconds))
            _report(folder)


def _report(folder: Path) -> None:
    """What is made of a finished run's numbers; making it again changes nothing."""
    run = store.load_run(folder)
    table = summarize_run(run)
    store.write_json(folder / "table.json", to_dict(table))
    (folder / "table.md").write_text(to_markdown(table), encoding="utf-8")
    write_report(folder)
    store.drop_parts(folder, run.losses)


def _measure_untrained(study: Study, judge: Judge) -> Measured:
    algorithm = next(iter(study.algorithms.values()))
    begin = jax.jit(partial(start_runs, algorithm, study.source.sample))
    generator: Generator = best_generator(begin(study.keys))
    return judge.measure(algorithm.game, generator, _evaluation_keys(study))


def _evaluation_keys(study: Study) -> jax.Array:
    return jax.vmap(partial(named_key, name="evaluation"))(study.keys)


def _origin(job: str, config: Config, placement: Placement) -> dict[str, Any]:
    return {
        "job": job,
        "command": command_line(job, config),
        "config": dataclasses.asdict(config),
        "versions": provenance.versions(),
        "commit": provenance.commit(),
        **provenance.device(),
        **resources.described(placement),
        "key": config.key,
    }


def absolute(given: dict[str, Any]) -> dict[str, Any]:
    """Files by their whole path, so that the command that repeats a run does so from any folder."""

    def resolve(name: str) -> str:
        path, colon, attribute = name.rpartition(":") if ".py:" in name else (name, "", "")
        known = name in catalogue.DATA or name in catalogue.LOSSES or name in catalogue.RECIPES
        return f"{Path(path).resolve()}{colon}{attribute}" if path and not known and Path(path).exists() else name

    resolved = dict(given)
    if given.get("data"):
        resolved["data"] = resolve(given["data"])
    for option in ("loss", "recipe"):
        if given.get(option):
            resolved[option] = tuple(resolve(name) for name in given[option])
    return resolved


def input_digests(study: Study) -> dict[str, str]:
    """SHA-256 of what the configuration names but does not hold: files of losses, images."""
    digests = file_digests(study.config.loss + study.config.recipe)
    images = (study.source.train, study.source.heldout)
    return digests | ({} if study.source.train is None else {study.source.name: checkpoint.digest(images)})


def file_digests(names: Iterable[str]) -> dict[str, str]:
    """SHA-256 of the files among names of losses and recipes."""
    files = [Path(name.rpartition(":")[0]) for name in names if ".py:" in name]
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def _check_same(stored: dict[str, Any], study: Study, inputs: dict[str, str], out: Path) -> None:
    if stored.get("settings", {}) != study.settings:
        raise OptionError("resume", f"a recipe's settings are others now than when the run in {out} was started")
    resources.check_same_number(out, stored.get("processes", 1))
    then = stored["inputs"]
    if changed := sorted(name for name in then.keys() | inputs.keys() if then.get(name) != inputs.get(name)):
        raise OptionError("resume", f"{', '.join(changed)} changed since the run in {out} was started")


def _say_nothing(line: str) -> None:
    """For the processes that do not lead."""


def _resumed(given: dict[str, Any], out: Path | None) -> Config:
    if out is None:
        raise OptionError("resume", "got no --out, expected the folder of the run to continue")
    try:
        config = from_stored(store.read_config(out)["config"])
    except (KeyError, TypeError) as error:
        raise store.StoreError(f"--resume: the run in {out} was started by another version of jaxgan") from error
    for name, value in given.items():
        stored = getattr(config, name)
        if value is not None and (tuple(value) if name in NAMES else value) != stored:
            raise OptionError(name, f"got {value}, but the run in {out} was started with {stored}; leave it out")
    return config
