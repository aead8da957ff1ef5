"""Project images: find the latents whose generated examples are nearest to them."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Float
from numpy.typing import NDArray

from jaxgan.data.source import Examples, to_unit
from jaxgan.results import store
from jaxgan.study.config import from_stored
from jaxgan.study.generators.classes import label_of
from jaxgan.study.generators.generate import load_generator
from jaxgan.study.generators.latent_grids import decoder, latents_in
from jaxgan.study.generators.samples import check_target, named_by, save_arrays, save_picture, target
from jaxgan.study.generators.translation import read_inputs
from jaxgan.study.limits import check_limit
from jaxgan.study.messages import OptionError
from jaxgan.study.planning import source_of
from jaxgan.types import Array, PyTree

STARTS = 4  # random initial latents per image; the best result is kept
HELDOUT = 8  # number of held-out images of the run's data that are projected in addition


class Projected(NamedTuple):
    """The generated examples nearest to some images, by the mean square difference of pixels in [-1, 1].

    x:       images [n, h, w, c]
    nearest: the generator's output for `latents` [n, ...]
    error:   root mean square difference between the two, for each image
    """

    x: Float[np.ndarray, "n h w c"]
    nearest: Float[np.ndarray, "n h w c"]
    latents: Float[np.ndarray, "n ..."]
    error: Float[np.ndarray, " n"]

    @property
    def relative(self) -> Float[np.ndarray, " n"]:
        """The error divided by that of the nearest image of one colour: images of low contrast have small errors.

        An image of one colour has infinity, or NaN if its own error is 0.

        Example:
          >>> x = np.array([-1.0, 1.0]).reshape(1, 2, 1, 1)
          >>> Projected(x, x / 2, np.zeros((1, 3)), np.array([0.5])).relative.tolist()
          [0.5]
        """
        plain = self.x.mean(axis=(1, 2), keepdims=True)
        with np.errstate(divide="ignore", invalid="ignore"):
            return self.error / np.sqrt(np.mean((self.x - plain) ** 2, axis=(1, 2, 3)))


def project(
    folder: Path,
    files: Sequence[Path],
    *,
    configuration: str | None = None,
    seed: int | None = None,
    space: str = "z",
    steps: int = 500,
    learning_rate: float = 0.05,
    key: int = 0,
    label: str | None = None,
    out: Path | None = None,
    overwrite: bool = False,
    trust: bool = False,
    report: Callable[[str], None] = lambda line: None,
) -> tuple[list[Path], Projected, Projected]:
    """Write pictures with the nearest generated examples, found by gradient descent, as a picture and as arrays.

    8 held-out images of the run's data are projected as well, as a baseline for images like those that the generator
    was trained on; for a conditional generator, each with its own class. The arrays are those of `Projected`,
    `relative` and, for a conditional generator, the classes `y`. Return the paths, the projections of the pictures, and
    those of the held-out images.

    Args:
      folder: the folder of a run on images.
      files: pictures, fitted to the size of the run's images.
      configuration, seed: the generator, as in `load_generator`.
      space: the latents to optimize: "z" or, with a mapping network, "w" of every layer.
      steps: the number of Adam steps, with a cosine schedule, from 4 random latents per image.
      learning_rate: the initial learning rate of Adam.
      key: the random seed of the initial latents.
      label: the class of the pictures for a conditional generator; by default its first class.
      out: the path of the picture; the arrays are written next to it.
      overwrite: whether to replace existing files.
      trust: whether to run code named by the folder even if the folder was created elsewhere.
      report: called with a line for every picture that had to be fitted.

    Raises:
      OptionError: if the run has points, `space` is "w" and the generator has no mapping network, or files exist.
      DataError: if a file is not a picture; the one-line message names the file.
      StoreError, CheckpointError: as in `load_generator`.
    """
    check_limit("steps", steps)
    check_limit("key", key)
    check_limit("learning_rate", learning_rate)
    check_target(out, overwrite)
    content = store.read_config(folder)
    shape = tuple(content["shape"])
    if len(shape) != 3 or content.get("condition"):
        raise OptionError("run", f"the run in {folder} makes no images from latents alone")
    own = np.stack(read_inputs(files, shape, report))
    generator = load_generator(folder, configuration, seed, trust=trust)
    y = 0 if label is None else label_of(label, generator.classes, folder)
    named = named_by(generator, label, [y], space)
    png = target(out, folder / f"projection-{named}-key{key}.png", overwrite)
    heldout = source_of(from_stored(content["config"])).heldout
    x = own if heldout is None else np.concatenate([own, to_unit(np.asarray(heldout.x[:HELDOUT]))])
    classes = _classes_of(y, len(own), heldout) if generator.classes else None
    given = None if classes is None else jnp.repeat(classes, STARTS)
    start = latents_in(generator, space, jax.random.key(key), len(x) * STARTS, given)
    decode = partial(_decoded, decoder(generator, space), given)
    found = nearest_to(x, decode, start, steps, learning_rate)
    save_picture(png, np.stack([found.x, found.nearest]).reshape(-1, *shape), len(x))
    arrays = found._asdict() | {"relative": found.relative} | ({} if classes is None else {"y": classes})
    path = save_arrays(png, **{name: np.asarray(value) for name, value in arrays.items()})
    parts = [Projected(*(value[part] for value in found)) for part in (slice(len(own)), slice(len(own), None))]
    return [png, path], parts[0], parts[1]


def _classes_of(label: int, n: int, heldout: Examples | None) -> Array:
    """Return the class of each image: n times that of the pictures, then those of the first held-out images."""
    own = np.full(n, label, np.int32)
    others = own[:0] if heldout is None or heldout.y is None else np.asarray(heldout.y[:HELDOUT], np.int32)
    return jnp.asarray(np.concatenate([own, others]))


def nearest_to(
    x: NDArray, decode: Callable[[Array], Array], start: Array, steps: int, learning_rate: float
) -> Projected:
    """Return the latents whose examples are nearest to images x [n, ...]: for each, the best of k starts [n * k, ...].

    The mean square difference is minimized with Adam; `decode` maps all n * k latents to examples. A start whose error
    becomes NaN is the best only if all are.

    Example:
      >>> found = nearest_to(np.full((1, 1, 1, 1), 0.5), lambda z: z.reshape(-1, 1, 1, 1), jnp.zeros((2, 1)), 300, 0.05)
      >>> found.latents.round(2).tolist(), bool(found.error < 0.01)
      ([[0.5]], True)
    """
    n = len(x)
    wanted = jnp.repeat(jnp.asarray(x, jnp.float32), len(start) // n, axis=0)
    optimizer = optax.adam(optax.cosine_decay_schedule(learning_rate, steps))

    def errors(latents: Array) -> Array:
        return jnp.mean((decode(latents) - wanted) ** 2, axis=tuple(range(1, wanted.ndim)))

    @jax.jit
    def descend(latents: Array) -> tuple[Array, Array, Array]:
        def step(carry: tuple[Array, Any], _: None) -> tuple[tuple[Array, Any], None]:
            latents, state = carry
            gradient = jax.grad(lambda latents: jnp.sum(errors(latents)))(latents)
            moved, state = optimizer.update(gradient, state)
            return (latents + moved, state), None

        (latents, _), _ = jax.lax.scan(step, (latents, optimizer.init(latents)), length=steps)
        return latents, decode(latents), errors(latents)

    latents, made, error = map(np.asarray, descend(start))
    best = np.arange(n), np.nan_to_num(error, nan=np.inf).reshape(n, -1).argmin(axis=1)
    chosen = [part.reshape(n, -1, *part.shape[1:])[best] for part in (made, latents, np.sqrt(error))]
    return Projected(np.asarray(x), *chosen)


def in_words(own: Projected, heldout: Projected) -> str:
    """Return a sentence that summarizes the errors."""
    error, relative = np.median(own.error), np.median(own.relative)
    line = f"root mean square difference, pixels in [-1, 1]: {error:.3g}, the median over the pictures"
    line += f", and {relative:.3g} of the error of the nearest image of one colour"
    if not len(heldout.error):
        return line
    return f"{line}; {np.median(heldout.error):.3g} and {np.median(heldout.relative):.3g} over held-out images"


def _decoded(decode: Callable[[Array, PyTree], Array], y: PyTree, latents: Array) -> Array:
    return decode(latents, y)
