"""`jaxgan track`, without the packages of the trackers."""

import sys
from pathlib import Path
from types import ModuleType

import pytest

from jaxgan.cli.app import main
from tests.cli.commands import refused
from tests.synthetic import make_run, save


@pytest.mark.parametrize(("to", "package"), [("tensorboard", "tensorboardX>=2.6"), ("wandb", "wandb>=0.20")])
def test_a_missing_package_is_a_line_with_what_installs_it(to, package, capsys, monkeypatch, tmp_path):
    name = package.partition(">")[0]
    install = f"pip install '{package}'"
    for found in (None, ModuleType(name)):  # not there; or a folder of its name, such as wandb makes, is
        monkeypatch.setitem(sys.modules, name, found)
        line = refused(capsys, "track", str(save(make_run(seeds=1), tmp_path / str(found)[:5])), "--to", to)
        assert line == f"jaxgan: --to: {name} cannot be imported, expected it installed: {install}"
    assert {path.name for path in tmp_path.iterdir()} == {"None", "<modu"}


def test_the_result_is_how_to_look_at_it(capsys, monkeypatch, tmp_path):
    called = []

    def track(run, to, out, log):
        log("a line")
        print("by the package")
        called.append((run, to, out))
        return out or Path("runs/a b-tensorboard")

    monkeypatch.setattr("jaxgan.study.monitoring.trackers.track", track)
    assert main(["track", "runs/a b"]) == 0
    output = capsys.readouterr()
    assert output.out == "tensorboard --logdir 'runs/a b-tensorboard'\n"
    assert "a line" in output.err and "by the package" in output.err
    assert main(["track", "runs/a b", "--to", "wandb", "--out", "w"]) == 0
    assert capsys.readouterr().out == "wandb sync w/wandb/offline-run-*\n"
    assert called == [(Path("runs/a b"), "tensorboard", None), (Path("runs/a b"), "wandb", Path("w"))]


def test_help_is_grouped_and_other_trackers_are_refused(capsys):
    assert main(["track", "--help"]) == 0
    shown = capsys.readouterr().out
    assert shown.index("What is done:") < shown.index("--to") < shown.index("Files:") < shown.index("--out DIR")
    assert "'paper' is not one of 'tensorboard', 'wandb'" in refused(capsys, "track", "runs/a", "--to", "paper")
