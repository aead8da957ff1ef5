"""Studies that vary settings: few programs, blocks that are done once, kills at any file, growth, rules that stop."""

import logging
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

import jaxgan as jg
from jaxgan import files
from jaxgan.files import StoreError
from jaxgan.results import store
from jaxgan.results.results import SCHEMA
from jaxgan.results.seal import write_sealed
from jaxgan.study import blocks, carrying_out, planning
from jaxgan.study.block import blocks_in
from jaxgan.study.blocks import blocks_for
from jaxgan.study.config import as_stored, configure
from jaxgan.study.messages import OptionError
from jaxgan.study.monitoring.how_far import lines_of
from jaxgan.study.monitoring.progress import progress_of
from jaxgan.study.needs import needs_of
from jaxgan.study.resume import grown_to
from tests.study.tiny import TINY, assert_equal

PROGRAMS = ["minimax-d_steps=1", "minimax-d_steps=2"]


def study(out: Path, **options: Any) -> jg.Results:
    """A study in `out`, begun there or gone on with."""
    return jg.load_run(
        jg.run_study("study", TINY | options, out=out, again=True, progress=False, log=lambda line: None)
    )


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> jg.Results:
    return study(tmp_path_factory.mktemp("whole") / "run")


@pytest.fixture(autouse=True)
def no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reports have tests of their own."""
    monkeypatch.setattr("jaxgan.study.compare.write_run_report", lambda *_: None)


def test_numbers_share_a_program_and_code_does_not(whole: jg.Results) -> None:
    content = store.read_config(whole.folder or Path())
    assert [block.program for block in blocks_in(content)] == PROGRAMS
    assert next(block.configurations for block in blocks_in(content)) == tuple(
        f"minimax lr_d={lr} d_steps=1" for lr in ("0.001", "0.01")
    )
    assert whole.configurations == tuple(f"minimax lr_d={lr} d_steps={k}" for lr in ("0.001", "0.01") for k in (1, 2))
    assert whole.dataset["setting_lr_d"].values.tolist() == [0.001, 0.001, 0.01, 0.01]
    assert set(whole.dataset["setting_recipe"].values.tolist()) == {"minimax"}


def test_a_configuration_of_a_program_is_the_one_that_is_trained_alone(whole: jg.Results, tmp_path: Path) -> None:
    """In another program, which rounds otherwise: ten times what was measured after so few steps."""
    alone = {n: v for n, v in TINY.items() if n != "vary"} | {"lr_d": 0.01, "d_steps": 2, "seeds": 1, "first_seed": 1}
    found = jg.load_run(jg.run_study("compare", alone, out=tmp_path / "alone", progress=False, log=lambda line: None))
    of_the_study = whole.dataset.sel(configuration="minimax lr_d=0.01 d_steps=2", seed=1)
    for name in ("g_loss", "d_loss", "g_grad_norm"):
        np.testing.assert_allclose(found.dataset[name].values[0, 0], of_the_study[name].values, rtol=0, atol=2e-6)


def test_the_number_of_compilations_is_that_of_the_programs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Waves of one configuration each: four of them, two programs, each of which is compiled once."""
    monkeypatch.setattr(blocks, "WAVE", 1)
    with jax.log_compiles(), caplog.at_level(logging.WARNING):
        study(tmp_path / "run", width=5)  # of a width that no other test has compiled
    stretches = [record for record in caplog.records if "Compiling" in record.getMessage()]
    assert sum("stretch" in record.getMessage() or "everywhere" in record.getMessage() for record in stretches) > 0
    names = [record.getMessage().split()[1] for record in stretches]
    assert len(blocks_in(store.read_config(tmp_path / "run"))) == 4
    assert names.count("jit(everywhere)") + names.count("everywhere") == 2 * 3  # the start, a stretch and a probe


class Killed(BaseException):
    """Ends a study as a kill does: nothing is caught, closed or written any more."""


@pytest.fixture
def kills(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """[n]: the n-th file from now on is not renamed to its name, and everything ends; [] lets all be written."""
    left: list[int] = []
    rename = files.os.replace

    def replace(*paths: Any) -> None:
        if left:
            left[0] -= 1
            if left[0] <= 0:
                raise Killed
        rename(*paths)

    monkeypatch.setattr(files.os, "replace", replace)
    yield left


@pytest.mark.parametrize("moment", [9, *(pytest.param(n, marks=pytest.mark.slow) for n in (4, 14))])
def test_a_killed_study_ends_with_equal_bits(moment: int, whole: jg.Results, tmp_path: Path, kills: list[int]) -> None:
    kills.append(moment)
    with pytest.raises(Killed):
        study(tmp_path / "run")
    kills.clear()
    assert not store.is_finished(tmp_path / "run")
    assert_equal(study(tmp_path / "run"), whole)


def test_what_is_done_is_not_done_again(whole: jg.Results, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "run"
    shutil.copytree(whole.folder or Path(), folder)
    (folder / store.RESULTS).unlink()
    monkeypatch.setattr(carrying_out, "train", lambda *arguments: pytest.fail("trained again"))
    assert_equal(study(folder), whole)


@pytest.mark.slow
def test_a_study_grows_by_seeds_and_configurations(whole: jg.Results, tmp_path: Path) -> None:
    """Runs that were there are as they were; the others are those of a study that was begun with all of them."""
    folder = tmp_path / "run"
    shutil.copytree(whole.folder or Path(), folder)
    grown = study(folder, seeds=3, vary=("lr_d=0.001,0.003,0.01", "d_steps=1,2"))
    old = grown.dataset.sel(configuration=list(whole.configurations), seed=[0, 1])
    np.testing.assert_array_equal(old["g_loss"].values, whole.dataset["g_loss"].values)
    assert grown.dataset["g_loss"].shape[:2] == (6, 3)
    assert np.isfinite(grown.dataset["g_loss"].values).all()
    found = blocks_in(store.read_config(folder))
    assert [(block.program, len(block.configurations), block.first, block.last) for block in found] == [
        (name, *rest) for name in PROGRAMS for rest in ((2, 0, 1), (2, 2, 2), (1, 0, 2))
    ]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"seeds": 1}, "--seeds: got 1, but the study in .* has 2; it can only grow"),
        ({"vary": ("lr_d=0.001", "d_steps=1,2")}, "--vary: minimax lr_d=0.01 d_steps=1 is missing"),
        ({"width": 8}, "--width: got 8, but the study in .* was started with 4"),
        ({"planned": ("captured:minimax lr_d=0.01 d_steps=1>minimax lr_d=0.001 d_steps=1",)}, "--planned: got"),
    ],
)
def test_another_study_is_refused_with_the_difference(
    options: dict[str, Any], expected: str, whole: jg.Results
) -> None:
    with pytest.raises(OptionError, match=expected):
        study(whole.folder or Path(), **options)


def test_a_folder_of_another_run_is_named_as_such(tmp_path: Path) -> None:
    """`remedy DIR --out DIR` told all differences in settings instead, in one line of 1,500 letters."""
    config = as_stored(configure({"data": "ring", "loss": ("minimax",), "set": ("lr_d=0.5",)}))
    content = {"schema": SCHEMA, "job": "train", "id": "a", "config": config, "configurations": {}, "inputs": {}}
    write_sealed(tmp_path / "config.json", content | {"blocks": [[0, 0]]})
    given = {"data": "ring", "loss": ("as_it_was=minimax", "other=hinge"), "set": ("as_it_was:lr_d=0.1",)}
    with pytest.raises(StoreError, match=r"holds another run, of minimax; name another folder with --out"):
        grown_to(given, tmp_path, points=None)


def test_other_code_of_the_package_is_refused(whole: jg.Results, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jaxgan.study.provenance.sources", lambda: "f" * 64)
    with pytest.raises(StoreError, match="was started by other code of jaxgan"):
        study(whole.folder or Path())


def test_a_stopped_run_stands_still_and_counts(tmp_path: Path) -> None:
    """Every run reaches this goal, at the fifth of nine probes; the study still has all of its probes."""
    found = study(tmp_path / "run", stop=("high_quality>=0",), vary=("lr_d=0.001,0.01",), steps=18)
    assert (found.dataset["stopped_at"].values == 10).all()
    assert found.probe_steps.tolist() == list(range(2, 19, 2))
    norms = found.dataset["g_grad_norm"].values
    assert np.isfinite(norms[..., found.steps <= 10]).all() and np.isnan(norms[..., found.steps > 10]).all()
    assert "DIVERGED" not in found.outcomes
    assert "runs done: 4 of 4, stopped by a rule: 4" in lines_of(progress_of(tmp_path / "run"))


def test_the_generator_of_any_run_can_be_sampled(whole: jg.Results) -> None:
    run = jg.load_run(whole.folder or Path())
    found = run.generator("minimax lr_d=0.01 d_steps=2", seed=1)
    assert found.sample(jax.random.key(0), 5).shape == (5, 2)
    other = run.generator("minimax lr_d=0.001 d_steps=2", seed=1)
    assert any((a != b).any() for a, b in zip(*map(jax.tree.leaves, (found.params, other.params)), strict=True))
    with pytest.raises(OptionError, match="--seed: got 7, expected 0 to 1"):
        run.generator("minimax lr_d=0.01 d_steps=2", seed=7)


def test_waves_are_of_one_size_and_keep_whole_configurations(monkeypatch: pytest.MonkeyPatch) -> None:
    config = configure(TINY | {"vary": (f"lr_d={','.join(str(i / 1000) for i in range(1, 13))}",)})
    built = planning.study_for(config)
    (program,) = built.programs.values()
    assert program.step is not None
    size = blocks.bytes_of(program.step.state) * config.seeds
    monkeypatch.setattr(blocks, "WAVE", 5 * size)
    assert [len(block.configurations) for block in blocks_for(built)] == [4, 4, 4]  # 12 in threes, not 5, 5 and 2
    assert sum((block.configurations for block in blocks_for(built)), ()) == program.labels
    assert needs_of(built, jg.place(2)).memory


def test_a_recipe_that_asks_for_a_value_gets_a_program_for_each(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "import jaxgan as jg\n"
        "def branching(g, d, prior, *, lr: float = 1e-3):\n"
        "    return jg.recipes.gan(g, d, prior, loss=jg.minimax if lr > 0.01 else jg.hinge, lr_d=lr, lr_g=lr)\n"
    )
    options = {"loss": (), "recipe": (f"{tmp_path}/mine.py:branching",), "vary": ("lr=0.001,0.1",), "batch_size": None}
    built = planning.study_for(configure(TINY | options))
    assert [program.why for program in built.programs.values()] == 2 * ["its code asks for the values of lr"]
    assert list(built.programs) == ["branching-lr=0.001", "branching-lr=0.1"]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"vary": ("lr_q=1,2",)}, "minimax has no setting 'lr_q'; did you mean 'lr_"),
        ({"vary": ("lr_d=0.1,0.1",)}, "--vary: got 0.1 twice along lr_d"),
        ({"vary": ("lr_d/lr_g=0.1",)}, "--vary: got '0.1', expected 2 values, one for each of lr_d/lr_g"),
        ({"vary": ("wgan:lr_d=0.1,0.2",)}, "nothing is called 'wgan'; did you mean 'gan'"),
        ({"vary": ("lr_d=0.1,x",)}, "got lr_d=x, expected a number"),
        ({"stop": ("capturd>=8",)}, "there is no metric 'capturd'; did you mean 'captured'"),
        ({"stop": ("soon",)}, "--stop: got 'soon', expected not_finite, failed, or a goal"),
        ({"planned": ("captured:a>b",)}, "there is no configuration 'a'"),
        ({"planned": ("captured",)}, "--planned: got 'captured', expected METRIC:BETTER>THAN"),
    ],
)
def test_what_cannot_be_is_a_line_and_leaves_nothing(options: dict[str, Any], expected: str, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=expected):
        study(tmp_path / "run", **options)
    assert not (tmp_path / "run").exists()
