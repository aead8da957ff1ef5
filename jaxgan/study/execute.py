"""Any job that trains: configurations x seeds on one data set, from options to a report."""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from numpy.typing import NDArray

from jaxgan.dynamics import best_generator, current_generator
from jaxgan.evaluation import Evaluator, evaluate, evaluation_probe, evaluator_for, with_untrained
from jaxgan.random import named_key
from jaxgan.results import store
from jaxgan.results.claim import RunFolder, check_out, is_run
from jaxgan.results.results import Results
from jaxgan.runs.placement import Placement, place
from jaxgan.runs.run import AnyProbe, start, start_runs, with_algorithm
from jaxgan.stopping import stoppable
from jaxgan.study import catalogue, compilation, engines, inputs, processes, resources
from jaxgan.study.assemble import assemble
from jaxgan.study.blocks import blocks_for, keys_of, runs_of
from jaxgan.study.build import Program, Study, build, labels_of
from jaxgan.study.claims import check_claims
from jaxgan.study.config import Config, black_and_white, configure
from jaxgan.study.configurations import configurations_in
from jaxgan.study.finals import by_configuration, is_done, read_final, write_final
from jaxgan.study.folder import RUNS, complete, grown, has_all_of, new_folder, old_folder, origin_of
from jaxgan.study.giving_up import giving_up
from jaxgan.study.interrupted import last_line
from jaxgan.study.job import Block, Job, Log
from jaxgan.study.judging import outcomes_of
from jaxgan.study.messages import OptionError, counted
from jaxgan.study.needs import check_needs, needs_of
from jaxgan.study.progress import duration
from jaxgan.study.resume import continued, grown_to, resumable
from jaxgan.study.stop_rules import StopRules
from jaxgan.study.strength import DiscriminatorStrength
from jaxgan.study.training import check_kept, read_block, title_of, train
from jaxgan.study.trust import check_trusted
from jaxgan.study.watching import Watched, along, by_leaf, of_any_settings, watch
from jaxgan.types import Algorithm, Generator

FEW = 12  # configurations that are named one by one
PROBE_SAMPLES = 500  # at most, along training: a tenth of the final ones keeps the cost of probes under a tenth

Others = Callable[[Program], Mapping[str, Watched]]
"""What else is watched along the training of a program's runs, by the name of its group."""


class Plan(NamedTuple):
    """A run before it has a folder."""

    study: Study
    blocks: tuple[Block, ...]
    placement: Placement
    evaluator: Evaluator
    others: Others
    rules: StopRules


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
    trust: bool
    gentle: bool
    on: resources.Resources
    keep_programs: bool
    progress: bool
    log: Log
    engine: engines.Engine | None = None  # None: this process


def conduct(task: Task, given: dict[str, Any], how: How, *, resume: bool, again: bool = False) -> Path:
    """Trains, measures and reports, as `jaxgan.run_study` says; returns the folder that holds everything."""
    with stoppable() as stopping:
        stopping.kept = partial(last_line, task.command, how.out if resume or again else None)
        return _conduct(task, given, how, resume, again and not how.overwrite)


def _conduct(task: Task, given: dict[str, Any], how: How, resume: bool, again: bool) -> Path:
    given, out = inputs.absolute(given), how.out
    if resume and (how.gentle or how.overwrite):
        raise OptionError("resume", "continues a run as it was started; leave --gentle and --overwrite out")
    points = inputs.holds_points(given)
    again = again and out is not None and is_run(out)

    def asked() -> Config:
        """Of what is in the folder now, where a run goes on."""
        if again:
            assert out is not None
            return grown_to(given, out, points=points)
        return continued(given, out, task.job) if resume else configure(given, gentle=how.gentle, points=points)

    config = asked()
    placement = started(config, how)
    if not (resume or again):
        return _begun(task, config, how, placement)
    assert out is not None  # `continued` has asked
    with old_folder(out) as run:
        if asked() != config:
            raise store.StoreError(f"{out} was changed by another process a moment ago; start again")
        if has_all_of(run, config):  # the report needs no code of the user's
            if processes.leads():
                complete(run, task.report)
            return run.path
        check_trusted(store.read_config(out), out, trust=how.trust)
        return _gone_on_with(task, config, how, placement, run)


def _begun(task: Task, config: Config, how: How, placement: Placement) -> Path:
    with processes.in_agreement():
        if processes.leads() and how.out is not None:
            check_out(how.out, overwrite=how.overwrite)
        plan = _planned(task, config, how, placement, None)
    origin = origin_of(task.job, plan.study, placement, plan.blocks) | task.origin(plan.study)
    slug = f"{task.command.replace(' --', '-')}-{catalogue.slug(Path(config.data).stem)}"
    with new_folder(how.out, slug, origin, plan.study, how.overwrite) as run:
        return _carried_out(task, how, plan, run)


def _planned(task: Task, config: Config, how: How, placement: Placement, run: RunFolder | None) -> Plan:
    study = task.build(config)
    needs = needs_of(study, placement)
    # A run that goes on has most of its files already.
    check_needs(needs if run is None else needs._replace(disk={}), how.out or RUNS)
    return plan_for(study, task.others(study), placement, _log_of(how))


def _gone_on_with(task: Task, config: Config, how: How, placement: Placement, run: RunFolder) -> Path:
    with processes.in_agreement():
        plan = _planned(task, config, how, placement, run)
        plan = plan._replace(blocks=resumable(run.path, plan.study))
        for block in plan.blocks:
            check_kept(_job(task, how, plan, run), block)
    with stoppable() as stopping, stopping.held():
        grown(run, plan.study, origin_of(task.job, plan.study, placement, plan.blocks) | task.origin(plan.study))
    return _carried_out(task, how, plan, run)


def _carried_out(task: Task, how: How, plan: Plan, run: RunFolder) -> Path:
    study, job = plan.study, _job(task, how, plan, run)
    with stoppable() as stopping:
        stopping.kept = partial(last_line, task.command, run.path)
    labels = list(study.configurations)
    what = ", ".join(labels) if len(labels) <= FEW else f"{len(labels):,} configurations in {_programs(plan)}"
    job.log(
        f"{task.about}{counted(study.config.seeds, 'seed')} x {counted(study.config.steps, 'step')} of "
        f"{what} on {study.source.name}; everything goes to {run.path}"
    )
    with giving_up(job):
        results = measured(job, plan, how.engine)
        if results is not None:
            run.check()
            task.finish(study, results).write(run.path / store.RESULTS)
            complete(run, task.report)
    return run.path


def _job(task: Task, how: How, plan: Plan, run: RunFolder) -> Job:
    return Job(plan.study, run, task.command, how.progress and processes.leads(), _log_of(how), plan.rules)


def _log_of(how: How) -> Log:
    return how.log if processes.leads() else _silent


def started(config: Config, how: How) -> Placement:
    """Devices and processes for so many seeds, before anything is compiled."""
    placement = resources.start(config.seeds * configurations_in(config), how.on, how.log)
    if how.keep_programs:
        compilation.keep_programs()
    return placement


def measured(job: Job, plan: Plan, engine: engines.Engine | None = None) -> Results | None:
    """Trains and measures every block; the results in the process that leads."""
    study = plan.study
    missing = [block for block in plan.blocks if not is_done(job, block)]
    elsewhere = engine and partial(engines.carried_out, engine, job, plan.blocks)
    seconds = elsewhere(missing) if elsewhere else _in_turn(job, plan, missing)
    with processes.in_agreement():
        if not processes.leads():
            return None
        records = by_configuration(study, {block: read_block(job, block) for block in plan.blocks})
        final = by_configuration(study, {block: read_final(job, block) for block in plan.blocks})
        return assemble(study, plan.evaluator, job.rules, records, final, store.read_config(job.folder), seconds)


def _in_turn(job: Job, plan: Plan, missing: Sequence[Block]) -> dict[str, float]:
    """Carries out blocks in this process, one after the other; the seconds that each program takes."""
    seconds, begun = dict.fromkeys(plan.study.programs, 0.0), time.perf_counter()
    for name, program in plan.study.programs.items():
        if blocks := [block for block in missing if block.program == name]:
            watched = watched_of(plan, program)
            for block in blocks:
                clock = time.perf_counter()
                carry_out(job, plan, block, watched)
                seconds[name] += time.perf_counter() - clock
                _say_how_far(job, plan, missing, block, time.perf_counter() - begun)
    return {name: round(took, 1) for name, took in seconds.items()}


def _say_how_far(job: Job, plan: Plan, missing: Sequence[Block], block: Block, seconds: float) -> None:
    """How much is done, and the time that is left, as if all runs took as long."""
    behind = missing.index(block) + 1
    runs = [runs_of(one) for one in missing]
    if left := sum(runs[behind:]):
        done = len(plan.blocks) - len(missing) + behind
        ahead = duration(seconds * left / sum(runs[:behind]))
        job.log(f"{done} of {counted(len(plan.blocks), 'block')} done, about {ahead} left")


def carry_out(job: Job, plan: Plan, block: Block, watched: Watched) -> None:
    """Trains a block to its end and measures its generators, once: what is found there already is not done again."""
    study = plan.study
    generator = train(job, study.programs[block.program], block, _place(plan, block), watched)
    if processes.leads():
        first = study.configurations[block.configurations[0]]
        keys = jnp.tile(_evaluation_keys(keys_of(study, block)), len(block.configurations))
        found = evaluate(plan.evaluator, first.algorithm.game, generator, keys)
        codes = outcomes_of(study, plan.evaluator, job.rules, read_block(job, block), found)
        write_final(job, block, {**found, "outcome": codes})
        counts = Counter(codes.tolist())
        job.log(f"{title_of(study, block)}: {', '.join(f'{n:,} {code}' for code, n in counts.most_common())}")


def own_probes(study: Study) -> Others:
    """The user's probes: (key, algorithm, state) -> any pytree of arrays."""
    found = {f"{catalogue.slug(name)}": catalogue.find_probe(name) for name in study.config.probe}

    def others(program: Program) -> dict[str, Watched]:
        algorithm = study.configurations[program.labels[0]].algorithm
        bound = {n: p if program.make else with_algorithm(p, algorithm) for n, p in found.items()}
        return {name: Watched(probe, by_leaf) for name, probe in bound.items()}

    return others


def watched_of(plan: Plan, program: Program) -> Watched:
    """The evaluator, and what else there is; beside an averaged generator the one as trained, at the same steps."""
    evaluator, algorithm = plan.evaluator, plan.study.configurations[program.labels[0]].algorithm
    others = plan.others(program)

    def probe(**which: Any) -> AnyProbe:
        found = evaluation_probe(evaluator, algorithm.game, min(evaluator.samples, PROBE_SAMPLES), **which)
        return found if program.make is None else of_any_settings(found)

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


def plan_for(study: Study, others: Others, placement: Placement, log: Log) -> Plan:
    """A study with its evaluator, for which a classifier may have to be trained."""
    config = study.config
    evaluator = evaluator_for(study.source, config.samples, split_seed=config.split_seed, report=log)
    for line in study.source.notes:
        log(line)
    metrics = [metric.name for metric in evaluator.metrics]
    rules = StopRules(config.stop, metrics)
    check_claims(config.planned, labels_of(study), metrics)
    evaluator = with_untrained(evaluator, _untrained(study, evaluator))
    return Plan(study, blocks_for(study), placement, evaluator, others, rules)


def _untrained(study: Study, evaluator: Evaluator) -> dict[str, NDArray]:
    algorithm: Algorithm = next(iter(study.configurations.values())).algorithm
    begin = jax.jit(partial(start_runs, algorithm, study.source.sample))
    generator: Generator = best_generator(begin(study.keys))
    return evaluate(evaluator, algorithm.game, generator, _evaluation_keys(study.keys))


def _evaluation_keys(keys: jax.Array) -> jax.Array:
    return jax.vmap(partial(named_key, name="evaluation"))(keys)


def _place(plan: Plan, block: Block) -> Placement:
    devices = plan.placement.mesh.devices.ravel().tolist()
    return place(runs_of(block), devices=devices, in_turn=plan.placement.in_turn)


def _programs(plan: Plan) -> str:
    return counted(len(plan.study.programs), "program")


def _silent(line: str) -> None:
    """For the processes that do not lead."""
