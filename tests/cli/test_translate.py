"""Pairs from the command line: a folder of pictures to a run, its grid of samples, and translated files."""

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

import jaxgan as jg
from jaxgan.cli.app import main
from jaxgan.data.embedded_pairs import EMBEDDED
from jaxgan.report.run.samples import sample_figure
from jaxgan.results.store import load_results
from jaxgan.study.generators.translation import fitted
from tests.cli.commands import files, refused

TINY = ("--seeds", "2", "--steps", "2", "--samples", "10", "--width", "2", "--batch-size", "4")


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures of 8 x 8 in colour, each beside its grey version."""
    root, rng = tmp_path_factory.mktemp("pairs"), np.random.default_rng(0)
    for i in range(20):
        colour = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
        for side, picture in (("input", colour.mean(axis=2).astype(np.uint8)), ("target", colour)):
            (root / side).mkdir(exist_ok=True)
            Image.fromarray(picture).save(root / side / f"{i:02}.png")
    return root


@pytest.fixture(scope="module")
def run(pairs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "run"
    assert main(["train", "--data", f"pairs:{pairs}", *TINY, "--out", str(folder)]) == 0
    return folder


def test_pairs_are_trained_by_pix2pix_on_its_own_networks(run: Path, pairs: Path) -> None:
    config = json.loads((run / "config.json").read_text())
    assert list(config["configurations"]) == ["pix2pix"] and config["configurations"]["pix2pix"]["recipe"] == "pix2pix"
    assert {config["network"][player]["name"] for player in ("generator", "discriminator")} == {"pix2pix"}
    assert (config["shape"], config["condition"]) == ([8, 8, 3], [8, 8, 1])
    assert config["config"]["data"] == f"pairs:{pairs}"
    results = load_results(run)
    assert [metric.name for metric in results.metrics] == ["l1", "psnr", "spectrum", "sharpness", "diversity"]
    assert all(np.isfinite(results.values[metric.name]).all() for metric in results.metrics)


def test_the_report_shows_inputs_outputs_and_targets(run: Path) -> None:
    results = load_results(run)
    assert results.samples["input"].shape == (4, 8, 8, 1)  # of 20 pairs 4 are held out
    labels = [text.get_text() for text in sample_figure(results, "pix2pix").axes[0].texts]
    assert [labels[0], labels[-1], len(labels)] == ["input", "target", 4]
    assert "mean of training targets" in (run / "report.html").read_text()
    assert (run / "samples-pix2pix.png").is_file()


def test_files_are_translated_a_line_each_and_none_is_overwritten(run: Path, pairs: Path, tmp_path, capsys) -> None:
    given = [pairs / "input" / "00.png", pairs / "target" / "00.png", pairs / "input" / "01.png"]
    words = ["translate", str(run), *map(str, given), "--seed", "1", "--out", str(tmp_path)]
    assert main(words) == 0
    output = capsys.readouterr()
    names = [tmp_path / name for name in ("00.png", "00-2.png", "01.png")]
    assert output.out.splitlines() == list(map(str, names))
    assert output.err == f"{given[1]}: 8x8x3 fitted to the run's 8x8x1\n"
    pictures = [np.asarray(Image.open(name)) for name in names]
    assert [(picture.shape, picture.dtype) for picture in pictures] == [((8, 8, 3), np.uint8)] * 3
    before = {name: name.read_bytes() for name in names}
    assert main(words) == 0
    assert capsys.readouterr().out.splitlines()[0] == str(tmp_path / "00-3.png")
    assert {name: name.read_bytes() for name in names} == before
    assert (tmp_path / "00-3.png").read_bytes() == before[names[0]]  # by the same key


def test_what_cannot_be_translated_is_refused_before_anything_is_written(run: Path, pairs: Path, tmp_path, capsys):
    good, none = str(pairs / "input" / "00.png"), str(tmp_path / "none.png")
    (tmp_path / "bad.png").write_bytes(b"no picture")
    before = files(tmp_path) | files(run)
    for file, line in ((none, "no such file"), (str(tmp_path), "got a folder"), (str(tmp_path / "bad.png"), "be read")):
        assert line in refused(capsys, "translate", str(run), good, file)
        assert file in refused(capsys, "translate", str(run), good, file)
    assert files(tmp_path) | files(run) == before
    assert "holds no run" in refused(capsys, "translate", str(tmp_path), good)
    assert "jaxgan: RUN: " in refused(capsys, "sample", str(run))
    assert "translates images: jaxgan translate" in refused(capsys, "sample", str(run))
    assert "translates images: jaxgan translate" in refused(capsys, "interpolate", str(run))


def test_a_loaded_generator_says_what_conditions_it_takes(run: Path) -> None:
    generator, key = jg.load_generator(run), jax.random.key(0)
    good = jnp.zeros((4, 8, 8, 1))
    assert generator.sample(key, 4, good).shape == (4, 8, 8, 3)
    for bad, got in (
        (None, "none"),
        (jnp.zeros((4, 16, 16, 1)), r"float32 \[4, 16, 16, 1\]"),
        (jnp.zeros((4, 8, 8, 3)), r"float32 \[4, 8, 8, 3\]"),
        (np.zeros((4, 8, 8, 1), np.uint8), r"uint8 \[4, 8, 8, 1\]"),
        (good[:3], "3"),
        (1, r"int64 \[\]"),
    ):
        with pytest.raises(ValueError, match=rf"expected y, images \[n, 8, 8, 1\] in \[-1, 1\], .*got {got}$"):
            generator.sample(key, 4, bad)


def test_networks_and_options_that_do_not_fit_pairs_are_refused(pairs: Path, tmp_path, capsys) -> None:
    data = ("train", "--data", f"pairs:{pairs}", "--out", str(tmp_path / "none"))
    assert "--generator: mlp takes no second argument y" in refused(capsys, *data, "--generator", "mlp")
    pix2pix = refused(capsys, "train", "--recipe", "pix2pix", "--data", "ring", "--out", str(tmp_path / "none"))
    assert "--recipe: pix2pix needs pairs of images, and ring has none: give --data pairs:FOLDER or one of" in pix2pix
    assert all(f"pairs:{name}" in pix2pix for name in EMBEDDED)
    assert "pairs have an input image as their condition" in refused(capsys, *data, "--conditional")
    assert "pairs are judged by no distance" in refused(capsys, *data, "--failure-multiple", "3")
    assert not (tmp_path / "none").exists()


def test_pictures_are_fitted_to_an_input() -> None:
    grey = np.arange(16, dtype=np.uint8).reshape(4, 4, 1)
    np.testing.assert_array_equal(fitted(grey, (8, 8, 3)), np.repeat(grey.repeat(2, 0).repeat(2, 1), 3, axis=2))
    assert fitted(np.zeros((30, 50, 3), np.uint8), (16, 16, 3)).shape == (16, 16, 3)
    green = np.zeros((8, 8, 3), np.uint8) + np.array([0, 255, 0], np.uint8)
    assert fitted(green, (8, 8, 1))[0, 0, 0] == round(0.587 * 255)
