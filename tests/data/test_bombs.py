"""Small files that declare huge contents are refused by what they declare; nothing of them is unpacked."""

import io
import os
import struct
import sys
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jaxgan.data import folders, pictures
from jaxgan.data.files import from_path
from jaxgan.data.numpy_files import headers_of
from jaxgan.data.source import DataError
from jaxgan.study.inputs import holds_points


def archive(path: Path, member: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as opened:
        opened.writestr("x.npy", member)
    return path


@pytest.mark.parametrize("name", ["header.npz", "header.npy"])
def test_a_huge_header_is_refused_before_it_is_read(tmp_path, name):
    """NumPy would read 1 GiB of it first."""
    declared = b"\x93NUMPY\x02\x00" + struct.pack("<I", 2**30)
    file = tmp_path / name
    if file.suffix == ".npz":
        archive(file, declared + bytes(10_000_000))
    else:
        file.write_bytes(declared)
    with pytest.raises(DataError, match=r"expected a header of at most 10,000 bytes, got 1,073,741,824 in"):
        from_path(file)
    assert not holds_points({"data": str(file)})


def test_whether_a_file_holds_points_is_read_from_headers(tmp_path, monkeypatch):
    member = io.BytesIO()
    np.lib.format.write_array_header_1_0(member, {"descr": "<f8", "fortran_order": False, "shape": (2**40, 2**20)})
    file = archive(tmp_path / "points.npz", member.getvalue() + bytes(100))
    np.save(tmp_path / "images.npy", np.zeros((3, 4, 4)))
    np.savez(tmp_path / "labelled.npz", x=np.zeros((9, 2)), y=np.zeros(9))
    monkeypatch.setattr(np, "load", None)  # it would be called to unpack
    assert headers_of(file)["x"].bytes == 2**63
    assert holds_points({"data": str(file)}) and holds_points({"data": str(tmp_path / "labelled.npz")})
    assert not holds_points({"data": str(tmp_path / "images.npy")})
    with pytest.raises(DataError, match="fit twice into the free"):
        from_path(file)


@pytest.mark.skipif(sys.platform == "win32", reason="no named pipes in folders")
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "x.npz")
    assert not holds_points({"data": str(tmp_path / "x.npz")})
    with pytest.raises(DataError, match=r"expected a \.npy or \.npz file"):
        from_path(tmp_path / "x.npz")


def png(width: int, height: int) -> bytes:
    """A picture that declares its size and holds next to nothing."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    parts = (chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(bytes(1000))), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def test_a_picture_beyond_the_limit_of_pixels_is_a_line(tmp_path):
    (tmp_path / "a.png").write_bytes(png(60_000, 60_000))
    with pytest.raises(DataError, match=r"a\.png: expected at most 178,956,970 pixels, got more; scale it down"):
        from_path(tmp_path)


def test_a_picture_that_does_not_fit_into_memory_is_not_decoded(tmp_path, monkeypatch):
    """Whichever of the folder's it is; the size of the first one says nothing of it."""
    for i in range(3):
        Image.fromarray(np.full((8, 8), 40 * i, np.uint8)).save(tmp_path / f"{i}.png")
    (tmp_path / "9.png").write_bytes(png(10_000, 10_000))
    for module in (pictures, folders):
        monkeypatch.setattr(module, "available_memory", lambda: 2**29)
    line = r"9\.png: expected a picture that fits into the free 0\.50 GiB of memory, got 10,000 x 10,000 pixels"
    with pytest.raises(DataError, match=line):
        from_path(tmp_path)


@pytest.mark.skipif(sys.platform != "linux", reason="names of files are texts elsewhere")
def test_class_folders_that_are_not_named_in_utf8_are_refused(tmp_path):
    """Their names are written to the run's files."""
    for name in (b"cats", b"d\xf6gs"):
        folder = Path(os.fsdecode(bytes(tmp_path) + b"/" + name))
        folder.mkdir()
        Image.fromarray(np.zeros((8, 8), np.uint8)).save(folder / "0.png")
    with pytest.raises(DataError, match=r"expected names of class folders in UTF-8, got 'd\\udcf6gs'; rename it"):
        from_path(tmp_path)
