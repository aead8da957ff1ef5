"""Captured classes of labelled data: hand-made examples, and samples that are known to be good or bad."""

import numpy as np
import pytest

from jaxgan.metrics.classes import class_reference, class_report


def clusters(n: int, seed: int, k: int = 10, d: int = 16) -> tuple[np.ndarray, np.ndarray]:
    """n examples of k classes: Gaussians around 4 times the first k unit vectors."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(k, size=n)
    return 4 * np.eye(k, d)[labels] + 0.3 * rng.standard_normal((n, d)), labels


REFERENCE = class_reference(*clusters(4_000, 0), *clusters(4_000, 1), k=10)
MEMBERS = np.stack([members[0] for members in REFERENCE.examples])  # one example of each class


def test_class_reference_of_a_hand_made_example():
    train, heldout = [[0.0, 0.0], [2.0, 0.0], [9.0, 9.0]], [[0.0, 3.0], [3.0, 0.0], [9.0, 5.0]]
    reference = class_reference(train, [0, 0, 1], heldout, [0, 0, 1], k=2, percentile=50)
    assert [len(members) for members in reference.examples] == [2, 1]
    assert reference.radius.tolist() == [2, 4]  # the median of 3 (to the origin) and 1 (to (2, 0)), and 4
    np.testing.assert_allclose(reference.histogram, [2 / 3, 1 / 3])


def test_a_radius_is_a_distance_between_two_examples():
    line, labels = [[0.0], [1.0], [9.0], [10.0]], [0, 0, 1, 1]
    reference = class_reference(line, labels, line, labels, k=2)
    assert (reference.radius.tolist(), reference.copies.tolist()) == ([1, 1], [2, 2])
    # One example of class 1 only, twice: half the way to the nearest other class.
    reference = class_reference([[0.0], [1.0], [9.0], [9.0]], labels, [[0.5], [9.0]], [0, 1], k=2)
    assert (reference.radius.tolist(), reference.copies.tolist()) == ([0.5, 4.0], [0, 1])
    assert class_report([[0.2], [9.0]], [0, 1], reference).captured == 2
    assert class_reference([[3.0]], [0], [[3.0]], [0], k=1).radius.tolist() == [np.inf]


def test_a_copy_that_was_rounded_in_another_batch_is_a_copy():
    features, labels = clusters(400, 5)
    rounded = features * (1 + 3e-7 * np.random.default_rng(0).choice([-1, 1], size=features.shape))
    alone = class_reference(features, labels, features, labels, k=10)
    again = class_reference(features, labels, rounded, labels, k=10)
    assert again.copies.tolist() == alone.copies.tolist() == np.bincount(labels).tolist()
    # Brute force: the percentile of the distances to the nearest other example of the class.
    for c in range(10):
        members = features[labels == c]
        distance = np.linalg.norm(members[:, None] - members[None], axis=2) + np.diag(np.full(len(members), np.inf))
        np.testing.assert_allclose(alone.radius[c], np.percentile(distance.min(axis=1), 99), rtol=1e-6)
        np.testing.assert_allclose(again.radius[c], alone.radius[c], rtol=1e-4)  # the copies' own rounding


def test_real_samples_reach_every_class():
    report = class_report(*clusters(4_000, 2), REFERENCE)
    assert report.captured == 10
    # 99 % by construction; the error of a percentile from 400 and a share from 4,000 examples is below 0.2 %.
    assert report.near_share == pytest.approx(0.99, abs=0.006)
    assert report.near.sum() == pytest.approx(report.near_share)
    # Two samples of 4,000: 2 KL n / 2 is chi-square with 9 degrees of freedom, above 34 once in 10,000.
    assert 0 < report.kl < 34 / 4_000


def test_noise_fills_the_histogram_and_captures_nothing():
    noise = 3 * np.random.default_rng(3).standard_normal((4_000, 16))
    predicted = np.argmin(np.linalg.norm(noise[:, None] - MEMBERS[None], axis=2), axis=1)
    report = class_report(noise, predicted, REFERENCE)
    assert np.sum(report.histogram >= 0.005) == 10  # what the predicted classes alone would say
    assert (report.captured, report.near_share) == (0, 0)


def test_one_repeated_picture_captures_one_class():
    features = np.tile(MEMBERS[3], (100, 1))
    report = class_report(features, np.full(100, 3), REFERENCE)
    assert (report.captured, report.near_share) == (1, 1)
    assert report.kl == pytest.approx(np.log(1 / REFERENCE.histogram[3]))


def test_a_class_is_captured_from_a_quarter_of_its_share_on():
    share = REFERENCE.histogram[1]  # near 0.1
    enough = int(np.ceil(250 * share))
    for count, captured in ((0, 1), (1, 1), (enough - 1, 1), (enough, 2)):
        predicted = np.repeat([0, 1], [1_000 - count, count])
        report = class_report(MEMBERS[predicted], predicted, REFERENCE)
        assert (report.captured, report.classes_hit) == (captured, 1 + (count > 0))
    assert class_report(MEMBERS[predicted], predicted, REFERENCE, captured_share=0.3).captured == 1


def test_a_rare_class_needs_few_samples():
    features, labels = np.repeat([0.0, 9.0], [990, 10])[:, None], np.repeat([0, 1], [990, 10])
    jitter = np.linspace(0, 1, 1_000)[:, None]
    reference = class_reference(features + jitter, labels, features + jitter + 0.01, labels, k=2)
    for count, captured in ((0, 1), (2, 1), (3, 2)):  # a quarter of 10 is 2.5
        predicted = np.repeat([0, 1], [1_000 - count, count])
        samples = (features + jitter)[-predicted]  # the first example, and the last
        assert class_report(samples, predicted, reference).captured == captured


def test_features_that_are_not_finite_are_near_nothing():
    features = np.stack([MEMBERS[0]] * 4)
    features[1:, 2] = [np.nan, np.inf, 1e200]
    report = class_report(features, [0, 0, 0, 0], REFERENCE)
    assert (report.near_share, report.near[0]) == (0.25, 0.25)
    assert np.isfinite(report.kl)


def test_class_metrics_reject_what_they_cannot_judge():
    features, labels = clusters(200, 4)
    few = labels != 7
    with pytest.raises(ValueError, match=r"held-out examples of all 10 classes, got none of \[7\]"):
        class_reference(features, labels, features[few], labels[few], k=10)
    with pytest.raises(ValueError, match=r"training examples of all 10 classes, got none of \[7\]"):
        class_reference(features[few], labels[few], features, labels, k=10)
    with pytest.raises(ValueError, match=r"0 \.\. 9, got int64 from 10 to 10"):
        class_report(features[:1], np.array([10], dtype=np.int64), REFERENCE)
    with pytest.raises(ValueError, match=r"got shapes \(200, 16\) and \(3,\)"):
        class_report(features, [0, 0, 0], REFERENCE)
    with pytest.raises(ValueError, match=r"\[n, 16\] like the reference, got shape \(200, 4\)"):
        class_report(features[:, :4], labels, REFERENCE)
