"""Are samples of the class that they were asked for, and as many and as varied as the data of that class?

A conditional generator fails in ways that the distance over all classes hides: it makes good pictures of any class
whatever it is asked for, leaves single classes out, or makes one picture a class.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray

from jaxgan.metrics.frechet import Moments, frechet_distance, moments
from jaxgan.results.results import Metric
from jaxgan.types import Array

BY_CLASS = {
    "class_accuracy": "Share of the samples of a class that the classifier puts into it",
    "class_frechet": "Fréchet distance of the samples of a class from the held-out examples of it",
    "class_spread": "Distance of samples from the mean of their class, as a multiple of the held-out examples'",
}
"""What is known of each class [..., class]; the distance is a root mean square, in the features."""
_LEAST = 2  # examples without which there is no covariance


class Asked(NamedTuple):
    """Sums over the samples that were asked of each class, of each run."""

    confusion: Int[Array, "*runs k k"]  # how many were asked of a class, and put into a class
    sums: Float[Array, "*runs k d"]  # of their features less the centre
    products: Float[Array, "*runs k d d"]


class RealClasses(NamedTuple):
    """The held-out examples of each class, and what they have of each measure: of real data against real data."""

    moments: tuple[Moments, ...]
    real: dict[str, NDArray]  # by the names of `BY_CLASS`, [class]

    @property
    def accuracy(self) -> float:
        return float(self.real["class_accuracy"].mean())

    def metric(self) -> Metric:
        """Of all classes together."""
        label = "Share of samples of the class that they were asked for"
        return Metric("obeyed", label, 0.0, True, {"held-out images": self.accuracy})


def asked_for(
    features: Float[Array, "n d"], classes: Int[Array, " n"], used: Bool[Array, " n"], y: Int[Array, " n"], k: int
) -> Asked:
    """The sums of some samples; `y` is what they were asked for.

    Example:
      >>> asked = asked_for(jnp.ones((3, 2)), jnp.array([0, 1, 1]), jnp.ones(3, bool), jnp.array([0, 0, 1]), 2)
      >>> asked.confusion.tolist(), asked.sums[0].tolist()
      ([[1, 1], [0, 1]], [2.0, 2.0])
    """
    of_class = jax.nn.one_hot(y, k) * used[:, None]
    confusion = jnp.sum((of_class[:, :, None] * jax.nn.one_hot(classes, k)[:, None]).astype(int), axis=0)
    products = jnp.einsum("nk,nd,ne->kde", of_class, features, features, precision="highest")
    return Asked(confusion, jnp.matmul(of_class.T, features, precision="highest"), products)


def real_classes(
    train: Float[np.ndarray, "n d"],
    heldout: Float[np.ndarray, "m d"],
    train_y: Int[np.ndarray, " n"],
    heldout_y: Int[np.ndarray, " m"],
    seen: Int[np.ndarray, " m"],
    k: int,
) -> RealClasses | None:
    """Of features, labels, and what the classifier says of the held-out ones; None where a class has too few examples.

    The training examples of a class stand for samples: that is what a perfect generator could have.
    """
    if min(np.bincount(train_y, minlength=k).min(), np.bincount(heldout_y, minlength=k).min()) < _LEAST:
        return None
    own = tuple(moments(heldout[heldout_y == c]) for c in range(k))
    others = [moments(train[train_y == c]) for c in range(k)]
    if not all(np.trace(one.covariance) > 0 for one in own):
        return None
    real = {
        "class_accuracy": np.array([np.mean(seen[heldout_y == c] == c) for c in range(k)]),
        "class_frechet": np.array([frechet_distance(a, b) for a, b in zip(others, own, strict=True)]),
        "class_spread": np.array([_spread(a, b) for a, b in zip(others, own, strict=True)]),
    }
    return RealClasses(own, real)


def by_class(
    asked: Asked, centre: Float[np.ndarray, " d"], real: RealClasses, finite: Bool[np.ndarray, "*runs"]
) -> dict[str, NDArray]:
    """`obeyed` [*runs], the mean over classes of their accuracy, and what `BY_CLASS` names [*runs, class].

    NaN where a sample was not finite, or a class was asked for less than twice.
    """
    lead, k = finite.shape, len(real.moments)
    values = {name: np.full((*lead, k), np.nan) for name in BY_CLASS}
    counts = np.asarray(asked.confusion).sum(axis=-1)
    for at in np.argwhere(finite[..., None] & (counts >= _LEAST)):
        *run, c = map(int, at)
        place, one = (*run, c), real.moments[c]
        found = _moments(asked, place, centre, int(counts[place]))
        values["class_accuracy"][place] = asked.confusion[(*place, c)] / counts[place]
        values["class_frechet"][place] = frechet_distance(found, one)
        values["class_spread"][place] = _spread(found, one)
    return {"obeyed": values["class_accuracy"].mean(axis=-1)} | values


def _moments(asked: Asked, place: tuple[int, ...], centre: NDArray, n: int) -> Moments:
    mean = np.asarray(asked.sums[place], np.float64) / n
    covariance = (np.asarray(asked.products[place], np.float64) - n * np.outer(mean, mean)) / (n - 1)
    return Moments(np.asarray(centre, np.float64) + mean, covariance, n)


def _spread(samples: Moments, real: Moments) -> float:
    return float(np.sqrt(max(np.trace(samples.covariance), 0.0) / np.trace(real.covariance)))
