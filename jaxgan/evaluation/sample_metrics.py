"""The metrics of a set of samples against real examples, by name, with intervals over samples."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Float32

from jaxgan.evaluation.feature_sets import FeatureSet
from jaxgan.features.extractor import Features
from jaxgan.metrics.duplicates import BirthdayTest, birthday_test
from jaxgan.metrics.extrapolation import FrechetAtInfinity, can_extrapolate, frechet_at_infinity_of_groups
from jaxgan.metrics.frechet import frechet_distance
from jaxgan.metrics.frechet_error import frechet_standard_error
from jaxgan.metrics.kernel import SubsetKernelDistance, kernel_distance, kernel_distance_subsets
from jaxgan.metrics.manifold import authenticity, density_coverage, prdc, precision_recall
from jaxgan.metrics.scores import inception_score, vendi_score
from jaxgan.metrics.transport import sliced_wasserstein
from jaxgan.metrics.two_sample import classifier_two_sample_test
from jaxgan.random import named_key
from jaxgan.results.statistics import UNDEFINED, Interval, wilson_interval
from jaxgan.types import Key

Rows = Float32[np.ndarray, "n d"]


class Sets(NamedTuple):
    """Samples, the real examples to compare them with, and the training examples if there are any."""

    samples: FeatureSet
    reference: FeatureSet
    train: FeatureSet | None = None


class Kind(NamedTuple):
    """One or more metrics that are measured together.

    measure: (key, sets) -> a value for each name that can be measured; the estimates of `interval` if there is one
    needs:   what it requires: "features" (all of them, of samples and reference), "probabilities", "train"
    least:   the least number of samples, and of real examples
    neighbours: k of the balls around real examples, whose radii `with_radii` can compute once for many samples
    labels:  by metric name: its label, its worst value, whether higher is better (None: closest to the value of real
             data), and its range
    interval: (key, sets, level) -> intervals by name, if there is a formula; otherwise half-samples are used
    """

    measure: Callable[[Key, Sets], dict[str, float]]
    labels: Mapping[str, tuple[str, float, bool | None, tuple[float, float]]]
    needs: frozenset[str] = frozenset({"features"})
    least: tuple[int, int] = (2, 2)
    neighbours: int | None = None
    interval: Callable[[Key, Sets, float], dict[str, Interval]] | None = None


_K_PRECISION, _K_DENSITY = 3, 5
_PER_SPLIT = 20  # by simulation, n = 20 to 1,000: intervals by halves then hold the mean for 90 to 97 %
_SUBSETS, _SUBSET = 100, 1000  # of the published kernel distance
_ANY, _SHARE = (0.0, math.inf), (0.0, 1.0)


def rows_of(found: FeatureSet) -> Rows:
    """The features of a set that keeps them."""
    assert found.features is not None  # guaranteed by `missing`
    return found.features


def _frechet(key: Key, sets: Sets) -> dict[str, float]:
    found = {"frechet": frechet_distance(sets.samples.moments, sets.reference.moments)}
    return found | ({"frechet_infinity": _infinite(key, sets, 0.95).value} if is_extrapolated(sets) else {})


def is_extrapolated(sets: Sets) -> bool:
    """Whether there are enough samples to extrapolate the Frechet distance; otherwise it is not measured."""
    return can_extrapolate(sets.samples.n or 0, len(sets.reference.moments.mean), len(sets.samples.groups))


def _infinite(key: Key, sets: Sets, level: float) -> FrechetAtInfinity:
    return frechet_at_infinity_of_groups(key, sets.samples.groups, sets.reference.moments, level=level)


def _frechet_interval(key: Key, sets: Sets, level: float) -> dict[str, Interval]:
    from scipy.stats import t

    groups, real = sets.samples.groups, sets.reference.moments
    value = frechet_distance(sets.samples.moments, real)
    if len(groups) < 4:
        return {"frechet": Interval(value, *UNDEFINED[1:])}
    half = float(t.ppf((1 + level) / 2, len(groups) - 1)) * frechet_standard_error(groups, real)
    found = {"frechet": Interval(value, max(value - half, 0.0), value + half)}
    return found | ({"frechet_infinity": Interval(*_infinite(key, sets, level)[:3])} if is_extrapolated(sets) else {})


def _kernel(key: Key, sets: Sets) -> dict[str, float]:
    return {"kernel": kernel_distance(rows_of(sets.samples), rows_of(sets.reference)).value}


def _kernel_interval(key: Key, sets: Sets, level: float) -> dict[str, Interval]:
    from scipy.stats import norm

    value, error = kernel_distance(rows_of(sets.samples), rows_of(sets.reference), fixed_reference=True)
    half = float(norm.ppf((1 + level) / 2)) * error
    return {"kernel": Interval(value, value - half, value + half)}


def _kernel_subsets(key: Key, sets: Sets) -> dict[str, float]:
    return {"kernel_subsets": _over_subsets(key, sets).mean}


def _over_subsets(key: Key, sets: Sets) -> SubsetKernelDistance:
    x, r = rows_of(sets.samples), rows_of(sets.reference)
    return kernel_distance_subsets(key, x, r, subsets=_SUBSETS, size=min(_SUBSET, len(x), len(r)))


def _kernel_subsets_interval(key: Key, sets: Sets, level: float) -> dict[str, Interval]:
    """The mean over subsets varies around that over all pairs by the choice of subsets, besides the error of that."""
    from scipy.stats import norm

    value, spread = _over_subsets(key, sets)
    own = kernel_distance(rows_of(sets.samples), rows_of(sets.reference), fixed_reference=True).standard_error
    error = math.hypot(own, spread / math.sqrt(_SUBSETS))
    half = float(norm.ppf((1 + level) / 2)) * error
    return {"kernel_subsets": Interval(value, value - half, value + half)}


def _precision_recall(key: Key, sets: Sets) -> dict[str, float]:
    radii = sets.reference.radii.get(_K_PRECISION)
    return precision_recall(rows_of(sets.samples), rows_of(sets.reference), k=_K_PRECISION, radii=radii)._asdict()


def _density_coverage(key: Key, sets: Sets) -> dict[str, float]:
    radii = sets.reference.radii.get(_K_DENSITY)
    return density_coverage(rows_of(sets.samples), rows_of(sets.reference), k=_K_DENSITY, radii=radii)._asdict()


def _strict(key: Key, sets: Sets) -> dict[str, float]:
    radii = sets.reference.radii.get(_K_DENSITY)
    found = prdc(rows_of(sets.samples), rows_of(sets.reference), k=_K_DENSITY, strict=True, radii=radii)
    return {f"{name}_strict": value for name, value in found._asdict().items()}


def _sliced(key: Key, sets: Sets) -> dict[str, float]:
    found = sliced_wasserstein(key, rows_of(sets.samples), rows_of(sets.reference))
    return {"sliced": found.squared, "mind": found.mind}


def _score(key: Key, sets: Sets) -> dict[str, float]:
    assert sets.samples.probabilities is not None
    splits = max(1, min(10, len(sets.samples.probabilities) // _PER_SPLIT))
    return {"score": inception_score(sets.samples.probabilities, splits=splits).mean}


def _vendi(key: Key, sets: Sets) -> dict[str, float]:
    centred = rows_of(sets.samples) - sets.reference.moments.mean  # features after a ReLU are all similar otherwise
    apart = centred[np.linalg.norm(centred, axis=1) > 0]
    return {"vendi": vendi_score(apart) if len(apart) else 1.0}


def _two_sample(key: Key, sets: Sets) -> dict[str, float]:
    return {"two_sample": classifier_two_sample_test(key, rows_of(sets.samples), rows_of(sets.reference)).accuracy}


def _two_sample_interval(key: Key, sets: Sets, level: float) -> dict[str, Interval]:
    found = classifier_two_sample_test(key, rows_of(sets.samples), rows_of(sets.reference))
    return {"two_sample": wilson_interval(round(found.accuracy * found.heldout), found.heldout, confidence=level)}


def _duplicates(key: Key, sets: Sets) -> dict[str, float]:
    return {"duplicates": _birthdays(key, sets).support}


def _duplicates_interval(key: Key, sets: Sets, level: float) -> dict[str, Interval]:
    found = _birthdays(key, sets)
    return {"duplicates": Interval(found.support, found.support_low, math.inf)}


def _birthdays(key: Key, sets: Sets) -> BirthdayTest:
    return birthday_test(key, rows_of(sets.samples), same_within(rows_of(sets.reference)), draws=1)


def _authenticity(key: Key, sets: Sets) -> dict[str, float]:
    assert sets.train is not None
    return {"authenticity": authenticity(rows_of(sets.samples), rows_of(sets.train))}


KINDS: dict[str, Kind] = {
    "frechet": Kind(
        _frechet,
        {
            "frechet": ("Fréchet distance", math.inf, False, _ANY),
            "frechet_infinity": ("Fréchet distance", math.inf, False, (-math.inf, math.inf)),
        },
        frozenset(),
        interval=_frechet_interval,
    ),
    "kernel": Kind(
        _kernel,
        {"kernel": ("kernel distance", math.inf, False, (-math.inf, math.inf))},
        least=(4, 4),
        interval=_kernel_interval,
    ),
    "kernel_subsets": Kind(
        _kernel_subsets,
        {"kernel_subsets": ("kernel distance over subsets", math.inf, False, (-math.inf, math.inf))},
        least=(4, 4),
        interval=_kernel_subsets_interval,
    ),
    "precision": Kind(
        _precision_recall,
        {"precision": ("Precision", 0.0, None, _SHARE), "recall": ("Recall", 0.0, None, _SHARE)},
        least=(_K_PRECISION + 1, _K_PRECISION + 1),
        neighbours=_K_PRECISION,
    ),
    "density": Kind(
        _density_coverage,
        {"density": ("Density", 0.0, None, _ANY), "coverage": ("Coverage", 0.0, None, _SHARE)},
        least=(2, _K_DENSITY + 1),
        neighbours=_K_DENSITY,
    ),
    "precision_strict": Kind(
        _strict,
        {
            "precision_strict": ("Precision, strict (k = 5)", 0.0, None, _SHARE),
            "recall_strict": ("Recall, strict (k = 5)", 0.0, None, _SHARE),
            "density_strict": ("Density, strict (k = 5)", 0.0, None, _ANY),
            "coverage_strict": ("Coverage, strict (k = 5)", 0.0, None, _SHARE),
        },
        least=(_K_DENSITY + 1, _K_DENSITY + 1),
        neighbours=_K_DENSITY,
    ),
    "sliced": Kind(
        _sliced,
        {
            "sliced": ("sliced Wasserstein-2 distance, squared", math.inf, False, _ANY),
            "mind": ("Monge distance", math.inf, False, _ANY),
        },
    ),
    "score": Kind(_score, {"score": ("probability score", 1.0, True, (1.0, math.inf))}, frozenset({"probabilities"})),
    "vendi": Kind(_vendi, {"vendi": ("Vendi score around the mean of real examples", 1.0, None, (1.0, math.inf))}),
    "two_sample": Kind(
        _two_sample,
        {"two_sample": ("Accuracy of a classifier of samples against real examples", 1.0, None, _SHARE)},
        least=(4, 4),
        interval=_two_sample_interval,
    ),
    "duplicates": Kind(
        _duplicates,
        {"duplicates": ("Support size, estimated from duplicate samples", 0.0, True, _ANY)},
        interval=_duplicates_interval,
    ),
    "authenticity": Kind(
        _authenticity,
        {"authenticity": ("Authenticity", 0.0, None, _SHARE)},
        frozenset({"features", "train"}),
    ),
}
"""All kinds, by the name of their first metric."""

NAMES: dict[str, str] = {name: kind for kind, found in KINDS.items() for name in found.labels}
"""The kind that measures each metric."""
USUAL = ("frechet", "kernel", "precision", "density")
KEEP_NO_FEATURES = ("frechet",)


def label_of(name: str, features: Features | None) -> str:
    """The label of a metric. A distance is named after its features; it is FID, KID, MIND or the Inception score only
    in the features of their definition.

    >>> label_of("frechet", None), label_of("frechet_infinity", None), label_of("recall", None)
    ('Fréchet distance', 'Fréchet distance, extrapolated to infinitely many samples', 'Recall')
    """
    label = KINDS[NAMES[name]].labels[name][0]
    if label[0].islower() or label.startswith(("Fréchet", "Monge")):
        label = label[0].upper() + label[1:] if features is None else features.label(label)
    return label + (", extrapolated to infinitely many samples" if name == "frechet_infinity" else "")


def missing(kind: str, sets: Sets) -> str | None:
    """What is missing for a kind of metric, in words; None if it can be measured."""
    needs = KINDS[kind].needs
    if "features" in needs and sets.reference.features is None:
        return "needs real examples, but a statistics file holds only their moments"
    if "probabilities" in needs and sets.samples.probabilities is None:
        return "needs features with class probabilities: a classifier's or Inception's"
    if "train" in needs and sets.train is None:
        return "needs the training examples, but the reference has no split"
    return None


def is_large_enough(kind: str, sets: Sets) -> bool:
    """Whether both sets have as many examples as a kind of metric needs; a statistics file always has."""
    least = KINDS[kind].least
    return all(found.n is None or found.n >= n for n, found in zip(least, (sets.samples, sets.reference), strict=True))


def measure(kinds: Sequence[str], key: Key, sets: Sets) -> dict[str, float]:
    """The metrics of some kinds, by name.

    Raises:
      ValueError: sets that are too small for a metric; the message is one line.
    """
    found: dict[str, float] = {}
    for kind in kinds:
        found |= KINDS[kind].measure(named_key(key, kind), sets)
    return found


def same_within(reference: Rows, share: float = 0.01) -> float:
    """The distance up to which two features count as equal: 1 % of real examples have a neighbour that close.

    >>> same_within(np.array([[0.0], [1.0], [3.0], [7.0]], np.float32))
    1.0
    """
    from sklearn.neighbors import NearestNeighbors

    distances, _ = NearestNeighbors(n_neighbors=2).fit(reference).kneighbors(reference)
    return float(np.quantile(distances[:, 1], share, method="lower"))


def key_of(seed: int) -> Key:
    """The random key for an evaluation."""
    return named_key(jax.random.key(seed), "evaluate")
