"""What `torch.save` wrote, read without PyTorch and without running what a pickle may ask for.

A pickle is a program that calls whatever it names. Here it may name the few functions that put tensors together, which
are ours: where it names another, reading ends before anything was called.
"""

import math
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Mapping
from typing import IO, Any, NamedTuple

import numpy as np

_MAGIC = 0x1950A86A20F9469CFC6C  # the first pickle of the format before 1.6
_PROTOCOL = 1001  # the second one
_STORAGES: Mapping[str, Any] = {
    "DoubleStorage": np.float64,
    "FloatStorage": np.float32,
    "HalfStorage": np.float16,
    "LongStorage": np.int64,
    "IntStorage": np.int32,
    "ShortStorage": np.int16,
    "CharStorage": np.int8,
    "ByteStorage": np.uint8,
    "BoolStorage": np.bool_,
}


def read_archive(archive: zipfile.ZipFile) -> dict[str, np.ndarray]:
    """The tensors by name of a `state_dict` in the format since PyTorch 1.6: a pickle, and a member for each storage.

    Raises:
      ValueError: a pickle that names more than tensors need, tensors beyond their storage, or what is no `state_dict`.
    """
    members = {info.filename: info for info in archive.infolist()}
    root = next(name for name in members if name.rpartition("/")[2] == "data.pkl").removesuffix("data.pkl")
    big = f"{root}byteorder" in members and _stored(archive, members[f"{root}byteorder"]) == b"big"

    def load(key: str, dtype: np.dtype, count: int) -> np.ndarray:
        found = np.frombuffer(_stored(archive, members[f"{root}data/{key}"]), dtype.newbyteorder(">" if big else "<"))
        if len(found) != count:
            raise ValueError(f"expected {count} numbers in storage {key}, got {len(found)}")
        return found.astype(dtype)

    with archive.open(_plain(members[f"{root}data.pkl"])) as file:
        return _tensors(_Reader(file, load).load())


def read_legacy(file: IO[bytes], size: int) -> dict[str, np.ndarray]:
    """The tensors by name of a `state_dict` in the format before PyTorch 1.6: pickles, and storages behind them.

    Raises:
      ValueError: as `read_archive`, or a pickle of something else.
    """
    storages: dict[str, np.ndarray] = {}

    def load(key: str, dtype: np.dtype, count: int) -> np.ndarray:
        if count * dtype.itemsize > size:  # before there is room made for it
            raise ValueError(f"expected at most {size:,} bytes in storage {key}, as in the file, got {count} numbers")
        return storages.setdefault(key, np.zeros(count, dtype))  # filled below: tensors are views of it

    def plain() -> Any:
        return _Reader(file, load).load()

    if plain() != _MAGIC or plain() != _PROTOCOL:
        raise ValueError("expected what torch.save writes, got another pickle")
    system = plain()
    little = not isinstance(system, dict) or system.get("little_endian", True)
    found = _tensors(plain())
    for key in plain():
        storage = storages[key]
        count = int.from_bytes(file.read(8), "little" if little else "big")
        content = file.read(storage.nbytes)
        if count != len(storage) or len(content) != storage.nbytes:
            raise ValueError(f"expected {len(storage)} numbers in storage {key}, got {count}, or the file ends early")
        storage[:] = np.frombuffer(content, storage.dtype.newbyteorder("<" if little else ">"))
    return found


class _Storage(NamedTuple):
    """What a pickle names in place of a type of storage; it cannot be called."""

    dtype: np.dtype


class _Rebuild:
    """`torch._utils._rebuild_tensor_v2`: a view of a storage. It has no attributes, which a pickle could set."""

    __slots__ = ()

    def __call__(self, storage: Any, offset: Any, size: Any, stride: Any, *_: Any) -> np.ndarray:
        numbers = (offset, *size, *stride)
        if not isinstance(storage, np.ndarray) or len(size) != len(stride) or any(type(n) is not int for n in numbers):
            raise ValueError("expected a tensor's storage, offset, sizes and strides, got something else")
        reach = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True)) if math.prod(size) else 0
        if min(numbers) < 0 or reach >= max(len(storage), 1) or math.prod(size) > len(storage):
            raise ValueError(f"expected a tensor within its {len(storage)} numbers, got sizes {size}, strides {stride}")
        strides = [step * storage.itemsize for step in stride]
        return np.lib.stride_tricks.as_strided(storage[offset:], size, strides)


class _Parameter:
    """`torch._utils._rebuild_parameter`: the tensor itself."""

    __slots__ = ()

    def __call__(self, tensor: Any, *_: Any) -> Any:
        return tensor


class _Reader(pickle.Unpickler):
    """Admits what tensors need, by name."""

    def __init__(self, file: IO[bytes], load: Any) -> None:
        super().__init__(file, encoding="utf-8")
        self._load = load
        self._storages: dict[str, np.ndarray] = {}

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if module == "torch._utils" and name in ("_rebuild_tensor_v2", "_rebuild_tensor"):
            return _Rebuild()
        if (module, name) == ("torch._utils", "_rebuild_parameter"):
            return _Parameter()
        if module == "torch" and name in _STORAGES:
            return _Storage(np.dtype(_STORAGES[name]))
        raise ValueError(
            f"the pickle in it names {module}.{name}, which no tensor needs: refused, nothing of it was run"
        )

    def persistent_load(self, reference: Any) -> np.ndarray:
        kind, storage, key, _, count, *view = reference
        known = kind == "storage" and isinstance(storage, _Storage) and isinstance(key, str)
        if not known or type(count) is not int or count < 0 or any(part is not None for part in view):
            raise ValueError("expected a storage of numbers, got something else")
        if key not in self._storages:
            self._storages[key] = self._load(key, storage.dtype, count)
        return self._storages[key]


def _tensors(loaded: Any) -> dict[str, np.ndarray]:
    if not isinstance(loaded, dict) or not all(
        isinstance(name, str) and isinstance(tensor, np.ndarray) for name, tensor in loaded.items()
    ):
        raise ValueError(f"expected a state_dict, tensors by name, got {_described(loaded)}")
    return dict(loaded)


def _described(loaded: Any) -> str:
    if not isinstance(loaded, dict):
        return f"a {type(loaded).__name__}"
    other = next(
        name for name, tensor in loaded.items() if not (isinstance(name, str) and isinstance(tensor, np.ndarray))
    )
    return f"a {type(loaded[other]).__name__} by the name {other!r}"


def _plain(info: zipfile.ZipInfo) -> zipfile.ZipInfo:
    """The member, as PyTorch writes it: as large as it says, not compressed, so that none unpacks to gigabytes.

    Raises:
      ValueError: a compressed one.
    """
    if info.compress_type != zipfile.ZIP_STORED:
        raise ValueError(f"expected members as torch.save writes them, got a compressed one, {info.filename!r}")
    return info


def _stored(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    return archive.read(_plain(info))
