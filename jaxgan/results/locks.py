"""Lock a folder with the operating system, so that only one process at a time writes to it."""

import json
import os
import socket
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from jaxgan.files import StoreError
from jaxgan.results.contents import LOCK


class Lock:
    """The lock of a folder, held by this process until it is released or the process ends.

    Raises:
      StoreError: if another process holds it and `wait` is False.
    """

    def __init__(self, folder: Path, *, wait: bool = False):
        self._file = folder / LOCK
        self._lock = FileLock(self._file, timeout=-1 if wait else 0)
        try:
            self._lock.acquire()
        except Timeout as error:
            raise StoreError(f"{folder} is in use{owner(folder)}; wait for it, or name another folder") from error
        since = datetime.now(UTC).isoformat(" ", "seconds")
        about = {"process": os.getpid(), "host": socket.gethostname(), "since": since}
        with suppress(PermissionError):  # Windows denies reading and writing a locked file; messages name no process
            self._file.write_text(json.dumps(about) + "\n", encoding="utf-8")  # no rename: this file is the lock
        self._seen = _identity(self._file)

    def holds(self) -> bool:
        """Return whether others still find this lock: not if its file was removed or replaced."""
        return _identity(self._file) == self._seen

    def release(self) -> None:
        """Release the lock so that others can write to the folder."""
        self._lock.release()


def holder(folder: Path) -> dict[str, Any] | None:
    """Return the process, host and start time of the process that is writing to `folder`, or None if there is none.

    Raises:
      OSError: if the lock belongs to another user and is not accessible.
    """
    if not (folder / LOCK).is_file():
        return None
    lock = FileLock(folder / LOCK, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        return _about(folder)
    lock.release()
    return None


def at_work(folder: Path) -> list[Path]:
    """Return the folders below `folder` that others are writing: nested runs, and parts of this run.

    Workers, which write the parts, may continue after their leading process stopped.
    """
    below = sorted({lock.parent for lock in folder.rglob(LOCK)} - {folder})
    return [one for one in below if holder(one) is not None]


def owner(folder: Path) -> str:
    """Describe the process that holds the lock of a folder, to follow "is in use"."""
    if not (about := _about(folder)):
        return " by another process"
    return f" by process {about['process']} on {about['host']}, since {about['since']}"


def _about(folder: Path) -> dict[str, Any]:
    try:
        about = json.loads((folder / LOCK).read_text(encoding="utf-8"))
        return {name: about[name] for name in ("process", "host", "since")}
    except (OSError, ValueError, KeyError, TypeError):  # the process holds the lock but has not written its details yet
        return {}


def _identity(file: Path) -> tuple[int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
