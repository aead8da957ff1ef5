"""Weights are read as they were written, and a file that holds more than arrays is refused before any of it is run."""

import os
import pickle
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from jaxgan.data.source import DataError
from jaxgan.weights import read_weights
from tests.weights.pickles import archive, legacy, state_dict, tensor

Writer = Callable[[Path, bytes, dict[str, np.ndarray]], Path]
WRITERS = {"archive": archive, "legacy": legacy}
NUMBERS = np.arange(12, dtype=np.float32)


@pytest.fixture(params=WRITERS)
def write(request: pytest.FixtureRequest) -> Writer:
    return WRITERS[request.param]


def test_arrays_of_every_format_are_the_same(tmp_path: Path) -> None:
    arrays: dict[str, np.ndarray] = {"a.weight": NUMBERS.reshape(3, 4), "a.bias": NUMBERS[:3].astype(np.float64)}
    np.savez(tmp_path / "a.npz", **arrays)  # type: ignore[arg-type]
    save_file(arrays, tmp_path / "a.safetensors")
    for name in ("a.npz", "a.safetensors"):
        found = read_weights(tmp_path / name)
        assert sorted(found) == sorted(arrays)
        for key, array in arrays.items():
            np.testing.assert_array_equal(found[key], array, strict=True)


def test_tensors_are_views_of_their_storages(tmp_path: Path, write: Writer) -> None:
    old = write is legacy
    tensors = {
        "whole": tensor("0", 12, (3, 4), (4, 1), old=old),
        "turned": tensor("0", 12, (4, 3), (1, 4), old=old),
        "part": tensor("0", 12, (2, 2), (4, 2), offset=5, old=old),
        "scalar": tensor("1", 1, (), (), old=old),
        "none": tensor("0", 12, (0, 4), (4, 1), old=old),
    }
    file = write(tmp_path / "a.pth", state_dict(tensors), {"0": NUMBERS, "1": np.array([7.0])})
    found, whole = read_weights(file), NUMBERS.reshape(3, 4)
    expected: dict[str, Any] = {"whole": whole, "turned": whole.T, "part": np.array([[5, 7], [9, 11]], np.float32)}
    expected |= {"scalar": np.float32(7), "none": np.empty((0, 4), np.float32)}
    assert list(found) == list(expected)
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array)
        assert found[name].dtype == np.float32


class Runs:
    """What a pickle does that attacks its reader."""

    def __init__(self, function: Callable, *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> Any:
        return self.call


@pytest.mark.parametrize(
    ("function", "name"),
    [(os.system, f"{os.name}.system"), (eval, ".eval"), (getattr, ".getattr"), (os.open, f"{os.name}.open")],
)
@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_code_is_refused_and_not_run(tmp_path: Path, write: Writer, function: Any, name: str, protocol: int) -> None:
    mark = tmp_path / "was_run"
    code = {os.system: f"touch {mark}", eval: f"open({str(mark)!r}, 'w')"}.get(function, str(mark))
    more = {getattr: ("x",), os.open: (os.O_CREAT,)}.get(function, ())
    file = write(tmp_path / "a.pth", pickle.dumps({"a": Runs(function, code, *more)}, protocol), {})
    with pytest.raises(DataError, match=rf"a\.pth: .* names \w*{re.escape(name)}, which no tensor needs: refused") as e:
        read_weights(file)
    assert "\n" not in str(e.value) and not mark.exists()


def test_a_first_pickle_with_code_is_refused(tmp_path: Path) -> None:
    """In the old format the file begins with it, before anything says that it is one of PyTorch."""
    mark = tmp_path / "was_run"
    (tmp_path / "a.pth").write_bytes(pickle.dumps(Runs(os.system, f"touch {mark}")))
    with pytest.raises(DataError, match="which no tensor needs: refused"):
        read_weights(tmp_path / "a.pth")
    assert not mark.exists()


BAD = {
    "a name below an admitted one": (b"\x80\x04\x8c\x0bcollections\x8c\x14OrderedDict.fromkeys\x93.", "fromkeys"),
    "beyond its storage": (state_dict({"a": tensor("0", 12, (3, 5), (4, 1))}), "within its 12 numbers"),
    "far beyond its storage": (state_dict({"a": tensor("0", 12, (2,), (2**40,))}), "within its 12 numbers"),
    "before its storage": (state_dict({"a": tensor("0", 12, (2,), (1,), offset=-4)}), "within its 12 numbers"),
    "backwards": (state_dict({"a": tensor("0", 12, (2,), (-1,), offset=4)}), "within its 12 numbers"),
    "more than its storage": (state_dict({"a": tensor("0", 12, (2**40,), (0,))}), "within its 12 numbers"),
    "a storage of another size": (state_dict({"a": tensor("0", 13, (3,), (1,))}), "13 numbers"),
    "a huge storage": (state_dict({"a": tensor("0", 2**50, (3,), (1,))}), "numbers"),
    "a list": (b"\x80\x02].", "expected a state_dict, tensors by name, got a list"),
    "a number by name": (b"\x80\x02}Va\nI5\ns.", "got a int by the name 'a'"),
    "no storage": (b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n(NI0\n))tR.", "expected a tensor's storage"),
    "attributes for a function": (b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n}Va\nI5\nsb.", "attribute"),
    "an attribute for a class": (b"\x80\x02ccollections\nOrderedDict\n(N}Vget\nI5\nst\x86b.", "cannot be read"),
    "a type that is called": (b"\x80\x02ctorch\nFloatStorage\n)R.", "not callable"),
    "half a pickle": (state_dict({"a": tensor("0", 12, (3, 4), (4, 1))})[:40], "cannot be read"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_pickle_of_anything_else_is_one_line(tmp_path: Path, write: Writer, name: str) -> None:
    content, words = BAD[name]
    file = write(tmp_path / "a.pth", content, {"0": NUMBERS})
    with pytest.raises(DataError, match=rf"a\.pth: .*{words}") as error:
        read_weights(file)
    assert "\n" not in str(error.value)
    assert not hasattr(dict, "changed")


def test_other_files_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file of weights"):
        read_weights(tmp_path / "a.pth")
    contents = {
        "empty.pth": (b"", "got one that is empty"),
        "text.pth": (b"<!DOCTYPE html>", "expected weights in a .safetensors, .npz or .pth file, got one that begins"),
        "half.safetensors": (b"\x40\0\0\0\0\0\0\0{", "cannot be read"),
        "other.pth": (pickle.dumps({"a": 1}), "expected what torch.save writes, got another pickle"),
    }
    for name, (content, words) in contents.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DataError, match=words):
            read_weights(tmp_path / name)
    np.savez(tmp_path / "objects.npz", a=np.array([None]))
    with pytest.raises(DataError, match="Python objects"):
        read_weights(tmp_path / "objects.npz")


def test_what_unpacks_to_more_is_refused(tmp_path: Path) -> None:
    numbers = np.zeros(10**6, np.float32)
    content = state_dict({"a": tensor("0", len(numbers), (len(numbers),), (1,))})
    file = archive(tmp_path / "a.pth", content, {"0": numbers}, zipfile.ZIP_DEFLATED)
    assert file.stat().st_size < numbers.nbytes / 100
    with pytest.raises(DataError, match="got a compressed one"):
        read_weights(file)


def test_a_legacy_file_that_ends_early(tmp_path: Path) -> None:
    file = legacy(tmp_path / "a.pth", state_dict({"a": tensor("0", 12, (3, 4), (4, 1), old=True)}), {"0": NUMBERS})
    file.write_bytes(file.read_bytes()[:-3])
    with pytest.raises(DataError, match="the file ends early"):
        read_weights(file)
