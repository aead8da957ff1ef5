"""Reads examples one batch at a time, from memory or files, so that memory does not grow with their number."""

import math
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Shaped

from jaxgan.data.folders import as_levels, notes_of, pictures_below, split_by_folders
from jaxgan.data.numpy_files import Header, choose, headers_of, reading
from jaxgan.data.pictures import Seen, check_alike, picture_head, read_picture, square, stack
from jaxgan.data.source import DataError
from jaxgan.data.values import Notes, as_images, as_points, integer_levels


class Batches(NamedTuple):
    """Examples of one kind that can be read one batch at a time, any number of times.

    read: batch size -> arrays [b, ...] that together hold all examples: images, uint8 or float32 in [-1, 1], or points
    seen: notes on the examples of the latest `read`, so far as it went
    """

    name: str
    shape: tuple[int, ...]  # of one example
    n: int
    read: Callable[[int], Iterator[Shaped[np.ndarray, "b ..."]]]
    notes: tuple[str, ...] = ()
    part: str = "all"  # "train" or "heldout" of a set with its own split
    seen: Callable[[], list[str]] = list

    def first(self, n: int) -> "Batches":
        """The first n examples, or all if there are fewer."""
        return self._replace(n=min(n, self.n), read=lambda size: _first(self.read(size), n))


def from_array(name: str, x: Shaped[np.ndarray, "n ..."], part: str = "all") -> Batches:
    """Examples in memory.

    >>> [len(x) for x in from_array("five", np.zeros((5, 2), np.float32)).read(2)]
    [2, 2, 1]
    """

    def read(size: int) -> Iterator[np.ndarray]:
        return (x[start : start + size] for start in range(0, len(x), size))

    return Batches(name, x.shape[1:], len(x), read, part=part)


def from_files(
    path: str | Path,
    *,
    part: str = "all",
    image_size: int | None = None,
    value_range: tuple[float, float] | None = None,
    background: int = 255,
) -> Batches:
    """The examples of a .npy or .npz file or a folder of pictures, read by the rules of `from_path`.

    Properties of the whole set, such as the depth of 16-bit levels and the range of floats, are determined in a
    separate pass before any example is returned. Labels are ignored.

    Args:
      path: the file or folder.
      part: "heldout" or "train" if the data have their own split; otherwise all examples are read.
      image_size: every image is cropped to its central square and resized to this many pixels a side.
      value_range: the values of black and white, if not the defaults of the type.
      background: the grey level behind transparent pixels of pictures.

    Raises:
      DataError: data that cannot be used; one line that names the file. Pictures are checked by their headers.
    """
    path = Path(path).expanduser()
    if path.is_dir():
        return _pictures(path, part, image_size, background, as_stored=value_range)
    if path.suffix.lower() in {".npy", ".npz"} and path.is_file():
        return _arrays(path, part, image_size, value_range)
    what = "a .npy or .npz file or a folder of pictures" if path.exists() else "an existing file or folder"
    raise DataError(f"{path}: expected {what}")


def _first(batches: Iterator[np.ndarray], n: int) -> Iterator[np.ndarray]:
    for x in batches:
        if n <= 0:
            return
        yield x[:n]
        n -= len(x)


def _pictures(
    root: Path, part: str, image_size: int | None, background: int, as_stored: tuple[float, float] | None
) -> Batches:
    listing = pictures_below(root)
    if not listing.pictures:
        raise DataError(f"{root}: no pictures found")
    halves = split_by_folders(root, listing.pictures)[0]
    role = part if len(halves) == 2 and part != "all" else "all"
    files = listing.pictures if role == "all" else halves[("train", "heldout").index(role)].files
    names = [root.joinpath(*parts) for parts in files]
    heads = [picture_head(name, image_size) for name in names]
    channels = max(head.shape[2] for head in heads)
    check_alike([(*head.shape[:2], channels) for head in heads], names)
    shape = (*heads[0].shape[:2], channels)
    ends, latest = Seen(), Seen()
    if any(head.deep for head in heads) and as_stored is None:  # the depth depends on the whole set
        for name in (name for name, head in zip(names, heads, strict=True) if head.deep):
            read_picture(name, None, background, ends)

    def read(size: int) -> Iterator[np.ndarray]:
        nonlocal latest
        waiting: list[np.ndarray] = []
        seen = latest = Seen()
        for name in names:
            waiting += read_picture(name, image_size, background, seen)
            while len(waiting) >= size:
                yield levels(waiting[:size])
                waiting = waiting[size:]
        if waiting:
            yield levels(waiting)

    def levels(pictures: list[np.ndarray]) -> np.ndarray:
        found = as_levels(root, [pictures], None if as_stored else ends)[0][0]
        x = stack([np.broadcast_to(one, shape) for one in found], [str(root)] * len(found))
        return x if as_stored is None else as_images([x], root, as_stored)[0][0]

    notes = list(_depth_notes(root, ends))
    if left := listing.left_out.total():
        others = f"{left:,} files are not pictures and were" if left > 1 else "1 file is not a picture and was"
        notes.append(f"{root}: {others} left out")
    n = sum(head.pages for head in heads)
    return Batches(root.name, shape, n, read, tuple(notes), role, lambda: notes_of(root, latest, background))


def _depth_notes(root: Path, ends: Seen) -> Notes:
    """How 16-bit pictures with these extremes are read."""
    both = np.array([ends.lowest, ends.highest], np.uint16) if ends.lowest <= ends.highest else None
    return () if both is None else integer_levels([both], both.dtype, root)[1]


def _arrays(path: Path, part: str, image_size: int | None, value_range: tuple[float, float] | None) -> Batches:
    headers = headers_of(path)
    chosen = {"all": (next(iter(headers)), None)} if path.suffix.lower() == ".npy" else choose(path, headers)
    role = part if part in chosen else next(iter(chosen))
    key = chosen[role][0]
    header = headers[key]
    n, shape = header.shape[0] if header.shape else 0, header.shape[1:]
    if not n or len(header.shape) not in (2, 3, 4):
        raise DataError(f"{path}: expected images [n, h, w, c] or points [n, d], got shape {list(header.shape)}")
    size = max(1, min(n, 2**24 // max(1, math.prod(shape))))  # values at a time while the range is determined
    if len(shape) == 1:
        as_points([np.zeros((1, *shape), header.dtype)], path)  # rejects types that are not points
        read_points = lambda size: (as_points([x], path)[0][0] for x in _rows(path, key, header, size))  # noqa: E731
        return Batches(path.stem, shape, n, read_points, part=role)
    ends, notes = (np.zeros((1, *shape), header.dtype), ()) if value_range else _ends(path, key, header, size)
    decided = as_images([ends], path, value_range)[0][0]

    def read(size: int) -> Iterator[np.ndarray]:
        for x in _rows(path, key, header, size):
            images = as_images([x, ends], path, value_range)[0][0]  # with the extremes of all examples
            yield images if image_size is None else np.stack([square(one, image_size) for one in images])

    side = decided.shape[1:] if image_size is None else (image_size, image_size, decided.shape[-1])
    return Batches(path.stem, side, n, read, notes, role)


def _ends(path: Path, key: str, header: Header, size: int) -> tuple[np.ndarray, tuple[str, ...]]:
    """Two images with the smallest and the largest value of all, and the notes that follow from them."""
    lows, highs, bad = [], [], 0
    for x in _rows(path, key, header, size):
        if not (np.issubdtype(x.dtype, np.number) or x.dtype.kind == "b"):
            as_images([x[:1]], path)  # rejects the type
        bad += int(np.sum(~np.isfinite(x)))
        lows.append(x.min())
        highs.append(x.max())
    if bad:
        raise DataError(f"{path}: {bad:,} values are NaN or infinite, expected finite values")
    ends = np.empty((2, *header.shape[1:]), header.dtype)
    ends[0], ends[1] = min(lows), max(highs)
    return ends, as_images([ends], path)[1]


def _rows(path: Path, key: str, header: Header, size: int) -> Iterator[np.ndarray]:
    """Rows of an array in a file, a fixed number at a time."""
    with reading(path):
        if path.suffix.lower() == ".npy":
            array = np.load(path, mmap_mode="r", allow_pickle=False)
            for start in range(0, len(array), size):
                yield np.array(array[start : start + size])
            return
        with zipfile.ZipFile(path) as archive, archive.open(f"{key}.npy") as stream:
            read = {(1, 0): np.lib.format.read_array_header_1_0}.get(np.lib.format.read_magic(stream))
            _, by_columns, _ = (read or np.lib.format.read_array_header_2_0)(stream)
            if by_columns:
                raise DataError(f"{path}: expected {key!r} in C order, got Fortran order: save a C-ordered copy")
            row = math.prod(header.shape[1:]) * header.dtype.itemsize
            for start in range(0, header.shape[0], size):
                count = min(size, header.shape[0] - start)
                content = stream.read(count * row)
                if len(content) < count * row:
                    raise DataError(f"{path}: cannot be read (it ends within {key!r})")
                yield np.frombuffer(content, header.dtype).reshape(count, *header.shape[1:])
