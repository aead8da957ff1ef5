"""Check output paths before a command starts, because a run may train for hours before it writes."""

import os
import tempfile
from pathlib import Path

import click

from jaxgan.study.messages import OptionError

_DEEPEST = 200  # levels, far more than anybody uses; `mkdir` with parents recurses once per level


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
    if given is None:
        return None
    path = Path(given)
    if path.name in ("", ".."):
        raise OptionError("out", f"got {given!r}, expected a file such as samples.png")
    for file in (path.with_suffix(".png"), path.with_suffix(".npz")):
        if _is_folder(file):
            raise OptionError("out", f"{file} is a folder, expected a file")
    if _is_folder(path.parent):  # otherwise `_try_folder` reports the missing folder
        _try_folder(path.parent, given)
    return path


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
