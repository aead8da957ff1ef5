"""`jaxgan study` and `jaxgan status` on the command line; nothing is trained."""

import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from jaxgan.cli.app import main
from jaxgan.report.tables import section
from jaxgan.study.config import configure
from jaxgan.study.study_file.file import Study
from jaxgan.study.study_file.tables import TABLES
from jaxgan.study.study_file.template import TEMPLATE
from tests.cli.commands import files, jaxgan_process, refused

SMALL = 'data = "ring"\nrecipes = ["minimax"]\n[vary]\nlr_d = [0.001, 0.002]\n[train]\nseeds = 2\nsteps = 4\n'


@pytest.fixture
def ran(monkeypatch, tmp_path) -> dict[str, Any]:
    """What the command asks of `run_study`, which runs nothing."""
    called: dict[str, Any] = {}

    def run_study(job: str, given: dict[str, Any], **how: Any) -> Path:
        called.update(job=job, given=given, **how)
        return how["out"]

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("jaxgan.study.compare.run_study", run_study)
    monkeypatch.setattr("jaxgan.report.run.terminal.show", lambda folder: print(f"shown {folder}"))
    return called


def test_the_same_command_begins_a_study_and_goes_on_with_it(ran, capsys):
    Path("rates.toml").write_text(SMALL)
    assert main(["study", "rates.toml"]) == 0
    assert capsys.readouterr().out == "shown runs/rates\n"
    assert ran["given"] == Study.read("rates.toml").options()
    assert (ran["job"], ran["out"], ran["again"], ran["overwrite"]) == ("study", Path("runs/rates"), True, False)
    assert main(["study", "rates.toml", "--out", "other", "--overwrite", "--devices", "1", "--no-compile-cache"]) == 0
    assert (ran["out"], ran["again"], ran["overwrite"]) == (Path("other"), False, True)
    assert (ran["on"].devices, ran["keep_programs"]) == (1, False)


def test_a_dry_run_prints_a_plan_and_runs_nothing(ran, capsys, monkeypatch):
    planner = ModuleType("jaxgan.study.dry")

    def plan_sections(options, *, on, out, keep_programs, rate, log):
        log(f"a trial of each program, and {rate:g} TFLOP/s")
        return [section("plan", "Programs", ["program", "runs"], [["minimax", str(len(options["vary"]))]])]

    planner.plan_sections = plan_sections  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "jaxgan.study.dry", planner)
    Path("rates.toml").write_text(SMALL)
    assert main(["study", "rates.toml", "--dry-run", "--at-rate", "50"]) == 0
    output = capsys.readouterr()
    assert "minimax\t1" in output.out and output.err == "a trial of each program, and 50 TFLOP/s\n"
    assert main(["study", "rates.toml", "--dry-run", "--at-rate", "0"]) == 2
    assert main(["study", "rates.toml", "--at-rate", "50"]) == 2
    assert not ran and not Path("runs").exists()


def test_every_mistake_of_a_file_is_a_line(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("rates.toml").write_text(SMALL.replace("minimax", "minmax").replace("seeds = 2", "seeds = 0"))
    assert main(["study", "rates.toml"]) == 2
    output = capsys.readouterr()
    assert output.out == ""
    lines = output.err.splitlines()
    assert lines[0].startswith("jaxgan: rates.toml: recipes[0]: got 'minmax'; did you mean 'minimax'?")
    assert lines[1:] == ["jaxgan: rates.toml: train.seeds: got 0, expected at least 1, and at most 16,384"]
    assert files(tmp_path) == {tmp_path / "rates.toml"}


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ([], "got neither of FILE.toml and --init, expected one"),
        (["a.toml", "--init", "b.toml"], "got both of FILE.toml and --init, expected one"),
        (["none.toml"], "none.toml: No such file or directory"),
        (["folder"], "folder: is a folder, expected a file"),
        (
            ["broken.toml"],
            "broken.toml: is no TOML: expected '=' after a key in a key/value pair (at line 2, column 6)",
        ),
        (["letters.toml"], "letters.toml: is no TOML: 'utf-8' codec can't decode byte 0xff in position 0"),
        (["--init", "a.toml"], "--init: a.toml exists already, expected a new file"),
        (["--init", "none.npz"], "--init: got none.npz, expected a name that ends in .toml"),
        (["--init", "new.toml", "--dry-run"], "--init writes a file and runs nothing, got it with --dry-run"),
        (
            ["--init", "--coordinator", "~", "--distributed"],
            "--init writes a file and runs nothing, got it with --distributed, --coordinator",
        ),
    ],
)
def test_what_is_no_study_is_refused(capsys, tmp_path, monkeypatch, words, line):
    monkeypatch.chdir(tmp_path)
    Path("a.toml").write_text(SMALL)
    Path("broken.toml").write_text("name = 'x'\ndata 'ring'\n")
    Path("letters.toml").write_bytes(b"\xff\xfe")
    Path("folder").mkdir()
    assert refused(capsys, "study", *words).startswith(f"jaxgan: {line}")
    assert Path("a.toml").read_text() == SMALL
    assert not Path("none.npz").exists() and not Path("new.toml").exists()


def test_a_file_to_start_from_is_a_study_as_it_is(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["study", "--init"]) == 0
    assert capsys.readouterr().out == "study.toml is a study to start from; run it with: jaxgan study study.toml\n"
    assert main(["study", "--init", "mine.toml"]) == 0
    study = Study.read("study.toml")
    config = configure(study.options())
    assert (study.name, Study.read("mine.toml").name) == ("study", "mine")
    # 50 microseconds a step and run of such networks: under two minutes with the compilation of three programs.
    assert 3 * 4 * config.seeds * config.steps * 50e-6 < 30


def test_a_file_to_start_from_says_all_that_there_is():
    """Every key of every table stands in it, behind a # where it is not needed, and no other."""
    said: dict[str, set[str]] = {}
    table = ""
    for line in TEMPLATE.splitlines():
        if header := re.match(r"(?:# )?\[+([\w.]+)\]+", line):
            table = header[1]
        elif key := re.match(r"(?:# )?(\w+) = ", line):
            said.setdefault(table, set()).add(key[1])
    assert said.pop("") == {"name", "recipes", "settings"}
    assert {name for name in said if "." in name or name == "vary"} == {
        "vary",
        "vary.zip",
        "vary.random",
        "vary.of.r1_gan",
    }
    tables = {name: set(model.model_fields) for name, model in TABLES.items() if name != "recipes"}
    assert {name: said[name] for name in tables} == tables


def test_help_stays_instant():
    """The models of a study file take a quarter of a second to import."""
    code = "import sys, jaxgan.cli.app; sys.exit('pydantic' in sys.modules or 'jax' in sys.modules)"
    done = jaxgan_process("--help", cwd=Path.cwd())
    assert done.returncode == 0 and "study" in done.stdout
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
