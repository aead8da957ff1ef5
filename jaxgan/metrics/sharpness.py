"""The sharpness of images: power over spatial frequency, and the variance of the Laplacian. NumPy and SciPy."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64
from numpy.typing import ArrayLike

_PIECE = 2**22  # pixels transformed at a time: 64 MiB of complex numbers
CUT = 0.25  # cycles per pixel above which a frequency is high: half of the Nyquist frequency


class RadialSpectrum(NamedTuple):
    """The power of images over spatial frequency, averaged over directions and channels."""

    frequency: Float64[np.ndarray, " k"]  # cycles per pixel, j / min(h, w) for j = 1 .. min(h, w) // 2
    power: Float64[np.ndarray, "n k"]  # mean of |F|^2 / (h w) over the ring of frequencies nearest to each


def radial_power_spectrum(images: ArrayLike, *, window: bool = False) -> RadialSpectrum:
    """The radial power spectrum of each image [n, h, w, c].

        power(r) = mean over channels and over (u, v) with sqrt(u^2 + v^2) in r +- 1 / (2 m) of |F(u, v)|^2 / (h w)

    with m = min(h, w) and F the discrete Fourier transform of the image minus its mean, for each channel. White noise
    of variance s^2 has power s^2 at every frequency. Frequencies above 1/2 cycle per pixel, which only diagonal waves
    have, are left out. All values are 0 for a constant image, and NaN for an image that is not finite.

    `window` first multiplies by a Hann window (scaled so that noise keeps its power, except at the lowest frequency):
    an image is not periodic, and the difference between its opposite edges would otherwise appear at all frequencies.

    Source: Durall et al. 2020, Watch your Up-Convolution, section 3.1 (the azimuthal integral).

    Raises:
      ValueError: images that are not [n, h, w, c] with n >= 1 and h, w >= 2.

    Example:
      >>> rows = np.cos(2 * np.pi * np.arange(8) / 4).reshape(1, 8, 1, 1) * np.ones((1, 8, 8, 1))
      >>> spectrum = radial_power_spectrum(rows)  # a wave of a quarter of a cycle per pixel
      >>> spectrum.frequency.tolist(), int(spectrum.power[0].argmax())
      ([0.125, 0.25, 0.375, 0.5], 1)
    """
    x = checked_images(images, least=2)
    weights = ring_weights(x)
    power = [piece.reshape(len(piece), -1) @ weights.T for piece in _power(x, window)]
    return RadialSpectrum(np.arange(1, len(weights) + 1) / min(x.shape[1:3]), np.concatenate(power))


def ring_weights(x: ArrayLike) -> Float64[np.ndarray, "k frequency"]:
    """The weight of each frequency of `rfft2` in each ring, for images [n, h, w, c], flattened: rows sum to 1.

    Example:
      >>> ring_weights(np.zeros((1, 8, 8, 3))).shape  # rings of 1 to 4 waves; 8 x 5 frequencies
      (4, 40)
    """
    x = checked_images(x, least=2)
    size = min(x.shape[1:3])
    ring = np.rint(radius(*x.shape[1:3]) * size).astype(int)
    counted = half_weight(*x.shape[1:3]) * (ring <= size // 2)
    weights = np.stack([np.where(ring == j, counted, 0.0) for j in range(1, size // 2 + 1)]).reshape(size // 2, -1)
    return weights / weights.sum(axis=1, keepdims=True)


def high_frequency_share(images: ArrayLike, *, cut: float = CUT, window: bool = False) -> Float64[np.ndarray, " n"]:
    """The share of each image's power, without its mean, at frequencies above `cut` cycles per pixel; 0 to 1.

    It does not depend on the contrast of the image. White noise has about 1 - pi cut^2. NaN for images that are
    constant in every channel, which have no such share, and for images that are not finite.

    Raises:
      ValueError: images that are not [n, h, w, c] with n >= 1 and h, w >= 2, or a cut outside (0, 1/2].

    Example:
      >>> fine = np.indices((8, 8)).sum(axis=0).reshape(1, 8, 8, 1) % 2  # a chessboard
      >>> high_frequency_share(fine).tolist(), high_frequency_share(0 * fine).tolist()
      ([1.0], [nan])
    """
    x = checked_images(images, least=2)
    if not 0 < cut <= 0.5:
        raise ValueError(f"cut must be above 0 and at most 0.5 cycles per pixel, got {cut}")
    h, w = x.shape[1:3]
    weight, high = half_weight(h, w), radius(h, w) > cut
    sums = [(np.sum(p * weight, axis=(1, 2)), np.sum(p * weight * high, axis=(1, 2))) for p in _power(x, window)]
    whole, above = (np.concatenate(parts) for parts in zip(*sums, strict=True))
    return np.divide(above, whole, out=np.full(len(x), np.nan), where=_varies(x))


def laplacian_variance(images: ArrayLike) -> Float64[np.ndarray, " n"]:
    """The variance of each image's Laplacian divided by the image's own variance, averaged over channels.

        var(x[i+1, j] + x[i-1, j] + x[i, j+1] + x[i, j-1] - 4 x[i, j]) / var(x[i, j])

    over inner pixels, with both variances computed for each channel and added. The plain variance is the usual measure
    of focus; dividing by the image's variance makes it independent of contrast. White noise has 20; a wave of frequency
    (u, v) has (4 - 2 cos 2 pi u - 2 cos 2 pi v)^2, at most 64. NaN for images that are constant in every channel, and
    for images that are not finite.

    Source: Pech-Pacheco et al. 2000, Diatom autofocusing in brightfield microscopy (LAPV in Pertuz et al. 2013).

    Raises:
      ValueError: images that are not [n, h, w, c] with n >= 1 and h, w >= 3.

    Example:
      >>> fine = np.indices((8, 8)).sum(axis=0).reshape(1, 8, 8, 1) % 2
      >>> laplacian_variance(fine).tolist()
      [64.0]
    """
    x = checked_images(images, least=3)
    inner = x[:, 1:-1, 1:-1]
    with np.errstate(invalid="ignore"):
        laplacian = x[:, 2:, 1:-1] + x[:, :-2, 1:-1] + x[:, 1:-1, 2:] + x[:, 1:-1, :-2] - 4 * inner
        found, own = (np.sum(np.var(a, axis=(1, 2)), axis=1) for a in (laplacian, inner))
    return np.divide(found, own, out=np.full(len(x), np.nan), where=_varies(inner))


def checked_images(images: ArrayLike, least: int) -> Float64[np.ndarray, "n h w c"]:
    """Images as float64.

    Raises:
      ValueError: images that are not [n, h, w, c], or are too small.
    """
    x = np.asarray(images, dtype=np.float64)
    if x.ndim != 4 or not x.size or min(x.shape[1:3]) < least:
        raise ValueError(f"expected images [n, h, w, c] of at least {least} x {least} pixels, got shape {x.shape}")
    return x


def _varies(x: Float64[np.ndarray, "n h w c"]) -> np.ndarray:
    """Which images are finite and not constant in every channel; exact, because rounding gives constants a variance."""
    return np.isfinite(x).all(axis=(1, 2, 3)) & (x != x[:, :1, :1]).any(axis=(1, 2, 3))


def _power(x: Float64[np.ndarray, "n h w c"], window: bool) -> Iterator[Float64[np.ndarray, "b h v"]]:
    """|F|^2 / (h w), averaged over channels, a piece of the images at a time; v runs over half of the frequencies."""
    from scipy import fft

    h, w = x.shape[1:3]
    weight = np.outer(hann(h), hann(w))[None, :, :, None] if window else np.ones((1, 1, 1, 1))
    weight = weight / np.sqrt(np.mean(weight**2))
    step = max(1, _PIECE // x[0].size)
    for start in range(0, len(x), step):
        piece = x[start : start + step]
        with np.errstate(invalid="ignore"):
            mean = np.sum(weight * piece, axis=(1, 2), keepdims=True) / np.sum(weight * np.ones((1, h, w, 1)))
            centred = np.where(_varies(piece)[:, None, None, None], piece - mean, 0.0 * piece)
            found = np.abs(fft.rfft2(weight * centred, axes=(1, 2))) ** 2 / (h * w)
        found[:, 0, 0] = 0.0  # only rounding error of the mean
        yield found.mean(axis=-1)


def hann(n: int) -> Float64[np.ndarray, " n"]:
    """The Hann window without its two zeros."""
    return np.sin(np.pi * (np.arange(n) + 0.5) / n) ** 2


def radius(h: int, w: int) -> Float64[np.ndarray, "h v"]:
    """The radial frequencies of half a transform, in cycles per pixel."""
    return np.hypot(np.fft.fftfreq(h)[:, None], np.fft.rfftfreq(w)[None])


def half_weight(h: int, w: int) -> Float64[np.ndarray, "h v"]:
    """The number of full-transform frequencies that each one of the half transform represents; 0 for the mean."""
    twice = np.full(w // 2 + 1, 2.0)
    twice[0] = 1.0
    if w % 2 == 0:
        twice[-1] = 1.0
    weight = np.tile(twice, (h, 1))
    weight[0, 0] = 0.0
    return weight
