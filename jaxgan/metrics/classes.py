"""Which classes of a labelled data set do the samples reach, according to a classifier's features?

Predicted classes alone are not enough: a classifier assigns a class to every picture, and spreads pictures of pure
noise over nearly all classes. So a sample counts for a class only if it is also as close to the class, in feature
space, as the class's own held-out examples. The distance to a class is the distance to its nearest training example,
because noise is close to the mean of a class more often than to any of its members.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int
from numpy.typing import ArrayLike
from scipy.special import rel_entr

CAPTURED_SHARE = 0.25  # of the share that a class has in the data


class ClassReference(NamedTuple):
    """The reference for `class_report`: the k classes of a data set in feature space."""

    examples: tuple[Float64[np.ndarray, "_ d"], ...]  # the training features of each of the k classes
    radius: Float64[np.ndarray, " k"]  # the distance within which most held-out examples of the class lie
    histogram: Float64[np.ndarray, " k"]  # shares of the classes in the training data
    copies: Int[np.ndarray, " k"]  # held-out examples that equal a training example of their class


class ClassReport(NamedTuple):
    """How n samples cover k classes."""

    histogram: Float64[np.ndarray, " k"]  # share of samples predicted to be of the class
    near: Float64[np.ndarray, " k"]  # share of samples predicted to be of the class and within its radius
    captured: int  # classes with at least a quarter of their share in the data
    classes_hit: int  # classes with at least one near sample
    kl: float  # KL(histogram || the data's histogram), nats, 0 log 0 = 0
    near_share: float  # share of samples within their class's radius, like high quality for a mixture


def class_reference(
    train_features: ArrayLike,
    train_labels: ArrayLike,
    heldout_features: ArrayLike,
    heldout_labels: ArrayLike,
    k: int,
    *,
    percentile: float = 99.0,
) -> ClassReference:
    """Examples from training features [n, d], radii from held-out ones [m, d], both by true label 0 .. k-1.

    radius[c] is the `percentile` of the distance to class c over its held-out examples. These are used because a
    training example has distance 0 from itself. If a held-out example is a copy of a training example, as happens with
    duplicates in the data, the distance is to the nearest example that differs from it. A class that repeats a single
    example has no such distance: its radius is half the distance to the nearest example of another class, and infinite
    if there is no other example at all.

    Args:
      train_features: [n, d].
      train_labels: [n], in 0 .. k-1.
      heldout_features: [m, d].
      heldout_labels: [m], in 0 .. k-1.
      k: the number of classes.
      percentile: the share of held-out examples within the radius of their class, in percent.

    Raises:
      ValueError: mismatched shapes, labels outside 0 .. k-1, or a class that either set lacks.

    >>> reference = class_reference([[0.0], [2.0], [9.0]], [0, 0, 1], [[1.5], [8.0]], [0, 1], k=2)
    >>> reference.radius.tolist()
    [0.5, 1.0]
    """
    train, labels = _checked(train_features, train_labels, k)
    heldout, heldout_classes = _checked(heldout_features, heldout_labels, k)
    for name, present in (("training", labels), ("held-out", heldout_classes)):
        if missing := sorted(set(range(k)) - set(present.tolist())):
            raise ValueError(f"expected {name} examples of all {k} classes, got none of {missing}")
    examples = tuple(train[labels == c] for c in range(k))
    distance = _distance(heldout, heldout_classes, examples)
    copy = np.isfinite(distance) & (distance <= _same(heldout))
    for c in np.unique(heldout_classes[copy]):
        rows = copy & (heldout_classes == c)
        distance[rows] = _distance_to_others(heldout[rows], examples[c])
    radius = np.array([_radius(distance[heldout_classes == c], percentile) for c in range(k)])
    for c in np.flatnonzero(np.isnan(radius)):
        others = train[labels != c]
        radius[c] = np.min(_distance_to_others(examples[c][:1], others)) / 2 if len(others) else np.inf
    copies = np.bincount(heldout_classes[copy], minlength=k)
    return ClassReference(examples, radius, np.bincount(labels, minlength=k) / len(labels), copies)


def class_report(
    features: ArrayLike,
    predicted: ArrayLike,
    reference: ClassReference,
    *,
    captured_share: float = CAPTURED_SHARE,
) -> ClassReport:
    """Coverage of the classes by samples with features [n, d] and a classifier's predicted classes [n].

        captured = #{c: near_c >= captured_share * histogram_c of the data, and at least one sample}

    as for modes, see `mode_report`. The share is of all samples and relative to that of a faithful sampler, so a rare
    class needs few samples, and one sample in thousands does not capture a common class. `classes_hit` is the usual
    count of modes, as for stacked digits in Metz et al. (2017), but it counts only near samples. Features that are not
    finite are near nothing.

    Raises:
      ValueError: mismatched shapes or predicted classes outside 0 .. k-1.

    >>> reference = class_reference([[0.0], [9.0]], [0, 1], [[1.0], [8.0]], [0, 1], k=2)
    >>> report = class_report([[0.1], [0.2], [5.0], [6.0]], [0, 0, 1, 1], reference)
    >>> report.histogram.tolist(), report.near.tolist(), report.captured, report.kl
    ([0.5, 0.5], [0.5, 0.0], 1, 0.0)
    """
    k, d = len(reference.examples), reference.examples[0].shape[1]
    samples, classes = _checked(features, predicted, k)
    if samples.shape[1] != d:
        raise ValueError(f"expected features [n, {d}] like the reference, got shape {samples.shape}")
    near = _distance(samples, classes, reference.examples) <= reference.radius[classes]
    counts, near_counts = np.bincount(classes, minlength=k), np.bincount(classes[near], minlength=k)
    return coverage(counts, near_counts, reference, captured_share=captured_share)


def coverage(
    counts: ArrayLike,
    near_counts: ArrayLike,
    reference: ClassReference,
    *,
    captured_share: float = CAPTURED_SHARE,
) -> ClassReport:
    """`class_report` from the number of samples predicted for each class, and how many of them are near it.

    >>> reference = class_reference([[0.0], [9.0]], [0, 1], [[1.0], [8.0]], [0, 1], k=2)
    >>> coverage([2, 2], [2, 0], reference).near.tolist()
    [0.5, 0.0]
    """
    counts, near_counts = np.asarray(counts), np.asarray(near_counts)
    histogram, near = counts / counts.sum(), near_counts / counts.sum()
    return ClassReport(
        histogram=histogram,
        near=near,
        captured=int(np.sum((near > 0) & (near >= captured_share * reference.histogram))),
        classes_hit=int(np.sum(near > 0)),
        kl=float(np.sum(rel_entr(histogram, reference.histogram))),
        near_share=float(near.sum()),
    )


def _distance(
    features: Float64[np.ndarray, "n d"],
    classes: Int[np.ndarray, " n"],
    examples: tuple[Float64[np.ndarray, "_ d"], ...],
) -> Float64[np.ndarray, " n"]:
    """The distance from each feature to the nearest example of its class; infinite for non-finite features."""
    from sklearn.metrics import pairwise_distances_argmin_min

    distance = np.full(len(features), np.inf)
    # Squares beyond 1e300 overflow, and scikit-learn rejects values that are not finite.
    usable = (np.abs(features) < 1e150).all(axis=1)
    for c, members in enumerate(examples):
        rows = usable & (classes == c)
        if rows.any():
            distance[rows] = pairwise_distances_argmin_min(features[rows], members)[1]
    return distance


def _same(features: Float64[np.ndarray, "n d"]) -> Float64[np.ndarray, " n"]:
    """The distance up to which an example counts as equal to each feature vector.

    The same image has slightly different features in two batches: float32 rounds sums by about 1e-6 of their size.
    Also, scikit-learn computes distances as roots of differences of squares, which are exact to the root of float64's
    1e-16.
    """
    return 1e-5 * np.linalg.norm(features, axis=1)


def _distance_to_others(
    features: Float64[np.ndarray, "n d"], members: Float64[np.ndarray, "m d"]
) -> Float64[np.ndarray, " n"]:
    """The distance from each feature to the nearest member that differs from it; infinite if it equals all."""
    from sklearn.metrics import pairwise_distances_chunked

    same = _same(features)

    def nearest(block: Float64[np.ndarray, "b m"], start: int) -> Float64[np.ndarray, " b"]:
        own = same[start : start + len(block), None]
        return np.where(block <= own, np.inf, block).min(axis=1)

    return np.concatenate(list(pairwise_distances_chunked(features, members, reduce_func=nearest)))


def _radius(distance: Float64[np.ndarray, " n"], percentile: float) -> float:
    """The percentile of the finite distances; NaN if there are none."""
    distance = distance[np.isfinite(distance)]
    return float(np.percentile(distance, percentile)) if len(distance) else np.nan


def _checked(
    features: ArrayLike, labels: ArrayLike, k: int
) -> tuple[Float64[np.ndarray, "n d"], Int[np.ndarray, " n"]]:
    features, labels = np.asarray(features, dtype=np.float64), np.asarray(labels)
    if features.ndim != 2 or labels.shape != features.shape[:1] or not len(features):
        raise ValueError(
            f"expected features [n, d] and classes [n], n > 0, got shapes {features.shape} and {labels.shape}"
        )
    if not np.issubdtype(labels.dtype, np.integer) or labels.min() < 0 or labels.max() >= k:
        raise ValueError(
            f"expected integer classes 0 .. {k - 1}, got {labels.dtype} from {labels.min()} to {labels.max()}"
        )
    return features, labels
