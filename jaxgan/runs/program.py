"""The compiled programs of the host loop: the start of all runs, a stretch of steps, and a probe."""

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxgan.runs.axis import Fixed, Make, Run
from jaxgan.runs.placement import Placement, over_runs, replicate
from jaxgan.runs.run import advance, observe, start
from jaxgan.types import Array, Generator, Info, Players, PyTree, Sampler, State


class Parts(NamedTuple):
    """A `State` without its step: what every run has of its own.

    The step is common to all runs, and an argument of its own. With an axis of runs, a `lax.cond` on it, such as a
    lazy penalty's, would compute both branches.
    """

    params: Players
    model_state: Players
    opt_state: Any
    average: Generator | None

    def at(self, step: Array) -> State:
        """The whole state."""
        return State(self.params, self.model_state, self.opt_state, self.average, step)


def parts_of(state: State) -> Parts:
    """The inverse of `Parts.at`."""
    return Parts(state.params, state.model_state, state.opt_state, state.average)


class Programs(NamedTuple):
    """Jitted functions over all runs; every array but those of the first argument leads with the axis of runs."""

    begin: Any  # (sample, run) -> parts
    stretch: Any  # ((sample, done, steps), run, active, parts) -> (parts, info [run, step]); takes the parts' buffers
    observe: Any  # ((probe, done), run, parts) -> what the probe sees


@lru_cache(maxsize=16)
def programs(make: Make, placement: Placement, capacity: int) -> Programs:
    """Kept, so that another call with the same `make` compiles nothing again, whatever the settings."""

    def begin(sample: Sampler, run: Run) -> Parts:
        return parts_of(start(make(**run.settings), sample, run.key))

    def stretch(
        shared: tuple[Sampler, Array, Array], run: Run, active: Array | None, parts: Parts
    ) -> tuple[Parts, Info]:
        """`steps` <= capacity steps. The number is an argument: no length of a chunk compiles anew."""
        sample, done, steps = shared
        algorithm = make(**run.settings)
        state = parts.at(done)
        info = jax.eval_shape(lambda state: advance(algorithm, sample, run.key, state)[1], state)
        buffer = jax.tree.map(lambda a: jnp.zeros((capacity, *a.shape), a.dtype), info)

        def body(i: Array, carry: tuple[State, Info]) -> tuple[State, Info]:
            state, buffer = carry
            state, info = advance(algorithm, sample, run.key, state)
            return state, jax.tree.map(lambda b, a: b.at[i].set(a), buffer, info)

        if active is not None and placement.in_turn:
            # Side by side the bound stays common: with one for each run, the step would have the axis of runs, too.
            steps = jnp.where(active, steps, 0)
        state, buffer = jax.lax.fori_loop(0, steps, body, (state, buffer))
        after = parts_of(state)
        return after if active is None else jax.tree.map(partial(jnp.where, active), after, parts), buffer

    def probe_of(shared: tuple[Callable[..., PyTree], Array], run: Run, parts: Parts) -> PyTree:
        probe, done = shared
        bound = probe if isinstance(make, Fixed) else partial(probe, make(**run.settings))
        return observe(bound, run.key, parts.at(done))

    return Programs(
        jax.jit(over_runs(placement, begin)),
        jax.jit(over_runs(placement, stretch), donate_argnums=3),
        jax.jit(over_runs(placement, probe_of)),
    )


def numbers(placement: Placement, done: int, steps: int) -> tuple[jax.Array, jax.Array]:
    """The steps behind a state, and how many a stretch is to take: arguments, so that no number compiles anew."""
    return replicate(placement, (np.int32(done), np.int32(steps)))
