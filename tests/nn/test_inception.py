"""Inception-v3 by what is known of it without the reference: its size, its resizing, and what its weights must be."""

import hashlib
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.typing import NDArray

import jaxgan.features.inception as inception
from jaxgan.data.source import DataError, to_unit
from jaxgan.features import in_batches, inception_features
from jaxgan.features.inception import inception_variables, published_shapes
from jaxgan.nn import InceptionV3, parameter_count, resize_as_tensorflow1
from tests.nn.inception_weights import random_weights

Weights = dict[str, NDArray[np.float32]]


@pytest.fixture(scope="module")
def weights() -> Weights:
    return random_weights()


def test_the_counts_of_its_parameters() -> None:
    assert parameter_count(InceptionV3(), (299, 299, 3)) == 23_850_960
    classes = 2048 * 1008 + 1008
    assert 23_850_960 - classes == 21_785_568
    stored = {name: np.prod(shape) for name, shape in published_shapes().items() if "running" not in name}
    assert sum(stored.values()) == 23_850_960


def resized(x: NDArray[np.float32], height: int, width: int) -> NDArray[np.float32]:
    """Output by output, with every operation rounded to float32 on its own."""
    n, h, w, c = x.shape
    made = np.empty((n, height, width, c), np.float32)
    f = np.float32
    for i in range(height):
        y = f(i) * f(h / height)
        top, bottom = int(y), min(int(y) + 1, h - 1)
        for j in range(width):
            across = f(j) * f(w / width)
            left, right = int(across), min(int(across) + 1, w - 1)
            dx, dy = across - f(left), y - f(top)
            above = x[:, top, left] + (x[:, top, right] - x[:, top, left]) * dx
            below = x[:, bottom, left] + (x[:, bottom, right] - x[:, bottom, left]) * dx
            made[:, i, j] = above + (below - above) * dy
    return made


@pytest.mark.parametrize("size", [(8, 8), (5, 33), (40, 7), (31, 31), (1, 1)])
def test_resizing_rounds_as_written(size: tuple[int, int]) -> None:
    x = np.random.default_rng(0).integers(0, 256, (2, *size, 3)).astype(np.float32)
    found = jax.jit(lambda x: resize_as_tensorflow1(x, 31, 29))(x)
    np.testing.assert_array_equal(found, resized(x, 31, 29), strict=True)


PROGRAM = """
import numpy as np, jax
from jaxgan.nn import resize_as_tensorflow1
x = np.load("x.npy")
np.save("y.npy", jax.jit(lambda x: (resize_as_tensorflow1(x, 31, 29) - 128) / 128)(x))
"""


def test_no_compiler_fuses_its_roundings(tmp_path: Path, optimized: dict[str, str]) -> None:
    """Tests compile with most optimizations off; this is how a user's program is compiled."""
    x = np.random.default_rng(0).integers(0, 256, (2, 20, 23, 3)).astype(np.float32)
    np.save(tmp_path / "x.npy", x)
    subprocess.run([sys.executable, "-c", PROGRAM], cwd=tmp_path, env=optimized, check=True)
    np.testing.assert_array_equal(np.load(tmp_path / "y.npy"), (resized(x, 31, 29) - 128) / 128)


def test_pictures_of_any_size_and_grey_ones(weights: Weights, tmp_path: Path) -> None:
    """A file of another digest than the published one: told, and no distance of its features is called FID."""
    file = tmp_path / "random.npz"
    np.savez(file, **weights)  # type: ignore[arg-type]
    features = inception_features(file)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    assert features.digest == digest and digest in features.notes[0] and not features.published
    assert "no FID" in features.notes[0] and features.label("Fréchet distance") == "Inception-feature Fréchet distance"
    grey = np.random.default_rng(0).integers(0, 256, (2, 9, 12, 1), dtype=np.uint8)
    found, classes = in_batches(features.apply, grey)
    assert found.shape == (2, 2048) and found.dtype == np.float32 and np.isfinite(found).all() and classes is None
    np.testing.assert_array_equal(
        inception.grey_levels(jnp.asarray(to_unit(grey))), np.repeat(grey, 3, axis=-1).astype(np.float32)
    )
    with pytest.raises(ValueError, match=r"Inception takes images of 1 or 3 channels, got shape \[1, 8, 8, 2\]"):
        features.apply(jnp.zeros((1, 8, 8, 2)))


def test_the_published_file_is_known_by_its_digest(
    weights: Weights, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "random.npz"
    np.savez(file, **weights)  # type: ignore[arg-type]
    monkeypatch.setattr(inception, "_DIGEST", hashlib.sha256(file.read_bytes()).hexdigest()[:8])
    features = inception_features(file)
    assert features.published and features.label("Fréchet distance") == "FID" and "no FID" not in features.notes[0]


def test_other_layers_are_named(weights: Weights) -> None:
    what = "a.pth: not the weights of FID's Inception-v3"
    name = "Mixed_6c.branch7x7_2.conv.weight"
    cases: list[tuple[dict[str, np.ndarray], str]] = [
        ({k: v for k, v in weights.items() if k != name}, f", there is no layer {name}"),
        (weights | {name: weights[name].T}, rf", expected {name} to be floats \[160, 160, 1, 7\], got float32 \[7, 1,"),
        (weights | {"fc.weight": np.zeros((1000, 2048))}, r", expected fc.weight to be floats \[1008, 2048\], got"),
        (weights | {"fc.bias": np.zeros(1008, int)}, r", expected fc.bias to be floats \[1008\], got int64"),
        (weights | {"AuxLogits.fc.bias": np.zeros(3)}, ", which has no layer AuxLogits.fc.bias"),
    ]
    for changed, words in cases:
        with pytest.raises(DataError, match=what + words) as error:
            inception_variables(changed, "a.pth")
        assert "\n" not in str(error.value)
