"""Precision and recall, density and coverage, and authenticity, from balls around examples.

A ball is the set of points no farther from its centre than the k-th nearest other example of the same set. Distances
are computed in blocks of rows of about 150 MiB, for any number of examples. In addition to the features, which stay
float32 if they are, memory holds a copy of one set. Results equal those of float64.
"""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Float64
from numpy.typing import ArrayLike

from jaxgan.metrics.balls import Inside, nearest, neighbour_radii, within
from jaxgan.metrics.inputs import checked_pair


class PrecisionRecall(NamedTuple):
    """Shares between 0 and 1; below 1 even for samples from the data distribution."""

    precision: float  # of the features within a ball of the reference
    recall: float  # of the reference within a ball of the features


class PRDC(NamedTuple):
    """Precision, recall, density and coverage for one number of neighbours."""

    precision: float
    recall: float
    density: float
    coverage: float


class DensityCoverage(NamedTuple):
    """For samples from the data distribution, density is 1 in expectation, and coverage is close to 1."""

    density: float  # mean number of reference balls that hold a feature vector, divided by k; may exceed 1
    coverage: float  # the share of the reference's balls that hold at least one feature vector


def precision_recall(
    features: ArrayLike,
    reference: ArrayLike,
    *,
    k: int = 3,
    strict: bool = False,
    radii: Float64[np.ndarray, " m"] | None = None,
) -> PrecisionRecall:
    """The share of features [n, d] in the balls of a reference [m, d], and vice versa.

        precision = mean_j [exists i: |x_j - r_i| <= R_i],   R_i = distance of r_i to its k-th nearest other example

    and recall is the same with the sets exchanged. Both grow with k and shrink with the dimension, so compare them at
    equal n, m and k. A distance equal to R_i counts, as in torch-fidelity; with `strict` it does not, as in prdc. This
    matters if examples are repeated: k + 1 copies have a ball of radius 0, which holds only copies, or nothing with
    `strict`. Distances are equal if they differ by rounding, 1e-12 of the squared lengths around the reference's mean.

    Args:
      features: [n, d].
      reference: [m, d].
      k: the number of neighbours.
      strict: whether points on the edge of a ball are outside.
      radii: R_i^2 [m] if they are known, as for one reference and many sets of features.

    Raises:
      ValueError: other shapes, k < 1, at most k rows, or features that are not finite.
    Source: Kynkaanniemi et al. 2019, Improved precision and recall metric for assessing generative models.

    >>> x = np.arange(6.0)[:, None]
    >>> precision_recall(x[:5], x, k=1), precision_recall(x + 100, x, k=1)
    (PrecisionRecall(precision=1.0, recall=1.0), PrecisionRecall(precision=0.0, recall=0.0))
    """
    found = prdc(features, reference, k=k, strict=strict, radii=radii)
    return PrecisionRecall(found.precision, found.recall)


def density_coverage(
    features: ArrayLike,
    reference: ArrayLike,
    *,
    k: int = 5,
    strict: bool = False,
    radii: Float64[np.ndarray, " m"] | None = None,
) -> DensityCoverage:
    """The mean number of reference [m, d] balls that hold each of the features [n, d], and the share that hold any.

        density = 1/(k n) sum_j #{i: |x_j - r_i| <= R_i}      coverage = mean_i [exists j: |x_j - r_i| <= R_i]

    with R_i and `strict` as in `precision_recall`. Both use only balls around reference examples, so an outlier among
    the features does not add recall. For equal distributions the expected density is 1, and the expected coverage is

        1 - (m-1) ... (m-k) / ((n+m-1) ... (n+m-k))

    Args:
      features: [n, d].
      reference: [m, d].
      k: the number of neighbours.
      strict: whether points on the edge of a ball are outside.
      radii: R_i^2 [m] if they are known, as for one reference and many sets of features.

    Raises:
      ValueError: other shapes, k < 1, at most k rows, or features that are not finite.
    Source: Naeem et al. 2020, Reliable fidelity and diversity metrics for generative models, equations 4 to 9.

    >>> x = np.arange(6.0)[:, None]
    >>> density_coverage([[0.0], [0.25]], x, k=1)  # within 1 of 0 and of 1, for which 0 is on the edge
    DensityCoverage(density=2.0, coverage=0.3333333333333333)
    """
    x, r = _checked(features, reference, k, least=1)
    held = within(x, r, _radii(r, k, radii), strict)
    return DensityCoverage(float(np.mean(held.balls) / k), float(np.mean(held.holds)))


def prdc(
    features: ArrayLike,
    reference: ArrayLike,
    *,
    k: int = 5,
    strict: bool = False,
    radii: Float64[np.ndarray, " m"] | None = None,
) -> PRDC:
    """`precision_recall` and `density_coverage` together, with one k: takes half the time of separate calls.

    With `strict` and k = 5 it gives the results of the package of the same name.

    Args:
      features: [n, d].
      reference: [m, d].
      k: the number of neighbours.
      strict: whether points on the edge of a ball are outside.
      radii: R_i^2 [m] if they are known, as for one reference and many sets of features.

    Raises:
      ValueError: other shapes, k < 1, at most k rows, or features that are not finite.
    Source: Kynkaanniemi et al. 2019; Naeem et al. 2020.

    >>> x = np.arange(6.0)[:, None]
    >>> prdc(x[:3] + 0.25, x, k=1)
    PRDC(precision=1.0, recall=0.6666666666666666, density=2.0, coverage=0.6666666666666666)
    """
    x, r = _checked(features, reference, k)
    found = within(x, r, _radii(r, k, radii), strict, of_points=neighbour_radii(x, k))
    return PRDC(*map(float, shares_of(found, k)))


def shares_of(found: Inside, k: int) -> PRDC:
    """The four shares, of NumPy or JAX.

    Example:
      >>> shares_of(Inside(np.array([2, 0]), np.array([True]), np.array([False])), k=1)._asdict()["density"].item()
      1.0
    """
    assert found.held is not None
    counted = found.balls > 0, found.held, found.balls, found.holds
    precision, recall, balls, coverage = (each.mean(dtype=float) for each in counted)
    shares: tuple[Any, ...] = precision, recall, balls / k, coverage
    return PRDC(*shares)


def authenticity(features: ArrayLike, train: ArrayLike) -> float:
    """The share of features [n, d] farther from the nearest training example than that is from its own neighbour.

        mean_j [|x_j - t_i| > min_{l != i} |t_i - t_l|],   t_i the training example nearest to x_j

    It is 0 for copies. For a faithful generator it has no fixed value (for Gaussians 0.35 in one dimension and 0.8 in
    50), so compare it with the value of equally many held-out examples. `memorization_of` needs no such value:
    it asks which of the two sets is nearer.

    Raises:
      ValueError: other shapes, fewer than 2 training examples, or features that are not finite.
    Source: Alaa et al. 2022, How faithful is your synthetic data?, section 4.3.

    >>> train = [[0.0], [1.0], [5.0]]
    >>> authenticity([[0.1], [5.0], [4.0], [-2.0]], train)  # only the last is farther from 0 than 1 is
    0.25
    """
    x, t = _checked(features, train, 1, least=1)
    index, squares = nearest(x, t)
    return float(np.mean(squares > neighbour_radii(t, 1)[index]))


def _radii(reference: Float[np.ndarray, "m d"], k: int, radii: ArrayLike | None) -> Float64[np.ndarray, " m"]:
    if radii is None:
        return neighbour_radii(reference, k)
    if np.shape(radii) != (len(reference),):
        raise ValueError(f"expected radii [m] of {len(reference)} rows, got shape {np.shape(radii)}")
    return np.asarray(radii, np.float64)


def _checked(
    features: ArrayLike, reference: ArrayLike, k: int, least: int | None = None
) -> tuple[Float[np.ndarray, "n d"], Float[np.ndarray, "m d"]]:
    if k < 1:
        raise ValueError(f"k must be a whole number of at least 1, got {k}")
    x, r = checked_pair(features, reference, narrow=True)
    if len(r) <= k or len(x) < (k + 1 if least is None else least):
        raise ValueError(f"expected more than k = {k} rows, so that each has k neighbours, got {len(x)} and {len(r)}")
    return x, r
