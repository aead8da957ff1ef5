"""The inception score and the Vendi score in closed form, and what they refuse."""

from itertools import pairwise

import numpy as np
import pytest
from scipy.stats import entropy

from jaxgan.metrics.scores import inception_score, vendi_score, vendi_score_of


def probabilities(n: int, k: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).dirichlet(np.full(k, 0.3), size=n)


@pytest.mark.parametrize("splits", [1, 4, 7])
def test_the_inception_score_is_the_exponential_of_the_mutual_information(splits: int) -> None:
    """H(mean p) - mean H(p), part by part, by SciPy's entropy."""
    p = probabilities(50, 6)
    edges = [i * 50 // splits for i in range(splits + 1)]
    parts = [p[a:b] for a, b in pairwise(edges)]
    scores = [np.exp(entropy(part.mean(0)) - entropy(part, axis=1).mean()) for part in parts]
    found = inception_score(p, splits=splits)
    assert found.mean == pytest.approx(np.mean(scores), rel=1e-12)  # float64 rounding
    assert found.std_over_splits == pytest.approx(np.std(scores), abs=1e-12)


def test_the_inception_score_lies_between_one_and_the_number_of_classes() -> None:
    for seed in range(20):
        assert 1 <= inception_score(probabilities(40, 5, seed)).mean <= 5
    assert inception_score(np.tile([[0.2, 0.3, 0.5]], (30, 1))).mean == pytest.approx(1, abs=1e-12)
    assert inception_score(np.tile(np.eye(7), (10, 1))).mean == pytest.approx(7, rel=1e-12)
    assert inception_score(np.repeat(np.eye(7), 10, axis=0), splits=7).mean == 1.0  # sorted by class: shuffle first


def test_the_inception_score_refuses_what_are_no_probabilities() -> None:
    for p, message in [
        (probabilities(20, 3) * 2, "sums from 2 to 2"),
        (np.tile([[1.5, -0.5]], (20, 1)), "smallest value of -0.5"),
        (np.full((20, 2), np.nan), "20 of 20 rows"),
        (np.ones(4), r"got shape \(4,\)"),
        (probabilities(5, 3), "from 1 to 5 splits for 5 samples, got 10"),
    ]:
        with pytest.raises(ValueError, match=message):
            inception_score(p)


@pytest.mark.parametrize(("k", "each", "d"), [(1, 30, 4), (5, 8, 5), (4, 1, 9), (12, 3, 40)])
@pytest.mark.parametrize("order", [0.0, 0.5, 1.0, 2.0, np.inf])
def test_k_orthogonal_kinds_score_k(k: int, each: int, d: int, order: float) -> None:
    q, _ = np.linalg.qr(np.random.default_rng(k).normal(size=(d, d)))
    lengths = np.random.default_rng(0).uniform(0.1, 10, size=(k * each, 1))
    x = lengths * np.repeat(q[:k], each, axis=0)
    assert vendi_score(x, order=order) == pytest.approx(k, rel=1e-9)  # eigenvalues to 1e-16, and logarithms of theirs


def test_uneven_kinds_score_the_exponential_of_their_entropy() -> None:
    x = np.repeat(np.eye(3), [70, 20, 10], axis=0)
    assert vendi_score(x) == pytest.approx(np.exp(entropy([0.7, 0.2, 0.1])), rel=1e-12)
    assert vendi_score(x, order=2) == pytest.approx(1 / (0.49 + 0.04 + 0.01), rel=1e-12)


@pytest.mark.parametrize("shape", [(60, 4), (10, 30), (20, 20)])
def test_the_small_matrix_has_the_score_of_the_large_one(shape: tuple[int, int]) -> None:
    x = np.random.default_rng(0).normal(size=shape)
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    found = vendi_score(x)
    assert found == pytest.approx(vendi_score_of(unit @ unit.T), rel=1e-9)
    assert found == pytest.approx(vendi_score_of(7 * unit @ unit.T), rel=1e-9)
    assert 1 <= found <= min(shape)


def test_the_vendi_score_refuses_what_has_no_direction() -> None:
    with pytest.raises(ValueError, match="1 of 3 rows of length 0"):
        vendi_score([[1.0, 0.0], [0.0, 0.0], [0.0, 1.0]])
    with pytest.raises(ValueError, match="symmetric"):
        vendi_score_of([[1.0, 0.5], [0.0, 1.0]])
    with pytest.raises(ValueError, match="order must be at least 0, got -1"):
        vendi_score(np.eye(3), order=-1)
