"""StyleGAN2's recipe as a composition, and the schedules that R3GAN was published with."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxgan import losses, recipes, terms
from jaxgan.dynamics import alternating, averaged
from jaxgan.game import adversarial_game, normal_prior
from jaxgan.nn import MLPDiscriminator, MLPGenerator, StyleGAN2Discriminator, StyleGAN2Generator
from jaxgan.recipes import schedules
from jaxgan.recipes.common import adam
from jaxgan.runs import advance, run, run_seeds, seed_keys
from jaxgan.study.settings import resolve
from jaxgan.types import Algorithm, Array, Batch, Key

KEY = jax.random.key(0)
PRIOR = normal_prior(1)


def draw(key: Key, n: int) -> Batch:
    return Batch(0.5 + jax.random.normal(key, (n, 1)))


def networks() -> tuple[MLPGenerator, MLPDiscriminator]:
    return MLPGenerator(1, (4,)), MLPDiscriminator((8,))


def same_bits(first: Algorithm, second: Algorithm, steps: int) -> None:
    states = [jax.jit(functools.partial(run, one, draw, num_steps=steps))(KEY).state for one in (first, second)]
    jax.tree.map(np.testing.assert_array_equal, *states)


def test_stylegan2_is_lazy_penalties_under_a_corrected_adam_and_an_average() -> None:
    d_terms, g_terms = (terms.every(16, terms.r1(10.0)),), (terms.every(4, terms.path_length(2.0, 0.99, shrink=2)),)
    game = adversarial_game(*networks(), PRIOR, losses.non_saturating, d_terms=d_terms, g_terms=g_terms)
    # c = k / (k + 1): 4 / 5 for G and 16 / 17 for D
    g_tx, d_tx = optax.adam(2e-3 * 4 / 5, 0.0, 0.99 ** (4 / 5)), optax.adam(2e-3 * 16 / 17, 0.0, 0.99 ** (16 / 17))
    composed = averaged(alternating(game, g_tx, d_tx, batch_size=32), 0.5 ** (32 / 10_000))
    same_bits(recipes.stylegan2(*networks(), PRIOR), composed, 18)


def test_stylegan2_moves_its_players_at_the_published_rates() -> None:
    """Adam's first update is its rate in every parameter with a gradient, b1 being 0, whatever the gradient's size.

    In `training_loop.py` of stylegan2 and of stylegan2-ada-pytorch, mb_ratio = reg_interval / (reg_interval + 1).
    """
    algorithm = recipes.stylegan2(*networks(), PRIOR, lr_g=5e-3, lr_d=17e-3, path_weight=0.0, gamma=0.0)
    before = algorithm.init(KEY, draw)
    after, _ = jax.jit(functools.partial(advance, algorithm, draw))(KEY, before)
    for player, rate in (("generator", 4e-3), ("discriminator", 16e-3)):
        own = (jax.tree.leaves(getattr(state.params, player)) for state in (before, after))
        moved = np.concatenate([np.abs(b - a).ravel() for a, b in zip(*own, strict=True)])
        moved = moved[moved > 0]  # behind a ReLU that is off there is no gradient
        assert len(moved) >= 4
        # eps = 1e-8 is a ten-thousandth of gradients of 1e-4, the smallest that count here
        np.testing.assert_allclose(np.median(moved), rate, rtol=1e-3)
        assert moved.max() <= rate * (1 + 1e-3)


def test_without_path_lengths_the_generators_adam_is_as_it_is() -> None:
    options: dict[str, Any] = {"path_every": 0, "r1_every": 1, "ema": 0.9, "batch_size": 8}
    game = adversarial_game(
        *networks(), PRIOR, losses.non_saturating, d_terms=(terms.every(1, terms.r1(3.0)),)
    )  # at every step nothing is lazy
    composed = averaged(alternating(game, *(optax.adam(1e-3, 0.0, 0.99),) * 2, batch_size=8), 0.9)
    recipe = recipes.stylegan2(*networks(), PRIOR, lr_g=1e-3, lr_d=1e-3, gamma=3.0, **options)
    same_bits(recipe, composed, 3)
    scheduled = recipes.stylegan2(*networks(), PRIOR, lr_g=lambda count: jnp.float32(1e-3), **options)
    start = jax.eval_shape(lambda key: scheduled.init(key, draw), KEY)
    assert len(jax.tree.leaves(start.opt_state.generator)) > len(jax.tree.leaves(start.opt_state.discriminator))


def test_bad_settings_are_refused() -> None:
    for options, message in (
        ({"path_every": -1}, r"path_every .* at least 0, got -1"),
        ({"path_shrink": 0}, r"path_shrink .* at least 1, got 0"),
        ({"path_decay": 1.5}, r"path_decay .* at most 1, got 1.5"),
        ({"path_weight": -2.0}, r"path_weight .* at least 0, got -2.0"),
        ({"r1_every": 0}, r"r1_every .* at least 1, got 0"),
        ({"half_life": -1.0}, r"half_life .* at least 0, got -1.0"),
        ({"lr_g": -1.0}, r"lr_g .* at least 0, got -1.0"),
        ({"lr_d": "fast"}, r"lr_d .* at least 0, got 'fast'"),
        ({"gamma": -1.0}, r"gamma .* at least 0, got -1.0"),
        ({"gamma": "automatic"}, r"gamma must be a number, a schedule or 'auto', got 'automatic'"),
        ({"gamma": "auto"}, r"gamma='auto' needs a generator with a field `size`, got MLPGenerator"),
        ({"ema": 1.0}, r"ema .* below 1, got 1.0"),
        ({"b2": 1.0}, r"b2 .* below 1, got 1.0"),
    ):
        with pytest.raises(ValueError, match=f"^{message}"):
            recipes.stylegan2(*networks(), PRIOR, **options)
    with pytest.raises(ValueError, match=r"data must be one of cifar10, .*, got 'mnist'"):
        recipes.r3gan_schedules("mnist")


@pytest.mark.slow
def test_stylegan2_trains_its_own_networks_over_seeds() -> None:
    pair = StyleGAN2Generator(16, 1, width=2, mapping_layers=2), StyleGAN2Discriminator(width=2)
    images = jax.random.uniform(KEY, (4, 16, 16, 1), minval=-1, maxval=1)
    algorithm = recipes.stylegan2(*pair, normal_prior(4), gamma=recipes.r1_gamma(16, 4), batch_size=4)
    result = run_seeds(algorithm, lambda key, n: Batch(images[:n]), seed_keys(KEY, 2), num_steps=6)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves((result.state.params, result.info)))
    (average,) = result.state.model_state.generator["terms"]
    assert average.shape == (2,) and np.all(average > 0)  # of path lengths


def test_published_schedules_are_half_a_cosine_of_images() -> None:
    found = recipes.r3gan_schedules("cifar10")
    # train.py and training_loop.py of brownvc/R3GAN: 20 million images in batches of 512
    for images in (0.0, 5e6, 2e7, 3e7):
        step = round(images / 512)
        left = 0.5 * (1 + np.cos(np.pi * min(1.0, step * 512 / 2e7)))
        assert float(found["lr_g"](step)) == pytest.approx(5e-5 + left * 1.5e-4, rel=1e-4)
        assert float(found["gamma"](step)) == pytest.approx(0.005 + left * 0.045, rel=1e-4)
        assert float(found["b2"](step)) == pytest.approx(0.99 - left * 0.09, rel=1e-4)
        half_life = max(5e6 * (1 - left), 1e-8)
        assert float(found["ema"](step)) == pytest.approx(0.5 ** (512 / half_life), abs=1e-6)
    assert found["batch_size"] == 512
    shorter = recipes.r3gan_schedules("ffhq256", 16, shorter=1000)
    assert float(shorter["gamma"](0)) == 150 and float(shorter["gamma"](20_000 // 16)) == pytest.approx(15)


def test_a_second_decay_that_is_a_schedule_is_adams_at_each_update() -> None:
    def b2(count: Array) -> Array:
        return 0.9 + 0.02 * count

    tx, params = adam(0.1, 0.0, b2), jnp.array([1.0, -2.0])
    state, second, expected = tx.init(params), np.zeros(2), np.array([1.0, -2.0])
    for t in range(4):
        gradient = np.array([0.3, -0.1]) * (t + 1)
        updates, state = tx.update(jnp.asarray(gradient), state, params)
        params = optax.apply_updates(params, updates)
        decay = 0.9 + 0.02 * t
        second = decay * second + (1 - decay) * gradient**2
        expected = expected - 0.1 * gradient / (np.sqrt(second / (1 - decay ** (t + 1))) + 1e-8)
        np.testing.assert_allclose(params, expected, rtol=1e-5)  # as torch's, whose correction has the present decay


def test_r3gan_trains_with_its_schedules_and_by_default_is_what_it_was() -> None:
    terms_of = (terms.r1(1.0), terms.r2(1.0))
    game = adversarial_game(*networks(), PRIOR, losses.relativistic, d_terms=terms_of)
    tx = optax.adam(2e-4, 0.0, 0.99)
    composed = averaged(alternating(game, tx, tx, batch_size=64), 0.999)
    same_bits(recipes.r3gan(*networks(), PRIOR), composed, 3)
    settings = recipes.r3gan_schedules("cifar10", 8, shorter=100_000)  # 25 steps
    algorithm = recipes.r3gan(*networks(), PRIOR, **settings)
    result = run_seeds(algorithm, draw, seed_keys(KEY, 2), num_steps=30)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(result.info))
    hyperparams = result.state.opt_state.generator.hyperparams
    np.testing.assert_allclose(hyperparams["b2"], 0.99, rtol=1e-6)
    np.testing.assert_allclose(hyperparams["learning_rate"], 5e-5, rtol=1e-5)


def test_the_heuristic_for_gamma_can_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """0.0064 at 32 pixels in batches of 32, where the default of the paper's 1024 pixels is 10."""
    seen: list[Any] = []

    def r1(gamma: Any) -> Any:
        seen.append(gamma)
        return lambda view: view.real_logits

    monkeypatch.setattr(terms, "r1", r1)
    assert resolve("stylegan2", "stylegan2", recipes.stylegan2, ("gamma=auto",))["gamma"] == "auto"
    recipes.stylegan2(StyleGAN2Generator(32, 3), StyleGAN2Discriminator(), PRIOR, gamma="auto", batch_size=32)
    assert seen == [pytest.approx(0.0064)] == [recipes.r1_gamma(32, 32)]


def test_published_schedules_can_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = resolve("r3gan", "r3gan", recipes.r3gan, ("schedules=cifar10", "shorter=1000", "batch_size=50"))
    found: dict[str, Any] = {}

    def r1(gamma: Any) -> Any:
        found["gamma"] = gamma
        return lambda view: view.real_logits

    def composed(*parts: Any, **options: Any) -> Algorithm:
        found.update(options)
        return recipes.gan(*parts, **options)

    monkeypatch.setattr(terms, "r1", r1)
    monkeypatch.setattr(schedules, "gan", composed)
    recipes.r3gan(*networks(), PRIOR, **settings)
    expected = recipes.r3gan_schedules("cifar10", 50, shorter=1000)
    for name in ("lr_g", "lr_d", "b2", "gamma", "ema"):
        for step in (0, 100, 400, 1000):
            assert float(found[name](step)) == float(expected[name](step)), name
    with pytest.raises(ValueError, match=r"^schedules='cifar10' replaces gamma, expected one of them, got gamma=0.3"):
        recipes.r3gan(*networks(), PRIOR, gamma=0.3, schedules="cifar10")
    with pytest.raises(ValueError, match=r"data must be one of cifar10, .*, got 'cifar'"):
        recipes.r3gan(*networks(), PRIOR, schedules="cifar")
