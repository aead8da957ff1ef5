"""Conditioning networks on classes: the methods by name, and the modules that implement them.

A network with K classes is called with y [n], integers in 0..K-1, after its first argument. Its field `condition` names
one method, or several joined by a plus, as in "embedding+batch_norm". For packs of m examples (`Packed`) y is [n, m].
Instead of classes, y may hold weights of all classes, floats [n, K], to interpolate between classes.
"""

import difflib
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Float, Shaped

from jaxgan.nn.layers import Wrap, at_least_float32
from jaxgan.types import Array

_LATENT = {
    "concatenation": "the one-hot class, joined to z",
    "embedding": "a learned vector for the class, as long as z, joined to z",
    "product": "z times a learned vector for the class",
}
_IMAGES = {**_LATENT, "batch_norm": "a scale and an offset for each class in every BatchNorm"}
GENERATOR: Mapping[str, Mapping[str, str]] = {
    "mlp": _LATENT,
    "residual_mlp": _LATENT,
    "dcgan": _IMAGES,
    "infogan": _IMAGES,
    "sngan": _IMAGES,
    "wgan_gp_resnet": _IMAGES,
    "biggan": {**_LATENT, "shared_embedding": "one learned vector for the class; the scale and offset of every "
               "BatchNorm are linear in it"},
    "stylegan2": {"embedding": "a learned vector for the class, as long as w, joined to z"},
    "r3gan": {"embedding": _LATENT["embedding"]},
}  # fmt: skip
"""What each method does, by network; the same for discriminators below."""
DISCRIMINATOR: Mapping[str, str] = {
    "concatenation": "the one-hot class, joined to x; for images as constant channels",
    "embedding": "a learned example for the class, joined to x; for images as an additional channel",
    "projection": "adds <v_y, f> to the logit, with v_y a learned vector for the class and f the last features",
    "classifier": "the logit depends only on x, and the class is predicted: `logits` and `class_logits` (AC-GAN)",
}

_standard = nn.initializers.normal(1.0)  # the scale of latents and examples


class Condition(NamedTuple):
    """The classes of one call and the methods of conditioning; no methods without classes."""

    ways: tuple[str, ...] = ()
    classes: int = 0
    y: Any = None  # integers [n], for packs [n, m]; or weights [n, K]

    @property
    def pack(self) -> tuple[int, ...]:
        """The axes of one condition besides the batch axis: (m,) for packs."""
        return _pack(self.y)

    def embedded(self, like: Array, *shape: int, init: nn.initializers.Initializer = _standard) -> Array:
        """A learned array of this shape for each class, with the type of `like`: [n, *shape]."""
        vectors = ClassEmbedding(self.classes, math.prod(shape), init)(self.y)
        return vectors.reshape(-1, *shape).astype(like.dtype)


class ClassEmbedding(nn.Module):
    """Classes y [n] -> vectors [n, features], with one learned vector for each class.

    For packs y [n, m] it is the sum of m vectors, with one for each class and position in a pack. For class weights
    [n, K] it is the weighted sum of the class vectors.

    Example:
      >>> ClassEmbedding(10, 3).init_with_output(jax.random.key(0), jnp.array([7, 0]))[0].shape
      (2, 3)
    """

    classes: int
    features: int
    embedding_init: nn.initializers.Initializer = _standard
    dtype: Any = None
    param_dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, y: Shaped[Array, " n *pack"]) -> Float[Array, "n {self.features}"]:
        rows = self.classes * math.prod(_pack(y))
        table = self.param("embedding", self.embedding_init, (rows, self.features), self.param_dtype)
        # A product instead of a lookup: its gradient is a product, not a scatter, whose order varies on a GPU.
        return _rows(table.astype(self.dtype or table.dtype), y, self.classes)


class ConditionalBatchNorm(nn.Module):
    """BatchNorm of x [n, ..., c] with a scale and an offset for each class y [n], initially 1 and 0.

    x -> scale[y] (x - mean) / sqrt(var + epsilon) + offset[y], with mean and var over the whole batch, whatever the
    classes; running averages are those of flax.
    Source: Dumoulin et al. 2017, A Learned Representation For Artistic Style; de Vries et al. 2017, Modulating early
    visual processing by language.

    Example:
      >>> layer, x = ConditionalBatchNorm(10, use_running_average=False), jnp.zeros((4, 8, 8, 3))
      >>> variables = layer.init(jax.random.key(0), x, jnp.array([7, 0, 0, 1]))
      >>> {name: leaf.shape for name, leaf in variables["params"].items()}
      {'scale': (10, 3), 'bias': (10, 3)}
    """

    classes: int
    use_running_average: bool
    momentum: float = 0.9
    epsilon: float = 1e-5
    dtype: Any = None
    param_dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: Float[Array, "n *size c"], y: Shaped[Array, " n *k"]) -> Float[Array, "n *size c"]:
        shape = (self.classes, x.shape[-1])
        scale = self.param("scale", nn.initializers.ones, shape, self.param_dtype)
        offset = self.param("bias", nn.initializers.zeros, shape, self.param_dtype)
        options = {name: getattr(self, name) for name in ("use_running_average", "momentum", "epsilon", "dtype")}
        x = nn.BatchNorm(use_scale=False, use_bias=False, **options)(x)
        own = (x.shape[0], *[1] * (x.ndim - 2), x.shape[-1])
        scale, offset = (_rows(table, y, self.classes).reshape(own).astype(x.dtype) for table in (scale, offset))
        return x * scale + offset


class Projection(nn.Module):
    """Features f [n, d] and classes y [n] -> <v_y, f> [n], with v_y a learned vector for each class.

    Added to a logit of f, it gives the discriminator of Miyato and Koyama 2018, cGANs with Projection Discriminator.

    Example:
      >>> Projection(10).init_with_output(jax.random.key(0), jnp.ones((2, 5)), jnp.array([7, 0]))[0].shape
      (2,)
    """

    classes: int
    embedding_init: nn.initializers.Initializer = nn.initializers.normal(0.02)
    dtype: Any = None
    wrap: Wrap = lambda layer: layer  # such as a spectral norm

    @nn.compact
    def __call__(self, features: Float[Array, "n d"], y: Shaped[Array, " n *pack"]) -> Float[Array, " n"]:
        embedding = ClassEmbedding(self.classes, features.shape[-1], self.embedding_init, self.dtype)
        return jnp.sum(self.wrap(embedding)(y).astype(features.dtype) * features, axis=-1)


def check_condition(module: Any, known: Mapping[str, str]) -> None:
    """Checks that a network's fields `classes` and `condition` name valid methods of conditioning.

    Raises:
      ValueError: one class or a negative number, or an unknown method, with the nearest name.
    """
    name, ways = type(module).__name__, module.condition.split("+")
    if module.classes == 1 or module.classes < 0:
        raise ValueError(f"{name} needs at least 2 classes, or 0 for none, got classes={module.classes}")
    for way in ways:
        if way not in known:
            near = difflib.get_close_matches(way, known, n=1, cutoff=0.5)
            meant = f"; did you mean {near[0]!r}?" if near else ";"
            raise ValueError(f"{name} has no condition {way!r}{meant} it has {', '.join(known)}, or several as in a+b")
    if len(set(ways)) < len(ways):
        raise ValueError(f"{name} takes each method of conditioning once, got condition={module.condition!r}")


def tells_classes(module: Any) -> bool:
    """Whether a network is a discriminator of `jaxgan.nn` with an auxiliary classifier.

    Example:
      >>> from jaxgan.nn import MLPDiscriminator
      >>> tells_classes(MLPDiscriminator(classes=3, condition="classifier")), tells_classes(MLPDiscriminator(classes=3))
      (True, False)
    """
    return bool(getattr(module, "classes", 0)) and "classifier" in str(getattr(module, "condition", "")).split("+")


def condition_of(module: Any, y: Shaped[Array, "n ..."] | None, inputs: Shaped[Array, "n ..."]) -> Condition:
    """The condition of one call of a network with fields `classes` and `condition`, for its first argument.

    Raises:
      ValueError: a condition without classes, classes without a condition, one that is not classes, or not one for each
        example.
    """
    name = type(module).__name__
    if not module.classes:
        if y is not None:
            raise ValueError(f"{name} has no classes but got a condition y, expected {name}(..., classes=K)")
        return Condition()
    if y is None:
        raise ValueError(f"{name} with {module.classes} classes got no condition, expected y, integers [n]")
    shares = jnp.issubdtype(y.dtype, jnp.floating) and y.shape[1:] == (module.classes,)
    if not shares and (not jnp.issubdtype(y.dtype, jnp.integer) or y.ndim > 2):
        raise ValueError(f"{name} with {module.classes} classes takes integers y [n], got {y.dtype} {list(y.shape)}")
    if y.shape[:1] != inputs.shape[:1]:
        raise ValueError(f"{name} takes a condition for each example, got y {list(y.shape)} for {list(inputs.shape)}")
    return Condition(tuple(module.condition.split("+")), module.classes, y)


def latents(condition: Condition, z: Float[Array, "n d"]) -> Float[Array, "n e"]:
    """The input of a generator: z, joined to or multiplied by the condition."""
    if "product" in condition.ways:
        z = z * condition.embedded(z, z.shape[-1])
    joined = [z]
    if "concatenation" in condition.ways:
        joined.append(class_shares(condition.y, condition.classes, z.dtype))
    if "embedding" in condition.ways:
        # Initially as long as a one-hot vector: longer vectors dominate z, and every class becomes a single picture.
        short = nn.initializers.normal(1 / math.sqrt(z.shape[-1]))
        joined.append(condition.embedded(z, z.shape[-1], init=short))
    return jnp.concatenate(joined, axis=-1) if len(joined) > 1 else z


def batch_norm(condition: Condition, x: Float[Array, "n *size c"], **options: Any) -> Float[Array, "n *size c"]:
    """flax's BatchNorm, or a BatchNorm with a scale and an offset for each class."""
    if "batch_norm" in condition.ways:
        return ConditionalBatchNorm(condition.classes, **options)(x, condition.y)
    return nn.BatchNorm(**options)(x)


def inputs(condition: Condition, x: Float[Array, "n *size c"]) -> Float[Array, "n *size d"]:
    """The input of a discriminator: x, with the condition joined along its last axis."""
    joined = [x]
    if "concatenation" in condition.ways:
        one_hot = class_shares(condition.y, condition.classes, x.dtype)
        one_hot = one_hot.reshape(x.shape[0], *[1] * (x.ndim - 2), -1)
        joined.append(jnp.broadcast_to(one_hot, (*x.shape[:-1], one_hot.shape[-1])))
    if "embedding" in condition.ways:
        joined.append(condition.embedded(x, *((*x.shape[1:-1], 1) if x.ndim > 2 else x.shape[1:])))
    return jnp.concatenate(joined, axis=-1) if len(joined) > 1 else x


def outputs(
    condition: Condition,
    features: Float[Array, "n d"],
    logits: Float[Array, " n"],
    layer: Wrap,
    **options: Any,
) -> Float[Array, " n"] | dict[str, Float[Array, "n ..."]]:
    """The output of a discriminator: its logits and, with an auxiliary classifier, `class_logits` [n, K].

    Args:
      condition: the condition of this call.
      features: the last features.
      logits: the logits from the features alone.
      layer: applied to every layer, such as a spectral norm.
      options: `kernel_init` and `dtype` of the layers.
    """
    if "projection" in condition.ways:
        init, dtype = options.get("kernel_init", nn.initializers.normal(0.02)), options.get("dtype")
        project = Projection(condition.classes, init, dtype, layer)
        logits = logits + at_least_float32(project(features, condition.y))
    if "classifier" not in condition.ways:
        return logits
    pack = condition.pack
    found = layer(nn.Dense(condition.classes * math.prod(pack), **options))(features)
    return {"logits": logits, "class_logits": at_least_float32(found.reshape(-1, *pack, condition.classes))}


def _pack(y: Shaped[Array, " n *pack"]) -> tuple[int, ...]:
    return () if jnp.issubdtype(y.dtype, jnp.floating) else y.shape[1:]


def class_shares(y: Shaped[Array, " n *pack"], classes: int, dtype: Any) -> Float[Array, "n k"]:
    """One-hot classes y [n], for packs y [n, m] concatenated; class weights [n, K] unchanged."""
    if jnp.issubdtype(y.dtype, jnp.floating):
        return y.astype(dtype)
    return jax.nn.one_hot(y, classes, dtype=dtype).reshape(y.shape[0], -1)


def _rows(table: Float[Array, "k d"], y: Shaped[Array, " n *pack"], classes: int) -> Float[Array, "n d"]:
    """The rows of the classes at full precision: fast products on a GPU would keep only ten bits."""
    return jnp.matmul(class_shares(y, classes, table.dtype), table, precision="highest")
