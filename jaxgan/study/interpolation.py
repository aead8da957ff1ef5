"""What lies between two latents, or between two classes, of a trained generator."""

from collections.abc import Sequence
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from jaxgan.files import written_whole
from jaxgan.game import normal_prior
from jaxgan.report.run import figures
from jaxgan.study.classes import label_of
from jaxgan.study.generate import (
    LoadedGenerator,
    in_the_plane,
    labels_for,
    load_generator,
    modes_of,
    named_by,
    save_arrays,
    save_picture,
    target,
)
from jaxgan.study.limits import check_limit
from jaxgan.study.messages import OptionError, expect
from jaxgan.study.paths import linear_path, spherical_path
from jaxgan.types import Array

LATENTS = 8  # whose examples go from one class to another
_FRAME = 100  # milliseconds of a frame of an animation


def interpolate(
    folder: Path,
    *,
    configuration: str | None = None,
    seed: int | None = None,
    n: int = 10,
    key: int = 0,
    label: str | None = None,
    to_label: str | None = None,
    out: Path | None = None,
    animated: bool = False,
    overwrite: bool = False,
    trust: bool = False,
) -> list[Path]:
    """Writes n examples along the paths between two latents, one linear and one spherical, or between two classes.

    Images are a row of each path; points a panel of each, with the modes where the data have such. All are of the class
    that `label` names; with none, of the first. With `to_label` latents stay as they are and classes change: each of 8
    latents is a path from the one class to the other, by n pairs of their shares. The arrays are `x`, the latents `z`
    and, of such a path, the shares `y`. With `animated` a .gif beside them goes along all paths, there and back.
    """
    check_limit("n", n)
    expect("n", n, n >= 2, "at least 2: both ends of a path")
    check_limit("key", key)
    generator = load_generator(folder, configuration, seed, trust=trust)
    if generator.own_prior:
        line = f"{generator.configuration} is a recipe of your own, whose prior is not known here; use jaxgan sample"
        raise OptionError("configuration", line)
    labels = labels_for(generator, label, folder)
    name, drawn = named_by(generator, label, labels), jax.random.key(key)
    if to_label is None:
        png = target(out, folder / f"interpolation-{name}-key{key}.png", overwrite)
        start, end = normal_prior(generator.latent_dim)(drawn, 2)
        z = jnp.stack([linear_path(start, end, n), spherical_path(start, end, n)])
        y = labels[0] if labels else None
        return _written(png, generator, ("linear", "spherical"), z, y, folder, animated)
    last = label_of(to_label, generator.classes, folder, "to_class")
    assert labels  # else there is no class of that name
    png = target(out, folder / f"interpolation-{name}-to-class{last}-key{key}.png", overwrite)
    z = jnp.repeat(normal_prior(generator.latent_dim)(drawn, LATENTS)[:, None], n, axis=1)
    shares = between_classes(labels[0], last, len(generator.classes), n)
    return _written(png, generator, [f"latent {i}" for i in range(LATENTS)], z, shares, folder, animated)


def between_classes(first: int, last: int, classes: int, n: int) -> Array:
    """Shares of the classes [n, classes] from the first to the last, in even steps.

    Example:
      >>> between_classes(0, 2, 3, 3).tolist()
      [[1.0, 0.0, 0.0], [0.5, 0.0, 0.5], [0.0, 0.0, 1.0]]
    """
    start, end = jax.nn.one_hot(jnp.array([first, last]), classes)
    return linear_path(start, end, n)


def _written(
    png: Path, generator: LoadedGenerator, names: Sequence[str], z: Array, y: int | Array | None, folder: Path,
    animated: bool,
) -> list[Path]:  # fmt: skip
    """The examples of latents z [paths, n, d], all of one class or each path by shares y [n, K], on disk."""
    paths, n, _ = z.shape
    given = y if y is None else jnp.full(paths * n, y, jnp.int32) if isinstance(y, int) else jnp.tile(y, (paths, 1))
    x = np.asarray(generator.generate(z.reshape(paths * n, -1), given))
    along, written = x.reshape(paths, n, *x.shape[1:]), [png]
    if animated and x.ndim == 2:
        raise OptionError("gif", f"the run in {folder} makes points, expected images")
    if x.ndim == 2:
        lines = dict(zip(names, in_the_plane(x).reshape(paths, n, 2), strict=True))
        figures.save_png(figures.paths_figure(lines, modes_of(folder)), png)
    else:
        save_picture(png, x, n)
    shares = {"y": np.asarray(y)} if isinstance(y, jax.Array) else {}
    written.append(save_arrays(png, x=along, z=np.asarray(z), **shares))
    return [*written, _save_animation(png.with_suffix(".gif"), along)] if animated else written


def _save_animation(path: Path, along: NDArray) -> Path:
    """Images [paths, n, h, w, c] as n frames with all paths in each, and back again; without an end."""
    columns = min(4, len(along))
    blank = np.zeros((-len(along) % columns, *along.shape[1:]), along.dtype)
    cells = np.moveaxis(np.concatenate([along, blank]).reshape(-1, columns, *along.shape[1:]), 2, 0)
    first, *others = [figures.grid_image(cells[i], filled=len(along)) for i in range(along.shape[1])]
    with written_whole(path) as partial:
        first.save(partial, "GIF", save_all=True, append_images=[*others, *others[-2::-1]], duration=_FRAME, loop=0)
    return path
