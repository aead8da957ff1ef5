"""Evaluators: sums taken inside a program give what whole arrays give on the host."""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from scipy import ndimage

import jaxgan as jg
from jaxgan.data.in_memory import make_source
from jaxgan.data.source import DataError, Examples
from jaxgan.evaluation.images import image_evaluator
from jaxgan.evaluation.points import points_evaluator
from jaxgan.evaluation.sharp import sharpness_of
from jaxgan.features import classifier_features, in_batches
from jaxgan.metrics import high_frequency_share, laplacian_variance
from jaxgan.metrics.classes import class_reference, class_report
from jaxgan.metrics.frechet import frechet_distance, moments
from jaxgan.types import Game, Generator


def replaying(x: np.ndarray) -> Game:
    """A game whose generator returns `params + x` in turn, whatever the latents: its samples are known."""
    images = jnp.asarray(x)

    def sample(key, params, model_state, n, y=None):
        del model_state, key
        return params + images[jnp.arange(n) % len(images)]

    return Game(init=None, generator=None, discriminator=None, sample=sample)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def digits() -> jg.data.Source:
    return jg.data.digits()


@pytest.fixture(scope="module")
def evaluator(digits) -> jg.Evaluator:
    return jg.evaluator_for(digits, samples=240)


def test_the_accuracy_of_a_classifier_that_is_doubted_is_said_once(digits, monkeypatch):
    untrained = partial(classifier_features, steps=1, cached=False)
    monkeypatch.setattr("jaxgan.evaluation.images.classifier_features", untrained)
    lines: list[str] = []
    image_evaluator(digits, digits.train, digits.heldout, 100, 0, lines.append)
    said = [line for line in lines if "is correct on" in line]
    assert len(said) == 1 and "does not tell the classes apart" in said[0]


def test_metrics_of_images_equal_those_of_the_whole_arrays(digits, evaluator):
    x = digits.heldout.x[:240]
    game, generators = replaying(x), Generator(jnp.array([0.0, 0.1]).reshape(2, 1, 1, 1, 1), {})
    found = jg.evaluate(evaluator, game, generators, jg.seed_keys(jax.random.key(0), 2))
    features = evaluator.reference.features
    train, _ = in_batches(features, digits.train.x)
    heldout, _ = in_batches(features, digits.heldout.x)
    reference = class_reference(train, digits.train.y, heldout, digits.heldout.y, 10)
    for i, shift in enumerate((0.0, 0.1)):
        own, classes = in_batches(features, x + np.float32(shift))
        assert classes is not None
        # Sums in float32 around the centre, against means in float64: the distance is a difference of traces of some
        # 100, of which float32 keeps 6 digits.
        expected = frechet_distance(moments(own), moments(heldout))
        np.testing.assert_allclose(found["frechet"][i], expected, rtol=1e-3, atol=1e-3)
        report = class_report(own, classes, reference)
        assert found["captured"][i] == report.captured
        np.testing.assert_allclose(found["class_histogram"][i], report.histogram)
        np.testing.assert_allclose(found["kl"][i], report.kl)
    assert found["captured"][0] == 10


def test_sharpness_is_the_mean_over_samples_in_that_of_held_out_images(digits, evaluator):
    """Beside the plain functions in float64: the same images, blurred ones, noise, and none that varies."""
    x = np.asarray(digits.heldout.x[:240], np.float32)
    noise = np.random.default_rng(0).normal(size=x.shape).astype(np.float32)
    blurred = ndimage.gaussian_filter(x, (0, 1.0, 1.0, 0))
    half = np.concatenate([x[:120], np.zeros_like(x[120:])])  # constant images have no sharpness and do not count
    means: dict[str, Callable[..., np.ndarray]] = {
        "high_frequency": partial(high_frequency_share, window=True),
        "laplacian": laplacian_variance,
    }
    bounds, seed = evaluator.notes["sharpness"], jg.seed_keys(jax.random.key(0), 1)
    for samples, of in ((x, x), (blurred, blurred), (noise, noise), (half, x[:120])):
        found = jg.evaluate(evaluator, replaying(samples), Generator(jnp.zeros((1, 1, 1, 1, 1)), {}), seed)
        for name, one in means.items():
            expected = one(of).mean() / one(np.asarray(digits.heldout.x)).mean()
            np.testing.assert_allclose(found[name], [expected], rtol=1e-4)  # float32 against float64
            assert (found[name][0] < bounds[name][0]) == (samples is blurred)
            assert (found[name][0] > bounds[name][1]) == (samples is noise)
    constant = jg.evaluate(evaluator, replaying(np.zeros_like(x)), Generator(jnp.zeros((1, 1, 1, 1, 1)), {}), seed)
    assert constant["high_frequency"].tolist() == [0.0] and constant["laplacian"].tolist() == [0.0]
    for metric in evaluator.metrics[-2:]:
        low, high = bounds[metric.name]
        assert low < metric.yardsticks["real against real"] < high and low < 1 < high


def test_the_sums_of_sharpness_leave_out_what_is_not_used_and_take_any_shape():
    x = np.random.default_rng(0).normal(size=(6, 7, 10, 3)).astype(np.float32)
    used = np.array([True, False, True, True, False, True])
    x[1] = np.nan
    found = sharpness_of(jnp.asarray(x), jnp.asarray(used))
    assert float(found.images) == 4
    np.testing.assert_allclose(found.high_frequency, high_frequency_share(x[used], window=True).sum(), rtol=1e-5)
    np.testing.assert_allclose(found.laplacian, laplacian_variance(x[used]).sum(), rtol=1e-5)


def test_a_sample_that_is_not_finite_leaves_no_metric_and_is_said(digits, evaluator):
    x = np.array(digits.heldout.x[:240])
    x[100, 3, 3] = np.nan
    found = jg.evaluate(
        evaluator, replaying(x), Generator(jnp.zeros((1, 1, 1, 1, 1)), {}), jax.random.split(jax.random.key(0), 1)
    )
    assert found["finite"].tolist() == [False]
    assert np.isnan(found["high_frequency"][0]) and np.isnan(found["laplacian"][0])
    assert np.isnan(found["frechet"][0]) and np.isnan(found["class_histogram"][0]).all()


def test_the_last_piece_counts_no_sample_twice(digits):
    """251 samples take two pieces, of which the second is nearly empty."""
    evaluator = image_evaluator(digits, digits.train, digits.heldout, 251, 0, print)
    x = digits.heldout.x[:251]
    found = evaluator.measure(
        jax.random.key(0), evaluator.reference, replaying(x), Generator(jnp.zeros(()), {}), 251, None
    )
    assert int(found.used) == 251
    assert int(found.histogram.sum()) == 251


def test_a_probe_along_training_has_the_axes_of_runs_and_probes():
    ring, networks = jg.data.ring(), (jg.nn.MLPGenerator(2, (16,)), jg.nn.MLPDiscriminator((16,)))
    game = jg.adversarial_game(*networks, jg.normal_prior(2), jg.non_saturating)
    algorithm = jg.alternating(game, optax.adam(1e-3), optax.adam(1e-3), batch_size=16)
    evaluator, keys = jg.evaluator_for(ring, samples=200), jg.seed_keys(jax.random.key(0), 3)
    probe = jg.evaluation_probe(evaluator, game, 50)
    result = jg.run_seeds(algorithm, ring.sample, keys, 4, probe=probe, probe_every=2)
    values = evaluator.finish(jax.device_get(result.probes))
    assert values["high_quality"].shape == (3, 2)
    assert values["fake"].shape == (3, 2, 50, 2)


def cloud(key: int, n: int, scale: float = 1.0) -> np.ndarray:
    return scale * np.random.default_rng(key).normal(size=(n, 2)).astype(np.float32)


def test_the_sliced_distance_of_points_is_that_of_normal_distributions():
    """Between N(0, I) and N(0, s^2 I) W2 is |s - 1| along every direction."""
    train, heldout = Examples(cloud(0, 20_000)), Examples(cloud(1, 20_000))
    source = make_source("cloud", train, heldout)
    evaluator = points_evaluator(source, train, heldout, 20_000)
    generators = Generator(jnp.zeros((2, 1, 1)), {})
    for scale, expected in ((1.0, 0.0), (1.5, 0.5)):
        found = jg.evaluate(
            evaluator, replaying(cloud(2, 20_000, scale)), generators, jax.random.split(jax.random.key(0), 2)
        )
        # The quantiles of 20,000 draws are off by about 1 / sqrt(20,000) in the middle, more in the tails; those
        # beyond 1 in 512 are left out, which makes 0.5 a little less.
        np.testing.assert_allclose(found["sliced"], expected, atol=0.03)
        np.testing.assert_allclose(found["frechet"], 2 * (scale - 1) ** 2, atol=0.02)


def test_points_without_any_held_out_are_refused():
    train = Examples(cloud(0, 10))
    with pytest.raises(DataError, match="has 0 held-out points"):
        jg.evaluator_for(make_source("cloud", train), samples=10)


def test_keys_and_generators_have_to_match(evaluator, digits):
    with pytest.raises(ValueError, match="expected one key per generator, got 1 for 2"):
        jg.evaluate(
            evaluator,
            replaying(digits.heldout.x),
            Generator(jnp.zeros((2, 1, 1, 1, 1)), {}),
            jax.random.split(jax.random.key(0), 1),
        )


def test_a_measurement_depends_on_its_key_alone():
    ring = jg.data.ring()
    evaluator = jg.evaluator_for(ring, samples=100)
    game = jg.adversarial_game(
        jg.nn.MLPGenerator(2, (8,)), jg.nn.MLPDiscriminator((8,)), jg.normal_prior(2), jg.minimax
    )
    batch = jg.Batch(jnp.zeros((4, 2)))
    params, state = jax.vmap(lambda key: game.init(key, batch))(jax.random.split(jax.random.key(0), 3))
    generators, keys = Generator(params.generator, state.generator), jg.seed_keys(jax.random.key(5), 3)
    whole = jg.evaluate(evaluator, game, generators, keys)
    alone = jg.evaluate(evaluator, game, jax.tree.map(lambda a: a[1:2], generators), keys[1:2])
    np.testing.assert_array_equal(whole["spread"][1:2], alone["spread"])


def test_common_latents_leave_the_generators_alone_to_differ() -> None:
    """Two runs of one generator: with latents of their own two numbers, with common ones the same, at any step."""
    ring = jg.data.ring()
    game = jg.adversarial_game(
        jg.nn.MLPGenerator(2, hidden=(4,)), jg.nn.MLPDiscriminator(hidden=(4,)), jg.normal_prior(2), jg.non_saturating
    )
    algorithm = jg.alternating(game, optax.sgd(0.0), optax.sgd(0.0), batch_size=8)
    evaluator = jg.evaluator_for(ring, samples=64)
    keys = jnp.stack([jax.random.key(0)] * 2)  # the same parameters, which a rate of 0 leaves alone
    state = jax.vmap(lambda key: algorithm.init(key, ring.sample))(keys)
    own, common = (jg.evaluation_probe(evaluator, game, latents=latents) for latents in (None, jax.random.key(7)))

    def measured(probe, keys):
        return evaluator.finish(jax.device_get(jax.vmap(probe)(keys, state)))

    others = jax.random.split(jax.random.key(1), 2)
    name = evaluator.metrics[1].name
    found = measured(common, others)
    assert found[name][0] == found[name][1]
    np.testing.assert_array_equal(found["fake"][0], found["fake"][1])
    np.testing.assert_array_equal(measured(common, others[::-1])["fake"], found["fake"])
    apart = measured(own, others)["fake"]
    assert not np.array_equal(apart[0], apart[1])


@pytest.mark.parametrize("n", [200, 400])  # fewer and more samples than features
def test_features_of_ones_own_are_measured_along_training_as_on_the_host(digits: jg.data.Source, n: int) -> None:
    """300 features, so that the distance is taken inside the program; in float32, hence the tolerance."""
    weights = jnp.asarray(np.random.default_rng(0).normal(size=(64, 300)) / 8, jnp.float32)
    apply = jax.tree_util.Partial(lambda w, x: (jnp.tanh(x.reshape(len(x), -1) @ w), None), weights)
    evaluator = jg.evaluator_for(digits, samples=n, features=jg.Features("random", apply))
    assert evaluator.metrics[0].label == "Random-feature Fréchet distance"
    x = np.random.default_rng(1).uniform(-1, 1, (n, 8, 8, 1)).astype(np.float32)
    x[: n // 2] = 2 * np.asarray(digits.train.x[: n // 2], np.float32) / 255 - 1  # type: ignore[union-attr]
    generators = Generator(jnp.zeros((1, 1, 1, 1, 1)), ())
    found = jg.evaluate(evaluator, replaying(x), generators, jax.random.split(jax.random.key(0), 1))
    real, _ = in_batches(apply, digits.heldout.x)  # type: ignore[union-attr]
    seen = x if n <= 250 else x[np.r_[:250, : n - 250]]  # a piece of 250 begins with the first
    expected = frechet_distance(moments(in_batches(apply, seen)[0]), moments(real))
    assert found["frechet"] == pytest.approx(expected, rel=1e-4)
    broken = jg.evaluate(evaluator, replaying(x * np.nan), generators, jax.random.split(jax.random.key(0), 1))
    assert np.isnan(broken["frechet"]).all() and not broken["finite"].any()
