"""Folders of pictures: which files are read, and the class and side of the split of each."""

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jaxgan.data.numpy_files import Stored
from jaxgan.data.pictures import PICTURES, Seen, read_picture, stack
from jaxgan.data.source import DataError
from jaxgan.data.values import integer_levels
from jaxgan.memory import available_memory

SPLITS = {"train": "train", "training": "train", "test": "test", "testing": "test"}
SPLITS |= dict.fromkeys(("val", "valid", "validation"), "val")
_JUNK = frozenset({"@eadir", "__macosx", "thumbs.db", "desktop.ini", "$recycle.bin"})  # besides all hidden files

Parts = tuple[str, ...]  # a path below the root, as a tuple of its parts


class _Listing(NamedTuple):
    pictures: list[Parts]  # in ascending order
    left_out: Counter[str]  # by suffix


class _Half(NamedTuple):
    """The pictures on one side of the split, and their classes (None: no classes)."""

    files: list[Parts]
    classes: list[str] | None


def read_folder(root: Path, image_size: int | None, background: int, *, as_stored: bool = False) -> Stored:
    """The pictures of a folder, labelled by its class folders and divided by its own split, if it has any.

    Pictures are uint8; those of 16 bits are scaled by their depth, or keep their values with `as_stored`.

    Raises:
      DataError: no pictures, damaged pictures, sizes that differ, or a folder that contains itself.
    """
    listing = pictures_below(root)
    if not listing.pictures:
        left = f"; left out {_counted(listing.left_out)}" if listing.left_out else ""
        raise DataError(f"{root}: no pictures found; looked for {', '.join(sorted(PICTURES))}{left}")
    halves, notes = split_by_folders(root, listing.pictures)
    if listing.left_out:
        count = listing.left_out.total()
        files = (
            "1 file is not a readable picture and was"
            if count == 1
            else f"{count:,} files are not readable pictures and were"
        )
        notes.append(f"{root}: {files} left out ({_counted(listing.left_out)})")
    seen, x, y = Seen(), [], []
    found = [_read_half(root, half, image_size, background, seen, sum(len(h.files) for h in halves)) for half in halves]
    pictures, level_notes = as_levels(root, [pictures for pictures, _, _ in found], None if as_stored else seen)
    for half, (_, names, labels) in zip(pictures, found, strict=True):
        x.append(stack(half, names))
        y.append(None if labels is None else np.array(labels))
    return Stored(x, y, (*notes, *level_notes, *notes_of(root, seen, background)))


def pictures_below(root: Path) -> _Listing:
    """All files below the root; links to folders are followed."""
    pictures: list[Parts] = []
    left_out: Counter[str] = Counter()
    waiting: list[tuple[Parts, frozenset[tuple[int, int]]]] = [((), frozenset())]
    while waiting:
        parts, above = waiting.pop()
        folder = root.joinpath(*parts)
        try:
            here = os.stat(folder)
            identity = (here.st_dev, here.st_ino)
            if identity in above:
                raise DataError(f"{folder}: expected a tree of folders, got a link to a folder that contains it")
            names = [name for name in os.listdir(folder) if not name.startswith(".") and name.lower() not in _JUNK]
            for path in (folder / name for name in names):
                suffix = path.suffix.lower()
                if path.is_dir():
                    waiting.append(((*parts, path.name), above | {identity}))
                elif suffix in PICTURES and path.is_file():
                    pictures.append((*parts, path.name))
                else:
                    left_out[suffix if path.is_file() else "broken links"] += 1
        except OSError as error:
            raise DataError(f"{_shortened(folder)}: cannot be read ({error.strerror})") from error
    return _Listing(sorted(pictures), left_out)


def split_by_folders(root: Path, files: list[Parts]) -> tuple[list[_Half], list[str]]:
    """[everything], or [training, held out] if folders in the root define a split."""
    tops = {parts[0] for parts in files if len(parts) > 1}
    roles: dict[str, str] = {}
    for top in sorted(tops):
        roles.setdefault(SPLITS.get(top.lower(), ""), top)
    loose = any(len(parts) == 1 for parts in files)
    if loose or "train" not in roles or (len(roles) == 1 and len(tops) > 1) or set(roles) == {"", "train"}:
        return [_half(root, files, 0)], []

    def below(top: str) -> list[Parts]:
        return [parts for parts in files if parts[0] == top]

    train = _half(root / roles["train"], below(roles["train"]), 1)
    halves = [train]
    for role in ("test", "val"):
        if len(halves) == 1 and role in roles:
            half = _half(root / roles[role], below(roles[role]), 1)
            if (half.classes is None) == (train.classes is None):
                halves.append(half)
    used = [half.files[0][0] for half in halves]
    line = f"{root}: trained on {used[0]}/ ({len(train.files):,} pictures), "
    line += f"held out {used[1]}/ ({len(halves[1].files):,})" if len(halves) == 2 else "and a part of these is held out"
    left_out = [f"{top}/ ({len(below(top)):,})" for top in sorted(tops - set(used))]
    return halves, [line + (f"; left out {', '.join(left_out)}" if left_out else "")]


def _half(root: Path, files: list[Parts], depth: int) -> _Half:
    inner = [parts[depth:] for parts in files]
    classes = sorted({parts[0] for parts in inner if len(parts) > 1})
    loose = [parts[0] for parts in inner if len(parts) == 1]
    if classes and loose:
        raise DataError(f"{root}: expected all pictures in class folders, or none, got {loose[0]} beside {classes[0]}/")
    for name in classes:
        if name.encode(errors="ignore") != name.encode(errors="surrogateescape"):
            raise DataError(f"{root}: expected names of class folders in UTF-8, got {name!r}; rename it")
    return _Half(files, [parts[0] for parts in inner] if classes else None)


def _read_half(
    root: Path, half: _Half, image_size: int | None, background: int, seen: Seen, count: int
) -> tuple[list[np.ndarray], list[str], list[str] | None]:
    """Pictures, their names for messages, and their classes; `count` is the number of files on both sides."""
    pictures, names, classes = [], [], []
    for i, parts in enumerate(half.files):
        file = root.joinpath(*parts)
        pages = read_picture(file, image_size, background, seen)
        if i == 0:
            check_memory(root, pages[0], count)
        pictures += pages
        names += [str(file)] if len(pages) == 1 else [f"{file} (page {i + 1})" for i in range(len(pages))]
        classes += [half.classes[i]] * len(pages) if half.classes else []
    return pictures, names, classes if half.classes else None


def check_memory(root: Path, first: np.ndarray, count: int) -> None:
    needed, free = 2 * first.nbytes * count, available_memory()  # the pictures and the array made from them
    if needed > free:
        size = "x".join(map(str, first.shape[:2]))
        raise DataError(
            f"{root}: expected pictures that fit twice into the free {free / 2**30:.2f} GiB of memory, "
            f"got {count:,} of {size}; give a smaller size with --image-size"
        )


def as_levels(
    root: Path, halves: Sequence[list[np.ndarray]], seen: Seen | None
) -> tuple[list[list[np.ndarray]], tuple[str, ...]]:
    """Converts all pictures to the same number of channels and, if `seen` is given, to uint8 by a common depth."""
    deep = [picture for half in halves for picture in half if picture.dtype == np.uint16]
    notes: tuple[str, ...] = ()
    if deep and seen is not None:
        deep, notes = integer_levels(deep, np.dtype(np.uint16), root, seen.highest)
    shallow = iter(deep)
    channels = max(picture.shape[-1] for half in halves for picture in half)
    levels = [[next(shallow) if picture.dtype == np.uint16 else picture for picture in half] for half in halves]
    return [[np.broadcast_to(picture, (*picture.shape[:2], channels)) for picture in half] for half in levels], notes


def notes_of(root: Path, seen: Seen, background: int) -> list[str]:
    notes = []
    if seen.transparent:
        shown = {0: "black", 255: "white"}.get(background, f"grey {background}")
        notes.append(f"{root}: {_pictures(seen.transparent)} with transparent pixels, shown on {shown}")
    if seen.paged:
        notes.append(f"{root}: {_pictures(seen.paged)} with several pages; each page is an example")
    if seen.animated:
        notes.append(f"{root}: {_pictures(seen.animated)} with several frames; only the first is read")
    return notes


def _pictures(count: int) -> str:
    return "1 picture" if count == 1 else f"{count:,} pictures"


def _counted(left_out: Counter[str]) -> str:
    return ", ".join(f"{count:,} {suffix or 'without a suffix'}" for suffix, count in left_out.most_common(5))


def _shortened(path: Path) -> str:
    text = str(path)
    return text if len(text) <= 200 else f"{text[:120]}...{text[-60:]}"
