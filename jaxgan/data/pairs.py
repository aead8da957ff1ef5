"""Image pairs: batches of targets `x` with input images `y`, for image-to-image translation."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Shaped

from jaxgan.data.in_memory import make_source
from jaxgan.data.pair_files import factor_between, read_pair_arrays, read_pair_folder
from jaxgan.data.pictures import square
from jaxgan.data.source import DataError, Examples, Source, naming
from jaxgan.data.splits import split
from jaxgan.data.values import as_images


def from_pairs(
    path: str | Path,
    *,
    reverse: bool = False,
    image_size: int | None = None,
    split_seed: int = 0,
    heldout_fraction: float = 0.2,
    value_range: tuple[float, float] | None = None,
    background: int = 255,
) -> Source:
    """A source of image pairs: batches of targets x [n, h, w, c] with their inputs y [n, h, w, e].

    folder  contains two folders, `input` and `target` or `A` and `B`, with matching file names; or pictures that are
            side-by-side pairs, with the input on the left. train/ and test/ or val/ in these define a split.
    .npz    targets under x and inputs under input, or x_train, input_train, x_test and input_test.

    If the data have no split, a fraction of the distinct targets is held out. Values are read as in `from_path`,
    separately for inputs and targets. If inputs are smaller than their targets by a whole factor, their pixels are
    repeated.

    Args:
      path: the file or folder.
      reverse: whether to swap input and target.
      image_size: every image is cropped to its central square and resized to this many pixels a side.
      split_seed, heldout_fraction: which pairs are held out, and what fraction.
      value_range: the values of black and white, if not the defaults of the type.
      background: the grey level, 0..255, behind transparent pixels of pictures.

    Raises:
      DataError: data that cannot be used as they are; one line that names the file.

    Example:
      >>> import tempfile
      >>> rng = np.random.default_rng(0)
      >>> with tempfile.TemporaryDirectory() as folder:
      ...     file = Path(folder, "sharper.npz")
      ...     np.savez(file, x=rng.random((50, 8, 8, 3)), input=rng.random((50, 4, 4)))
      ...     source = from_pairs(file)
      >>> source.shape, source.heldout.y.shape
      ((8, 8, 3), (10, 8, 8, 1))
    """
    path = Path(path).expanduser()
    if path.is_dir():
        stored = read_pair_folder(path, image_size, background, as_stored=value_range is not None)
    elif path.suffix.lower() == ".npz" and path.is_file():
        stored = read_pair_arrays(path)
    else:
        raise DataError(f"{path}: expected a folder of pairs of pictures, or a .npz file with 'x' and 'input'"
                        if path.exists() else f"{path}: no such file or folder")  # fmt: skip
    sides = (stored.targets, stored.inputs) if reverse else (stored.inputs, stored.targets)
    (inputs, notes), (targets, more) = (as_images(side, path, value_range) for side in sides)
    if image_size is not None:
        inputs, targets = ([np.stack([square(x, image_size) for x in part]) for part in side]
                           for side in (inputs, targets))  # fmt: skip
    notes = (*stored.notes, *notes, *(note for note in more if note not in notes))
    return pairs_source(path.name if path.is_dir() else path.stem, inputs, targets, split_seed=split_seed,
                        heldout_fraction=heldout_fraction, notes=notes, where=path)  # fmt: skip


def from_paired_images(
    name: str,
    inputs: Shaped[np.ndarray, "n h w *e"],
    targets: Shaped[np.ndarray, "m high wide *c"],
    *,
    split_seed: int = 0,
    heldout_fraction: float = 0.2,
    value_range: tuple[float, float] | None = None,
) -> Source:
    """A source of in-memory pairs with a fraction of the distinct targets held out; values as in `from_images`.

    Args:
      name: the name of the data in reports and error messages.
      inputs, targets: equally many images; inputs may be smaller by a whole factor.
      split_seed, heldout_fraction: which pairs are held out, and what fraction.
      value_range: the values of black and white, if not the defaults of the type.

    Raises:
      DataError: shapes or values that do not fit, or too few pairs.

    Example:
      >>> x = np.random.default_rng(0).random((50, 8, 8, 3))
      >>> from_paired_images("grey to colour", x.mean(axis=3), x)
      Source(grey to colour, 40 examples of shape [8, 8, 3], 10 held out)
    """
    (y,), notes = as_images([np.asarray(inputs)], name, value_range)
    (x,), more = as_images([np.asarray(targets)], name, value_range)
    if len(x) != len(y):
        raise DataError(f"{name}: expected an input for each target, got {len(x)} targets and {len(y)} inputs")
    return pairs_source(name, [y], [x], split_seed=split_seed, heldout_fraction=heldout_fraction,
                        notes=(*notes, *(note for note in more if note not in notes)))  # fmt: skip


def pairs_source(
    name: str,
    inputs: Sequence[np.ndarray],
    targets: Sequence[np.ndarray],
    *,
    split_seed: int = 0,
    heldout_fraction: float = 0.2,
    notes: tuple[str, ...] = (),
    where: str | Path | None = None,
) -> Source:
    """A source of pairs whose values are already checked: all pairs, or the training and the held-out pairs.

    Errors begin with `where`, by default the name.

    Raises:
      DataError: sizes of inputs and targets that do not match, or too few pairs.
    """
    parts, where = [], name if where is None else where
    for y, x in zip(inputs, targets, strict=True):
        factor = factor_between(y, x)
        if factor is None:
            sizes = " and ".join("x".join(map(str, images.shape[1:3])) for images in (y, x))
            raise DataError(f"{where}: expected inputs of the targets' size, or smaller by a whole factor, got {sizes}")
        parts.append(Examples(x, enlarged(y, factor)))
    with naming(where):
        train, heldout = parts if len(parts) == 2 else split(parts[0], heldout_fraction, split_seed)
    return make_source(name, train, heldout, labels=True, notes=notes, where=where)


def enlarged(images: Shaped[np.ndarray, "*n h w c"], factor: int) -> Shaped[np.ndarray, "*n h2 w2 c"]:
    """Repeats every pixel `factor` times in both directions.

    Example:
      >>> enlarged(np.array([[[1], [2]]]), 2)[..., 0].tolist()
      [[1, 1, 2, 2], [1, 1, 2, 2]]
    """
    return images.repeat(factor, axis=-3).repeat(factor, axis=-2)


def reduced(images: Shaped[np.ndarray, "*n h w c"], factor: int) -> np.ndarray:
    """Means over squares of `factor` x `factor` pixels.

    Example:
      >>> reduced(np.array([[[1], [2]], [[3], [6]]]), 2).item()
      3.0
    """
    *n, h, w, c = images.shape
    return images.reshape(*n, h // factor, factor, w // factor, factor, c).mean(axis=(-4, -2))
