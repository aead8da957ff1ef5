"""The user's own files: every one that trains has a digest and a copy, whatever it is called."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from jaxgan.files import file_digest
from jaxgan.study import inputs
from jaxgan.study.catalogue import find_loss
from jaxgan.study.messages import OptionError

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
    return SimpleNamespace(own_code=names, source=source, config=SimpleNamespace(**{"features": "pixels"} | config))


def stored(study: Any) -> dict[str, Any]:
    """The entries of config.json about the files of a study."""
    return {"inputs": inputs.digests(study), "code": inputs.code_of(study)}


def test_two_files_with_one_name_are_two_files(tmp_path: Path) -> None:
    """The second was registered in place of the first, which had neither digest nor copy."""
    a, b = tmp_path / "b" / "mine.py", tmp_path / "a" / "mine.py"  # not in the order of their names
    names = file(a, "f"), file(b, "g", 2.0)
    study = loaded(*names)
    content = stored(study)
    assert content["inputs"] == {"mine.py": file_digest(a), "mine-2.py": file_digest(b)}
    assert content["code"] == {"mine.py": "mine.py", "mine-2.py": "mine.py"}
    run = tmp_path / "run"
    inputs.keep_copies(run, study)
    assert (run / "code" / "mine.py").read_bytes() == a.read_bytes()
    assert (run / "code" / "mine-2.py").read_bytes() == b.read_bytes()
    inputs.check_code(content, names, run)
    for path in (a, b):
        before = path.read_text()
        path.write_text(before + "\n")
        with pytest.raises(OptionError, match=r"mine.py or mine-2.py changed since the run in .* was started"):
            inputs.check_code(content, names, run)
        assert inputs.changed(content, study) == ["mine.py" if path == a else "mine-2.py"]
        path.write_text(before)
    a.write_bytes((run / "code" / "mine-2.py").read_bytes())  # in each other's place
    b.write_bytes((run / "code" / "mine.py").read_bytes())
    with pytest.raises(OptionError, match="changed since"):
        inputs.check_code(content, names, run)


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
