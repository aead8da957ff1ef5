"""The user's own files: every one that trains has a digest and a copy, whatever it is called."""

import importlib
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from jaxgan.files import StoreError, file_digest
from jaxgan.results.results import SCHEMA
from jaxgan.study import inputs
from jaxgan.study.catalogue import find_loss, slug
from jaxgan.study.folder import new_folder
from jaxgan.study.messages import OptionError

ORIGIN = {"schema": SCHEMA, "job": "train"}
LOSS = "import jaxgan as jg\n\n\ndef {name}(real, fake):\n    return {factor} * jg.hinge.generator(real, fake)\n"


def file(path: Path, name: str, factor: float = 1.0, first: str = "") -> str:
    """Write a file with a loss; its name, as an option has it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(first + LOSS.format(name=name, factor=factor))
    return f"{path}:{name}"


def loaded(*names: str, data: str = "ring", **config: str) -> Any:
    """What is asked of a study, after its losses were imported."""
    for name in names:
        find_loss(name)
    source = SimpleNamespace(train=None, heldout=None, name=data)
    return SimpleNamespace(
        own_code=names, source=source, config=SimpleNamespace(**{"features": "pixels", "data": data} | config)
    )


def stored(study: Any) -> dict[str, Any]:
    """The entries of config.json about the files of a study."""
    return {"inputs": inputs.digests(study), "code": inputs.code_of(study.own_code)}


def test_two_files_with_one_name_are_two_files(tmp_path: Path) -> None:
    """The second was registered in place of the first, which had neither digest nor copy."""
    a, b = tmp_path / "b" / "mine.py", tmp_path / "a" / "mine.py"  # not in the order of their names
    names = file(a, "f"), file(b, "g", 2.0)
    study = loaded(*names)
    content = stored(study)
    assert content["inputs"] == {"mine.py": file_digest(a), "mine-2.py": file_digest(b)}
    assert content["code"] == {"mine.py": "mine.py", "mine-2.py": "mine.py"}
    run = tmp_path / "run"
    copies = inputs.copies_of(study.own_code, content["inputs"])
    assert copies == {"code/mine.py": a.read_bytes(), "code/mine-2.py": b.read_bytes()}
    inputs.check_code(content, names, run)
    for path in (a, b):
        before = path.read_text()
        path.write_text(before + "\n")
        with pytest.raises(OptionError, match=f"RUN: {path} changed since the run in .* was started"):
            inputs.check_code(content, names, run)
        assert inputs.changed(content, study) == ["mine.py" if path == a else "mine-2.py"]
        path.write_text(before)
    a.write_bytes(copies["code/mine-2.py"])  # in each other's place
    b.write_bytes(copies["code/mine.py"])
    with pytest.raises(OptionError, match=r"mine.py or mine-2.py changed since"):
        inputs.check_code(content, names, run)


@pytest.mark.parametrize("label", ["", "mine="])
def test_a_folder_may_have_an_equals_sign_in_its_name(label: str, tmp_path: Path) -> None:
    """The code was not found there or, under a label, trained without a digest and a copy."""
    path = tmp_path / "lr=0.1" / "mine.py"
    name = label + file(path, "f")
    assert inputs.digests(loaded(name)) == {"mine.py": file_digest(path)}
    assert inputs.absolute({"loss": (name,)})["loss"] == (name,)
    assert slug(name) == (label.removesuffix("=") or "f")


def test_a_number_is_not_taken_from_a_file_that_has_it_in_its_name(tmp_path: Path) -> None:
    names = [file(tmp_path / path, "f", factor) for factor, path in enumerate(("a/x.py", "b/x.py", "b/x-2.py"), 1)]
    study = loaded(*names)
    content = stored(study)
    assert set(content["inputs"]) == {"x.py", "x-2.py", "x-3.py"}
    assert content["inputs"]["x-2.py"] == file_digest(tmp_path / "b/x-2.py")
    assert inputs.changed(content, study) == []
    inputs.check_code(content, names, tmp_path / "run")


def test_a_run_of_an_earlier_version_with_two_such_files_is_read_and_goes_on(tmp_path: Path) -> None:
    """Its config.json has one digest for both, which was that of either."""
    names = file(tmp_path / "a" / "mine.py", "f"), file(tmp_path / "b" / "mine.py", "g", 2.0)
    study = loaded(*names)
    for path in ("a/mine.py", "b/mine.py"):
        inputs.check_code({"inputs": {"mine.py": file_digest(tmp_path / path)}}, names, tmp_path / "run")
    assert inputs.changed({"inputs": {"mine.py": file_digest(tmp_path / "a/mine.py")}}, study) == []
    assert inputs.changed({"inputs": {"mine.py": "another"}}, study) == ["mine.py"]


def test_a_neighbour_is_not_taken_for_that_of_another_file(tmp_path: Path) -> None:
    """`import scale_of` in the second file gave it the first one's."""
    for folder, factor in (("a", 1), ("b", 2)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "scale_of.py").write_text(f"FACTOR = {factor}\n")
    first = file(tmp_path / "a" / "one.py", "f", first="import scale_of\n")
    second = file(tmp_path / "b" / "two.py", "g", first="from scale_of import FACTOR\n")
    find_loss(first)
    with pytest.raises(OptionError, match=r"two.py imports scale_of, and .*a/scale_of.py is loaded under that name"):
        find_loss(second)


def test_weights_and_data_with_one_name_have_two_digests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "moons").write_bytes(b"weights")
    monkeypatch.setattr("jaxgan.checkpoint.digest", lambda data: "of the data")
    study = loaded(data="moons", features=f"inception:{tmp_path / 'moons'}")
    study.source.train = ()
    assert inputs.digests(study) == {"moons": "of the data", "moons-2": file_digest(tmp_path / "moons")}


def module(folder: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module that is found as with PYTHONPATH, below no folder that is named."""
    file(folder / f"{name}.py", "f", first=f"from helper_of_{name} import FACTOR\n")
    (folder / f"helper_of_{name}.py").write_text("FACTOR = 1\n")
    monkeypatch.syspath_prepend(str(folder))


def test_a_module_from_elsewhere_has_a_digest_and_a_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only those below the current folder had one."""
    module(tmp_path / "lib", "mylib12", monkeypatch)
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    study = loaded("mylib12:f")
    content = stored(study)
    assert set(content["inputs"]) == {"mylib12.py", "helper_of_mylib12.py"}
    assert set(inputs.copies_of(study.own_code, content["inputs"])) == {"code/mylib12.py", "code/helper_of_mylib12.py"}
    inputs.check_kept(study.own_code)
    inputs.check_code(content, study.own_code, tmp_path / "run")
    assert inputs.changed({"inputs": {}}, study) == []  # of an earlier version, which has none
    (tmp_path / "lib" / "mylib12.py").write_text("changed = True\n")
    with pytest.raises(OptionError, match=r"mylib12.py changed since"):
        inputs.check_code(content, study.own_code, tmp_path / "run")
    assert inputs.changed(content, study) == ["mylib12.py"]


def test_a_module_below_the_current_folder_is_called_as_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run of an earlier version has it under its path from there."""
    module(tmp_path / "src", "mylib13", monkeypatch)
    monkeypatch.chdir(tmp_path)
    assert set(inputs.digests(loaded("mylib13:f"))) == {"src/mylib13.py", "src/helper_of_mylib13.py"}


def test_a_module_without_a_file_to_keep_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with zipfile.ZipFile(tmp_path / "lib.zip", "w") as archive:
        archive.writestr("zipped12.py", LOSS.format(name="f", factor=1))
    monkeypatch.syspath_prepend(str(tmp_path / "lib.zip"))
    for name, where in (("zipped12:f", "lib.zip"), ("builtins:abs", "built in")):
        importlib.import_module(name.partition(":")[0])
        with pytest.raises(StoreError, match=f"is in no file that a run can keep a copy of .*{where}") as raised:
            inputs.check_kept([name])
        assert "\n" not in str(raised.value)
    inputs.check_kept(["jaxgan.losses:hinge", "optax:adam", "a.py:b"])


def test_the_only_copy_of_a_loss_outlives_the_run_that_had_it(tmp_path: Path) -> None:
    """`--loss RUN/code/loss.py:f --out RUN --overwrite`: it was moved away first, and then skipped."""
    run = tmp_path / "run"
    study = loaded(file(tmp_path / "loss.py", "f"))
    with new_folder(run, "train", ORIGIN | stored(study), study.own_code, study.config, False):
        pass
    copy = (run / "code" / "loss.py").read_bytes()
    again = loaded(f"{run / 'code' / 'loss.py'}:f")
    with new_folder(run, "train", ORIGIN | stored(again), again.own_code, again.config, True) as new:
        new.complete()
    assert (run / "code" / "loss.py").read_bytes() == copy
    inputs.check_code(stored(again), again.own_code, run)


@pytest.mark.parametrize("what", ["changed", "removed"])
def test_a_file_that_cannot_be_kept_as_it_was_imported_ends_the_run(what: str, tmp_path: Path) -> None:
    study = loaded(file(tmp_path / "loss.py", "f"), file(tmp_path / "b" / "other.py", "g"))
    content = stored(study)
    if what == "changed":
        (tmp_path / "loss.py").write_text("# another\n")
    else:
        (tmp_path / "loss.py").unlink()
    with pytest.raises(StoreError, match=f"loss.py was {what} while the run was set up"):
        new_folder(tmp_path / "run", "train", ORIGIN | content, study.own_code, study.config, False)
    assert not (tmp_path / "run").exists()


def test_a_run_does_not_replace_the_one_whose_files_it_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Samples of a run as data: they are removed with the run, though they have a name that jaxgan gives."""
    monkeypatch.chdir(tmp_path)
    study = loaded(data="run/sample-f-seed0-key0.npz")
    with new_folder(Path("run"), "train", ORIGIN | stored(study), study.own_code, study.config, False):
        Path("run/sample-f-seed0-key0.npz").write_text("x")
    with pytest.raises(StoreError, match=r"run holds run/sample-f-seed0-key0.npz, which this run reads"):
        new_folder(Path("run"), "train", ORIGIN | stored(study), study.own_code, study.config, True)
    assert Path("run/sample-f-seed0-key0.npz").exists()
