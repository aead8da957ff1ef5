"""Ways of bringing classes to a network: by hand, by name, and without a trace where there are no classes."""

from collections.abc import Callable
from functools import partial
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.nn import (
    ClassEmbedding,
    ConditionalBatchNorm,
    DCGANDiscriminator,
    DCGANGenerator,
    MLPDiscriminator,
    MLPGenerator,
    Packed,
    Projection,
)
from jaxgan.nn.conditional import DISCRIMINATOR, GENERATOR
from jaxgan.nn.conv import conv_general_dilated
from jaxgan.nn.layers import ConvTranspose, at_least_float32
from jaxgan.types import Array

KEY = jax.random.key(0)
Y = np.array([2, 0, 1, 2], np.int32)
Z = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
PIXELS = np.random.default_rng(1).normal(size=(4, 8, 8, 1)).astype(np.float32)


def started(module: nn.Module, *inputs: Any, **how: Any) -> Any:
    """Outputs and variables, every parameter moved from where it starts."""
    variables = jax.jit(lambda: module.init(KEY, *map(jnp.asarray, inputs), **how))()
    moved = jax.tree.map(lambda a: a + 0.1 * jax.random.normal(KEY, a.shape), variables["params"])
    return {**variables, "params": moved}


def test_conditional_batch_norm_by_hand() -> None:
    x = PIXELS * 3 + 1
    layer = ConditionalBatchNorm(3, use_running_average=False, epsilon=1e-3)
    first = layer.init(KEY, jnp.asarray(x), jnp.asarray(Y))["params"]
    np.testing.assert_array_equal(first["scale"], 1)
    np.testing.assert_array_equal(first["bias"], 0)
    variables = started(layer, x, Y)
    found, moved = layer.apply(variables, jnp.asarray(x), jnp.asarray(Y), mutable=["batch_stats"])
    scale, offset = (np.asarray(variables["params"][name])[Y].reshape(4, 1, 1, 1) for name in ("scale", "bias"))
    expected = scale * (x - x.mean()) / np.sqrt(x.var() + 1e-3) + offset  # one channel
    np.testing.assert_allclose(found, expected, rtol=0, atol=5e-6)  # numbers up to 4 in 32 bits
    running = moved["batch_stats"]["BatchNorm_0"]
    np.testing.assert_allclose(running["mean"], [0.1 * x.mean()], rtol=1e-5)
    np.testing.assert_allclose(running["var"], [0.9 + 0.1 * x.var()], rtol=1e-5)


def test_embedding_and_projection_by_hand() -> None:
    embedding = ClassEmbedding(3, 5)
    table = started(embedding, Y)["params"]["embedding"]
    found: Any = embedding.apply({"params": {"embedding": table}}, jnp.asarray(Y))
    np.testing.assert_array_equal(found, table[Y])  # a product with ones and zeros rounds nothing
    packs = Y.reshape(2, 2)
    wide = jnp.concatenate([table, 2 * table])  # a row for each place in a pack and class
    found = embedding.apply({"params": {"embedding": wide}}, jnp.asarray(packs))
    np.testing.assert_allclose(found, table[packs[:, 0]] + 2 * table[packs[:, 1]], rtol=1e-6)
    projection, features = Projection(3), np.random.default_rng(2).normal(size=(4, 5)).astype(np.float32)
    found = projection.apply(
        {"params": {"ClassEmbedding_0": {"embedding": table}}}, jnp.asarray(features), jnp.asarray(Y)
    )
    np.testing.assert_allclose(found, np.sum(table[Y] * features, axis=1), rtol=1e-5, atol=1e-6)


NETWORKS: dict[str, tuple[Callable[..., Any], Any, tuple[str, ...]]] = {
    "mlp generator": (partial(MLPGenerator, 2, (6,)), Z, tuple(GENERATOR["mlp"])),
    "dcgan generator": (partial(DCGANGenerator, 8, 1, 4), Z, tuple(GENERATOR["dcgan"])),
    "mlp discriminator": (partial(MLPDiscriminator, (6,)), Z, tuple(DISCRIMINATOR)),
    "dcgan discriminator": (partial(DCGANDiscriminator, 4, batch_norm=False), PIXELS, tuple(DISCRIMINATOR)),
}
CASES = [(name, way) for name, (_, _, ways) in NETWORKS.items() for way in (*ways, "+".join(ways))]


@pytest.mark.parametrize(("name", "way"), CASES)
def test_every_way_brings_the_class_to_the_output(name: str, way: str) -> None:
    make, x, _ = NETWORKS[name]
    module = make(classes=3, condition=way)
    variables = started(module, x, Y, train=False)

    def outputs(y: Any) -> Any:
        found: Any = module.apply(variables, jnp.asarray(x), jnp.asarray(y), train=False)
        return found

    found, other = outputs(Y), outputs((Y + 1) % 3)
    if "classifier" in way:  # of x alone
        assert found["class_logits"].shape == (4, 3) and found["logits"].shape == (4,)
        np.testing.assert_allclose(found["class_logits"], other["class_logits"], atol=0 if way == "classifier" else 9)
    else:
        assert found.shape == {"mlp generator": (4, 2), "dcgan generator": (4, 8, 8, 1)}.get(name, (4,))
    first, second = (o["logits"] if "classifier" in way else o for o in (found, other))
    assert (way == "classifier") == np.allclose(first, second, rtol=1e-3, atol=1e-6)
    alone = outputs(Y)  # and each output has its own class: as a row of the batch, and where rows change places
    order = np.array([3, 1, 0, 2])
    mixed: Any = module.apply(variables, jnp.asarray(x[order]), jnp.asarray(Y[order]), train=False)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a[order], b, rtol=1e-4, atol=1e-6), alone, mixed)


@pytest.mark.parametrize("way", [*DISCRIMINATOR, "projection+classifier"])
def test_packs_have_a_class_for_each_of_their_examples(way: str) -> None:
    packed = Packed(MLPDiscriminator((6,), classes=3, condition=way), 2)
    variables = started(packed, Z, Y, train=False)

    def outputs(y: np.ndarray) -> Any:
        found: Any = packed.apply(variables, jnp.asarray(Z), jnp.asarray(y), train=False)
        return found

    found, swapped = outputs(Y), outputs(Y[[1, 0, 3, 2]])  # places in a pack are not alike
    if "classifier" in way:
        assert found["class_logits"].shape == (2, 2, 3)
    logits = [o["logits"] if "classifier" in way else o for o in (found, swapped)]
    assert logits[0].shape == (2,) and (way == "classifier") == np.allclose(logits[0], logits[1], atol=1e-6)


def test_a_spectral_norm_goes_around_the_projection_too() -> None:
    module = MLPDiscriminator((6,), spectral_norm=True, classes=3)
    variables, inputs = started(module, Z, Y, train=True), (jnp.asarray(Z), jnp.asarray(Y))
    loud = jax.tree.map(lambda a: 50 * a, variables["params"]["Projection_0"])
    found = [
        module.apply({**variables, "params": variables["params"] | {"Projection_0": p}}, *inputs, train=True,
                     mutable=["batch_stats"])[0]
        for p in (variables["params"]["Projection_0"], loud)
    ]  # fmt: skip
    np.testing.assert_allclose(found[0], found[1], rtol=1e-4, atol=1e-6)  # its scale is divided away


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: MLPGenerator(2, classes=3, condition="batch_norm"), "MLPGenerator has no condition 'batch_norm'; it"),
        (lambda: DCGANGenerator(8, 1, classes=3, condition="embeding"), r"did you mean 'embedding'\? it has concat"),
        (lambda: DCGANDiscriminator(classes=1), "needs at least 2 classes, or 0 for none, got classes=1"),
        (lambda: MLPDiscriminator(classes=2, condition="projection+projection"), "each method of conditioning once"),
        (lambda: started(MLPGenerator(2), Z, Y, train=True), "has no classes but got a condition y"),
        (lambda: started(MLPGenerator(2, classes=3), Z, train=True), "with 3 classes got no condition"),
        (lambda: started(MLPDiscriminator(classes=3), Z, Z[:, :2], train=True), r"takes integers y \[n\], got float32"),
    ],
)
def test_what_does_not_fit_is_said_in_a_line(build: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build()


class Plain(nn.Module):
    """The DCGAN pair as it is written without a thought of classes: a reference for `classes=0`."""

    generator: bool

    @nn.compact
    def __call__(self, x: Array, *, train: bool) -> Array:
        init = nn.initializers.normal(0.02)
        norm = partial(nn.BatchNorm, use_running_average=not train, momentum=0.9)
        if self.generator:
            x = nn.Dense(2 * 2 * 8, use_bias=False, kernel_init=init)(x)
            x = nn.relu(norm()(x.reshape(-1, 2, 2, 8)))
            x = nn.relu(norm()(ConvTranspose(4, (4, 4), (2, 2), use_bias=False, kernel_init=init)(x)))
            return nn.tanh(at_least_float32(ConvTranspose(1, (4, 4), (2, 2), kernel_init=init)(x)))
        conv = partial(nn.Conv, kernel_size=(4, 4), strides=(2, 2), kernel_init=init,
                       conv_general_dilated=conv_general_dilated)  # fmt: skip
        x = nn.leaky_relu(conv(4)(x), 0.2)
        x = nn.leaky_relu(norm()(conv(8, use_bias=False)(x)), 0.2).reshape(x.shape[0], -1)
        return at_least_float32(nn.Dense(1, kernel_init=init)(x).reshape(x.shape[0]))


@pytest.mark.parametrize(
    ("module", "plain", "x"),
    [(DCGANGenerator(8, 1, 4), Plain(True), Z), (DCGANDiscriminator(4), Plain(False), PIXELS)],
)
def test_without_classes_the_program_is_that_of_a_network_without_conditions(
    module: nn.Module, plain: nn.Module, x: np.ndarray
) -> None:
    """Equation for equation, outputs and gradients: no parameter and no operation is added."""
    variables = started(plain, x, train=True)

    def program(network: nn.Module) -> str:
        def loss(params: Any) -> tuple[Array, Any]:
            given = {**variables, "params": params}
            found = network.apply(given, jnp.asarray(x), train=True, mutable=["batch_stats"])
            return jnp.sum(found[0]), found

        return str(jax.make_jaxpr(jax.grad(loss, has_aux=True))(variables["params"]))

    names = jax.tree.structure(jax.eval_shape(lambda: module.init(KEY, jnp.asarray(x), train=True)))
    assert str(names) == str(jax.tree.structure(variables)) and program(module) == program(plain)


def test_shares_of_classes_are_what_lies_between_them() -> None:
    """Linear in the shares where the class enters linearly, and the class itself where one share is 1."""
    embedding = ClassEmbedding(3, 4)
    table = embedding.init(jax.random.key(0), jnp.array([0]))
    shares = jnp.array([[0.0, 1.0, 0.0], [0.25, 0.0, 0.75]])
    rows = table["params"]["embedding"]
    expected = jnp.stack([rows[1], 0.25 * rows[0] + 0.75 * rows[2]])
    np.testing.assert_allclose(jnp.asarray(embedding.apply(table, shares)), expected, rtol=1e-6)
    for condition in ("concatenation", "embedding", "product", "embedding+batch_norm"):
        network = DCGANGenerator(8, 1, width=4, classes=3, condition=condition)
        z = jax.random.normal(jax.random.key(1), (2, 5))
        variables = network.init(jax.random.key(2), z, jnp.array([1, 1]), train=False)
        y = jnp.array([1, 1])
        by_class, by_shares = (
            jnp.asarray(network.apply(variables, z, given, train=False)) for given in (y, jax.nn.one_hot(y, 3))
        )
        np.testing.assert_allclose(by_shares, by_class, rtol=1e-6, atol=1e-6)
