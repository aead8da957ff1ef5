"""The job behind `compare`, `train` and `study`: losses and recipes over many seeds, compared."""

from pathlib import Path
from typing import Any

from jaxgan.report.run.report import write_run_report
from jaxgan.study import resources
from jaxgan.study.config import command_line
from jaxgan.study.engines import Submits, engine_from
from jaxgan.study.execute import How, Task, conduct
from jaxgan.study.job import Log
from jaxgan.study.planning import own_probes, study_for
from jaxgan.study.work import work


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
    """Trains, measures and reports; returns the folder that holds everything.

    Nothing is written before everything that can be checked has been. Of several processes, which all run this, each
    trains and writes its own seeds, and the first does the rest.

    Args:
      job: `compare`, `train` or `study`.
      given: options of `Config`; what is missing takes its default.
      out: the folder; by default the next number under runs/.
      overwrite: whether a run in `out` may be replaced.
      resume: continue the run in `out`, to more steps or seeds where `given` has more.
      again: begin in `out`, or go on with the study that is there: with the runs that it lacks of what is asked for.
      trust: whether code that a folder names may be run where the folder was made elsewhere.
      gentle: slower learning over more steps.
      on: devices and processes.
      keep_programs: turns on JAX's compile cache.
      progress: whether a terminal shows how far it is.
      log: called with each line of progress.
      engine: what trains the parts of the study: "local" (this process), "dask", "dask:WORKERS" or "dask:ADDRESS",
        "slurm:NAME=VALUE,...", or a `concurrent.futures.Executor`, whose processes are spawned and not forked. `on`
        is what each of its workers has. A script that starts processes needs `if __name__ == "__main__":`.

    Raises:
      OptionError, DataError, StoreError, CheckpointError: one line each, before anything is compiled.
      ProcessError: one of these, in one of several processes.
      Interrupted: a signal, such as Ctrl-C; the folder can be resumed.
    """
    by = engine_from(engine, on, work, keep_programs=keep_programs)
    how = How(out, overwrite, trust, gentle, on, keep_programs, progress, log, by)
    return conduct(task_of(job), given, how, resume=resume, again=again)


def task_of(job: str) -> Task:
    """What `compare`, `train` and `study` ask of a study: itself, with the user's probes."""
    return Task(
        job,
        "compare" if job == "study" else job,
        build=study_for,
        others=own_probes,
        origin=lambda study: {"command": command_line("compare" if job == "study" else job, study.config)},
        finish=lambda study, results: results,
        report=write_run_report,
    )
