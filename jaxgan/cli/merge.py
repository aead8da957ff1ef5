"""`jaxgan merge`."""

from pathlib import Path
from typing import Any

import click

from jaxgan.cli.options import GroupedCommand, merge_options, resources_from
from jaxgan.cli.streams import log, only_results_on_stdout


@click.command(cls=GroupedCommand, short_help="Merge runs of one study with different seeds or configurations.")
@click.argument("runs", type=click.Path(path_type=Path), nargs=-1, required=True, metavar="RUN RUN ...")
@merge_options
def merge(runs: tuple[Path, ...], **options: Any) -> None:
    """Merge several runs of one study that differ in their seeds, or in their losses and recipes, into one run.

    Runs that were trained on several machines, with --first-seed for different seeds, become one folder with the
    numbers of a single run, which can be resumed. Data, settings, steps, key and code have to be the same.
    """
    on = resources_from(options)
    from jaxgan.results.claim import job_of
    from jaxgan.study.merge import merge_runs

    flags = {name: options[name] for name in ("overwrite", "trust")}
    flags["keep_programs"] = not options["no_compile_cache"]
    with only_results_on_stdout():
        folder = merge_runs(runs, options["out"], on=on, log=log, **flags)
    if job_of(folder) == "profile":
        from jaxgan.report.profile.terminal import show
    else:
        from jaxgan.report.run.terminal import show

    show(folder)
