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
from jaxgan.metrics.extrapolation import FrechetAtInfinity, frechet_at_infinity_of_groups
from jaxgan.metrics.frechet import frechet_distance
from jaxgan.metrics.frechet_error import frechet_standard_error
from jaxgan.metrics.inputs import generator
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

    measure: (key, sets) -> a value for each name
    needs:   what it requires: "features" (all of them, of samples and reference), "probabilities", "train"
    labels:  by metric name: its label, its worst value, whether higher is better (None: closest to the value of real
             data), and its range
    interval: (key, sets, values, level) -> intervals by name, if there is a formula; otherwise half-samples are used
    """

    measure: Callable[[Key, Sets], dict[str, float]]
    labels: Mapping[str, tuple[str, float, bool | None, tuple[float, float]]]
    needs: frozenset[str] = frozenset({"features"})
    interval: Callable[[Key, Sets, Mapping[str, float], float], dict[str, Interval]] | None = None


_WIDE, _FEW_SIZES = 512, 5
_SUBSETS, _SUBSET = 100, 1000  # of the published kernel distance
_ANY, _SHARE = (0.0, math.inf), (0.0, 1.0)


def _rows(found: FeatureSet) -> Rows:
    assert found.features is not None  # guaranteed by `missing`
    return found.features


def _frechet(key: Key, sets: Sets) -> dict[str, float]:
    found = {"frechet": frechet_distance(sets.samples.moments, sets.reference.moments)}
    if len(sets.samples.groups) >= 4:
        found["frechet_infinity"] = _infinite(key, sets, 0.95).value
    return found


def _infinite(key: Key, sets: Sets, level: float) -> FrechetAtInfinity:
    groups, real = sets.samples.groups, sets.reference.moments
    few = None if len(real.mean) <= _WIDE else _FEW_SIZES  # a distance in 2,048 features takes seconds
    return frechet_at_infinity_of_groups(key, groups, real, sizes=few, level=level)


def _frechet_interval(key: Key, sets: Sets, values: Mapping[str, float], level: float) -> dict[str, Interval]:
    from scipy.stats import t

    groups, real = sets.samples.groups, sets.reference.moments
    if len(groups) < 4:
        return {}
    half = float(t.ppf((1 + level) / 2, len(groups) - 1)) * frechet_standard_error(groups, real)
    infinite = _infinite(key, sets, level)
    return {
        "frechet": Interval(values["frechet"], max(values["frechet"] - half, 0.0), values["frechet"] + half),
        "frechet_infinity": Interval(infinite.value, infinite.low, infinite.high),
    }


def _kernel(key: Key, sets: Sets) -> dict[str, float]:
    return {"kernel": kernel_distance(_rows(sets.samples), _rows(sets.reference)).value}


def _kernel_interval(key: Key, sets: Sets, values: Mapping[str, float], level: float) -> dict[str, Interval]:
    from scipy.stats import norm

    value, error = kernel_distance(_rows(sets.samples), _rows(sets.reference))
    half = float(norm.ppf((1 + level) / 2)) * error
    return {"kernel": Interval(value, value - half, value + half)}


def _kernel_subsets(key: Key, sets: Sets) -> dict[str, float]:
    return {"kernel_subsets": _over_subsets(key, sets).mean}


def _over_subsets(key: Key, sets: Sets) -> SubsetKernelDistance:
    x, r = _rows(sets.samples), _rows(sets.reference)
    return kernel_distance_subsets(key, x, r, subsets=_SUBSETS, size=min(_SUBSET, len(x), len(r)))


def _kernel_subsets_interval(key: Key, sets: Sets, values: Mapping[str, float], level: float) -> dict[str, Interval]:
    """The mean over subsets varies around that over all pairs by the choice of subsets, besides the error of that."""
    from scipy.stats import norm

    value, spread = values["kernel_subsets"], _over_subsets(key, sets).std_over_subsets
    error = math.hypot(kernel_distance(_rows(sets.samples), _rows(sets.reference)).standard_error,
                       spread / math.sqrt(_SUBSETS))  # fmt: skip
    half = float(norm.ppf((1 + level) / 2)) * error
    return {"kernel_subsets": Interval(value, value - half, value + half)}


def _precision_recall(key: Key, sets: Sets) -> dict[str, float]:
    return precision_recall(_rows(sets.samples), _rows(sets.reference))._asdict()


def _density_coverage(key: Key, sets: Sets) -> dict[str, float]:
    return density_coverage(_rows(sets.samples), _rows(sets.reference))._asdict()


def _strict(key: Key, sets: Sets) -> dict[str, float]:
    found = prdc(_rows(sets.samples), _rows(sets.reference), strict=True)
    return {f"{name}_strict": value for name, value in found._asdict().items()}


def _sliced(key: Key, sets: Sets) -> dict[str, float]:
    found = sliced_wasserstein(key, _rows(sets.samples), _rows(sets.reference))
    return {"sliced": found.squared, "mind": found.mind}


def _score(key: Key, sets: Sets) -> dict[str, float]:
    assert sets.samples.probabilities is not None
    return {"score": inception_score(sets.samples.probabilities, splits=min(10, len(sets.samples.probabilities))).mean}


def _vendi(key: Key, sets: Sets) -> dict[str, float]:
    centred = _rows(sets.samples) - sets.reference.moments.mean  # features after a ReLU are all similar otherwise
    apart = centred[np.linalg.norm(centred, axis=1) > 0]
    return {"vendi": vendi_score(apart) if len(apart) else 1.0}


def _two_sample(key: Key, sets: Sets) -> dict[str, float]:
    return {"two_sample": classifier_two_sample_test(key, _rows(sets.samples), _rows(sets.reference)).accuracy}


def _two_sample_interval(key: Key, sets: Sets, values: Mapping[str, float], level: float) -> dict[str, Interval]:
    heldout = classifier_two_sample_test(key, _rows(sets.samples), _rows(sets.reference)).heldout
    return {"two_sample": wilson_interval(round(values["two_sample"] * heldout), heldout, confidence=level)}


def _duplicates(key: Key, sets: Sets) -> dict[str, float]:
    return {"duplicates": _birthdays(key, sets).support}


def _duplicates_interval(key: Key, sets: Sets, values: Mapping[str, float], level: float) -> dict[str, Interval]:
    return {"duplicates": Interval(values["duplicates"], _birthdays(key, sets).support_low, math.inf)}


def _birthdays(key: Key, sets: Sets) -> BirthdayTest:
    return birthday_test(key, _rows(sets.samples), same_within(_rows(sets.reference)), draws=1)


def _authenticity(key: Key, sets: Sets) -> dict[str, float]:
    assert sets.train is not None
    return {"authenticity": authenticity(_rows(sets.samples), _rows(sets.train))}


KINDS: dict[str, Kind] = {
    "frechet": Kind(
        _frechet,
        {
            "frechet": ("Fréchet distance", math.inf, False, _ANY),
            "frechet_infinity": ("Fréchet distance", math.inf, False, (-math.inf, math.inf)),
        },
        frozenset(),
        _frechet_interval,
    ),
    "kernel": Kind(
        _kernel,
        {"kernel": ("kernel distance", math.inf, False, (-math.inf, math.inf))},
        interval=_kernel_interval,
    ),
    "kernel_subsets": Kind(
        _kernel_subsets,
        {"kernel_subsets": ("kernel distance over subsets", math.inf, False, (-math.inf, math.inf))},
        interval=_kernel_subsets_interval,
    ),
    "precision": Kind(
        _precision_recall,
        {"precision": ("Precision", 0.0, None, _SHARE), "recall": ("Recall", 0.0, None, _SHARE)},
    ),
    "density": Kind(
        _density_coverage,
        {"density": ("Density", 0.0, None, _ANY), "coverage": ("Coverage", 0.0, None, _SHARE)},
    ),
    "precision_strict": Kind(
        _strict,
        {
            "precision_strict": ("Precision, strict (k = 5)", 0.0, None, _SHARE),
            "recall_strict": ("Recall, strict (k = 5)", 0.0, None, _SHARE),
            "density_strict": ("Density, strict (k = 5)", 0.0, None, _ANY),
            "coverage_strict": ("Coverage, strict (k = 5)", 0.0, None, _SHARE),
        },
    ),
    "sliced": Kind(
        _sliced,
        {
            "sliced": ("sliced Wasserstein-2 distance, squared", math.inf, False, _ANY),
            "mind": ("Monge distance", math.inf, False, _ANY),
        },
    ),
    "score": Kind(_score, {"score": ("probability score", 1.0, True, (1.0, math.inf))}, frozenset({"probabilities"})),
    "vendi": Kind(_vendi, {"vendi": ("Vendi score", 1.0, None, (1.0, math.inf))}),
    "two_sample": Kind(
        _two_sample,
        {"two_sample": ("Accuracy of a classifier of samples against real examples", 1.0, None, _SHARE)},
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


def measure(kinds: Sequence[str], key: Key, sets: Sets) -> dict[str, float]:
    """The metrics of some kinds, by name.

    Raises:
      ValueError: sets that are too small for a metric; the message is one line.
    """
    found: dict[str, float] = {}
    for kind in kinds:
        found |= KINDS[kind].measure(named_key(key, kind), sets)
    return found


def intervals(
    kinds: Sequence[str],
    key: Key,
    sets: Sets,
    values: Mapping[str, float],
    *,
    level: float = 0.95,
    resamples: int = 40,
    advance: Callable[[int], object] = lambda n: None,
) -> dict[str, Interval]:
    """Intervals of metrics over new samples, for a fixed reference: how much another set of that size would move them.

    Uses a formula if there is one (Frechet distances, kernel distance, two-sample test, duplicates); otherwise value
    +- t times the standard deviation over random halves of the samples, drawn without replacement. For a smooth
    statistic this equals the standard deviation of the full set over new samples. Unlike bootstrap resamples, halves
    never hold a sample twice, which would make it its own nearest neighbour.

    Args:
      kinds: of metrics.
      key: for the halves; the one that `measure` was called with.
      sets: the features.
      values: the result of `measure`.
      level: the confidence level.
      resamples: the number of halves; with fewer than 2 there are no intervals from halves.
      advance: called with 1 after each half.

    Source: Shao and Wu 1989, A general theory for jackknife variance estimation.
    """
    from scipy.stats import t

    found, by_halves = {name: Interval(value, *UNDEFINED[1:]) for name, value in values.items()}, []
    for kind in kinds:
        formula = KINDS[kind].interval
        if formula is None:
            by_halves.append(kind)
        else:
            found |= formula(named_key(key, kind), sets, values, level)
    if resamples < 2 or not by_halves or (sets.samples.n or 0) < 20:
        return found
    rng, replicates = generator(named_key(key, "halves")), []
    for _ in range(resamples):
        replicates.append(measure(by_halves, key, sets._replace(samples=_half(sets.samples, rng))))
        advance(1)
    factor = float(t.ppf((1 + level) / 2, resamples - 1))
    for name in (name for kind in by_halves for name in KINDS[kind].labels):
        half = factor * float(np.std([each[name] for each in replicates], ddof=1))
        low, high = KINDS[NAMES[name]].labels[name][3]
        value = values[name]
        found[name] = Interval(value, max(value - half, low), min(value + half, high))
    return found


def same_within(reference: Rows, share: float = 0.01) -> float:
    """The distance up to which two features count as equal: 1 % of real examples have a neighbour that close.

    >>> same_within(np.array([[0.0], [1.0], [3.0], [7.0]], np.float32))
    1.0
    """
    from sklearn.neighbors import NearestNeighbors

    distances, _ = NearestNeighbors(n_neighbors=2).fit(reference).kneighbors(reference)
    return float(np.quantile(distances[:, 1], share, method="lower"))


def _half(samples: FeatureSet, rng: np.random.Generator) -> FeatureSet:
    rows = _rows(samples)
    chosen = rng.permutation(len(rows))[: len(rows) // 2]
    own = samples.probabilities
    return samples._replace(n=len(chosen), features=rows[chosen], probabilities=None if own is None else own[chosen])


def key_of(seed: int) -> Key:
    """The random key for an evaluation."""
    return named_key(jax.random.key(seed), "evaluate")
