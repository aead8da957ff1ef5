"""Write grids of examples that interpolate between latents or between classes of a trained generator."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from jaxgan.files import written_whole
from jaxgan.report.run import figures
from jaxgan.results import store
from jaxgan.study.generators.classes import label_of
from jaxgan.study.generators.generate import load_generator
from jaxgan.study.generators.latent_grids import LATENTS, SOURCES, LatentGrid, between_classes, grid_for
from jaxgan.study.generators.samples import (
    check_target,
    in_the_plane,
    labels_for,
    modes_of,
    named_by,
    save_arrays,
    save_picture,
    target,
)
from jaxgan.study.limits import LIMITS, check_limit
from jaxgan.study.messages import OptionError, expect
from jaxgan.types import Array

_FRAME = 100  # duration of an animation frame in milliseconds


def interpolate(
    folder: Path,
    *,
    configuration: str | None = None,
    seed: int | None = None,
    kind: str = "paths",
    space: str = "z",
    n: int = 10,
    key: int = 0,
    label: str | None = None,
    to_label: str | None = None,
    out: Path | None = None,
    animated: bool = False,
    overwrite: bool = False,
    trust: bool = False,
) -> list[Path]:
    """Write a grid of examples that interpolate between latents, or between two classes, with n examples per row.

    Images are written as one picture with a row per path; points as one panel per path, with the modes of the data if
    it has any. All examples have the class `label`, by default the first. With `to_label`, the latents are fixed and
    the class changes: each of 8 latents gives a row from one class to the other, in n steps of class proportions. The
    arrays are `x`, the latents (`z` or `w`) and, for rows between classes, the proportions `y`.

    Args:
      folder: the folder of a run.
      configuration, seed: the generator, as in `load_generator`.
      kind, space: the kind of grid, see `jaxgan.study.generators.latent_grids.grid_for`.
      n: the number of examples per row.
      key: the random seed of the latents.
      label, to_label: classes, by name or number.
      out: the path of the picture; the arrays are written next to it.
      animated: whether to write a .gif as well, which shows all rows at once, forwards and backwards.
      overwrite: whether to replace existing files.
      trust: whether to run code named by the folder even if the folder was created elsewhere.

    Raises:
      OptionError: if options are incompatible, the run has points where images are required, or files exist.
      StoreError, CheckpointError: as in `load_generator`.
    """
    _check_number(n, kind, to_label)
    check_limit("key", key)
    kinds = (".png", ".npz", *([".gif"] if animated else []))
    check_target(out, overwrite, kinds)
    _check_asked(folder, kind, space, animated, to_label)
    generator = load_generator(folder, configuration, seed, trust=trust)
    if generator.own_prior:
        line = f"{generator.configuration} is a recipe of your own, whose prior is not known here; use jaxgan sample"
        raise OptionError("configuration", line)
    labels = labels_for(generator, label, folder)
    name, drawn = named_by(generator, label, labels), jax.random.key(key)
    what = "interpolation" if (kind, space) == ("paths", "z") else f"{kind}-{space}"
    if to_label is None:
        y = labels[0] if labels else None
        png = target(out, folder / f"{what}-{name}-n{n}-key{key}.png", overwrite, kinds)
        grid = grid_for(generator, kind, space, drawn, n, y)
        return _written(png, grid, y, folder, animated, "" if y is None else generator.classes[y])
    last = label_of(to_label, generator.classes, folder, "to_class")
    assert labels  # `label_of` has checked that the class exists
    z = jnp.repeat(generator.prior(drawn, LATENTS)[:, None], n, axis=1)
    grid = LatentGrid("z", z, generator.generate, tuple(f"latent {i}" for i in range(LATENTS)))
    png = target(out, folder / f"{what}-{name}-to-class{last}-n{n}-key{key}.png", overwrite, kinds)
    named = f"{generator.classes[labels[0]]} to {generator.classes[last]}"
    return _written(png, grid, between_classes(labels[0], last, len(generator.classes), n), folder, animated, named)


def _check_number(n: int, kind: str, to_label: str | None) -> None:
    """Check the number of examples per row, and of all rows together."""
    check_limit("n", n)
    expect("n", n, n >= 2, "at least 2: both ends of a path")
    rows = LATENTS if to_label is not None else {"paths": 2, "corners": n, "mixing": SOURCES + 1}[kind]
    most = int(LIMITS["n"].highest)
    expect("n", f"{n:,}, which makes {rows * n:,} examples", rows * n <= most, f"at most {most:,} in all")


def _check_asked(folder: Path, kind: str, space: str, animated: bool, to_label: str | None) -> None:
    """Check that options go together, and what needs images, before anything is loaded."""
    if to_label is not None and (kind, space) != ("paths", "z"):
        raise OptionError("to_class", "is a path between classes at fixed latents z; leave out --kind and --space")
    if len(store.read_config(folder)["shape"]) == 3:
        return
    asked = {"gif": animated, "to_class": to_label is not None, "kind": kind != "paths"}
    for option in (option for option, needs_images in asked.items() if needs_images):
        raise OptionError(option, f"the run in {folder} makes points, expected images")


def _written(
    png: Path, grid: LatentGrid, y: int | Array | None, folder: Path, animated: bool, named: str
) -> list[Path]:
    """Write the examples of a grid, all of one class or with each row along class proportions y [n, K].

    Each row has its name beside it; before that of the first stands `named`: the class, or both.
    """
    rows, n = grid.latents.shape[:2]
    flat = grid.latents.reshape(rows * n, *grid.latents.shape[2:])
    given = y if y is None else jnp.full(rows * n, y, jnp.int32) if isinstance(y, int) else jnp.tile(y, (rows, 1))
    made = np.asarray(grid.decode(flat, given))
    along = np.array(made.reshape(rows, n, *made.shape[1:]))
    if along.ndim == 3:
        names = [f"{named}, {name}" if named else name for name in grid.names]
        lines = dict(zip(names, in_the_plane(made).reshape(rows, n, 2), strict=True))
        figures.save_png(figures.paths_figure(lines, modes_of(folder)), png)
    else:
        if grid.empty_corner:
            along[0, 0] = 1  # white
        names = [", ".join(filter(None, (named, grid.names[0]))), *grid.names[1:]]
        save_picture(png, along.reshape(-1, *along.shape[2:]), n, names=names if any(names) else None)
    shares = {"y": np.asarray(y)} if isinstance(y, jax.Array) else {}
    latents = {grid.space: np.asarray(grid.latents)}
    written = [png, save_arrays(png, x=along, **latents, **shares)]
    return [*written, _save_animation(png.with_suffix(".gif"), along)] if animated else written


def _save_animation(path: Path, along: NDArray) -> Path:
    """Save images [paths, n, h, w, c] as a looping animation of n frames with all paths, forwards and backwards."""
    columns = min(4, len(along))
    blank = np.zeros((-len(along) % columns, *along.shape[1:]), along.dtype)
    cells = np.moveaxis(np.concatenate([along, blank]).reshape(-1, columns, *along.shape[1:]), 2, 0)
    first, *others = [figures.grid_image(cells[i], filled=len(along)) for i in range(along.shape[1])]
    with written_whole(path) as partial:
        first.save(partial, "GIF", save_all=True, append_images=[*others, *others[-2::-1]], duration=_FRAME, loop=0)
    return path
