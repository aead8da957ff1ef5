"""Uniform points on convex polygons: against areas, closed forms and the polygons' own points."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.data.polygons import polygons, uniform_polygons
from jaxgan.data.source import Polygons
from jaxgan.evaluation.select import evaluator_for
from jaxgan.metrics.polygons import (
    inside,
    polygon_log_density,
    polygon_report,
    polygon_support,
    polygon_transport,
)

KEY = jax.random.key(0)
SQUARE = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
TRIANGLE = np.array([[4.0, 0.0], [6.0, 0.0], [4.0, 3.0]])


def corners_of(source) -> np.ndarray:
    assert isinstance(source.polygons, Polygons)
    return source.polygons.corners


PAIR = uniform_polygons("pair", [SQUARE, TRIANGLE])


def test_points_are_uniform_and_polygons_equally_probable() -> None:
    n = 40_000
    x = np.asarray(PAIR.sample(KEY, n).x, np.float64)
    held = inside(x, corners_of(PAIR))
    assert (held.sum(axis=1) == 1).all()
    np.testing.assert_allclose(held.mean(axis=0), 0.5, atol=5 * 0.5 / np.sqrt(n))
    # Within each, a smaller copy about its centre has its share of the area.
    for i, centre in enumerate(PAIR.polygons.centres):  # type: ignore[union-attr]
        part = x[held[:, i]]
        assert np.mean(inside(part, (corners_of(PAIR)[i] / 2 + centre / 2)[None])) == pytest.approx(0.25, abs=0.02)
        np.testing.assert_allclose(part.mean(axis=0), centre, atol=0.03)
        # And each of its fan's triangles has its share: half of a square.
    assert np.mean(x[held[:, 0]] @ [1, -1] > 0) == pytest.approx(0.5, abs=0.02)


def test_the_density_integrates_to_one() -> None:
    line = (np.arange(700) + 0.5) / 100
    places = np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2)
    density = np.exp(polygon_log_density(places, corners_of(PAIR)))
    assert density.sum() / 100**2 == pytest.approx(1.0, abs=0.01)  # of squares of 0.01 along the edges
    assert polygon_log_density([[0.5, 0.5], [4.5, 0.5], [3.0, 0.0]], corners_of(PAIR)).tolist() == [
        np.log(1 / 2), np.log(1 / 2 / 3), -np.inf
    ]  # fmt: skip


def test_precision_is_exact_and_recall_calibrated() -> None:
    x = np.asarray(PAIR.sample(KEY, 1000).x)
    own = polygon_support(jax.random.key(1), x, corners_of(PAIR))
    assert own.precision == 1.0
    assert own.recall == pytest.approx(0.95, abs=0.02)  # the mean, over two draws of 1,000
    moved = polygon_support(KEY, x + np.array([0.25, 0.0]), corners_of(PAIR))
    # A shift of the square by 1/4 leaves 3/4; of the triangle, 2 wide, the share (1 - 1/8)^2.
    exact = np.mean([0.75, (1 - 1 / 8) ** 2])
    assert moved.precision == pytest.approx(exact, abs=4 * 0.5 / np.sqrt(1000))
    half = polygon_support(KEY, x[inside(x, corners_of(PAIR))[:, 0]], corners_of(PAIR))
    assert half.precision == 1.0 and half.recall == pytest.approx(0.5, abs=0.02)


def test_transport_is_between_draws() -> None:
    x = np.asarray(PAIR.sample(KEY, 300).x, np.float64)
    found = polygon_transport(jax.random.key(1), x, corners_of(PAIR))
    assert found.n == 300 and found.distance == pytest.approx(found.faithful, rel=0.6)  # shares of the two differ
    far = polygon_transport(jax.random.key(1), x + np.array([100.0, 0.0]), corners_of(PAIR))
    assert far.distance == pytest.approx(100, abs=1.0)
    assert far.faithful == found.faithful


def test_the_report_is_of_the_polygons_and_jits_over_seeds() -> None:
    source = polygons(5, corners=4)
    corners = jnp.asarray(corners_of(source), jnp.float32)
    x = jax.vmap(lambda key: source.sample(key, 4000).x)(jax.random.split(KEY, 2))
    found = jax.jit(jax.vmap(polygon_report, in_axes=(0, None)))(x, corners)
    assert found.high_quality.tolist() == [1, 1] and found.captured.tolist() == [5, 5]
    np.testing.assert_allclose(found.shares, 0.2, atol=5 * 0.4 / np.sqrt(4000))
    np.testing.assert_allclose(found.spread, 1, atol=0.03)
    np.testing.assert_allclose(np.asarray(inside(np.asarray(x[0]), corners_of(source))).mean(axis=0), found.shares[0])
    halved = jnp.where(x[0, :, :1] > 0.5, x[0], jnp.nan)
    bad = polygon_report(halved, corners)
    assert 0 < bad.captured < 5 and bad.high_quality < 0.5  # what is not finite lies in none
    two = jnp.stack([jnp.asarray(source.polygons.centres[0])] * 3)  # type: ignore[union-attr]
    assert float(polygon_report(two, corners).spread) == pytest.approx(0.0, abs=1e-5)


def test_the_evaluator_of_a_run_counts_polygons() -> None:
    evaluator = evaluator_for(polygons(), samples=200)
    known = {metric.name: metric for metric in evaluator.metrics}
    assert known["captured"].label == "Polygons captured of 8"
    assert known["high_quality"].yardsticks == {"perfect sampler": 1.0}
    assert known["spread"].yardsticks["perfect sampler"] == pytest.approx(1, abs=0.02)
    assert evaluator.real["modes"].shape == (8, 2)


def test_bad_polygons_are_refused() -> None:
    bent = np.array([[0.0, 0.0], [2.0, 0.0], [0.5, 0.5], [0.0, 2.0]])
    for made, message in [
        ([SQUARE[::-1]], "polygon 0 is not convex with corners in counter-clockwise order"),
        ([bent], "not convex"),
        ([SQUARE[:2]], r"3 or more finite corners .* got shape \[2, 2\]"),
        ([SQUARE, SQUARE + 0.5], "polygons 0 and 1 overlap"),
        ([], "at least one polygon"),
        ([np.zeros((3, 2))], "not convex"),
    ]:
        with pytest.raises(ValueError, match=message):
            uniform_polygons("bad", made)
    assert uniform_polygons("touching", [SQUARE, SQUARE + np.array([1.0, 0.0])]).size is None
    with pytest.raises(ValueError, match="overlap"):
        polygons(size=0.6)
    with pytest.raises(ValueError, match="3 or more corners"):
        polygons(corners=2)
    cases: list[tuple[Any, Any, str]] = [
        (np.zeros((3, 3)), [SQUARE], r"samples \[n, 2\]"),
        (np.zeros((3, 2)), SQUARE, r"corners \[k, v, 2\]"),
        (np.full((3, 2), np.nan), [SQUARE], "finite"),
        (np.zeros((3, 2)), [SQUARE[::-1]], "counter-clockwise"),
    ]
    for x, corners, message in cases:
        with pytest.raises(ValueError, match=message):
            polygon_support(KEY, x, corners)
