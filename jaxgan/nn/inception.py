"""Inception-v3 of 2015-12-05, whose features define the FID, layer by layer as in torch-fidelity.

Module names are those of the published weights. It differs from other Inception networks: average pooling ignores
padding, the last block uses max pooling, there are 1,008 classes, and images are resized as in TensorFlow 1.
"""

from typing import Any, NamedTuple

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Shaped

from jaxgan.types import Array

SIZE = 299
"""Images are resized to this many pixels a side."""
_PRECISION = "highest"  # otherwise accelerators round products, and features would depend on the device


class ConvUnit(nn.Module):
    """Convolution without biases, BatchNorm with the stored statistics and an epsilon of 1e-3, ReLU.

    With stride 1 the size is kept, unless `padding` is "VALID"; with stride 2 there is no padding.
    """

    features: int
    kernel: tuple[int, int] = (1, 1)
    stride: int = 1
    padding: str | None = None
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: Float[Array, "n h w c"]) -> Float[Array, "n h2 w2 {self.features}"]:
        padding = self.padding or ("SAME" if self.stride == 1 else "VALID")
        strides = (self.stride,) * 2
        settings: Any = {"use_bias": False, "dtype": self.dtype, "precision": _PRECISION, "name": "conv"}
        x = nn.Conv(self.features, self.kernel, strides, padding, **settings)(x)
        return nn.relu(nn.BatchNorm(True, epsilon=1e-3, dtype=self.dtype, name="bn")(x))


class _Unit(NamedTuple):
    """A layer of a branch: module name, channels, kernel and stride."""

    name: str
    features: int
    kernel: tuple[int, int] = (1, 1)
    stride: int = 1


class InceptionA(nn.Module):
    """Branches of 1 x 1, 5 x 5, two 3 x 3, and average pooling, at 35 x 35."""

    pool_features: int
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: Float[Array, "n h w c"]) -> Float[Array, "n h w c2"]:
        single = _branch(self, x, _Unit("branch1x1", 64))
        five = _branch(self, x, _Unit("branch5x5_1", 48), _Unit("branch5x5_2", 64, (5, 5)))
        double = _branch(self, x, *_triple("branch3x3dbl", 64, 96, 96, stride=1))
        pooled = _branch(self, _average(x), _Unit("branch_pool", self.pool_features))
        return jnp.concatenate([single, five, double, pooled], axis=-1)


class InceptionB(nn.Module):
    """Halves the size: 35 x 35 -> 17 x 17."""

    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: Float[Array, "n h w c"]) -> Float[Array, "n h2 w2 c2"]:
        single = _branch(self, x, _Unit("branch3x3", 384, (3, 3), 2))
        double = _branch(self, x, *_triple("branch3x3dbl", 64, 96, 96, stride=2))
        return jnp.concatenate([single, double, nn.max_pool(x, (3, 3), (2, 2))], axis=-1)


class InceptionC(nn.Module):
    """7 x 7 factorized into rows and columns, once and twice, at 17 x 17."""

    inner: int
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: Float[Array, "n h w c"]) -> Float[Array, "n h w 768"]:
        row, column = (1, 7), (7, 1)
        single = _branch(self, x, _Unit("branch1x1", 192))
        seven = _branch(self, x, *_sevens("branch7x7", self.inner, (row, column)))
        double = _branch(self, x, *_sevens("branch7x7dbl", self.inner, (column, row, column, row)))
        pooled = _branch(self, _average(x), _Unit("branch_pool", 192))
        return jnp.concatenate([single, seven, double, pooled], axis=-1)


class InceptionD(nn.Module):
    """Halves the size: 17 x 17 -> 8 x 8."""

    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: Float[Array, "n h w c"]) -> Float[Array, "n h2 w2 c2"]:
        three = _branch(self, x, _Unit("branch3x3_1", 192), _Unit("branch3x3_2", 320, (3, 3), 2))
        sevens = [*_sevens("branch7x7x3", 192, ((1, 7), (7, 1))), _Unit("branch7x7x3_4", 192, (3, 3), 2)]
        return jnp.concatenate(
            [three, _branch(self, x, *sevens), nn.max_pool(x, (3, 3), (2, 2))],
            axis=-1,
        )


class InceptionE(nn.Module):
    """3 x 3 as a row beside a column, at 8 x 8. The first block uses average pooling, the last max pooling."""

    average: bool
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: Float[Array, "n h w c"]) -> Float[Array, "n h w 2048"]:
        single = _branch(self, x, _Unit("branch1x1", 320))
        three = _branch(self, x, _Unit("branch3x3_1", 384))
        double = _branch(self, x, _Unit("branch3x3dbl_1", 448), _Unit("branch3x3dbl_2", 384, (3, 3)))
        split = [
            _branch(self, inner, _Unit(f"{name}{side}", 384, kernel))
            for name, inner in (("branch3x3_2", three), ("branch3x3dbl_3", double))
            for side, kernel in (("a", (1, 3)), ("b", (3, 1)))
        ]
        pool = _average(x) if self.average else nn.max_pool(x, (3, 3), (1, 1), "SAME")
        pooled = _branch(self, pool, _Unit("branch_pool", 192))
        return jnp.concatenate([single, *split, pooled], axis=-1)


class InceptionV3(nn.Module):
    """Grey levels 0..255 [n, h, w, 3] of any size -> the outputs of torch-fidelity, by its names, in float32.

    "64", "192", "768" and "2048" are features with that many numbers, averaged over pixels after a block; those of FID
    are "2048". "logits_unbiased" [n, 1008] are logits without biases, which the Inception score uses, and "logits" are
    those with biases. Everything is computed in `dtype` and then rounded to float32.

    Source: Szegedy et al. 2016, Rethinking the Inception architecture for computer vision; Heusel et al. 2017 for FID;
      Obukhov et al. 2020, torch-fidelity.

    Example:
      >>> import jax
      >>> x = jax.ShapeDtypeStruct((5, 32, 32, 3), jnp.uint8)
      >>> made = jax.eval_shape(lambda key, x: InceptionV3().init_with_output(key, x)[0], jax.random.key(0), x)
      >>> made["2048"].shape, made["logits_unbiased"].shape
      ((5, 2048), (5, 1008))
    """

    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: Shaped[Array, "n h w 3"]) -> dict[str, Float[Array, "n _"]]:
        dtype, features = self.dtype, {}
        x = (resize_as_tensorflow1(x.astype(dtype), SIZE, SIZE) - 128) / 128
        x = ConvUnit(32, (3, 3), 2, dtype=dtype, name="Conv2d_1a_3x3")(x)
        x = ConvUnit(32, (3, 3), padding="VALID", dtype=dtype, name="Conv2d_2a_3x3")(x)
        x = ConvUnit(64, (3, 3), dtype=dtype, name="Conv2d_2b_3x3")(x)
        x = nn.max_pool(x, (3, 3), (2, 2))
        features["64"] = _mean(x)
        x = ConvUnit(80, dtype=dtype, name="Conv2d_3b_1x1")(x)
        x = ConvUnit(192, (3, 3), padding="VALID", dtype=dtype, name="Conv2d_4a_3x3")(x)
        x = nn.max_pool(x, (3, 3), (2, 2))
        features["192"] = _mean(x)
        for name, pool_features in (("Mixed_5b", 32), ("Mixed_5c", 64), ("Mixed_5d", 64)):
            x = InceptionA(pool_features, dtype, name=name)(x)
        x = InceptionB(dtype, name="Mixed_6a")(x)
        for name, inner in (("Mixed_6b", 128), ("Mixed_6c", 160), ("Mixed_6d", 160), ("Mixed_6e", 192)):
            x = InceptionC(inner, dtype, name=name)(x)
        features["768"] = _mean(x)
        x = InceptionD(dtype, name="Mixed_7a")(x)
        x = InceptionE(True, dtype, name="Mixed_7b")(x)
        x = InceptionE(False, dtype, name="Mixed_7c")(x)
        features["2048"] = x = _mean(x)
        features["logits"], features["logits_unbiased"] = _Classes(dtype, name="fc")(x)
        return {name: value.astype(jnp.float32) for name, value in features.items()}


class _Classes(nn.Module):
    """Logits with biases and without."""

    dtype: Any

    @nn.compact
    def __call__(self, x: Float[Array, "n d"]) -> tuple[Float[Array, "n 1008"], Float[Array, "n 1008"]]:
        kernel = self.param("kernel", nn.initializers.lecun_normal(), (x.shape[-1], 1008))
        bias = self.param("bias", nn.initializers.zeros, (1008,))
        unbiased = jnp.matmul(x, kernel.astype(self.dtype), precision=_PRECISION)
        return unbiased + bias.astype(self.dtype)[None], unbiased


def resize_as_tensorflow1(x: Float[Array, "n h w c"], height: int, width: int) -> Float[Array, "n {height} {width} c"]:
    """Bilinear resizing that aligns corners of pixels, not centres: output i is at i h / height of the input.

    Equal to TensorFlow 1 with its defaults, bit for bit: h / height is rounded to float32, and there is no smoothing
    before shrinking.

    Example:
      >>> resize_as_tensorflow1(jnp.array([0.0, 1.0, 4.0]).reshape(1, 1, 3, 1), 1, 6).ravel().tolist()
      [0.0, 0.5, 1.0, 2.5, 4.0, 4.0]
    """
    low, high, part = _positions(x.shape[2], width, x.dtype)
    x = _between(x[:, :, low], x[:, :, high], part[None, None, :, None])
    low, high, part = _positions(x.shape[1], height, x.dtype)
    return _between(x[:, low], x[:, high], part[None, :, None, None])


def _positions(size: int, wanted: int, dtype: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each output the pixels below and above, and the weight of the latter; in NumPy, which fuses no operations."""
    at = np.arange(wanted, dtype=dtype) * np.float32(size / wanted).astype(dtype)
    low = at.astype(int)
    return low, np.minimum(low + 1, size - 1), at - low.astype(dtype)


def _between(low: Float[Array, "n h w c"], high: Float[Array, "n h w c"], part: np.ndarray) -> Float[Array, "n h w c"]:
    # Product and sum are each rounded; a barrier between them keeps compilers from fusing the two.
    return low + jnp.maximum((high - low) * part, jnp.finfo(low.dtype).min)


def _branch(block: Any, x: Float[Array, "n h w c"], *units: _Unit) -> Float[Array, "n h2 w2 c2"]:
    for unit in units:
        x = ConvUnit(unit.features, unit.kernel, unit.stride, dtype=block.dtype, name=unit.name)(x)
    return x


def _triple(name: str, first: int, second: int, third: int, stride: int) -> tuple[_Unit, ...]:
    """1 x 1, then two 3 x 3."""
    return (
        _Unit(f"{name}_1", first),
        _Unit(f"{name}_2", second, (3, 3)),
        _Unit(f"{name}_3", third, (3, 3), stride),
    )


def _sevens(name: str, inner: int, kernels: tuple[tuple[int, int], ...]) -> tuple[_Unit, ...]:
    """1 x 1, then rows and columns of 7; the last one has 192 channels."""
    last = len(kernels) + 1
    rest = (_Unit(f"{name}_{i}", 192 if i == last else inner, kernel) for i, kernel in enumerate(kernels, 2))
    return (_Unit(f"{name}_1", inner), *rest)


def _average(x: Float[Array, "n h w c"]) -> Float[Array, "n h w c"]:
    """3 x 3 average pooling, over fewer pixels at the edge."""
    return nn.avg_pool(x, (3, 3), (1, 1), "SAME", count_include_pad=False)


def _mean(x: Float[Array, "n h w c"]) -> Float[Array, "n c"]:
    return jnp.mean(x, axis=(1, 2))
