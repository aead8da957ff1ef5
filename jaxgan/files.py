"""How a file is written, by everyone: whole or not at all. And what JSON makes of numbers that it has no word for."""

import hashlib
import json
import math
import os
import shutil
import tempfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PARTIAL = ".partial"
"""How the names of files end that are being written; one that is left was never finished."""


class StoreError(ValueError):
    """A folder or a file that is not what it should be; the message is one line."""


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """A temporary path in the folder of `path`, which takes its place when the block ends without an error.

    What was written is on the disk before it takes the place, and so is the place before this returns: a crash leaves
    the old file or the new one, and files are there in the order in which they were written.

    Example:
      >>> with tempfile.TemporaryDirectory() as folder:
      ...     with written_whole(Path(folder, "a.txt")) as partial:
      ...         _ = partial.write_text("whole")
      ...     os.listdir(folder)
      ['a.txt']
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=PARTIAL)
    os.close(descriptor)
    partial = Path(name)
    try:
        yield partial
        with partial.open("rb+") as file:  # Windows syncs only what could be written to
            os.fsync(file.fileno())
        partial.chmod(0o666 & ~current_umask())  # that of a temporary file is for its owner alone
        partial.replace(path)
        sync_folder(path.parent)
    finally:
        partial.unlink(missing_ok=True)


def remove_partials(folder: Path, but: Collection[Path] = ()) -> None:
    """Removes what a killed writer left in `folder` and below, but for folders that others have to themselves."""
    for path in list(folder.rglob(f"*{PARTIAL}")):
        if any(each in path.parents for each in but):
            continue
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def write_bytes(path: Path, content: bytes) -> None:
    """Bytes as they are."""
    with written_whole(path) as partial:
        partial.write_bytes(content)


def append_text(path: Path, text: str) -> None:
    """Adds whole lines to a journal; the last one may be lost or cut by a crash, and those before it are not."""
    with path.open("a", encoding="utf-8") as file:
        file.write(text)


def file_digest(path: Path) -> str:
    """The SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_json(path: Path, content: Any) -> None:
    """JSON that any reader takes: what is not finite becomes null."""
    with written_whole(path) as partial:
        text = json.dumps(plain(content, null=True), indent=2, allow_nan=False, ensure_ascii=False)
        partial.write_text(text + "\n", encoding="utf-8")


def write_text(path: Path, text: str) -> None:
    """A text in UTF-8."""
    with written_whole(path) as partial:
        partial.write_text(text, encoding="utf-8")


def plain(value: Any, *, null: bool = False) -> Any:
    """Containers and numbers as JSON has them; what is not finite becomes null, or a text that `float` reads back."""
    if hasattr(value, "tolist"):  # as arrays and their numbers have it; numpy is half of the time to `jaxgan --help`
        value = value.tolist()
    if isinstance(value, float) and not math.isfinite(value):
        return None if null else str(value)
    if isinstance(value, Mapping):
        return {str(key): plain(item, null=null) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item, null=null) for item in value]
    return value


def sync_folder(folder: Path) -> None:
    """Puts the names in a folder on the disk; where a folder cannot be opened, as on Windows, the system does so."""
    if hasattr(os, "O_DIRECTORY"):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def current_umask() -> int:
    """The permissions that new files are not given."""
    current = os.umask(0)
    os.umask(current)
    return current
