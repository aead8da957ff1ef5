"""`jaxgan status`."""

from pathlib import Path

import click


@click.command(short_help="Show a run's progress, from another terminal.")
@click.argument("run", type=click.Path(path_type=Path), metavar="RUN")
def status(run: Path) -> None:
    """Show the progress of the run or study in the folder RUN: who writes to it, runs done, failures, time left.

    Reads the folder and changes nothing, whether the run is in progress, was stopped or is finished.
    """
    from jaxgan.study.monitoring.how_far import lines_of
    from jaxgan.study.monitoring.progress import progress_of

    for line in lines_of(progress_of(run)):
        click.echo(line)
