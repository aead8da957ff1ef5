"""Packs, minibatch statistics and what the discriminators can be given: hooks, spectral norms and no BatchNorm."""

import functools
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.game import adversarial_game, normal_prior
from jaxgan.losses import hinge
from jaxgan.nn import (
    DCGANDiscriminator,
    MinibatchDiscrimination,
    MLPDiscriminator,
    MLPGenerator,
    Packed,
    minibatch_standard_deviation,
)
from jaxgan.recipes import ns_gan
from jaxgan.terms import feature_matching
from jaxgan.types import Array, Batch, BatchSizes

KEY = jax.random.key(0)
FEATURES = jax.random.normal(KEY, (8, 3))
POINTS = jax.random.normal(KEY, (6, 2))
IMAGES = jax.random.normal(KEY, (6, 16, 16, 1))
close = functools.partial(np.testing.assert_allclose, rtol=1e-5, atol=1e-6)  # roundings of short sums in 32 bits


class Echo(nn.Module):
    """All that a discriminator is called with."""

    @nn.compact
    def __call__(self, x: Array, y: Any = None, *, train: bool) -> Any:
        return x, y, train


def as_called(module: nn.Module, *inputs: Any, train: bool) -> Any:
    return module.apply({}, *jax.tree.map(jnp.asarray, inputs), train=train)


def started(module: nn.Module, x: Array) -> Any:
    return jax.jit(lambda x: module.init(KEY, x, train=True))(x)


@pytest.mark.parametrize("m", [1, 2, 3])
@pytest.mark.parametrize("shape", [(2,), (4, 5, 3)])
def test_packs_are_consecutive_examples_joined_along_their_channels(m: int, shape: tuple[int, ...]) -> None:
    x = np.arange(6.0 * np.prod(shape)).reshape(6, *shape)
    y = {"label": np.arange(6), "vector": np.arange(12).reshape(6, 2)}
    packs, packed_y, train = as_called(Packed(Echo(), m), x, y, train=True)
    np.testing.assert_array_equal(packs, [np.concatenate(x[i : i + m], axis=-1) for i in range(0, 6, m)])
    for name, own in y.items():
        np.testing.assert_array_equal(packed_y[name], [own[i : i + m] for i in range(0, 6, m)])
    assert train is True
    assert as_called(Packed(Echo(), m), x, train=False)[1:] == (None, False)


def test_packs_that_cannot_be_raise() -> None:
    with pytest.raises(ValueError, match="packs of 4 do not divide a batch of 6 examples"):
        Packed(Echo(), 4).apply({}, POINTS, train=True)
    for m in (0, -1):
        with pytest.raises(ValueError, match=f"at least 1 example, got m = {m}"):
            Packed(Echo(), m)


def test_a_packed_discriminator_plays_a_game() -> None:
    packed = Packed(MLPDiscriminator(hidden=(5,)), 2)
    game = adversarial_game(MLPGenerator(2), packed, normal_prior(4), hinge, g_terms=(feature_matching(),))
    params, state = game.init(KEY, Batch(POINTS))
    assert params.discriminator["discriminator"]["Dense_0"]["kernel"].shape == (4, 5)
    total, evaluation = game.generator(KEY, params, state, Batch(POINTS), 4, jnp.int32(0))
    assert (evaluation.real_logits.shape, evaluation.fake_logits.shape) == ((3,), (2,))
    assert total > evaluation.parts[0]  # the features of packs are found and do not match


def test_minibatch_discrimination_is_a_sum_over_the_others() -> None:
    layer = MinibatchDiscrimination(kernels=4, dim=2)
    found, variables = layer.init_with_output(KEY, FEATURES)
    found = jnp.asarray(found)
    m = np.asarray(FEATURES @ variables["params"]["Dense_0"]["kernel"]).reshape(8, 4, 2)
    nearness = np.zeros((8, 4))
    for i in range(8):
        for j in range(8):
            if i != j:
                nearness[i] += np.exp(-np.abs(m[i] - m[j]).sum(axis=1))
    close(found, np.concatenate([FEATURES, nearness], axis=1))
    same = jnp.asarray(layer.apply(variables, jnp.ones((8, 3))))
    np.testing.assert_array_equal(same[:, 3:], 7)
    assert np.all(found[:, 3:] < 7)


@pytest.mark.parametrize(
    ("n", "group", "size"), [(8, 4, 4), (8, 2, 2), (8, None, 8), (6, None, 6), (3, 4, 3), (8, 8, 8)]
)
@pytest.mark.parametrize("shape", [(3,), (2, 2, 3)])
def test_minibatch_standard_deviation_by_groups(n: int, group: int | None, size: int, shape: tuple[int, ...]) -> None:
    x = np.random.default_rng(0).normal(size=(n, *shape)).astype(np.float32)
    found = np.asarray(minibatch_standard_deviation(jnp.asarray(x), group))
    np.testing.assert_array_equal(found[..., :3], x)
    groups = n // size
    for i in range(n):
        own = x[i % groups :: groups]  # as in StyleGAN2: not neighbours, which a pack may hold
        assert len(own) == size
        close(found[i, ..., 3], np.full(shape[:-1], own.std(axis=0).mean()))  # 1e-8 in the root is below a rounding


def test_groups_that_do_not_divide_a_batch_are_refused_before_compiling() -> None:
    with pytest.raises(ValueError, match="in groups of 4 need batches of a multiple of 4, got 6 examples"):
        jax.eval_shape(minibatch_standard_deviation, POINTS)
    # real and fake batches would be groups of other sizes: 4 of 8, and all of 6
    judge = MLPDiscriminator((4,), minibatch=minibatch_standard_deviation)
    networks = MLPGenerator(2, (4,)), judge, normal_prior(2)
    algorithm = ns_gan(*networks, batch_size=BatchSizes(8, 6, 8))
    state = algorithm.init(KEY, lambda key, n: Batch(jnp.ones((8, 2))))
    with pytest.raises(ValueError, match="got 6 examples"):
        jax.eval_shape(lambda: algorithm.step(KEY, state, lambda key, n: Batch(jnp.ones((n, 2)))))


def test_the_default_is_groups_of_four() -> None:
    np.testing.assert_array_equal(minibatch_standard_deviation(FEATURES), minibatch_standard_deviation(FEATURES, 4))


def test_gradients_are_finite_where_all_examples_are_the_same() -> None:
    same = jnp.ones((8, 3))
    layer = MinibatchDiscrimination(kernels=4, dim=2)
    variables = layer.init(KEY, same)

    def spread(x: Array) -> Array:
        return jnp.sum(minibatch_standard_deviation(x)[:, 3:])

    def nearness(x: Array) -> Array:
        return jnp.sum(jnp.asarray(layer.apply(variables, x))[:, 3:])

    assert np.all(np.isnan(jax.grad(lambda x: jnp.sum(jnp.std(x, axis=0)))(same)))  # what this is about
    np.testing.assert_array_equal(jax.grad(spread)(same), 0)
    np.testing.assert_array_equal(jax.grad(nearness)(same), 0)
    assert np.all(jax.grad(spread)(FEATURES) != 0)
    assert np.all(jax.grad(nearness)(FEATURES) != 0)


def passes(network: nn.Module, x: Array, count: int) -> tuple[Any, Any]:
    """(params, model state) after some passes in training."""
    variables = started(network, x)
    params = variables.pop("params")

    def step(state: Any, _: None) -> tuple[Any, None]:
        return network.apply({"params": params, **state}, x, train=True, mutable=list(state))[1], None

    return params, jax.jit(lambda state: jax.lax.scan(step, state, length=count)[0])(variables)


NORMALIZED = [
    (MLPDiscriminator(hidden=(6, 5), spectral_norm=True), POINTS),
    (DCGANDiscriminator(4, spectral_norm=True, batch_norm=False), IMAGES),
    (DCGANDiscriminator(4, spectral_norm=True), IMAGES),
]


@pytest.mark.parametrize(("network", "x"), NORMALIZED)
def test_spectral_norms_are_the_largest_singular_values(network: nn.Module, x: Array) -> None:
    params, state = passes(network, x, 50)
    norms = {
        name.removesuffix("/kernel/sigma"): sigma
        for layer in state["batch_stats"].values()
        for name, sigma in layer.items()
        if name.endswith("sigma")
    }
    assert set(norms) == {name for name, layer in params.items() if "kernel" in layer} and len(norms) == 3
    for name, sigma in norms.items():
        kernel = np.asarray(params[name]["kernel"])
        singular = np.linalg.svd(kernel.reshape(-1, kernel.shape[-1]), compute_uv=False)
        # power iteration comes from below; the two values that it has not told apart yet are within 0.5 percent
        assert 0.995 < sigma / singular[0] < 1 + 1e-6


def test_a_normalized_perceptron_by_hand() -> None:
    network, x = NORMALIZED[0]
    params, state = passes(network, x, 50)
    rows = np.asarray(x)
    for name in ("Dense_0", "Dense_1", "Dense_2"):
        kernel = np.asarray(params[name]["kernel"])
        rows = np.maximum(rows, 0) if name != "Dense_0" else rows
        rows = rows @ (kernel / np.linalg.norm(kernel, 2))  # biases start at 0
    logits = network.apply({"params": params, **state}, x, train=False)
    np.testing.assert_allclose(jnp.asarray(logits), rows[:, 0], rtol=1e-3, atol=1e-4)  # that of power iteration


def test_evaluation_leaves_the_spectral_norms_alone() -> None:
    network, x = NORMALIZED[0]
    variables = started(network, x)

    def after(train: bool) -> list[Any]:
        return jax.tree.leaves(network.apply(variables, x, train=train, mutable=["batch_stats"])[1])

    before = jax.tree.leaves(variables["batch_stats"])
    jax.tree.map(np.testing.assert_array_equal, after(False), before)
    assert any(np.any(new != old) for new, old in zip(after(True), before, strict=True))


def test_every_seed_has_spectral_norms_of_its_own() -> None:
    game = adversarial_game(MLPGenerator(2), NORMALIZED[0][0], normal_prior(4), hinge)

    def one(key: Any) -> Any:
        params, state = game.init(key, Batch(POINTS))
        _, evaluation = game.discriminator(KEY, params, state, Batch(POINTS), 4, jnp.int32(0))
        return evaluation.model_state["batch_stats"]["SpectralNorm_1"]

    state = jax.jit(jax.vmap(one))(jax.random.split(KEY, 3))
    assert jax.tree.map(jnp.shape, state) == {"Dense_1/kernel/sigma": (3,), "Dense_1/kernel/u": (3, 1, 5)}
    for leaf in jax.tree.leaves(state):
        assert len(np.unique(leaf, axis=0)) == 3


@pytest.mark.parametrize("batch_norm", [True, False])
def test_without_batch_norm_a_logit_depends_on_no_other_example(batch_norm: bool) -> None:
    network = DCGANDiscriminator(4, batch_norm=batch_norm)
    variables = started(network, IMAGES)
    assert ("batch_stats" in variables) == batch_norm
    assert ("bias" in variables["params"]["Conv_1"]) != batch_norm
    loud = {**variables, "params": jax.tree.map(lambda a: 20 * a, variables["params"])}  # weights of deviation 0.4
    apply = jax.jit(lambda x: network.apply(loud, x, train=True, mutable=["batch_stats"])[0])
    alone, among = apply(IMAGES[:2])[0], apply(IMAGES)[0]
    assert (np.abs(alone - among) < 1e-4 * np.abs(among)) != batch_norm  # roundings of some hundred products


HOOKED = [
    (functools.partial(MLPDiscriminator, hidden=(6, 5)), POINTS, "Dense_2", 5),
    (functools.partial(DCGANDiscriminator, 4, batch_norm=False), IMAGES, "Dense_0", 4 * 4 * 8),
]


@pytest.mark.parametrize(("make", "x", "last", "width"), HOOKED)
def test_a_hook_is_applied_to_the_last_features(make: Any, x: Array, last: str, width: int) -> None:
    network = make(minibatch=functools.partial(minibatch_standard_deviation, group=3))
    variables = started(network, x)
    logits, sown = network.apply(variables, x, train=True, mutable=["intermediates"])
    (features,) = sown["intermediates"]["features"]
    assert features.shape == (6, width)
    kernel = np.asarray(variables["params"][last]["kernel"])
    assert kernel.shape == (width + 1, 1)
    joined = np.asarray(minibatch_standard_deviation(features, 3))
    assert np.all(joined[:, -1] > 0)
    close(logits, (joined @ kernel)[:, 0])  # biases start at 0


@pytest.mark.parametrize(("make", "x", "last", "width"), HOOKED)
def test_a_hook_may_be_a_layer_that_learns(make: Any, x: Array, last: str, width: int) -> None:
    network = make(minibatch=MinibatchDiscrimination(kernels=3, dim=2))
    variables = started(network, x)
    assert variables["params"][last]["kernel"].shape == (width + 3, 1)
    assert variables["params"]["minibatch"]["Dense_0"]["kernel"].shape == (width, 6)
    one, other = (network.apply(variables, x[:n], train=True)[0] for n in (2, 6))
    assert np.abs(one - other) > 1e-4 * np.abs(one)  # an example sees the others


@pytest.mark.parametrize(("make", "x", "last", "width"), HOOKED)
def test_sown_features_cost_nothing_where_nobody_asks(make: Any, x: Array, last: str, width: int) -> None:
    network = make()
    variables = started(network, x)
    assert set(variables) == {"params"}
    _, state = network.apply(variables, x, train=True, mutable=["batch_stats"])
    assert state == {}
    silent = jax.make_jaxpr(lambda x: network.apply(variables, x, train=True))(x)
    asked = jax.make_jaxpr(lambda x: network.apply(variables, x, train=True, mutable=["intermediates"]))(x)
    assert (len(silent.out_avals), len(asked.out_avals)) == (1, 2)
