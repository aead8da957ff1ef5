"""Filters between sizes and modulated convolutions, against XLA's own convolutions with weights for each example."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from jaxgan.nn.equalized import EqualizedConv, EqualizedDense, scaled_leaky_relu, unit_second_moment
from jaxgan.nn.modulated import SynthesisLayer, modulated_conv
from jaxgan.nn.pyramid import SIZES, blurred, channels_at, downsample, resampled_conv, resolutions, upsample
from jaxgan.types import Array

KEY = jax.random.key(0)
TAPS = np.outer([1, 3, 3, 1], [1, 3, 3, 1]).astype(np.float32) / 64
LAYOUT = ("NHWC", "HWIO", "NHWC")


def normal(i: int, *shape: int) -> Array:
    return jax.random.normal(jax.random.fold_in(KEY, i), shape)


def close(a: Any, b: Any) -> None:
    """To the rounding of sums of a hundred products in 32 bits."""
    np.testing.assert_allclose(a, b, rtol=0, atol=2e-5 * np.abs(np.asarray(b)).max())


def filtered(x: Array, before: int, after: int, up: int = 1, down: int = 1) -> Array:
    """Zeros between the pixels, zeros around, the filter with the gain of `up`, every other pixel."""
    kernel = jnp.tile(jnp.asarray(TAPS * up**2)[..., None, None], (1, 1, 1, x.shape[-1]))
    apart = jnp.zeros((x.shape[0], up * x.shape[1], up * x.shape[2], x.shape[3]), x.dtype).at[:, ::up, ::up].set(x)
    return lax.conv_general_dilated(
        apart, kernel, (down, down), ((before, after),) * 2, dimension_numbers=LAYOUT, feature_group_count=x.shape[-1]
    )


def by_example(x: Array, kernel: Array, styles: Array, resample: str | None, demodulate: bool) -> Array:
    """The paper's: weights for each example, the filter before or after."""
    w = kernel[None] * styles[:, None, None, :, None]
    if demodulate:
        w = w / jnp.sqrt(jnp.sum(w**2, axis=(1, 2, 3), keepdims=True) + 1e-8)

    def one(x: Array, w: Array) -> Array:
        if resample == "up":  # pixel i reaches 2 i + a: zeros between the pixels, and the kernel turned around
            pads = ((w.shape[0] - 1,) * 2,) * 2
            y = lax.conv_general_dilated(x, w[::-1, ::-1], (1, 1), pads, lhs_dilation=(2, 2), dimension_numbers=LAYOUT)
            return filtered(y, 1, 1) * 4 if w.shape[0] == 3 else filtered(y[:, ::2, ::2], 2, 1, up=2)
        if resample == "down":
            x = filtered(x, 2, 2) if w.shape[0] == 3 else filtered(x, 1, 1, down=2)
            stride, padding = (2, 2) if w.shape[0] == 3 else (1, 1), "VALID"
        else:
            stride, padding = (1, 1), "SAME"
        return lax.conv_general_dilated(x, w, stride, padding, dimension_numbers=LAYOUT)

    return jnp.concatenate([one(x[i : i + 1], w[i]) for i in range(x.shape[0])])


def test_the_filters_are_zeros_between_pixels_and_four_taps() -> None:
    x = normal(0, 2, 6, 8, 3)
    close(upsample(x), filtered(x, 2, 1, up=2))
    close(downsample(x), filtered(x, 1, 1, down=2))
    close(blurred(x, 2), filtered(x, 2, 2))
    close(blurred(x, 1), filtered(x, 1, 1))


def test_the_filters_keep_constants_inside_and_are_each_others_transpose() -> None:
    ones = jnp.ones((1, 8, 8, 1))
    close(upsample(ones)[:, 1:-1, 1:-1], np.ones((1, 14, 14, 1)))
    close(downsample(ones)[:, 1:-1, 1:-1], np.ones((1, 2, 2, 1)))
    x, y = normal(0, 2, 4, 6, 3), normal(1, 2, 8, 12, 3)
    np.testing.assert_allclose(jnp.vdot(upsample(x), y), 4 * jnp.vdot(x, downsample(y)), rtol=1e-5)  # the gain is 4


@pytest.mark.parametrize("demodulate", [True, False])
@pytest.mark.parametrize(("k", "resample"), [(3, None), (3, "up"), (3, "down"), (1, None), (1, "up"), (1, "down")])
def test_a_modulated_convolution_is_one_with_weights_for_each_example(
    k: int, resample: str | None, demodulate: bool
) -> None:
    inputs = normal(0, 3, 6, 6, 4), normal(1, k, k, 4, 5), 1 + normal(2, 3, 4)
    weights = normal(3, *modulated_conv(*inputs, resample=resample).shape)

    def with_gradients(convolve: Any) -> Any:
        def value(*inputs: Array) -> tuple[Array, Array]:
            out = convolve(*inputs)
            return jnp.sum(weights * out), out

        return jax.jit(jax.grad(value, (0, 1, 2), has_aux=True))(*inputs)

    found = with_gradients(lambda *inputs: modulated_conv(*inputs, resample=resample, demodulate=demodulate))
    expected = with_gradients(lambda x, kernel, styles: by_example(x, kernel, styles, resample, demodulate))
    jax.tree.map(close, found, expected)


@pytest.mark.parametrize("resample", [None, "up"])
def test_over_seeds_it_is_the_same_and_no_grouped_convolution(resample: str | None) -> None:
    inputs = normal(0, 2, 3, 6, 6, 4), normal(1, 2, 3, 3, 4, 5), 1 + normal(2, 2, 3, 4)
    many = jax.jit(jax.vmap(lambda *inputs: modulated_conv(*inputs, resample=resample)))
    assert " convolution(" not in str(many.lower(*inputs).compile().as_text())
    for i, one in enumerate(many(*inputs)):
        close(one, modulated_conv(*(a[i] for a in inputs), resample=resample))


def test_demodulated_outputs_have_deviation_one_whatever_the_style() -> None:
    x, kernel = normal(0, 4, 32, 32, 8), normal(1, 3, 3, 8, 6)
    styles = jnp.array([0.01, 1.0, 7.0, 100.0])[:, None] * jnp.exp(normal(2, 4, 8))
    inside = modulated_conv(x, kernel, styles)[:, 1:-1, 1:-1]
    # 900 pixels, neighbours of which share inputs; measured within 9 %
    np.testing.assert_allclose(jnp.std(inside, axis=(1, 2)), 1, atol=0.2)
    close(modulated_conv(x, kernel, 3 * styles), modulated_conv(x, kernel, styles))


@pytest.mark.parametrize("resample", [None, "down"])
def test_layers_of_an_equalized_rate_keep_the_second_moment(resample: str | None) -> None:
    x = normal(0, 64, 16, 16, 8)
    y, variables = EqualizedConv(64, 3, down=resample == "down").init_with_output(KEY, x)
    kernel = variables["params"]["kernel"]
    close(y, resampled_conv(x, kernel / np.sqrt(72), resample))
    np.testing.assert_allclose(jnp.std(kernel), 1, atol=0.03)  # 4,608 numbers: five standard errors are 0.05
    for slower in (1.0, 0.01):
        dense = EqualizedDense(256, lr_multiplier=slower, bias_init=3.0)
        y, variables = dense.init_with_output(KEY, normal(1, 64, 300))
        p = variables["params"]
        np.testing.assert_allclose(jnp.std(p["kernel"]), 1 / slower, rtol=0.02)
        close(y, normal(1, 64, 300) @ p["kernel"] * (slower / np.sqrt(300)) + slower * 3.0)
        np.testing.assert_allclose(jnp.std(y), 1, atol=0.05)
    np.testing.assert_allclose(jnp.mean(scaled_leaky_relu(normal(2, 10**5)) ** 2), 1.04, atol=0.03)
    np.testing.assert_allclose(jnp.mean(unit_second_moment(normal(3, 4, 5)) ** 2, axis=1), 1, rtol=1e-5)


def test_noise_is_added_to_all_channels_as_strongly_as_learned() -> None:
    x, w, noise = normal(0, 4, 8, 8, 3), normal(1, 4, 5), normal(2, 4, 8, 8)
    layer = SynthesisLayer(6)
    params = layer.init(KEY, x, w)["params"]
    assert params["noise_strength"] == 0

    @jax.jit
    def made(strength: float, *noise: Array) -> Array:
        own = params | {"noise_strength": strength, "bias": jnp.full(6, 10.0)}  # the linear part of the leaky ReLU
        return jnp.asarray(layer.apply({"params": own}, x, w, *noise))

    close(made(0.0, noise), made(0.0))
    # a difference of numbers near 14
    added = np.broadcast_to(np.sqrt(2) * 0.5 * np.asarray(noise)[..., None], (4, 8, 8, 6))
    np.testing.assert_allclose(made(0.5, noise) - made(0.0), added, atol=2e-5)


def test_sizes_are_powers_of_two_and_channels_halve_above_the_most() -> None:
    assert SIZES == (8, 16, 32, 64, 128, 256, 512, 1024)
    assert resolutions(1024) == (4, 8, 16, 32, 64, 128, 256, 512, 1024)
    assert channels_at(64, 1024, 64) == {4: 64, 8: 64, 16: 64, 32: 32, 64: 16}
    assert channels_at(16, 1024, 64, width=3) == {4: 12, 8: 6, 16: 3}
    for size, nearest in ((28, "16 and 32"), (4, "8 and 16"), (2048, "512 and 1024")):
        with pytest.raises(ValueError, match=f"powers of two; got {size}, the nearest are {nearest}"):
            resolutions(size)
