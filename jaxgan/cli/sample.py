"""`jaxgan sample`, `jaxgan interpolate` and `jaxgan neighbours`."""

from pathlib import Path
from typing import Any

import click

from jaxgan.cli.generator_options import generator_options
from jaxgan.cli.places import newest, samples_to_write
from jaxgan.cli.streams import log, only_results_on_stdout


@click.command(short_help="Write samples of a trained generator.")
@generator_options(None, "Number of samples; per class where a conditional generator draws all classes.  [default: "
                   "64, or 10 per class; with --as 1000]", "all, a row of each", kinds=True)  # fmt: skip
def sample(run: Path | None, kind: str | None, out: str | None, **options: Any) -> None:
    """Write samples of a trained generator: a PNG grid, and the arrays as .npz.

    For a conditional generator the rows are its classes, all from the same latents. With --as, any number of samples is
    written, each on its own, for training or measuring elsewhere.

    RUN is a run's folder; without it, the newest under runs/.
    """
    options["out"] = None if out is None else samples_to_write(out, kind)  # --as, which may come later, says what it is
    with only_results_on_stdout():
        paths = _grid(newest(run), **options) if kind is None else [_each(newest(run), kind, **options)]
    for path in paths:
        click.echo(path)


@click.command(short_help="Write the path between two latents or classes.")
@generator_options(10, "Number of examples along each path.", "the first", path=True)
def interpolate(run: Path | None, **options: Any) -> None:
    """Write the outputs along paths between two latents, one linear and one spherical, or between two classes.

    Images become a row per path; points a panel per path, as a line coloured from start to end. With --to-class there
    are 8 paths from one class to the other, each at a fixed latent.

    RUN is a run's folder; without it, the newest under runs/.
    """
    from jaxgan.study.generators.interpolation import interpolate as write

    with only_results_on_stdout():
        paths = write(newest(run), **options)
    for path in paths:
        click.echo(path)


@click.command(short_help="Write samples beside the training images nearest to them.")
@generator_options(8, "Number of samples shown; the distances are those of 1,000.", "all in turn")
def neighbours(run: Path | None, **options: Any) -> None:
    """Write samples beside the training images nearest to them: are they copies?

    Each row has a sample and its 7 nearest training images, by pixel distance. Prints the distances of 1,000 samples to
    training and to held-out images.

    RUN is a run's folder; without it, the newest under runs/.
    """
    from jaxgan.study.generators.neighbours import in_words
    from jaxgan.study.generators.neighbours import neighbours as write

    with only_results_on_stdout():
        paths, found = write(newest(run), **options)
        log(in_words(found))
    for path in paths:
        click.echo(path)


def _grid(run: Path, **options: Any) -> list[Path]:
    from jaxgan.study.generators.samples import sample as write

    return write(run, **options)


def _each(run: Path, kind: str, *, overwrite: bool, **options: Any) -> Path:
    from jaxgan.study.generators.streaming import write_samples
    from jaxgan.study.messages import OptionError

    if overwrite:
        raise OptionError("overwrite", "is for the grid alone; name another --out")
    return write_samples(run, kind, progress=True, **options)
