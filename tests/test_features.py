"""The classifier behind the image metrics, and the failure rule on pictures whose fate is known."""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.data.digits import digits
from jaxgan.data.files import from_path
from jaxgan.data.source import Examples, Source
from jaxgan.data.tfds import from_tfds, prepared
from jaxgan.diagnostics.outcomes import Outcome, classify
from jaxgan.features import classifier_features, doubt, in_batches, principal_features
from jaxgan.metrics.classes import class_reference, class_report
from jaxgan.metrics.frechet import frechet_distance, moments


class Labelled(NamedTuple):
    """The two parts of a source that has both, with labels."""

    train: Examples
    train_y: np.ndarray
    heldout: Examples
    heldout_y: np.ndarray


def labelled(source: Source) -> Labelled:
    train, heldout = source.train, source.heldout
    assert train and heldout and train.y is not None and heldout.y is not None
    return Labelled(train, train.y, heldout, heldout.y)


def test_the_failure_rule_knows_noise_one_repeated_digit_and_real_samples():
    train, train_y, heldout, heldout_y = labelled(digits())
    features = classifier_features(train, heldout, 10)
    train_features, _ = in_batches(features.apply, train.x)
    real_features, _ = in_batches(features.apply, heldout.x)
    reference = class_reference(train_features, train_y, real_features, heldout_y, 10)
    real = moments(real_features)
    floor = frechet_distance(moments(train_features), real)

    rng = np.random.default_rng(0)
    shape = (2000, 8, 8, 1)
    pixels = [[train.x[rng.integers(len(train.x), size=2000), i, j] for j in range(8)] for i in range(8)]
    samples = {
        "uniform noise": rng.uniform(-1, 1, shape),
        "noise with the digits' pixel histograms": np.moveaxis(np.array(pixels), 2, 0),
        "one repeated digit": np.repeat(heldout.x[:1], 2000, axis=0),
        "blank": np.full(shape, -1.0),
        "real": train.x[rng.integers(len(train.x), size=2000)],
    }
    outcomes, bare = {}, {}
    for name, x in samples.items():
        found, predicted = in_batches(features.apply, x.astype(np.float32))
        assert predicted is not None
        report = class_report(found, predicted, reference)
        bare[name] = np.sum(report.histogram >= 0.005)
        (code,) = classify(
            [np.ones((1, 20))], np.ones((1, 20)), [True],
            captured=([report.captured], 10), distance=([frechet_distance(moments(found), real)], floor),
            high_quality=([report.near_share], 0.99),  # the radius of a class holds 99 % of its held-out images
        )  # fmt: skip
        outcomes[name] = Outcome(code)
    assert bare["noise with the digits' pixel histograms"] > 5  # a bare histogram would pass it
    assert outcomes.pop("real") == Outcome.HEALTHY
    assert outcomes.pop("one repeated digit") == Outcome.COLLAPSED
    assert set(outcomes.values()) == {Outcome.NOT_LEARNED}  # what is not near the digits is no collapse


def test_copies_in_the_data_leave_every_class_within_reach(tmp_path):
    once = labelled(digits())
    apply = classifier_features(once.train, once.heldout, 10).apply  # of the test above, from the cache
    x, y = (np.concatenate(both) for both in ((once.train.x, once.heldout.x), (once.train_y, once.heldout_y)))
    np.savez(tmp_path / "five.npz", x=np.tile(x, (5, 1, 1, 1)), y=np.tile(y, 5))
    # Two pictures that are to be learned by heart: both count once both are reproduced.
    zero_and_one = np.array([np.argmax(y == 0), np.argmax(y == 1)])
    np.savez(tmp_path / "two.npz", x=np.tile(x[zero_and_one], (50, 1, 1, 1)), y=np.tile(np.arange(2), 50))
    noise = 0.05 * np.random.default_rng(0).normal(size=x.shape).astype(
        np.float32
    )  # near the data, as good samples are
    for name, samples, k in (("five", x + noise, 10), ("two", x[zero_and_one] + noise[:2], 2)):
        source = labelled(from_path(tmp_path / f"{name}.npz"))
        (found, _), (held, _) = in_batches(apply, source.train.x), in_batches(apply, source.heldout.x)
        reference = class_reference(found, source.train_y, held, source.heldout_y, k)
        features, predicted = in_batches(apply, samples)
        assert predicted is not None
        report = class_report(features, predicted, reference)
        assert report.captured == k and report.near_share > 0.9, name


def test_a_classifier_is_kept_and_read_again(monkeypatch, tmp_path):
    monkeypatch.setenv("JAXGAN_CACHE_DIR", str(tmp_path))
    source = labelled(digits())
    lines: list[str] = []
    first, again = (
        classifier_features(source.train, source.heldout, 10, steps=5, report=lines.append) for _ in range(2)
    )
    assert len(lines) == 1  # trained once
    x = jnp.asarray(source.heldout.x[:5])
    np.testing.assert_array_equal(first.apply(x)[0], again.apply(x)[0])
    largest = max((path for path in tmp_path.rglob("d/*")), key=lambda path: path.stat().st_size)
    largest.write_bytes(b"damaged" + largest.read_bytes()[7:])
    classifier_features(source.train, source.heldout, 10, steps=5, report=lines.append)
    assert len(lines) == 2  # a damaged one is trained again, not a traceback


def test_a_classifier_no_better_than_the_majority_is_told_of():
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (400, 8, 8, 1), dtype=np.uint8)
    y = np.repeat(np.array([0, 1], np.int32), [300, 100])  # as when train/ and val/ are taken for classes
    lines: list[str] = []
    noise = classifier_features(
        Examples(x[::2], y[::2]), Examples(x[1::2], y[1::2]), 2, steps=20, cached=False, report=lines.append
    )
    assert noise.accuracy is not None and noise.accuracy < 0.9
    assert len(noise.notes) == 1 and noise.notes[0] in lines
    assert "75.0% are of one class: it does not tell the classes apart" in noise.notes[0]


@pytest.mark.parametrize(
    ("right", "n", "clear"), [(747, 1000, False), (800, 1000, True), (8, 10, False), (2, 2, False)]
)
def test_a_classifier_is_doubted_by_a_binomial_test(right, n, clear):
    # With 3 of 4 in one class: 747 of 1,000 is below 75 %, 800 is 3.7 standard errors above, 8 of 10 may be chance.
    labels = np.arange(n) % 4 == 0
    predicted = np.concatenate([labels[:right], ~labels[right:]])
    assert (doubt(predicted, labels) is None) == clear


def test_a_classifier_needs_labels():
    images = Examples(np.zeros((4, 8, 8, 1), np.float32))
    with pytest.raises(ValueError, match="labelled"):
        classifier_features(images, images, 2)


def test_principal_features_are_those_of_the_singular_value_decomposition():
    x = np.random.default_rng(0).normal(size=(50, 4, 4, 1)).astype(np.float32) * np.arange(1, 5).reshape(1, 4, 1, 1)
    features, predicted = in_batches(principal_features(Examples(x)).apply, x)
    centred = x.reshape(50, -1) - x.reshape(50, -1).mean(axis=0)
    left, values, _ = np.linalg.svd(centred, full_matrices=False)
    assert predicted is None
    # Components are defined up to their sign; float32 pictures, hence 1e-4 of the largest component.
    np.testing.assert_allclose(np.abs(features), np.abs(left * values), atol=1e-4 * values[0])


@pytest.mark.slow
def test_the_classifier_on_four_splits_of_the_digits():
    accuracy = []
    for seed in range(4):
        source = labelled(digits(split_seed=seed))
        accuracy.append(classifier_features(source.train, source.heldout, 10, seed=seed).accuracy or 0.0)
    assert np.mean(accuracy) >= 0.985, accuracy


@pytest.mark.slow
@pytest.mark.skipif("mnist" not in prepared(), reason="MNIST is not prepared where TFDS looks (TFDS_DATA_DIR)")
def test_the_classifier_on_mnist():
    source = labelled(from_tfds("mnist"))
    assert len(source.train.x) == 60_000 and len(source.heldout.x) == 10_000
    accuracy = classifier_features(source.train, source.heldout, 10).accuracy
    assert accuracy is not None and accuracy >= 0.985
