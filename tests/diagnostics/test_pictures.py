"""Blur and means of modes: found where they were made, and nowhere else more often than the level allows."""

import jax
import numpy as np
import pytest
from scipy import ndimage
from sklearn.datasets import load_digits
from threadpoolctl import threadpool_limits

from jaxgan.diagnostics import Between, Blur, between_modes, blur
from jaxgan.diagnostics.pictures import _placed

KEY = jax.random.key(0)


def pictures(rng: np.random.Generator, n: int, size: int = 16) -> np.ndarray:
    """Noise with as much detail as photographs have: power falls as the square of the frequency, contrast varies."""
    radius = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)[None])
    radius[0, 0] = np.inf
    spectrum = np.fft.rfft2(rng.normal(size=(n, size, size))) / radius
    return (rng.lognormal(size=(n, 1, 1)) * np.fft.irfft2(spectrum, s=(size, size)))[..., None]


def smoothed(images: np.ndarray, sigma: float) -> np.ndarray:
    return ndimage.gaussian_filter(images, (0, sigma, sigma, 0), mode="wrap")


def test_blur_is_found_and_noise_is_not_blur() -> None:
    rng = np.random.default_rng(0)
    real, other, samples = (pictures(rng, 100) for _ in range(3))
    assert not blur(KEY, samples, real, other).blurrier
    soft = blur(KEY, smoothed(samples, 0.6), real, other)
    assert soft.blurrier
    assert soft.high_frequency.high < 0.6 and soft.laplacian.high < 0.6
    assert soft.real_high_frequency.low < 1 < soft.real_high_frequency.high
    noisy = blur(KEY, samples + samples.std() * rng.normal(size=samples.shape), real, other)
    assert not noisy.blurrier
    assert noisy.high_frequency.low > 1 and noisy.laplacian.low > 1
    assert not blur(KEY, rng.normal(size=samples.shape), real, other).blurrier


def test_the_ratio_of_blurred_noise_is_that_of_its_expected_power() -> None:
    """Of x = K n, the weighted mean taken off and multiplied by the window, F A K n: power is a sum of squares."""
    rng, size, sigma = np.random.default_rng(1), 16, 0.7
    real, other, samples = (rng.normal(size=(400, size, size, 1)) for _ in range(3))
    hann = np.sin(np.pi * (np.arange(size) + 0.5) / size) ** 2
    window = np.outer(hann, hann).ravel()
    fourier = np.kron(np.fft.fft(np.eye(size)), np.fft.fft(np.eye(size)))
    seen = fourier @ np.diag(window) @ (np.eye(size**2) - window[None] / window.sum())
    units = np.eye(size**2).reshape(-1, size, size, 1)
    blurring = smoothed(units, sigma).reshape(size**2, size**2).T
    high = np.hypot(*np.meshgrid(np.fft.fftfreq(size), np.fft.fftfreq(size))).ravel() > 0.25

    def share(matrix: np.ndarray) -> float:
        power = np.sum(np.abs(matrix) ** 2, axis=1)
        return power[high].sum() / power.sum()

    expected = share(seen @ blurring) / share(seen)
    found = blur(KEY, smoothed(samples, sigma), real, other)
    assert found.high_frequency.estimate == pytest.approx(expected, rel=0.05)  # a mean of shares, not a share of means
    assert found.high_frequency.low < found.high_frequency.estimate < found.high_frequency.high


def test_data_are_not_blurrier_than_data() -> None:
    """Of 200 draws at most the 2.5 % that lie below a 95 % interval by chance."""
    rng = np.random.default_rng(2)
    accused = 0
    for i in range(200):
        sets = np.split(pictures(rng, 60, size=8), 3)
        accused += blur(jax.random.fold_in(KEY, i), *sets, resamples=199).blurrier
    assert accused <= 5


def test_contrast_brightness_and_sets_of_other_sizes_do_not_count() -> None:
    rng = np.random.default_rng(3)
    real, other, samples = pictures(rng, 40), pictures(rng, 20), pictures(rng, 30)
    found, faint = blur(KEY, samples, real, other), blur(KEY, 0.01 * samples + 7, real, other)
    for name in ("high_frequency", "laplacian", "real_laplacian"):
        np.testing.assert_allclose(getattr(found, name), getattr(faint, name), rtol=1e-6)
    assert blur(KEY, samples, real, other) == found != blur(jax.random.key(1), samples, real, other)


def test_what_cannot_be_said_is_nan_and_accuses_nobody() -> None:
    rng = np.random.default_rng(4)
    real, other = pictures(rng, 20), pictures(rng, 20)
    grey, one = np.full((9, 16, 16, 1), 0.3), smoothed(pictures(rng, 1), 3.0)
    for samples, left_out in ((grey, 9), (np.full_like(grey, np.nan), 9), (one, 0), (np.concatenate([grey, one]), 9)):
        found: Blur = blur(KEY, samples, real, other)
        assert np.isnan([found.high_frequency.low, found.laplacian.high]).all() and not found.blurrier
        assert found.left_out == left_out
    assert np.isnan(blur(KEY, grey, real, other).high_frequency.estimate)
    assert np.isfinite(blur(KEY, one, real, other).high_frequency.estimate)
    for others in ((grey, other), (real, grey)):
        assert not blur(KEY, smoothed(real, 3.0), *others).blurrier
    some = blur(KEY, np.concatenate([grey, smoothed(real, 1.0)]), real, other)
    assert some.blurrier and some.left_out == 9
    with pytest.raises(ValueError, match=r"^expected images of one shape, got \(16, 16, 1\), \(16, 8, 1\), \(16"):
        blur(KEY, real, real[:, :, :8], other)


def ring(rng: np.random.Generator, n: int) -> np.ndarray:
    angle = 2 * np.pi * rng.integers(8, size=n) / 8
    return 2 * np.stack([np.cos(angle), np.sin(angle)], axis=1) + 0.02 * rng.normal(size=(n, 2))


def test_points_between_modes_are_told_from_points_beyond_them() -> None:
    rng = np.random.default_rng(5)
    real, other, samples = (ring(rng, 400) for _ in range(3))
    found: Between = between_modes(samples, real, other)
    assert not found.between and found.real_gaps.estimate <= 0.01 >= found.real_averages.estimate
    means = (samples[:200] + samples[200:]) / 2  # of two points, which one time in eight are of one mode
    mixed = between_modes(means, real, other)
    assert mixed.between and mixed.gaps.low < 7 / 8 < mixed.gaps.high
    beyond = between_modes(1.5 * samples, real, other)
    assert not beyond.between and beyond.far.estimate == 1 and beyond.gaps.estimate == 0


def test_means_of_digits_are_between_them_and_noise_is_not() -> None:
    rng = np.random.default_rng(6)
    images = rng.permutation(load_digits().images)[..., None] / 16
    real, other, rest = images[:900], images[900:1350], images[1350:]
    assert not between_modes(rest, real, other).between
    for count in (2, 10):
        means = np.mean([rng.permutation(rest)[:200] for _ in range(count)], axis=0)
        found = between_modes(means, real, other)
        assert found.between and found.averages.low > 0.1
    assert not between_modes(real[:400], real, other).between  # copies are no means
    noise = between_modes(rest + 2 * rng.normal(size=rest.shape), real, other)
    assert not noise.between and noise.far.estimate == 1


def test_what_an_example_has_of_its_own_is_known_for_noise() -> None:
    """In many dimensions sqrt((k + 1) / 2 k) of a real example and 1 / sqrt(k) of the mean of all."""
    rng, k = np.random.default_rng(9), 10
    real, other = rng.normal(size=(2, k, 20_000))
    np.testing.assert_allclose(_placed(other, real, k).own, np.sqrt((k + 1) / (2 * k)), rtol=0.02)
    np.testing.assert_allclose(_placed(np.zeros((1, 20_000)), real, k).own, 1 / np.sqrt(k), rtol=0.02)


def test_data_are_not_between_modes() -> None:
    rng = np.random.default_rng(7)
    with threadpool_limits(1):  # of so few points threads take longer to start than to end
        accused = sum(between_modes(ring(rng, 100), ring(rng, 150), ring(rng, 100)).between for _ in range(200))
    assert accused <= 5  # 2.5 % of 200


def test_samples_that_are_not_finite_are_left_out() -> None:
    real, other = np.split(ring(np.random.default_rng(8), 100), 2)
    none = between_modes(np.full((4, 2), np.nan), real, other)
    assert none.left_out == 4 and np.isnan(none.gaps).all() and not none.between
    one = between_modes([[0.0, 0.0], [np.inf, 0.0]], real, other)
    assert one.left_out == 1 and one.gaps.estimate == 1
    with pytest.raises(ValueError, match=r"^expected finite real examples, got some that are not$"):
        between_modes(real, other * np.nan, other)
    with pytest.raises(ValueError, match=r"^expected samples and two sets of .* one shape, got \(50, 2\), \(50, 1\), "):
        between_modes(real, other[:, :1], other)
