"""The options of commands that use a trained generator."""

from collections.abc import Callable
from pathlib import Path

import click

from jaxgan.cli.options import TRUST, Option, with_options
from jaxgan.cli.places import folder_to_write, picture_to_write

_WHICH = [
    Option("What is trained", "--configuration", "--loss", "configuration", metavar="LABEL", help="Trained under "
            "this loss, or by this recipe.  [default: non_saturating where it was trained, else the first]"),
    Option("What is trained", "--seed", type=int, help="Which of the run's seeds, by its number.  "
            "[default: the first]"),
]  # fmt: skip


def translate_options(function: Callable) -> Callable:
    """Those of `translate`."""
    options = [
        *_WHICH,
        Option("Randomness", "--key", type=int, default=0, show_default=True, help="The random key of the noise."),
        Option("Files", "--out", type=click.Path(), callback=folder_to_write, metavar="DIR", help="The folder to "
                "write to.  [default: translated/LABEL-seedN in the run's folder]"),
        TRUST,
    ]  # fmt: skip
    return with_options(options, function)


def project_options(function: Callable) -> Callable:
    """Those of `project`."""
    options = [
        *_WHICH,
        Option("What is done", "--space", type=click.Choice(["z", "w"]), default="z", show_default=True,
               help="What is moved: z, or w of every layer behind a mapping network."),
        Option("What is done", "--steps", type=int, default=500, show_default=True, help="Steps of Adam."),
        Option("What is done", "--learning-rate", type=float, default=0.05, show_default=True,
               help="Of Adam, at first."),
        Option("What is done", "--class", "label", metavar="NAME", help="The class of what a conditional generator "
               "makes: its name or its number.  [default: the first]"),
        Option("Randomness", "--key", type=int, default=0, show_default=True, help="Of the latents at first."),
        Option("Files", "--out", type=click.Path(), callback=picture_to_write, metavar="FILE.png", help="The picture; "
               "the arrays go to the .npz beside it.  [default: in the run's folder]"),
        Option("Files", "--overwrite", is_flag=True, help="Replace the files that --out names."),
        TRUST,
    ]  # fmt: skip
    return with_options(options, function)


def export_options(function: Callable) -> Callable:
    """Those of `export`."""
    options = [
        *_WHICH,
        Option("Files", "--out", type=click.Path(path_type=Path), metavar="FILE", help="The .jax file; the .json and "
                "the .npz go beside it.  [default: generator-LABEL-seedN in the run's folder]"),
        Option("Files", "--overwrite", is_flag=True, help="Replace the files that --out names."),
        TRUST,
    ]  # fmt: skip
    return with_options(options, function)


def generator_options(
    n: int | None, what: str, classes: str, *, path: bool = False, kinds: bool = False
) -> Callable[[Callable], Callable]:
    """The options that `sample` and `interpolate` share, those of a path, and the kind of file of each sample."""
    drawn = [
        Option("What is drawn", "--truncation", metavar="NUMBER", help="Nearer to what the generator does best, and "
               "less varied: behind a mapping network w towards its mean, elsewhere z cut off there; or w:NUMBER, "
               "resampled:NUMBER (BigGAN's paper), scaled:NUMBER (its published code).  [default: none]"),
        Option("What is drawn", "--statistics", type=click.Choice(["running", "standing"]), default="running",
               show_default=True, help="Of BatchNorm: averages along training, or of the generator as it is."),
    ]  # fmt: skip
    kind = Option("Files", "--as", "kind", type=click.Choice(["png", "npz", "tfds"]), help="Each sample on its own: "
                   "a folder of pictures, one .npz, or a data set for TensorFlow Datasets.  "
                   "[default: one grid]")  # fmt: skip
    end = Option("Randomness", "--to-class", "to_label", metavar="NAME", help="The class at the other end, from that "
                  "of --class on: latents stay, classes change.")  # fmt: skip
    gif = Option("Files", "--gif", "animated", is_flag=True, help="Also an animation along all paths, beside the "
                  "picture.")  # fmt: skip
    grid = [
        Option("What is drawn", "--kind", type=click.Choice(["paths", "corners", "mixing"]), default="paths",
               show_default=True, help="Rows from one latent to another; a grid between four; or styles mixed, coarse "
               "ones of the row and fine ones of the column."),
        Option("What is drawn", "--space", type=click.Choice(["z", "w"]), default="z", show_default=True,
               help="Of the latents: z, or w behind a mapping network."),
    ]  # fmt: skip
    options = [
        *_WHICH,
        *(grid if path else []),
        *(drawn if kinds else []),
        Option("Randomness", "-n", type=int, default=n, show_default=n is not None, help=what),
        Option("Randomness", "--key", type=int, default=0, show_default=True, help="The random key of the latents."),
        Option("Randomness", "--class", "label", metavar="NAME", help="The class that a conditional generator draws: "
                f"its name or its number.  [default: {classes}]"),
        *([end] if path else []),
        *([kind] if kinds else []),
        *([gif] if path else []),
        Option("Files", "--out", type=click.Path(), callback=picture_to_write, metavar="FILE.png", help="The picture; "
                "the arrays go to the .npz beside it.  [default: in the run's folder]"),
        Option("Files", "--overwrite", is_flag=True, help="Replace the files that --out names."),
        TRUST,
    ]  # fmt: skip

    def decorate(function: Callable) -> Callable:
        run = click.argument("run", type=click.Path(path_type=Path), required=False)
        return run(with_options(options, function))

    return decorate
