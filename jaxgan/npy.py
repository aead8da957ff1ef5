"""Read the header of a .npy stream; apart from `files`, as a command's help must not wait for NumPy."""

import io
from typing import IO

import numpy as np

_LONGEST_HEADER = 10_000  # bytes, NumPy's limit


class LongHeader(ValueError):
    """Raised for an array whose header is longer than any that NumPy writes."""


def npy_header(stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Read the header of a .npy stream: the shape, whether it is stored by columns, and the type.

    Raises:
      LongHeader: if it is longer than NumPy allows, which would read up to 4 GiB of it before refusing.
      ValueError: if it is no header.
    """
    version = np.lib.format.read_magic(stream)
    prefix = stream.read(2 if version == (1, 0) else 4)
    length = int.from_bytes(prefix, "little")
    if length > _LONGEST_HEADER:
        raise LongHeader(f"expected a header of at most {_LONGEST_HEADER:,} bytes, got {length:,}")
    text = io.BytesIO(prefix + stream.read(length))
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    return read(text)
