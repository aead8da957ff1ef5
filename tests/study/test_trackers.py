"""Finished runs for TensorBoard and Weights & Biases, by packages that only write down what they are asked."""

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import jaxgan as jg
from jaxgan.study.messages import OptionError
from jaxgan.study.monitoring.trackers import TRACKERS
from tests.synthetic import PROBES, make_profile, make_run, save


class Writer:
    """As `tensorboardX.SummaryWriter`, into `made` in place of a file."""

    made: dict[str, dict[str, Any]] = {}  # noqa: RUF012 as a fixture makes it anew

    def __init__(self, logdir: str, filename_suffix: str):
        assert filename_suffix  # without one the file of the hyper-parameters would be the same
        Path(logdir).mkdir(parents=True)
        self.own = self.made[logdir] = {"scalars": {}, "hparams": None}

    def __enter__(self) -> "Writer":
        return self

    def __exit__(self, *error: object) -> None: ...

    def add_scalar(self, tag: str, value: float, step: int) -> None:
        assert isinstance(value, float) and isinstance(step, int)
        self.own["scalars"].setdefault(tag, []).append((step, value))

    def add_hparams(self, config: dict, metrics: dict, name: str, global_step: int) -> None:
        assert name == "." and all(isinstance(value, bool | int | float | str) for value in config.values())
        self.own["hparams"] = config, metrics, global_step


class WandbRun:
    """As the object that `wandb.init` returns."""

    def __init__(self, **given: Any):
        self.given, self.logged, self.summary, self.finished = given, [], {}, False  # type: ignore[var-annotated]

    def log(self, values: dict[str, float], step: int) -> None:
        assert not self.logged or step > self.logged[-1][0]  # others are dropped by wandb, with a warning
        self.logged.append((step, values))

    def finish(self) -> None:
        self.finished = True


@pytest.fixture
def board(monkeypatch) -> dict[str, dict[str, Any]]:
    module = ModuleType("tensorboardX")
    monkeypatch.setattr(Writer, "made", {})
    module.SummaryWriter = Writer  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "tensorboardX", module)
    return Writer.made


@pytest.fixture
def wandb(monkeypatch) -> list[WandbRun]:
    module, made = ModuleType("wandb"), []

    def init(**given: Any) -> WandbRun:
        made.append(WandbRun(**given))
        return made[-1]

    module.init = init  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "wandb", module)
    return made


def varied_run(**options: Any) -> jg.Results:
    """Of two configurations, with the settings that config.json has of a real one."""
    run = make_run(**options)
    settings = {"loss": "minimax", "lr_d": np.float64(0.5), "ema": None, "betas": (0.5, 0.9), "nesterov": True}
    run.config["configurations"] = {run.configurations[0]: {"recipe": "gan", "settings": settings}}
    return run


def test_tensorboard_gets_series_metrics_settings_and_outcome_of_every_run(board, tmp_path):
    run, said = varied_run(seeds=2, failures={(0, 1): "COLLAPSED"}), list[str]()
    folder = save(run, tmp_path / "run")
    out = jg.track(folder, log=said.append)
    assert out == tmp_path / "run-tensorboard" and said == []
    assert list(board) == [str(out / f"{loss}/seed-{j}") for loss in run.configurations for j in (0, 1)]
    own = board[str(out / "minimax/seed-1")]
    series = run.series["g_grad_norm"][0, 1].astype(float).tolist()
    assert own["scalars"]["series/g_grad_norm"] == list(zip(run.steps.tolist(), series, strict=True))
    assert [step for step, _ in own["scalars"]["along/frechet"]] == PROBES.tolist()
    assert [value for _, value in own["scalars"]["along/frechet"]] == run.along["frechet"][0, 1].tolist()
    assert own["scalars"]["series/d_fake_quantiles/0.05"][0] == (1, 0.5)
    config, final, last = own["hparams"]
    expected = {"configuration": "minimax", "recipe": "gan", "loss": "minimax", "lr_d": 0.5, "betas": "[0.5, 0.9]",
                "nesterov": True, "data": "digits", "steps": 40, "seed": 1, "outcome": "COLLAPSED"}  # fmt: skip
    assert (config, final, last) == (expected, {"final/frechet": 199.0, "final/captured": 4.0}, 40)


def test_wandb_is_offline_and_gets_all_of_a_step_at_once(wandb, tmp_path):
    run = varied_run(seeds=2)
    jg.track(run, "wandb", tmp_path / "out")
    names = [(one.given["group"], one.given["name"]) for one in wandb]
    assert names == [(loss, f"{loss}/seed-{j}") for loss in run.configurations for j in (0, 1)]
    for one in wandb:
        assert (one.given["mode"], one.given["dir"], one.finished) == ("offline", str(tmp_path / "out"), True)
    steps, values = zip(*wandb[0].logged, strict=True)
    assert list(steps) == run.steps.tolist()
    assert {"series/g_loss", "along/frechet"} <= values[9].keys() and "along/frechet" not in values[0]
    assert wandb[0].given["config"]["outcome"] == "HEALTHY" and wandb[0].summary["final/frechet"] == 200.0


@pytest.mark.parametrize("to", TRACKERS)
def test_what_is_not_finite_is_left_out_and_counted(board, wandb, tmp_path, to):
    run, said = make_run(seeds=2, failures={(0, 0): "DIVERGED"}), list[str]()
    jg.track(run, to, tmp_path / "out", said.append)
    lost = 1 + sum(int(np.isnan(values).sum()) for values in run.series.values())
    assert said == [f"{lost:,} values left out: not finite, or not recorded, as after a run was stopped"]
    if to == "wandb":
        assert all(np.isfinite(value) for _, values in wandb[0].logged for value in values.values())
        assert "series/g_loss" not in wandb[0].logged[-1][1] and "final/frechet" not in wandb[0].summary
    else:
        own = board[str(tmp_path / "out/minimax/seed-0")]
        assert len(own["scalars"]["series/g_loss"]) == 20 and own["hparams"][1] == {"final/captured": 4.0}


def test_of_many_runs_every_configuration_is_one_with_its_range_over_seeds(board, tmp_path):
    run, said = make_run(seeds=33, failures={(0, 0): "DIVERGED"}), list[str]()
    jg.track(run, out=tmp_path / "out", log=said.append)
    over = "median, lowest and highest of the finite values over seeds"
    assert said[0] == f"66 runs are more than 64, so each configuration is written with the {over}"
    assert len(said) == 2 and "values left out" in said[1]
    assert list(board) == [str(tmp_path / "out" / loss) for loss in run.configurations]
    own = board[str(tmp_path / "out/minimax")]
    first = np.nanquantile(run.series["g_loss"][0].astype(float), [0.5, 0, 1], axis=0)
    for name, expected in zip(("median", "lowest", "highest"), first, strict=True):
        found = [value for _, value in own["scalars"][f"series/g_loss/{name}"]]
        np.testing.assert_allclose(found, expected, rtol=1e-12)  # a quantile is the same values, or the mean of two
    config, final, _ = own["hparams"]
    assert (config["seeds"], config["outcome"]) == (33, "1 DIVERGED, 32 HEALTHY")
    values = run.values["frechet"][0, 1:]
    assert (final["final/frechet/lowest"], final["final/frechet/median"]) == (values.min(), np.median(values))


def test_labels_become_folders_of_their_own(board, tmp_path):
    run = make_run(("../a b", "../a/b", "..", "own.py:loss lr_d=0.1"), seeds=1)
    jg.track(run, out=tmp_path / "out")
    names = [Path(name).parent.relative_to(tmp_path / "out").as_posix() for name in board]
    assert names == ["a-b", "a-b-2", "run", "own.py-loss-lr_d=0.1"]


def test_nothing_is_overwritten_and_half_of_the_runs_is_none(board, monkeypatch, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    (tmp_path / "file").write_text("mine")
    with pytest.raises(OptionError, match="full is not empty, expected a new or an empty folder"):
        jg.track(make_run(seeds=1), out=tmp_path / "full")
    with pytest.raises(OptionError, match="file is a file, expected a folder"):
        jg.track(make_run(seeds=1), out=tmp_path / "file")
    with pytest.raises(OptionError, match="--out: got none, expected a folder"):
        jg.track(make_run(seeds=1))

    def full_disk(self: Writer, *given: Any, **more: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Writer, "add_hparams", full_disk)
    with pytest.raises(OSError, match="No space"):
        jg.track(make_run(seeds=1), out=tmp_path / "new")
    assert {path.name for path in tmp_path.rglob("*")} == {"full", "mine.txt", "file"}


def test_gradients_on_paper_are_no_runs(board, tmp_path):
    with pytest.raises(ValueError, match="expected outcomes of training runs, got none"):
        jg.track(make_profile("paper"), out=tmp_path / "out")
    assert not (tmp_path / "out").exists()
