"""What the image metrics look at: a map from images to features, and what its distances may be called."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Float, Int, Shaped

from jaxgan.data.source import to_unit
from jaxgan.types import Array


class Features(NamedTuple):
    """A map from images [n, h, w, c] in [-1, 1] to (features [n, d], predicted classes [n] or None).

    A map of grey levels takes them as round(127.5 (x + 1)), which gives back what uint8 images are made of. It may
    refuse sizes and channels that it cannot take, with a `ValueError` of one line.

    name:     as in "classifier-feature Frechet distance"
    apply:    the map: traceable, what it has learned among its arguments
    accuracy: of the classifier, on the held-out images; None: not known
    notes:    why the metrics may mean little: lines for the caller to show
    logits:   the same images to (features [n, d], logits [n, K]) in one pass, where the map is a classifier, for scores
              of its probabilities
    published: are they the features that FID, KID and the Inception score are defined by, those of one Inception
              network with its published weights? Of any others the distances have other names.
    digest:   SHA-256 of what the map has learned, where it was read from a file: kept with every number
    """

    name: str
    apply: jax.tree_util.Partial
    accuracy: float | None = None
    notes: tuple[str, ...] = ()
    logits: jax.tree_util.Partial | None = None
    published: bool = False
    digest: str = ""

    def label(self, distance: str) -> str:
        """What a distance in the space of these features is called; never FID but for the published ones.

        Example:
          >>> own = Features("classifier", jax.tree_util.Partial(lambda x: (x, None)))
          >>> own.label("Fréchet distance"), own._replace(published=True).label("Fréchet distance")
          ('Classifier-feature Fréchet distance', 'FID')
        """
        known = {"Fréchet distance": "FID", "kernel distance": "KID", "probability score": "Inception score"}
        if self.published and distance in known:
            return known[distance]
        return f"{self.name[:1].upper()}{self.name[1:]}-feature {distance}"


def in_batches(
    apply: Callable[[Array], tuple[Array, Array | None]], x: Shaped[np.ndarray, "n ..."], batch_size: int = 500
) -> tuple[Float[np.ndarray, " n *features"], Int[np.ndarray, " n"] | None]:
    """`apply` to images [n, ...] (uint8 or in [-1, 1]), a batch at a time, as numpy arrays."""
    pieces = [on_images(apply, x[i : i + batch_size]) for i in range(0, len(x), batch_size)]
    features, predicted = zip(*jax.device_get(pieces), strict=True)
    return np.concatenate(features), None if predicted[0] is None else np.concatenate(predicted)


@jax.jit
def on_images(apply: Any, x: Shaped[Array, "n ..."]) -> tuple[Float[Array, " n *features"], Any]:
    """`apply` to images, uint8 or in [-1, 1], compiled."""
    return apply(to_unit(x))
