"""`jaxgan translate`."""

from pathlib import Path
from typing import Any

import click

from jaxgan.cli.generator_options import translate_options
from jaxgan.cli.streams import log, only_results_on_stdout


@click.command(short_help="Translate pictures by a generator that was trained on pairs.")
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@translate_options
def translate(run: Path, files: tuple[Path, ...], **options: Any) -> None:
    """Translate pictures by a generator that was trained on pairs of images; prints the files that it writes.

    RUN is a run's folder. Pictures of another size than its inputs are cropped to squares and resized, or where they
    are smaller by a whole factor, their pixels repeated. Nothing is overwritten: a name that is taken gets a number.
    """
    from jaxgan.study.translation import translate

    with only_results_on_stdout():
        paths = translate(run, files, report=log, **options)
    for path in paths:
        click.echo(path)
