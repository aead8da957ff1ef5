"""Image features for the metrics: a map from images to features, and the names of its distances."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Float, Int, Shaped

from jaxgan.data.source import to_unit
from jaxgan.types import Array


class Features(NamedTuple):
    """A map from images [n, h, w, c] in [-1, 1] to (features [n, d], predicted classes [n] or None).

    A map that needs grey levels computes them as round(127.5 (x + 1)), which recovers the values of uint8 images. It
    may reject unsupported sizes and channels with a one-line `ValueError`.

    name:     as in "classifier-feature Frechet distance"
    apply:    the map; traceable, with its learned parameters among its arguments
    accuracy: accuracy of the classifier on the held-out images; None if unknown
    notes:    warnings about the metrics, for the caller to show
    logits:   if the map is a classifier, a map from images to (features [n, d], logits [n, K]) in one pass, for scores
              based on its probabilities
    published: whether these are the features that define FID, KID and the Inception score: those of one Inception
              network with its published weights. With other features, the distances have other names.
    digest:   SHA-256 of the learned parameters if they were read from a file; stored with all results
    """

    name: str
    apply: jax.tree_util.Partial
    accuracy: float | None = None
    notes: tuple[str, ...] = ()
    logits: jax.tree_util.Partial | None = None
    published: bool = False
    digest: str = ""

    def label(self, distance: str) -> str:
        """Return the name of a distance in this feature space; FID, KID or MIND only for the published features.

        Example:
          >>> own = Features("classifier", jax.tree_util.Partial(lambda x: (x, None)))
          >>> own.label("Fréchet distance"), own._replace(published=True).label("Fréchet distance")
          ('Classifier-feature Fréchet distance', 'FID')
        """
        known = {
            "Fréchet distance": "FID",
            "kernel distance": "KID",
            "kernel distance over subsets": "KID over subsets",
            "Monge distance": "MIND",
            "probability score": "Inception score",
        }
        if self.published and distance in known:
            return known[distance]
        return f"{self.name[:1].upper()}{self.name[1:]}-feature {distance}"


def in_batches(
    apply: Callable[[Array], tuple[Array, Array | None]], x: Shaped[np.ndarray, "n ..."], batch_size: int = 500
) -> tuple[Float[np.ndarray, " n *features"], Int[np.ndarray, " n"] | None]:
    """Apply `apply` to images [n, ...] (uint8 or in [-1, 1]), at most `batch_size` at a time; return NumPy arrays.

    Batches have equal sizes, the last one filled with its last image, so that one program is compiled for all.

    Example:
      >>> features, _ = in_batches(jax.tree_util.Partial(lambda x: (x.mean(axis=1), None)), np.ones((7, 3)), 4)
      >>> features.shape
      (7,)
    """
    size = -(-len(x) // -(-len(x) // batch_size))
    pieces = [on_images(apply, _filled(x[i : i + size], size)) for i in range(0, len(x), size)]
    features, predicted = zip(*jax.device_get(pieces), strict=True)
    classes = None if predicted[0] is None else np.concatenate(predicted)[: len(x)]
    return np.concatenate(features)[: len(x)], classes


def _filled(x: Shaped[np.ndarray, "n ..."], size: int) -> Shaped[np.ndarray, "{size} ..."]:
    return x if len(x) == size else np.concatenate([x, np.repeat(x[-1:], size - len(x), axis=0)])


@jax.jit
def on_images(apply: Any, x: Shaped[Array, "n ..."]) -> tuple[Float[Array, " n *features"], Any]:
    """Apply the compiled `apply` to images (uint8 or in [-1, 1])."""
    return apply(to_unit(x))
