"""The matrix-product convolutions against XLA's own, and as parts of flax's layers."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from jax import lax

from jaxgan.dynamics import alternating
from jaxgan.game import adversarial_game, normal_prior
from jaxgan.losses import non_saturating
from jaxgan.nn import DCGANDiscriminator, DCGANGenerator
from jaxgan.nn.layers import ConvTranspose, Padding, conv, conv_general_dilated, conv_transpose
from jaxgan.train import start
from jaxgan.types import Array, Batch, Key

Convolution = Callable[[Array, Array, Sequence[int], Padding], Array]
FastConv = partial(nn.Conv, conv_general_dilated=conv_general_dilated)
LAYOUT = ("NHWC", "HWIO", "NHWC")


def xla_conv(x: Array, kernel: Array, strides: Sequence[int], padding: Padding) -> Array:
    return lax.conv_general_dilated(x, kernel, strides, padding, dimension_numbers=LAYOUT)


def xla_conv_transpose(x: Array, kernel: Array, strides: Sequence[int], padding: Padding) -> Array:
    return lax.conv_transpose(x, kernel, strides, padding, dimension_numbers=LAYOUT)


class Case(NamedTuple):
    x: tuple[int, int, int]  # height, width, channels
    kernel: tuple[int, int, int, int]
    stride: int
    padding: Padding


@st.composite
def cases(draw: st.DrawFn) -> Case:
    kh, kw = draw(st.integers(1, 5)), draw(st.integers(1, 5))
    pad = st.tuples(st.integers(-1, 4), st.integers(0, 4))
    padding = draw(st.one_of(st.just("SAME"), st.just("VALID"), st.tuples(pad, pad)))
    smallest = (1, 1) if padding == "SAME" else (kh + 1, kw + 1)  # below, the result is empty
    h, w = (draw(st.integers(side, 9)) for side in smallest)
    channels, features = draw(st.integers(1, 6)), draw(st.integers(1, 3))
    return Case((h, w, channels), (kh, kw, channels, features), draw(st.integers(1, 4)), padding)


def value_and_derivatives(f: Convolution, case: Case) -> Callable[[Array, Array], tuple]:
    """Value, gradient, and the gradient of the squared gradient norm, as a gradient penalty needs it."""

    def loss(x: Array, kernel: Array) -> Array:
        return jnp.sum(f(x, kernel, (case.stride, case.stride), case.padding) ** 2) / 2

    def penalty(x: Array, kernel: Array) -> Array:
        return jnp.sum(jax.grad(loss)(x, kernel) ** 2) / 2

    def everything(x: Array, kernel: Array) -> tuple:
        value = f(x, kernel, (case.stride, case.stride), case.padding)
        return value, jax.grad(loss, (0, 1))(x, kernel), jax.grad(penalty, (0, 1))(x, kernel)

    return everything


def integers(case: Case) -> tuple[np.ndarray, np.ndarray]:
    """Two images and two kernels of -1, 0 and 1: 32 bits hold every sum of products exactly, in any order."""
    rng = np.random.default_rng(0)
    x, kernel = rng.integers(-1, 2, (2, 2, *case.x)), rng.integers(-1, 2, (2, *case.kernel))
    return x.astype(np.float32), kernel.astype(np.float32)


BOTH = pytest.mark.parametrize(("ours", "xla"), [(conv, xla_conv), (conv_transpose, xla_conv_transpose)])


@BOTH
@settings(max_examples=16, deadline=None, derandomize=True)
@given(case=cases())
def test_values_equal_those_of_xla(ours: Convolution, xla: Convolution, case: Case) -> None:
    x, kernel = (array[0] for array in integers(case))
    arguments = x, kernel, (case.stride, case.stride), case.padding
    actual, expected = (jax.jit(f, static_argnums=(2, 3))(*arguments) for f in (ours, xla))
    np.testing.assert_array_equal(actual, expected)


@pytest.mark.parametrize("in_axes", [(None, None), (0, None), (None, 0), (0, 0)])
@BOTH
@example(case=Case((6, 6, 1), (4, 4, 1, 3), 2, "SAME"))  # one product of patches
@example(case=Case((6, 6, 3), (4, 4, 3, 2), 2, "SAME"))  # a sum of products
@settings(max_examples=2, deadline=None, derandomize=True)
@given(case=cases())
def test_two_derivatives_equal_those_of_xla_alone_and_under_vmap(
    ours: Convolution, xla: Convolution, in_axes: tuple[int | None, int | None], case: Case
) -> None:
    x, kernel = integers(case)
    pairs = [(x[0 if in_axes[0] is None else i], kernel[0 if in_axes[1] is None else i]) for i in (0, 1)]
    reference = jax.jit(value_and_derivatives(xla, case))
    expected = [reference(*pair) for pair in pairs]
    function = value_and_derivatives(ours, case)
    if in_axes == (None, None):
        jax.tree.map(np.testing.assert_array_equal, jax.jit(function)(*pairs[0]), expected[0])
    else:
        arguments = (a[0] if axis is None else a for a, axis in zip((x, kernel), in_axes, strict=True))
        actual = jax.jit(jax.vmap(function, in_axes))(*arguments)
        jax.tree.map(lambda a, *each: np.testing.assert_array_equal(a, np.stack(each)), actual, *expected)


def test_strides_must_be_equal() -> None:
    for convolution in (conv, conv_transpose):
        with pytest.raises(ValueError, match=r"equal in both directions, got \(1, 2\)"):
            convolution(jnp.ones((1, 4, 4, 1)), jnp.ones((2, 2, 1, 1)), (1, 2), "SAME")


@pytest.mark.parametrize(("stride", "padding"), [(2, "SAME"), (1, "VALID"), (2, ((1, 2), (0, 3)))])
def test_flax_layers_have_the_same_parameters_and_outputs(stride: int, padding: Padding) -> None:
    options: dict[str, Any] = {"features": 5, "kernel_size": (4, 3)}
    options |= {"strides": (stride, stride), "padding": padding}
    bias: dict[str, Any] = {"bias_init": nn.initializers.normal()}
    pairs: list[tuple[nn.Module, nn.Module]] = [
        (FastConv(**options, **bias), nn.Conv(**options, **bias)),
        (ConvTranspose(**options, **bias), nn.ConvTranspose(**options, **bias)),
        (ConvTranspose(**options, use_bias=False), nn.ConvTranspose(**options, use_bias=False)),
    ]
    x = jax.random.normal(jax.random.key(1), (2, 8, 6, 3))
    for ours, stock in pairs:
        variables = stock.init(jax.random.key(0), x)
        jax.tree.map(np.testing.assert_array_equal, ours.init(jax.random.key(0), x), variables)
        y, expected = (jax.jit(layer.apply)(variables, x) for layer in (ours, stock))
        np.testing.assert_allclose(y, expected, rtol=0, atol=2e-6)  # sums of 36 products near 0.2


@pytest.mark.parametrize("option", ["kernel_dilation", "input_dilation", "feature_group_count"])
def test_dilation_and_groups_raise(option: str) -> None:
    options: dict[str, Any] = {option: 2}
    layer = FastConv(2, (3, 3), **options)
    with pytest.raises(ValueError, match=r"no dilation and no groups, got .*2"):
        layer.init(jax.random.key(0), jnp.ones((1, 6, 6, 2)))


def test_unknown_padding_raises() -> None:
    with pytest.raises(ValueError, match=r"padding must be .* got 'FULL'"):
        conv_transpose(jnp.ones((1, 4, 4, 1)), jnp.ones((2, 2, 1, 1)), (1, 1), "FULL")


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16])
@BOTH
def test_half_precision_stays_half(ours: Convolution, xla: Convolution, dtype: jnp.dtype) -> None:
    apply = jax.jit(lambda x, kernel: ours(x, kernel, (2, 2), "SAME"))
    rng = np.random.default_rng(0)
    for channels in (1, 3):
        x, kernel = rng.standard_normal((2, 8, 8, channels)), rng.standard_normal((4, 4, channels, 3))
        y = apply(jnp.asarray(x, dtype), jnp.asarray(kernel, dtype))
        exact = xla(jnp.asarray(x, jnp.float32), jnp.asarray(kernel, jnp.float32), (2, 2), "SAME")
        assert y.dtype == dtype
        # up to 48 products near 1, rounded twice as factors and at most once as a partial sum near 10
        atol = 48 * float(jnp.finfo(dtype).eps)
        np.testing.assert_allclose(y.astype(jnp.float32), exact, rtol=0, atol=atol)


@pytest.mark.parametrize("layer", [FastConv, ConvTranspose])
def test_layers_compute_in_the_precision_asked_for_and_keep_32_bit_parameters(layer: Callable) -> None:
    module = layer(3, (4, 4), dtype=jnp.bfloat16)
    y, variables = jax.eval_shape(module.init_with_output, jax.random.key(0), jnp.ones((1, 4, 4, 2)))
    assert y.dtype == jnp.bfloat16
    assert {leaf.dtype for leaf in jax.tree.leaves(variables)} == {jnp.dtype("float32")}


def test_a_vmapped_dcgan_step_compiles_to_no_convolution() -> None:
    def draw(key: Key, n: int) -> Batch:
        return Batch(jax.random.normal(key, (n, 8, 8, 1)))

    game = adversarial_game(DCGANGenerator(8, 1, width=2), DCGANDiscriminator(width=2), normal_prior(2), non_saturating)
    algorithm = alternating(game, optax.sgd(0.1), optax.sgd(0.1), batch_size=2)

    def step(key: Key) -> Array:
        return algorithm.step(start(algorithm, draw, key), draw, key)[1].g_loss

    def program(function: Callable, *arguments: Array) -> str:
        return str(jax.jit(function).lower(*arguments).compile().as_text())

    x, kernel = jnp.ones((1, 4, 4, 1)), jnp.ones((2, 2, 1, 1))
    assert " convolution(" in program(lambda x, kernel: xla_conv(x, kernel, (1, 1), "SAME"), x, kernel)
    assert " convolution(" not in program(jax.vmap(step), jax.random.split(jax.random.key(0), 2))
