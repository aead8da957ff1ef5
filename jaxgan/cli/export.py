"""`jaxgan export`."""

from pathlib import Path
from typing import Any

import click

from jaxgan.cli.generator_options import export_options
from jaxgan.cli.places import newest
from jaxgan.cli.streams import only_results_on_stdout


@click.command(short_help="Write a trained generator for use without this library.")
@click.argument("run", type=click.Path(path_type=Path), required=False)
@export_options
def export(run: Path | None, **options: Any) -> None:
    """Write a trained generator for use without this library; prints the three files that it writes.

    The .jax file is the function from latents to examples, parameters included, which JAX alone can load; the .json
    file describes its inputs and outputs; the .npz file has the parameters as arrays.

    RUN is a run's folder; without it, the newest under runs/.
    """
    from jaxgan.study.generators.exporting import export_generator

    with only_results_on_stdout():
        paths = export_generator(newest(run), **options)
    for path in paths:
        click.echo(path)
