"""StyleGAN2's and R3GAN's layers against torch, where it is installed: outputs and gradients with the same weights.

torch's side is what the papers say: weights for each example and grouped convolutions, zeros between pixels and a
filter with four taps. All in 64 bits.
"""

import math
from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.nn import StyleGAN2Discriminator, StyleGAN2Generator, minibatch_standard_deviation
from jaxgan.nn.modulated import SynthesisLayer, modulated_conv
from jaxgan.nn.pyramid import blurred, downsample, upsample
from jaxgan.nn.r3gan import Bottleneck, R3GANDiscriminator, R3GANGenerator
from jaxgan.nn.stylegan2_discriminator import ResidualBlock

torch: Any = pytest.importorskip("torch")
functional = torch.nn.functional

pytestmark = pytest.mark.usefixtures("x64")
KEY = jax.random.key(0)
# sums of a few hundred products in 64 bits; gradients are through as many as ten layers
close: Callable[..., None] = lambda a, b, name="": np.testing.assert_allclose(  # noqa: E731
    a, b, rtol=1e-9, atol=1e-9 * np.abs(b).max() + 1e-12, err_msg=name
)


def tensor(array: Any) -> Any:
    return torch.tensor(np.asarray(array, np.float64), requires_grad=True)


def turned(x: Any) -> Any:
    """Images as torch has them."""
    return x.permute(0, 3, 1, 2)


def filtered(x: Any, before: int, after: int, up: int = 1, down: int = 1) -> Any:
    """Zeros between pixels, zeros around, the filter with the gain of `up`, every other pixel; images [n, c, h, w]."""
    n, c, h, w = x.shape
    apart = torch.zeros(n, c, h * up, w * up, dtype=x.dtype)
    apart[:, :, ::up, ::up] = x
    taps = torch.tensor([1.0, 3.0, 3.0, 1.0], dtype=x.dtype)
    kernel = (torch.outer(taps, taps) / 64 * up**2).expand(c, 1, 4, 4)
    return functional.conv2d(functional.pad(apart, (before, after) * 2), kernel, groups=c)[:, :, ::down, ::down]


def modulated(x: Any, kernel: Any, styles: Any, resample: str | None, demodulate: bool) -> Any:
    """Weights of its own for each example; kernel [k, k, c, o]."""
    n, c, h, w = x.shape
    k, o = kernel.shape[0], kernel.shape[3]
    weights = kernel.permute(3, 2, 0, 1)[None] * styles[:, None, :, None, None]
    if demodulate:
        weights = weights / (weights.square().sum(dim=(2, 3, 4), keepdim=True) + 1e-8).sqrt()
    x = x.reshape(1, n * c, h, w)
    if resample == "up" and k == 3:
        own = weights.transpose(1, 2).reshape(n * c, o, k, k)
        y = functional.conv_transpose2d(x, own, stride=2, groups=n)
        return 4 * filtered(y.reshape(n, o, 2 * h + 1, 2 * w + 1), 1, 1)
    if resample == "down":
        x = filtered(x, 2, 2) if k == 3 else filtered(x, 1, 1, down=2)
    stride = 2 if resample == "down" and k == 3 else 1
    padding = 0 if resample == "down" else k // 2
    y = functional.conv2d(x, weights.reshape(n * o, c, k, k), stride=stride, padding=padding, groups=n)
    y = y.reshape(n, o, *y.shape[2:])
    return filtered(y, 2, 1, up=2) if resample == "up" else y


def compare(ours: Callable[..., Any], torchs: Callable[..., Any], *inputs: Any) -> None:
    """Outputs, and the gradients of a weighted sum with respect to every input, a pytree of arrays each."""
    weights = jax.random.normal(jax.random.fold_in(KEY, 9), jax.eval_shape(ours, *inputs).shape, jnp.float64)

    def weighted(*inputs: Any) -> Any:
        out = ours(*inputs)
        return jnp.sum(weights * out), out

    found, out = jax.jit(jax.grad(weighted, tuple(range(len(inputs))), has_aux=True))(*inputs)
    given = jax.tree.map(tensor, inputs)
    expected = torchs(*given)
    close(out, expected.detach().numpy())
    (torch.tensor(np.asarray(weights)) * expected).sum().backward()
    for path, leaf in jax.tree_util.tree_leaves_with_path(found):
        one: Any = given
        for part in path:
            one = one[getattr(part, "key", getattr(part, "idx", None))]
        # nothing depends on how strong noise is where there is none
        close(leaf, np.zeros(leaf.shape) if one.grad is None else one.grad.numpy(), jax.tree_util.keystr(path))


def normal(i: int, *shape: int) -> Any:
    return jax.random.normal(jax.random.fold_in(KEY, i), shape, jnp.float64)


@pytest.mark.parametrize(
    ("ours", "before", "after", "options"),
    [(upsample, 2, 1, {"up": 2}), (downsample, 1, 1, {"down": 2}), (lambda x: blurred(x, 2), 2, 2, {})],
)
def test_the_filter_is_torchs(ours: Any, before: int, after: int, options: dict[str, int]) -> None:
    compare(ours, lambda x: filtered(turned(x), before, after, **options).permute(0, 2, 3, 1), normal(0, 2, 6, 8, 3))


@pytest.mark.parametrize("demodulate", [True, False])
@pytest.mark.parametrize(("k", "resample"), [(3, None), (3, "up"), (3, "down"), (1, None), (1, "up"), (1, "down")])
def test_a_modulated_convolution_is_torchs(k: int, resample: str | None, demodulate: bool) -> None:
    compare(
        lambda *inputs: modulated_conv(*inputs, resample=resample, demodulate=demodulate),
        lambda x, kernel, styles: modulated(turned(x), kernel, styles, resample, demodulate).permute(0, 2, 3, 1),
        normal(0, 3, 6, 6, 4), normal(1, k, k, 4, 5), 1 + normal(2, 3, 4),
    )  # fmt: skip


def test_the_standard_deviation_of_a_minibatch_is_torchs() -> None:
    compare(
        minibatch_standard_deviation, lambda x: with_deviation(turned(x)).permute(0, 2, 3, 1), normal(0, 8, 4, 4, 3)
    )


def with_deviation(x: Any) -> Any:
    """[n, c, h, w] with one more channel; example i is in the group of i + n / 4, i + 2 n / 4, ..."""
    n, c, h, w = x.shape
    groups = x.reshape(4, n // 4, c, h, w)
    spread = (groups.var(dim=0, unbiased=False) + 1e-8).sqrt().mean(dim=(1, 2, 3))
    return torch.cat([x, spread.repeat(4).reshape(n, 1, 1, 1).expand(n, 1, h, w)], 1)


def dense(p: Any, x: Any, slower: float = 1.0) -> Any:
    return x @ p["kernel"] * (slower / math.sqrt(x.shape[1])) + slower * p["bias"]


def active(x: Any) -> Any:
    return math.sqrt(2) * functional.leaky_relu(x, 0.2)


def with_bias(p: Any, x: Any) -> Any:
    return x + p["bias"].reshape(1, -1, 1, 1)


def equalized(p: Any, x: Any, down: bool = False) -> Any:
    """A convolution of an equalized learning rate, without its bias: modulated by the same number everywhere."""
    k, _, c, _ = p["kernel"].shape
    styles = torch.full((x.shape[0], c), 1 / math.sqrt(k * k * c), dtype=x.dtype)
    return modulated(x, p["kernel"], styles, "down" if down else None, False)


def synthesis_layer(p: Any, x: Any, w: Any, up: bool, noise: Any = None) -> Any:
    x = modulated(x, p["kernel"], dense(p["style"], w), "up" if up else None, True)
    x = x if noise is None else x + p["noise_strength"] * noise[:, None]
    return active(with_bias(p, x))


def residual_block(p: Any, x: Any) -> Any:
    skip = equalized(p["skip"], x, down=True)
    x = active(with_bias(p["conv"], equalized(p["conv"], x)))
    return (skip + active(with_bias(p["down"], equalized(p["down"], x, down=True)))) / math.sqrt(2)


def bottleneck(p: Any, x: Any) -> Any:
    y = x
    for name in ("wide", "grouped", "narrow"):
        kernel = p[name]["kernel"].permute(3, 2, 0, 1)
        y = functional.conv2d(y, kernel, padding=kernel.shape[2] // 2, groups=y.shape[1] // kernel.shape[1])
        y = y if name == "narrow" else functional.leaky_relu(with_bias(p[name], y), 0.2)
    return x + y


def parameters(module: nn.Module, *inputs: Any, **keywords: Any) -> Any:
    """Those of a module with everything moved away from where it starts, zeros included."""
    shapes = jax.eval_shape(lambda: module.init({"params": KEY, "noise": KEY}, *inputs, **keywords))["params"]
    leaves, form = jax.tree.flatten(shapes)
    return jax.tree.unflatten(form, [0.2 + normal(10 + i, *leaf.shape) for i, leaf in enumerate(leaves)])


def compare_modules(module: nn.Module, torchs: Callable[..., Any], *inputs: Any, **keywords: Any) -> None:
    params = parameters(module, *inputs, **keywords)

    def ours(params: Any, *inputs: Any) -> Any:
        return module.apply({"params": params}, *inputs, **keywords)

    compare(ours, torchs, params, *inputs)


@pytest.mark.parametrize("up", [True, False])
def test_a_synthesis_layer_is_torchs(up: bool) -> None:
    compare_modules(
        SynthesisLayer(5, up=up),
        lambda p, x, w, noise: synthesis_layer(p, turned(x), w, up, noise).permute(0, 2, 3, 1),
        normal(0, 3, 6, 6, 4), normal(1, 3, 7), normal(2, 3, *(12, 12) if up else (6, 6)),
    )  # fmt: skip


def test_a_residual_block_is_torchs() -> None:
    compare_modules(
        ResidualBlock(5), lambda p, x: residual_block(p, turned(x)).permute(0, 2, 3, 1), normal(0, 3, 8, 8, 4)
    )


def test_a_bottleneck_is_torchs() -> None:
    block = Bottleneck(depth=4, group=4)
    compare_modules(block, lambda p, x: bottleneck(p, turned(x)).permute(0, 2, 3, 1), normal(0, 3, 6, 6, 4))


def to_image(p: Any, x: Any, w: Any) -> Any:
    return with_bias(p, modulated(x, p["kernel"], dense(p["style"], w) / math.sqrt(x.shape[1]), None, False))


def stylegan2_generator(p: Any, z: Any) -> Any:
    w = z / (z.square().mean(dim=1, keepdim=True) + 1e-8).sqrt()
    for i in range(2):
        w = active(dense(p["mapping_network"]["Mapping_0"][f"layer_{i}"], w, 0.01))
    p = p["synthesis_network"]
    x = synthesis_layer(p["conv_4"], turned(p["constant"][None].expand(z.shape[0], -1, -1, -1)), w, False)
    image = to_image(p["to_image_4"], x, w)
    x = synthesis_layer(p["conv_8"], synthesis_layer(p["up_8"], x, w, True), w, False)
    return (filtered(image, 2, 1, up=2) + to_image(p["to_image_8"], x, w)).permute(0, 2, 3, 1)


def stylegan2_discriminator(p: Any, x: Any) -> Any:
    x = active(with_bias(p["from_image"], equalized(p["from_image"], turned(x))))
    x = with_deviation(residual_block(p["block_8"], x))
    x = active(with_bias(p["conv"], equalized(p["conv"], x))).permute(0, 2, 3, 1)
    return dense(p["out"], active(dense(p["dense"], x.flatten(1))))[:, 0]


def test_stylegan2_is_torchs() -> None:
    # the same in training but for style mixing and the mean of w
    generator = StyleGAN2Generator(8, 3, width=3, w_dim=6, mapping_layers=2, noise="none")
    z, params = normal(0, 3, 5), parameters(generator, normal(0, 3, 5), train=False)
    params["mapping_network"] = jax.tree.map(lambda a: 100 * a, params["mapping_network"])
    averages = {"averages": {"mapping_network": {"w": jnp.zeros(6)}}}

    def made(params: Any, z: Any) -> Any:
        return generator.apply({"params": params, **averages}, z, train=False)

    compare(made, stylegan2_generator, params, z)
    compare_modules(StyleGAN2Discriminator(width=3), stylegan2_discriminator, normal(0, 8, 8, 8, 3), train=True)


def convolved(p: Any, x: Any) -> Any:
    return functional.conv2d(x, p["kernel"].permute(3, 2, 0, 1))


def r3gan_generator(p: Any, z: Any) -> Any:
    x = turned(p["basis"][None]) * (z @ p["linear"]["kernel"])[:, :, None, None]
    x = filtered(convolved(p["up_8"], bottleneck(p["block_4_0"], x)), 2, 1, up=2)
    return convolved(p["to_image"], bottleneck(p["block_8_0"], x)).permute(0, 2, 3, 1)


def r3gan_discriminator(p: Any, x: Any) -> Any:
    x = bottleneck(p["block_8_0"], convolved(p["from_image"], turned(x)))
    x = bottleneck(p["block_4_0"], convolved(p["down_8"], filtered(x, 1, 1, down=2)))
    basis = p["basis"].permute(2, 0, 1)[:, None]
    return (functional.conv2d(x, basis, groups=x.shape[1])[:, :, 0, 0] @ p["linear"]["kernel"])[:, 0]


def test_r3gan_is_torchs() -> None:
    for module, torchs, x in (
        (R3GANGenerator(8, 3, width=2, blocks=1, group=2), r3gan_generator, normal(0, 3, 5)),
        (R3GANDiscriminator(width=2, blocks=1, group=2), r3gan_discriminator, normal(0, 3, 8, 8, 3)),
    ):
        compare_modules(module, torchs, x, train=True)
