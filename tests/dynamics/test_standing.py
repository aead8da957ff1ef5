"""Standing statistics: means over batches by hand and torch's cumulative ones, and nothing else changed."""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxgan as jg
from jaxgan.nn import ClassEmbedding, DCGANGenerator, MLPDiscriminator, MLPGenerator, ModulatedBatchNorm
from jaxgan.random import named_key
from jaxgan.types import Array, Batch, Generator

KEY = jax.random.key(0)
EVEN = jg.class_prior([1, 1, 1])


class Normalized(nn.Module):
    """Spectral and batch normalization, as BigGAN has both: their states are in one collection."""

    @nn.compact
    def __call__(self, z: Array, y: Array, *, train: bool) -> Array:
        h = nn.SpectralNorm(nn.Dense(4))(z, update_stats=train)
        return nn.Dense(2)(ModulatedBatchNorm(not train)(h, ClassEmbedding(3, 5)(y)))


class Plain(nn.Module):
    """A layer, BatchNorm and a layer; the momentum is not the usual one."""

    @nn.compact
    def __call__(self, z: Array, *, train: bool) -> Array:
        h = nn.Dense(4, name="first")(z)
        return nn.Dense(2)(nn.BatchNorm(not train, momentum=0.7)(h))


def started(generator: nn.Module, classes: int = 0) -> tuple[Any, Generator]:
    """A game, and its generator with every number of its own moved."""
    game = jg.adversarial_game(generator, MLPDiscriminator((2,), classes=classes), jg.normal_prior(6), jg.hinge)
    shape = (2,) if not hasattr(generator, "size") else (generator.size, generator.size, 1)
    batch = Batch(jnp.zeros((4, *shape)), jnp.zeros(4, jnp.int32) if classes else None)
    params, state = jax.jit(game.init)(KEY, batch)
    rng = np.random.default_rng(0)
    moved = jax.tree.map(lambda a: jnp.asarray(a + rng.normal(scale=0.3, size=a.shape).astype(np.float32)),
                         (params.generator, state.generator))  # fmt: skip
    return game, Generator(*moved)


def first_layer(generator: Generator, z: Array) -> np.ndarray:
    layer = generator.params["first"]
    return np.asarray(z, np.float64) @ np.asarray(layer["kernel"]) + np.asarray(layer["bias"])


def test_they_are_the_means_over_batches_of_the_batches_statistics() -> None:
    game, generator = started(Plain())
    found = jg.standing_statistics(KEY, game, generator, batches=3, batch_size=50)
    means, variances = [], []
    for i in range(3):
        z = jg.normal_prior(6)(jax.random.fold_in(KEY, i), 50)
        h = first_layer(generator, z)
        means.append(h.mean(axis=0))
        variances.append(h.var(axis=0))
    own = found.model_state["batch_stats"]["BatchNorm_0"]
    np.testing.assert_allclose(own["mean"], np.mean(means, axis=0), rtol=1e-4, atol=1e-5)  # sums of 50 in 32 bits
    np.testing.assert_allclose(own["var"], np.mean(variances, axis=0), rtol=1e-4)
    assert found.params is generator.params


def test_they_are_torchs_cumulative_averages() -> None:
    torch: Any = pytest.importorskip("torch")
    game, generator = started(Plain())
    found = jg.standing_statistics(KEY, game, generator, batches=4, batch_size=20)
    norm = torch.nn.BatchNorm1d(4, momentum=None)
    for i in range(4):
        norm(torch.tensor(first_layer(generator, jg.normal_prior(6)(jax.random.fold_in(KEY, i), 20))).float())
    own = found.model_state["batch_stats"]["BatchNorm_0"]
    np.testing.assert_allclose(own["mean"], norm.running_mean.numpy(), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(own["var"], 19 / 20 * norm.running_var.numpy(), rtol=1e-4)  # torch's are unbiased


def test_with_one_batch_a_sample_by_them_is_the_pass_in_training() -> None:
    """Of a conditional network that normalizes by class, in which later layers see what earlier ones normalize."""
    game, generator = started(DCGANGenerator(8, 1, width=4, classes=3), classes=3)
    standing = jg.standing_statistics(KEY, game, generator, batches=1, batch_size=32, condition_prior=EVEN)
    k = jax.random.fold_in(KEY, 0)
    y = EVEN(named_key(k, "condition"), 32)
    expected, _ = game.generate(k, *generator, 32, y, train=True)
    close: dict[str, Any] = {"rtol": 0, "atol": 1e-4}  # variances in 32 bits, through two normalizations
    np.testing.assert_allclose(game.sample(k, *standing, 32, y), expected, **close)
    assert not np.allclose(game.sample(k, *generator, 32, y), expected, atol=1e-2)


def test_only_statistics_of_batch_norm_change_and_seeds_go_side_by_side() -> None:
    game, one = started(Normalized(), classes=3)
    two = jax.tree.map(lambda a: jnp.stack([a, 1.5 * a]), one)
    keys = jax.random.split(KEY)

    @jax.jit
    def standing(key: Any, generator: Generator) -> Generator:
        return jg.standing_statistics(key, game, generator, batches=2, batch_size=4, condition_prior=EVEN)

    found = jax.vmap(standing)(keys, two)
    paths = jax.tree_util.tree_leaves_with_path(two.model_state)
    for (path, before), after in zip(paths, jax.tree.leaves(found.model_state), strict=True):
        if path[-1].key in ("mean", "var"):
            assert not np.any(np.all(before == after, axis=-1)), path
        else:
            np.testing.assert_array_equal(before, after)  # the singular vector and value
    alone = standing(keys[1], jax.tree.map(lambda a: a[1], two))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a[1], b, rtol=1e-3, atol=1e-4), found, alone)


def test_statistics_of_truncated_latents_are_smaller() -> None:
    """The same parameters in a game whose prior is truncated: a linear layer passes the ratio of the variances on."""
    game, generator = started(Plain())
    narrow = jg.adversarial_game(Plain(), MLPDiscriminator((2,)), jg.truncated_prior(6, 0.5), jg.hinge)
    variances = [
        jg.standing_statistics(KEY, which, generator, batches=40).model_state["batch_stats"]["BatchNorm_0"]["var"]
        for which in (narrow, game)
    ]
    np.testing.assert_allclose(variances[0] / variances[1], 0.0807, rtol=0.15)  # of the truncated to the whole normal


@pytest.mark.parametrize(
    ("generator", "options", "message"),
    [
        (MLPGenerator(2), {}, "are of BatchNorm, expected a generator that has it, got one without"),
        (Plain(), {"batches": 0}, "batches must be a whole number of at least 1, got 0"),
        (Plain(), {"batch_size": 0}, "batch_size must be a whole number of at least 1, got 0"),
    ],
)
def test_what_has_none_is_refused(generator: nn.Module, options: dict[str, Any], message: str) -> None:
    game, own = started(generator)
    with pytest.raises(ValueError, match=message):
        jg.standing_statistics(KEY, game, own, **options)
    with pytest.raises(ValueError, match="need a game with `generate`"):
        jg.standing_statistics(KEY, game._replace(generate=None), own)
