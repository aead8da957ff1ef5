"""Code that a folder names: run where it is the user's own and unchanged, and never before that is known."""

import json
import shutil

import pytest

import jaxgan as jg
from jaxgan.cli.app import main
from jaxgan.results.seal import read_sealed, write_sealed

LOSS = """\
import pathlib

import jaxgan as jg

with open(pathlib.Path(__file__).with_name("imported"), "a") as journal:
    journal.write("once more\\n")


def mine(real_logits, fake_logits):
    return jg.hinge.generator(real_logits, fake_logits)
"""
TINY = ["--data", "ring", "--seeds", "2", "--steps", "4", "--samples", "60", "--width", "4", "--batch-size", "8"]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A run with a loss of one's own."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "mine.py").write_text(LOSS)
    assert main(["train", *TINY, "--loss", f"{folder / 'mine.py'}:mine", "--out", str(folder / "run")]) == 0
    return folder


@pytest.fixture
def copy(made, tmp_path):
    """The run in a folder of its own, which a test may change, while the loss is where it was."""
    shutil.copytree(made / "run", tmp_path / "run")
    before = (made / "mine.py").read_text()
    (made / "imported").unlink(missing_ok=True)
    yield tmp_path / "run"
    (made / "mine.py").write_text(before)


@pytest.fixture
def elsewhere(monkeypatch, tmp_path):
    """Another user, who has another key."""
    monkeypatch.setenv("JAXGAN_CACHE_DIR", str(tmp_path / "another-cache"))


def commands(folder) -> list[list[str]]:
    out = str(folder)
    return [["train", "--resume", "--out", out, "--steps", "8"], ["sample", out, "-n", "4"], ["merge", out, out]]


def test_a_file_that_changed_is_not_even_imported(made, copy, capsys):
    (made / "mine.py").write_text(LOSS + "\n")
    for words in commands(copy):
        assert main(words) == 2
        assert "mine.py changed since the run in" in capsys.readouterr().err
    assert not (made / "imported").exists()
    shutil.move(made / "mine.py", made / "yours.py")
    assert main(commands(copy)[1]) == 2
    assert f"mine.py is missing since the run in {copy} was started" in capsys.readouterr().err


def test_a_folder_that_was_made_elsewhere_runs_nothing_without_a_word(made, copy, elsewhere, capsys):
    before = sorted(copy.rglob("*"))
    for words in commands(copy):
        assert main(words) == 2
        error = capsys.readouterr().err
        assert "was made elsewhere, and going on with it would run" in error and "add --trust" in error
        assert str(made / "mine.py") in error and error.count("\n") == 1
    assert not (made / "imported").exists()
    assert sorted(copy.rglob("*")) == before
    assert main([*commands(copy)[1], "--trust"]) == 0
    assert (made / "imported").exists()


def test_a_folder_without_code_of_its_own_needs_no_trust(elsewhere, tmp_path, monkeypatch):
    out = str(tmp_path / "run")
    assert main(["train", *TINY, "--out", out]) == 0
    monkeypatch.setenv("JAXGAN_CACHE_DIR", str(tmp_path / "a-third-cache"))
    assert main(["sample", out, "-n", "4"]) == 0


@pytest.mark.parametrize("where", ["network", "config"])
def test_code_that_was_written_into_a_config_is_not_run(where, copy, tmp_path, capsys):
    """With a digest that fits, as anybody can compute one; the seal nobody else can."""
    evil = tmp_path / "evil.py"
    evil.write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    content = read_sealed(copy / "config.json")
    if where == "network":
        content["network"]["generator"]["name"] = f"{evil}:G"
    else:
        content["config"]["loss"] = [f"{evil}:mine"]
    write_sealed(copy / "config.json", content)
    for words in commands(copy)[:2]:
        assert main(words) == 2
        assert "was made elsewhere" in capsys.readouterr().err
    assert not (tmp_path / "ran").exists()


def test_from_python_too(made, copy, elsewhere):
    with pytest.raises(ValueError, match="was made elsewhere"):
        jg.load_generator(copy)
    assert jg.load_run(copy).generator(trust=True).configuration == "mine"


@pytest.mark.slow
def test_the_code_of_a_profile_is_kept_too(made, tmp_path):
    """Its losses are none that anything is trained with."""
    out = tmp_path / "profile"
    words = [
        "profile",
        "--train",
        "--data",
        "ring",
        "--loss",
        f"{made / 'mine.py'}:mine",
        "--seeds",
        "2",
        "--steps",
        "4",
    ]
    assert main([*words, "--samples", "60", "--width", "4", "--batch-size", "8", "--out", str(out)]) == 0
    assert (out / "code" / "mine.py").read_text() == (made / "mine.py").read_text()
    assert "mine.py" in json.loads((out / "config.json").read_text())["inputs"]


@pytest.mark.slow
def test_a_changed_copy_of_the_code_is_never_taken_for_the_one_that_was_trained(copy, capsys):
    """Its digest is that of the start, in config.json; a rebuild wrote that of the changed file into SHA256SUMS."""
    text = (copy / "code/mine.py").read_text()
    (copy / "code/mine.py").write_text(text + "changed = True\n")
    for words in (
        ["check", copy],
        ["check", copy, "--rebuild"],
        ["train", "--resume", "--out", copy],
        ["report", copy],
    ):
        capsys.readouterr()
        main([str(word) for word in words])
        assert main(["check", str(copy)]) == 2
        said = " ".join(capsys.readouterr().out.split())
        assert "code/mine.py DAMAGED changed" in said and "1 of " in said.rpartition("DAMAGED")[2]
    (copy / "results.nc").unlink()  # of an unfinished run, too
    assert main(["check", str(copy)]) == 2 and "code/mine.py DAMAGED changed" in " ".join(
        capsys.readouterr().out.split()
    )
    (copy / "code/mine.py").write_text(text)
    assert main(["train", "--resume", "--out", str(copy)]) == 0 and main(["check", str(copy)]) == 0
