"""Write samples of a trained generator as a picture and as arrays."""

import math
from collections.abc import Sequence
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from jaxgan.files import written_whole
from jaxgan.report.run import figures
from jaxgan.results import store
from jaxgan.study import catalogue
from jaxgan.study.config import MIXTURES
from jaxgan.study.generators.classes import label_of
from jaxgan.study.generators.generate import LoadedGenerator, condition_shape, load_generator
from jaxgan.study.generators.truncated_latents import parsed
from jaxgan.study.generators.truncation import truncated_sampler
from jaxgan.study.limits import check_limit
from jaxgan.study.messages import OptionError

_OF_EACH_CLASS = 10  # the default number of samples per class


def sample(
    folder: Path,
    *,
    configuration: str | None = None,
    seed: int | None = None,
    n: int | None = None,
    key: int = 0,
    label: str | None = None,
    truncation: str | None = None,
    statistics: str = "running",
    out: Path | None = None,
    overwrite: bool = False,
    trust: bool = False,
) -> list[Path]:
    """Write n samples of one seed's generator as a picture and as arrays (.npz with `x`, and `z` if it is known).

    For a conditional generator, the samples have the class `label`. Without `label`, there are n samples of each class,
    one row of the picture per class, all from the same latents. The picture has the names of the classes; the arrays
    hold the labels `y` and the names of all classes. By default n is 64, or 10 per class. Return the two paths: `out`,
    by default in the run's folder, and the .npz next to it; files that exist are replaced only with `overwrite`. See
    `truncated_sampler` for `truncation` and `load_generator` for `statistics`.
    """
    check_limit("n", 1 if n is None else n)
    check_limit("key", key)
    check_target(out, overwrite)
    named = drawn_parts(truncation, statistics, n)
    generator = load_generator(folder, configuration, seed, statistics=statistics, truncation=truncation, trust=trust)
    labels = labels_for(generator, label, folder)
    rows = 1 if labels is None else len(labels)
    n = (64 if rows == 1 else _OF_EACH_CLASS) if n is None else n
    check_limit("n", n * rows)
    png = target(out, folder / f"sample-{named_by(generator, label, labels, *named)}-key{key}.png", overwrite)
    drawn, draw = jax.random.key(key), truncated_sampler(generator, truncation)
    if labels is None:
        x, arrays = np.asarray(draw(drawn, n, None)), {}
    else:
        of_class = jax.jit(lambda one: draw(drawn, n, jnp.full(n, one, jnp.int32)))
        x = np.concatenate([of_class(one) for one in labels])
        arrays = {"y": np.repeat(np.asarray(labels, np.int32), n), "classes": np.array(generator.classes)}
    names = None if labels is None else [generator.classes[one] for one in labels]
    save_picture(png, x, _columns(n) if rows == 1 else n, modes_of(folder), names)
    if not generator.own_prior and truncation is None:
        arrays["z"] = np.tile(np.asarray(generator.prior(drawn, n)), (rows, 1))
    return [png, save_arrays(png, x=x, **arrays)]


def labels_for(generator: LoadedGenerator, named: str | None, folder: Path) -> list[int] | None:
    """Return the labels of the named class, or of all classes if none is named; None for an unconditional generator.

    Raises:
      OptionError: if the generator has no such class or no classes at all.
    """
    if condition_shape(store.read_config(folder)):
        raise OptionError("run", f"{folder} translates images: jaxgan translate {folder} FILES...")
    if named is not None:
        return [label_of(named, generator.classes, folder)]
    return list(range(len(generator.classes))) or None


def named_by(generator: LoadedGenerator, named: str | None, labels: list[int] | None, *parts: str) -> str:
    """Return the part of a file name that identifies the generator, the class, by its number, and what else differs."""
    one = [f"class{labels[0]}"] if labels is not None and named is not None else []
    return "-".join([generator.configuration, f"seed{generator.seed}", *one, *parts])


def drawn_parts(truncation: str | None, statistics: str, n: int | None) -> list[str]:
    """Return the parts of a file name that say how samples are drawn, where this is not the default.

    Raises:
      OptionError: if the truncation is none.

    Example:
      >>> drawn_parts("scaled:0.5", "standing", 9), drawn_parts(None, "running", None)
      (['truncation-scaled-0.5', 'standing', 'n9'], [])
    """
    parts = []
    if truncation is not None:
        parsed(truncation)
        parts.append(f"truncation-{truncation.replace(':', '-')}")
    return parts + ([statistics] if statistics != "running" else []) + ([f"n{n}"] if n is not None else [])


def _columns(n: int) -> int:
    """Return the number of columns of a grid of n: near square with full rows; otherwise twice as wide as high.

    >>> _columns(64), _columns(12), _columns(7)
    (8, 4, 4)
    """
    widths = [width for width in range(1, n + 1) if n % width == 0 and n <= width**2 <= 4 * n]
    return widths[0] if widths else min(n, math.ceil(math.sqrt(2 * n)))


def target(out: Path | None, default: Path, overwrite: bool, kinds: Sequence[str] = (".png", ".npz")) -> Path:
    """Return the path of the picture; files of all `kinds` will be written beside it under its name.

    Raises:
      OptionError: if one of the files exists and must not be overwritten, or their folder does not exist.
    """
    png = default if out is None else out.with_suffix(".png")
    check_files([png.with_suffix(kind) for kind in kinds], overwrite)
    return png


def check_target(out: Path | None, overwrite: bool, kinds: Sequence[str] = (".png", ".npz")) -> None:
    """Check a named path as `target` does, before anything is loaded. A default path is only known later."""
    if out is not None:
        target(out, out, overwrite, kinds)


def check_files(paths: Sequence[Path], overwrite: bool) -> None:
    """Check that files may be written, whether their names are given or the default.

    Raises:
      OptionError: if one of them exists and must not be overwritten, or their folder does not exist.
    """
    for path in paths:
        if path.exists() and not overwrite:
            raise OptionError("out", f"{path} exists already; add --overwrite or name another file")
        if not path.parent.is_dir():
            raise OptionError("out", f"there is no folder {path.parent}")


def save_arrays(png: Path, **arrays: NDArray) -> Path:
    path = png.with_suffix(".npz")
    with written_whole(path) as partial, partial.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]
    return path


def in_the_plane(x: NDArray) -> NDArray:
    """Return the first two coordinates of points [n, d]; the second is 0 if d is 1."""
    return np.pad(x, ((0, 0), (0, max(0, 2 - x.shape[1]))))[:, :2]


def modes_of(folder: Path) -> NDArray | None:
    """Return the centres of the modes if those of the data of the run in `folder` are known, otherwise None."""
    data = store.read_config(folder)["config"]["data"]
    return catalogue.find_data(data).modes if data in MIXTURES else None


def save_picture(
    png: Path, x: NDArray, columns: int, modes: NDArray | None = None, names: Sequence[str] | None = None
) -> None:
    """Write points, or images in rows; `names` are those of the first rows, or of equal parts of the points."""
    if x.ndim == 2:
        figures.save_png(figures.points_figure(in_the_plane(x), modes, names), png)
        return
    rows = -(-len(x) // columns)
    blank = np.zeros((rows * columns - len(x), *x.shape[1:]), x.dtype)
    cells = np.concatenate([x, blank]).reshape(rows, columns, *x.shape[1:])
    with written_whole(png) as partial:
        each = None if names is None else [*names, *[""] * (rows - len(names))]
        figures.grid_image(cells, filled=len(x), names=each).save(partial, "PNG")
