"""The classifier two-sample test holds its level, and finds what it is for."""

from typing import Literal

import jax
import numpy as np
import pytest
from scipy.stats import norm

from jaxgan.metrics.two_sample import classifier_two_sample_test

KEY = jax.random.key(0)
Classifier = Literal["logistic", "neighbour"]


@pytest.mark.parametrize("classifier", ["logistic", "neighbour"])
def test_equal_distributions_score_a_half_and_are_seldom_told_apart(classifier: Classifier) -> None:
    """100 tests: the mean accuracy is 1/2 up to 4 standard errors, and a level of 0.1 is not exceeded, 4 sigma."""
    rng = np.random.default_rng(0)
    sets = rng.normal(size=(100, 2, 60, 3))
    found = [classifier_two_sample_test(KEY, x, y, classifier=classifier) for x, y in sets]
    assert found[0].heldout == 60
    assert np.mean([f.accuracy for f in found]) == pytest.approx(0.5, abs=4 * np.sqrt(0.25 / 60 / 100))
    assert np.mean([f.p_value < 0.1 for f in found]) < 0.1 + 4 * np.sqrt(0.09 / 100)


def test_the_accuracy_of_two_gaussians_is_the_best_classifiers() -> None:
    """A shift by s in units of the standard deviation: Phi(s / 2), of which logistic regression is the form."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 4000, 2))
    found = classifier_two_sample_test(KEY, x + np.eye(2)[0], y)
    assert found.accuracy == pytest.approx(norm.cdf(0.5), abs=4 * np.sqrt(0.25 / 4000))
    assert found.accuracy == pytest.approx((found.found_features + found.found_reference) / 2, rel=1e-12)
    assert found.p_value < 1e-9


def test_only_the_neighbour_sees_a_difference_without_a_shift() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 1000, 2))
    assert classifier_two_sample_test(KEY, 0.2 * x, y).p_value > 1e-3
    assert classifier_two_sample_test(KEY, 0.2 * x, y, classifier="neighbour").p_value < 1e-9


def test_copies_are_taken_for_their_originals() -> None:
    x = np.random.default_rng(0).normal(size=(400, 5))
    copied = classifier_two_sample_test(KEY, x, x, classifier="neighbour")
    # Half of the held-out rows have their twin among the training rows, of the other kind.
    assert copied.accuracy < 0.35 and copied.p_value > 0.999


def test_numbers_need_not_be_equal_and_constants_do_not_count() -> None:
    rng = np.random.default_rng(0)
    x, y = np.ones((30, 3)), rng.normal(size=(500, 3))
    y[:, 0] = 1.0
    found = classifier_two_sample_test(KEY, x, y, classifier="neighbour", heldout=0.2)
    assert found.heldout == 12
    assert found.accuracy > 0.9
    assert classifier_two_sample_test(KEY, x, x).accuracy == 0.5  # all rows alike


def test_bad_input_is_refused() -> None:
    x = np.zeros((8, 2))
    with pytest.raises(ValueError, match="classifier must be"):
        classifier_two_sample_test(KEY, x, x, classifier="forest")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="rows for training and testing out of 8 in each set, got 0"):
        classifier_two_sample_test(KEY, x, x, heldout=0)
    with pytest.raises(ValueError, match="n >= 4"):
        classifier_two_sample_test(KEY, x[:3], x)
