"""`jaxgan project`."""

from pathlib import Path
from typing import Any

import click

from jaxgan.cli.generator_options import project_options
from jaxgan.cli.streams import log, only_results_on_stdout


@click.command(short_help="Find a trained generator's nearest outputs to pictures.")
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@project_options
def project(run: Path, files: tuple[Path, ...], **options: Any) -> None:
    """Find a trained generator's nearest outputs to pictures, by gradient descent on its latents.

    The upper row has the pictures, then held-out images of the run's data; the lower row the nearest output to each.
    Prints how far both stay from their outputs: a generator cannot reach what is unlike its data. Held-out images of a
    conditional run have their own classes, the pictures that of --class.

    RUN is a run's folder. Pictures of another size are cropped to squares and resized.
    """
    from jaxgan.study.generators.projection import in_words
    from jaxgan.study.generators.projection import project as write

    with only_results_on_stdout():
        paths, own, heldout = write(run, files, report=log, **options)
        log(in_words(own, heldout))
    for path in paths:
        click.echo(path)
