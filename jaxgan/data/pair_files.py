"""Image pairs from disk: two folders with matching file names, a folder of side-by-side pictures, or a .npz file."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from jaxgan.data.folders import SPLITS, Parts, as_levels, check_memory, notes_of, pictures_below, split_by_folders
from jaxgan.data.numpy_files import base_of, check_memory_for, headers_of, meaning_of, reading
from jaxgan.data.pictures import PICTURES, Seen, read_picture, square, stack
from jaxgan.data.source import DataError

NAMED = (("input", "target"), ("a", "b"))
"""Names for the folders of inputs and targets, in upper or lower case."""

_EXPECTED = (
    "expected folders input/ and target/ (or A/ and B/) with pictures of the same names, or pictures that are pairs "
    "side by side, perhaps in train/ and test/"
)
_SHOWN = 5  # folders named in a message


class StoredPairs(NamedTuple):
    """Inputs and targets as stored: all of them, or the training and the held-out ones."""

    inputs: list[np.ndarray]
    targets: list[np.ndarray]
    notes: tuple[str, ...] = ()


def read_pair_folder(root: Path, image_size: int | None, background: int, *, as_stored: bool = False) -> StoredPairs:
    """The pairs of a folder, divided by its own split if it has one.

    If it has two folders named `input` and `target`, or `A` and `B`, pictures with the same name form a pair, whatever
    their suffix. Otherwise every picture is a side-by-side pair: the left half is the input, the right half the target.

    Raises:
      DataError: no pictures, a picture without a partner, or sizes or channels that differ; one line with the file.
    """
    seen = Seen()
    if (found := _two_folders(root)) is None:
        sides, notes = _side_by_side(root, image_size, background, seen)
    else:
        sides, notes = _by_name(*found, image_size, background, seen)
    parts: list[list[np.ndarray]] = []
    for halves in sides:
        levels, more = as_levels(root, [list(stack(*half)) for half in halves], None if as_stored else seen)
        parts.append([np.stack(half) for half in levels])
        notes += [note for note in more if note not in notes]
    return StoredPairs(parts[0], parts[1], (*notes, *notes_of(root, seen, background)))


def read_pair_arrays(path: Path) -> StoredPairs:
    """The pairs of a .npz file: targets as `x` and inputs as `input`, or `x_train`, `input_train`, `x_test`, ....

    Raises:
      DataError: a damaged file, no such arrays, or different numbers of targets and inputs.
    """
    headers = headers_of(path)
    keys: dict[tuple[str | None, str], str] = {}
    for key in headers:
        keys.setdefault((meaning_of(key)[0], base_of(key)), key)
    splits = [None] if (None, "x") in keys else ["train", *[s for s in ("test", "val") if (s, "x") in keys][:1]]
    for wanted in [(split, name) for split in splits for name in ("x", "input")]:
        if wanted not in keys:
            listed = ", ".join(f"{key!r} {list(header.shape)}" for key, header in headers.items()) or "no arrays"
            raise DataError(f"{path}: expected targets under 'x' and inputs under 'input', or x_train, input_train, "
                            f"x_test and input_test, got {listed}")  # fmt: skip
    used = {keys[split, name] for split in splits for name in ("x", "input")}
    check_memory_for(path, {key: headers[key] for key in used})
    with reading(path), np.load(path, allow_pickle=False) as arrays:
        x, y = ([arrays[keys[split, name]] for split in splits] for name in ("x", "input"))
    for split, targets, inputs in zip(splits, x, y, strict=True):
        if len(targets) != len(inputs):
            names = keys[split, "x"], keys[split, "input"]
            raise DataError(f"{path}: expected an input for each target, got {len(targets):,} in {names[0]!r} and "
                            f"{len(inputs):,} in {names[1]!r}")  # fmt: skip
    left_out = sorted(set(headers) - used)
    notes = (f"{path}: left out {', '.join(map(repr, left_out))}",) if left_out else ()
    return StoredPairs(y, x, notes)


def factor_between(x: np.ndarray, y: np.ndarray) -> int | None:
    """The factor by which pixels of x [..., h, w, c] are repeated to match the size of y; None if there is none.

    Example:
      >>> factor_between(np.zeros((4, 4, 1)), np.zeros((8, 8, 3)))
      2
    """
    (h, w), (high, wide) = x.shape[-3:-1], y.shape[-3:-1]
    return high // h if high % h == 0 and (high // h) * w == wide else None


_Halves = list[tuple[list[np.ndarray], list[str]]]
"""Pictures and their names for messages, on one side or both of the split."""


def _two_folders(root: Path) -> tuple[Path, Path, Path] | None:
    """(root, inputs, targets), if both folders exist."""
    with reading(root):
        below = {path.name.lower(): path for path in sorted(root.iterdir()) if path.is_dir()}
    for pair in NAMED:
        if set(pair) <= set(below):
            return root, below[pair[0]], below[pair[1]]
    return None


def _by_name(
    root: Path, inputs: Path, targets: Path, image_size: int | None, background: int, seen: Seen
) -> tuple[tuple[_Halves, _Halves], list[str]]:
    files, others = (_by_stem(folder) for folder in (inputs, targets))
    for here, there, own, other in ((inputs, targets, files, others), (targets, inputs, others, files)):
        missing = sorted(set(own) - set(other))
        if missing:
            count = f" ({len(missing)} have none)" if len(missing) > 1 else ""
            raise DataError(f"{here.joinpath(*own[missing[0]])}: expected a picture of this name in {there}, "
                            f"got none{count}")  # fmt: skip
    halves, notes = split_by_folders(inputs, list(files.values()))
    read: tuple[_Halves, _Halves] = [], []
    for half in halves:
        for side, folder, parts in zip(read, (inputs, targets), (files, others), strict=True):
            paths = [folder.joinpath(*parts[_stem(own)]) for own in half.files]
            side.append(([_picture(path, image_size, background, seen, root, len(files)) for path in paths],
                         list(map(str, paths))))  # fmt: skip
        for x, y, name in zip(read[0][-1][0], read[1][-1][0], read[1][-1][1], strict=True):
            if factor_between(x, y) is None:
                raise DataError(f"{name} is {_size(y)} but its input is {_size(x)}: give one size for all with "
                                "--image-size")  # fmt: skip
    return read, notes


def _side_by_side(
    root: Path, image_size: int | None, background: int, seen: Seen
) -> tuple[tuple[_Halves, _Halves], list[str]]:
    files = _pictures(root)
    _check_folders(root, files)
    halves, notes = split_by_folders(root, files)
    read: tuple[_Halves, _Halves] = [], []
    for half in halves:
        paths = [root.joinpath(*parts) for parts in half.files]
        left, right = list[np.ndarray](), list[np.ndarray]()
        for path in paths:
            picture = _picture(path, None, background, seen, root, len(files))
            if picture.shape[1] % 2:
                raise DataError(f"{path}: expected two images of equal width side by side, got {_size(picture)} pixels")
            if picture.shape[1] <= picture.shape[0]:
                raise DataError(
                    f"{path}: expected two images side by side, so wider than high, got {_size(picture)} pixels; "
                    "inputs and targets that are pictures of their own go into folders named input/ and target/"
                )
            for side, part in zip((left, right), np.split(picture, 2, axis=1), strict=True):
                side.append(part if image_size is None else square(part, image_size))
        for halves_of, own in zip(read, (left, right), strict=True):
            halves_of.append((own, list(map(str, paths))))
    return read, notes


def _check_folders(root: Path, files: list[Parts]) -> None:
    """Refuses folders of pictures, other than those of a split, with no pictures beside them: they have misspelt names.

    Otherwise the pictures in inputs/ and targets/ would each be cut into halves that are no pair.
    """
    tops = {parts[0] for parts in files if len(parts) > 1 and parts[0].lower() in SPLITS} or {""}
    for top in sorted(tops):
        below = [parts[1:] for parts in files if parts[0] == top] if top else files
        if all(len(parts) > 1 for parts in below):
            found = sorted({parts[0] for parts in below})
            got = ", ".join(f"{name}/" for name in found[:_SHOWN]) + (", ..." if len(found) > _SHOWN else "")
            raise DataError(f"{root / top}: {_EXPECTED}, got only {got}")


def _pictures(root: Path) -> list[Parts]:
    found = pictures_below(root).pictures
    if not found:
        raise DataError(f"{root}: no pictures found; looked for {', '.join(sorted(PICTURES))}")
    return found


def _picture(path: Path, image_size: int | None, background: int, seen: Seen, root: Path, count: int) -> np.ndarray:
    picture = read_picture(path, image_size, background, seen)[0]
    check_memory(root, picture, 2 * count)
    return picture


def _by_stem(folder: Path) -> dict[Parts, Parts]:
    """The pictures of a folder by their paths without suffix."""
    found: dict[Parts, Parts] = {}
    for parts in _pictures(folder):
        if (other := found.setdefault(_stem(parts), parts)) != parts:
            both = f"{folder.joinpath(*other)} and {folder.joinpath(*parts)}"
            raise DataError(f"{both}: expected one picture of each name, whatever its suffix; leave one out")
    return found


def _stem(parts: Parts) -> Parts:
    return (*parts[:-1], parts[-1].rpartition(".")[0])


def _size(x: np.ndarray) -> str:
    return "x".join(map(str, x.shape[:2]))
