"""`jaxgan translate`."""

from pathlib import Path
from typing import Any

import click

from jaxgan.cli.generator_options import translate_options
from jaxgan.cli.streams import log, only_results_on_stdout


@click.command(short_help="Translate pictures with a generator trained on pairs.")
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@translate_options
def translate(run: Path, files: tuple[Path, ...], **options: Any) -> None:
    """Translate pictures with a generator trained on pairs of images; prints the files that it writes.

    RUN is a run's folder. Pictures of another size than its inputs are cropped to squares and resized; where they are
    smaller by an integer factor, their pixels are repeated. Nothing is overwritten: a name in use gets a number.
    """
    from jaxgan.study.generators.translation import translate

    with only_results_on_stdout():
        paths = translate(run, files, report=log, **options)
    for path in paths:
        click.echo(path)
