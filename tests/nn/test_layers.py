"""The matrix-product convolutions against XLA's own, and as parts of flax's layers."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
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
from jaxgan.nn.conv import Padding, conv, conv_general_dilated, conv_transpose, primitive
from jaxgan.nn.layers import ConvTranspose, orthogonal
from jaxgan.runs.run import start
from jaxgan.types import Array, Batch, Key

Convolution = Callable[[Array, Array, Sequence[int], Padding], Array]
FastConv = partial(nn.Conv, conv_general_dilated=conv_general_dilated)
LAYOUT = ("NHWC", "HWIO", "NHWC")


def xla_conv(x: Array, kernel: Array, strides: Sequence[int], padding: Padding) -> Array:
    return lax.conv_general_dilated(x, kernel, strides, padding, dimension_numbers=LAYOUT)


def xla_conv_transpose(x: Array, kernel: Array, strides: Sequence[int], padding: Padding) -> Array:
    return lax.conv_transpose(x, kernel, strides, padding, dimension_numbers=LAYOUT)


@pytest.fixture(scope="module", autouse=True)
def _few_channels() -> Iterator[None]:
    """Small cases take the ways of wide layers, too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(primitive, "_THIN", 8)
        yield


class Case(NamedTuple):
    x: tuple[int, int, int]  # height, width, channels
    kernel: tuple[int, int, int, int]
    strides: tuple[int, int]
    padding: Padding


@st.composite
def cases(draw: st.DrawFn) -> Case:
    kh, kw = draw(st.integers(1, 5)), draw(st.integers(1, 5))
    pad = st.tuples(st.integers(-1, 4), st.integers(0, 4))
    padding = draw(st.one_of(st.just("SAME"), st.just("VALID"), st.tuples(pad, pad)))
    smallest = (1, 1) if padding == "SAME" else (kh + 1, kw + 1)  # below, the result is empty
    h, w = (draw(st.integers(side, 9)) for side in smallest)
    # up to the numbers of channels at which the formulations change
    channels, features = draw(st.sampled_from([1, 2, 5, 8])), draw(st.sampled_from([1, 3, 8]))
    strides = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    return Case((h, w, channels), (kh, kw, channels, features), strides, padding)


def value_and_derivatives(f: Convolution, case: Case) -> Callable[[Array, Array], tuple]:
    """Value, gradient, and the gradient of the squared gradient norm, as a gradient penalty needs it."""

    def loss(x: Array, kernel: Array) -> Array:
        return jnp.sum(f(x, kernel, case.strides, case.padding) ** 2) / 2

    def penalty(x: Array, kernel: Array) -> Array:
        return jnp.sum(jax.grad(loss)(x, kernel) ** 2) / 2

    def everything(x: Array, kernel: Array) -> tuple:
        value = f(x, kernel, case.strides, case.padding)
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
    arguments = x, kernel, case.strides, case.padding
    actual, expected = (jax.jit(f, static_argnums=(2, 3))(*arguments) for f in (ours, xla))
    np.testing.assert_array_equal(actual, expected)


@pytest.mark.parametrize("in_axes", [(None, None), (0, None), (None, 0), (0, 0)])
@BOTH
@example(case=Case((6, 6, 1), (4, 4, 1, 3), (2, 2), "SAME"))  # one product of patches
@example(case=Case((6, 7, 8), (5, 1, 8, 8), (1, 1), "SAME"))  # a sum of shifted products
@example(case=Case((8, 12, 2), (4, 4, 2, 8), (2, 2), "SAME"))  # minimal filtering, 2 x 2 taps
@example(case=Case((5, 4, 8), (3, 3, 8, 8), (1, 1), "SAME"))  # minimal filtering, 3 x 3 taps, half a tile over
@example(case=Case((9, 6, 8), (3, 4, 8, 8), (1, 2), "VALID"))  # minimal filtering, 3 x 2 taps
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


@pytest.mark.parametrize(
    "case",
    [
        Case((6, 8, 8), (4, 4, 8, 8), (2, 2), "SAME"),  # minimal filtering
        Case((6, 8, 8), (3, 3, 8, 8), (1, 1), "SAME"),  # also for the gradient with respect to the image
        Case((6, 8, 8), (5, 1, 8, 8), (1, 1), "SAME"),  # a sum of shifted products
        Case((6, 8, 2), (5, 5, 2, 8), (1, 1), "SAME"),  # one product of patches
    ],
)
@pytest.mark.parametrize("seeds", [None, 2])
def test_a_batch_worked_on_in_parts_gives_the_same(
    monkeypatch: pytest.MonkeyPatch, seeds: int | None, case: Case
) -> None:
    rng = np.random.default_rng(0)
    axes = () if seeds is None else (seeds,)
    x, kernel = (rng.integers(-1, 2, (*axes, *shape)).astype(np.float32) for shape in ((6, *case.x), case.kernel))

    def everything() -> tuple[tuple, str]:
        function = value_and_derivatives(conv, case)  # new each time, so that it is compiled anew
        program = jax.jit(function if seeds is None else jax.vmap(function))
        return program(x, kernel), program.lower(x, kernel).as_text()

    whole, text = everything()
    for name in ("_CACHE", "_CACHE_OF_OTHERS"):
        monkeypatch.setattr(primitive, name, 1)
    parts, text_of_parts = everything()
    jax.tree.map(np.testing.assert_array_equal, whole, parts)
    assert text_of_parts.count("stablehlo.while") > text.count("stablehlo.while")


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


@pytest.mark.parametrize(
    "options",
    [
        {"kernel_dilation": 2},
        {"kernel_dilation": (1, 3), "padding": "VALID"},
        {"input_dilation": (2, 3), "padding": ((1, 2), (0, 3))},
        {"input_dilation": 2, "strides": (3, 2), "padding": ((0, 1), (2, 0))},
        {"feature_group_count": 2},
        {"feature_group_count": 4, "strides": (2, 1), "kernel_dilation": 2},
    ],
)
def test_dilations_and_groups_equal_those_of_flax(options: dict[str, Any]) -> None:
    x = jax.random.normal(jax.random.key(1), (2, 8, 9, 4))
    ours, stock = FastConv(4, (3, 2), **options), nn.Conv(4, (3, 2), **options)
    variables = stock.init(jax.random.key(0), x)
    y, expected = (jax.jit(layer.apply)(variables, x) for layer in (ours, stock))
    np.testing.assert_allclose(y, expected, rtol=0, atol=2e-6)  # sums of 24 products near 0.2


def test_what_it_cannot_do_raises() -> None:
    with pytest.raises(ValueError, match=r"needs its padding in pairs, got 'SAME'"):
        FastConv(2, (3, 3), input_dilation=2).init(jax.random.key(0), jnp.ones((1, 4, 4, 1)))
    with pytest.raises(ValueError, match=r"images \[n, h, w, c\], got shape \(1, 6, 2\)"):
        FastConv(2, (3,)).init(jax.random.key(0), jnp.ones((1, 6, 2)))
    x, kernel = jnp.ones((2, 4, 4, 4)), jnp.ones((3, 3, 4, 4))
    ignored: dict[str, Any] = {"dimension_numbers": ("NCHW", "OIHW", "NCHW"), "batch_group_count": 2}
    for name, value in ignored.items():
        with pytest.raises(ValueError, match=f"for NHWC and HWIO without further options, got {name}"):
            conv_general_dilated(x, kernel, (1, 1), "SAME", **{name: value})


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


def test_forward_derivatives_and_nested_vmaps_go_through() -> None:
    case = Case((6, 5, 2), (3, 2, 2, 3), (2, 1), "SAME")
    rng = np.random.default_rng(0)
    x, kernel = (jnp.asarray(rng.integers(-1, 2, (2, 3, *shape)), jnp.float32) for shape in ((2, *case.x), case.kernel))

    def derivatives(f: Convolution) -> Callable[[Array, Array], tuple]:
        def squared(x: Array, kernel: Array) -> Array:
            return jnp.sum(f(x, kernel, case.strides, case.padding) ** 2) / 2

        def hessian_times(x: Array, kernel: Array) -> tuple:  # forward over reverse
            return jax.jvp(jax.grad(squared, (0, 1)), (x, kernel), (x[::-1], kernel[::-1]))

        over_seeds = jax.vmap(jax.vmap(hessian_times))
        return lambda x, kernel: (
            over_seeds(x, kernel),
            jax.vmap(jax.vmap(squared, (None, 0)), (0, None))(x[0], kernel[0]),
        )

    actual, expected = (jax.jit(derivatives(f))(x, kernel) for f in (conv, xla_conv))
    jax.tree.map(np.testing.assert_array_equal, actual, expected)


@pytest.mark.parametrize(("size", "stride"), [(4, 2), (3, 1), (5, 1)])  # both kinds of filtering, and shifted sums
def test_float32_results_are_as_accurate_as_those_of_xla(x64: None, size: int, stride: int) -> None:
    keys = jax.random.split(jax.random.key(0), 3)
    x, kernel = jax.random.normal(keys[0], (4, 16, 16, 32)), jax.random.normal(keys[1], (size, size, 32, 16))
    y = jax.random.normal(keys[2], (4, 16 // stride, 16 // stride, 16))

    def errors(f: Convolution) -> list[float]:
        def all_three(x: Array, kernel: Array, y: Array) -> tuple:
            value, gradients = jax.vjp(lambda x, kernel: f(x, kernel, (stride, stride), "SAME"), x, kernel)
            return value, *gradients(y)

        exact = jax.jit(all_three)(x, kernel, y)
        rounded = jax.jit(all_three)(*(a.astype(jnp.float32) for a in (x, kernel, y)))
        return [float(jnp.max(jnp.abs(a - b)) / jnp.max(jnp.abs(b))) for a, b in zip(rounded, exact, strict=True)]

    for ours, xla in zip(errors(conv), errors(xla_conv), strict=True):
        # XLA's own is at 1e-7 to 6e-7 of the largest entry here; the additions of filtering round once or twice more
        assert ours < 4 * max(xla, 2e-7)


def test_the_escape_is_the_stock_operation() -> None:
    x, kernel = jnp.ones((2, 8, 8, 3)), jnp.ones((4, 4, 3, 5), jnp.bfloat16)
    for ours, xla in ((conv, xla_conv), (conv_transpose, xla_conv_transpose)):
        plain = partial(ours, strides=(2, 2), padding="SAME", plain=True)
        np.testing.assert_array_equal(plain(x, kernel), xla(x, kernel.astype(jnp.float32), (2, 2), "SAME"))
        assert "conv_general_dilated" in str(jax.make_jaxpr(plain)(x, kernel))
    layers = [nn.Conv(6, (3, 3), feature_group_count=3, kernel_dilation=2, conv_general_dilated=how)
              for how in (partial(conv_general_dilated, plain=True), lax.conv_general_dilated)]  # fmt: skip
    made = [layer.init_with_output(jax.random.key(0), x)[0] for layer in layers]
    np.testing.assert_array_equal(*made)


def test_a_setting_takes_the_escape_in_every_network() -> None:
    code = (
        "import jax, jax.numpy as jnp, jaxgan as jg\n"
        "module, x = jg.nn.DCGANDiscriminator(width=2), jnp.zeros((2, 8, 8, 1))\n"
        "print(jax.make_jaxpr(lambda key: module.init(key, x, train=True))(jax.random.key(0)))"
    )
    for setting, expected in (("lax", "conv_general_dilated"), ("products", "jaxgan_conv")):
        environment = os.environ | {"JAXGAN_CONV": setting}
        done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
        assert [name in done.stdout for name in ("conv_general_dilated[", "jaxgan_conv[")].count(True) == 1
        assert f"{expected}[" in done.stdout


def test_a_vmapped_dcgan_step_compiles_to_no_convolution() -> None:
    def draw(key: Key, n: int) -> Batch:
        return Batch(jax.random.normal(key, (n, 8, 8, 1)))

    game = adversarial_game(DCGANGenerator(8, 1, width=2), DCGANDiscriminator(width=2), normal_prior(2), non_saturating)
    algorithm = alternating(game, optax.sgd(0.1), optax.sgd(0.1), batch_size=2)

    def step(key: Key) -> Array:
        return algorithm.step(key, start(algorithm, draw, key), draw)[1].g_loss

    def program(function: Callable, *arguments: Array) -> str:
        return str(jax.jit(function).lower(*arguments).compile().as_text())

    x, kernel = jnp.ones((1, 4, 4, 1)), jnp.ones((2, 2, 1, 1))
    assert " convolution(" in program(lambda x, kernel: xla_conv(x, kernel, (1, 1), "SAME"), x, kernel)
    assert " convolution(" not in program(jax.vmap(step), jax.random.split(jax.random.key(0), 2))


def test_orthogonal_kernels_are_flaxs_and_made_one_by_one() -> None:
    """Factored together, they hang on as many cores as there are factorizations at a time: see `orthogonal`."""
    keys, shape = jax.random.split(jax.random.key(0), 4), (3, 3, 2, 5)
    together = jax.jit(jax.vmap(lambda key: orthogonal(key, shape)))
    expected = jnp.stack([nn.initializers.orthogonal()(key, shape) for key in keys])
    np.testing.assert_array_equal(together(keys), expected)
    calls = [line for line in together.lower(keys).as_text().splitlines() if "geqrf" in line]
    assert calls and all("tensor<18x5xf32>" in line and "tensor<4x18x5xf32>" not in line for line in calls)
