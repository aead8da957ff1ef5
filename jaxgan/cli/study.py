"""`jaxgan study`."""

from functools import partial
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from jaxgan.cli.options import GroupedCommand, resources_from, study_file_options
from jaxgan.cli.streams import log, only_results_on_stdout
from jaxgan.stopping import stoppable
from jaxgan.study.interrupted import last_line
from jaxgan.study.limits import check_limit


@click.command(cls=GroupedCommand, short_help="Run a study from a file: hundreds of runs, claims with intervals.")
@click.argument("file", type=click.Path(path_type=Path), required=False, metavar="FILE.toml")
@study_file_options
def study(file: Path | None, init: str | None, dry_run: bool, at_rate: float | None, **options: Any) -> None:
    """Run the study that FILE.toml describes: recipes, what varies, seeds, steps, stopping rules, planned comparisons.

    The whole file is checked before anything runs. The same command starts the study or resumes it: after a stop or a
    kill, or with more seeds, steps or configurations in the file. `jaxgan status RUN` shows its progress from another
    terminal.
    """
    if (init is None) == (file is None):
        raise click.UsageError(f"got {'neither' if file is None else 'both'} of FILE.toml and --init, expected one")
    if at_rate is not None and not dry_run:
        raise click.UsageError("--at-rate needs --dry-run")
    if init is not None and (others := _given(but="init")):
        raise click.UsageError(f"--init writes a file and runs nothing, got it with {', '.join(others)}")
    if file is None:
        _begin(Path(str(init)))
    else:
        _run(file, dry_run, at_rate, options)


def _given(but: str) -> list[str]:
    """Return the names of the options on the command line, except one."""
    context = click.get_current_context()
    options = [one for one in context.command.params if isinstance(one, click.Option) and one.name not in (None, but)]
    return [one.opts[0] for one in options
            if context.get_parameter_source(str(one.name)) is ParameterSource.COMMANDLINE]  # fmt: skip


def _begin(path: Path) -> None:
    from jaxgan.study.study_file.template import TEMPLATE

    if path.suffix != ".toml":
        raise click.UsageError(f"--init: got {path}, expected a name that ends in .toml")
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(TEMPLATE)
    except FileExistsError:
        raise click.UsageError(f"--init: {path} exists already, expected a new file") from None
    click.echo(f"{path} is a study to start from; run it with: jaxgan study {path}")


def _run(file: Path, dry_run: bool, at_rate: float | None, options: dict[str, Any]) -> None:
    with stoppable() as stopping:
        stopping.kept = partial(last_line, "study", None)
    on = resources_from(options)
    from jaxgan.study.study_file.file import Study

    if at_rate is not None:
        check_limit("at_rate", at_rate)
    with only_results_on_stdout():
        asked = Study.read(file)
    if dry_run:
        _plan(asked.options(), on, options["out"] or asked.folder, not options["no_compile_cache"], at_rate)
        return
    from jaxgan.study.compare import run_study
    from jaxgan.study.distributed import processes

    flags = {name: options[name] for name in ("overwrite", "trust")}
    flags |= {"keep_programs": not options["no_compile_cache"], "again": not options["overwrite"]}
    flags["engine"] = options["on"]
    with only_results_on_stdout():
        folder = run_study("study", asked.options(), out=options["out"] or asked.folder, on=on, log=log, **flags)
    if not processes.leads():
        return
    from jaxgan.report.run.terminal import show

    show(folder)


def _plan(given: dict[str, Any], on: Any, out: Path, keep_programs: bool, rate: float | None) -> None:
    from rich.console import Console

    from jaxgan.report.tables import show as show_tables
    from jaxgan.study.dry import plan_sections

    with only_results_on_stdout():
        sections = plan_sections(given, on=on, out=out, keep_programs=keep_programs, rate=rate, log=log)
    show_tables(sections, Console())
