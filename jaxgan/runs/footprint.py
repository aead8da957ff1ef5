"""The memory that a step of a run needs, estimated from its compiled program without any data."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxgan.random import named_key
from jaxgan.runs.placement import bytes_needed
from jaxgan.runs.run import advance, start
from jaxgan.types import Algorithm, Batch, Key


class StepMemory(NamedTuple):
    """The memory of one run on one device, in bytes."""

    state: int  # what a run carries from step to step: parameters, optimizers, averages, statistics
    step: int  # the total for the compiled step: the state, a batch and all intermediate arrays
    device: str  # the backend it was compiled for; intermediate arrays differ between backends


def step_memory(algorithm: Algorithm, shape: tuple[int, ...], classes: int = 0) -> StepMemory:
    """The memory of a step of `algorithm` on examples of a given shape, as analyzed by the compiler; computes nothing.

    `jaxgan train --dry-run` reports it for actual runs, over all their seeds. This function needs no data and trains
    nothing, so it also works for sizes that this machine could never train.

    Args:
      algorithm: the algorithm, including its batch sizes.
      shape: the shape of one example, such as (256, 256, 3).
      classes: number of classes that labels y are drawn from; 0: no labels.

    Example:
      >>> import jaxgan as jg
      >>> networks = jg.nn.MLPGenerator(2, (8,)), jg.nn.MLPDiscriminator((8,))
      >>> small, large = (jg.recipes.ns_gan(*networks, jg.normal_prior(2), batch_size=n) for n in (4, 4000))
      >>> step_memory(small, (2,)).state == step_memory(large, (2,)).state
      True
      >>> step_memory(large, (2,)).step - step_memory(small, (2,)).step > 4000 * 8 * 4  # a hidden layer in float32
      True
    """

    def sample(key: Key, n: int) -> Batch:
        x = jax.random.uniform(named_key(key, "x"), (n, *shape), minval=-1.0)
        return Batch(x, jax.random.randint(named_key(key, "y"), (n,), 0, classes) if classes else None)

    key = jax.eval_shape(lambda: jax.random.key(0))
    state = jax.eval_shape(partial(start, algorithm, sample), key)
    step = jax.jit(partial(advance, algorithm, sample), donate_argnums=1)
    held = bytes_needed(step, key, state)
    carried = sum(
        leaf.size * jnp.dtype(leaf.dtype).itemsize for leaf in jax.tree.leaves(state) if leaf.dtype != key.dtype
    )
    return StepMemory(carried, held, jax.default_backend())
