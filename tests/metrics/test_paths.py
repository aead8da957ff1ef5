"""Paths of known geometry, and the path length of a linear map in closed form."""

import numpy as np
import pytest

from jaxgan.metrics import path_report, perceptual_path_length


def test_a_straight_line_at_constant_speed_is_the_smoothest_path() -> None:
    line = np.linspace(0, 1, 11)[None, :, None] * np.array([3.0, 4.0])
    report = path_report(line)
    np.testing.assert_allclose(report.length, 5)
    np.testing.assert_allclose(report.detour, 1)
    np.testing.assert_allclose(report.unevenness, 0, atol=1e-12)
    np.testing.assert_allclose(report.largest, 1)


def test_half_a_circle_is_a_detour_of_half_pi() -> None:
    angle = np.linspace(0, np.pi, 1001)
    report = path_report(np.stack([np.cos(angle), np.sin(angle)], axis=1)[None])
    np.testing.assert_allclose(report.detour, np.pi / 2, rtol=1e-6)  # chords of 1/1000 of the arc: 1 - 4e-7 of it
    np.testing.assert_allclose(report.unevenness, 0, atol=1e-9)


def test_a_jump_has_all_of_the_length_in_one_step() -> None:
    jump = np.repeat([0.0, 2.0], [4, 5])[None, :, None]
    report = path_report(jump)
    assert report.largest[0] == 8 and report.length[0] == 2 and report.detour[0] == 1
    np.testing.assert_allclose(report.unevenness, np.sqrt(7))  # one of 8 steps: sqrt(1/8 - 1/64) / (1/8)


def test_what_does_not_move_or_comes_back_is_said() -> None:
    still, back = np.zeros((1, 3, 2)), np.array([[[0.0, 0], [1, 0], [0, 0]]])
    assert path_report(still).length[0] == 0 and np.isnan(path_report(still).detour[0])
    assert path_report(back).detour[0] == np.inf
    broken = path_report(np.full((1, 3, 1), np.nan))
    assert all(np.isnan(value).all() for value in broken)
    with pytest.raises(ValueError, match="n >= 3"):
        path_report(np.zeros((1, 2, 1)))


def test_the_path_length_of_a_linear_generator_is_the_square_of_its_slope() -> None:
    """|A (z + epsilon u) - A z|^2 / epsilon^2 = |A u|^2, wherever the path is."""
    rng = np.random.default_rng(0)
    a, z, u = rng.normal(size=(5, 3)), rng.normal(size=(20, 3)), rng.normal(size=(20, 3))
    found = perceptual_path_length(z @ a.T, (z + 1e-3 * u) @ a.T, 1e-3)
    np.testing.assert_allclose(found, ((u @ a.T) ** 2).sum(axis=1), rtol=1e-9)  # differences of float64 lose 3 digits
    with pytest.raises(ValueError, match="epsilon must be above 0"):
        perceptual_path_length(z, z, 0.0)
    with pytest.raises(ValueError, match="of both ends"):
        perceptual_path_length(z, z[:3], 1.0)
