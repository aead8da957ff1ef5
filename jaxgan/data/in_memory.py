"""Sources whose examples are arrays in memory."""

import jax
import jax.numpy as jnp
from jax.tree_util import Partial

from jaxgan.data.source import DataError, Examples, Source, to_unit
from jaxgan.data.splits import copies_note
from jaxgan.types import Array, Batch, Key


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

    >>> import numpy as np
    >>> source = from_images("ramp", Examples(np.arange(4, dtype=np.uint8).reshape(4, 1, 1, 1)))
    >>> source.sample(jax.random.key(0), 16).x.shape
    (16, 1, 1, 1)
    """
    return make_source(name, train, heldout, classes, labels=labels)


def make_source(
    name: str,
    train: Examples,
    heldout: Examples | None = None,
    classes: tuple[str, ...] = (),
    *,
    labels: bool = False,
    notes: tuple[str, ...] = (),
) -> Source:
    """A source of examples that are checked and scaled already; a line on copies among them joins the notes."""
    if len(train.x) == 0:
        raise DataError(f"{name}: expected at least one example, got none")
    if labels and train.y is None:
        raise DataError(f"{name}: labels were asked for, but these examples have none")
    y = jnp.asarray(train.y) if labels else None
    sample = Partial(_draw, jnp.asarray(train.x), y)
    copies = copies_note(train, heldout)
    notes = (*notes, f"{name}: {copies}") if copies else notes
    return Source(name, train.x.shape[1:], len(train.x), sample, train, heldout, classes=classes, notes=notes)
