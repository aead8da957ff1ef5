"""Inception-v3 against torch-fidelity's, where it is installed: one file of random weights, read by each in its way."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.features import inception_features
from jaxgan.nn.inception import InceptionV3, resize_as_tensorflow1
from tests.nn.inception_weights import random_weights

torch: Any = pytest.importorskip("torch")
pytest.importorskip("torch_fidelity")
fidelity: Any = pytest.importorskip("torch_fidelity.feature_extractor_inceptionv3")
resize: Any = pytest.importorskip("torch_fidelity.interpolate_compat_tensorflow")

Network = fidelity.FeatureExtractorInceptionV3


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Saved as the published weights are: with the counts of batches that a BatchNorm has seen."""
    path = tmp_path_factory.mktemp("inception") / "random.pth"
    state = {name: torch.tensor(array) for name, array in random_weights().items()}
    counts = [name.replace("running_var", "num_batches_tracked") for name in state if name.endswith("running_var")]
    torch.save(state | dict.fromkeys(counts, torch.tensor(0)), path)
    yield path
    path.unlink()  # 95 MB


def images(n: int, height: int, width: int, channels: int = 3) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (n, height, width, channels), dtype=np.uint8)


def theirs(file: Path, x: np.ndarray, dtype: str = "float32") -> tuple[dict[str, Any], dict[str, Any]]:
    """What its network extracts, and the outputs of all its layers and blocks, by name, channels last."""
    names = list(Network.get_provided_features_list())
    network = Network("inception", names, feature_extractor_weights_path=str(file))
    # Its option of this name takes "float64" for float32, in release 0.4.0.
    network.feature_extractor_internal_dtype = getattr(torch, dtype)
    network.to(getattr(torch, dtype))
    seen: dict[str, Any] = {}

    def keep(name: str, module: Any, inputs: Any, output: Any) -> None:
        seen[name] = output.permute(0, 2, 3, 1).numpy().copy()  # a ReLU in place would change it

    for name, module in network.named_modules():
        if type(module).__name__.startswith(("BasicConv2d", "Inception")):
            module.register_forward_hook(partial(keep, name))
    made = network(torch.tensor(x).permute(0, 3, 1, 2))
    return {name: value.numpy() for name, value in zip(names, made, strict=True)}, seen


def ours(file: Path, x: np.ndarray, dtype: Any = jnp.float32) -> tuple[dict[str, Any], dict[str, Any]]:
    variables = jax.tree.map(lambda leaf: leaf.astype(dtype), inception_features(file).apply.args[0])
    run = jax.jit(partial(InceptionV3(dtype).apply, capture_intermediates=True))
    made, kept = run(variables, x)
    layers = kept["intermediates"]
    seen = {name: layers[name]["__call__"][0] for name in layers if isinstance(layers[name], dict)}
    for block in [name for name in seen if name.startswith("Mixed")]:
        inner = {name: layer["__call__"][0] for name, layer in layers[block].items() if isinstance(layer, dict)}
        seen |= {f"{block}.{name}": output for name, output in inner.items()}
    return made, seen


def check(found: dict[str, Any], expected: dict[str, Any], tolerance: float) -> None:
    """In units of the largest output of a layer: the smallest ones are sums of as many large ones."""
    assert set(expected) <= set(found)
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, rtol=0, atol=tolerance * np.abs(values).max(), err_msg=name)


@pytest.mark.parametrize("size", [(32, 48), (299, 299)])
def test_every_layer_is_theirs(file: Path, size: tuple[int, int]) -> None:
    x = images(1, *size)
    expected, layers = theirs(file, x)
    found, seen = ours(file, x)
    assert len(layers) == 94 + 11  # convolutions and blocks
    check(seen, layers, 1e-5)  # of float32, through up to 48 layers: 1e-6 is seen
    check(found, expected, 1e-5)
    assert all(value.dtype == np.float32 for value in found.values())


@pytest.mark.usefixtures("x64")
def test_every_layer_is_theirs_in_64_bits(file: Path) -> None:
    """So float32's differences are rounding. Their features and ours leave in float32."""
    x = images(1, 40, 30)
    expected, layers = theirs(file, x, "float64")
    found, seen = ours(file, x, jnp.float64)
    check(seen, layers, 1e-9)
    check(found, expected, 1e-7)


@pytest.mark.parametrize("size", [(32, 32), (28, 28), (299, 299), (300, 301), (64, 48), (512, 333), (1, 7), (8, 3)])
@pytest.mark.parametrize("bits", [32, 64])
def test_images_are_resized_to_the_bit(size: tuple[int, int], bits: int) -> None:
    x = images(2, *size).astype(f"float{bits}")
    options = {"size": (299, 299), "align_corners": False}
    expected = resize.interpolate_bilinear_2d_like_tensorflow1x(torch.tensor(x).permute(0, 3, 1, 2), **options)
    with jax.enable_x64(bits == 64):
        found = jax.jit(lambda x: resize_as_tensorflow1(x, 299, 299))(x)
    np.testing.assert_array_equal(found, expected.permute(0, 2, 3, 1).numpy(), strict=True)


def test_pictures_in_our_range_are_the_grey_levels_that_they_were(file: Path) -> None:
    grey = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1)
    expected, _ = theirs(file, np.repeat(grey, 3, axis=-1))
    features = inception_features(file)
    assert features.logits is not None
    found, logits = features.logits(jnp.asarray(grey) / 127.5 - 1)
    check({"2048": found, "logits_unbiased": logits}, {n: expected[n] for n in ("2048", "logits_unbiased")}, 1e-5)
