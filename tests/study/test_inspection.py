"""`jaxgan check`: what is whole, what is not, and that the way out that it names leads out."""

import json
import math
import shlex
import shutil
import subprocess

import pytest
import xarray as xr

import jaxgan as jg
from jaxgan import checkpoint
from jaxgan.cli.app import main
from jaxgan.report.profile.report import FILES
from jaxgan.results import claim, store
from jaxgan.results.claim import LOCK
from jaxgan.study import inspection
from jaxgan.study.trust import sealed

TINY = ["--data", "ring", "--seeds", "2", "--steps", "4", "--samples", "60", "--width", "4", "--batch-size", "8"]
TRAINING = ["non_saturating/seeds-0-1/records", "non_saturating/seeds-0-1/training"]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("checked") / "run"
    with pytest.MonkeyPatch.context() as patch:  # on a slow machine, too, with one checkpoint
        patch.setattr("jaxgan.study.training._SAVE_SECONDS", math.inf)
        assert main(["train", *TINY, "--out", str(folder)]) == 0
    return folder


@pytest.fixture
def run(made, tmp_path):
    """A copy that a test may damage."""
    shutil.copytree(made, tmp_path / "run")
    return tmp_path / "run"


def checked(folder, capsys, *words: str) -> tuple[int, str]:
    capsys.readouterr()
    status = main(["check", str(folder), *words])
    return status, capsys.readouterr().out


def flip(path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def test_a_finished_run_is_whole_also_to_who_has_no_jaxgan(run, capsys):
    status, text = checked(run, capsys)
    assert status == 0 and text.endswith("everything is intact\n") and "DAMAGED" not in text
    if shutil.which("sha256sum"):
        assert subprocess.run(["sha256sum", "-c", "--quiet", "SHA256SUMS"], cwd=run).returncode == 0
    assert subprocess.run(["grep", "-c", "", "SHA256SUMS"], cwd=run, capture_output=True).stdout > b"10"


@pytest.mark.parametrize("name", ["report.html", "metrics.csv", "table.json", "when.png"])
def test_what_is_made_of_the_results_is_made_again(name, run, made, capsys):
    flip(run / name)
    status, text = checked(run, capsys)
    assert status == 2 and f"to restore: jaxgan check {run} --rebuild" in text
    status, text = checked(run, capsys, "--rebuild")
    assert status == 0 and text.endswith("everything is intact\n")
    assert (run / name).read_bytes() == (made / name).read_bytes()


@pytest.mark.parametrize(
    "name",
    [
        "non_saturating/seeds-0-1/training",
        *(pytest.param(name, marks=pytest.mark.slow) for name in ("results.nc", "non_saturating/seeds-0-1/records")),
    ],
)
def test_the_way_out_leads_out(name, run, made, capsys):
    """A damaged part is found, the command that is named makes it again, and all numbers have equal bits."""
    part = run / name
    flip(part if part.is_file() else max((p for p in part.rglob("*") if p.is_file()), key=lambda p: p.stat().st_size))
    status, text = checked(run, capsys)
    assert status == 2 and "DAMAGED" in text
    way_out = next(line.removeprefix("to restore: ") for line in text.splitlines() if "to restore" in line)
    removed, _, command = way_out.rpartition("and then: ")
    for path in removed.removeprefix("remove ").rstrip(", ").split(" and "):
        if path:
            shutil.rmtree(path, ignore_errors=True)
            run.joinpath(path).unlink(missing_ok=True)
    assert main(shlex.split(command or way_out)[1:]) == 0
    status, text = checked(run, capsys)
    assert status == 0, text
    xr.testing.assert_identical(jg.load_run(run).dataset, jg.load_run(made).dataset)


def test_every_file_of_a_run_is_listed_and_no_other(run, capsys):
    """Files of the user and of `jaxgan sample` change at any time; they are listed by no rebuild and never damaged."""
    own = {path for path in run.rglob("*") if path.is_file() and path.relative_to(run).parts[0] != "non_saturating"}
    names = {path.relative_to(run).as_posix() for path in own} - {store.SUMS, LOCK}
    assert set(store.read_sums(run)) == set(store.summed(run)) == names
    (run / "notes.txt").write_text("mine")
    for count in ("4", "9"):
        assert main(["sample", str(run), "-n", count]) == 0
        assert checked(run, capsys, *(["--rebuild"] if count == "4" else []))[0] == 0
    (run / "notes.txt").write_text("mine, too")
    assert checked(run, capsys)[0] == 0 and set(store.summed(run)) == names


def test_every_picture_of_a_report_has_a_name_that_is_listed(tmp_path):
    names = {name.replace("-*", "*").replace("*", "-of-a-loss") for name in FILES if not name.startswith("figures/")}
    names |= {"figures/phase-failed-border.csv", "samples.png", "code/a/b.py", "figures/curves.svg"}
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    others = "mine.png", "figures/mine.pdf", "code/__pycache__/b.pyc", "sample-a-seed0-key0.png", "training/1.npz"
    for name in others:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert set(store.summed(tmp_path)) == names


def test_a_changed_log_stays_changed(run, capsys):
    """Nothing makes it again; that it changed is said until its digest is renewed on purpose."""
    (run / "log.jsonl").write_text("{}\n")
    for words in (["check", run, "--rebuild"], ["report", run], ["train", "--resume", "--out", run]):
        main(list(map(str, words)))
        status, text = checked(run, capsys)
        assert status == 2 and "log.jsonl" in text and "1 of " in text
    assert f"to restore: remove {run / 'SHA256SUMS'}, and then: jaxgan check {run} --rebuild" in text
    (run / "SHA256SUMS").unlink()
    assert checked(run, capsys, "--rebuild")[0] == 0


@pytest.mark.parametrize("line", ["x  ../../../etc/passwd\nabc\n", "", "\xff"])
def test_a_damaged_list_of_digests_is_written_again(line, run, capsys):
    (run / "SHA256SUMS").write_text(line, encoding="latin-1")
    status, text = checked(run, capsys)
    assert status == 2 and "SHA256SUMS" in text and "passwd" not in text and "1 of " in text
    assert checked(run, capsys, "--rebuild")[0] == 0


@pytest.mark.parametrize("name", ["report.html", "SHA256SUMS"])
def test_a_folder_in_place_of_a_file_is_removed_first(name, run, capsys):
    (run / name).unlink()
    (run / name).mkdir()
    status, text = checked(run, capsys)
    assert status == 2 and f"to restore: remove {run / name}, and then: jaxgan check {run} --rebuild" in text


def test_figures_for_a_paper_are_checked_too(run, capsys):
    assert main(["report", str(run), "--paper", "two-column"]) == 0
    flip(run / "paper/curves.png")
    status, text = checked(run, capsys, "--rebuild")
    assert status == 2 and f"to restore: jaxgan report {run} --paper one-column (or two-column" in text
    assert main(["report", str(run), "--paper", "two-column"]) == 0
    assert checked(run, capsys)[0] == 0


def test_an_unfinished_run_says_what_is_not_there_yet(run, capsys):
    for name in ("results.nc", "report.html", "SHA256SUMS"):
        (run / name).unlink()
    status, text = checked(run, capsys)
    assert status == 2 and f"to restore: jaxgan train --resume --out {run}" in text and "not there yet" in text


def test_an_unfinished_study_names_a_command_that_continues_it(made, tmp_path, capsys):
    """`jaxgan study` has no --resume, and the study's file may be elsewhere; a name may have a space."""
    folder = tmp_path / "my study"
    shutil.copytree(made, folder)
    with claim.reopen(folder) as run:
        run.rewrite(sealed(store.read_config(folder) | {"job": "study"}))
    (folder / "results.nc").unlink()
    status, text = checked(folder, capsys)
    command = next(line.removeprefix("to restore: ") for line in text.splitlines() if "to restore" in line)
    assert (status, shlex.split(command)) == (2, ["jaxgan", "compare", "--resume", "--out", str(folder)])
    assert main(shlex.split(command)[1:]) == 0
    assert (folder / "results.nc").is_file()


def test_a_damaged_configuration_of_an_unfinished_run_is_all_that_can_be_said(run, capsys):
    (run / "results.nc").unlink()
    flip(run / "config.json")
    status, text = checked(run, capsys)
    assert status == 2 and "1 of 1 parts are damaged" in text and "to restore" not in text
    assert main(["check", str(run), "--rebuild"]) == 2
    (run / "config.json").unlink()
    assert main(["check", str(run), "--rebuild"]) == 2
    errors = capsys.readouterr().err.splitlines()
    assert "digest differs" in errors[0] or "is damaged" in errors[0]
    assert errors[1] == f"jaxgan: {run} holds no run (no config.json)" and len(errors) == 2


def empty(path, other) -> None:
    path.write_bytes(b"")


def remove(path, other) -> None:
    path.unlink()


def change(path, other) -> None:
    path.write_text(path.read_text().replace('"seeds": 2', '"seeds": 3'))


def swap(path, other) -> None:
    shutil.copyfile(other / "config.json", path)


@pytest.mark.parametrize(
    "damage", [swap, *(pytest.param(how, marks=pytest.mark.slow) for how in (empty, remove, change))]
)
def test_a_lost_configuration_is_written_again_from_the_results(
    damage, run, made, made_in_stretches, capsys, monkeypatch
):
    """To the byte, seal included; until then nothing is done with the run but to say how."""
    monkeypatch.setattr(inspection, "write_run_report", lambda *_: None)  # that of before stays
    config = run / "config.json"
    damage(config, made_in_stretches)
    assert main(["train", "--resume", "--out", str(run)]) == 2
    assert damage is swap or f"; see: jaxgan check {run}\n" in capsys.readouterr().err
    status, text = checked(run, capsys)
    assert status == 2 and text.splitlines()[-2:] == [
        f"to restore: jaxgan check {run} --rebuild",
        "1 of 1 parts are damaged or missing",
    ]
    status, text = checked(run, capsys, "--rebuild")
    assert status == 0 and text.startswith(f"{config} was restored from its copy in results.nc\n")
    assert text.endswith("everything is intact\n") and config.read_bytes() == (made / "config.json").read_bytes()


def test_a_configuration_is_not_made_of_results_that_are_damaged_or_of_another_run(
    run, made, made_in_stretches, capsys
):
    """Results of another run say nothing of this one; and where the trainings are a third one's nobody can tell."""
    shutil.copyfile(made_in_stretches / "results.nc", run / "results.nc")
    assert main(["check", str(run), "--rebuild"]) == 2
    assert "belongs to another run" in capsys.readouterr().err
    assert (run / "config.json").read_bytes() == (made / "config.json").read_bytes()
    flip(run / "results.nc")
    (run / "config.json").unlink()
    assert main(["check", str(run), "--rebuild"]) == 2
    assert "holds no run (no config.json" in capsys.readouterr().err
    assert not (run / "config.json").exists()


@pytest.mark.parametrize("damage", [flip, lambda path: path.unlink()])
def test_nothing_is_promised_of_a_configuration_without_a_whole_copy(damage, run, capsys):
    flip(run / "results.nc")
    damage(run / "config.json")
    status = main(["check", str(run)])
    said = capsys.readouterr()
    assert status == 2 and "--rebuild" not in said.out + said.err


def test_a_folder_of_no_run_is_refused(tmp_path, capsys):
    assert main(["check", str(tmp_path)]) == 2
    assert "holds no run" in capsys.readouterr().err


@pytest.mark.parametrize("name", TRAINING)
def test_damage_is_found_before_any_training(name, run, capsys, monkeypatch):
    """Of a run that was interrupted; every configuration is looked at before the first goes on."""
    from jaxgan.study import carrying_out

    monkeypatch.setattr(carrying_out, "train", lambda *_: pytest.fail("trained"))
    (run / "results.nc").unlink()
    flip(max((path for path in (run / name).rglob("*") if path.is_file()), key=lambda path: path.stat().st_size))
    assert main(["train", "--resume", "--out", str(run)]) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert "is damaged" in error


@pytest.fixture(scope="module")
def made_in_stretches(tmp_path_factory):
    """A run whose training was saved after every stretch, of which the last two saves are kept."""
    folder = tmp_path_factory.mktemp("stretches") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("jaxgan.study.training._SAVE_SECONDS", 0.0)
        assert main(["train", *TINY, "--out", str(folder)]) == 0
    assert len(checkpoint.steps_in(folder / TRAINING[1])) == 2
    return folder


def largest(folder):
    return max((path for path in folder.rglob("*") if path.is_file()), key=lambda path: path.stat().st_size)


def test_a_damaged_checkpoint_is_passed_over_for_the_one_before(made_in_stretches, tmp_path, capsys):
    """Training goes on from there to equal bits, and says so in one line."""
    shutil.copytree(made_in_stretches, run := tmp_path / "run")
    training = run / TRAINING[1]
    last, before = checkpoint.steps_in(training)
    flip(largest(training / str(last)))
    status, text = checked(run, capsys)
    assert status == 2 and f"; the one before it, of step {before}, is intact" in " ".join(text.split())
    final, results = training.parent / "final", run / "results.nc"
    assert f"to restore: remove {final} and {results}, and then: jaxgan train --resume --out {run}\n" in text
    shutil.rmtree(final)
    results.unlink()
    assert main(["train", "--resume", "--out", str(run)]) == 0
    said = [line for line in capsys.readouterr().err.splitlines() if "is damaged" in line]
    assert said == [
        f"note: the checkpoint of step {last} in {training} is damaged; going on from the one before, of step {before}"
    ]
    status, text = checked(run, capsys)
    assert status == 0, text
    xr.testing.assert_identical(jg.load_run(run).dataset, jg.load_run(made_in_stretches).dataset)


def test_where_both_checkpoints_are_damaged_the_run_is_refused(made_in_stretches, tmp_path, capsys):
    shutil.copytree(made_in_stretches, run := tmp_path / "run")
    (run / "results.nc").unlink()
    last, before = checkpoint.steps_in(run / TRAINING[1])
    flip(largest(run / TRAINING[1] / str(before)))
    status, text = checked(run, capsys)
    assert status == 2 and f"step {last}; the one before it, of step {before}, is damaged" in " ".join(text.split())
    assert f"to restore: remove {run / TRAINING[1] / str(before)}, and then: jaxgan check {run}" in text
    flip(largest(run / TRAINING[1] / str(last)))
    assert main(["train", "--resume", "--out", str(run)]) == 2
    assert "is damaged: its files are not those that were written" in capsys.readouterr().err.splitlines()[-1]
    assert not (run / "results.nc").exists()


@pytest.mark.parametrize("name", ["seeds-0-1/training", "seeds-0-1/generator"])
def test_a_checkpoint_of_another_run_is_noticed(name, run, capsys):
    """It is whole, of the same step and the same shapes, and gave the run the other one's numbers."""
    folder = run / "non_saturating" / name
    path = folder / "4" / "meta" / "metadata"
    meta = json.loads(path.read_text()) | {"run": "0" * 32}
    path.write_text(json.dumps(meta))
    (folder / "4.sha256").write_text(checkpoint._file_digest(folder / "4"))
    found = {part.name: part.what for part in inspection.inspect(run) if not part.whole}
    assert found == {f"non_saturating/{name}": f"the checkpoint in {folder} belongs to another run"}
    if name.endswith("training"):  # generators are written anew
        (run / "results.nc").unlink()
        assert main(["train", "--resume", "--out", str(run)]) == 2
        assert f"belongs to another run; remove {folder.parent} and continue" in capsys.readouterr().err


@pytest.mark.parametrize("change", [('"key": 0', '"key": 1'), ('"steps": 4', '"steps": 5'), ("ring", "grid")])
def test_a_changed_setting_is_refused(change, run, capsys):
    (run / "results.nc").unlink()
    path = run / "config.json"
    path.write_text(path.read_text().replace(*change))
    assert main(["train", "--resume", "--out", str(run)]) == 2
    assert "config.json is not what was written: its digest differs" in capsys.readouterr().err
