"""The options of commands that use a trained generator."""

from collections.abc import Callable
from pathlib import Path

import click

from jaxgan.cli.options import TRUST, Option, with_options
from jaxgan.cli.places import export_to_write, folder_to_write, picture_to_write

_WHICH = [
    Option("What is trained", "--configuration", "--loss", "configuration", metavar="LABEL", help="The loss or "
            "recipe of the generator.  [default: non_saturating if the run has it, else the first]"),
    Option("What is trained", "--seed", type=int, help="The number of the seed.  "
            "[default: the first]"),
]  # fmt: skip
_OVERWRITE = Option("Files", "--overwrite", is_flag=True, help="Replace files that exist.")


def translate_options(function: Callable) -> Callable:
    """Add the options of `translate`."""
    options = [
        *_WHICH,
        Option("Randomness", "--key", type=int, default=0, show_default=True, help="The random key of the noise."),
        Option("Files", "--out", type=click.Path(), callback=folder_to_write, metavar="DIR", help="The folder to "
                "write to.  [default: translated/LABEL-seedN in the run's folder]"),
        TRUST,
    ]  # fmt: skip
    return with_options(options, function)


def project_options(function: Callable) -> Callable:
    """Add the options of `project`."""
    options = [
        *_WHICH,
        Option("What is done", "--space", type=click.Choice(["z", "w"]), default="z", show_default=True,
               help="What is optimized: z, or w of every layer after a mapping network."),
        Option("What is done", "--steps", type=int, default=500, show_default=True, help="Steps of Adam."),
        Option("What is done", "--learning-rate", type=float, default=0.05, show_default=True,
               help="Initial learning rate of Adam."),
        Option("What is done", "--class", "label", metavar="NAME", help="The class of the pictures for a conditional "
               "generator: its name or its number.  [default: the first]"),
        Option("Randomness", "--key", type=int, default=0, show_default=True, help="The random key of the first "
                "latents."),
        Option("Files", "--out", type=click.Path(), callback=picture_to_write, metavar="FILE.png", help="The picture; "
               "the arrays go to the .npz beside it.  [default: in the run's folder]"),
        _OVERWRITE,
        TRUST,
    ]  # fmt: skip
    return with_options(options, function)


def export_options(function: Callable) -> Callable:
    """Add the options of `export`."""
    options = [
        *_WHICH,
        Option("Files", "--out", type=click.Path(), callback=export_to_write, metavar="FILE", help="The .jax file; "
                "the .json and the .npz go beside it.  [default: generator-LABEL-seedN in the run's folder]"),
        _OVERWRITE,
        TRUST,
    ]  # fmt: skip
    return with_options(options, function)


def generator_options(
    n: int | None, what: str, classes: str, *, path: bool = False, kinds: bool = False
) -> Callable[[Callable], Callable]:
    """Return a decorator with the options shared by `sample` and `interpolate`, those of paths, and of file kinds."""
    drawn = [
        Option("What is drawn", "--truncation", metavar="NUMBER", help="Better but less varied samples: with a "
               "mapping network w is moved towards its mean, otherwise z is truncated at NUMBER; or w:NUMBER, "
               "resampled:NUMBER (BigGAN's paper), scaled:NUMBER (its published code).  [default: none]"),
        Option("What is drawn", "--statistics", type=click.Choice(["running", "standing"]), default="running",
               show_default=True, help="BatchNorm statistics: running averages of training, or recomputed for the "
               "final generator."),
    ]  # fmt: skip
    kind = Option("Files", "--as", "kind", type=click.Choice(["png", "npz", "tfds"]), help="Each sample on its own: "
                   "a folder of pictures, one .npz, or a data set for TensorFlow Datasets.  "
                   "[default: one grid]")  # fmt: skip
    end = Option("Randomness", "--to-class", "to_label", metavar="NAME", help="The class at the other end of paths "
                  "from --class, at fixed latents.")  # fmt: skip
    gif = Option("Files", "--gif", "animated", is_flag=True, help="Also an animation along all paths, beside the "
                  "picture.")  # fmt: skip
    grid = [
        Option("What is drawn", "--kind", type=click.Choice(["paths", "corners", "mixing"]), default="paths",
               show_default=True, help="Rows from one latent to another; a grid between four; or mixed styles, coarse "
               "from the row and fine from the column."),
        Option("What is drawn", "--space", type=click.Choice(["z", "w"]), default="z", show_default=True,
               help="The space of the latents: z, or w after a mapping network."),
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
        Option("Files", "--out", type=click.Path(), callback=None if kinds else picture_to_write, metavar="FILE.png",
                help="The picture; the arrays go to the .npz beside it.  [default: in the run's folder]"),
        _OVERWRITE,
        TRUST,
    ]  # fmt: skip

    def decorate(function: Callable) -> Callable:
        run = click.argument("run", type=click.Path(path_type=Path), required=False)
        return run(with_options(options, function))

    return decorate
