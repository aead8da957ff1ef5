"""Is a latent space smooth? Measures examples along latent paths by their features or pixels. NumPy."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float64
from numpy.typing import ArrayLike


class PathReport(NamedTuple):
    """Measures of each path, from the distances d_i = |x_{i+1} - x_i| of its n examples."""

    length: Float64[np.ndarray, " paths"]  # sum_i d_i
    detour: Float64[np.ndarray, " paths"]  # the length in units of |x_n - x_1|: 1 for a straight line
    unevenness: Float64[np.ndarray, " paths"]  # standard deviation of d_i in units of their mean: 0 at constant speed
    largest: Float64[np.ndarray, " paths"]  # the largest d_i in units of their mean: n - 1 for a single jump


def path_report(features: ArrayLike) -> PathReport:
    """How examples change along paths of latents, from their features or pixels [paths, n, d], n >= 3 on each path.

    A smooth generator changes its examples evenly: the unevenness is close to 0 and the largest step close to the mean.
    If it jumps from one kind of example to another, a few steps account for most of the length. The detour is infinite
    if both ends are equal but the path is not constant; everything except the length is NaN if nothing changes.

    Raises:
      ValueError: another shape, or fewer than 3 examples on a path.

    Example:
      >>> report = path_report([[[0.0], [1.0], [2.0]], [[0.0], [0.0], [2.0]]])
      >>> report.length.tolist(), report.unevenness.tolist(), report.largest.tolist()
      ([2.0, 2.0], [0.0, 1.0], [1.0, 2.0])
    """
    x = np.asarray(features, np.float64)
    if x.ndim != 3 or x.shape[1] < 3:
        raise ValueError(f"expected features [paths, n, d] with n >= 3, got shape {list(x.shape)}")
    steps = np.linalg.norm(np.diff(x, axis=1), axis=2)
    length, mean = steps.sum(axis=1), steps.mean(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        detour = length / np.linalg.norm(x[:, -1] - x[:, 0], axis=1)
        return PathReport(length, detour, steps.std(axis=1) / mean, steps.max(axis=1) / mean)


def perceptual_path_length(start: ArrayLike, end: ArrayLike, epsilon: float) -> Float64[np.ndarray, " n"]:
    """|f(G(z')) - f(G(z))|^2 / epsilon^2 for each pair of features [n, d] whose latents are epsilon of a path apart.

    Its mean over random places on random paths is the perceptual path length, which is small if small changes of the
    latent cause small changes of the image. The source uses features of VGG16; values from different features are not
    comparable.
    Source: Karras et al. 2019, A Style-Based Generator Architecture for Generative Adversarial Networks, section 4.1.

    Raises:
      ValueError: other shapes, or an epsilon that is not above 0.

    Example:
      >>> perceptual_path_length([[0.0, 0.0]], [[3e-4, 4e-4]], epsilon=1e-4).round(6).tolist()
      [25.0]
    """
    a, b = np.asarray(start, np.float64), np.asarray(end, np.float64)
    if a.ndim != 2 or a.shape != b.shape:
        raise ValueError(f"expected features [n, d] of both ends, got shapes {list(a.shape)} and {list(b.shape)}")
    if not epsilon > 0:
        raise ValueError(f"epsilon must be above 0, got {epsilon}")
    return np.asarray(((b - a) ** 2).sum(axis=1) / epsilon**2)
