"""Select the evaluator for a data set."""

from collections.abc import Callable

import jax
import numpy as np

from jaxgan.data.source import DataError, Examples, Source
from jaxgan.evaluation.evaluator import Evaluator
from jaxgan.evaluation.images import image_evaluator
from jaxgan.evaluation.mixtures import mixture_evaluator, polygons_evaluator
from jaxgan.evaluation.pairs import pairs_evaluator
from jaxgan.evaluation.points import points_evaluator
from jaxgan.features import Features
from jaxgan.types import PyTree


def evaluator_for(
    source: Source,
    samples: int = 5000,
    *,
    split_seed: int = 0,
    features: Features | None = None,
    report: Callable[[str], None] = lambda line: None,
) -> Evaluator:
    """The evaluator for a data set: known modes, feature-space metrics for images, distances for other points.

    Args:
      source: data with a mixture or polygons, or with training and held-out examples.
      samples: the number of samples for each final metric.
      split_seed: for the classifier behind the metrics of labelled images, which is trained and cached here.
      features: for images, in place of a classifier of the data or principal components; cells of the feature space
        then stand in for classes. With more than 256 features the Frechet distance is computed inside the program, so
        that an evaluation records one number however many features there are.
      report: called with each line of progress.

    Raises:
      DataError: nothing to compare samples with, or features for data that are not images.

    Example:
      >>> import jaxgan as jg
      >>> [metric.name for metric in evaluator_for(jg.data.ring(), samples=500).metrics][:2]
      ['captured', 'high_quality']
    """
    if features is not None and (len(source.shape) != 3 or source.paired):
        raise DataError(f"{source.name} has no images, expected images for features")
    if source.mixture is not None:
        return _anywhere(mixture_evaluator(source, source.mixture, samples))
    if source.polygons is not None:
        return _anywhere(polygons_evaluator(source, source.polygons, samples))
    if source.train is None:
        raise DataError(f"{source.name} has neither modes nor examples to compare samples with")
    if source.paired:
        return _anywhere(*pairs_evaluator(source, source.train, source.heldout, samples))
    y = conditions_of(source, source.train)
    if len(source.shape) == 1:
        return _anywhere(points_evaluator(source, source.train, source.heldout, samples), y)
    asked = y is not None  # labels, like those of the training examples
    given = samples, split_seed, report, asked, features
    return _anywhere(image_evaluator(source, source.train, source.heldout, *given), y)


def _anywhere(evaluator: Evaluator, y: PyTree = None) -> Evaluator:
    """Converts the reference to NumPy: a JAX array can be tied to one device, but runs use all of them."""
    return evaluator._replace(reference=jax.device_get(evaluator.reference), y=y)


def conditions_of(source: Source, train: Examples) -> PyTree:
    """The labels of training examples in random order, if the source's batches have labels."""
    if source.condition is None or train.y is None:
        return None
    return np.random.default_rng(0).permutation(train.y)
