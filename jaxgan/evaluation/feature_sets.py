"""The statistics of the features of a set of examples, gathered one batch at a time."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import reduce
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float32, Float64
from numpy.typing import NDArray

from jaxgan.data.batches import Batches
from jaxgan.data.source import DataError, to_unit
from jaxgan.features.extractor import Features, on_images
from jaxgan.memory import available_memory
from jaxgan.metrics.balls import neighbour_radii
from jaxgan.metrics.frechet import Moments, moments

GROUPS = 16
"""Random parts of a set whose moments are kept separately: for standard errors and distances at several sizes."""

Look = Callable[[NDArray], tuple[NDArray, NDArray | None]]
"""Examples [b, ...] as they are stored -> features [b, d] and, from a classifier, probabilities [b, K]."""


class FeatureSet(NamedTuple):
    """The statistics of the features of n examples.

    groups:        moments of random parts; a statistics file is a single part
    n:             the number of examples; None: unknown
    features:      all features [n, d], if they were kept
    probabilities: of classes [n, K], if they were kept
    bad:           the number of examples left out because their features are not finite
    radii:         squared distances [n] of the features to their k-th neighbours, by k, if they were computed
    """

    groups: tuple[Moments, ...]
    n: int | None
    features: Float32[np.ndarray, "n d"] | None = None
    probabilities: Float32[np.ndarray, "n k"] | None = None
    bad: int = 0
    radii: Mapping[int, Float64[np.ndarray, " n"]] = {}

    @property
    def moments(self) -> Moments:
        """The moments of all examples."""
        return reduce(Moments.combine, self.groups)

    @property
    def is_constant(self) -> bool:
        """Whether all features are the same."""
        return bool(np.trace(self.moments.covariance) <= 1e-12 * max(1.0, float(np.sum(self.moments.mean**2))))

    def with_radii(self, ks: Iterable[int]) -> "FeatureSet":
        """The set with the radii for these k, as far as it has features, and more of them than k."""
        rows = self.features
        return self if rows is None else self._replace(radii={k: neighbour_radii(rows, k) for k in ks if k < len(rows)})

    def part(self, n: int) -> "FeatureSet":
        """n random examples, or all if there are fewer; about n if features were not kept."""
        if self.n is None or n >= self.n:
            return self
        if self.features is None:
            groups = self.groups[: max(1, round(len(self.groups) * n / self.n))]
            return FeatureSet(groups, sum(group.n for group in groups))
        return self._rows(slice(n))

    def halves(self) -> tuple["FeatureSet", "FeatureSet"] | None:
        """Two disjoint random halves; None if only the moments of the whole set are known."""
        if len(self.groups) < 2:
            return None
        if self.features is not None:
            return self._rows(slice(0, None, 2)), self._rows(slice(1, None, 2))
        parts = [self.groups[i::2] for i in range(2)]
        one, other = (FeatureSet(groups, sum(group.n for group in groups)) for groups in parts)
        return one, other

    def _rows(self, which: slice) -> "FeatureSet":
        """Some of the kept features, which are in random order."""
        assert self.features is not None
        rows = self.features[which]
        groups = [moments(part) for part in np.array_split(rows, groups_of(len(rows)))]
        shown = None if self.probabilities is None else self.probabilities[which]
        return FeatureSet(tuple(groups), len(rows), rows, shown)


def gather(
    batches: Batches,
    look: Look,
    *,
    batch_size: int,
    keep: bool,
    rng: np.random.Generator,
    advance: Callable[[int], object] = lambda n: None,
) -> FeatureSet:
    """The statistics of all examples: the moments of 16 random parts and, with `keep`, the features in random order.

    Without `keep` memory does not grow with the number of examples.

    Args:
      batches: the examples.
      look: maps examples to features.
      batch_size: examples at a time.
      keep: whether features and probabilities are kept.
      rng: for the parts and the order.
      advance: called with the number of examples after each batch.

    Raises:
      DataError: fewer than 2 examples, not enough memory to keep them, or features of a shape other than [b, d].
    """
    if batches.n < 2:
        raise DataError(f"{batches.name}: expected at least 2 examples, got {batches.n}")
    groups: list[Moments] = []
    number = groups_of(batches.n)
    place = _dealt(batches.n, number, rng)
    rows = shown = None
    order = np.argsort(rng.permutation(batches.n)) if keep else None  # the row of each example
    filled = np.zeros(batches.n if keep else 0, bool)
    seen = bad = 0
    for x in batches.read(batch_size):
        features, probabilities = look(x)
        if np.ndim(features) != 2 or len(features) != len(x):
            got = list(np.shape(features))
            raise DataError(f"features must be [b, d] for b examples, got shape {got} for {len(x)} of {batches.name}")
        groups = groups or [Moments.empty(features.shape[1])] * number
        if keep and not seen:
            _check_room(batches, features, probabilities)
            rows = np.empty((batches.n, features.shape[1]), np.float32)
            shown = None if probabilities is None else np.empty((batches.n, probabilities.shape[1]), np.float32)
        own = place[seen : seen + len(x)]
        fine = np.isfinite(features).all(axis=1)
        if rows is not None and order is not None:
            here = order[seen : seen + len(x)][fine]
            filled[here], rows[here] = True, features[fine]
            if shown is not None and probabilities is not None:
                shown[here] = probabilities[fine]
        bad, seen = bad + int(np.sum(~fine)), seen + len(x)
        groups = [group.update(features[fine & (own == i)]) for i, group in enumerate(groups)]
        advance(len(x))
    groups = _joined(groups)
    n = sum(group.n for group in groups)
    if rows is None or filled.all():
        return FeatureSet(tuple(groups), n, rows, shown, bad)
    return FeatureSet(tuple(groups), n, rows[filled], None if shown is None else shown[filled], bad)


def groups_of(n: int) -> int:
    """The number of groups that n examples are dealt to.

    >>> groups_of(1000), groups_of(9)
    (16, 4)
    """
    return min(GROUPS, max(1, n // 2))


def looked_at_by(features: Features | Callable[[NDArray], NDArray] | None, batch_size: int) -> Look:
    """Maps examples to features: with a map of this library, with any function of images in [-1, 1], or unchanged.

    A map is compiled for one batch size, so shorter batches are padded. A user's function takes float32 [b, h, w, c]
    and returns [b, d]; it may use any framework.
    """
    if features is None:
        return lambda x: (np.asarray(x, np.float32), None)
    if not isinstance(features, Features):
        own = features
        return lambda x: (np.asarray(own(to_unit(np.asarray(x))), np.float32), None)
    apply = features.apply if features.logits is None else features.logits

    def look(x: NDArray) -> tuple[NDArray, NDArray | None]:
        filled = np.concatenate([x, np.repeat(x[:1], batch_size - len(x), axis=0)]) if len(x) < batch_size else x
        found, logits = on_images(apply, jnp.asarray(filled))
        probabilities = None if features.logits is None else np.asarray(jax.nn.softmax(logits, axis=-1))[: len(x)]
        return np.asarray(found, np.float32)[: len(x)], probabilities

    return look


def _joined(groups: list[Moments]) -> list[Moments]:
    """Groups of at least 2 examples: smaller ones are merged into the first."""
    large = [group for group in groups if group.n >= 2]
    small = [group for group in groups if group.n < 2]
    first = reduce(Moments.combine, [*large[:1], *small]) if groups else None
    return [] if first is None or first.n < 2 else [first, *large[1:]]


def _dealt(n: int, groups: int, rng: np.random.Generator) -> NDArray:
    """The group of each of n examples: random, in groups of sizes as equal as possible."""
    rounds: Iterator[NDArray] = (rng.permutation(groups) for _ in range(-(-n // groups)))
    return np.concatenate(list(rounds))[:n]


def _check_room(batches: Batches, features: NDArray, probabilities: NDArray | None) -> None:
    width = features.shape[1] + (0 if probabilities is None else probabilities.shape[1])
    needed, free = 4 * batches.n * width, available_memory()
    if needed > free:
        raise DataError(
            f"{batches.name}: the features of {batches.n:,} examples take {needed / 2**30:.1f} GiB and "
            f"{free / 2**30:.1f} are free; take fewer by --count, or --metrics frechet, which keeps none"
        )
