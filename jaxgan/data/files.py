"""Images of your own: a NumPy file, or a folder of pictures."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from jaxgan.data.in_memory import make_source
from jaxgan.data.source import DataError, Examples, Source
from jaxgan.data.splits import split

if TYPE_CHECKING:
    from PIL import Image

PICTURES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff"})


def from_path(
    path: str | Path, *, image_size: int | None = None, split_seed: int = 0, heldout_fraction: float = 0.2
) -> Source:
    """A source from a `.npy` or `.npz` file or a folder of pictures, a fraction of it held out.

    .npy    images [n, h, w] or [n, h, w, c].
    .npz    the same under `x`, `images` or as the only array; integer labels, if any, under `y` or `labels`.
    folder  .png, .jpg, .bmp, .gif, .webp or .tif files; where they lie in subfolders, each one is a class.

    Values are 0..255 for integers and [0, 1] or [-1, 1] for floats; a bool is black or white. With
    `image_size` every image is cropped to its central square and resized to that many pixels a side.
    Raises DataError, naming the file, for anything that cannot be used as it is.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder, "noise.npy")
    ...     np.save(file, np.random.default_rng(0).random((50, 8, 8)))
    ...     source = from_path(file)
    >>> source.name, source.shape, source.size
    ('noise', (8, 8, 1), 40)
    """
    path = Path(path).expanduser()
    if path.is_dir():
        images, classes = _read_folder(path, image_size)
    elif path.suffix.lower() in {".npy", ".npz"} and path.is_file():
        images, classes = _read_arrays(path)
        images = images if image_size is None else resize(images, image_size)
    elif path.exists():
        raise DataError(f"{path}: expected a .npy or .npz file or a folder of pictures")
    else:
        raise DataError(f"{path}: no such file or folder")
    train, heldout = split(images, heldout_fraction, split_seed, classes)
    return make_source(path.name if path.is_dir() else path.stem, train, heldout, classes)


def resize(images: Examples, size: int) -> Examples:
    """Every image cropped to its central square and resized to `size` x `size`, with antialiasing.

    >>> resize(Examples(np.full((2, 9, 6, 3), 7, np.uint8)), 4).x.shape
    (2, 4, 4, 3)
    """
    return images._replace(x=np.stack([square(x, size) for x in images.x]))


def square(x: np.ndarray, size: int) -> np.ndarray:
    """One image [h, w, c], uint8 or float, cropped to its central square and resized to `size` x `size`.

    Pillow widens its bicubic filter with the reduction, so it does not alias; Parmar et al. (2022) measure
    what other filters do to the Frechet distance. Raises DataError for a size below 1.

    >>> square(np.array([[[0], [0], [255], [255]]], np.uint8), 1).item()
    0
    """
    from PIL import Image

    if size < 1:
        raise DataError(f"expected an image size of at least 1, got {size}")
    side = min(x.shape[:2])
    top, left = (x.shape[0] - side) // 2, (x.shape[1] - side) // 2
    x = x[top : top + side, left : left + side]
    if side == size:
        return x
    channels = (Image.fromarray(np.ascontiguousarray(channel)) for channel in np.moveaxis(x, -1, 0))
    bicubic = Image.Resampling.BICUBIC
    resized = np.stack([np.asarray(channel.resize((size, size), bicubic)) for channel in channels], axis=-1)
    # Bicubic overshoots at edges: Pillow clips bytes by itself, floats it does not.
    return np.clip(resized, x.min(), x.max()) if x.dtype != np.uint8 else resized


def stack(pictures: Sequence[np.ndarray], names: Sequence[str]) -> np.ndarray:
    """Pictures [h, w, c] as one array [n, h, w, c]. Raises DataError where sizes differ, by name."""
    for picture, name in zip(pictures, names, strict=True):
        if picture.shape != pictures[0].shape:
            first, other = ("x".join(map(str, x.shape[:2])) for x in (pictures[0], picture))
            raise DataError(
                f"{name} is {other} but {names[0]} is {first}: give one size for all with --image-size"
                if first != other
                else f"{name} has {picture.shape[-1]} channels but {names[0]} has {pictures[0].shape[-1]}"
            )
    return np.stack(pictures)


def as_images(x: np.ndarray, y: np.ndarray | None, name: str | Path) -> tuple[Examples, tuple[str, ...]]:
    """Checked and scaled images, and the names of their classes; errors name `name`.

    Labels are numbered 0, 1, ... in ascending order of the integers that stand for them.

    >>> images, classes = as_images(np.ones((2, 4, 4), bool), np.array([7, 3]), "two.npz")
    >>> images.x.shape, images.x.max(), images.y, classes
    ((2, 4, 4, 1), np.uint8(255), array([1, 0], dtype=int32), ('3', '7'))
    """
    if x.ndim not in (3, 4) or x.size == 0:
        raise DataError(f"{name}: expected images [n, h, w] or [n, h, w, c], got shape {list(x.shape)}")
    x = x[..., None] if x.ndim == 3 else x
    if x.shape[-1] > 4:
        raise DataError(f"{name}: expected 1 to 4 channels on the last axis, got shape {list(x.shape)}")
    x = _as_levels(x, name)
    if y is None:
        return Examples(x), ()
    if y.shape != (len(x),):
        raise DataError(f"{name}: expected {len(x)} labels, one per image, got shape {list(y.shape)}")
    if not np.issubdtype(y.dtype, np.integer):
        raise DataError(f"{name}: expected integer labels, got {y.dtype}")
    values, labels = np.unique(y, return_inverse=True)
    return Examples(x, labels.astype(np.int32)), tuple(str(value) for value in values)


def _as_levels(x: np.ndarray, name: str | Path) -> np.ndarray:
    """uint8 in 0..255 or float32 in [-1, 1]."""
    if x.dtype == bool:
        return x.astype(np.uint8) * np.uint8(255)
    if np.issubdtype(x.dtype, np.integer):
        if x.min() < 0 or x.max() > 255:
            raise DataError(f"{name}: expected integers in 0..255, got {x.min()}..{x.max()}")
        if x.max() == 1:
            return x.astype(np.uint8) * np.uint8(255)  # black and white as 0 and 1, which would else be all black
        return x.astype(np.uint8)
    if not np.issubdtype(x.dtype, np.floating):
        raise DataError(f"{name}: expected integer, floating-point or bool images, got {x.dtype}")
    bad = ~np.isfinite(x)
    if bad.any():
        first = [int(i) for i in np.unravel_index(bad.argmax(), x.shape)]
        raise DataError(f"{name}: {bad.sum()} values are NaN or infinite, the first at index {first}")
    low, high = x.min(), x.max()
    if low < -1 or high > 1:
        raise DataError(f"{name}: expected floats in [0, 1] or [-1, 1], got {low:g}..{high:g}")
    return x.astype(np.float32) * 2 - 1 if low >= 0 else x.astype(np.float32)


@contextmanager
def reading(path: str | Path) -> Iterator[None]:
    """Whatever a damaged file raises becomes one DataError line that names it."""
    try:
        yield
    except DataError:
        raise
    except Exception as error:  # it can come from anywhere in numpy, zipfile, zlib, Pillow or protobuf
        reason = next(iter(str(error).strip().splitlines()), "")
        raise DataError(f"{path}: cannot be read ({type(error).__name__}: {reason})") from error


def _read_arrays(path: Path) -> tuple[Examples, tuple[str, ...]]:
    with reading(path), path.open("rb") as opened:  # np.load leaves a damaged .npz open
        file = np.load(opened, allow_pickle=False)
        if isinstance(file, np.ndarray):
            return as_images(file, None, path)
        with file:
            label_key = next((key for key in ("y", "labels") if key in file.files), None)
            others = [key for key in file.files if key != label_key]
            keys = [key for key in ("x", "images") if key in others] or others
            if not keys or (len(keys) > 1 and keys is others):
                raise DataError(f"{path}: expected images under 'x' or 'images', found keys {file.files}")
            return as_images(file[keys[0]], None if label_key is None else file[label_key], path)


def _read_folder(root: Path, image_size: int | None) -> tuple[Examples, tuple[str, ...]]:
    files = sorted(file for file in root.rglob("*") if file.suffix.lower() in PICTURES and file.is_file())
    files = [file for file in files if not any(part.startswith(".") for part in file.relative_to(root).parts)]
    if not files:
        raise DataError(f"{root}: no pictures found; looked for {', '.join(sorted(PICTURES))}")
    tops = [file.relative_to(root).parts[0] for file in files]
    classes = tuple(sorted({top for file, top in zip(files, tops, strict=True) if file.parent != root}))
    loose = [file.name for file in files if file.parent == root]
    if classes and loose:
        raise DataError(
            f"{root}: has pictures beside class folders ({loose[0]} beside {classes[0]}/): "
            "put all in class folders, or none"
        )
    pictures = [_read_picture(file, image_size) for file in files]
    channels = max(picture.shape[-1] for picture in pictures)
    pictures = [np.broadcast_to(picture, (*picture.shape[:2], channels)) for picture in pictures]
    labels = np.array([classes.index(top) for top in tops], np.int32) if classes else None
    return Examples(stack(pictures, [str(file) for file in files]), labels), classes


def _read_picture(file: Path, image_size: int | None) -> np.ndarray:
    from PIL import Image

    with reading(file), Image.open(file) as image:
        if image.mode == "F":
            raise DataError(f"{file}: floating-point pictures are not supported: use a .npy file")
        pixels = _levels(image)
        return pixels if image_size is None else square(pixels, image_size)


def _levels(image: "Image.Image") -> np.ndarray:
    """uint8 [h, w, 1] for a grey picture, [h, w, 3] for any other; transparency is dropped."""
    if image.mode.startswith("I"):  # 16 bits a pixel: Pillow's own conversion clips instead of scaling
        return (np.asarray(image).astype(np.int64) >> 8).clip(0, 255).astype(np.uint8)[..., None]
    if image.mode in {"1", "L", "LA", "La"}:
        return np.asarray(image.convert("L"))[..., None]
    if "transparency" in image.info:  # Pillow warns when a palette's transparency is dropped in one go
        image = image.convert("RGBA")
    return np.asarray(image.convert("RGB"))
