"""`jaxgan status`."""

from pathlib import Path

import click


@click.command(short_help="Say how far a run is, from another terminal.")
@click.argument("run", type=click.Path(path_type=Path), metavar="DIR")
def status(run: Path) -> None:
    """Say how far the run or the study in the folder DIR is: who writes to it, runs done, failures, time left.

    Reads the folder and changes nothing, whether the run goes on, was stopped or is finished.
    """
    from jaxgan.study.how_far import lines_of
    from jaxgan.study.progress import progress_of

    for line in lines_of(progress_of(run)):
        click.echo(line)
