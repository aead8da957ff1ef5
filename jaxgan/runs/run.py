"""A run: a pure function of a key."""

import inspect
from collections.abc import Callable, Sequence
from functools import partial
from numbers import Integral
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxgan.random import is_key, named_key
from jaxgan.runs.show import html_of, lines_of
from jaxgan.types import Algorithm, Info, Key, PyTree, Sampler, State

Probe = Callable[[Key, State], PyTree]
"""(key, state) -> any arrays: what the caller wants recorded during a run (metrics, samples, diagnostics).

Pass data that it needs as arguments of a `jax.tree_util.Partial`, as for a sampler.
"""

AnyProbe = Callable[..., PyTree]
"""A `Probe` or, for runs with settings, a probe that also takes their algorithm: (key, algorithm, state) -> arrays."""

OF_STATE, OF_SETTINGS = ("key", "state"), ("key", "algorithm", "state")
"""The parameters of a `Probe`, and of a probe for runs with settings."""


class Result(NamedTuple):
    """A run's final state, `Info` [step] and probes [probe]; for several runs, all arrays lead with the run axes."""

    state: State
    info: Info
    probes: PyTree

    def __repr__(self) -> str:
        return lines_of(self)

    def _repr_html_(self) -> str:
        return html_of(self)


def seed_keys(key: Key, seeds: int | Sequence[int]) -> Key:
    """One key per seed, `fold_in(key, seed)`: seed 7 has the same key alone and among 64.

    Raises:
      TypeError: the key is not a JAX key.
      ValueError: the seeds are not integers from 0 to 2^32 - 1.

    Example:
      >>> bool(seed_keys(jax.random.key(0), 8)[7] == seed_keys(jax.random.key(0), [7])[0])
      True
    """
    if not is_key(key) and getattr(key, "ndim", 0) != 1:  # a raw key is an array
        raise TypeError(f"key must be a JAX key, such as jax.random.key(0), got {key!r}")
    numbers = (
        jnp.arange(seeds)
        if isinstance(seeds, Integral)
        else seeds
        if isinstance(seeds, jax.Array)
        else np.asarray(seeds)
    )
    if numbers.ndim != 1 or not jnp.issubdtype(numbers.dtype, jnp.integer):
        raise ValueError(f"seeds must be a whole number or a sequence of them, got {seeds!r}")
    if isinstance(numbers, np.ndarray) and ((numbers < 0) | (numbers >= 2**32)).any():  # keys hold 32 bits of them
        raise ValueError(f"seeds must be from 0 to {2**32 - 1}, got {seeds!r}")
    return jax.vmap(partial(jax.random.fold_in, key))(jnp.asarray(numbers))


def start(algorithm: Algorithm, sample: Sampler, key: Key) -> State:
    """The state before the first step of the run that `key` determines."""
    return algorithm.init(named_key(key, "init"), sample)


def advance(algorithm: Algorithm, sample: Sampler, key: Key, state: State) -> tuple[State, Info]:
    """One step of the run that `key` determines, and its `Info`."""
    state, report = update(algorithm, sample, key, state)
    return state, algorithm.info(report)


def update(algorithm: Algorithm, sample: Sampler, key: Key, state: State) -> tuple[State, PyTree]:
    """One step of the run that `key` determines, and its report: the step's key is `fold_in(train key, state.step)`.

    The randomness depends on nothing else, so a run that is split into chunks or resumed draws the same numbers.
    """
    return algorithm.update(jax.random.fold_in(named_key(key, "train"), state.step), state, sample)


def run(
    algorithm: Algorithm,
    sample: Sampler,
    key: Key,
    num_steps: int,
    *,
    probe: Probe | None = None,
    probe_every: int | None = None,
    record_every: int = 1,
) -> Result:
    """A whole training run as a pure function of `key`: it can be jitted, vmapped and differentiated through.

    (Only in forward mode if a rule has a schedule of updates, like WGAN's, because such a loop has no fixed length.)

    `probe(key, state)` is recorded every `probe_every` steps (default: once, at the end), and the `Info` of a step
    every `record_every` steps.

    Args:
      algorithm: the algorithm to train with.
      sample: the data.
      key: the run's random key.
      num_steps: number of steps.
      probe: (key, state) -> the values to record about the state.
      probe_every: number of steps between probes.
      record_every: number of steps between records of the `Info`.

    Raises:
      TypeError: the probe does not take its key first.
      ValueError: `num_steps` is below 1 or not a multiple of `probe_every`, or that is not one of `record_every`.

    Example:
      >>> import optax, jaxgan as jg
      >>> algorithm = jg.simultaneous(jg.toy.dirac(jg.minimax), optax.sgd(0.1), optax.sgd(0.1), batch_size=1)
      >>> run(algorithm, jg.toy.origin(), jax.random.key(0), num_steps=6, record_every=2).info.g_loss.shape
      (3,)
    """
    check_probe(probe, OF_STATE)
    every = check_steps(num_steps, probe_every, record_every)

    def move(state: State) -> tuple[State, PyTree]:
        return update(algorithm, sample, key, state)

    def record(state: State, _: None) -> tuple[State, Info]:
        if record_every == 1:
            state, report = move(state)
        else:
            nothing = jax.tree.map(lambda a: jnp.zeros(a.shape, a.dtype), jax.eval_shape(move, state)[1])
            carry = state, nothing
            (state, report), _ = jax.lax.scan(lambda carry, _: (move(carry[0]), None), carry, length=record_every)
        return state, algorithm.info(report)

    def stretch(state: State, _: None) -> tuple[State, tuple[Info, PyTree]]:
        state, info = jax.lax.scan(record, state, length=every // record_every)
        return state, (info, observe(probe, key, state))

    state, (info, probes) = jax.lax.scan(stretch, start(algorithm, sample, key), length=num_steps // every)
    info = jax.tree.map(lambda a: a.reshape(num_steps // record_every, *a.shape[2:]), info)
    return Result(state, info, probes)


def check_steps(num_steps: int, probe_every: int | None, record_every: int) -> int:
    """The number of steps between probes.

    Raises:
      ValueError: `num_steps` is below 1 or not a multiple of `probe_every`, or that is not one of `record_every`.
    """
    every = num_steps if probe_every is None else probe_every
    if num_steps < 1:
        raise ValueError(f"num_steps must be at least 1, got {num_steps}")
    if every < 1 or num_steps % every:
        raise ValueError(f"num_steps must be a multiple of probe_every, got {num_steps} and {probe_every}")
    if record_every < 1 or every % record_every:
        name = "num_steps" if probe_every is None else "probe_every"
        raise ValueError(f"{name} must be a multiple of record_every, got {every} and {record_every}")
    return every


def start_runs(algorithm: Algorithm, sample: Sampler, keys: Key) -> State:
    """`start` for every key: everything in the state except the step counter leads with the axis of runs."""
    state = jax.vmap(partial(start, algorithm, sample))(keys)
    return state._replace(step=state.step[0])


def observe(probe: Probe | None, key: Key, state: State) -> PyTree:
    """The result of `probe` on a state, with randomness that depends only on the run and its step."""
    return None if probe is None else probe(jax.random.fold_in(named_key(key, "probe"), state.step), state)


def with_algorithm(probe: AnyProbe, algorithm: Algorithm) -> Probe:
    """The probe of a single run, made from a probe for runs with settings."""
    return lambda key, state: probe(key, algorithm, state)


def check_probe(probe: AnyProbe | None, takes: Sequence[str]) -> None:
    """Rejects a probe whose parameters have the expected names but are in a different order.

    Raises:
      TypeError: `key` is not the first parameter, or another expected name is.

    Example:
      >>> check_probe(lambda state, key: state.step, OF_STATE)
      Traceback (most recent call last):
      TypeError: probe must take (key, state), got (state, key)
    """
    try:
        names = [] if probe is None else list(inspect.signature(probe).parameters)
    except (TypeError, ValueError):  # not every callable has a signature
        return
    if "key" in names[1:] or names[:1] in [[name] for name in takes[1:]]:
        raise TypeError(f"probe must take ({', '.join(takes)}), got ({', '.join(names)})")


def as_pytree(function: Sampler | AnyProbe | None) -> Any:
    """A sampler or probe as a pytree, so that its arrays are arguments of a compiled program, not constants in it."""
    if function is None or isinstance(function, jax.tree_util.Partial):
        return function
    return jax.tree_util.Partial(function)
