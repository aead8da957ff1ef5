"""What a finished or interrupted run can still do: load a trained generator, and sample from it."""

import dataclasses
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from jaxgan import checkpoint
from jaxgan.files import written_whole
from jaxgan.game import normal_prior
from jaxgan.networks import apply, network_state
from jaxgan.outputs import examples_of
from jaxgan.report.run import figures
from jaxgan.results import store
from jaxgan.results.results import Results
from jaxgan.study import catalogue
from jaxgan.study.blocks import blocks_in, runs_of
from jaxgan.study.classes import check_labels, classes_in, label_of
from jaxgan.study.config import MIXTURES, from_stored
from jaxgan.study.configurations import rebuilt
from jaxgan.study.job import Block
from jaxgan.study.limits import check_limit
from jaxgan.study.messages import OptionError, nearest
from jaxgan.study.networks import networks_from
from jaxgan.study.trust import check_trusted
from jaxgan.types import Algorithm, Array, Batch, Generator, Key, PyTree

_OF_EACH_CLASS = 10  # samples, where no number is asked for


class LoadedGenerator(NamedTuple):
    """One trained generator, and where it comes from.

    generate:    z [n, latent_dim] and, of a conditional one, y [n] -> x [n, ...]; y may be shares of classes [n, K]
    sample:      (key, n, y=None) -> x [n, ...], by the prior that it was trained with
    classes:     names of the labels y in 0..K-1; () where it takes none
    params:      of the generator alone
    model_state: its other collections, such as batch statistics
    """

    generate: Callable[..., Array]
    sample: Callable[..., Array]
    params: PyTree
    model_state: PyTree
    latent_dim: int
    configuration: str
    seed: int
    step: int
    own_prior: bool  # its recipe is the user's, and may have a prior and a network of its own: `generate` knows neither
    classes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        """Where it comes from, without its numbers."""
        size = sum(leaf.size for leaf in jax.tree.leaves(self.params))
        return (
            f"LoadedGenerator({self.configuration}, seed {self.seed}, step {self.step:,}, {size:,} parameters, "
            f"latent_dim {self.latent_dim})"
        )


def load_generator(
    folder: Path | str, configuration: str | None = None, seed: int | None = None, *, trust: bool = False
) -> LoadedGenerator:
    """One trained generator from a run's folder; the discriminator is not needed.

    Args:
      folder: of a run, finished or interrupted.
      configuration: its label; by default the practical loss, else the run's first.
      seed: the number of one of the run's seeds; by default its first.
      trust: whether code that the folder names may be run where the folder was made elsewhere.

    Raises:
      StoreError, OptionError, CheckpointError: no run, no such configuration or seed, damaged numbers, or code that
        changed or is not trusted.
    """
    folder = Path(folder)
    content = store.read_config(folder)
    check_trusted(content, folder, trust=trust)
    configuration, block, seed = _which(folder, content, configuration, seed)
    directory = folder / block.folder / "generator"
    config, networks = from_stored(content["config"]), networks_from(content["network"])
    algorithm = rebuilt(config, networks, configuration).algorithm
    game = algorithm.game
    shapes = _shapes(algorithm, tuple(content["shape"]), condition_shape(content), runs_of(block))
    stacked, meta = checkpoint.load(directory, shapes)
    if meta["where"] != block.folder:
        raise checkpoint.CheckpointError(f"the checkpoint in {directory} is that of {meta['where']}")
    run = block.configurations.index(configuration) * block.seeds + seed - block.first
    params, model_state = jax.tree.map(lambda a: a[run], tuple(stacked))
    own = ":" in next((name for name in config.recipe if catalogue.slug(name) == configuration), "")

    classes = classes_in(content)
    check = (lambda y, names: None) if condition_shape(content) else check_labels

    @jax.jit
    def made(z: Array, y: PyTree) -> Array:
        key = jax.random.key(0)  # a generator that draws noise draws the same for all latents asked for
        return examples_of(apply(networks.generator, key, params, model_state, z, y, train=False)[0])

    def generate(z: Array, y: PyTree = None) -> Array:
        check(y, classes)
        return made(z, y)

    def sample(key: Key, n: int, y: PyTree = None) -> Array:
        """n samples by the prior that the generator was trained with."""
        check(y, classes)
        return game.sample(key, params, model_state, n, y)

    step = checkpoint.latest_step(directory)
    assert step is not None  # it was loaded
    about = configuration, seed, step, own, classes
    return LoadedGenerator(generate, sample, params, model_state, config.latent_dim, *about)


def _which(
    folder: Path, content: dict[str, Any], configuration: str | None, seed: int | None
) -> tuple[str, Block, int]:
    """The configuration, the block that has its generator, and the seed; the first of each where none is named.

    Raises:
      StoreError, OptionError: there is none, or none of that name or number.
    """
    blocks = blocks_in(content) if "blocks" in content else ()
    there = [block for block in blocks if checkpoint.latest_step(folder / block.folder / "generator") is not None]
    trained = [label for label in content.get("configurations", {}) if any(label in b.configurations for b in there)]
    if not trained:
        raise store.StoreError(f"{folder} holds no trained generator yet")
    if configuration is None:
        configuration = "non_saturating" if "non_saturating" in trained else trained[0]
    elif configuration not in trained:  # spelled as for `compare`, too
        configuration = catalogue.slug(configuration)
    if configuration not in trained:
        raise OptionError("configuration", f"got {configuration!r}; {nearest(configuration, trained)}")
    own = sorted((block for block in there if configuration in block.configurations), key=lambda block: block.first)
    number = own[0].first if seed is None else seed
    block = next((block for block in own if block.first <= number <= block.last), None)
    if block is None:
        raise OptionError("seed", f"got {seed}, expected {own[0].first} to {own[-1].last}")
    return configuration, block, number


class Run(Results):
    """The results of a run, and its trained generators."""

    def generator(
        self, configuration: str | None = None, seed: int | None = None, *, trust: bool = False
    ) -> LoadedGenerator:
        """One trained generator, as `load_generator`.

        Raises:
          StoreError, OptionError, CheckpointError: no such configuration or seed, or damaged numbers.
        """
        if self.folder is None:
            raise store.StoreError("these results were not read from a folder, so their generators are not known")
        return load_generator(self.folder, configuration, seed, trust=trust)


def load_run(folder: Path | str) -> Run:
    """The finished run, or the gradient profile, in `folder`.

    Raises:
      StoreError: there is none, it is not finished, damaged, or of another schema.
    """
    found = store.load_results(folder)
    return Run(**{field.name: getattr(found, field.name) for field in dataclasses.fields(found)})


def sample(
    folder: Path,
    *,
    configuration: str | None = None,
    seed: int | None = None,
    n: int | None = None,
    key: int = 0,
    label: str | None = None,
    out: Path | None = None,
    overwrite: bool = False,
    trust: bool = False,
) -> list[Path]:
    """Writes n samples of one seed's generator as a picture and as arrays (.npz with `x`, and `z` where it is known).

    Of a conditional generator they are of the class that `label` names or, with none, n of each class, a row of the
    picture for each from the same latents; the arrays then have the labels `y` and the names of all classes, too.
    Without n they are 64, or 10 of each class. Returns the two paths: `out` and the .npz beside it, by default in the
    run's folder.
    """
    check_limit("n", 1 if n is None else n)
    check_limit("key", key)
    generator = load_generator(folder, configuration, seed, trust=trust)
    labels = labels_for(generator, label, folder)
    rows = 1 if labels is None else len(labels)
    n = (64 if rows == 1 else _OF_EACH_CLASS) if n is None else n
    check_limit("n", n * rows)
    png = target(out, folder / f"sample-{named_by(generator, label, labels)}-key{key}.png", overwrite)
    drawn = jax.random.key(key)
    if labels is None:
        x, arrays = np.asarray(generator.sample(drawn, n)), {}
    else:
        of_class = jax.jit(lambda one: generator.sample(drawn, n, jnp.full(n, one, jnp.int32)))
        x = np.concatenate([of_class(one) for one in labels])
        arrays = {"y": np.repeat(np.asarray(labels, np.int32), n), "classes": np.array(generator.classes)}
    save_picture(png, x, _columns(n) if rows == 1 else n, modes_of(folder))
    if not generator.own_prior:
        arrays["z"] = np.tile(np.asarray(normal_prior(generator.latent_dim)(drawn, n)), (rows, 1))
    return [png, save_arrays(png, x=x, **arrays)]


def labels_for(generator: LoadedGenerator, named: str | None, folder: Path) -> list[int] | None:
    """Those that are asked for: of one class, or of all; None of an unconditional generator.

    Raises:
      OptionError: a class of a generator without, or one that there is not.
    """
    if condition_shape(store.read_config(folder)):
        raise OptionError("run", f"{folder} translates images: jaxgan translate {folder} FILES...")
    if named is not None:
        return [label_of(named, generator.classes, folder)]
    return list(range(len(generator.classes))) or None


def named_by(generator: LoadedGenerator, named: str | None, labels: list[int] | None) -> str:
    """What of the name of a file says whose samples are in it; a class by its number, as a name may be any text."""
    one = f"-class{labels[0]}" if labels is not None and named is not None else ""
    return f"{generator.configuration}-seed{generator.seed}{one}"


def _columns(n: int) -> int:
    """As near to a square as whole rows allow; where no whole rows do, twice as wide as high.

    >>> _columns(64), _columns(12), _columns(7)
    (8, 4, 4)
    """
    widths = [width for width in range(1, n + 1) if n % width == 0 and n <= width**2 <= 4 * n]
    return widths[0] if widths else min(n, math.ceil(math.sqrt(2 * n)))


def condition_shape(content: dict[str, Any]) -> tuple[int, ...] | None:
    """Of one condition: () for a label, that of an input image; None without any."""
    if content.get("condition"):
        return tuple(content["condition"])
    return () if content["config"]["conditional"] else None


def _shapes(algorithm: Algorithm, shape: tuple[int, ...], y: tuple[int, ...] | None, seeds: int) -> Generator:
    """Of the generators of all seeds, as the algorithm starts them: it knows which sizes of a batch its game takes."""

    def draw(key: Key, n: int) -> Batch:
        return Batch(jnp.zeros((n, *shape)), None if y is None else jnp.zeros((n, *y), jnp.float32 if y else jnp.int32))

    def init(key: Key) -> Generator:
        state = algorithm.init(key, draw)
        return Generator(state.params.generator, network_state(state.model_state.generator))

    return jax.eval_shape(jax.vmap(init), jax.random.split(jax.random.key(0), seeds))


def target(out: Path | None, default: Path, overwrite: bool) -> Path:
    png = default if out is None else out.with_suffix(".png")
    for path in (png, png.with_suffix(".npz")):
        # The default name says what is inside: writing it again loses nothing.
        if out is not None and path.exists() and not overwrite:
            raise OptionError("out", f"{path} is there already; add --overwrite or name another file")
    if not png.parent.is_dir():
        raise OptionError("out", f"there is no folder {png.parent}")
    return png


def save_arrays(png: Path, **arrays: NDArray) -> Path:
    path = png.with_suffix(".npz")
    with written_whole(path) as partial, partial.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]
    return path


def in_the_plane(x: NDArray) -> NDArray:
    """Points [n, d] by their first two coordinates; the second is 0 where there is none."""
    return np.pad(x, ((0, 0), (0, max(0, 2 - x.shape[1]))))[:, :2]


def modes_of(folder: Path) -> NDArray | None:
    """Those of the data of the run in `folder`, where they are a mixture."""
    data = store.read_config(folder)["config"]["data"]
    mixture = catalogue.find_data(data).mixture if data in MIXTURES else None
    return None if mixture is None else np.asarray(mixture.means)


def save_picture(png: Path, x: NDArray, columns: int, modes: NDArray | None = None) -> None:
    if x.ndim == 2:
        figures.save_png(figures.points_figure(in_the_plane(x), modes), png)
        return
    rows = -(-len(x) // columns)
    blank = np.zeros((rows * columns - len(x), *x.shape[1:]), x.dtype)
    cells = np.concatenate([x, blank]).reshape(rows, columns, *x.shape[1:])
    with written_whole(png) as partial:
        figures.grid_image(cells, filled=len(x)).save(partial, "PNG")
