"""The cache for results that are slow to compute. Deleting it only costs time."""

import functools
import os
import stat
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import numpy as np
from platformdirs import user_cache_dir

from jaxgan.files import written_whole


def cache_dir() -> Path:
    """Return the cache folder, which need not exist yet: JAXGAN_CACHE_DIR, or the system's cache folder of the user.

    A user without a home folder, as in many containers, gets a temporary folder.
    """
    try:
        return Path(os.environ.get("JAXGAN_CACHE_DIR") or user_cache_dir("jaxgan")).expanduser()
    except RuntimeError:  # neither HOME nor an entry in the user database
        return _without_home()


@functools.cache
def _without_home() -> Path:
    """Return a temporary folder that only this user can write to, because cached programs are executed."""
    user = os.getuid() if hasattr(os, "getuid") else 0
    folder = Path(tempfile.gettempdir()) / f"jaxgan-{user}"
    with suppress(OSError):
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
        if stat.S_ISDIR(found.st_mode) and found.st_uid == user and not found.st_mode & 0o022:
            return folder
    return Path(tempfile.mkdtemp(prefix="jaxgan-"))


def load_arrays(path: Path) -> dict[str, np.ndarray] | None:
    """Load the named arrays stored at `path`; None if the file does not exist or is damaged and must be recomputed.

    >>> load_arrays(Path("no_such_file.npz")) is None
    True
    """
    try:
        with open(path, "rb") as opened, np.load(opened, allow_pickle=False) as file:
            return dict(file)  # zip has a checksum for every member, so a flipped bit is detected
    except Exception:  # a damaged file can fail anywhere in numpy, zipfile and zlib
        return None


def save_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Store named arrays at `path` (.npz) atomically, even with several writers.

    An unwritable folder is not an error: the next run computes the arrays again.
    """
    with suppress(OSError), written_whole(path) as partial, partial.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]  # the stub takes any keyword for allow_pickle
