"""Write files atomically, and convert values to JSON, which cannot represent all numbers."""

import hashlib
import json
import math
import os
import re
import shutil
import tempfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PARTIAL = ".partial"
"""The suffix of files that are being written; their names begin with a dot. A leftover one was never finished."""

_OF_PROCESS = re.compile(r"\.pid(\d{1,9})-")
_CLOCKS = 1.0  # seconds by which the start of a process and the time of a file may disagree
_OF_EARLIER_MERGES = re.compile(r"seeds-\d+-\d+(-\d+)?\.partial")


class StoreError(ValueError):
    """Raised for an invalid folder or file, with a one-line message."""


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Yield a temporary path next to `path`, which replaces it if the block ends without an error.

    The file is synced to disk before the rename, and the folder after it. A crash therefore leaves either the old or
    the new file, and files appear in the order in which they were written.

    Example:
      >>> with tempfile.TemporaryDirectory() as folder:
      ...     with written_whole(Path(folder, "a.txt")) as partial:
      ...         _ = partial.write_text("whole")
      ...     os.listdir(folder)
      ['a.txt']
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=partial_prefix(), suffix=PARTIAL)
    os.close(descriptor)
    partial = Path(name)
    try:
        yield partial
        with partial.open("rb+") as file:  # Windows only syncs files that are open for writing
            os.fsync(file.fileno())
        partial.chmod(0o666 & ~current_umask())  # a temporary file is only accessible to its owner
        partial.replace(path)
        sync_folder(path.parent)
    finally:
        partial.unlink(missing_ok=True)


def partial_prefix() -> str:
    """Return the beginning of the name of what this process is writing, by which others see that it is being written.

    Example:
      >>> partial_prefix() == f".pid{os.getpid()}-"
      True
    """
    return f".pid{os.getpid()}-"


def is_partial(path: Path) -> bool:
    """Return whether a file or folder has a name that this package gives to what is being written.

    Example:
      >>> is_partial(Path("run/.x3f.partial")), is_partial(Path("film.mp4.partial"))
      (True, False)
    """
    return path.suffix == PARTIAL and (path.name.startswith(".") or _OF_EARLIER_MERGES.fullmatch(path.name) is not None)


def remove_partials(folder: Path, but: Collection[Path] = ()) -> None:
    """Remove what a killed writer left in `folder` and its subfolders, except in the folders in `but`.

    What a process of this machine is writing stays: samples are drawn into the folder of a run without its lock.
    """
    for path in list(folder.rglob(f"*{PARTIAL}")):
        if not is_partial(path) or any(each in path.parents for each in but) or _is_being_written(path):
            continue
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def _is_being_written(path: Path) -> bool:
    import psutil

    if (named := _OF_PROCESS.match(path.name)) is None:
        return False
    try:  # a process that is younger than the file only has the number of the one that wrote it
        return psutil.Process(int(named[1])).create_time() <= path.stat().st_mtime + _CLOCKS
    except (psutil.Error, OSError):
        return False


def write_bytes(path: Path, content: bytes) -> None:
    """Write bytes atomically."""
    with written_whole(path) as partial:
        partial.write_bytes(content)


def append_text(path: Path, text: str) -> None:
    """Append complete lines to a log file; a crash can only lose or truncate the last line."""
    with path.open("a", encoding="utf-8") as file:
        file.write(text)


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def exported(stem: Path) -> list[Path]:
    """Return the three files of an exported generator, named by one of them or without a suffix.

    Raises:
      ValueError: if the path has no name, as `.` and `/`.

    Example:
      >>> [path.name for path in exported(Path("lr_d=0.1"))], exported(Path("a.jax"))[2].name
      (['lr_d=0.1.jax', 'lr_d=0.1.json', 'lr_d=0.1.npz'], 'a.npz')
    """
    suffixes = ".jax", ".json", ".npz"
    base = stem.with_suffix("") if stem.suffix in suffixes else stem
    return [base.with_name(base.name + suffix) for suffix in suffixes]


def write_json(path: Path, content: Any) -> None:
    """Write standard JSON atomically; numbers that are not finite become null.

    Args:
      path: the file; its folder is created.
      content: mappings, sequences, numbers and texts; NumPy arrays become lists.

    Example:
      >>> with tempfile.TemporaryDirectory() as folder:
      ...     write_json(Path(folder, "a.json"), {"x": [1.5, math.nan]})
      ...     json.loads(Path(folder, "a.json").read_text())
      {'x': [1.5, None]}
    """
    with written_whole(path) as partial:
        text = json.dumps(plain(content, null=True), indent=2, allow_nan=False, ensure_ascii=False)
        partial.write_text(text + "\n", encoding="utf-8")


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text atomically."""
    with written_whole(path) as partial:
        partial.write_text(text, encoding="utf-8")


def plain(value: Any, *, null: bool = False) -> Any:
    """Convert containers and numbers to JSON types; non-finite numbers become None, or text that `float` can read."""
    if hasattr(value, "tolist"):  # NumPy arrays and scalars; importing NumPy takes half of the time of `jaxgan --help`
        value = value.tolist()
    if isinstance(value, float) and not math.isfinite(value):
        return None if null else str(value)
    if isinstance(value, Mapping):
        return {str(key): plain(item, null=null) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item, null=null) for item in value]
    return value


def sync_folder(folder: Path) -> None:
    """Sync a folder's directory entries to disk; a no-op where folders cannot be opened, as on Windows."""
    if hasattr(os, "O_DIRECTORY"):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def current_umask() -> int:
    """Return the current umask: the permission bits that new files do not get."""
    current = os.umask(0)
    os.umask(current)
    return current
