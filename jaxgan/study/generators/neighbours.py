"""Check whether samples are copies: compare their distances to the nearest training and held-out images."""

from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int, Shaped
from numpy.typing import NDArray
from sklearn.neighbors import NearestNeighbors

from jaxgan.data.source import to_unit
from jaxgan.metrics.neighbours import memorization
from jaxgan.results import store
from jaxgan.study.config import from_stored
from jaxgan.study.generators.generate import load_generator
from jaxgan.study.generators.samples import check_target, labels_for, named_by, save_arrays, save_picture, target
from jaxgan.study.limits import check_limit
from jaxgan.study.messages import OptionError, expect
from jaxgan.study.planning import source_of

NEAREST = 7  # number of training images shown next to a sample
MEASURED = 1000  # number of samples whose distances are computed


class Neighbours(NamedTuple):
    """Samples and their nearest training images, by the Euclidean distance of pixels in [-1, 1].

    x:          samples [n, h, w, c]
    nearest:    indices of training images [n, k], the nearest first
    to_train:   distances of 1,000 samples to their nearest training image
    to_heldout: distances of the same samples to their nearest held-out image
    between:    distances of held-out images to their nearest training image, as a baseline without copying
    memorized:  0 if samples are nearest to held-out images as often as expected from their number, 1 if all are copies
    """

    x: Float[np.ndarray, "n h w c"]
    nearest: Int[np.ndarray, "n k"]
    to_train: Float[np.ndarray, " m"]
    to_heldout: Float[np.ndarray, " m"]
    between: Float[np.ndarray, " r"]
    memorized: float


def neighbours(
    folder: Path,
    *,
    configuration: str | None = None,
    seed: int | None = None,
    n: int = 8,
    key: int = 0,
    label: str | None = None,
    out: Path | None = None,
    overwrite: bool = False,
    trust: bool = False,
) -> tuple[list[Path], Neighbours]:
    """Write n samples with their 7 nearest training images as a picture and as arrays; return the paths and arrays.

    For a conditional generator, the samples have the class `label` or, without it, cycle through all classes; their
    neighbours may have any class.

    Args:
      folder: the folder of a run.
      configuration, seed: the generator, as in `load_generator`.
      n: the number of samples shown, one per row; distances are computed for 1,000 samples.
      key, label: random seed and class of the samples.
      out: the path of the picture; the arrays are written next to it.
      overwrite: whether to replace existing files.
      trust: whether to run code named by the folder even if the folder was created elsewhere.

    Raises:
      OptionError: if the run has points or no held-out images, or files exist.
      DataError: if the data of the run are missing.
      StoreError, CheckpointError: as in `load_generator`.
    """
    check_limit("n", n)
    expect("n", n, n <= MEASURED, f"at most {MEASURED:,}")
    check_limit("key", key)
    check_target(out, overwrite)
    generator = load_generator(folder, configuration, seed, trust=trust)
    labels = labels_for(generator, label, folder)
    source = source_of(from_stored(store.read_config(folder)["config"]))
    if len(source.shape) != 3 or source.train is None or source.heldout is None:
        raise OptionError("run", f"the run in {folder} has no training and held-out images to compare with")
    png = target(out, folder / f"neighbours-{named_by(generator, label, labels, f'n{n}')}-key{key}.png", overwrite)
    y = None if labels is None else jnp.asarray(np.resize(labels, MEASURED), jnp.int32)
    x = np.asarray(generator.sample(jax.random.key(key), MEASURED, y))
    train, heldout = (to_unit(np.asarray(part.x)) for part in (source.train, source.heldout))
    found = between(x, train, heldout, shown=n)
    rows = np.concatenate([found.x[:, None], train[found.nearest]], axis=1)
    save_picture(png, rows.reshape(-1, *x.shape[1:]), rows.shape[1])
    return [png, save_arrays(png, **{name: np.asarray(value) for name, value in found._asdict().items()})], found


def between(
    x: Shaped[np.ndarray, "m h w c"], train: Shaped[np.ndarray, "t h w c"], heldout: Shaped[np.ndarray, "r h w c"],
    *, shown: int,
) -> Neighbours:  # fmt: skip
    """Find the neighbours of samples x among training and held-out images in [-1, 1]; keep the first `shown` samples.

    Example:
      >>> train, heldout = np.array([[-1.0], [1.0]]), np.array([[0.0]])
      >>> images = [a.reshape(-1, 1, 1, 1) for a in (np.array([[-1.0], [0.9]]), train, heldout)]
      >>> found = between(*images, shown=2)
      >>> found.nearest[:, 0].tolist(), found.to_train.round(1).tolist(), found.memorized
      ([0, 1], [0.0, 0.1], 1.0)
    """
    flat = [np.asarray(part, np.float32).reshape(len(part), -1) for part in (x, train, heldout)]
    of_train, of_heldout = (NearestNeighbors(algorithm="brute").fit(part) for part in flat[1:])
    distance, index = of_train.kneighbors(flat[0], min(NEAREST, len(train)))
    to_train, to_heldout = distance[:, 0], _nearest(of_heldout, flat[0])
    nearer = np.mean((to_train < to_heldout) + 0.5 * (to_train == to_heldout))
    memorized = float(memorization(nearer, len(train), len(heldout)))
    return Neighbours(x[:shown], index[:shown], to_train, to_heldout, _nearest(of_train, flat[2]), memorized)


def _nearest(fitted: NearestNeighbors, x: NDArray) -> NDArray:
    return fitted.kneighbors(x, 1)[0][:, 0]


def in_words(found: Neighbours) -> str:
    """Return a sentence that summarizes the distances."""
    train, heldout, real = (np.median(part) for part in (found.to_train, found.to_heldout, found.between))
    return (
        f"median distance of {len(found.to_train):,} samples to the nearest training image {train:.3g}, to the nearest "
        f"held-out image {heldout:.3g}; of held-out images to the nearest training image {real:.3g}; "
        f"memorized {found.memorized:.2f} (0: no closer to training than to held-out images, 1: copies)"
    )
