"""What several processes save of their own seeds, each played here in turn."""

from pathlib import Path

import jax
import numpy as np
import pytest

from jaxgan.checkpoint import CheckpointError
from jaxgan.study.distributed import processes
from jaxgan.study.distributed.processes import load_own, save_own

NAMES = ["1of2", "2of2"]
LIKE = {"w": jax.ShapeDtypeStruct((3,), np.float32)}


def part(number: int, step: int) -> dict[str, np.ndarray]:
    return {"w": np.full(3, 100 * number + step, np.float32)}


@pytest.fixture
def saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two steps of two processes."""
    monkeypatch.setattr(processes, "names", lambda: NAMES)
    for number, name in enumerate(NAMES):
        monkeypatch.setattr(processes, "own_name", lambda name=name: name)
        for step in (3, 5, 9):
            save_own(tmp_path, step, part(number, step), {"at": step})
    assert {path.stem for path in tmp_path.rglob("*.npz")} == {"5", "9"}
    return tmp_path


def loaded(folder: Path, number: int, others: list[str], monkeypatch: pytest.MonkeyPatch):
    """As process `number` of the two, whose fellow says one of `others` at each step that both try to read."""
    said = iter(others)
    monkeypatch.setattr(processes, "own_name", lambda: NAMES[number])
    monkeypatch.setattr(processes, "exchanged", lambda line: [line, next(said)])
    return load_own(folder, LIKE)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-40])


def test_all_go_on_from_the_last_step_that_is_whole_in_all(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in (0, 1):
        found, meta, damaged = loaded(saved, number, [""], monkeypatch)
        np.testing.assert_array_equal(found["w"], part(number, 9)["w"])
        assert meta == {"at": 9} and damaged is None
    cut(saved / "2of2" / "9.npz")
    for number, others in ((0, ["process 2 has a damaged one", ""]), (1, ["", ""])):
        found, meta, damaged = loaded(saved, number, others, monkeypatch)
        np.testing.assert_array_equal(found["w"], part(number, 5)["w"])
        assert meta == {"at": 5} and damaged == 9
        (saved / NAMES[number] / "9.npz").touch()  # which it has removed: the other process is yet to look


def test_where_all_are_damaged_the_newest_is_named(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for step in (5, 9):
        cut(saved / "1of2" / f"{step}.npz")
    with pytest.raises(CheckpointError, match=r"the checkpoint of step 9 in .*1of2 is damaged: "):
        loaded(saved, 0, ["", ""], monkeypatch)
