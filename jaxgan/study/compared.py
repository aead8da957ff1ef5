"""Resolve options to the real examples that samples are compared with, and to the features for the comparison."""

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.tree_util import Partial

from jaxgan.data.batches import Batches, from_array, from_files
from jaxgan.data.source import DataError, Source
from jaxgan.evaluation.images import features_for
from jaxgan.features import Features, inception_features, principal_features
from jaxgan.study import catalogue
from jaxgan.study.config import INCEPTION, Config
from jaxgan.study.messages import OptionError, nearest
from jaxgan.study.own_code import kept_running, place_in, raised

PARTS = ("heldout", "train", "all")
_POINTS = 10_000  # points drawn from unlimited data if no number is requested
KNOWN = ("classifier", "principal", "inception:WEIGHTS", "path/to/file.py:name")


class Real(NamedTuple):
    """Real examples.

    reference: the examples that samples are compared with
    others:    other real examples, compared with the reference like samples; None without a split
    train:     the examples that a generator of this data was trained on; None if unknown
    heldout:   the examples that it was not trained on; None if unknown
    source:    the whole data set, if it is in memory
    """

    reference: Batches
    others: Batches | None = None
    train: Batches | None = None
    heldout: Batches | None = None
    source: Source | None = None
    notes: tuple[str, ...] = ()


def is_trained(features: str | None) -> bool:
    """Return whether features are learned from the real data, which then has to be in memory.

    >>> is_trained(None), is_trained("principal"), is_trained("mine.py:look")
    (True, True, False)
    """
    return features is None or ":" not in features


def real_examples(
    against: str, part: str, image_size: int | None, *, in_memory: bool, count: int | None, seed: int = 0
) -> Real:
    """Return the real examples that a name refers to.

    Named data sets are loaded into memory, and so are files and folders if features are learned from them. Other files
    are read in batches.

    Args:
      against: the name of a data set, or a file or folder.
      part: "heldout", "train" or "all"; always all for files that have no split and are read in batches.
      image_size: the size to which images are cropped and resized.
      in_memory: whether features are learned from the examples.
      count: the number of samples to compare; unlimited data provide as many points.
      seed: the seed of the split, for data without one.

    Raises:
      OptionError, DataError: if there is no such data, or it cannot be used.
    """
    named = against in catalogue.DATA or against.startswith(("tfds:", "pairs:", "reversed-pairs:"))
    if named or in_memory or not Path(against).exists():
        try:
            source = catalogue.find_data(against, image_size=image_size, split_seed=seed)
        except OptionError as error:  # the message of --data, under the option used here
            raise OptionError("against", str(error).partition(": ")[2]) from error
        return of_source(source, part, count)
    try:
        reference = from_files(against, part=part, image_size=image_size)
        other = {"heldout": "train", "train": "heldout"}.get(reference.part)
        others = None if other is None else from_files(against, part=other, image_size=image_size)
    except DataError as error:
        raise OptionError("against", str(error)) from error
    parts = {} if others is None else {reference.part: reference, others.part: others}
    return Real(reference, others, parts.get("train"), parts.get("heldout"), notes=reference.notes)


def of_source(source: Source, part: str, count: int | None) -> Real:
    """Return the real examples of a data set in memory.

    Raises:
      OptionError: if it consists of image pairs or has no held-out examples.
    """
    if source.paired:
        raise OptionError("against", f"{source.name} consists of image pairs, which samples cannot be compared with")
    if source.size is None:
        n = _POINTS if count is None else count
        drawn = _drawn(source, 2 * n)
        parts = [from_array(source.name, half) for half in (drawn[:n], drawn[n:])]
        return Real(parts[0], parts[1], source=source, notes=source.notes)
    if source.train is None or source.heldout is None:
        raise OptionError("against", f"{source.name} has no held-out examples to compare samples with")
    sets = {"train": source.train.x, "heldout": source.heldout.x}
    own = {name: from_array(source.name, x, name) for name, x in sets.items()}
    if part == "all":
        reference = from_array(source.name, np.concatenate([sets["train"], sets["heldout"]]))
        return Real(reference, None, own["train"], own["heldout"], source, source.notes)
    others = own["heldout" if part == "train" else "train"]
    return Real(own[part], others, own["train"], own["heldout"], source, source.notes)


def find_features(
    features: str | None, source: Source | None, shape: tuple[int, ...], report: Callable[[str], None], seed: int = 0
) -> Features | Callable[[Any], Any] | None:
    """Return the features named by `--features`; None for points, which are used directly.

    Args:
      features: a name in `KNOWN`; None for a classifier's if there are labels, otherwise principal components.
      source: the data that the features are learned from, if they are learned.
      shape: the shape of one sample.
      report: called with lines of progress.
      seed: the seed of a classifier.

    Raises:
      OptionError, DataError: if there are no such features, or they do not support the data.
    """
    if features is not None and (found := without_data(features)) is not None:
        return found
    if len(shape) == 1:
        if features is not None:
            raise OptionError("features", f"got {features!r}, but points are compared as they are; leave it out")
        return None
    if source is None or source.train is None or source.heldout is None:
        what = "a statistics file has no images to learn features from"
        raise OptionError("features", f"{what}; add --against, or name inception:WEIGHTS or path/to/file.py:name")
    if features == "principal":
        return principal_features(source.train)
    if features == "classifier" and source.train.y is None:
        raise OptionError("features", f"got 'classifier', but {source.name} has no labels; leave it out or name others")
    return features_for(source, source.train, source.heldout, seed, report)


def without_data(features: str) -> Features | Callable[[Any], Any] | None:
    """Return the features named by `--features` if they need no data; None if they are learned.

    Raises:
      OptionError, DataError: if there are no such features.
    """
    if features.startswith(INCEPTION):
        return _inception(features.removeprefix(INCEPTION))
    if ":" in features:
        return _own(features)
    if features not in ("classifier", "principal"):
        raise OptionError("features", f"got {features!r}; {nearest(features, KNOWN)}")
    return None


def features_along(config: Config, source: Source, report: Callable[[str], None]) -> Features | None:
    """Return the features named by `--features` for use in the training program; None for the evaluator's default.

    Raises:
      OptionError, DataError: if there are no such features, they do not support the data, or JAX cannot trace them.
    """
    if not config.features:
        return None
    if len(source.shape) != 3 or source.paired:
        what = "pairs are judged by their targets" if source.paired else "points are compared as they are"
        raise OptionError("features", f"got {config.features!r}, but {what}; leave it out")
    found = find_features(config.features, source, source.shape, report, config.split_seed)
    assert found is not None  # there are always features of images
    if not isinstance(found, Features):
        own = found
        found = Features(getattr(own, "__name__", config.features), Partial(lambda x: (own(x), None)))
    _check_traceable(config.features, found, source.shape)
    return found


def own_function(name: str | None, features: Any) -> Any:
    """Return `features`; if they are a function of the user's, with its failures and results checked.

    Errors from the user's code pass, with their line.

    Raises:
      OptionError: later, from the function, if it cannot be called with images or does not return numbers.
    """
    if features is None or isinstance(features, Features):
        return features

    @wraps(features)
    def look(x: np.ndarray) -> np.ndarray:
        try:
            found = np.asarray(features(x))
        except Exception as error:  # whatever calling it raises, or NumPy of what it returns
            if place_in(error):
                raise
            raise OptionError("features", f"{name}{raised(error)}") from error
        if found.dtype.kind not in "biuf" and not jax.numpy.issubdtype(found.dtype, np.floating):
            raise OptionError("features", f"{name} returned an array of {found.dtype}, expected real numbers [n, d]")
        return found

    return look


def _check_traceable(name: str, features: Features, shape: tuple[int, ...]) -> None:
    images = jax.ShapeDtypeStruct((2, *shape), np.float32)
    try:
        with kept_running():
            found, _ = jax.eval_shape(features.apply, images)
            wrong = "" if found.ndim == 2 and len(found) == 2 else f"an array {list(found.shape)}"
    except Exception as error:  # whatever the user's function raises
        line = f"{name}{raised(error)}; during training it is part of the compiled program, so JAX has to trace it"
        raise OptionError("features", line) from error
    if wrong:
        raise OptionError("features", f"{name} returned {wrong} for images {list(images.shape)}, expected [2, d]")


def check_comparable(samples: Batches, real: Batches, features: str | None) -> str | None:
    """Return a note if sizes differ but the features resize them; None if they agree.

    Raises:
      DataError: if grey images are compared with colour ones, points with images, or sizes differ that must agree.
    """
    own, other = samples.shape, real.shape
    if own == other:
        return None
    sizes = f"{_words(own)} in {samples.name} and {_words(other)} in {real.name}"
    if len(own) != len(other) or len(own) == 1:
        raise DataError(f"samples and data must be of the same kind, got {sizes}")
    if own[-1] != other[-1]:
        raise DataError(f"samples and data must have the same channels, got {sizes}; convert one of them")
    if is_trained(features):
        raise DataError(f"samples and data must have the same size, got {sizes}; resize both with --image-size")
    return f"sizes differ, {sizes}: the features resize both, and resizing changes their distance"


def _words(shape: tuple[int, ...]) -> str:
    if len(shape) == 1:
        return f"points of {shape[0]} numbers"
    colour = {1: "grey", 3: "colour"}.get(shape[-1], f"{shape[-1]}-channel")
    return f"{colour} images of {shape[0]} x {shape[1]}"


def _inception(path: str) -> Features:
    if not path:
        raise OptionError("features", "got 'inception:', expected its weights file after the colon")
    return inception_features(path)


def _own(name: str) -> Features | Callable[[Any], Any]:
    found = catalogue.find_own("features", name, Features)
    if not isinstance(found, Features) and not callable(found):
        kind = type(found).__name__
        raise OptionError("features", f"{name} is of type {kind}, expected jaxgan.Features or a function of images")
    return found


def _drawn(source: Source, n: int) -> np.ndarray:
    import jax

    from jaxgan.random import named_key

    return np.asarray(source.sample(named_key(jax.random.key(0), "reference"), n).x, np.float32)
