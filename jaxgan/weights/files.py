"""Weights in a file of safetensors, of NumPy or of PyTorch: which of them is told by how it begins, not by its name."""

import zipfile
from pathlib import Path

import numpy as np

from jaxgan.data.numpy_files import check_memory_for, headers_of, reading
from jaxgan.data.source import DataError
from jaxgan.weights import torch_files


def read_weights(path: Path | str) -> dict[str, np.ndarray]:
    """The arrays of a file of weights by name; no code that it may hold is run, and PyTorch is not needed.

        .safetensors   as the library of this name writes it
        .npz           as `numpy.savez` does; no Python objects
        .pth, .pt      a `state_dict` by `torch.save`, of today's format (a zip archive) or of that before 1.6

    Raises:
      DataError: no such file, a damaged one, one of another kind, or a pickle that names more than tensors need.

    Example:
      >>> import tempfile
      >>> with tempfile.TemporaryDirectory() as folder:
      ...     np.savez(f"{folder}/a.npz", weight=np.ones((2, 3)))
      ...     read_weights(f"{folder}/a.npz")["weight"].shape
      (2, 3)
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(f"{path}: no such file of weights")
    with reading(path):
        begin = _beginning(path)
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                names = archive.namelist()
                if any(name.rpartition("/")[2] == "data.pkl" for name in names):
                    return torch_files.read_archive(archive)
            check_memory_for(path, headers_of(path))
            with np.load(path, allow_pickle=False) as arrays:
                return dict(arrays)
        if begin[8:9] == b"{":  # safetensors: behind the length of its header, which may begin as pickles do
            from safetensors.numpy import load_file

            return load_file(path)
        if begin[:1] == b"\x80":  # how pickles begin
            with path.open("rb") as file:
                return torch_files.read_legacy(file, path.stat().st_size)
        raise DataError(
            f"{path}: expected weights in a .safetensors, .npz or .pth file, got one that "
            + (f"begins with {begin[:6].hex(' ')}" if begin else "is empty")
        )


def _beginning(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(9)
