"""A trained StyleGAN2 in use, whose noise inputs must not differ between what is compared: one tiny run for all."""

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import export
from PIL import Image

import jaxgan as jg
from jaxgan.cli.app import main
from jaxgan.study.generators.generate import LoadedGenerator

KEY = jax.random.key(0)
RNG = np.random.default_rng(0)
TINY = ["--recipe", "stylegan2", "--generator", "stylegan2", "--discriminator", "stylegan2", "--seeds", "1", "--steps"]
TINY += ["2", "--samples", "20", "--width", "4", "--latent-dim", "3", "--set", "batch_size=8", "--set", "lr_g=0.1"]
TINY += ["--network", "generator:mapping_layers=2"]


@pytest.fixture(scope="module")
def styled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two steps as long as its noise is visible after them."""
    folder = tmp_path_factory.mktemp("styled")
    np.savez(folder / "set.npz", x=RNG.integers(0, 256, (60, 8, 8), dtype=np.uint8))
    assert main(["train", "--data", str(folder / "set.npz"), *TINY, "--out", str(folder / "run")]) == 0
    return folder / "run"


@pytest.fixture(scope="module")
def generator(styled: Path) -> LoadedGenerator:
    found = jg.load_generator(styled)
    strengths = [leaf for path, leaf in jax.tree.leaves_with_path(found.params) if "noise_strength" in str(path[-1])]
    assert min(map(abs, strengths)) > 0.01
    return found


def test_what_differs_is_the_latents_alone(generator: LoadedGenerator) -> None:
    """The noise was drawn for each row: equal latents gave unequal images."""
    assert generator.mapping is not None and generator.synthesis is not None
    z = jnp.repeat(generator.prior(KEY, 2), 3, axis=0)
    w = generator.mapping(z)
    for x in (generator.generate(z), generator.synthesis(w), generator.synthesis(w[:, 0])):
        for one in (0, 3):
            np.testing.assert_allclose(x[one : one + 3], np.broadcast_to(x[one], (3, *x.shape[1:])), atol=1e-5)
    np.testing.assert_allclose(generator.synthesis(w), generator.generate(z), rtol=1e-5, atol=1e-5)
    assert not np.allclose(x[0], x[3], atol=1e-3)


def test_samples_have_noise_of_their_own_truncated_or_not(generator: LoadedGenerator) -> None:
    """So that a curve over truncations compares what differs in the truncation alone."""
    assert generator.mapping is not None and generator.synthesis is not None
    z = generator.prior(KEY, 4)
    expected = generator.sample(KEY, 4)
    assert not np.allclose(generator.generate(z), expected, atol=1e-3)
    np.testing.assert_allclose(generator.generate(z, key=KEY), expected, rtol=1e-5, atol=1e-5)
    for whole in ("w:1", "resampled:1000"):
        x = jg.truncated_sampler(generator, whole)(KEY, 4, None)
        assert not np.allclose(x, generator.generate(z), atol=1e-3)
        if whole == "w:1":
            np.testing.assert_allclose(x, expected, rtol=1e-5, atol=1e-5)
    same = jnp.repeat(z[:1], 2, axis=0)
    x = generator.synthesis(generator.mapping(same), key=KEY)
    assert not np.allclose(x[0], x[1], atol=1e-3)


@pytest.mark.parametrize("words", [["--kind", "mixing", "--space", "w"], ["--kind", "paths", "--space", "w"], []])
def test_grids_are_functions_of_their_latents(
    styled: Path, generator: LoadedGenerator, words: list[str], tmp_path: Path
) -> None:
    assert main(["interpolate", str(styled), *words, "-n", "3", "--out", str(tmp_path / "g.png")]) == 0
    Image.open(tmp_path / "g.png").verify()
    decode = generator.synthesis if words else generator.generate
    assert decode is not None
    with np.load(tmp_path / "g.npz") as arrays:
        x, latents = arrays["x"], arrays["w" if words else "z"]
    flat = latents.reshape(-1, *latents.shape[2:])[1:]  # the first place of a grid with mixed styles is empty
    np.testing.assert_allclose(x.reshape(-1, *x.shape[2:])[1:], decode(flat), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("space", ["z", "w"])
def test_projected_latents_give_their_pictures_back(
    styled: Path, generator: LoadedGenerator, space: str, tmp_path: Path
) -> None:
    Image.fromarray(RNG.integers(0, 256, (8, 8), dtype=np.uint8)).save(tmp_path / "noise.png")
    words = ["project", str(styled), str(tmp_path / "noise.png"), "--space", space, "--out", str(tmp_path / "p.png")]
    errors = []
    for steps in ("1", "50"):
        assert main([*words, "--steps", steps, "--overwrite"]) == 0
        with np.load(tmp_path / "p.npz") as arrays:
            nearest, latents, error = (arrays[name] for name in ("nearest", "latents", "error"))
        decode = generator.synthesis if space == "w" else generator.generate
        assert decode is not None and latents.ndim == (3 if space == "w" else 2)
        np.testing.assert_allclose(decode(latents), nearest, rtol=1e-4, atol=1e-4)
        errors.append(np.median(error))
    assert errors[1] < errors[0]


def test_an_exported_generator_depends_on_its_latents_alone(
    styled: Path, generator: LoadedGenerator, tmp_path: Path
) -> None:
    assert main(["export", str(styled), "--out", str(tmp_path / "g.jax")]) == 0
    function = export.deserialize(bytearray((tmp_path / "g.jax").read_bytes()))
    z = jnp.repeat(generator.prior(KEY, 1), 3, axis=0)
    x = function.call(z)
    np.testing.assert_allclose(x, np.broadcast_to(x[0], x.shape), atol=1e-5)
    np.testing.assert_allclose(x, generator.generate(z), rtol=1e-4, atol=1e-4)
    assert json.loads((tmp_path / "g.json").read_text())["output"]["shape"] == ["n", 8, 8, 1]
