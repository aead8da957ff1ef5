"""`Source`, the common form of all data sets, whose examples are images or points."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import Partial
from jaxtyping import Float, Int, Shaped

ArrayT = TypeVar("ArrayT", jax.Array, np.ndarray)


class DataError(ValueError):
    """Data that are missing, damaged or of the wrong kind; the message is one line that says what to do."""


@contextmanager
def naming(name: str | Path) -> Iterator[None]:
    """Puts the file or data set in front of the message of a DataError that does not know it."""
    try:
        yield
    except DataError as error:
        raise DataError(f"{name}: {error}") from error


class Examples(NamedTuple):
    """Examples `x` with `y`: labels in 0..k-1, for pairs the input images [n, h, w, e], or None.

    Images are [n, h, w, c], uint8 (0..255) or float32 in [-1, 1]; points are [n, d], float32.
    """

    x: Shaped[np.ndarray, " n *example"]
    y: Int[np.ndarray, " n"] | Shaped[np.ndarray, "n h w e"] | None = None


class Mixture(NamedTuple):
    """The modes of an equally weighted isotropic Gaussian mixture with a common `sigma`."""

    means: Float[np.ndarray, "k d"]
    sigma: float


class Polygons(NamedTuple):
    """Disjoint convex polygons in the plane, equally probable, with points uniform inside each.

    The corners are in counter-clockwise order; a polygon with fewer than v repeats its last one.
    """

    corners: Float[np.ndarray, "k v 2"]

    @property
    def areas(self) -> Float[np.ndarray, " k"]:
        """The area of each polygon: the density inside is 1 / (k area)."""
        return self._crosses().sum(axis=1) / 2

    @property
    def centres(self) -> Float[np.ndarray, "k 2"]:
        """The mean of the points inside each polygon.

        Example:
          >>> Polygons(np.array([[[0.0, 0.0], [3.0, 0.0], [0.0, 3.0]]])).centres.tolist()
          [[1.0, 1.0]]
        """
        sums = self.corners + np.roll(self.corners, -1, axis=1)
        return np.einsum("kv,kvd->kd", self._crosses(), sums) / (6 * self.areas[:, None])

    def _crosses(self) -> Float[np.ndarray, "k v"]:
        after = np.roll(self.corners, -1, axis=1)
        return self.corners[..., 0] * after[..., 1] - self.corners[..., 1] * after[..., 0]


class Source(NamedTuple):
    """A data set: `sample(key, n) -> Batch`, and its properties."""

    name: str
    shape: tuple[int, ...]  # of one example
    size: int | None  # training examples; None: unlimited
    sample: Partial
    train: Examples | None = None
    heldout: Examples | None = None
    mixture: Mixture | None = None
    classes: tuple[str, ...] = ()  # names of the labels; () without labels
    notes: tuple[str, ...] = ()  # lines on how the data were read, for the caller to show once
    polygons: Polygons | None = None

    @property
    def modes(self) -> Float[np.ndarray, "k d"] | None:
        """The centres of the known modes: of Gaussians or polygons; None for other data.

        Example:
          >>> from jaxgan.data import digits, ring
          >>> ring().modes.shape, digits().modes
          ((8, 2), None)
        """
        if self.mixture is not None:
            return self.mixture.means
        return None if self.polygons is None else self.polygons.centres

    @property
    def paired(self) -> bool:
        """Whether every example is an image with an input image, which is the condition y."""
        return self.train is not None and self.train.y is not None and self.train.y.ndim == 4

    @property
    def condition(self) -> tuple[int, ...] | None:
        """The shape of one condition y: () for a label, [h, w, e] for an input image, None for unconditional batches.

        Example:
          >>> from jaxgan.data import digits, embedded_pairs
          >>> digits().condition, digits(labels=True).condition, embedded_pairs("photos-grey").condition
          (None, (), (32, 32, 1))
        """
        y = jax.eval_shape(lambda key: self.sample(key, 1).y, jax.random.key(0))
        return None if y is None else y.shape[1:]

    def __repr__(self) -> str:
        """A summary, without the arrays."""
        size = "unlimited" if self.size is None else f"{self.size:,} example{'' if self.size == 1 else 's'}"
        parts = [self.name, f"{size} of shape {list(self.shape)}"]
        parts += [] if self.heldout is None else [f"{len(self.heldout.x):,} held out"]
        parts += [] if self.modes is None else [f"{len(self.modes)} modes"]
        return f"Source({', '.join(parts + ([f'{len(self.classes)} classes'] if self.classes else []))})"


def to_unit(x: ArrayT) -> ArrayT:
    """Grey levels as float32 in [-1, 1]: uint8 x becomes x / 127.5 - 1, floats pass through.

    NumPy arrays stay NumPy arrays and JAX arrays stay JAX arrays; works under `jit`.

    Raises:
      TypeError: any other type.

    Example:
      >>> to_unit(np.array([0, 51, 255], np.uint8))
      array([-1. , -0.6,  1. ], dtype=float32)
    """
    if jnp.issubdtype(x.dtype, jnp.floating):
        return x
    if x.dtype != np.uint8:
        raise TypeError(f"expected uint8 or floating-point images, got {x.dtype}")
    return x.astype(np.float32) / 127.5 - 1
