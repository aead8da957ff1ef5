"""`jaxgan track`."""

from pathlib import Path

import click

from jaxgan.cli.options import GroupedCommand, track_options
from jaxgan.cli.streams import log, only_results_on_stdout


@click.command(cls=GroupedCommand, short_help="Write a finished run for TensorBoard or Weights & Biases.")
@click.argument("run", type=click.Path(path_type=Path), metavar="RUN")
@track_options
def track(run: Path, to: str, out: Path | None) -> None:
    """Write the finished run or study in the folder RUN for TensorBoard or Weights & Biases (offline).

    Each seed of each configuration becomes a run there, with its settings and outcome as hyperparameters; of more than
    64 runs, each configuration, with the median, lowest and highest over its seeds. Nothing is overwritten or sent
    anywhere.
    """
    from jaxgan.study.monitoring.trackers import track as write
    from jaxgan.study.monitoring.trackers import way_to_look

    with only_results_on_stdout():
        folder = write(run, to, out, log)
    click.echo(way_to_look(to, folder))
