"""Precision, recall, density, coverage and authenticity against brute force, hand-made cases and expectations."""

import tracemalloc

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from jaxgan.metrics.manifold import (
    DensityCoverage,
    PrecisionRecall,
    authenticity,
    density_coverage,
    prdc,
    precision_recall,
)

Points = NDArray[np.float64]


def by_whole_matrices(x: Points, r: Points, k: int, strict: bool) -> tuple[float, float, float, float]:
    def inside(points: Points, centres: Points) -> NDArray[np.bool_]:
        radii = np.sort(cdist(centres, centres), axis=1)[:, k]
        return cdist(points, centres) < radii if strict else cdist(points, centres) <= radii

    held = inside(x, r)
    return held.any(1).mean(), inside(r, x).any(1).mean(), held.sum(1).mean() / k, held.any(0).mean()


def kinds(rng: np.random.Generator) -> dict[str, Points]:
    x = rng.normal(size=(90, 5))
    return {
        "random": x,
        "correlated": x @ rng.normal(size=(5, 5)),
        "rank-deficient": x[:, :2] @ rng.normal(size=(2, 5)),
        "tiny": x[:7],
        "duplicated": np.repeat(x[:15], 6, axis=0),
        "constant": np.zeros((9, 5)),
    }


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("kind", kinds(np.random.default_rng(0)))
@pytest.mark.parametrize("k", [1, 3, 5])
def test_all_four_are_those_of_whole_matrices(kind: str, k: int, strict: bool) -> None:
    x, r = kinds(np.random.default_rng(0))[kind], kinds(np.random.default_rng(1))["random"]
    for a, b in ((x, r), (r, x), (x, np.concatenate([x, r[:20]]))):  # the last has copies
        found = (*precision_recall(a, b, k=k, strict=strict), *density_coverage(a, b, k=k, strict=strict))
        assert found == prdc(a, b, k=k, strict=strict)
        assert found == pytest.approx(by_whole_matrices(a, b, k, strict), rel=1e-12)  # counts: equal but for a division


@pytest.mark.parametrize("scale", [1e-25, 1.0, 1e25])
@pytest.mark.parametrize("kind", ["lattice", "many dimensions", "on the edge", "clusters", "one far away"])
def test_float32_decides_nothing(kind: str, scale: float) -> None:
    """Not where it cannot tell distances apart, nor where their squares leave its range."""
    rng = np.random.default_rng(0)
    edge = np.arange(40.0)[:, None]  # neighbours at 1, and others nearer and farther than that by 1e-7
    x, r = {
        "lattice": (rng.integers(0, 4, (150, 3)), rng.integers(0, 4, (120, 3))),  # ties
        "many dimensions": tuple(rng.normal(size=(2, 100, 500))),
        "on the edge": (edge - 1 + 1e-7 * rng.normal(size=(40, 1)), edge),
        "clusters": (rng.normal(size=(3, 9)).repeat(40, 0), rng.normal(size=(3, 9)).repeat(30, 0)),
        "one far away": (rng.normal(size=(90, 4)), np.append(rng.normal(size=(80, 4)), np.full((1, 4), 1e5), axis=0)),
    }[kind]
    x, r = scale * x.astype(float), scale * r.astype(float)
    for strict in (False, True):
        found = (*precision_recall(x, r, strict=strict), *density_coverage(x, r, k=3, strict=strict))
        # In units in which no square leaves float64's range either; powers of ten round alike in both sets.
        assert found == pytest.approx(by_whole_matrices(x / scale, r / scale, 3, strict), rel=1e-12)


def test_float32_features_stay_what_they_are() -> None:
    x, r = np.random.default_rng(0).normal(size=(2, 100, 6)).astype(np.float32)
    for call in (precision_recall, density_coverage, authenticity):
        assert call(x, r) == call(x.astype(np.float64), r.astype(np.float64))


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    x, r = np.random.default_rng(0).normal(size=(2, 70, 3))
    whole = precision_recall(x, r), density_coverage(x, r), authenticity(x, r)
    monkeypatch.setattr("jaxgan.metrics.balls._NUMBERS", 1000)  # 14 rows at a time, of which
    monkeypatch.setattr("jaxgan.metrics.balls._PART", 300)  # 4 together
    assert (precision_recall(x, r), density_coverage(x, r), authenticity(x, r)) == whole


@pytest.mark.parametrize("offset", [0.0, 1e4])
def test_identical_sets_far_sets_and_copies(offset: float) -> None:
    x = np.random.default_rng(0).normal(size=(50, 8)) + offset
    assert precision_recall(x, x) == PrecisionRecall(1.0, 1.0) == precision_recall(x, x, strict=True)
    assert precision_recall(x + 100, x) == PrecisionRecall(0.0, 0.0)
    # Every ball holds its centre and its k neighbours, of which the k-th lies on the edge.
    assert density_coverage(x, x, k=5).coverage == 1.0
    assert density_coverage(x, x, k=5).density == pytest.approx(6 / 5, rel=1e-12)
    assert density_coverage(x, x, k=5, strict=True).density == pytest.approx(1.0, rel=1e-12)
    copies = np.repeat(x[:1], 10, axis=0)
    assert precision_recall(copies, copies) == PrecisionRecall(1.0, 1.0)  # balls of radius 0 hold what equals them
    assert precision_recall(copies, copies, strict=True) == PrecisionRecall(0.0, 0.0)


def test_half_of_two_intervals_overlaps() -> None:
    """Even points on [0, 1) and [1/2, 3/2): half of each lies within the other's balls, which reach 3 steps further."""
    n = 1000
    x, r = np.arange(n)[:, None] / n + 0.5, np.arange(n)[:, None] / n
    found = precision_recall(x, r, k=1)
    # r's last ball is at 0.999 with radius 0.001: it holds x's 501st point on its edge.
    assert found == PrecisionRecall(0.501, 0.501)
    assert precision_recall(x, r, k=1, strict=True) == PrecisionRecall(0.5, 0.5)


def test_the_hand_case_of_density_and_coverage() -> None:
    r = np.array([[0.0], [1.0], [3.0], [7.0]])  # k = 1: balls of radius 1, 1, 2, 4
    x = np.array([[0.5], [2.5], [20.0]])  # in balls of 0 and 1; of 3; of none
    assert density_coverage(x, r, k=1) == DensityCoverage(1.0, 0.75)
    assert density_coverage([[3.0]], r, k=1) == DensityCoverage(2.0, 0.5)  # in the ball of 3, on the edge of that of 7
    assert density_coverage([[3.0]], r, k=1, strict=True) == DensityCoverage(1.0, 0.25)


def test_density_and_coverage_of_equal_distributions_have_the_known_means() -> None:
    """Equations 8 and 9 of Naeem et al.: 1, and 1 - (m-1)...(m-k) / ((n+m-1)...(n+m-k)); 300 draws."""
    rng, n, m, k = np.random.default_rng(0), 40, 30, 3
    found = np.array([density_coverage(rng.normal(size=(n, 2)), rng.normal(size=(m, 2)), k=k) for _ in range(300)])
    expected = 1.0, 1 - np.prod([(m - i) / (n + m - i) for i in range(1, k + 1)])
    assert (np.abs(found.mean(0) - expected) < 4 * found.std(0) / np.sqrt(300)).all()


def test_an_outlier_adds_recall_and_no_coverage() -> None:
    rng = np.random.default_rng(0)
    r, x = rng.normal(size=(200, 2)), 0.01 * rng.normal(size=(200, 2))
    out = np.concatenate([x, [[100.0, 0], [-100, 0], [0, 100], [0, -100]]])
    assert precision_recall(x, r).recall < 0.1 and precision_recall(out, r).recall == 1.0  # balls 100 wide
    assert density_coverage(out, r).coverage == density_coverage(x, r).coverage


def test_copies_are_not_authentic() -> None:
    rng = np.random.default_rng(0)
    train, fresh = rng.normal(size=(2, 300, 5))
    own = np.sort(cdist(train, train), axis=1)[:, 1]
    to_train = cdist(fresh, train)
    expected = np.mean(to_train.min(1) > own[to_train.argmin(1)])
    assert authenticity(fresh, train) == expected
    assert authenticity(train, train) == 0.0 == authenticity(np.repeat(train[:2], 5, axis=0), train)
    assert authenticity(train + 1e-3, train) == 0.0
    mixed = authenticity(np.concatenate([fresh[:150], train[:150]]), train)
    assert mixed == pytest.approx(np.mean(to_train[:150].min(1) > own[to_train[:150].argmin(1)]) / 2, rel=1e-12)


def test_bad_input_is_refused() -> None:
    x = np.zeros((5, 2))
    for call, message in [
        (lambda: precision_recall(x, x, k=0), "k must be a whole number of at least 1, got 0"),
        (lambda: precision_recall(x[:3], x), "more than k = 3 rows, so that each has k neighbours, got 3 and 5"),
        (lambda: density_coverage(x, x), "more than k = 5 rows"),
        (lambda: authenticity(x, x[:1]), "more than k = 1 rows"),
        (lambda: precision_recall(x, x[:, :1]), "same dimension"),
        (lambda: precision_recall(x + np.inf, x), "finite"),
    ]:
        with pytest.raises(ValueError, match=message):
            call()


def test_no_matrix_of_all_pairs_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    x, r = np.random.default_rng(0).normal(size=(2, 2000, 2))
    monkeypatch.setattr("jaxgan.metrics.balls._NUMBERS", 2**17)  # half a MiB; all pairs would take 15
    monkeypatch.setattr("jaxgan.metrics.balls._PART", 2**13)
    tracemalloc.start()
    precision_recall(x, r), density_coverage(x, r), authenticity(x, r)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3 * 2**20
