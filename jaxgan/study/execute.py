"""Any job that trains: configurations x seeds on one data set, from options to a report."""

import dataclasses
import time
from collections.abc import Callable, Mapping
from functools import partial, reduce
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from numpy.typing import NDArray

from jaxgan.dynamics import best_generator, current_generator
from jaxgan.evaluation import Evaluator, evaluate, evaluation_probe, evaluator_for, with_untrained
from jaxgan.random import named_key
from jaxgan.results import store
from jaxgan.results.files import write_json
from jaxgan.results.results import SCHEMA, Results
from jaxgan.runs.placement import Placement, place
from jaxgan.runs.run import start, start_runs, with_algorithm
from jaxgan.study import catalogue, compilation, inputs, processes, provenance, resources
from jaxgan.study.assemble import assemble
from jaxgan.study.build import Configuration, Study, build
from jaxgan.study.config import Config, black_and_white, configure
from jaxgan.study.messages import OptionError, counted
from jaxgan.study.resume import continued, resumable
from jaxgan.study.strength import DiscriminatorStrength
from jaxgan.study.training import (
    Block,
    Interrupted,
    Job,
    Log,
    Watched,
    all_seeds,
    along,
    by_leaf,
    read_block,
    save_generator,
    train,
    watch,
)
from jaxgan.types import Algorithm, Generator

PROBE_SAMPLES = 500  # at most, along training: a tenth of the final ones keeps the cost of probes under a tenth

Others = Callable[[Configuration], Mapping[str, Watched]]
"""What else is watched along the training of a configuration, by the name of its group."""


class Plan(NamedTuple):
    """A run before it has a folder."""

    study: Study
    blocks: tuple[Block, ...]
    placement: Placement
    evaluator: Evaluator


class Task(NamedTuple):
    """What a command asks of a study, and makes of it."""

    job: str  # the command, as config.json names it
    command: str  # by which it is continued
    build: Callable[[Config], Study]
    others: Callable[[Study], Others]
    origin: Callable[[Study], dict[str, Any]]  # what config.json holds of it beside what it holds of every study
    finish: Callable[[Study, Results], Results]
    report: Callable[[Path], object]  # of a finished run; making it again changes nothing
    about: str = ""  # begins the line that says what is done


class How(NamedTuple):
    """Where to and in what way a job runs; `jaxgan.run_study` says what each is."""

    out: Path | None
    overwrite: bool
    gentle: bool
    on: resources.Resources
    keep_programs: bool
    progress: bool
    log: Log


def conduct(task: Task, given: dict[str, Any], how: How, *, resume: bool) -> Path:
    """Trains, measures and reports, as `jaxgan.run_study` says; returns the folder that holds everything."""
    given, out = inputs.absolute(given), how.out
    if resume and (how.gentle or how.overwrite):
        raise OptionError("resume", "continues a run as it was started; leave --gentle and --overwrite out")
    config = (
        continued(given, out, task.job)
        if resume
        else configure(given, gentle=how.gentle, points=inputs.holds_points(given))
    )
    placement = started(config, how)
    log = how.log if processes.leads() else _silent
    if resume and out is not None and store.is_finished(out) and store.read_config(out)["config"] == _plain(config):
        if processes.leads():
            task.report(out)
        return out
    with processes.in_agreement():
        if processes.leads() and out is not None and not resume:
            store.check_out(out, overwrite=how.overwrite)
        study = task.build(config)
        others = task.others(study)
        blocks = resumable(out, study) if resume and out is not None else None
        plan = plan_for(study, placement, log)
        plan = plan if blocks is None else plan._replace(blocks=blocks)
    folder = _claimed(plan, task, out, resume, how.overwrite)
    log(
        f"{task.about}{counted(config.seeds, 'seed')} x {counted(config.steps, 'step')} of "
        f"{', '.join(study.configurations)} on {study.source.name}; everything goes to {folder}"
    )
    job = Job(study, folder, task.command, how.progress and processes.leads(), log)
    with giving_up(job):
        results = measured(job, plan, others)
        if results is not None:
            store.write_run(folder, task.finish(study, results))
            task.report(folder)
    return folder


def started(config: Config, how: How) -> Placement:
    """Devices and processes for so many seeds, before anything is compiled."""
    placement = resources.start(config.seeds, how.on)
    if how.keep_programs:
        compilation.keep_programs()
    return placement


def measured(job: Job, plan: Plan, others: Others) -> Results | None:
    """Trains and measures every configuration; the results in the process that leads."""
    study, evaluator = plan.study, plan.evaluator
    records, final, seconds = [], [], {}
    for label, configuration in study.configurations.items():
        clock = time.perf_counter()
        watched = _watched(plan, configuration, others(configuration))
        parts = [train(job, configuration, block, _place(plan, block), watched) for block in plan.blocks]
        if processes.leads():
            generator = jax.tree.map(lambda *each: np.concatenate(each), *parts)
            save_generator(job, configuration, generator, study.config.steps)
            final.append(evaluate(evaluator, configuration.algorithm.game, generator, _evaluation_keys(study)))
            records.append(_joined([read_block(job, label, block) for block in plan.blocks]))
        seconds[label] = round(time.perf_counter() - clock, 1)
    with processes.in_agreement():
        if not processes.leads():
            return None
        untrained = _untrained(study, evaluator)
        config = store.read_config(job.folder)
        return assemble(study, with_untrained(evaluator, untrained), records, final, config, seconds)


def own_probes(study: Study) -> Others:
    """The user's probes: (key, algorithm, state) -> any pytree of arrays."""
    found = {f"{catalogue.slug(name)}": catalogue.find_probe(name) for name in study.config.probe}

    def others(configuration: Configuration) -> dict[str, Watched]:
        return {name: Watched(with_algorithm(probe, configuration.algorithm), by_leaf) for name, probe in found.items()}

    return others


def _watched(plan: Plan, configuration: Configuration, others: Mapping[str, Watched]) -> Watched:
    """The evaluator, and what else there is; beside an averaged generator the one as trained, at the same steps."""
    evaluator, algorithm = plan.evaluator, configuration.algorithm
    probe = partial(evaluation_probe, evaluator, algorithm.game, min(evaluator.samples, PROBE_SAMPLES))
    begin = partial(start, algorithm, plan.study.source.sample)
    if jax.eval_shape(begin, plan.study.keys[0]).average is not None:
        others = {"live": Watched(probe(generator=current_generator), along(evaluator)), **others}
    return watch(probe(), along(evaluator), others)


def study_for(config: Config, strengths: tuple[DiscriminatorStrength, ...] = ()) -> Study:
    """A configuration turned into functions, with its data.

    Raises:
      OptionError, DataError: what does not fit, a line each.
    """
    source = catalogue.find_data(
        config.data,
        image_size=config.image_size,
        split_seed=config.split_seed,
        labels=config.conditional,
        value_range=black_and_white(config),
        background=config.background,
    )
    return build(config, source, strengths)


def plan_for(study: Study, placement: Placement, log: Log) -> Plan:
    """A study with its evaluator, for which a classifier may have to be trained."""
    config = study.config
    evaluator = evaluator_for(study.source, config.samples, split_seed=config.split_seed, report=log)
    for line in study.source.notes:
        log(line)
    return Plan(study, (all_seeds(config),), placement, evaluator)


def _claimed(plan: Plan, task: Task, out: Path | None, resume: bool, overwrite: bool) -> Path:
    """The run's folder with its config.json, in every process."""
    study, config = plan.study, plan.study.config
    with processes.in_agreement():
        folder = Path() if out is None else out
        if processes.leads():
            origin = origin_of(task.job, study, plan.placement, plan.blocks) | task.origin(study)
            if resume:
                origin = store.read_config(folder) | {name: origin[name] for name in ("config", "command", "blocks")}
                (folder / store.RESULTS).unlink(missing_ok=True)
            else:
                name = f"{task.command.replace(' --', '-')}-{catalogue.slug(Path(config.data).stem)}"
                folder = store.claim(out, Path("runs"), name, overwrite=overwrite)
            write_json(folder / "config.json", origin)
            inputs.keep_copies(folder, study)
    return processes.seen_by_all(folder)


def origin_of(job: str, study: Study, placement: Placement, blocks: tuple[Block, ...]) -> dict[str, Any]:
    """What config.json holds of a run."""
    return {
        "schema": SCHEMA,
        "job": job,
        "config": _plain(study.config),
        "configurations": {
            label: {"recipe": one.recipe, "settings": one.settings} for label, one in study.configurations.items()
        },
        "network": study.networks.description,
        "shape": list(study.source.shape),
        "classes": list(study.source.classes),
        "blocks": [list(block) for block in blocks],
        "inputs": inputs.digests(study),
        **provenance.provenance(),
        **resources.described(placement),
        "key": study.config.key,
    }


class giving_up:  # a context manager, named as what it does
    """Within it an error that the other processes do not know of ends this one; Ctrl-C becomes `Interrupted`."""

    def __init__(self, job: Job):
        self.job = job

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if error is None or isinstance(error, Interrupted | processes.ProcessError):
            return
        processes.give_up()
        if isinstance(error, KeyboardInterrupt):
            raise Interrupted(self.job.folder, self.job.name, "before the end") from None


def _untrained(study: Study, evaluator: Evaluator) -> dict[str, NDArray]:
    algorithm: Algorithm = next(iter(study.configurations.values())).algorithm
    begin = jax.jit(partial(start_runs, algorithm, study.source.sample))
    generator: Generator = best_generator(begin(study.keys))
    return evaluate(evaluator, algorithm.game, generator, _evaluation_keys(study))


def _evaluation_keys(study: Study) -> jax.Array:
    return jax.vmap(partial(named_key, name="evaluation"))(study.keys)


def _place(plan: Plan, block: Block) -> Placement:
    if len(plan.blocks) == 1:
        return plan.placement
    devices = plan.placement.mesh.devices.ravel().tolist()
    return place(block.last - block.first + 1, devices=devices, in_turn=plan.placement.in_turn)


def _joined(parts: list[dict[str, NDArray]]) -> dict[str, NDArray]:
    """Blocks of seeds one after the other, at the steps that all of them have.

    A block that was trained to an earlier end first was measured there, too.
    """
    if len(parts) == 1:
        return parts[0]
    common = {axis: reduce(np.intersect1d, [part[axis] for part in parts]) for axis in ("step", "probe_step")}

    def at(part: dict[str, NDArray], name: str) -> NDArray:
        if name.startswith("watch/"):
            return part[name]
        axis = "step" if name.startswith("series/") else "probe_step"
        return part[name][:, np.isin(part[axis], common[axis])]

    names = [name for name in parts[0] if "/" in name]
    return common | {name: np.concatenate([at(part, name) for part in parts]) for name in names}


def _plain(config: Config) -> dict[str, Any]:
    """As JSON gives it back."""
    return {n: list(v) if isinstance(v, tuple) else v for n, v in dataclasses.asdict(config).items()}


def _silent(line: str) -> None:
    """For the processes that do not lead."""
