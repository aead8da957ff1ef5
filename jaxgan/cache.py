"""Where things that are slow to make are kept between runs. Losing the folder costs time and nothing else."""

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
    """The cache folder: JAXGAN_CACHE_DIR, else the user's own for this system. It need not exist yet.

    A user without a home, as in many containers, has one among the temporary files.
    """
    try:
        return Path(os.environ.get("JAXGAN_CACHE_DIR") or user_cache_dir("jaxgan")).expanduser()
    except RuntimeError:  # neither HOME nor an entry in the list of users
        return _without_home()


@functools.cache
def _without_home() -> Path:
    """A folder of this user alone: cached programs are executed, so nobody else may be able to write them."""
    user = os.getuid() if hasattr(os, "getuid") else 0
    folder = Path(tempfile.gettempdir()) / f"jaxgan-{user}"
    with suppress(OSError):
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
        if stat.S_ISDIR(found.st_mode) and found.st_uid == user and not found.st_mode & 0o022:
            return folder
    return Path(tempfile.mkdtemp(prefix="jaxgan-"))


def load_arrays(path: Path) -> dict[str, np.ndarray] | None:
    """The named arrays kept at `path`; None when there are none or the file is damaged: make them again.

    >>> load_arrays(Path("no_such_file.npz")) is None
    True
    """
    try:
        with open(path, "rb") as opened, np.load(opened, allow_pickle=False) as file:
            return dict(file)  # zip sums every member, so a flipped bit is noticed
    except Exception:  # a damaged file can fail anywhere in numpy, zipfile and zlib
        return None


def save_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Keeps named arrays at `path` (.npz): the file is there whole or not at all, also with several writers.

    A folder that cannot be written to is not an error: the next run computes them again.
    """
    with suppress(OSError), written_whole(path) as partial, partial.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]  # the stub takes any keyword for allow_pickle
