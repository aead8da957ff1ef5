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
    kind = Option("Files", "--as", "kind", type=click.Choice(["png", "npz", "tfds"]), help="Each sample on its own: "
                   "a folder of pictures, one .npz, or a data set for TensorFlow Datasets.  "
                   "[default: one grid]")  # fmt: skip
    end = Option("Randomness", "--to-class", "to_label", metavar="NAME", help="The class at the other end, from that "
                  "of --class on: latents stay, classes change.")  # fmt: skip
    gif = Option("Files", "--gif", "animated", is_flag=True, help="Also an animation along all paths, beside the "
                  "picture.")  # fmt: skip
    options = [
        *_WHICH,
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
