"""Files as `torch.save` writes them, spelled out, so that tests of the reader need no PyTorch; and ones with code."""

import io
import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

MAGIC, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
_SYSTEM = {"protocol_version": PROTOCOL, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}


def tensor(key: str, count: int, size: tuple[int, ...], stride: tuple[int, ...], *, offset: int = 0, old: bool = False):
    """A call of `torch._utils._rebuild_tensor_v2` as opcodes, with a storage of so many float32 by reference."""
    view = b"N" if old else b""
    storage = b"(Vstorage\nctorch\nFloatStorage\nV%s\nVcpu\nI%d\n%stQ" % (key.encode(), count, view)
    sizes = b"".join(b"(%st" % b"".join(b"I%d\n" % n for n in numbers) for numbers in (size, stride))
    hooks = b"ccollections\nOrderedDict\n)R"
    return b"ctorch._utils\n_rebuild_tensor_v2\n(%sI%d\n%s\x89%stR" % (storage, offset, sizes, hooks)


def state_dict(tensors: Mapping[str, bytes]) -> bytes:
    """A pickle of an OrderedDict with the attribute `_metadata`, as a module's `state_dict` has it."""
    items = b"".join(b"V%s\n%s" % (name.encode(), content) for name, content in tensors.items())
    return b"\x80\x02ccollections\nOrderedDict\n)R(" + items + b"u}V_metadata\nccollections\nOrderedDict\n)Rsb."


def archive(
    path: Path, content: bytes, storages: Mapping[str, np.ndarray], compression: int = zipfile.ZIP_STORED
) -> Path:
    """The format since 1.6."""
    with zipfile.ZipFile(path, "w", compression) as opened:
        opened.writestr("model/data.pkl", content)
        opened.writestr("model/byteorder", b"little")
        for key, storage in storages.items():
            opened.writestr(f"model/data/{key}", storage.astype("<f4").tobytes())
        opened.writestr("model/version", b"3\n")
    return path


def legacy(path: Path, content: bytes, storages: Mapping[str, np.ndarray]) -> Path:
    """The format before 1.6."""
    file = io.BytesIO()
    for part in (MAGIC, PROTOCOL, _SYSTEM):
        file.write(pickle.dumps(part, 2))
    file.write(content + pickle.dumps(list(storages), 2))
    for storage in storages.values():
        file.write(len(storage).to_bytes(8, "little") + storage.astype("<f4").tobytes())
    path.write_bytes(file.getvalue())
    return path
