"""What a finished or interrupted run can still do: load a trained generator, sample from it, interpolate in it."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from jaxgan import checkpoint
from jaxgan.game import normal_prior
from jaxgan.report.run import figures
from jaxgan.results import store
from jaxgan.study import catalogue
from jaxgan.study.config import OptionError, nearest
from jaxgan.types import Array, Generator, Key


class LoadedGenerator(NamedTuple):
    """One trained generator: `generate(z)` [n, latent_dim] -> x [n, ...], and where it comes from."""

    generate: Callable[[Array], Array]
    latent_dim: int
    loss: str
    seed: int
    step: int

    def sample(self, key: Key, n: int) -> Array:
        """n samples: latents from the prior that it was trained with."""
        return self.generate(normal_prior(self.latent_dim)(key, n))


def load_generator(folder: Path | str, loss: str | None = None, seed: int = 0) -> LoadedGenerator:
    """The generator of `seed` under `loss` (default: the practical one, else the run's first) from a run's folder.

    `loss` may be the name of a recipe, where the run is of recipes.

    Only its own parameters are read; the discriminator is not needed.

    Raises:
      StoreError, OptionError, CheckpointError: no run, no such loss or seed, or damaged numbers.
    """
    folder = Path(folder)
    config = store.read_config(folder)["config"]
    names = [*config["loss"], *config.get("recipe", [])]
    trained = [name for name in map(catalogue.slug, names) if checkpoint.latest_step(folder / name / "generator")]
    if not trained:
        raise store.StoreError(f"{folder} holds no trained generator yet")
    if loss is None:
        loss = "non_saturating" if "non_saturating" in trained else trained[0]
    loss = catalogue.slug(loss)  # spelled as for `compare`, too
    if loss not in trained:
        raise OptionError("loss", f"got {loss!r}; {nearest(loss, trained)}")
    if not 0 <= seed < config["seeds"]:
        raise OptionError("seed", f"got {seed}, expected 0 to {config['seeds'] - 1}")
    directory = folder / loss / "generator"
    network = checkpoint.read_meta(directory)["network"]
    module = catalogue.build_generator(network)
    stacked, _ = checkpoint.load(directory, _shapes(module, network["latent_dim"], config["seeds"]))
    params, model_state = jax.tree.map(lambda a: a[seed], tuple(stacked))

    @jax.jit
    def generate(z: Array) -> Array:
        return module.apply({"params": params, **model_state}, z, train=False)

    step = checkpoint.latest_step(directory)
    assert step is not None  # it was loaded
    return LoadedGenerator(generate, network["latent_dim"], loss, seed, step)


def sample(
    folder: Path,
    *,
    loss: str | None = None,
    seed: int = 0,
    n: int = 64,
    key: int = 0,
    out: Path | None = None,
    overwrite: bool = False,
) -> list[Path]:
    """Writes n samples of one seed's generator as a picture and as arrays (.npz with `x` and `z`).

    Returns the two paths: `out` and the .npz beside it, by default in the run's folder.
    """
    if n < 1:
        raise OptionError("n", f"got {n}, expected at least 1")
    generator = load_generator(folder, loss, seed)
    png = _target(out, folder / f"sample-{generator.loss}-seed{seed}-key{key}.png", overwrite)
    z = normal_prior(generator.latent_dim)(jax.random.key(key), n)
    x = np.asarray(generator.generate(z))
    columns = min(n, max(1, math.ceil(math.sqrt(2 * n))))  # twice as wide as high
    _save_picture(png, x, columns)
    return [png, _save_arrays(png, x=x, z=np.asarray(z))]


def interpolate(
    folder: Path,
    *,
    loss: str | None = None,
    seed: int = 0,
    n: int = 10,
    key: int = 0,
    out: Path | None = None,
    overwrite: bool = False,
) -> list[Path]:
    """Writes n images along the paths between two latents: a linear row and a spherical one beneath it."""
    if n < 2:
        raise OptionError("n", f"got {n}, expected at least 2")
    generator = load_generator(folder, loss, seed)
    png = _target(out, folder / f"interpolation-{generator.loss}-seed{seed}-key{key}.png", overwrite)
    start, end = normal_prior(generator.latent_dim)(jax.random.key(key), 2)
    z = jnp.concatenate([linear_path(start, end, n), spherical_path(start, end, n)])
    x = np.asarray(generator.generate(z))
    _save_picture(png, x, n)
    return [png, _save_arrays(png, x=x.reshape(2, n, *x.shape[1:]), z=np.asarray(z).reshape(2, n, -1))]


def linear_path(start: Array, end: Array, n: int) -> Array:
    """n latents (1 - t) start + t end, t from 0 to 1. In the middle they are shorter than the prior's."""
    t = jnp.linspace(0.0, 1.0, n).reshape(n, 1)
    return (1 - t) * start.reshape(1, -1) + t * end.reshape(1, -1)


def spherical_path(start: Array, end: Array, n: int) -> Array:
    """n latents on the great circle: (sin((1 - t) a) start + sin(t a) end) / sin(a), a the angle between them.

    Where the angle is 0 or pi, which leaves the circle open, the linear path.

    Source: White 2016, Sampling Generative Networks.

    Example:
      >>> path = spherical_path(jnp.array([1.0, 0.0]), jnp.array([0.0, 1.0]), 3)
      >>> [round(float(length), 4) for length in jnp.linalg.norm(path, axis=1)]
      [1.0, 1.0, 1.0]
    """
    cosine = jnp.vdot(start, end) / (jnp.linalg.norm(start) * jnp.linalg.norm(end))
    angle = jnp.arccos(jnp.clip(cosine, -1.0, 1.0))
    t = jnp.linspace(0.0, 1.0, n).reshape(n, 1)
    arc = (jnp.sin((1 - t) * angle) * start.reshape(1, -1) + jnp.sin(t * angle) * end.reshape(1, -1)) / jnp.sin(angle)
    return jnp.where(jnp.abs(jnp.sin(angle)) > 1e-6, arc, linear_path(start, end, n))


def _shapes(module: Any, latent_dim: int, seeds: int) -> Generator:
    def init(key: Key) -> Generator:
        variables = dict(module.init(key, jnp.zeros((1, latent_dim)), train=True))
        return Generator(variables.pop("params"), variables)

    return jax.eval_shape(jax.vmap(init), jax.random.split(jax.random.key(0), seeds))


def _target(out: Path | None, default: Path, overwrite: bool) -> Path:
    png = default if out is None else out.with_suffix(".png")
    for path in (png, png.with_suffix(".npz")):
        # The default name says what is inside: writing it again loses nothing.
        if out is not None and path.exists() and not overwrite:
            raise OptionError("out", f"{path} is there already; add --overwrite or name another file")
    if not png.parent.is_dir():
        raise OptionError("out", f"there is no folder {png.parent}")
    return png


def _save_arrays(png: Path, **arrays: NDArray) -> Path:
    path = png.with_suffix(".npz")
    np.savez(path, **arrays)  # type: ignore[arg-type]
    return path


def _save_picture(png: Path, x: NDArray, columns: int) -> None:
    if x.ndim == 2:
        figures.save_png(figures.points_figure(x), png)
        return
    rows = -(-len(x) // columns)
    blank = np.zeros((rows * columns - len(x), *x.shape[1:]), x.dtype)
    cells = np.concatenate([x, blank]).reshape(rows, columns, *x.shape[1:])
    figures.grid_image(cells, filled=len(x)).save(png)
