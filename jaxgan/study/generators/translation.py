"""Translate pictures with a generator that was trained on pairs of images."""

from collections.abc import Callable, Sequence
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float32, UInt8
from numpy.typing import NDArray

from jaxgan.data.pair_files import factor_between
from jaxgan.data.pairs import enlarged
from jaxgan.data.pictures import Seen, read_picture, square
from jaxgan.data.source import DataError, to_unit
from jaxgan.data.values import integer_levels
from jaxgan.files import written_whole
from jaxgan.report.run.figures import to_rgb
from jaxgan.results import store
from jaxgan.study.generators.generate import load_generator
from jaxgan.study.limits import check_limit
from jaxgan.study.messages import OptionError

_BATCH = 32  # number of pictures at a time
_LUMINANCE = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601


def translate(
    folder: Path,
    files: Sequence[Path],
    *,
    configuration: str | None = None,
    seed: int | None = None,
    key: int = 0,
    out: Path | None = None,
    trust: bool = False,
    report: Callable[[str], None] = lambda line: None,
) -> list[Path]:
    """Translate pictures with a generator that was trained on pairs; write a PNG for each and return the paths.

    All pictures are read before anything is written, and no file is overwritten.

    Args:
      folder: the folder of a run on pairs of images.
      files: pictures, fitted to the run's inputs by `fitted`.
      configuration, seed: the generator, as in `load_generator`.
      key: seed of the noise, which differs for every picture.
      out: the output folder; by default a folder in the run's folder.
      trust: whether to run code named by the folder even if the folder was created elsewhere.
      report: called with a line for every picture that had to be fitted.

    Raises:
      OptionError: if the run was not trained on pairs.
      DataError: if a file is not a picture; the one-line message names the file.
      StoreError, CheckpointError: as in `load_generator`.
    """
    check_limit("key", key)
    shape = store.read_config(folder).get("condition")
    if not shape:
        raise OptionError("run", f"the run in {folder} was trained on no pairs of images, expected one with "
                          "--data pairs:...")  # fmt: skip
    inputs = read_inputs(files, tuple(shape), report)
    generator = load_generator(folder, configuration, seed, trust=trust)
    if out is None:
        out = folder / "translated" / f"{generator.configuration}-seed{generator.seed}"
    out.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    for first in range(0, len(inputs), _BATCH):
        y = jnp.asarray(np.stack(inputs[first : first + _BATCH]))
        noise = jax.random.fold_in(jax.random.key(key), first)
        for file, x in zip(files[first:], np.asarray(generator.sample(noise, len(y), y)), strict=False):
            written.append(_save(out, Path(file).stem, x))
    return written


def read_inputs(
    files: Sequence[Path], shape: tuple[int, ...], report: Callable[[str], None]
) -> list[Float32[np.ndarray, "size size e"]]:
    """Read pictures, fit them to a shape and scale them to [-1, 1]; `report` gets a line for each that did not fit.

    Raises:
      DataError: if a file is not a picture; the one-line message names the file.
    """
    return [_input(Path(file), shape, report) for file in files]


def fitted(picture: UInt8[np.ndarray, "h w c"], shape: tuple[int, ...]) -> UInt8[np.ndarray, "size size e"]:
    """Convert a picture to the size and the number of channels of a shape.

    A picture that is smaller by an integer factor is enlarged by repeating its pixels; any other is cropped to its
    central square and resized.

    Example:
      >>> fitted(np.full((4, 4, 3), 9, np.uint8), (8, 8, 1)).shape
      (8, 8, 1)
    """
    size, channels = shape[0], shape[-1]
    factor = factor_between(picture, np.empty((*shape[:2], 1)))
    picture = square(picture, size) if factor is None else enlarged(picture, factor)
    if picture.shape[-1] == channels:
        return picture
    grey = np.rint(picture @ _LUMINANCE)[..., None].astype(np.uint8) if picture.shape[-1] == 3 else picture
    return np.broadcast_to(grey, (*picture.shape[:2], channels))


def _input(file: Path, shape: tuple[int, ...], report: Callable[[str], None]) -> Float32[np.ndarray, "size size e"]:
    if not file.is_file():
        raise DataError(f"{file}: expected a picture, got a folder" if file.is_dir() else f"{file}: no such file")
    (picture, *_) = read_picture(file, None, 255, Seen())
    if picture.dtype == np.uint16:
        ((picture,), _) = integer_levels([picture], picture.dtype, file)
    if picture.shape != shape:
        names = ("x".join(map(str, each)) for each in (picture.shape, shape))
        report("{}: {} fitted to the run's {}".format(file, *names))
    return to_unit(fitted(picture, shape))


def _save(folder: Path, stem: str, x: NDArray) -> Path:
    from PIL import Image

    number, path = 1, folder / f"{stem}.png"
    while path.exists():
        number += 1
        path = folder / f"{stem}-{number}.png"
    image = Image.fromarray(to_rgb(x[None])[0])
    with written_whole(path) as partial:
        image.save(partial, "PNG")
    return path
