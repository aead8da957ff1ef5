"""Records of a training: joined in order, whole or absent, and never another's."""

import io
import shutil
import zipfile
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
from numpy.typing import NDArray

from jaxgan.files import StoreError
from jaxgan.results.records import Origin, append_records, read_records, restamp
from jaxgan.study.distributed import processes

HERE = Origin("a1", "minimax/seeds-0-1")


def part(start: int, length: int, attempt: int = 0) -> dict[str, NDArray]:
    """Records of two seeds, whose values name step and attempt."""
    steps = np.arange(start, start + length)
    values = steps + 1000.0 * attempt
    return {"step": steps, "loss": np.stack([values, values]), "q": np.repeat(values, 10).reshape(2, length, 5)}


def append(folder: Path, start: int, length: int, attempt: int = 0) -> None:
    append_records(folder, start, start + length, part(start, length, attempt), HERE)


def test_records_are_joined_in_order(tmp_path: Path) -> None:
    for start in (0, 4, 8):
        append(tmp_path, start, 4)
    found = read_records(tmp_path, 12, HERE)
    np.testing.assert_array_equal(found["step"], np.arange(12))
    np.testing.assert_array_equal(found["loss"], [np.arange(12)] * 2)
    assert found["q"].shape == (2, 12, 5)
    assert read_records(tmp_path, 8, HERE)["loss"].shape == (2, 8)
    there = Origin("c3", HERE.where)
    restamp(tmp_path, HERE, there)
    again = read_records(tmp_path, 12, there)
    assert again.keys() == found.keys()
    for name in found:
        np.testing.assert_array_equal(again[name], found[name])
    restamp(tmp_path, there, HERE)
    append(tmp_path, 12, 3)  # a run that was made longer
    np.testing.assert_array_equal(read_records(tmp_path, 15, HERE)["loss"], [np.arange(15)] * 2)


@pytest.mark.parametrize("back", [0, 4, 8])
def test_what_a_resumed_run_writes_again_replaces_the_rest(tmp_path: Path, back: int) -> None:
    """A checkpoint is saved at the end of a stretch, so a resumed run starts at one."""
    for start in (0, 4, 8):
        append(tmp_path, start, 4)
    append(tmp_path, back, 3, attempt=1)
    expected = [*range(back), *range(1000 + back, 1003 + back)]
    np.testing.assert_array_equal(read_records(tmp_path, back + 3, HERE)["loss"][0], expected)
    with pytest.raises(StoreError, match=f"records up to step {back + 3}, expected {back + 6}"):
        read_records(tmp_path, back + 6, HERE)


def test_a_gap_is_not_passed_over_and_damage_is_named(tmp_path: Path) -> None:
    append(tmp_path / "a", 0, 4)
    append_records(tmp_path / "a", 8, 12, part(8, 4), HERE)
    with pytest.raises(StoreError, match="has records up to step 4, expected 12"):
        read_records(tmp_path / "a", 12, HERE)
    with pytest.raises(StoreError, match="has records up to step 0, expected 1"):
        read_records(tmp_path / "none", 1, HERE)
    file = tmp_path / "a" / "000000000000-000000000004.npz"
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(StoreError, match=r"000000000000-000000000004.npz is damaged"):
        read_records(tmp_path / "a", 4, HERE)


@pytest.mark.parametrize("other", [Origin("b2", HERE.where), Origin("a1", "hinge/seeds-0-1")])
def test_records_of_another_run_or_configuration_are_refused(tmp_path: Path, other: Origin) -> None:
    """They have the same shape: as a file of the same name that was copied here."""
    append_records(tmp_path / "records", 0, 4, part(0, 4), other)
    with pytest.raises(StoreError, match=f"is another's: .* expected .*; remove {tmp_path} and continue with --resume"):
        read_records(tmp_path / "records", 4, HERE)


def test_a_stretch_under_the_name_of_another_is_refused(tmp_path: Path) -> None:
    append(tmp_path, 0, 4)
    shutil.copy(tmp_path / "000000000000-000000000004.npz", tmp_path / "000000000004-000000000008.npz")
    with pytest.raises(StoreError, match="is another's: start 0, expected 4"):
        read_records(tmp_path, 8, HERE)


def test_every_flipped_byte_of_the_numbers_is_noticed(tmp_path: Path) -> None:
    append(tmp_path, 0, 4)
    file = tmp_path / "000000000000-000000000004.npz"
    whole = file.read_bytes()
    for at in range(0, len(whole), 97):
        file.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        try:
            found = read_records(tmp_path, 4, HERE)
        except StoreError:
            continue
        for name, values in part(0, 4).items():  # a byte that says nothing, such as that of a date
            np.testing.assert_array_equal(found[name], values)


def bomb(file: Path, how: str) -> None:
    """Make of an archive one of a few kB whose first array is said to have 2^40 numbers, or 100 MB of zeros."""
    with zipfile.ZipFile(file) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED if how == "compressed" else zipfile.ZIP_STORED) as archive:
        for k, (name, content) in enumerate(members.items()):
            header = io.BytesIO()
            count = 2**40 if how == "header" else 10**8
            np.lib.format.write_array_header_1_0(header, {"descr": "|u1", "fortran_order": False, "shape": (count,)})
            body = bytes(count) if how == "compressed" else b""
            archive.writestr(name, header.getvalue() + body if k == 0 else content)


@pytest.mark.parametrize("how", ["header", "compressed"])
def test_an_archive_that_is_larger_in_memory_is_refused_by_its_headers(
    tmp_path: Path, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(tmp_path, 0, 4)
    (file,) = tmp_path.glob("*.npz")
    bomb(file, how)
    monkeypatch.setattr(np, "load", Mock(side_effect=AssertionError("was read")))
    with pytest.raises(StoreError, match=r"npz is damaged: ValueError; remove .*"):
        read_records(tmp_path, 4, HERE)
    with pytest.raises(ValueError, match="expected"):
        processes._read(file, [])


def test_a_file_that_does_not_fit_into_memory_is_not_called_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(tmp_path, 0, 4)
    monkeypatch.setattr(np, "load", Mock(side_effect=MemoryError))
    with pytest.raises(MemoryError):
        read_records(tmp_path, 4, HERE)


def test_a_file_of_another_name_is_passed_over(tmp_path: Path) -> None:
    append(tmp_path, 0, 4)
    (tmp_path / "x.npz").write_bytes(b"")
    (tmp_path / "my-notes.npz").write_bytes(b"")
    append(tmp_path, 4, 4)
    assert read_records(tmp_path, 8, HERE)["loss"].shape == (2, 8)
    assert (tmp_path / "my-notes.npz").exists()
