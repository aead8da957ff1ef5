"""What every data set is: a `Source`, and the few functions that turn images into one."""

import math
from typing import NamedTuple, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import Partial

from jaxgan.types import Array, Batch, Key

ArrayT = TypeVar("ArrayT", jax.Array, np.ndarray)


class DataError(ValueError):
    """Data that is absent, damaged or of the wrong kind; the message is one line that says what to do."""


class Examples(NamedTuple):
    """Images `x` [n, h, w, c], uint8 (0..255) or float32 in [-1, 1], and labels `y` int32 [n] or None."""

    x: np.ndarray
    y: np.ndarray | None = None


class Mixture(NamedTuple):
    """The modes of an equally weighted isotropic Gaussian mixture: `means` [k, d], one `sigma` for all."""

    means: np.ndarray
    sigma: float


class Source(NamedTuple):
    """A data set: `sample(key, n) -> Batch`, and what else is known of it."""

    name: str
    shape: tuple[int, ...]  # of one example
    size: int | None  # training examples; None: unlimited
    sample: Partial
    train: Examples | None = None
    heldout: Examples | None = None
    mixture: Mixture | None = None
    classes: tuple[str, ...] = ()  # names of the labels; () when there are none


def to_unit(x: ArrayT) -> ArrayT:
    """Grey levels as float32 in [-1, 1]: uint8 x becomes x / 127.5 - 1, floats pass through.

    numpy in, numpy out; a jax array stays one, also under `jit`. Raises TypeError for other types.

    >>> to_unit(np.array([0, 51, 255], np.uint8))
    array([-1. , -0.6,  1. ], dtype=float32)
    """
    if jnp.issubdtype(x.dtype, jnp.floating):
        return x
    if x.dtype != np.uint8:
        raise TypeError(f"expected uint8 or floating-point images, received {x.dtype}")
    return x.astype(np.float32) / 127.5 - 1


def _draw(x: Array, y: Array | None, key: Key, n: int) -> Batch:
    index = jax.random.randint(key, (n,), 0, x.shape[0])
    return Batch(to_unit(x[index]), None if y is None else y[index])


def from_images(
    name: str,
    train: Examples,
    heldout: Examples | None = None,
    classes: tuple[str, ...] = (),
    *,
    labels: bool = False,
) -> Source:
    """A source whose batches are drawn uniformly *with replacement* from `train`.

    Such minibatches are i.i.d. draws from the empirical distribution, which is what the theory of stochastic
    gradients assumes, and they cost one gather: the compiled step keeps no epoch and no permutation. Images
    are arguments of the sampler (a pytree), not constants of the program; uint8 stays uint8 on the device.
    With `labels` the batch's condition `y` holds them; without, the batch is unconditional.

    >>> source = from_images("ramp", Examples(np.arange(4, dtype=np.uint8).reshape(4, 1, 1, 1)))
    >>> source.sample(jax.random.key(0), 16).x.shape
    (16, 1, 1, 1)
    """
    if len(train.x) == 0:
        raise DataError(f"{name}: expected at least one image, received none")
    if labels and train.y is None:
        raise DataError(f"{name}: labels were asked for, but these images have none")
    y = jnp.asarray(train.y) if labels else None
    sample = Partial(_draw, jnp.asarray(train.x), y)
    return Source(name, train.x.shape[1:], len(train.x), sample, train, heldout, classes=classes)


def split(
    images: Examples, fraction: float, seed: int, classes: tuple[str, ...] = ()
) -> tuple[Examples, Examples | None]:
    """(train, held out): a random `fraction` is held out, class by class where there are labels.

    A fraction of 0 holds nothing out (None). Raises DataError where a class, named as in `classes`, is too
    small to be in both parts.

    >>> train, heldout = split(Examples(np.zeros((10, 2, 2, 1), np.uint8)), 0.3, seed=0)
    >>> len(train.x), len(heldout.x)
    (7, 3)
    """
    from sklearn.model_selection import train_test_split

    if not 0 <= fraction < 1:
        raise ValueError(f"expected a held-out fraction in [0, 1), received {fraction}")
    if fraction == 0:
        return images, None
    n = len(images.x)
    if n < 2:
        raise DataError(f"holding images out needs at least 2 of them, received {n}")
    if images.y is not None:
        labels, counts = np.unique(images.y, return_counts=True)
        if counts.min() < 2:
            label = int(labels[counts.argmin()])
            name = classes[label] if classes else label
            raise DataError(f"holding images out needs at least 2 of each class, class {name} has 1")
    held, kept = math.ceil(fraction * n), n - math.ceil(fraction * n)
    classes_here = 1 if images.y is None else len(np.unique(images.y))
    if min(held, kept) < classes_here:
        needed = math.ceil(classes_here / min(fraction, 1 - fraction))
        raise DataError(
            f"holding out {fraction:g} of the images, of each of {classes_here} classes, "
            f"needs at least {needed} of them, received {n}"
        )
    parts = train_test_split(np.arange(n), test_size=fraction, random_state=seed, stratify=images.y)
    train, heldout = (Examples(images.x[i], None if images.y is None else images.y[i]) for i in parts)
    return train, heldout
