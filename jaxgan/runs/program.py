"""The compiled programs of the host loop: initialization of all runs, a stretch of steps, and a probe."""

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxgan.compiler import jit_once
from jaxgan.runs.axis import Fixed, Make, Run
from jaxgan.runs.placement import Placement, over_runs
from jaxgan.runs.run import observe, start, update, with_algorithm
from jaxgan.types import Array, Generator, Info, Players, PyTree, Sampler, State


class Parts(NamedTuple):
    """A `State` without its step: the values that differ between runs.

    The step is common to all runs, and a separate argument. With an axis of runs, a `lax.cond` on the step, such as
    that of a lazy penalty, would compute both branches.
    """

    params: Players
    model_state: Players
    opt_state: Any
    average: Generator | None

    def at(self, step: Any) -> State:
        """The whole state."""
        return State(self.params, self.model_state, self.opt_state, self.average, step)


def parts_of(state: State) -> Parts:
    """The inverse of `Parts.at`."""
    return Parts(state.params, state.model_state, state.opt_state, state.average)


class Broken(NamedTuple):
    """The first step of a run at which something watched was not finite, and its index; (0, 0) if there is none."""

    step: Any
    quantity: Any


class Plan(NamedTuple):
    """The steps of a chunk, in groups; the `Info` of each group's last step is recorded."""

    done: Any  # steps done before this chunk
    groups: Any
    sizes: Any  # [capacity] steps of each group


class Programs(NamedTuple):
    """Jitted functions over all runs; every array outside the first argument leads with the axis of runs."""

    begin: Any  # (sample, run) -> parts
    stretch: Any  # ((sample, plan), run, active, (parts, broken)) -> ((parts, broken), info [run, group])
    observe: Any  # ((probe, done), run, parts) -> what the probe sees


@lru_cache(maxsize=16)
def programs(make: Make, placement: Placement, capacity: int) -> Programs:
    """The programs, cached so that another call with the same `make` compiles nothing again, whatever the settings."""

    def stretch(
        shared: tuple[Sampler, Plan], run: Run, active: Array | None, each: tuple[Parts, Broken]
    ) -> tuple[tuple[Parts, Broken], Info]:
        """The plan is an argument, so a change of chunk length or record spacing does not recompile."""
        (sample, plan), (parts, broken) = shared, each
        algorithm = make(**run.settings)
        state = parts.at(plan.done)
        # Jitted, so that a step is traced once and not three times; inlined, so that the program is the same.
        move = jax.jit(partial(update, algorithm, sample, run.key), inline=True)
        report = _zeros(jax.eval_shape(move, state)[1])
        buffer = _zeros(jax.eval_shape(algorithm.info, report), capacity)

        def step(_: Array, carry: tuple[State, PyTree, Broken]) -> tuple[State, PyTree, Broken]:
            state, _, broken = carry
            state, report = move(state)
            return state, report, _watch(algorithm.watched(report), state.step, broken)

        def group(i: Array, carry: tuple[State, Broken, Info]) -> tuple[State, Broken, Info]:
            state, broken, buffer = carry
            size = plan.sizes[i]
            if active is not None and placement.in_turn:
                # Vectorized runs keep a common bound: with a bound per run, the step would get an axis of runs, too.
                size = jnp.where(active, size, 0)
            state, last, broken = jax.lax.fori_loop(0, size, step, (state, report, broken))
            return state, broken, jax.tree.map(lambda b, a: b.at[i].set(a), buffer, algorithm.info(last))

        state, after, buffer = jax.lax.fori_loop(0, plan.groups, group, (state, broken, buffer))
        moved = parts_of(state), after
        return moved if active is None else jax.tree.map(partial(jnp.where, active), moved, each), buffer

    def probe_of(shared: tuple[Callable[..., PyTree], Array], run: Run, parts: Parts) -> PyTree:
        probe, done = shared
        bound = probe if isinstance(make, Fixed) else with_algorithm(probe, make(**run.settings))
        return observe(bound, run.key, parts.at(done))

    return Programs(
        jit_once(over_runs(placement, partial(begin_of, make)), placement.mesh.devices.flat[0].platform),
        jax.jit(over_runs(placement, stretch), donate_argnums=3),
        jax.jit(over_runs(placement, probe_of)),
    )


def begin_of(make: Make, sample: Sampler, run: Run) -> Parts:
    """The values of a run before its first step."""
    return parts_of(start(make(**run.settings), sample, run.key))


def quantities(make: Make, sample: Sampler, run: Run) -> tuple[str, ...]:
    """The names of the watched quantities, in the order of `Broken.quantity`."""

    def watched(run: Run) -> dict[str, Array]:
        algorithm = make(**run.settings)
        return algorithm.watched(update(algorithm, sample, run.key, start(algorithm, sample, run.key))[1])

    return tuple(sorted(jax.eval_shape(watched, jax.tree.map(lambda a: a[0], run))))


def plan_of(recorded: np.ndarray, done: int, steps: int, capacity: int) -> Plan:
    """Groups that end at each of the `recorded` steps, and one for the remaining steps.

    Example:
      >>> plan = plan_of(np.array([1, 10, 20]), done=5, steps=12, capacity=4)
      >>> int(plan.groups), plan.sizes.tolist()
      (2, [5, 7, 0, 0])
    """
    ends = np.union1d(recorded[(done < recorded) & (recorded <= done + steps)], done + steps)
    sizes = np.diff(ends, prepend=done).astype(np.int32)
    return Plan(np.array(done, np.int32), np.array(len(sizes), np.int32), np.pad(sizes, (0, capacity - len(sizes))))


def _watch(watched: dict[str, Array], step: Array, broken: Broken) -> Broken:
    if not watched:
        return broken
    bad = jnp.stack([~jnp.all(jnp.isfinite(watched[name])) for name in sorted(watched)])
    first = (broken.step == 0) & jnp.any(bad)
    quantity = jax.lax.argmax(bad, 0, jnp.int32)
    return Broken(jnp.where(first, step, broken.step), jnp.where(first, quantity, broken.quantity))


def _zeros(shapes: PyTree, *axes: int) -> PyTree:
    return jax.tree.map(lambda a: jnp.zeros((*axes, *a.shape), a.dtype), shapes)
