"""Spectra and Laplacians of images against waves, noise and blur whose power is known in closed form."""

import numpy as np
import pytest
from scipy import ndimage

from jaxgan.metrics import high_frequency_share, laplacian_variance, radial_power_spectrum

RNG = np.random.default_rng(0)


def waves(size: int, frequencies: list[tuple[float, float]]) -> np.ndarray:
    """One image that is a sum of waves with (u, v) cycles per pixel."""
    i, j = np.indices((size, size))
    return np.sum([np.cos(2 * np.pi * (u * i + v * j) + 0.3) for u, v in frequencies], axis=0)[None, :, :, None]


def test_the_spectrum_is_the_mean_over_rings_of_the_whole_transform() -> None:
    x = RNG.normal(size=(3, 6, 9, 2))
    power = np.mean(np.abs(np.fft.fft2(x - x.mean(axis=(1, 2), keepdims=True), axes=(1, 2))) ** 2 / 54, axis=-1)
    radius = np.hypot(*np.meshgrid(np.fft.fftfreq(6), np.fft.fftfreq(9), indexing="ij"))
    found = radial_power_spectrum(x)
    np.testing.assert_allclose(found.frequency, [1 / 6, 2 / 6, 3 / 6])
    for j in (1, 2, 3):
        ring = np.rint(6 * radius) == j
        np.testing.assert_allclose(found.power[:, j - 1], power[:, ring].mean(axis=1), rtol=1e-12)
    high = (power * (radius > 0.3)).sum(axis=(1, 2)) / power.sum(axis=(1, 2))
    np.testing.assert_allclose(high_frequency_share(x, cut=0.3), high, rtol=1e-12)


@pytest.mark.parametrize("window", [False, True])
def test_white_noise_has_its_variance_at_every_frequency(window: bool) -> None:
    x = 3.0 * RNG.normal(size=(600, 16, 16, 1))
    found = radial_power_spectrum(x, window=window).power.mean(axis=0)
    # four standard errors of the innermost rings, of few coefficients; the window spreads the mean, which is taken off,
    # over the first
    np.testing.assert_allclose(found[1 if window else 0 :], 9.0, rtol=0.15)


@pytest.mark.parametrize("sigma", [0.7, 1.5])
def test_blur_by_a_gaussian_divides_power_by_its_known_factor(sigma: float) -> None:
    """exp(-4 pi^2 sigma^2 r^2), its transform squared, at the frequency of each of four waves."""
    size = 32
    x = waves(size, [(2 / size, 0), (0, 5 / size), (6 / size, 0), (0, 8 / size)])
    blurred = ndimage.gaussian_filter(x[0, :, :, 0], sigma, mode="wrap", truncate=9)[None, :, :, None]
    before, after = radial_power_spectrum(x), radial_power_spectrum(blurred)
    for j in (2, 5, 6, 8):
        expected = np.exp(-4 * np.pi**2 * sigma**2 * (j / size) ** 2)
        # a sampled Gaussian's transform has aliases, of exp(-2 pi^2 0.7^2 (1 - 1/2)) and less of it
        np.testing.assert_allclose(after.power[0, j - 1] / before.power[0, j - 1], expected, rtol=0.02)


@pytest.mark.parametrize(("u", "v"), [(0.125, 0.0), (0.25, 0.125), (0.5, 0.5), (0.0, 0.0625)])
def test_a_waves_laplacian_is_its_eigenvalue(u: float, v: float) -> None:
    expected = (4 - 2 * np.cos(2 * np.pi * u) - 2 * np.cos(2 * np.pi * v)) ** 2
    np.testing.assert_allclose(laplacian_variance(waves(16, [(u, v)])), [expected], rtol=1e-10)


def test_noise_has_the_laplacian_of_its_stencil_and_the_share_of_its_area() -> None:
    x = RNG.normal(size=(200, 16, 16, 3))
    assert laplacian_variance(x).mean() == pytest.approx(1 + 1 + 1 + 1 + 16, rel=0.01)
    assert high_frequency_share(x).mean() == pytest.approx(1 - np.pi * 0.25**2, rel=0.02)


def test_neither_knows_contrast_or_brightness() -> None:
    x = RNG.normal(size=(4, 8, 9, 3))
    for measure in (high_frequency_share, laplacian_variance):
        np.testing.assert_allclose(measure(1e-3 * x + 5), measure(x), rtol=1e-6)  # 5 costs 4 of 16 digits
        np.testing.assert_allclose(measure(-1e100 * x), measure(x), rtol=1e-12)


def test_a_window_keeps_the_edges_out() -> None:
    """A ramp has no fine detail; repeated, it has a jump at its edge."""
    ramp = np.broadcast_to(np.linspace(-1, 1, 32)[:, None, None], (1, 32, 32, 1))
    assert high_frequency_share(ramp)[0] > 0.01 > 1e-4 > high_frequency_share(ramp, window=True)[0]


def test_what_has_no_sharpness_is_nan() -> None:
    x = RNG.normal(size=(4, 8, 8, 2))
    x[1], x[2, 3, 3, 0], x[3, 0, 0, 0] = 0.1, np.nan, np.inf
    for window in (False, True):
        share = high_frequency_share(x, window=window)
        np.testing.assert_array_equal(np.isnan(share), [False, True, True, True])
        power = radial_power_spectrum(x, window=window).power
        np.testing.assert_array_equal(power[1], np.zeros(4))
        np.testing.assert_array_equal(np.isnan(power[:, 0]), [False, False, True, True])
    np.testing.assert_array_equal(np.isnan(laplacian_variance(x))[:3], [False, True, True])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: radial_power_spectrum(np.zeros((3, 8, 8))),
            r"expected images \[n, h, w, c\] .*, got shape \(3, 8, 8\)",
        ),
        (lambda: laplacian_variance(np.zeros((3, 2, 8, 1))), r"expected images .* of at least 3 x 3 pixels, got shape"),
        (lambda: high_frequency_share(np.zeros((0, 8, 8, 1))), r"expected images .*, got shape \(0, 8, 8, 1\)"),
        (lambda: high_frequency_share(np.zeros((1, 8, 8, 1)), cut=0.6), r"cut must be above 0 and at most 0.5 .* 0.6"),
    ],
)
def test_what_is_no_image_is_refused(call, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        call()
