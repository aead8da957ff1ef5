"""The paths of a command: the run it reads, and where it writes.

Where it writes is checked before it starts, because a run may train for hours before that.
"""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import click

from jaxgan.files import StoreError, exported
from jaxgan.study.config import WITH_GENERATORS
from jaxgan.study.messages import OptionError

_DEEPEST = 200  # levels, far more than anybody uses; `mkdir` with parents recurses once per level


def newest(run: Path | None) -> Path:
    """Return the given run, or without one the newest under runs/.

    Raises:
      StoreError: if there is none.
    """
    from jaxgan.results.claim import job_of

    if run is not None:
        return run
    runs = [path for path in Path("runs").glob("*") if job_of(path) in WITH_GENERATORS]
    if not runs:
        raise StoreError("there is no run under runs/ yet; name a run's folder, or train one with `jaxgan compare`")
    return max(runs, key=lambda path: (path / "config.json").stat().st_mtime)


def folder_to_write(context: click.Context, option: click.Parameter, given: str | None) -> Path | None:
    """Check that the folder of --out, or runs/, can be created and written to; a click callback.

    Raises:
      OptionError: if it cannot.
    """
    path = Path("runs" if given is None else given)
    if len(path.parts) > _DEEPEST:
        raise OptionError("out", f"got a path of {len(path.parts):,} folders, expected at most {_DEEPEST}")
    _try_folder(path, given or "runs/")
    return None if given is None else path


def picture_to_write(context: click.Context, option: click.Parameter, given: str | None) -> Path | None:
    """Check that the file of --out can be written; a click callback.

    Raises:
      OptionError: if it cannot.
    """
    return None if given is None else samples_to_write(given, None)


def export_to_write(context: click.Context, option: click.Parameter, given: str | None) -> Path | None:
    """Check that the files of `jaxgan export --out` can be written; a click callback.

    Raises:
      OptionError: if they cannot.
    """
    return None if given is None else _file(given, "a file such as generator.jax", exported)


def samples_to_write(given: str, kind: str | None) -> Path:
    """Check that the file or folder of `jaxgan sample --as KIND --out` can be written; None for a picture and arrays.

    Raises:
      OptionError: if it cannot.
    """
    if kind is None:
        return _file(given, "a file such as samples.png", _picture_and_arrays)
    if kind == "npz":
        return _file(given, "a file such as samples.npz", lambda path: [path])
    return _file(given, "a new folder such as samples", lambda path: [])


def _file(given: str, expected: str, files: Callable[[Path], list[Path]]) -> Path:
    path = Path(given)
    if path.name in ("", ".."):
        raise OptionError("out", f"got {given!r}, expected {expected}")
    for file in files(path):
        if _is_folder(file):
            raise OptionError("out", f"{file} is a folder, expected a file")
    if not _is_folder(path.parent):
        there = _is_there(path.parent)
        raise OptionError("out", f"{path.parent} is a file, expected a folder" if there else
                          f"there is no folder {path.parent}")  # fmt: skip
    _try_folder(path.parent, given)
    return path


def _picture_and_arrays(path: Path) -> list[Path]:
    return [path.with_suffix(".png"), path.with_suffix(".npz")]


def _try_folder(path: Path, wanted: str) -> None:
    there = path
    try:
        while not _is_there(there):
            there = there.parent
        if there.is_symlink() and not there.exists():
            raise OptionError("out", f"{there} is a broken link, expected a folder")
        if not there.is_dir():
            raise OptionError("out", f"{there} is a file, expected a folder")
        # Permission bits do not cover read-only disks, quotas or /proc, and do not bind root.
        os.rmdir(tempfile.mkdtemp(prefix=".jaxgan-", dir=there))
    except OSError as error:
        line = f"nothing can be written to {there} ({error.strerror}), expected a place for {wanted}"
        raise OptionError("out", line) from error


def _is_there(path: Path) -> bool:
    """Return whether the path exists, also as a broken link; raise an `OSError` if the name is invalid."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return path == path.parent  # stop at the root, or if the current folder was deleted
    return True


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError as error:  # for example, a name that is too long
        raise OptionError("out", f"{path}: {error.strerror}") from error
