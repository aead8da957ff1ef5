"""Execute any job that trains configurations x seeds on one data set, from options to a report."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from jaxgan.results import store
from jaxgan.results.claim import RunFolder, check_out, is_run
from jaxgan.results.results import Results
from jaxgan.runs.placement import Placement
from jaxgan.stopping import stoppable
from jaxgan.study import catalogue, compilation, inputs
from jaxgan.study.blocks import blocks_for
from jaxgan.study.build import Study
from jaxgan.study.carrying_out import measured
from jaxgan.study.config import Config, configure
from jaxgan.study.configurations import configurations_in
from jaxgan.study.distributed import engines, processes, resources
from jaxgan.study.fitting import check_compiled
from jaxgan.study.folder import RUNS, complete, grown, new_folder, old_folder, origin_of, results_for
from jaxgan.study.giving_up import giving_up
from jaxgan.study.interrupted import last_line
from jaxgan.study.job import Job, Log, silent
from jaxgan.study.messages import OptionError, counted
from jaxgan.study.needs import Held, check_needs, needs_of
from jaxgan.study.planning import Others, Plan, plan_for
from jaxgan.study.resume import continued, grown_to, resumable
from jaxgan.study.training import check_kept
from jaxgan.study.trust import check_trusted

FEW = 12  # up to this number, configurations are listed by name


class Task(NamedTuple):
    """How a command builds, finishes and reports a study."""

    job: str  # the command, as config.json names it
    command: str  # the command that continues it
    build: Callable[[Config], Study]
    others: Callable[[Study], Others]
    origin: Callable[[Study], dict[str, Any]]  # entries of config.json in addition to those of every study
    finish: Callable[[Study, Results], Results]
    report: Callable[[Results, Path], object]  # writes the report of a finished run to its folder; idempotent
    about: str = ""  # prefix of the line that announces the job


class How(NamedTuple):
    """Where and how a job runs; see `jaxgan.run_study` for the fields."""

    out: Path | None = None
    overwrite: bool = False
    trust: bool = False
    gentle: bool = False
    on: resources.Resources = resources.ALL
    keep_programs: bool = False
    progress: bool = True
    log: Log = print
    engine: engines.Engine | None = None  # None: this process


def conduct(task: Task, given: dict[str, Any], how: How, *, resume: bool, again: bool = False) -> Path:
    """Train, evaluate and report as described in `jaxgan.run_study`; return the folder."""
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
        """Return the requested configuration; for a run that continues, given the current contents of the folder."""
        if again:
            assert out is not None
            return grown_to(given, out, points=points)
        return continued(given, out, task.job) if resume else configure(given, gentle=how.gentle, points=points)

    config = asked()
    placement = started(config, how.on, keep_programs=how.keep_programs, log=how.log)
    if not (resume or again):
        return _begun(task, config, how, placement)
    assert out is not None  # checked by `continued`
    with old_folder(out) as run:
        if asked() != config:
            raise store.StoreError(f"{out} was changed by another process a moment ago; start again")
        results = results_for(run, config)
        if results is not None:  # the report does not need the user's code
            if processes.leads():
                complete(run, results, task.report)
            return run.path
        check_trusted(store.read_config(out), out, trust=how.trust)
        return _gone_on_with(task, config, how, placement, run)


def _begun(task: Task, config: Config, how: How, placement: Placement) -> Path:
    with processes.in_agreement():
        if processes.leads() and how.out is not None:
            check_out(how.out, overwrite=how.overwrite)
        plan = _planned(task, config, how, placement, None)
    _check_memory(plan, how)
    origin = origin_of(task.job, plan.study, placement, plan.blocks) | task.origin(plan.study)
    slug = f"{task.command.replace(' --', '-')}-{catalogue.slug(Path(config.data).stem)}"
    with new_folder(how.out, slug, origin, plan.study.own_code, config, how.overwrite) as run:
        return _carried_out(task, how, plan, run)


def _planned(task: Task, config: Config, how: How, placement: Placement, run: RunFolder | None) -> Plan:
    study = task.build(config)
    workers = min(how.engine.here, len(blocks_for(study))) if how.engine else 1
    held = None if run is None else _held(run)
    check_needs(needs_of(study, placement, max(1, workers), held), how.out or RUNS)
    return plan_for(study, task.others(study), placement, _log_of(how))


def _held(run: RunFolder) -> Held:
    content = store.read_config(run.path)
    return Held(content["config"]["seeds"] * len(content["configurations"]), content["config"]["steps"])


def _check_memory(plan: Plan, how: How) -> None:
    """Check that the compiled program fits into memory. Workers on other machines check their own memory."""
    engine = how.engine
    if engine is None or engine.here:
        devices = min(engine.here, len(plan.blocks)) * engine.devices if engine else 0
        with processes.in_agreement():
            check_compiled(plan, _log_of(how), devices)


def _gone_on_with(task: Task, config: Config, how: How, placement: Placement, run: RunFolder) -> Path:
    with processes.in_agreement():
        plan = _planned(task, config, how, placement, run)
        plan = plan._replace(blocks=resumable(run.path, plan.study))
        for block in plan.blocks:
            check_kept(_job(task, how, plan, run), block)
    _check_memory(plan, how)
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
        f"{what} on {study.source.name}; results go to {run.path}"
    )
    with giving_up(job):
        results = measured(job, plan, how.engine)
        if results is not None:
            run.check()
            task.finish(study, results).write(run.path / store.RESULTS)
            complete(run, store.load_results(run.path), task.report)
    return run.path


def _job(task: Task, how: How, plan: Plan, run: RunFolder) -> Job:
    return Job(plan.study, run, task.command, how.progress and processes.leads(), _log_of(how), plan.rules)


def _log_of(how: How) -> Log:
    return how.log if processes.leads() else silent


def started(config: Config, on: resources.Resources, *, keep_programs: bool, log: Log) -> Placement:
    """Set up devices and processes for the seeds of a study, before anything is compiled."""
    placement = resources.start(config.seeds * configurations_in(config), on, log)
    if keep_programs:
        compilation.keep_programs()
    return placement


def _programs(plan: Plan) -> str:
    return counted(len(plan.study.programs), "program")
