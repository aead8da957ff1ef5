"""Do samples belong to the requested class, and are they as varied as the real examples of that class?

A conditional generator can fail in ways that the distance over all classes hides: it ignores the requested class and
makes good pictures of any, it leaves out single classes, or it makes only one picture for each class.
"""

from collections.abc import Sequence
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
    "class_accuracy": "Share of the samples requested from a class that the classifier assigns to it",
    "class_frechet": "Fréchet distance between the samples and the held-out examples of a class",
    "class_spread": "Distance of samples from their class mean, relative to that of held-out examples",
}
"""The measures of each class [..., class]; the spread is a root mean square distance between features."""
_LEAST = 2  # examples needed for a covariance
_SHOWN = 5  # classes named in a line


class Asked(NamedTuple):
    """Sums over the samples requested from each class, for each run."""

    confusion: Int[Array, "*runs k k"]  # how many were requested from a class and assigned to a class
    sums: Float[Array, "*runs k d"]  # of their features minus the centre
    products: Float[Array, "*runs k d d"]


class RealClasses(NamedTuple):
    """The held-out examples of each class, and the value of each measure for real data against real data."""

    moments: tuple[Moments | None, ...]  # None: the class cannot be measured
    real: dict[str, NDArray]  # one array [class] for each name in `BY_CLASS`, NaN where it cannot be measured
    why_not: dict[int, str]  # of each class that cannot be measured

    @property
    def measured(self) -> Bool[np.ndarray, " k"]:
        return np.array([one is not None for one in self.moments])

    @property
    def accuracy(self) -> float:
        return float(self.real["class_accuracy"][self.measured].mean())

    def metric(self) -> Metric:
        """The measure over all classes together."""
        label = "Share of samples that belong to the requested class"
        return Metric("obeyed", label, 0.0, True, {"held-out images": self.accuracy})

    def left_out(self, names: Sequence[str]) -> str:
        """A line on the classes that cannot be measured, with their `names`; "" if all can."""
        parts = [f"{names[c]!r} has {why}" for c, why in self.why_not.items()]
        more = f"; and {len(parts) - _SHOWN} more" if len(parts) > _SHOWN else ""
        return f"the measures by class leave out: {'; '.join(parts[:_SHOWN])}{more}" if parts else ""


def asked_for(
    features: Float[Array, "n d"], classes: Int[Array, " n"], used: Bool[Array, " n"], y: Int[Array, " n"], k: int
) -> Asked:
    """The sums over some samples; `y` holds the requested classes.

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
    """Made from features, labels and the held-out examples' predicted classes; None if no class can be measured.

    The training examples of a class stand in for the samples of a perfect generator. A class with fewer than two
    training or held-out examples, or whose held-out examples are all the same, is NaN.
    """
    own: list[Moments | None] = []
    real = {name: np.full(k, np.nan) for name in BY_CLASS}
    why_not: dict[int, str] = {}
    for c in range(k):
        seen_in_training, unseen = train[train_y == c], heldout[heldout_y == c]
        one, why = _class_moments(seen_in_training, unseen)
        own.append(one)
        if one is None:
            why_not[c] = why
            continue
        other = moments(seen_in_training)
        real["class_accuracy"][c] = np.mean(seen[heldout_y == c] == c)
        real["class_frechet"][c] = frechet_distance(other, one)
        real["class_spread"][c] = _spread(other, one)
    return None if len(why_not) == k else RealClasses(tuple(own), real, why_not)


def by_class(
    asked: Asked, centre: Float[np.ndarray, " d"], real: RealClasses, finite: Bool[np.ndarray, "*runs"]
) -> dict[str, NDArray]:
    """`obeyed` [*runs], the mean accuracy over classes, and the measures in `BY_CLASS` [*runs, class].

    NaN if a sample was not finite, if fewer than two samples were requested from a class, or if the class cannot be
    measured; such a class does not count in the mean, which is NaN if none counts.
    """
    lead, k = finite.shape, len(real.moments)
    values = {name: np.full((*lead, k), np.nan) for name in BY_CLASS}
    counts = np.asarray(asked.confusion).sum(axis=-1)
    for at in np.argwhere(finite[..., None] & (counts >= _LEAST)):
        *run, c = map(int, at)
        place, one = (*run, c), real.moments[c]
        if one is None:
            continue
        found = _moments(asked, place, centre, int(counts[place]))
        values["class_accuracy"][place] = asked.confusion[(*place, c)] / counts[place]
        values["class_frechet"][place] = frechet_distance(found, one)
        values["class_spread"][place] = _spread(found, one)
    counted = np.isfinite(values["class_accuracy"])
    total = np.where(counted, values["class_accuracy"], 0.0).sum(axis=-1)
    with np.errstate(invalid="ignore"):
        return {"obeyed": total / counted.sum(axis=-1)} | values


def _class_moments(train: NDArray, heldout: NDArray) -> tuple[Moments | None, str]:
    """The moments of a class's held-out examples, or None and what is missing."""
    for part, kind in ((heldout, "held-out"), (train, "training")):
        if len(part) < _LEAST:
            return None, f"{len(part)} {kind} example{'' if len(part) == 1 else 's'} ({_LEAST} are needed)"
    one = moments(heldout)
    return (one, "") if np.trace(one.covariance) > 0 else (None, "held-out examples that are all the same")


def _moments(asked: Asked, place: tuple[int, ...], centre: NDArray, n: int) -> Moments:
    mean = np.asarray(asked.sums[place], np.float64) / n
    covariance = (np.asarray(asked.products[place], np.float64) - n * np.outer(mean, mean)) / (n - 1)
    return Moments(np.asarray(centre, np.float64) + mean, covariance, n)


def _spread(samples: Moments, real: Moments) -> float:
    return float(np.sqrt(max(np.trace(samples.covariance), 0.0) / np.trace(real.covariance)))
