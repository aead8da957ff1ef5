"""Several runs of one study as one: the numbers of one run, and what cannot be one is refused."""

import json
import shutil
from types import SimpleNamespace

import jax
import numpy as np
import pytest
import xarray as xr

import jaxgan as jg
from jaxgan.cli.app import main
from jaxgan.results.seal import write_sealed
from jaxgan.study import needs

# In turn, so that the number of seeds beside it changes no operation of a seed, and bits can be compared.
TINY = ["--data", "ring", "--steps", "4", "--samples", "50", "--width", "4", "--batch-size", "8", "--in-turn"]
BOTH = ["--loss", "minimax", "--loss", "non_saturating"]


def run(out, *words: str) -> jg.Run:
    assert main(["compare", *TINY, *words, "--out", str(out)]) == 0
    return jg.load_run(out)


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    """Two seeds of both losses on each of two machines, and all four on one."""
    folder = tmp_path_factory.mktemp("parts")
    run(folder / "first", *BOTH, "--seeds", "2")
    run(folder / "second", *BOTH, "--seeds", "2", "--first-seed", "2")
    run(folder / "whole", *BOTH, "--seeds", "4")
    return folder


def merge(folder, *names: str) -> jg.Run:
    runs = [str(folder / name) for name in names]
    assert main(["merge", *runs, "--in-turn", "--out", str(folder / "merged"), "--overwrite"]) == 0
    return jg.load_run(folder / "merged")


def test_seeds_have_their_numbers(parts):
    second, whole = jg.load_run(parts / "second"), jg.load_run(parts / "whole")
    assert second.seeds.tolist() == [2, 3]
    np.testing.assert_array_equal(second.series["g_loss"], whole.series["g_loss"][:, 2:])
    a, b = second.generator(seed=3).params, whole.generator(seed=3).params
    jax.tree.map(np.testing.assert_array_equal, a, b)
    with pytest.raises(ValueError, match="--seed: got 0, expected 2 to 3"):
        second.generator(seed=0)


def test_two_and_two_seeds_are_four_to_the_bit(parts):
    merged, whole = merge(parts, "second", "first"), jg.load_run(parts / "whole")
    xr.testing.assert_identical(merged.dataset, whole.dataset)
    assert merged.notes["rules"] == whole.notes["rules"]
    assert repr(merged.metrics) == repr(whole.metrics)  # NaN, of untrained generators, is not equal to itself
    assert merged.config["command"] == whole.config["command"]
    seeds = [{(block["first"], block["last"]) for block in part["blocks"]} for part in merged.config["merged"]]
    assert seeds == [{(2, 3)}, {(0, 1)}]
    for seed in (0, 3):
        a, b = (each.generator(seed=seed).params for each in (merged, whole))
        jax.tree.map(np.testing.assert_array_equal, a, b)
    names = {path.name for path in (parts / "merged").iterdir()}
    assert {"results.nc", "metrics.csv", "table.json", "report.html", "log.jsonl"} <= names


@pytest.mark.slow
def test_a_merged_run_grows(parts, tmp_path):
    merge(parts, "first", "second")
    assert main(["compare", "--resume", "--seeds", "5", "--in-turn", "--out", str(parts / "merged")]) == 0
    assert jg.load_run(parts / "merged").seeds.tolist() == [0, 1, 2, 3, 4]


@pytest.mark.slow
def test_other_configurations_with_settings_of_their_own(parts, tmp_path):
    """The first run's losses and a recipe of another: each as it was, under the settings that it had."""
    other = run(parts / "recipe", "--recipe", "ragan", "--seeds", "2", "--set", "lr_g=0.01")
    merged = merge(parts, "first", "recipe")
    assert merged.configurations == ("minimax", "non_saturating", "ragan")
    np.testing.assert_array_equal(merged.series["g_loss"][2], other.series["g_loss"][0])
    first = jg.load_run(parts / "first")
    np.testing.assert_array_equal(merged.series["g_loss"][:2], first.series["g_loss"])
    settings = first.config["configurations"] | other.config["configurations"]
    assert merged.config["configurations"] == settings


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda c: c["config"].update(steps=8), "--steps: got 4 in"),
        (lambda c: c["config"].update(key=1), "--key: got 0 in"),
        (lambda c: c["config"].update(data="grid"), "--data: got ring in"),
        (lambda c: c["inputs"].update({"own.py": "ab"}), "own.py differs: got None in"),
        (lambda c: c["configurations"]["minimax"]["settings"].update(lr_d=0.5), "got lr_d 0.001 in"),
        (lambda c: c["network"]["generator"]["fields"].update(hidden=[8]), "network differs: got hidden [4, 4] in"),
        (lambda c: c.update(schema=1), "has schema 1, expected"),
        (lambda c: c.update(processes=2), "was trained by 2 processes"),
        (lambda c: c.update(blocks=[[1, 2]]), "seed 1 of minimax is in"),
        (lambda c: c.update(blocks=[[5, 6]]), "expected none missing: --first-seed 2 --seeds 3"),
        (lambda c: c["configurations"].pop("minimax"), "expected the same"),
        (lambda c: c.update(job="profile", kind="paper"), "holds a profile of no training"),
    ],
)
def test_what_is_not_of_one_study_is_refused_in_a_line_and_nothing_is_written(
    parts, change, expected, tmp_path, capsys
):
    shutil.copytree(parts / "second", tmp_path / "other")
    file = tmp_path / "other" / "config.json"
    content = json.loads(file.read_text())
    change(content)
    write_sealed(file, content)
    out = tmp_path / "merged"
    assert main(["merge", str(parts / "first"), str(tmp_path / "other"), "--out", str(out)]) == 2
    error = capsys.readouterr().err
    assert expected in error and error.count("\n") == 1
    assert not out.exists()


def test_folders_that_cannot_be_merged(parts, tmp_path, capsys):
    first, second = str(parts / "first"), str(parts / "second")
    shutil.copytree(first, tmp_path / "unfinished")
    (tmp_path / "unfinished" / "results.nc").unlink()
    for words, expected in [
        ([first], "got 1 run to merge, expected at least 2"),
        ([first, str(tmp_path)], "holds no run"),
        ([first, str(tmp_path / "unfinished")], "holds an unfinished run"),
        ([first, second, "--out", second, "--overwrite"], "is one of the runs to merge"),
        ([first, second, "--out", str(parts / "whole")], "already holds a run"),
    ]:
        assert main(["merge", *words]) == 2
        assert expected in capsys.readouterr().err
    assert jg.load_run(second).seeds.tolist() == [2, 3]


def test_a_merge_that_does_not_fit_on_the_disk_copies_nothing(parts, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(needs.shutil, "disk_usage", lambda path: SimpleNamespace(free=1000))
    out = tmp_path / "merged"
    assert main(["merge", str(parts / "first"), str(parts / "second"), "--out", str(out)]) == 2
    assert "of disk" in (error := capsys.readouterr().err) and "for copies of the runs" in error
    assert not out.exists()


@pytest.mark.slow
def test_profiles_along_training_are_merged(tmp_path):
    words = ["profile", "--train", *TINY, "--every", "2", "--loss", "minimax", "--loss", "wasserstein"]
    for name, seeds in (("first", ["1"]), ("second", ["1", "--first-seed", "1"]), ("whole", ["2"])):
        assert main([*words, "--seeds", *seeds, "--out", str(tmp_path / name)]) == 0
    merged = merge(tmp_path, "first", "second")
    # One seed alone is a program of another shape than two in turn: they agree to the rounding of float32.
    xr.testing.assert_allclose(merged.dataset, jg.load_run(tmp_path / "whole").dataset, rtol=1e-4, atol=1e-5)
    assert merged.config["command"] == jg.load_run(tmp_path / "whole").config["command"]
