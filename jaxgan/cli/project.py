"""`jaxgan project`."""

from pathlib import Path
from typing import Any

import click

from jaxgan.cli.generator_options import project_options
from jaxgan.cli.streams import log, only_results_on_stdout


@click.command(short_help="Find what a trained generator makes that is nearest to pictures.")
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@project_options
def project(run: Path, files: tuple[Path, ...], **options: Any) -> None:
    """Find what a trained generator makes that is nearest to pictures, by gradient descent on its latents.

    Above are the pictures and, after them, held-out images of the run's data; below, what comes nearest to each. How
    far pictures stay from it, and held-out images, is told: what is unlike the data is out of a generator's reach.

    RUN is a run's folder. Pictures of another size are cropped to squares and resized.
    """
    from jaxgan.study.projection import in_words
    from jaxgan.study.projection import project as write

    with only_results_on_stdout():
        paths, own, heldout = write(run, files, report=log, **options)
        log(in_words(own, heldout))
    for path in paths:
        click.echo(path)
