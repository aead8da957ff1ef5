"""Which evaluator fits which data."""

from collections.abc import Callable

import jax
import numpy as np

from jaxgan.data.source import DataError, Examples, Source
from jaxgan.evaluation.evaluator import Evaluator
from jaxgan.evaluation.images import image_evaluator
from jaxgan.evaluation.mixtures import mixture_evaluator
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
    """The evaluator for a data set: modes where they are known, feature-space metrics of images, else distances.

    Args:
      source: data with a mixture, or with training and held-out examples.
      samples: how many each final metric is taken from.
      split_seed: of the classifier behind the metrics of labelled images, which is trained here and kept.
      features: of images, in place of a classifier of the data or principal components; with them, cells of the
        feature space stand for classes. Of more than 256 the Frechet distance is taken inside the program, so that an
        evaluation records one number whatever the features.
      report: called with each line of progress.

    Raises:
      DataError: nothing to compare samples with, or features of what are no images.

    Example:
      >>> import jaxgan as jg
      >>> [metric.name for metric in evaluator_for(jg.data.ring(), samples=500).metrics][:2]
      ['captured', 'high_quality']
    """
    if features is not None and (len(source.shape) != 3 or source.paired):
        raise DataError(f"{source.name} has no images of which features could be taken")
    if source.mixture is not None:
        return _anywhere(mixture_evaluator(source, source.mixture, samples))
    if source.train is None:
        raise DataError(f"{source.name} has neither modes nor examples to compare samples with")
    if source.paired:
        return _anywhere(*pairs_evaluator(source, source.train, source.heldout, samples))
    y = conditions_of(source, source.train)
    if len(source.shape) == 1:
        return _anywhere(points_evaluator(source, source.train, source.heldout, samples), y)
    asked = y is not None  # labels, as those of the training examples
    given = samples, split_seed, report, asked, features
    return _anywhere(image_evaluator(source, source.train, source.heldout, *given), y)


def _anywhere(evaluator: Evaluator, y: PyTree = None) -> Evaluator:
    """With its reference in numpy: JAX's arrays can be tied to one device, and runs are on all of them."""
    return evaluator._replace(reference=jax.device_get(evaluator.reference), y=y)


def conditions_of(source: Source, train: Examples) -> PyTree:
    """Labels of training examples in an order of no meaning, where the source's batches have them."""
    if source.condition is None or train.y is None:
        return None
    return np.random.default_rng(0).permutation(train.y)
