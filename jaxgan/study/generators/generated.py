"""Draw samples from every generator of a run, one batch at a time."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxgan.data.batches import Batches
from jaxgan.study.generators.generate import load_block, trained_blocks
from jaxgan.types import Array, Game, Generator, Key, PyTree


class Drawn(NamedTuple):
    """One generator of a run and its samples."""

    configuration: str
    seed: int
    samples: Batches


def drawn_by_all(
    folder: Path, content: dict[str, Any], count: int, key: Key, y: PyTree, *, common_latents: bool
) -> Iterator[Drawn]:
    """Yield the samples of every trained generator, block by block.

    Args:
      folder: the folder of a run.
      content: the content of its config.json.
      count: the number of samples per generator.
      key: the random key of the latents, which differ between seeds but not between configurations.
      y: conditions to cycle through; None for an unconditional generator.
      common_latents: whether all seeds use the same latents.

    Raises:
      CheckpointError: if a checkpoint is damaged.
    """
    for block in trained_blocks(folder, content):
        game, stacked = load_block(folder, content, block, block.configurations[0])  # they differ only in settings
        for run in range(len(block.configurations) * block.seeds):
            label, seed = block.configurations[run // block.seeds], block.first + run % block.seeds
            generator = jax.tree.map(lambda a, run=run: a[run], stacked)
            own = key if common_latents else jax.random.fold_in(key, seed)
            read = partial(_read, game, generator, count, own, y)
            yield Drawn(label, seed, Batches(f"{label}, seed {seed}", tuple(content["shape"]), count, read))


def _read(game: Game, generator: Generator, count: int, key: Key, y: PyTree, size: int) -> Iterator[np.ndarray]:
    for i in range(-(-count // size)):
        place = (i * size + np.arange(size)) % (1 if y is None else len(y))
        x = _draw(game, size, generator, jax.random.fold_in(key, i), None if y is None else y[place])
        yield np.asarray(x)[: count - i * size]


@partial(jax.jit, static_argnums=(0, 1))
def _draw(game: Game, n: int, generator: Generator, key: Key, y: PyTree) -> Array:
    return game.sample(key, generator.params, generator.model_state, n, y)
