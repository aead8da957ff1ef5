"""Sources whose examples are in-memory arrays."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import Partial
from numpy.typing import ArrayLike

from jaxgan.data.source import DataError, Examples, Source, naming, to_unit
from jaxgan.data.splits import copies_note, split
from jaxgan.data.values import as_images, as_labels, as_points
from jaxgan.types import Array, Batch, Key

_SHOWN = 5  # classes named in a line


def _draw(x: Array, y: Array | None, key: Key, n: int) -> Batch:
    index = jax.random.randint(key, (n,), 0, x.shape[0])
    if y is None:
        return Batch(to_unit(x[index]))
    return Batch(to_unit(x[index]), to_unit(y[index]) if y.ndim == 4 else y[index])


def from_images(
    name: str,
    train: Examples,
    heldout: Examples | None = None,
    classes: tuple[str, ...] = (),
    *,
    labels: bool = False,
    value_range: tuple[float, float] | None = None,
) -> Source:
    """A source whose batches are drawn uniformly *with replacement* from `train`.

    Such minibatches are i.i.d. draws from the empirical distribution, which is what the theory of stochastic
    gradients assumes, and they cost one gather: the compiled step needs no epoch and no permutation. Images
    are arguments of the sampler (a pytree), not constants of the program; uint8 stays uint8 on the device.

    Args:
      name: the name of the data in reports and error messages.
      train, heldout: images [n, h, w] or [n, h, w, c] with optional labels; values and labels are read by the same
        rules as from files, see `from_path`. `split` divides one set into the two.
      classes: names of the labels, which must then be 0..k-1; by default the labels themselves.
      labels: whether the condition `y` of a batch holds the labels; if not, batches are unconditional.
      value_range: the values of black and white, if not the defaults of the type.

    Raises:
      TypeError: an array that is not wrapped in `Examples`.
      DataError: shapes, values or labels that do not fit; no examples; `labels` for data without any.

    Example:
      >>> source = from_images("ramp", Examples(np.arange(4, dtype=np.uint8).reshape(4, 1, 1, 1)))
      >>> source.sample(jax.random.key(0), 16).x.shape
      (16, 1, 1, 1)
    """
    parts = [train] if heldout is None else [train, heldout]
    for role, part in zip(("train", "heldout"), parts, strict=False):
        if not isinstance(part, Examples):
            raise TypeError(f"{role} must be Examples(x) or Examples(x, y), got {type(part).__name__}")
    if not all(len(part.x) for part in parts):
        raise DataError(f"{name}: expected at least one training and one held-out example, got none")
    x, notes = as_images([part.x for part in parts], name, value_range)
    found, classes = _labelled(x, [part.y for part in parts], classes, name)
    heldout = found[1] if len(found) == 2 else None
    return make_source(name, found[0], heldout, classes, labels=labels, notes=notes)


def from_points(
    x: ArrayLike,
    y: ArrayLike | None = None,
    *,
    name: str = "points",
    split_seed: int = 0,
    heldout_fraction: float = 0.2,
    labels: bool = False,
) -> Source:
    """A source of points x [n, d], drawn as in `from_images`; a fraction of the distinct points is held out.

    Points are converted to float32 but not scaled; a note of the source states their means and standard deviations.

    Args:
      x: the points [n, d].
      y: optional labels [n]: integers, strings, bools, or one-hot rows [n, k].
      name: the name of the data in reports and error messages.
      split_seed, heldout_fraction: which points are held out, and what fraction.
      labels: whether the condition `y` of a batch holds the labels.

    Raises:
      DataError: shapes, values or labels that do not fit, or too few points.

    Example:
      >>> source = from_points(np.random.default_rng(0).normal(size=(100, 2)))
      >>> source.shape, source.size, len(source.heldout.x)
      ((2,), 80, 20)
    """
    parts, notes = as_points([np.asarray(x)], name)
    (everything,), classes = _labelled(parts, [None if y is None else np.asarray(y)], (), name)
    with naming(name):
        train, heldout = split(everything, heldout_fraction, split_seed, classes)
    return make_source(name, train, heldout, classes, labels=labels, notes=notes)


def make_source(
    name: str,
    train: Examples,
    heldout: Examples | None = None,
    classes: tuple[str, ...] = (),
    *,
    labels: bool = False,
    notes: tuple[str, ...] = (),
    where: str | Path | None = None,
) -> Source:
    """A source of examples that are already checked and scaled; adds notes on copies and untrained classes.

    Errors begin with `where`, by default the name.
    """
    where = name if where is None else where
    untrained = _untrained(train, heldout, classes)
    if labels:
        _check_conditions(where, train, heldout, classes, untrained)
    elif untrained:
        notes = (*notes, f"{where}: held-out examples of {untrained}, of which there are no training examples")
    y = jnp.asarray(train.y) if labels else None
    sample = Partial(_draw, jnp.asarray(train.x), y)
    copies = copies_note(train, heldout)
    notes = (*notes, f"{name}: {copies}") if copies else notes
    return Source(name, train.x.shape[1:], len(train.x), sample, train, heldout, classes=classes, notes=notes)


def unseen(source: Source) -> Partial:
    """A sampler of data not used for training: the held-out examples, or new ones if the source is unlimited.

    Batches have conditions if the source's own batches do.

    Example:
      >>> from jaxgan.data.digits import digits
      >>> unseen(digits(labels=True))(jax.random.key(0), 5).y.shape
      (5,)
    """
    if source.heldout is None:
        return source.sample
    x, y = source.heldout
    return Partial(_draw, jnp.asarray(x), None if source.condition is None else jnp.asarray(y))


def _untrained(train: Examples, heldout: Examples | None, classes: tuple[str, ...]) -> str:
    """The labels that only held-out examples have, in words; "" if there are none."""
    if heldout is None or train.y is None or heldout.y is None or train.y.ndim > 1:
        return ""
    only = np.setdiff1d(heldout.y, train.y).tolist()
    named = [repr(classes[label] if classes else label) for label in only]
    more = f" and {len(named) - _SHOWN} more" if len(named) > _SHOWN else ""
    return f"class{'' if len(named) == 1 else 'es'} {', '.join(named[:_SHOWN])}{more}" if named else ""


def _check_conditions(
    name: str | Path, train: Examples, heldout: Examples | None, classes: tuple[str, ...], untrained: str
) -> None:
    """Checks that conditions exist for every example and, for labels, that there are at least two classes."""
    if train.y is None:
        raise DataError(f"{name}: expected examples with labels for a condition, got none")
    if heldout is not None and heldout.y is None:
        raise DataError(f"{name}: expected held-out examples with labels for a condition, got none")
    if train.y.ndim == 1 and (train.y == train.y[:1]).all():
        only = classes[int(train.y[0])] if classes else int(train.y[0])
        raise DataError(f"{name}: expected labels of at least two classes for a condition, got only {only!r}")
    if untrained:
        raise DataError(f"{name}: expected training examples of every class, got none of {untrained}")


def _labelled(
    x: list[np.ndarray], y: list[np.ndarray | None], classes: tuple[str, ...], name: str
) -> tuple[list[Examples], tuple[str, ...]]:
    """The parts with labels in 0..k-1: their own labels if `classes` names them, otherwise renumbered."""
    given = [(i, part) for i, part in enumerate(y) if part is not None]
    if not given:
        return [Examples(part) for part in x], classes
    found, names = as_labels([part for _, part in given], [len(x[i]) for i, _ in given], name)
    if classes:
        for _, part in given:
            if part.ndim != 1 or part.dtype.kind not in "iu" or not 0 <= part.min() <= part.max() < len(classes):
                raise DataError(f"{name}: expected integer labels 0..{len(classes) - 1}, one for each named class")
        found, names = [part.astype(np.int32) for _, part in given], classes
    labels = {i: part for (i, _), part in zip(given, found, strict=True)}
    return [Examples(part, labels.get(i)) for i, part in enumerate(x)], names
