"""Arrays in .npy and .npz files: which ones are examples and which are labels, by name and shape."""

import math
import re
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np

from jaxgan.data.source import DataError
from jaxgan.memory import available_memory
from jaxgan.npy import LongHeader, npy_header

_SPLITS = {"train": "train", "training": "train", "test": "test", "testing": "test"}
_SPLITS |= dict.fromkeys(("val", "valid", "validation"), "val")
_X = ("x", "images", "image", "imgs", "data", "points", "samples", "features", "inputs", "arr_0")
_Y = ("y", "labels", "label", "targets", "target", "classes", "arr_1")
_PREFERRED = ("x", "images", "y", "labels")  # if several names match


class Stored(NamedTuple):
    """Arrays as stored: all examples, or the training and the held-out examples."""

    x: list[np.ndarray]
    y: list[np.ndarray | None]
    notes: tuple[str, ...] = ()


class Header(NamedTuple):
    """The shape and type of an array, from the header in its file."""

    shape: tuple[int, ...]
    dtype: np.dtype

    @property
    def bytes(self) -> int:
        """The bytes of its numbers in memory."""
        return math.prod(self.shape) * self.dtype.itemsize


def read_arrays(path: Path) -> Stored:
    """The examples and labels of a .npy or .npz file, as stored.

    In a .npz file, examples have a name such as x, images or data, and labels a name such as y, labels or target. With
    train, test or val as a prefix or suffix (x_train, test_images), the file's own split is used. If the file has only
    one array, it can have any name.

    Raises:
      DataError: a damaged file, one that does not fit into memory, or arrays of unclear meaning.
    """
    with reading(path), path.open("rb") as file:
        magic = file.read(6)
        file.seek(0)
        if magic == b"\x93NUMPY":
            check_memory_for(path, {path.name: _header(file, path, path.name)})
            file.seek(0)
            return Stored([np.load(file, allow_pickle=False)], [None])
        if magic[:2] == b"PK":
            return _read_archive(path, file)
        begins = f"begins with {magic.hex(' ')}" if magic else "is empty"
        raise DataError(f"{path}: cannot be read (expected a .npy or .npz file of NumPy, got one that {begins})")


@contextmanager
def reading(path: str | Path) -> Iterator[None]:
    """Turns any exception from a damaged file into a one-line DataError that names the file."""
    try:
        yield
    except DataError:
        raise
    except Exception as error:  # can come from anywhere in numpy, zipfile, zlib, Pillow or protobuf
        reason = next(iter(str(error).strip().splitlines()), "")
        raise DataError(f"{path}: cannot be read ({type(error).__name__}: {reason})") from error


def headers_of(path: Path) -> dict[str, Header]:
    """The headers of the arrays in a .npy or .npz file, by name; does not read their numbers.

    Raises:
      DataError: a damaged file, or Python objects.
    """
    with reading(path), path.open("rb") as file:
        if file.read(2) == b"PK":
            return _members(file, path)
        file.seek(0)
        return {path.name: _header(file, path, path.name)}


def _members(file: IO[bytes], path: Path) -> dict[str, Header]:
    headers = {}
    with zipfile.ZipFile(file) as archive:
        for member in archive.namelist():
            if member.endswith(".npy"):
                with archive.open(member) as stream:
                    headers[member.removesuffix(".npy")] = _header(stream, path, member)
    return headers


def _read_archive(path: Path, file: IO[bytes]) -> Stored:
    headers = _members(file, path)
    chosen = choose(path, headers)
    used = [key for pair in chosen.values() for key in pair if key is not None]
    check_memory_for(path, {key: headers[key] for key in used})
    notes = []
    if len(chosen) == 2:
        key = chosen["heldout"][0]
        notes.append(f"{path}: the {headers[key].shape[0]:,} examples of {key!r} are held out")
    if left_out := sorted(set(headers) - set(used)):
        notes.append(f"{path}: read {_quoted(used)}; left out {_quoted(left_out)}")
    file.seek(0)
    with np.load(file, allow_pickle=False) as arrays:
        x = [arrays[pair[0]] for pair in chosen.values()]
        y = [None if pair[1] is None else arrays[pair[1]] for pair in chosen.values()]
    return Stored(x, y, tuple(notes))


def _header(stream: IO[bytes], path: Path, member: str) -> Header:
    try:
        shape, _, dtype = npy_header(stream)
    except LongHeader as error:
        raise DataError(f"{path}: {error} in {member!r}") from error
    if dtype.hasobject:
        raise DataError(f"{path}: expected arrays of numbers, got Python objects in {member!r}, which are never loaded")
    return Header(shape, dtype)


def check_memory_for(path: Path, headers: Mapping[str, Header]) -> None:
    """Rejects arrays that do not fit into memory twice: the array itself and the parts that it is split into."""
    needed, free = 2 * sum(header.bytes for header in headers.values()), available_memory()
    if needed > free:
        named = ", ".join(f"{key!r} {list(header.shape)} {header.dtype}" for key, header in headers.items())
        raise DataError(
            f"{path}: expected arrays that fit twice into the free {free / 2**30:.2f} GiB of memory, "
            f"got {named} of {needed / 2**31:.2f} GiB"
        )


def choose(path: Path, headers: Mapping[str, Header]) -> dict[str, tuple[str, str | None]]:
    """The keys of (examples, labels): under "all", or under "train" and "heldout"."""
    found: dict[tuple[str | None, str], list[str]] = {}
    for key in headers:
        found.setdefault(meaning_of(key), []).append(key)

    def pick(split: str | None, role: str) -> str | None:
        keys = found.get((split, role), [])
        first = next((key for name in _PREFERRED for key in keys if base_of(key) == name), None)
        if first is None and len(keys) > 1:
            raise _unclear(path, headers)
        return first or next(iter(keys), None)

    train = "train" if ("train", "x") in found else None
    x, y = pick(train, "x"), pick(train, "y")
    others = [key for (split, role), keys in found.items() if split is None and role == "other" for key in keys]
    if x is None and len(others) == 1 and not any(split for split, _ in found):
        x = others[0]
    if x is None or (base_of(x) == "arr_0" and not _is_pair(headers)):
        raise _unclear(path, headers)
    heldout = next((split for split in ("test", "val") if (split, "x") in found), None)
    if heldout is None:
        return {"all": (x, y)}
    held_x = pick(heldout, "x")
    assert held_x is not None
    return {"train": (x, y), "heldout": (held_x, pick(heldout, "y"))}


def base_of(key: str) -> str:
    """The key without the name of a split: x for x_train, images for test_images."""
    return "_".join(word for word in re.split(r"[_\-. ]+", key.lower()) if word not in _SPLITS)


def meaning_of(key: str) -> tuple[str | None, str]:
    splits = [_SPLITS[word] for word in re.split(r"[_\-. ]+", key.lower()) if word in _SPLITS]
    base = base_of(key)
    return (splits[0] if splits else None), "x" if base in _X else "y" if base in _Y else "other"


def _is_pair(headers: Mapping[str, Header]) -> bool:
    """Arrays without a known name can be told apart if they are only examples, or examples with one label each."""
    first, second = headers["arr_0"].shape, headers["arr_1"].shape if "arr_1" in headers else None
    unnamed = sum(key.startswith("arr_") for key in headers)
    return unnamed == 1 or (unnamed == 2 and second is not None and second[:1] == first[:1] and len(second) <= 2)


def _unclear(path: Path, headers: Mapping[str, Header]) -> DataError:
    keys = sorted(headers, key=lambda key: -headers[key].bytes)
    listed = ", ".join(f"{key!r} {list(headers[key].shape)}" for key in headers) or "no arrays"
    renamed = f"x=file[{keys[0]!r}]" if keys else "x=..."
    n = headers[keys[0]].shape[:1] if keys else ()
    labels = [key for key in keys[1:] if headers[key].shape in (n, (*n, 1))]
    renamed += f", y=file[{labels[0]!r}]" if len(labels) == 1 else ""
    return DataError(
        f"{path}: expected examples under 'x' and labels, if any, under 'y', or x_train, y_train, x_test and y_test, "
        f"got {listed}; rename them: file = np.load({path.name!r}); np.savez('renamed.npz', {renamed})"
    )


def _quoted(keys: list[str]) -> str:
    return ", ".join(repr(key) for key in keys)
