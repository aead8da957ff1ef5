"""What the command line answers without training: lists, help, and what is not there."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import jaxgan
from jaxgan.cli.app import main
from jaxgan.data.tfds import prepared
from jaxgan.nn.registry import NETWORKS, fields_of
from jaxgan.study import footprints
from jaxgan.study.catalogue import find_data
from jaxgan.study.footprints import footprint
from tests.cli.commands import jaxgan_process, refused


@pytest.mark.parametrize("platform", ["cuda", "nope"])
def test_a_platform_that_is_not_there_is_a_line(tmp_path, platform):
    environment = os.environ | {"JAX_PLATFORMS": platform}
    done = jaxgan_process("train", "--data", "ring", "--seeds", "1", "--steps", "1", cwd=tmp_path, env=environment)
    line = (
        f"jaxgan: JAX_PLATFORMS must name devices that JAX finds here, got {platform!r}; unset it to let JAX choose\n"
    )
    assert (done.returncode, done.stderr) == (2, line)


def test_recipes_and_losses_are_listed_with_what_they_are(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "70")
    assert main(["recipes"]) == 0
    listed = capsys.readouterr().out
    for recipe in jaxgan.recipes.ALL:
        assert f"\n{recipe.__name__}\n" in f"\n{listed}"
    known = len(jaxgan.recipes.ALL) + 1  # `gan`, too
    assert [listed.count(f"\n  {label} ") for label in ("loss", "terms", "paper")] == [known] * 3
    assert main(["losses"]) == 0
    listed = capsys.readouterr().out
    for name in ("minimax", "non_saturating", "wasserstein", "f_kl_practical", "relativistic_average"):
        assert f"\n{name}\n" in f"\n{listed}"
    assert max(map(len, listed.splitlines())) <= 70


def test_networks_are_listed_with_fields_sizes_parameters_and_paper(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    assert main(["models"]) == 0
    text = capsys.readouterr().out
    listed = " ".join(text.split())
    for name, network in NETWORKS.items():
        assert f"\n{name}\n" in f"\n{text}" and network.paper in listed
        for module in (network.generator, network.discriminator):
            assert f"{module.__name__}({', '.join(fields_of(module))})" in listed
    for words in (
        "8, 16, 32, 64, 128, 256, 512, 1024 pixels per side", "28, 32, 40,",
        "32: 21,523,475 and 21,507,073", "1024: 30,370,060 and 29,012,513", "32: 20,732,160 and 20,683,776",
        "28: 6,642,241 and 6,559,169", "32: 4,276,739 and 1,053,824", "shared_embedding",
        "of the generator: embedding; of the discriminator: projection",
    ):  # fmt: skip
        assert words in listed, words


def test_the_memory_of_a_network_is_told_before_there_is_data(capsys):
    """Adam has two numbers beside each parameter, all of 4 bytes; the step holds activations beside them."""
    assert main(["models", "--memory", "dcgan", "--image-size", "8", "--batch-size", "2", "--width", "4"]) == 0
    told = capsys.readouterr().out
    assert "dcgan, 8 x 8 pixels, by the recipe ns_gan, batches of 2" in told and "MiB in a step" in told
    found = footprint("dcgan", 8, batch_size=2, width=4)
    assert 3 * 4 * sum(found.parameters) <= found.state <= 3.2 * 4 * sum(found.parameters)  # and BatchNorm's statistics
    assert found.step > found.state
    assert "did you mean 'dcgan'" in refused(capsys, "models", "--memory", "dcgam")
    for words, line in (
        (("dcgan", "--width", "100000000"), "--width: got 100,000,000, expected at least 1, and at most 8,192"),
        (
            ("dcgan", "--batch-size", "100000000000"),
            "--batch-size: got 100,000,000,000, expected at least 1, and at most",
        ),
        (("dcgan", "--image-size", "10000"), "--image-size: got 10,000, expected at least 1, and at most 4,096"),
        (("r3gan", "--width", "5"), "--memory: a group of 16 does not divide"),
        (("infogan", "--image-size", "33"), "--memory: InfoGAN's networks make images of 8, 12, 16 and so on"),
    ):
        assert line in refused(capsys, "models", "--memory", *words)
    assert "--image-size: is for --memory NAME" in refused(capsys, "models", "--image-size", "32")
    assert "--image-size: got 33, expected one of 8," in refused(
        capsys, "models", "--memory", "stylegan2", "--image-size", "33"
    )


def test_the_memory_of_a_network_counts_its_classes_and_its_precision(capsys, monkeypatch):
    """BigGAN-128 of the paper has 1,000 classes; nothing is compiled."""
    monkeypatch.setattr(footprints, "step_memory", lambda algorithm, shape, classes: (1, classes, "cpu"))
    found = footprint("biggan", 128, classes=1000)
    assert found.parameters == (70_433_988, 87_982_370) and found.step == 1000
    words = ["models", "--memory", "stylegan2", "--width", "2", "--precision", "bfloat16", "--classes", "10"]
    assert main(words) == 0
    told = capsys.readouterr().out
    assert "  precision     bfloat16\n" in told and ", with 10 classes\n" in told
    assert "--classes: got 1, expected 0, or at least 2" in refused(capsys, *words[:3], "--classes", "1")
    assert "--precision: got 'float16'; did you mean 'bfloat16'?" in refused(
        capsys, *words[:3], "--precision", "float16"
    )


def test_images_that_cannot_be_made_are_refused(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("wide.npy", np.zeros((20, 8, 12), np.uint8))
    np.save("odd.npy", np.zeros((20, 30, 30), np.uint8))
    np.save("nan.npy", np.full((20, 8, 8), np.nan, np.float32))
    assert "8 x 12 pixels, expected square ones; add --image-size" in refused(capsys, "compare", "--data", "wide.npy")
    assert "the nearest are 28 and 32; add --image-size" in refused(capsys, "compare", "--data", "odd.npy")
    assert "nan.npy" in refused(capsys, "compare", "--data", "nan.npy")
    assert not Path("runs").exists()


def test_help_and_version_answer_without_jax():
    code = "import sys, jaxgan.cli.app; jaxgan.cli.app.main(['compare', '--help']); sys.exit('jax' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0
    for words in ("--batch-size", "[default: 64, 256 on points]", "--loss", "path/to/file.py:name"):
        assert words in " ".join(done.stdout.split())
    assert main(["--version"]) == 0


def test_help_tells_the_defaults_of_the_command_and_of_every_kind_of_data(capsys):
    assert main(["train", "--help"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "by the recipe `gan`. A name" in shown  # one loss, so the option is not repeatable
    assert "[default: non_saturating; for pairs, the recipe pix2pix]" in shown
    assert "[default: 64, 2 on points, 1 on pairs]" in shown  # as `defaults` has them, of your own files as well
    assert "[default: 0.0004, 0.001 on points, 0.0002 on other images and pairs]" in shown
    assert main(["compare", "--help"]) == 0
    assert "by the recipe `gan`; repeatable. A name" in " ".join(capsys.readouterr().out.split())


def test_datasets_lists_what_is_here(capsys):
    assert main(["datasets"]) == 0
    listed = capsys.readouterr().out
    for name in ("digits", "ring", "grid", "tfds:NAME", ".npz", *prepared()):
        assert name in listed
    assert max(map(len, listed.splitlines())) <= 80


def test_a_size_is_that_of_any_network_and_then_of_the_one_that_is_chosen(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("small.npy", np.random.default_rng(0).integers(0, 256, (20, 8, 8, 1), dtype=np.uint8))
    assert find_data("small.npy", image_size=256).shape == (256, 256, 1)  # of BigGAN and StyleGAN2
    assert "a DCGAN makes images of 8 to 128 pixels" in refused(
        capsys, "train", "--data", "small.npy", "--image-size", "256"
    )
