"""Load a finished or interrupted run and its trained generators from its folder."""

import dataclasses
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxgan import checkpoint
from jaxgan.dynamics import standing_statistics
from jaxgan.game import adversarial_game
from jaxgan.losses import non_saturating
from jaxgan.networks import apply, call_method, has_halves, network_state
from jaxgan.nn.stylegan2 import StyleGAN2Generator
from jaxgan.outputs import examples_of
from jaxgan.priors import class_prior, normal_prior
from jaxgan.random import named_key
from jaxgan.results import store
from jaxgan.results.results import Results
from jaxgan.study import catalogue
from jaxgan.study.block import Block, blocks_in
from jaxgan.study.config import from_stored
from jaxgan.study.configurations import rebuilt
from jaxgan.study.generators.classes import checked_condition, classes_in
from jaxgan.study.generators.truncated_latents import latents_for
from jaxgan.study.messages import OptionError, nearest
from jaxgan.study.networks import Networks, networks_from
from jaxgan.study.trust import check_trusted
from jaxgan.types import Algorithm, Array, Batch, Game, Generator, Key, PyTree

STATISTICS = ("running", "standing")
"""BatchNorm statistics of a loaded generator."""


class LoadedGenerator(NamedTuple):
    """One trained generator and its origin.

    generate:    z [n, latent_dim] and, if it is conditional, y [n] -> x [n, ...]; y may also be one class for all, or
                 class proportions [n, K]; of a run on pairs, the input images [n, h, w, e]
    sample:      (key, n, y=None) -> x [n, ...], with the prior that it was trained with
    mapping:     z and y -> w of every layer [n, layers, e]; None without a mapping network
    synthesis:   w [n, layers, e], or one w [n, e] for all layers -> x [n, ...]; None without a mapping network

    The noise inputs of a StyleGAN2 are the same for all examples and calls of `generate` and `synthesis`, so that x is
    a function of the latents alone. Both take `key=` to draw noise for each example, as `sample` does: with the normal
    prior, sample(key, n) is generate(prior(key, n), key=key).

    classes:     names of the labels y in 0..K-1; () if it takes no labels
    params:      the parameters of the generator
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
    own_prior: bool  # the recipe is the user's own and may use another prior and network, which `generate` ignores
    classes: tuple[str, ...] = ()
    mapping: Callable[..., Array] | None = None
    synthesis: Callable[..., Array] | None = None

    def prior(self, key: Key, n: int) -> Array:
        """Draw n latents z ~ N(0, I)."""
        return normal_prior(self.latent_dim)(key, n)

    def __repr__(self) -> str:
        """Return its origin and size, without the arrays."""
        size = sum(leaf.size for leaf in jax.tree.leaves(self.params))
        return (
            f"LoadedGenerator({self.configuration}, seed {self.seed}, step {self.step:,}, {size:,} parameters, "
            f"latent_dim {self.latent_dim})"
        )


def load_generator(
    folder: Path | str,
    configuration: str | None = None,
    seed: int | None = None,
    *,
    statistics: str = "running",
    truncation: str | None = None,
    trust: bool = False,
) -> LoadedGenerator:
    """Load one trained generator from a run's folder, without its discriminator.

    Args:
      folder: the folder of a run, finished or interrupted.
      configuration: a label; by default `non_saturating` if the run has it, otherwise the run's first configuration.
      seed: the number of one of the run's seeds; by default the first.
      statistics: the BatchNorm statistics: "running" averages from training, or "standing" statistics computed for the
        final generator (`standing_statistics`) with classes in equal proportions.
      truncation: the truncation of the latents of standing statistics, the one that samples will be drawn with, as in
        `truncated_sampler`, which draws them; running averages do not depend on it.
      trust: whether to run code named by the folder even if the folder was created elsewhere.

    Raises:
      StoreError, OptionError, CheckpointError: if there is no run, no such configuration or seed, a checkpoint is
        damaged, standing statistics are requested without BatchNorm or with a truncation of w, or code has changed
        or is not trusted.

    Example:
      >>> generator = jg.load_generator("runs/0001-compare-ring", "minimax", seed=1)  # doctest: +SKIP
      >>> x = generator.sample(jax.random.key(0), 64)  # doctest: +SKIP
      >>> x = generator.generate(generator.prior(jax.random.key(0), 64))  # doctest: +SKIP
    """
    if statistics not in STATISTICS:
        raise OptionError("statistics", f"got {statistics!r}; {nearest(statistics, STATISTICS)}")
    folder = Path(folder)
    content = store.read_config(folder)
    check_trusted(content, folder, trust=trust)
    configuration, block, seed = _which(folder, content, configuration, seed)
    config = from_stored(content["config"], f"the run in {folder}")
    networks = networks_from(content["network"])
    game, stacked = load_block(folder, content, block, configuration)
    run = block.configurations.index(configuration) * block.seeds + seed - block.first
    params, model_state = jax.tree.map(lambda a: a[run], tuple(stacked))
    own = ":" in next((name for name in config.recipe if catalogue.slug(name) == configuration), "")

    classes = classes_in(content)
    if statistics == "standing":
        played = game if truncation is None else _truncated(networks, config.latent_dim, truncation)
        model_state = _standing(played, Generator(params, model_state), classes)
    shape = condition_shape(content)

    @jax.jit
    def made(z: Array, y: PyTree, key: Key | None) -> Array:
        module, noise = with_noise(networks.generator, key)
        return examples_of(apply(module, noise, params, model_state, z, y, train=False)[0])

    def generate(z: Array, y: PyTree = None, *, key: Key | None = None) -> Array:
        return made(z, checked_condition(y, jnp.shape(z)[0], classes, shape), key)

    def sample(key: Key, n: int, y: PyTree = None) -> Array:
        """Draw n samples with the prior that the generator was trained with."""
        return game.sample(key, params, model_state, n, checked_condition(y, n, classes, shape))

    step = checkpoint.latest_step(folder / block.folder / "generator")
    assert step is not None  # it was loaded
    about = configuration, seed, step, own, classes
    halves = halves_of(networks.generator, params, model_state)
    return LoadedGenerator(generate, sample, params, model_state, config.latent_dim, *about, *halves)


def load_block(folder: Path, content: dict[str, Any], block: Block, configuration: str) -> tuple[Game, Generator]:
    """Return the game of a configuration and its block's trained generators, stacked [run, ...] in the block's order.

    Raises:
      CheckpointError: if the checkpoint is damaged or belongs to another block.
    """
    directory = folder / block.folder / "generator"
    config, networks = from_stored(content["config"]), networks_from(content["network"])
    algorithm = rebuilt(config, networks, configuration).algorithm
    shapes = _shapes(algorithm, tuple(content["shape"]), condition_shape(content), block.runs)
    stacked, meta = checkpoint.load(directory, shapes)
    if meta["where"] != block.folder:
        raise checkpoint.CheckpointError(f"the checkpoint in {directory} is that of {meta['where']}")
    return algorithm.game, stacked


def trained_blocks(folder: Path, content: dict[str, Any]) -> list[Block]:
    """Return the blocks of a run that have trained generators."""
    blocks = blocks_in(content) if "blocks" in content else ()
    return [block for block in blocks if checkpoint.latest_step(folder / block.folder / "generator") is not None]


def _truncated(networks: Networks, latent_dim: int, truncation: str) -> Game:
    """Return a game whose generator is that of the networks, with truncated latents."""
    prior = latents_for(truncation, latent_dim, mapped=has_halves(networks.generator))
    if prior is None:
        raise OptionError("statistics", "standing are those of the latents, which a truncation of w leaves as they "
                          "are; expected running, or --truncation resampled:NUMBER or scaled:NUMBER")  # fmt: skip
    return adversarial_game(networks.generator, networks.discriminator, prior, non_saturating)


def _standing(game: Game, generator: Generator, classes: Sequence[str]) -> PyTree:
    of_all = class_prior([1] * len(classes)) if classes else None
    try:
        return standing_statistics(jax.random.key(0), game, generator, condition_prior=of_all).model_state
    except ValueError as error:
        raise OptionError("statistics", str(error)) from error


def with_noise(module: Any, key: Key | None) -> tuple[Any, Key]:
    """Return a generator and the key to apply it with: noise for each example from `key`; without it, one for all.

    Without a key, a StyleGAN2 with random noise is returned with constant noise: the same parameters, and outputs that
    depend on nothing but the latents.
    """
    if key is not None:
        return module, named_key(key, "generator")  # as in `Game.sample`
    one_for_all = isinstance(module, StyleGAN2Generator) and module.noise == "random"
    return module.clone(noise="constant") if one_for_all else module, jax.random.key(0)


def halves_of(module: Any, params: PyTree, model_state: PyTree) -> tuple[Callable[..., Array], Callable] | tuple[()]:
    """Return the functions z -> w and w -> x of a generator with a mapping network; () for any other."""
    if not has_halves(module):
        return ()

    @partial(jax.jit, static_argnames="truncation")
    def mapping(z: Array, y: PyTree = None, *, truncation: float | None = None) -> Array:
        more = {} if truncation is None else {"truncation": truncation}
        return call_method(module, "mapping", jax.random.key(0), params, model_state, z, y, train=False, **more)

    @jax.jit
    def synthesis(w: Array, *, key: Key | None = None) -> Array:
        drawn, noise = with_noise(module, key)
        return call_method(drawn, "synthesis", noise, params, model_state, w, train=False)

    return mapping, synthesis


def _which(
    folder: Path, content: dict[str, Any], configuration: str | None, seed: int | None
) -> tuple[str, Block, int]:
    """Return the configuration, the block with its generator, and the seed, with defaults as in `load_generator`.

    Raises:
      StoreError, OptionError: if no generator is trained, or the configuration or seed does not exist.
    """
    there = trained_blocks(folder, content)
    trained = [label for label in content.get("configurations", {}) if any(label in b.configurations for b in there)]
    if not trained:
        raise store.StoreError(f"{folder} holds no trained generator yet")
    if configuration is None:
        configuration = "non_saturating" if "non_saturating" in trained else trained[0]
    elif configuration not in trained:  # names as given to `compare` are also accepted
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
    """The results of a run, with access to its trained generators."""

    def generator(
        self,
        configuration: str | None = None,
        seed: int | None = None,
        *,
        statistics: str = "running",
        truncation: str | None = None,
        trust: bool = False,
    ) -> LoadedGenerator:
        """Load one trained generator, as `load_generator` does.

        Raises:
          StoreError, OptionError, CheckpointError: as in `load_generator`, or if the results have no folder.
        """
        if self.folder is None:
            raise store.StoreError("these results were not read from a folder, so their generators are not known")
        return load_generator(
            self.folder, configuration, seed, statistics=statistics, truncation=truncation, trust=trust
        )


def load_run(folder: Path | str) -> Run:
    """Load the finished run or gradient profile in `folder`.

    Raises:
      StoreError: if there is none, or it is unfinished, damaged, or of another schema.

    Example:
      >>> run = jg.load_run("runs/0001-compare-ring")  # doctest: +SKIP
      >>> run.dataset["g_loss"].sel(configuration="minimax").median("seed")  # doctest: +SKIP
      >>> run.outcomes  # doctest: +SKIP
      >>> x = run.generator("minimax", seed=1).sample(jax.random.key(0), 64)  # doctest: +SKIP
    """
    found = store.load_results(folder)
    return Run(**{field.name: getattr(found, field.name) for field in dataclasses.fields(found)})


def condition_shape(content: dict[str, Any]) -> tuple[int, ...] | None:
    """Return the shape of one condition: () for a label, the image shape for an input image, None if unconditional."""
    if content.get("condition"):
        return tuple(content["condition"])
    return () if content["config"]["conditional"] else None


def _shapes(algorithm: Algorithm, shape: tuple[int, ...], y: tuple[int, ...] | None, seeds: int) -> Generator:
    """Return the shapes of the generators of all seeds, by tracing `algorithm.init`, which knows valid batch sizes."""

    def draw(key: Key, n: int) -> Batch:
        return Batch(jnp.zeros((n, *shape)), None if y is None else jnp.zeros((n, *y), jnp.float32 if y else jnp.int32))

    def init(key: Key) -> Generator:
        state = algorithm.init(key, draw)
        return Generator(state.params.generator, network_state(state.model_state.generator))

    return jax.eval_shape(jax.vmap(init), jax.random.split(jax.random.key(0), seeds))
