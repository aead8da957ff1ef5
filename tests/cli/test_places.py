"""Files and folders that cannot be read or written are a line, before anything is done for them."""

import errno
import os
import random
from pathlib import Path

import pytest

from jaxgan.cli.places import newest
from tests.cli.commands import RING, files, refused


@pytest.mark.parametrize(
    ("out", "line"),
    [
        ("", "--out: got an empty word, expected a value; is a shell variable unset?"),
        ("file", "file is a file, expected a folder"),
        ("file/sub", "file is a file, expected a folder"),
        ("dangling", "dangling is a broken link"),
        ("dangling/sub", "dangling is a broken link"),
        ("/proc/run", "nothing can be written to /proc (No such file or directory), expected a place for /proc/run"),
        ("a" * 300, "(File name too long)"),
        ("a" * 5000, "(File name too long)"),
        ("x/" * 1400, "got a path of 1,400 folders, expected at most 200"),
        (".", ". holds other files, expected a new or empty folder"),
        ("/proc", "nothing can be written to /proc (No such file or directory), expected a place for /proc"),
        (os.fsdecode(b"\xff\xfe"), "expected words in UTF-8, got '\\udcff\\udcfe'"),
    ],
    ids=lambda text: repr(text[:20]),
)
@pytest.mark.parametrize("command", ["train", "profile"])
def test_a_place_that_cannot_be_written_to_is_refused_first(command, out, line, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("file").touch()
    Path("dangling").symlink_to("nowhere")
    before = files(tmp_path)
    shown = refused(capsys, *(RING if command == "train" else ("profile", "--loss", "minimax")), "--out", out)
    assert line in shown and len(shown) < 400
    assert files(tmp_path) == before


@pytest.mark.parametrize("what", ["runs", "folder"])
def test_a_folder_without_permission_is_refused_first(what, capsys, tmp_path, monkeypatch):
    def forbidden(**where):
        raise PermissionError(errno.EACCES, "Permission denied", str(where["dir"]))

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tempfile.mkdtemp", forbidden)
    line = refused(capsys, *RING, *([] if what == "runs" else ["--out", "folder"]))
    wanted = {"runs": "runs/", "folder": "folder"}[what]
    assert line == f"jaxgan: --out: nothing can be written to . (Permission denied), expected a place for {wanted}"


@pytest.mark.parametrize(
    ("out", "line"),
    [
        ("", "--out: got an empty word, expected a value"),
        (".", "got '.', expected a file such as samples.png"),
        ("..", "got '..', expected a file such as samples.png"),
        ("/", "got '/', expected a file such as samples.png"),
        ("folder.png", "folder.png is a folder, expected a file"),
        ("/proc/x.png", "nothing can be written to /proc"),
        ("a" * 300, "File name too long"),
    ],
    ids=lambda text: repr(text[:20]),
)
@pytest.mark.parametrize("command", ["sample", "interpolate"])
def test_a_picture_that_cannot_be_written_is_refused_first(command, out, line, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("folder.png").mkdir()
    assert line in refused(capsys, command, ".", "--out", out)


@pytest.mark.parametrize(
    "words",
    [
        ["--data", "~nouser/x.npz"],
        ["--data", "x/" * 1400],
        ["--data", "a" * 300 + ".npz"],
        ["--data", "dangling"],
        ["--data", "file/sub"],
        ["--data", "nul.npz"],
        ["--data", "random.npy"],
        ["--data", os.fsdecode(b"\xff.npz")],
        ["--loss", "a" * 5000 + ".py:f"],
        ["--recipe", "a" * 5000 + ".py:f"],
        ["--generator", "a" * 300 + ".py:F"],
        ["--loss", "dangling.py:f"],
        ["--loss", ":"],
        ["--probe", "x:"],
    ],
    ids=lambda words: " ".join(words)[:30],
)
def test_files_that_cannot_be_read_are_a_line(words, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("file").touch()
    Path("dangling").symlink_to("nowhere")
    Path("dangling.py").symlink_to("nowhere")
    Path("nul.npz").write_bytes(bytes(4000))
    Path("random.npy").write_bytes(random.Random(0).randbytes(4000))
    before = files(tmp_path)
    line = refused(capsys, *RING, *words)
    assert len(line) < 600 and "pickle" not in line
    assert files(tmp_path) == before


def test_a_folder_that_may_not_be_read_is_a_line(capsys, tmp_path, monkeypatch):
    def forbidden(folder):
        raise PermissionError(errno.EACCES, "Permission denied", str(folder))

    monkeypatch.setattr("os.listdir", forbidden)
    assert f"{tmp_path}: cannot be read (Permission denied)" in refused(capsys, *RING, "--data", str(tmp_path))


def test_the_newest_run_may_be_a_study(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for age, job in enumerate(("study", "compare", "profile")):
        path = Path("runs", job, "config.json")
        path.parent.mkdir(parents=True)
        path.write_text(f'{{"job": "{job}"}}')
        os.utime(path, (1000 - age, 1000 - age))
    assert newest(None) == Path("runs/study")
