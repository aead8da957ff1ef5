"""Images and points of your own: a NumPy file, or a folder of pictures."""

from pathlib import Path

import numpy as np

from jaxgan.data.folders import read_folder
from jaxgan.data.in_memory import make_source
from jaxgan.data.numpy_files import Stored, read_arrays
from jaxgan.data.pictures import square
from jaxgan.data.source import DataError, Examples, Source, naming
from jaxgan.data.splits import split
from jaxgan.data.values import as_images, as_labels, as_points


def from_path(
    path: str | Path,
    *,
    image_size: int | None = None,
    split_seed: int = 0,
    heldout_fraction: float = 0.2,
    labels: bool = False,
    value_range: tuple[float, float] | None = None,
    background: int = 255,
) -> Source:
    """A source from a `.npy` or `.npz` file or a folder of pictures.

    .npy    images [n, h, w] or [n, h, w, c], or points [n, d].
    .npz    the same under x, images, data or a similar name, or as the only array; labels, if any, under y,
            labels, target or a similar name. x_train, y_train, x_test, y_test and train_images, train_labels, ...
            define a split.
    folder  .png, .jpg, .bmp, .gif, .webp or .tif files. If they are in subfolders, each subfolder is a class; if those
            are in train/ and test/ or val/, these define the split.

    If the data have no split, a fraction of the distinct examples is held out. Integers are read as 0..255, floats as
    [0, 1] or [-1, 1], bools as black and white, and 16-bit values with the smallest common depth that holds the whole
    set. The `notes` of the source say how values were read and what was left out.

    Args:
      path: the file or folder; links are followed.
      image_size: every image is cropped to its central square and resized to this many pixels a side.
      split_seed, heldout_fraction: which examples are held out, and what fraction.
      labels: whether the condition `y` of a batch holds the labels; if not, batches are unconditional.
      value_range: the values of black and white, if not those above.
      background: the grey level, 0..255, behind transparent pixels of pictures.

    Raises:
      DataError: data that cannot be used as they are; one line that names the file.

    Example:
      >>> import tempfile
      >>> with tempfile.TemporaryDirectory() as folder:
      ...     file = Path(folder, "noise.npy")
      ...     np.save(file, np.random.default_rng(0).random((50, 8, 8)))
      ...     source = from_path(file)
      >>> source.name, source.shape, source.size
      ('noise', (8, 8, 1), 40)
    """
    path, is_folder = _located(path)
    if not 0 <= background <= 255:
        raise DataError(f"expected a background in 0..255, got {background}")
    if is_folder:
        stored = read_folder(path, image_size, background, as_stored=value_range is not None)
    elif path.suffix.lower() in {".npy", ".npz"} and path.is_file():
        stored = read_arrays(path)
    else:
        raise DataError(f"{path}: expected a .npy or .npz file or a folder of pictures")
    x, notes = _examples(stored, path, image_size, value_range)
    y, classes = _labels(stored, path)
    parts = [Examples(*pair) for pair in zip(x, y, strict=True)]
    with naming(path):
        train, heldout = parts if len(parts) == 2 else split(parts[0], heldout_fraction, split_seed, classes)
    name = path.name if is_folder else path.stem
    return make_source(name, train, heldout, classes, labels=labels, notes=stored.notes + notes, where=path)


def resize(images: Examples, size: int) -> Examples:
    """Crops every image to its central square and resizes it to `size` x `size`, with antialiasing.

    >>> resize(Examples(np.full((2, 9, 6, 3), 7, np.uint8)), 4).x.shape
    (2, 4, 4, 3)
    """
    return images._replace(x=np.stack([square(x, size) for x in images.x]))


def _located(given: str | Path) -> tuple[Path, bool]:
    """The path, which must exist, and whether it is a folder."""
    try:
        path = Path(given).expanduser()
        if path.is_dir():
            return path, True
        if path.exists():
            return path, False
    except (OSError, RuntimeError, ValueError) as error:  # too long, an unknown user's home, or a NUL character
        text = str(given)
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise DataError(f"{text if len(text) <= 200 else text[:200] + '...'}: cannot be read ({reason})") from error
    raise DataError(f"{path}: no such file or folder")


def _examples(
    stored: Stored, path: Path, image_size: int | None, value_range: tuple[float, float] | None
) -> tuple[list[np.ndarray], tuple[str, ...]]:
    if stored.x[0].ndim != 2:
        x, notes = as_images(stored.x, path, value_range)
        return (x if image_size is None else [resize(Examples(part), image_size).x for part in x]), notes
    for option, value in (("image_size", image_size), ("value_range", value_range)):
        if value is not None:
            raise DataError(f"{path}: expected images for {option}, got points {list(stored.x[0].shape)}")
    return as_points(stored.x, path)


def _labels(stored: Stored, path: Path) -> tuple[list[np.ndarray | None], tuple[str, ...]]:
    given = [(len(x), y) for x, y in zip(stored.x, stored.y, strict=True) if y is not None]
    if not given:
        return [None] * len(stored.x), ()
    found, classes = as_labels([y for _, y in given], [n for n, _ in given], path)
    labels = iter(found)
    return [None if y is None else next(labels) for y in stored.y], classes
