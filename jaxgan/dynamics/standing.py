"""Standing statistics: batch statistics recomputed for sampling, in place of running averages."""

from typing import Any

import jax
import jax.numpy as jnp

from jaxgan.checks import check_count
from jaxgan.random import named_key
from jaxgan.types import ConditionPrior, Game, Generator, Key, PyTree


def standing_statistics(
    key: Key,
    game: Game,
    generator: Generator,
    *,
    batches: int = 16,
    batch_size: int = 64,
    condition_prior: ConditionPrior | None = None,
) -> Generator:
    """`generator` with the running means and variances of its BatchNorm layers recomputed from new batches.

    Each statistic is the mean over `batches` batches, which are generated as in training: latents from the game's
    prior, classes from `condition_prior`. Running averages mix the parameters of many steps, and reflect the training
    latents and the class frequencies of the data. The recomputed statistics are those of the given parameters and of
    the intended samples: for other latents (`truncated_prior`), use a game with that prior; for one class, use a
    condition prior that draws only that class. The rest of the model state is unchanged, and `generator` is not
    modified.

    Source: Brock et al. 2019, Large Scale GAN Training (BigGAN), "standing statistics"; averaged over 16 batches, as in
    the authors' code.

    Args:
      key: random key for the latents and classes.
      game: the game that the generator belongs to.
      generator: parameters and model state, such as `best_generator(state)`.
      batches: number of batches.
      batch_size: examples in each batch.
      condition_prior: (key, n) -> the conditions of n examples, such as `class_prior([1] * 10)`.

    Raises:
      ValueError: the generator has no running statistics, the game has no `generate`, or a count is below 1.

    Example:
      >>> import optax, jaxgan as jg
      >>> networks = jg.nn.DCGANGenerator(8, 1, width=2), jg.nn.DCGANDiscriminator(width=2)
      >>> algorithm = jg.recipes.ns_gan(*networks, jg.normal_prior(4))
      >>> state = algorithm.init(jax.random.key(0), jg.data.digits().sample)
      >>> standing = jg.standing_statistics(jax.random.key(1), algorithm.game, jg.best_generator(state), batches=2)
      >>> algorithm.game.sample(jax.random.key(2), *standing, 3).shape
      (3, 8, 8, 1)
    """
    check_count("batches", batches)
    check_count("batch_size", batch_size)
    generate = game.generate
    if generate is None:
        raise ValueError("standing statistics need a game with `generate`, as jaxgan.adversarial_game makes it")
    running = _statistics(generator.model_state)
    if not running:
        raise ValueError("standing statistics are of BatchNorm, expected a generator that has it, got one without")

    def of_batch(i: Any) -> dict[str, Any]:
        k = jax.random.fold_in(key, i)
        y = None if condition_prior is None else condition_prior(named_key(k, "condition"), batch_size)

        def after(before: dict[str, Any]) -> dict[str, Any]:
            model_state = _with_statistics(generator.model_state, before)
            return _statistics(generate(k, generator.params, model_state, batch_size, y, train=True)[1])

        # A pass maps statistics s to m s + (1 - m) b, b the batch's own: m is the derivative, (1 - m) b the value at 0.
        zeros, ones = jax.tree.map(jnp.zeros_like, running), jax.tree.map(jnp.ones_like, running)
        rest, momentum = jax.jvp(after, (zeros,), (ones,))
        return jax.tree.map(lambda a, m: a / (1 - m), rest, momentum)

    def added(i: Any, total: dict[str, Any]) -> dict[str, Any]:
        return jax.tree.map(jnp.add, total, of_batch(i))

    total = jax.lax.fori_loop(0, batches, added, jax.tree.map(jnp.zeros_like, running))
    mean = jax.tree.map(lambda a: a / batches, total)
    return generator._replace(model_state=_with_statistics(generator.model_state, mean))


def _is_statistic(path: Any) -> bool:
    """Whether the leaf is a BatchNorm statistic; flax keeps spectral norms in the same collection."""
    return getattr(path[0], "key", "") == "batch_stats" and getattr(path[-1], "key", "") in ("mean", "var")


def _statistics(model_state: PyTree) -> dict[str, Any]:
    """The means and variances in a model state, by path."""
    leaves = jax.tree_util.tree_leaves_with_path(model_state)
    return {jax.tree_util.keystr(path): leaf for path, leaf in leaves if _is_statistic(path)}


def _with_statistics(model_state: PyTree, statistics: dict[str, Any]) -> PyTree:
    def chosen(path: Any, leaf: Any) -> Any:
        return statistics.get(jax.tree_util.keystr(path), leaf)

    return jax.tree_util.tree_map_with_path(chosen, model_state)
