"""Who may write to a run's folder: nothing that was there is lost, whatever dies on the way."""

import hashlib
import itertools
import json
import os
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import psutil
import pytest

from jaxgan.files import StoreError, write_json, written_whole
from jaxgan.results import claim as claims
from jaxgan.results.claim import claim, is_run, numbered, reopen
from jaxgan.results.locks import Lock, holder
from jaxgan.results.seal import read_sealed
from jaxgan.results.store import read_config
from tests.results.runs import OURS, begun, names


def test_folders_are_numbered_past_whatever_is_there(tmp_path: Path) -> None:
    root = tmp_path / "runs"
    assert numbered(root, "compare-digits") == root / "0001-compare-digits"
    assert numbered(root, "train-ring") == root / "0002-train-ring"
    for name in ("0041-old", "notes", "²-superscript"):
        (root / name).mkdir()
    folder = numbered(root, "x")
    assert folder.name == "0042-x" and folder.is_dir()


def test_a_claim_never_takes_what_is_not_its_own(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(StoreError, match="is a file"):
        claims.check_out(tmp_path / "file", overwrite=True)
    with pytest.raises(StoreError, match="holds other files"):
        claim(tmp_path, OURS, overwrite=True)
    assert (tmp_path / "file").read_text() == "mine"


def test_where_a_locked_file_cannot_be_written_or_read_as_on_windows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refusing(method: Any) -> Any:
        def call(path: Path, *text: object, **how: object) -> object:
            if path.name == claims.LOCK:
                raise PermissionError(13, "Permission denied", str(path))
            return method(path, *text, **how)

        return call

    for name in ("write_text", "read_text"):
        monkeypatch.setattr(Path, name, refusing(getattr(Path, name)))
    other = pytest.raises(StoreError, match="is in use by another process; wait for it")
    with claim(tmp_path / "run", OURS, overwrite=False), other:
        Lock(tmp_path / "run")
    assert holder(tmp_path / "run") is None


@pytest.mark.parametrize("content", ['{"name": "a web page"}', "[]", "not JSON"])
def test_a_config_file_of_somebody_else_is_no_run(tmp_path: Path, content: str) -> None:
    (tmp_path / "config.json").write_text(content)
    assert not is_run(tmp_path)
    with pytest.raises(StoreError, match="holds other files"):
        claim(tmp_path, OURS, overwrite=True)
    assert (tmp_path / "config.json").read_text() == content


def test_a_run_is_replaced_only_when_asked_for_and_when_the_new_one_is_complete(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "run"
    begun(folder, number=1)
    (folder / "results.nc").write_text("old")
    with pytest.raises(StoreError, match="--overwrite or --resume"):
        claim(folder, OURS, overwrite=False)
    with claim(folder, OURS | {"number": 2}, overwrite=True) as run:
        assert names(folder) == {"config.json", ".replaced"}
        assert (folder / ".replaced" / "results.nc").read_text() == "old"
        run.complete()
    assert names(folder) == {"config.json"} and read_sealed(folder / "config.json")["number"] == 2


def test_the_current_folder_can_be_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun(tmp_path / "run", number=1)
    monkeypatch.chdir(tmp_path / "run")
    begun(Path("."), overwrite=True, number=2)
    assert read_sealed(Path(".replaced/config.json"))["number"] == 1


def test_a_complete_run_is_kept_until_another_one_is_complete(tmp_path: Path) -> None:
    """Two runs in a row that were to replace it and died."""
    begun(tmp_path, number=1)
    (tmp_path / "results.nc").write_text("complete")
    for number in (2, 3):
        begun(tmp_path, overwrite=True, number=number)
        (tmp_path / "log.jsonl").write_text("")
    assert (tmp_path / ".replaced" / "results.nc").read_text() == "complete"
    assert names(tmp_path) == {"config.json", ".replaced", "log.jsonl"}


def test_one_process_at_a_time(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from jaxgan.results.claim import claim\n"
        f"with claim(Path(sys.argv[1]), {OURS!r}, overwrite=False):\n"
        "    print('ready', flush=True); sys.stdin.read()\n"
    )
    folder = tmp_path / "run"
    with subprocess.Popen([sys.executable, "-c", program, folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as it:
        assert it.stdin is not None and it.stdout is not None
        it.stdout.readline()
        for take in (
            lambda: claim(folder, OURS, overwrite=True),
            lambda: reopen(folder),
            lambda: claims.check_out(folder, overwrite=True),
        ):
            with pytest.raises(
                StoreError, match=rf"is in use by process {it.pid} on .*, since \d{{4}}-.*; wait for it"
            ):
                take()
        it.kill()
    with reopen(folder) as run:  # a lock of the system dies with its process
        assert run.run is not None


def test_no_lock_is_put_into_a_folder_that_holds_no_run(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="holds no run"):
        reopen(tmp_path)
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("swap", ["removed", "another run", "damaged"])
def test_a_folder_that_was_swapped_is_noticed_at_the_next_save(tmp_path: Path, swap: str) -> None:
    folder = tmp_path / "run"
    with claim(folder, OURS, overwrite=False) as run:
        run.check()
        if swap == "damaged":
            (folder / "config.json").write_text("{")
        else:
            folder.rename(tmp_path / "elsewhere")
            if swap == "another run":
                begun(folder)
        with pytest.raises(
            StoreError, match="holds another run now" if swap == "another run" else "removed or changed"
        ):
            run.check()


def killed_at(step: int, monkeypatch: pytest.MonkeyPatch) -> itertools.count:
    """The file system's changes stop at the step-th of them, as at a kill."""
    counter = itertools.count()

    def dying(function):
        def call(*args, **kwargs):
            if next(counter) >= step:
                raise KeyboardInterrupt
            return function(*args, **kwargs)

        return call

    for owner, name in [(Path, "rename"), (Path, "replace"), (Path, "mkdir"), (Path, "unlink"), (shutil, "rmtree")]:
        monkeypatch.setattr(owner, name, dying(getattr(owner, name)))
    return counter


def test_an_overwrite_that_is_killed_anywhere_leaves_a_whole_run(tmp_path: Path) -> None:
    """The old one, to the last file, or the new one with the old one set aside; also where it is killed twice."""
    old = {"config.json", "results.nc", "log.jsonl", "minimax", "code"}

    def whole(folder: Path) -> bool:
        code = (folder / "code" / "mine.py").read_text()
        return old <= names(folder) and read_sealed(folder / "config.json")["number"] == 1 and code == "old"

    new = OURS | {"number": 2, "inputs": {"mine.py": hashlib.sha256(b"new").hexdigest()}}
    for first, second in itertools.product(range(14), range(0, 14, 2)):
        folder = tmp_path / f"{first}-{second}"
        begun(folder, number=1, inputs={"mine.py": hashlib.sha256(b"old").hexdigest()})
        (folder / "code").mkdir()
        (folder / "minimax" / "seeds-0-1" / "records").mkdir(parents=True)
        for name in ("results.nc", "log.jsonl", "minimax/seeds-0-1/records/a.npz", "code/mine.py"):
            (folder / name).write_text("old")
        for step in (first, second):
            with pytest.MonkeyPatch.context() as patch:
                killed_at(step, patch)
                with suppress(KeyboardInterrupt), claim(folder, new, {"code/mine.py": b"new"}, overwrite=True):
                    pass
            with reopen(folder):
                number = read_sealed(folder / "config.json")["number"]
            assert whole(folder) if number == 1 else whole(folder / ".replaced"), (first, second)


def test_a_kill_while_the_replaced_run_is_removed_mixes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a run without its config.json the rest was taken for one half moved aside, and put over the new one's."""

    def killed(folder: Path, **options: object) -> None:
        (folder / "config.json").unlink()
        raise KeyboardInterrupt

    begun(tmp_path, number=1)
    (tmp_path / "results.nc").write_text("old")
    with claim(tmp_path, OURS | {"number": 2}, overwrite=True) as run:
        (tmp_path / "results.nc").write_text("new")
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(shutil, "rmtree", killed)
            run.complete()
    with reopen(tmp_path):
        assert (tmp_path / "results.nc").read_text() == "new" and names(tmp_path) == {"config.json", "results.nc"}


def test_a_run_that_is_set_aside_can_be_read_before_it_is_put_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun(tmp_path, number=1)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(claims, "write_sealed", Mock(side_effect=KeyboardInterrupt))
        begun(tmp_path, overwrite=True)
    assert names(tmp_path) == {".replaced"}
    assert read_config(tmp_path)["number"] == 1


def test_what_a_killed_writer_left_is_cleaned(tmp_path: Path) -> None:
    begun(tmp_path)
    for name in (".y3f.partial", ".x3f.partial"):
        (tmp_path / name).write_text("{")
    for name in (".5-x3f.partial", "seeds-0-7.partial"):  # of a checkpoint, and of a merge of an earlier version
        (tmp_path / "minimax" / name).mkdir(parents=True)
    with reopen(tmp_path):
        assert names(tmp_path) == {"config.json", "minimax"} and not any((tmp_path / "minimax").iterdir())


def test_what_a_process_is_writing_stays_and_what_an_earlier_one_of_its_number_left_goes(tmp_path: Path) -> None:
    """`jaxgan sample` writes into the folder of a run without its lock; containers give every process one number."""
    begun(tmp_path)
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    writing, left, older = (tmp_path / f".pid{pid}-{name}.partial" for pid, name in (
        (os.getpid(), "a"), (ended.pid, "b"), (os.getpid(), "c")))  # fmt: skip
    for path in (writing, left, older):
        path.write_text("half")
    os.utime(older, (before := psutil.Process().create_time() - 60, before))
    with reopen(tmp_path):
        assert writing.exists() and not left.exists() and not older.exists()
    with written_whole(tmp_path / "sample.png") as partial:
        reopen(tmp_path).release()
        partial.write_text("whole")
    assert (tmp_path / "sample.png").read_text() == "whole"


def test_a_folder_with_nothing_but_a_writers_remains_is_empty(tmp_path: Path) -> None:
    (tmp_path / ".x3f.partial").write_text("{")
    (tmp_path / claims.LOCK).touch()
    claims.check_out(tmp_path, overwrite=False)
    begun(tmp_path)
    assert is_run(tmp_path)


@pytest.mark.parametrize("change", [b'"key": 1', b'"key": 00', b""])
def test_a_digit_changed_in_config_json_is_noticed(tmp_path: Path, change: bytes) -> None:
    begun(tmp_path, key=0)
    path = tmp_path / "config.json"
    path.write_bytes(path.read_bytes().replace(b'"key": 0', change) if change else path.read_bytes()[:60])
    with pytest.raises(StoreError, match=r"config.json is (not what was written|damaged)"):
        reopen(tmp_path)


@pytest.mark.parametrize("but", ["id", "seal"])
def test_a_digest_cannot_be_left_out_of_what_was_written_with_one(tmp_path: Path, but: str) -> None:
    """Without it a changed file was taken for one of a version that wrote no digests."""
    begun(tmp_path, key=0, seal="s")
    path = tmp_path / "config.json"
    content = json.loads(path.read_text()) | {"key": 1}
    path.write_text(json.dumps({name: value for name, value in content.items() if name not in ("digest", but)}))
    for read in (read_config, reopen):
        with pytest.raises(StoreError, match=r"config.json is not what was written: its digest is missing"):
            read(tmp_path)


def test_a_file_of_an_earlier_version_has_no_digest_and_is_read(tmp_path: Path) -> None:
    write_json(tmp_path / "config.json", OURS)
    with reopen(tmp_path) as run:
        assert run.run is None
        run.check()
    assert json.loads((tmp_path / "config.json").read_text()) == OURS
    assert os.access(tmp_path / "config.json", os.R_OK)


def test_a_part_that_a_worker_writes_is_left_to_it(tmp_path: Path) -> None:
    """The process that leads may be stopped and started again while its workers go on."""
    begun(tmp_path)
    part = "minimax/seeds-0-1"
    with claims.part_of(tmp_path, part):
        (tmp_path / part / ".a.partial").write_text("half")
        (tmp_path / ".b.partial").write_text("half")
        reopen(tmp_path).release()
        assert (tmp_path / part / ".a.partial").exists() and not (tmp_path / ".b.partial").exists()
        for take in (claims.check_out, lambda folder, overwrite: begun(folder, overwrite)):
            with pytest.raises(StoreError, match=f"seeds-0-1 is in use by process {os.getpid()} on "):
                take(tmp_path, overwrite=True)
    with claims.part_of(tmp_path, part):  # another worker goes on with it
        assert not (tmp_path / part / ".a.partial").exists()
    claims.check_out(tmp_path, overwrite=True)
    with pytest.raises(StoreError, match="holds no run"), claims.part_of(tmp_path / "other", part):
        pass
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize("how", ["claim", "reopen"])
def test_a_lock_that_was_removed_is_noticed_at_the_next_save(tmp_path: Path, how: str) -> None:
    """A second process could lock the folder, and the first one noticed nothing."""
    begun(tmp_path)
    with claim(tmp_path, OURS, overwrite=True) if how == "claim" else reopen(tmp_path) as run:
        run.check()
        (tmp_path / claims.LOCK).unlink()
        with pytest.raises(StoreError, match=r".lock was removed while this run was written, so that another process"):
            run.check()
        with reopen(tmp_path) as second:
            second.check()
            with pytest.raises(StoreError, match=r".lock was removed while this run was written"):
                run.check()
