"""How the numbers of an array are read as grey levels, points and labels, by the same rules for every source.

Each function takes all parts of a data set together (training and held-out examples), so that all are read alike.
"""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from jaxgan.data.source import DataError

TOLERANCE = 0.01  # share of a range by which resizing or a round trip through PCA may exceed it
DEPTHS = (8, 10, 12, 14, 16)  # bits that cameras and scanners store in 16
Name = str | Path
Notes = tuple[str, ...]
_DEPTH_NOTE = re.compile(r": 16-bit values \d+\.\.\d+ are read as (\d+) bits")  # of `integer_levels`


def depth_of(notes: Notes) -> int | None:
    """The bits that the 16-bit values of a set are read as, by its notes; None if it has none.

    >>> depth_of(integer_levels([np.array([0, 4095], np.uint16)], np.dtype(np.uint16), "a")[1]), depth_of(("a note",))
    (12, None)
    """
    return next((int(found[1]) for note in notes if (found := _DEPTH_NOTE.search(note))), None)


def as_images(
    parts: Sequence[np.ndarray], name: Name, value_range: tuple[float, float] | None = None
) -> tuple[list[np.ndarray], Notes]:
    """Arrays [n, h, w] or [n, h, w, c] as [n, h, w, c], uint8 or float32 in [-1, 1], and notes on how they were read.

    bool        black and white
    integers    0..255; if the largest is 1, 0 and 1 are black and white
    uint16      the smallest depth of 8, 10, 12, 14 or 16 bits that holds all values
    floats      [0, 1] if that holds all values, otherwise [-1, 1]; an excess of up to 1 % of the range is clipped

    `value_range` (low, high) overrides this with the values of black and white, for any type.

    Raises:
      DataError: shapes, types or values that are not images; the message begins with `name`.

    Example:
      >>> images, notes = as_images([np.array([[[0.0, 0.5], [1.0, -1e-7]]])], "a.npy")
      >>> images[0].ravel(), notes
      (array([-1.,  0.,  1., -1.], dtype=float32), ('a.npy: floats -1e-07..1 are read as [0, 1] and clipped to it',))
    """
    parts = [_with_channels(np.asarray(part), name) for part in parts]
    _check_alike(parts, name)
    dtype = np.result_type(*parts)
    if not (dtype.kind == "b" or np.issubdtype(dtype, np.integer) or np.issubdtype(dtype, np.floating)):
        raise DataError(f"{name}: expected integer, floating-point or bool images, got {dtype}")
    if value_range is not None:
        return _scaled(parts, name, value_range), ()
    if dtype.kind == "b":
        return [part.astype(np.uint8) * np.uint8(255) for part in parts], ()
    return integer_levels(parts, dtype, name) if np.issubdtype(dtype, np.integer) else _floats(parts, name)


def as_points(parts: Sequence[np.ndarray], name: Name) -> tuple[list[np.ndarray], Notes]:
    """Arrays [n, d] as float32 with unchanged values, and a line with their means and standard deviations.

    Nothing is standardized, so distances between samples and data keep the units of the data. Outputs of untrained
    networks are near 0 with a scale of 1, so divide data of another scale by that scale first.

    Raises:
      DataError: another shape, values that are not numbers, or NaN and infinite values.

    Example:
      >>> as_points([np.array([[0.0, 10.0], [2.0, 30.0]])], "pair.npy")[1]
      ('pair.npy: 2 points, used as they are; means 1, 20, standard deviations 1, 10',)
    """
    found = []
    for part in map(np.asarray, parts):
        if part.ndim != 2 or 0 in part.shape:
            raise DataError(f"{name}: expected points [n, d], got shape {list(part.shape)}")
        if part.dtype == np.uint8 or part.dtype.kind == "b":
            raise DataError(
                f"{name}: expected points [n, d] of floats, got {part.dtype} of shape {list(part.shape)}; "
                "images are [n, h, w] or [n, h, w, c]: reshape them"
            )
        if not (np.issubdtype(part.dtype, np.floating) or np.issubdtype(part.dtype, np.integer)):
            raise DataError(f"{name}: expected points of floats or integers, got {part.dtype}")
        with np.errstate(over="ignore"):  # values beyond float32 are reported as infinite
            found.append(np.ascontiguousarray(part, np.float32))
        _check_finite(found[-1], name)
    _check_alike(found, name)
    everything = np.concatenate(found).astype(np.float64)
    means, deviations = (_listed(values) for values in (everything.mean(axis=0), everything.std(axis=0)))
    line = f"{name}: {len(everything):,} points, used as they are; means {means}, standard deviations {deviations}"
    if everything.shape[1] >= 16:
        line += "; if they are images, store them as [n, h, w] or [n, h, w, c]"
    return found, (line,)


def as_labels(
    parts: Sequence[np.ndarray], counts: Sequence[int], name: Name
) -> tuple[list[np.ndarray], tuple[str, ...]]:
    """Labels as int32 [n] in 0..k-1, and the names of the k classes.

    Labels are integers, bools or strings, [n] or [n, 1], numbered in ascending order, or one-hot rows [n, k].

    Raises:
      DataError: anything else, or a number of labels other than `counts`.

    Example:
      >>> as_labels([np.array(["dog", "cat", "dog"])], [3], "pets.npz")
      ([array([1, 0, 1], dtype=int32)], ('cat', 'dog'))
    """
    flat = [_one_each(np.asarray(part), n, name) for part, n in zip(parts, counts, strict=True)]
    values, inverse = np.unique(np.concatenate(flat), return_inverse=True)
    labels = np.split(inverse.astype(np.int32), np.cumsum(counts)[:-1])
    return labels, tuple(value.decode() if isinstance(value, bytes) else str(value) for value in values.tolist())


def _one_each(y: np.ndarray, n: int, name: Name) -> np.ndarray:
    if len(y.shape) == 2 and len(y) == n and y.shape[1] >= 2 and _is_one_hot(y):
        return y.argmax(axis=1)
    if y.shape == (n, 1):
        y = y[:, 0]
    if y.shape != (n,):
        raise DataError(f"{name}: expected {n} labels, one per example, or one-hot rows, got shape {list(y.shape)}")
    if not (np.issubdtype(y.dtype, np.integer) or y.dtype.kind in "bUST"):
        raise DataError(f"{name}: expected integer, string, bool or one-hot labels, got {y.dtype}")
    empty = np.flatnonzero(np.strings.str_len(np.strings.strip(y)) == 0 if y.dtype.kind in "UST" else np.zeros(n, bool))
    if len(empty):
        count = f"{len(empty):,} {'is' if len(empty) == 1 else 'are'} empty"
        raise DataError(f"{name}: expected a label for every example, but {count}, the first at index {empty[0]}")
    return y


def _is_one_hot(y: np.ndarray) -> bool:
    return y.dtype.kind in "buif" and bool(((y == 0) | (y == 1)).all() and (y.sum(axis=1) == 1).all())


def _with_channels(x: np.ndarray, name: Name) -> np.ndarray:
    if x.ndim not in (3, 4) or x.size == 0:
        raise DataError(f"{name}: expected images [n, h, w] or [n, h, w, c], got shape {list(x.shape)}")
    if x.ndim == 3 and x.shape[-1] in (3, 4) and x.shape[1] > 4:
        raise DataError(
            f"{name}: expected images [n, h, w] or [n, h, w, c], got shape {list(x.shape)}: for one colour image, "
            f"store x[None]; for {len(x)} grey ones of width {x.shape[-1]}, store x[..., None]"
        )
    x = x[..., None] if x.ndim == 3 else x
    if x.shape[-1] > 4:
        raise DataError(f"{name}: expected 1 to 4 channels on the last axis, got shape {list(x.shape)}")
    return x


def integer_levels(
    parts: Sequence[np.ndarray], dtype: np.dtype, name: Name, high: int | None = None
) -> tuple[list[np.ndarray], Notes]:
    """Integers of any shape as uint8, by the rules of `as_images`; `high` is the largest value, if known.

    Example:
      >>> integer_levels([np.array([0, 2048, 4095], np.uint16)], np.dtype(np.uint16), "scan.png")
      ([array([  0, 128, 255], dtype=uint8)], ('scan.png: 16-bit values 0..4095 are read as 12 bits, 0..4095',))
    """
    low = int(min(part.min() for part in parts))
    high = int(max(part.max() for part in parts)) if high is None else high
    deep = dtype.kind == "u" and dtype.itemsize == 2  # of either byte order
    highest = 65535 if deep else 255
    if low < 0 or high > highest:
        raise DataError(
            f"{name}: expected integers in 0..255, or uint16, got {dtype} {low}..{high}; {_hint(low, high)}"
        )
    if high == 1:  # otherwise they would all be black
        note = f"{name}: the largest value is 1, so 0 and 1 are read as black and white"
        return [part.astype(np.uint8) * np.uint8(255) for part in parts], (note,)
    depth = next(depth for depth in DEPTHS if high < 2**depth)
    notes: Notes = ()
    if deep:
        notes = (f"{name}: 16-bit values {low}..{high} are read as {depth} bits, 0..{2**depth - 1}",)
    if high - low < 2 ** (depth - 1):
        half = f"{name}: values {low}..{high} fill less than half of 0..{2**depth - 1}; {_hint(low, high)}"
        notes = (*notes, half)
    return [(part >> (depth - 8)).astype(np.uint8) if depth > 8 else part.astype(np.uint8) for part in parts], notes


def _floats(parts: list[np.ndarray], name: Name) -> tuple[list[np.ndarray], Notes]:
    for part in parts:
        _check_finite(part, name)
    low, high = float(min(part.min() for part in parts)), float(max(part.max() for part in parts))
    span = f"{low:g}..{high:g}"
    bottom = 0 if low >= -TOLERANCE else -1
    margin = TOLERANCE * (1 - bottom)
    if low < bottom - margin or high > 1 + margin:
        raise DataError(f"{name}: expected floats in [0, 1] or [-1, 1], got {span}; {_hint(low, high)}")
    notes: Notes = ()
    if low < bottom or high > 1:
        notes = (f"{name}: floats {span} are read as [{bottom}, 1] and clipped to it",)
        parts = [part.clip(bottom, 1) for part in parts]
    if high - low < (1 - bottom) / 2 or (bottom == -1 and low > -0.5):
        notes = (*notes, f"{name}: floats {span} are read as [{bottom}, 1], which they do not fill; {_hint(low, high)}")
    x = [part.astype(np.float32) for part in parts]
    return [part * 2 - 1 for part in x] if bottom == 0 else x, notes


def _scaled(parts: list[np.ndarray], name: Name, value_range: tuple[float, float]) -> list[np.ndarray]:
    low, high = (float(value) for value in value_range)
    if not (np.isfinite([low, high]).all() and low < high):
        raise DataError(f"{name}: expected a range (low, high) with low < high, got ({low:g}, {high:g})")
    width, found = high - low, []
    for part in parts:
        _check_finite(part, name)
        smallest, largest = float(part.min()), float(part.max())
        if smallest < low - TOLERANCE * width or largest > high + TOLERANCE * width:
            raise DataError(f"{name}: expected values in {low:g}..{high:g}, got {smallest:g}..{largest:g}")
        unit = (part.astype(np.float64) - low) / width
        found.append((unit.clip(0, 1) * 2 - 1).astype(np.float32))
    return found


def _hint(low: float, high: float) -> str:
    if low == high:
        return "all values are equal"
    if 1 + TOLERANCE < high <= 255 and low >= 0:
        return "value_range=(0, 255) reads them as grey levels" + (
            f", value_range=({low:g}, {high:g}) stretches them" if high < 255 else ""
        )
    return f"set value_range=(low, high), the values of black and white, here perhaps ({low:g}, {high:g})"


def _check_alike(parts: list[np.ndarray], name: Name) -> None:
    for part in parts:
        if part.shape[1:] != parts[0].shape[1:]:
            sizes = f"{list(part.shape[1:])} beside {list(parts[0].shape[1:])}"
            raise DataError(f"{name}: expected training and held-out examples of the same shape, got {sizes}")


def _check_finite(x: np.ndarray, name: Name) -> None:
    bad = ~np.isfinite(x)
    if bad.any():
        first = [int(i) for i in np.unravel_index(bad.argmax(), x.shape)]
        raise DataError(f"{name}: {bad.sum()} values are NaN or infinite, the first at index {first}")


def _listed(values: np.ndarray) -> str:
    """Up to four numbers in full; of more, the smallest and the largest."""
    if len(values) <= 4:
        return ", ".join(f"{value:.3g}" for value in values)
    return f"{values.min():.3g} to {values.max():.3g}"
