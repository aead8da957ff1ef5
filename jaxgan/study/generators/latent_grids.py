"""Grids of latents to look at: along paths, between four corners, and with mixed styles."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Float

from jaxgan.study.generators.generate import LoadedGenerator
from jaxgan.study.generators.paths import linear_path, spherical_path
from jaxgan.study.messages import OptionError
from jaxgan.types import Array, Key, PyTree

LATENTS = 8  # number of fixed latents in a grid between two classes
SOURCES = 5  # number of rows of a grid with mixed styles


class LatentGrid(NamedTuple):
    """Latents of a space [rows, columns, ...], a decoder (latents [n, ...], y) -> examples, and the names of the rows.

    Rows between four corners have no names. The first latent has no meaning if the corner is empty.
    """

    space: str
    latents: Float[Array, "rows columns ..."]
    decode: Callable[[Array, PyTree], Array]
    names: tuple[str, ...]
    empty_corner: bool = False


def grid_for(generator: LoadedGenerator, kind: str, space: str, key: Key, n: int, y: PyTree = None) -> LatentGrid:
    """Return a grid of latents with n columns, in z or, with a mapping network, in w.

    paths    two rows from one latent to another, linear and spherical; in w a single linear row
    corners  n rows between four latents, spherical in both directions; in w bilinear
    mixing   5 rows of w with the later half of the layers taken from the column: coarse styles from the row, fine
             styles from the column; the first row and column show the sources themselves

    Args:
      generator: a trained generator.
      kind: "paths", "corners" or "mixing".
      space: "z" or "w".
      key: the random key of the latents.
      n: the number of columns.
      y: the class of all examples, or None.

    Raises:
      OptionError: for w without a mapping network, or for mixing in z.
    """
    if kind == "mixing" and space == "z":
        raise OptionError("space", "got z, and styles are mixed in w; add --space w")
    return {"paths": _paths, "corners": _corners, "mixing": _mixing}[kind](generator, space, key, n, y)


def latents_in(generator: LoadedGenerator, space: str, key: Key, n: int, y: PyTree = None) -> Array:
    """Draw n latents of one class y, or of classes y [n]: z [n, d], or w of all layers [n, layers, e].

    Raises:
      OptionError: for w without a mapping network.
    """
    if space == "w" and generator.mapping is None:
        raise OptionError("space", f"got w, but the generator of {generator.configuration} has no mapping network")
    z = generator.prior(key, n)
    if space == "z" or generator.mapping is None:
        return z
    return generator.mapping(z, None if y is None else jnp.broadcast_to(jnp.asarray(y, jnp.int32), (n,)))


def decoder(generator: LoadedGenerator, space: str) -> Callable[[Array, PyTree], Array]:
    """Return the decoder of a latent space: (latents [n, ...], y [n]) -> x [n, ...]."""
    if space == "z" or generator.synthesis is None:
        return generator.generate
    synthesis = generator.synthesis
    return lambda w, y: synthesis(w)


def _paths(generator: LoadedGenerator, space: str, key: Key, n: int, y: PyTree) -> LatentGrid:
    start, end = latents_in(generator, space, key, 2, y)
    decode = decoder(generator, space)
    if space == "w":
        return LatentGrid(space, linear_path(start, end, n)[None], decode, ("linear in w",))
    return LatentGrid(space, jnp.stack([linear_path(start, end, n), spherical_path(start, end, n)]), decode,
                      ("linear", "spherical"))  # fmt: skip


def _corners(generator: LoadedGenerator, space: str, key: Key, n: int, y: PyTree) -> LatentGrid:
    corners = latents_in(generator, space, key, 4, y)
    path = spherical_path if space == "z" else linear_path
    left, right = path(corners[0], corners[2], n), path(corners[1], corners[3], n)
    rows = jnp.stack([path(start, end, n) for start, end in zip(left, right, strict=True)])
    return LatentGrid(space, rows, decoder(generator, space), ("",) * n)


def _mixing(generator: LoadedGenerator, space: str, key: Key, n: int, y: PyTree) -> LatentGrid:
    w = latents_in(generator, space, key, SOURCES + n - 1, y)
    rows, columns = w[:SOURCES], w[SOURCES:]
    layers = w.shape[1]
    coarse = (jnp.arange(layers) < layers // 2)[None, None, :, None]
    mixed = jnp.where(coarse, rows[:, None], columns[None])
    body = jnp.concatenate([rows[:, None], mixed], axis=1)
    head = jnp.concatenate([w[:1], columns])[None]
    names = ("the columns' own", *(f"source {i + 1}" for i in range(SOURCES)))
    return LatentGrid(space, jnp.concatenate([head, body]), decoder(generator, space), names, empty_corner=True)


def between_classes(first: int, last: int, classes: int, n: int) -> Array:
    """Return class proportions [n, classes] that go from one class to another in equal steps.

    Example:
      >>> between_classes(0, 2, 3, 3).tolist()
      [[1.0, 0.0, 0.0], [0.5, 0.0, 0.5], [0.0, 0.0, 1.0]]
    """
    start, end = jax.nn.one_hot(jnp.array([first, last]), classes)
    return linear_path(start, end, n)
