"""What a step of a run will hold in memory, from its compiled program, before there is any data."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxgan.random import named_key
from jaxgan.runs.placement import bytes_needed
from jaxgan.runs.run import advance, start
from jaxgan.types import Algorithm, Batch, Key


class StepMemory(NamedTuple):
    """Bytes of one run on one device."""

    state: int  # what a run carries from step to step: parameters, optimizers, averages, statistics
    step: int  # what the compiled step holds at one time: the state, a batch and all intermediate arrays
    device: str  # what it was compiled for; on another kind of device the intermediate arrays are others


def step_memory(algorithm: Algorithm, shape: tuple[int, ...], classes: int = 0) -> StepMemory:
    """The memory of a step of `algorithm` on examples of a shape, by the compiler's own analysis; nothing is computed.

    `jaxgan train --dry-run` says it of runs that are to be trained here, over all their seeds. This asks for no data
    and trains nothing, so that sizes can be asked for that a machine would never get done with.

    Args:
      algorithm: with its batch sizes.
      shape: of one example, such as (256, 256, 3).
      classes: labels y are drawn of so many; 0: there are none.

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
