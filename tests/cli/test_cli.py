"""The command line, as a person meets it: what it writes, what it prints, how it refuses."""

import json
import os
import shlex
import shutil
from pathlib import Path

import jax
import numpy as np
import pytest
import xarray as xr
from PIL import Image

import jaxgan
from jaxgan.cli.app import main
from jaxgan.data.tfds import prepared
from tests.cli.commands import TINY, jaxgan_process, refused


@pytest.fixture(scope="module")
def ring_run(tmp_path_factory) -> Path:
    """A comparison on the ring, made by the command line in a process of its own."""
    folder = tmp_path_factory.mktemp("ring")
    done = jaxgan_process("compare", "--data", "ring", *TINY, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "minimax" in done.stdout and "non_saturating" in done.stdout
    assert "runs/0001-compare-ring/report.html" in done.stdout
    return folder / "runs" / "0001-compare-ring"


def test_a_run_leaves_everything(ring_run):
    names = {path.name for path in ring_run.iterdir()}
    assert {"config.json", "results.nc", "metrics.csv", "report.html", "table.json"} <= names
    run = jaxgan.load_run(ring_run)
    assert run.configurations == ("minimax", "non_saturating")
    assert run.series["g_loss"].shape == (2, 2, 6)
    assert run.series["d_real_quantiles"].shape == (2, 2, 6, 5)
    assert run.values["captured"].shape == (2, 2)
    config = run.config
    assert {"command", "versions", "commit", "device", "key"} <= set(config)
    # From which the run can grow.
    assert list((ring_run / "minimax" / "seeds-0-1" / "records").glob("*-000000000006.npz"))
    # Both losses of a seed start from the same networks and see the same data in the first discriminator step.
    np.testing.assert_array_equal(run.series["d_loss"][0, :, 0], run.series["d_loss"][1, :, 0])
    assert not np.array_equal(run.series["d_loss"][0, 0], run.series["d_loss"][0, 1])


def test_the_printed_command_repeats_the_run(ring_run, tmp_path):
    command = shlex.split(json.loads((ring_run / "config.json").read_text())["command"])
    done = jaxgan_process(*command[1:], "--out", "again", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    first, second = (jaxgan.load_run(folder) for folder in (ring_run, tmp_path / "again"))
    for name, values in first.series.items():
        np.testing.assert_array_equal(values, second.series[name])


def test_sample_and_interpolate_need_the_generator_alone(ring_run, tmp_path, capsys):
    folder = tmp_path / "run"
    shutil.copytree(ring_run, folder)
    shutil.rmtree(folder / "non_saturating" / "seeds-0-1")
    assert main(["sample", str(folder), "-n", "9", "--seed", "1"]) == 0
    png, npz = (Path(line) for line in capsys.readouterr().out.split())
    Image.open(png).verify()
    with np.load(npz) as arrays:
        generator = jaxgan.load_generator(folder, seed=1)
        np.testing.assert_allclose(generator.generate(arrays["z"]), arrays["x"], rtol=1e-6)
        assert arrays["x"].shape == (9, 2)
    assert main(["interpolate", str(folder), "-n", "5", "--loss", "minimax"]) == 0
    with np.load(capsys.readouterr().out.split()[1]) as arrays:
        z = arrays["z"]
        assert arrays["x"].shape == (2, 5, 2)
    np.testing.assert_allclose(z[0, 0], z[1, 0], rtol=1e-5)  # both rows start at one latent, to rounding
    np.testing.assert_allclose(z[0, 2], (z[0, 0] + z[0, 4]) / 2, rtol=1e-5)
    assert np.linalg.norm(z[1, 2]) > np.linalg.norm(z[0, 2])  # the arc keeps the length, the chord does not
    assert generator.sample(jax.random.key(0), 3).shape == (3, 2)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["compare", "--loss", "minmax"], "--loss: got 'minmax'; did you mean 'minimax'?"),
        (["compare", "--data", "digit"], "--data: got 'digit'; did you mean 'digits'?"),
        (["compare", "--data", "tfds:mnits"], "mnist"),
        (["compare", "--data", "nothing.npz"], "--data: "),
        (["compare", "--batch-size", "2000"], "--batch-size: got 2000, more than digits has"),
        (["compare", "--seeds", "0"], "--seeds: got 0, expected at least 1"),
        (["compare", "--steps", "x"], "Invalid value for '--steps': 'x' is not a valid integer."),
        (["compare", "--seedz", "3"], "No such option"),
        (["compar"], "No such command"),
        (["frobnicate"], "No such command 'frobnicate'; see `jaxgan --help`"),
        (["train", "--gpu"], "No such option '--gpu'; see `jaxgan train --help`"),
        (["datasets", "nosuch"], "see `jaxgan datasets --help`"),
        (["datasets", "prepare", "nosuch"], "unknown data set 'nosuch': names: tensorflow.org/datasets/catalog"),
        (["train", "--stop", "captured>8x"], "--stop: got 'captured>8x', expected not_finite, failed, or a goal"),
        (["train", "--generator", "sngan", "--image-size", "24", "--data", "pictures.npy"], "--image-size: an SNGAN "
         "makes images of 16, 32 or 48 pixels a side, got 24"),
        (["compare", "--image-size", "16"], "--image-size: got 16, but digits has a size of its own"),
        (["compare", "--resume"], "--resume: got no --out"),
        (["compare", "--resume", "--gentle", "--out", "empty"], "--resume: continues a run as it was started"),
        (["compare", "--image-size", "30", "--data", "pictures"], "--image-size: a DCGAN makes images of"),
        (["compare", "--data", "same.npy"], "all images of same are the same"),
        (["compare", "--resume", "--out", "empty"], "holds no run"),
        (["compare", "--out", "full"], "--out: full holds other files"),
        (["train", "--loss", "paired.py:g_loss", "--fake-batch-size", "3"], "got real logits of shape (64,) and "
         "fake logits of shape (3,)"),
        (["train", "--devices", "0"], "--devices: got 0, expected at least 1"),
        (["train", "--devices", "4000"], "--devices: got 4000, expected at most the "),
        (["train", "--distributed"], "--distributed: the processes do not find each other: "),
        (["train", "--process-id", "1", "--num-processes", "2"], "--num-processes: got it without --coordinator"),
        (["train", "--coordinator", "localhost:1", "--process-id", "2", "--num-processes", "2"], "--process-id: got 2"),
        (["train", "--recipe", "wgan_pg"], "--recipe: got 'wgan_pg'; did you mean 'wgan_gp'?"),
        (["train", "--recipe", "r1_gan", "--set", "gamma=-1"], "--recipe: r1_gan: gamma must be a finite number of"),
        (["train", "--recipe", "pacgan", "--batch-size", "33"], "m must divide the batch sizes, got m = 2 and 33"),
        (["train", "--recipe", "pacgan", "--fake-batch-size", "50"], "its sizes must be equal"),
        (["train", "--recipe", "r3gan", "--fake-batch-size", "32"], "--recipe: r3gan: this loss pairs each real"),
        (["train", "--recipe", "wgan_gp", "--fake-batch-size", "32"], "needs as many of both"),
        (["train", "--recipe", "unrolled_gan", "--batch-size", "2000"], "more than digits has"),
        (["train", "--set", "gamma=1"], "--set: non_saturating has no setting 'gamma'"),
        (["train", "--set", "balace=0.8"], "did you mean 'balance'? known: b1, b2, balance, "),
        (["train", "--set", "r1"], "--set: got 'r1', expected r1=VALUE"),
        (["train", "--set", "d_terms=f.py:flat"], "terms are functions: put them into a recipe of your own (--recipe"),
        (["train", "--recipe", "wgan_gp", "--set", "d_terms=f.py:flat"], "wgan_gp has no setting 'd_terms'; terms are"),
        (["sample"], "there is no run under runs/ yet"),
        (["sample", "full"], "full holds no run"),
    ],
)  # fmt: skip
def test_bad_input_is_one_line_and_leaves_nothing(words, expected, capsys, tmp_path, monkeypatch):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").touch()
    np.save(tmp_path / "same.npy", np.zeros((100, 8, 8), np.uint8))
    np.save(tmp_path / "pictures.npy", np.random.default_rng(0).integers(0, 256, (60, 28, 28), dtype=np.uint8))
    (tmp_path / "paired.py").write_text(
        "import jaxgan as jg\n"
        "def paired(real, fake):\n    return (fake - real) ** 2\n"
        "g_loss = jg.Loss(paired, paired)\n"
    )
    monkeypatch.chdir(tmp_path)
    before = {path for path in tmp_path.rglob("*") if "__pycache__" not in path.parts}
    assert expected in refused(capsys, *words)
    assert {path for path in tmp_path.rglob("*") if "__pycache__" not in path.parts} == before


@pytest.mark.slow
def test_recipes_from_end_to_end(tmp_path):
    """A recipe of the catalogue with a setting, and one of one's own; both by name in all that follows."""
    (tmp_path / "own.py").write_text(
        "import optax\nimport jaxgan as jg\n"
        "def mine(generator, discriminator, prior, *, rate: float = 1e-3):\n"
        "    game = jg.adversarial_game(generator, discriminator, prior, jg.wasserstein, d_terms=(jg.terms.lecam(),))\n"
        "    return jg.alternating(game, optax.sgd(rate), optax.sgd(rate), batch_size=8)\n"
    )
    words = ["--data", "ring", "--recipe", "pacgan", "--recipe", "own.py:mine", *TINY, "--ema", "0.9", "--out", "run"]
    done = jaxgan_process("compare", *words, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr == (
        "jaxgan: --batch-size: mine has no setting 'batch_size'; "
        "known: balance, class_weight, ema, instance_noise, r1, rate\n"
    )
    del words[words.index("--batch-size") : words.index("--batch-size") + 2]
    done = jaxgan_process("compare", *words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    run = jaxgan.load_run(tmp_path / "run")
    assert run.configurations == ("pacgan", "mine")
    assert run.config["configurations"]["pacgan"]["settings"].items() >= {"m": 2, "batch_size": 200}.items()
    assert run.config["configurations"]["mine"]["settings"] == {"rate": 1e-3, "ema": 0.9}
    assert run.series["g_loss"].shape == (2, 2, 6)
    assert jaxgan.load_generator(tmp_path / "run", "mine").sample(jax.random.key(0), 3).shape == (3, 2)
    assert main(["sample", str(tmp_path / "run"), "--loss", "pacgan", "-n", "4"]) == 0


@pytest.mark.slow
@pytest.mark.parametrize("data", ["ring", "digits"])
def test_every_recipe_runs_from_the_command_line(tmp_path, data):
    names = [recipe.__name__ for recipe in jaxgan.recipes.ALL if recipe is not jaxgan.recipes.pix2pix]  # is for pairs
    words = [word for name in names for word in ("--recipe", name)]
    sizes = ["--seeds", "2", "--steps", "3", "--samples", "50", "--width", "4", "--latent-dim", "4"]
    done = jaxgan_process("compare", "--data", data, *words, *sizes, "--out", "run", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    run = jaxgan.load_run(tmp_path / "run")
    assert run.configurations == tuple(names)
    assert np.isfinite(run.series["g_loss"]).all()


def test_a_finished_run_is_not_written_over(ring_run, capsys):
    before = (ring_run / "results.nc").read_bytes()
    line = refused(capsys, "compare", "--data", "ring", *TINY, "--out", str(ring_run))
    assert "already holds a run; add --overwrite or --resume" in line
    line = refused(capsys, "compare", "--seeds", "1", "--resume", "--out", str(ring_run))
    assert "--seeds: got 1, but the run in" in line and "has 2; it can only grow" in line
    line = refused(capsys, "compare", "--lr-d", "0.5", "--resume", "--out", str(ring_run))
    assert "--lr-d: got 0.5, but the run in" in line and "was started with 0.001" in line
    line = refused(capsys, "sample", str(ring_run), "--seed", "2")
    assert "--seed: got 2, expected 0 to 1" in line
    line = refused(capsys, "sample", str(ring_run), "--loss", "minmax")
    assert "did you mean 'minimax'" in line
    assert (ring_run / "results.nc").read_bytes() == before


def test_resuming_a_finished_run_makes_its_report_again(ring_run, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(ring_run, folder)
    (folder / "report.html").unlink()
    done = jaxgan_process("compare", "--resume", "--out", str(folder), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (folder / "report.html").read_bytes() == (ring_run / "report.html").read_bytes()


@pytest.mark.slow
def test_a_seed_that_diverges_is_counted_and_changes_nothing_else(tmp_path):
    """Learning rates so high that digits diverge: the report is made all the same, with no number made up."""
    words = ["--loss", "exploding.py:explode", "--data", "digits", *TINY, "--steps", "30", "--lr-g", "1e29"]
    (tmp_path / "exploding.py").write_text("def explode(real, fake):\n    return fake**3\n")
    done = jaxgan_process("train", *words, "--out", "run", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    run = jaxgan.load_run(tmp_path / "run")
    assert (run.outcomes == "DIVERGED").all()
    assert all(np.isnan(values).all() for values in run.values.values())
    assert "DIVERGED: " in done.stdout
    assert "undefined," in done.stdout and "2 of 2 failed" in done.stdout
    (tmp_path / "exploding.py").write_text("def explode(real, fake):\n    return fake\n")
    changed = jaxgan_process("train", "--resume", "--out", "run", cwd=tmp_path)
    assert changed.returncode == 0  # it is finished: only its report is made again


def test_a_damaged_generator_is_not_sampled_from(ring_run, tmp_path, capsys):
    folder = tmp_path / "run"
    shutil.copytree(ring_run, folder)
    largest = max(next((folder / "minimax").glob("*/generator")).rglob("d/*"), key=lambda path: path.stat().st_size)
    content = bytearray(largest.read_bytes())
    content[len(content) // 2] ^= 1
    largest.write_bytes(content)
    assert "damaged" in refused(capsys, "sample", str(folder), "--loss", "minimax")


@pytest.mark.slow
def test_a_run_grows_to_more_steps_and_seeds_as_if_it_had_been_started_so(tmp_path):
    """From 4 steps of 2 seeds to 6 steps of 3: the numbers of a run of 6 steps of 3 seeds."""
    words = ["train", "--data", "ring", *TINY, "--evaluate-every", "2"]
    assert main([*words, "--steps", "4", "--out", str(tmp_path / "grown")]) == 0
    assert main(["train", "--resume", "--steps", "6", "--seeds", "3", "--out", str(tmp_path / "grown")]) == 0
    assert main([*words, "--steps", "6", "--seeds", "3", "--out", str(tmp_path / "whole")]) == 0
    grown, whole = (jaxgan.load_run(tmp_path / name) for name in ("grown", "whole"))
    xr.testing.assert_identical(grown.dataset, whole.dataset)
    assert grown.probe_steps.tolist() == [2, 4, 6] and grown.along["captured"].shape == (1, 3, 3)
    a, b = (jaxgan.load_generator(tmp_path / name, seed=2).params for name in ("grown", "whole"))
    jax.tree.map(np.testing.assert_array_equal, a, b)


@pytest.mark.slow
def test_digits_from_end_to_end(tmp_path):
    done = jaxgan_process("train", *TINY, "--ema", "0.9", "--d-steps", "2", "--out", "run", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    run = jaxgan.load_run(tmp_path / "run")
    assert run.samples["fake"].shape == (1, 2, 16, 8, 8, 1)
    assert run.notes["accuracy"] > 0.97
    assert {"frechet", "captured", "near", "kl", "high_frequency", "laplacian"} == set(run.values)
    frechet = run.metrics[0]
    assert frechet.yardsticks["real against real"] < 5 < 100 < frechet.yardsticks["untrained generator"]
    assert set(run.outcomes.ravel()) <= {"COLLAPSED", "NOT_LEARNED"}  # after 6 steps
    assert main(["sample", str(tmp_path / "run"), "-n", "7"]) == 0
    assert main(["interpolate", str(tmp_path / "run"), "-n", "3"]) == 0


@pytest.mark.slow
def test_a_folder_of_unlabelled_pictures_and_a_loss_of_ones_own(tmp_path):
    (tmp_path / "pictures").mkdir()
    rng = np.random.default_rng(0)
    for i in range(40):
        pixels = rng.integers(0, 256, (20, 24, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "pictures" / f"{i}.png")
    (tmp_path / "own.py").write_text("def ls(real, fake):\n    return 0.5 * (fake - 1.0) ** 2\n")
    words = ["--data", "pictures", "--image-size", "8", "--loss", "own.py:ls", "--loss", "minimax"]
    done = jaxgan_process("compare", *words, *TINY, "--out", "run", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "principal components" in done.stderr
    run = jaxgan.load_run(tmp_path / "run")
    assert run.configurations == ("ls", "minimax")
    assert run.samples["fake"].shape == (2, 2, 16, 8, 8, 3)


@pytest.mark.skipif("mnist" not in prepared(), reason="MNIST is not prepared where TFDS looks (TFDS_DATA_DIR)")
@pytest.mark.slow
def test_mnist_from_end_to_end(tmp_path):
    words = ["--data", "tfds:mnist", "--seeds", "2", "--steps", "3", "--samples", "100", "--width", "4"]
    done = jaxgan_process("compare", *words, "--out", "run", cwd=tmp_path, env=os.environ)
    assert done.returncode == 0, done.stderr
    run = jaxgan.load_run(tmp_path / "run")
    assert run.samples["fake"].shape == (2, 2, 16, 28, 28, 1)
    assert run.notes["accuracy"] >= 0.985
