"""Read the .npz archives that this package writes, after their headers."""

import math
import zipfile
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from jaxgan.npy import npy_header


def read_archive(file: Path) -> dict[str, NDArray]:
    """Return the arrays of an archive.

    They are written without compression, so an archive in which they have more bytes than the file was made to fill
    the memory of whoever opens it.

    Raises:
      Exception: whatever numpy and zipfile raise for a damaged archive; ValueError if its headers say more than it has.
    """
    with file.open("rb") as opened:
        _check_headers(opened, file.stat().st_size)
        opened.seek(0)
        with np.load(opened) as arrays:  # given a path, it leaves a damaged file open
            return {name: arrays[name] for name in arrays.files}


def _check_headers(opened: IO[bytes], size: int) -> None:
    with zipfile.ZipFile(opened) as archive:
        members = archive.infolist()
        if sum(member.file_size for member in members) > size:
            raise ValueError(f"expected arrays of at most the {size:,} bytes of the file")
        for member in members:
            with archive.open(member) as stream:
                shape, _, dtype = npy_header(stream)
                wanted, found = math.prod(shape) * dtype.itemsize, member.file_size - stream.tell()
            if wanted != found:
                raise ValueError(f"expected {wanted:,} bytes of {member.filename}, got {found:,}")
