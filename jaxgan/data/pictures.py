"""Reads a picture file as arrays: upright, without transparency, cropped and resized."""

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from jaxgan.data.numpy_files import reading
from jaxgan.data.source import DataError
from jaxgan.memory import available_memory

if TYPE_CHECKING:
    from PIL import Image

PICTURES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff"})
_FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF")  # whatever the file name; PostScript, for one, is a program
MAX_PIXELS = 178_956_970  # a quarter of 2**31 bytes at 3 bytes a pixel; Pillow treats larger files as an attack
_LARGE = 2**22  # pixels; memory is not checked for smaller pictures
_BYTES, _BYTES_ON_BACKGROUND = 8, 64  # at most, per pixel: decoded and converted; and drawn on a background
_GREY = {"1", "L", "LA", "La"}
_ORIENTATION, _SUBFILE = 274, 254  # tags of EXIF and of TIFF


@dataclass
class Seen:
    """Properties of the pictures in a set, for the notes of its source."""

    transparent: int = 0  # pictures with transparent pixels
    animated: int = 0  # pictures with several frames; only the first is read
    paged: int = 0  # TIFF files with several pages
    highest: int = 0  # the largest value of 16-bit pictures, before resizing
    lowest: int = 2**16  # and the smallest


def read_picture(file: Path, image_size: int | None, background: int, seen: Seen) -> list[np.ndarray]:
    """The pages of a picture (one unless it is a TIFF): [h, w, c], c = 1 for grey and 3 for colour.

    They are uint8, or uint16 for 16-bit grey pictures, whose depth depends on the whole set. EXIF orientation is
    applied, and transparent pixels show the grey level `background`.

    Raises:
      DataError: a damaged file, floating-point pixels, or more than MAX_PIXELS.
    """
    from PIL import Image

    with reading(file), warnings.catch_warnings(), file.open("rb") as opened:
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # pictures up to MAX_PIXELS are allowed
        try:
            with Image.open(opened, formats=_FORMATS) as image:
                pages = [_levels(file, page, background, seen) for page in _pages(image, seen)]
        except Image.DecompressionBombError:
            raise DataError(f"{file}: expected at most {MAX_PIXELS:,} pixels, got more; scale it down") from None
        return pages if image_size is None else [square(page, image_size) for page in pages]


def square(x: np.ndarray, size: int) -> np.ndarray:
    """Crops an image [h, w, c], uint8, uint16 or float, to its central square and resizes it to `size` x `size`.

    Pillow widens its bicubic filter when it reduces an image, so it does not alias; Parmar et al. (2022) measure the
    effect of other filters on the Frechet distance.

    Raises:
      DataError: a size below 1.

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
    exact = x if x.dtype == np.uint8 else x.astype(np.float32)
    channels = (Image.fromarray(np.ascontiguousarray(channel)) for channel in np.moveaxis(exact, -1, 0))
    bicubic = Image.Resampling.BICUBIC
    resized = np.stack([np.asarray(channel.resize((size, size), bicubic)) for channel in channels], axis=-1)
    if x.dtype == np.uint8:
        return resized
    # Bicubic overshoots at edges; Pillow clips bytes but not floats.
    resized = np.clip(resized, exact.min(), exact.max())
    return np.rint(resized).astype(x.dtype) if np.issubdtype(x.dtype, np.integer) else resized


class Head(NamedTuple):
    """The shape and depth that a picture will have."""

    shape: tuple[int, int, int]
    pages: int
    deep: bool  # 16 bits


def picture_head(file: Path, image_size: int | None) -> Head:
    """What `read_picture` will return for a file, from its header; decodes no pixels.

    Raises:
      DataError: a file whose header is damaged, or more than MAX_PIXELS.
    """
    from PIL import Image

    with reading(file), warnings.catch_warnings(), file.open("rb") as opened:
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        try:
            with Image.open(opened, formats=_FORMATS) as image:
                height, width, mode = image.height, image.width, image.mode
                if image.getexif().get(_ORIENTATION, 1) >= 5:  # lying on its side
                    height, width = width, height
                pages = sum(1 for _ in _pages(image, Seen()))
        except Image.DecompressionBombError:
            raise DataError(f"{file}: expected at most {MAX_PIXELS:,} pixels, got more; scale it down") from None
    deep = mode.startswith("I")
    size = (height, width) if image_size is None else (image_size, image_size)
    return Head((*size, 1 if deep or mode in _GREY else 3), pages, deep)


def stack(pictures: Sequence[np.ndarray], names: Sequence[str]) -> np.ndarray:
    """Stacks pictures [h, w, c] into one array [n, h, w, c]. Raises a DataError with their names if sizes differ."""
    check_alike([picture.shape for picture in pictures], names)
    return np.stack(pictures)


def check_alike(shapes: Sequence[tuple[int, ...]], names: Sequence[str | Path]) -> None:
    """Raises a DataError with the names if shapes [h, w, c] differ."""
    for shape, name in zip(shapes, names, strict=True):
        if shape != shapes[0]:
            first, other = ("x".join(map(str, each[:2])) for each in (shapes[0], shape))
            raise DataError(
                f"{name} is {other} but {names[0]} is {first}: give one size for all with --image-size"
                if first != other
                else f"{name} has {shape[-1]} channels but {names[0]} has {shapes[0][-1]}"
            )


def _pages(image: "Image.Image", seen: Seen) -> Iterator["Image.Image"]:
    """All pages of a TIFF file except thumbnails, or the first frame of any other file."""
    count = getattr(image, "n_frames", 1)
    if image.format != "TIFF":
        seen.animated += count > 1
        yield image
        return
    found = 0
    for number in range(count):
        image.seek(number)
        if number == 0 or not image.tag_v2.get(_SUBFILE, 0) & 1:  # type: ignore[attr-defined]  # 1: reduced resolution
            found += 1
            yield image
    seen.paged += found > 1


def _levels(file: Path, image: "Image.Image", background: int, seen: Seen) -> np.ndarray:
    from PIL import ImageOps

    _check_room(file, image)
    image.load()  # here Pillow rotates TIFF pages and then drops their orientation
    if image.mode == "F":
        raise DataError(f"{file}: expected integer pixels, got floating-point ones; store them in a .npy file")
    if image.getexif().get(_ORIENTATION, 1) != 1:
        image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I"):  # Pillow's own conversion clips instead of scaling
        deep = np.asarray(image)
        seen.highest, seen.lowest = max(seen.highest, int(deep.max())), min(seen.lowest, int(deep.min()))
        if deep.min() < 0 or seen.highest > 65535:
            raise DataError(f"{file}: expected integers in 0..65535, got {deep.min()}..{deep.max()}")
        return deep.astype(np.uint16)[..., None]
    grey = image.mode in _GREY
    if image.has_transparency_data:
        pixels = np.asarray(image.convert("RGBA"))
        if (pixels[..., 3] < 255).any():
            seen.transparent += 1
            pixels = _on_background(pixels, background)
        return pixels[..., : 1 if grey else 3]
    return np.asarray(image.convert("L"))[..., None] if grey else np.asarray(image.convert("RGB"))


def _check_room(file: Path, image: "Image.Image") -> None:
    """Checks memory: a small file can declare a huge picture, which is decoded into memory at once."""
    pixels = image.width * image.height
    needed = pixels * (_BYTES_ON_BACKGROUND if image.has_transparency_data else _BYTES)
    if pixels > _LARGE and needed > (free := available_memory()):
        raise DataError(
            f"{file}: expected a picture that fits into the free {free / 2**30:.2f} GiB of memory, got "
            f"{image.width:,} x {image.height:,} pixels, which take {needed / 2**30:.2f} GiB; scale it down"
        )


def _on_background(pixels: np.ndarray, background: int) -> np.ndarray:
    alpha = pixels[..., 3:] / 255
    return np.rint(alpha * pixels[..., :3] + (1 - alpha) * background).astype(np.uint8)
