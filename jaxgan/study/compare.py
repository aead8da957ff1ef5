"""Run the job of `compare`, `train` and `study`: train losses and recipes over many seeds and compare them."""

from pathlib import Path
from typing import Any

from jaxgan.report.run.report import write_run_report
from jaxgan.study.config import command_line
from jaxgan.study.distributed import resources
from jaxgan.study.distributed.engines import Submits, engine_from
from jaxgan.study.distributed.work import work
from jaxgan.study.execute import How, Task, conduct
from jaxgan.study.interrupted import continuing
from jaxgan.study.job import Log
from jaxgan.study.planning import own_probes, study_for


def run_study(
    job: str,
    given: dict[str, Any],
    *,
    out: Path | None = None,
    overwrite: bool = False,
    resume: bool = False,
    again: bool = False,
    trust: bool = False,
    gentle: bool = False,
    on: resources.Resources = resources.ALL,
    keep_programs: bool = False,
    progress: bool = True,
    log: Log = print,
    engine: str | Submits | None = None,
) -> Path:
    """Train, evaluate and report a study; return its folder.

    All checks that are possible in advance are done before anything is written. If there are several processes, all of
    them call this function; each trains and writes its own seeds, and the first does the rest.

    Args:
      job: `compare`, `train` or `study`.
      given: the command's options by name, with _ for -, such as {"loss": ("hinge",), "seeds": 4, "lr_d": 1e-3};
        missing ones take their defaults, and those that may be repeated are tuples.
      out: the folder; by default the next numbered folder under runs/.
      overwrite: whether an existing run in `out` may be replaced.
      resume: continue the run in `out`, to more steps or seeds if `given` asks for more.
      again: start a study in `out`, or, if there is one, train only the requested runs that it lacks.
      trust: whether to run code named by the folder even if the folder was created elsewhere.
      gentle: lower default learning rates over more steps.
      on: devices and processes.
      keep_programs: whether to use JAX's compilation cache.
      progress: whether to show progress in a terminal.
      log: called with each line of progress.
      engine: what trains the parts of the study: "local" (this process), "dask", "dask:WORKERS" or "dask:ADDRESS",
        "slurm:NAME=VALUE,...", or a `concurrent.futures.Executor` that spawns, not forks, its processes. `on` then
        describes the resources of each worker. A script that starts processes needs `if __name__ == "__main__":`.

    Raises:
      OptionError, DataError, StoreError, CheckpointError: with a one-line message, before anything is compiled.
      ProcessError: if one of these is raised in one of several processes.
      Interrupted: if a signal such as Ctrl-C arrives; the folder can be resumed.

    Example:
      >>> given = {"data": "ring", "loss": ("minimax", "hinge"), "seeds": 8, "steps": 2000, "lr_d": 1e-3}
      >>> folder = jg.run_study("compare", given)  # doctest: +SKIP
      >>> jg.load_run(folder).failed.mean(axis=1)  # doctest: +SKIP
    """
    by = engine_from(engine, on, work, keep_programs=keep_programs)
    how = How(
        out=out,
        overwrite=overwrite,
        trust=trust,
        gentle=gentle,
        on=on,
        keep_programs=keep_programs,
        progress=progress,
        log=log,
        engine=by,
    )
    return conduct(task_of(job), given, how, resume=resume, again=again)


def task_of(job: str) -> Task:
    """Return the task of `compare`, `train` or `study`: the study itself with the user's probes."""
    return Task(
        job,
        continuing(job),
        build=study_for,
        others=own_probes,
        origin=lambda study: {"command": command_line(continuing(job), study.config)},
        finish=lambda study, results: results,
        report=write_run_report,
    )
