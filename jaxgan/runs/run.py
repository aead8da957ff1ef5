"""Runs: pure functions of a key, and all seeds of them in one compiled program."""

from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxgan.random import named_key
from jaxgan.runs.placement import (
    Placement,
    bytes_needed,
    deal,
    joined,
    over_seeds,
    place,
    repeated,
    seeds_that_fit,
    spread,
    waves_of,
)
from jaxgan.types import Algorithm, Info, Key, PyTree, Sampler, State

Probe = Callable[[State, Key], PyTree]
"""(state, key) -> any arrays: what the caller wants recorded along a run (metrics, samples, diagnoses).

Data that it needs enter as arguments of a `jax.tree_util.Partial`, as a sampler's do.
"""


class Result(NamedTuple):
    """The end of a run, its `Info` [step] and its probes [probe]; with seeds, every array leads with the seed axis."""

    state: State
    info: Info
    probes: PyTree


def seed_keys(key: Key, seeds: int | Sequence[int]) -> Key:
    """One key per seed, `fold_in(key, seed)`: seed 7 has the same key alone and among 64.

    Example:
      >>> bool(seed_keys(jax.random.key(0), 8)[7] == seed_keys(jax.random.key(0), [7])[0])
      True
    """
    numbers = jnp.arange(seeds) if isinstance(seeds, int) else jnp.asarray(seeds)
    return jax.vmap(partial(jax.random.fold_in, key))(numbers)


def start(algorithm: Algorithm, sample: Sampler, key: Key) -> State:
    """The state before the first step of the run that `key` determines."""
    return algorithm.init(named_key(key, "init"), sample)


def advance(algorithm: Algorithm, sample: Sampler, key: Key, state: State) -> tuple[State, Info]:
    """One step of the run that `key` determines: its randomness is `fold_in(train key, state.step)`.

    It depends on nothing else, so a run that is cut into chunks, or resumed, draws the same numbers.
    """
    return algorithm.step(state, sample, jax.random.fold_in(named_key(key, "train"), state.step))


def run(
    algorithm: Algorithm,
    sample: Sampler,
    key: Key,
    num_steps: int,
    *,
    probe: Probe | None = None,
    probe_every: int | None = None,
) -> Result:
    """A whole training run as a pure function of `key`: jit it, vmap it, differentiate through it.

    (Forward only where a rule has a schedule of updates, as WGAN's: such a loop has no fixed length.)

    `probe(state, key)` is recorded after every `probe_every` steps (default: once, at the end).

    Raises:
      ValueError: `num_steps` below 1, or not a multiple of `probe_every`.
    """
    every = num_steps if probe_every is None else probe_every
    if num_steps < 1:
        raise ValueError(f"num_steps must be at least 1, got {num_steps}")
    if every < 1 or num_steps % every:
        raise ValueError(f"num_steps must be a multiple of probe_every, got {num_steps} and {probe_every}")

    def one_step(state: State, _: None) -> tuple[State, Info]:
        return advance(algorithm, sample, key, state)

    def stretch(state: State, _: None) -> tuple[State, tuple[Info, PyTree]]:
        state, info = jax.lax.scan(one_step, state, length=every)
        return state, (info, observe(probe, key, state))

    state, (info, probes) = jax.lax.scan(stretch, start(algorithm, sample, key), length=num_steps // every)
    info = jax.tree.map(lambda a: a.reshape(num_steps, *a.shape[2:]), info)
    return Result(state, info, probes)


def run_seeds(
    algorithm: Algorithm,
    sample: Sampler,
    keys: Key,
    num_steps: int,
    *,
    probe: Probe | None = None,
    probe_every: int | None = None,
    placement: Placement | None = None,
) -> Result:
    """`run` for every key at once, in one compiled program; every array of the result leads with the seed axis.

    The seeds are dealt out over all devices, or as `placement` says, in waves where they would not fit into memory.
    The data are shared by all seeds. A run that diverges changes no other.

    Raises:
      ValueError: over several processes, a number of seeds that the number of devices does not divide, or that does
        not fit into memory.

    Example:
      >>> import optax, jaxgan as jg
      >>> game = jg.adversarial_game(
      ...     jg.nn.MLPGenerator(2), jg.nn.MLPDiscriminator(), jg.normal_prior(8), jg.non_saturating)
      >>> algorithm = jg.alternating(game, optax.adam(1e-4), optax.adam(4e-4))
      >>> keys = jg.seed_keys(jax.random.key(0), 4)
      >>> jg.run_seeds(algorithm, jg.data.ring().sample, keys, num_steps=2).info.d_loss.shape
      (4, 2)
    """
    if isinstance(keys, jax.core.Tracer):  # inside another transformation, which decides where it runs
        return jax.vmap(partial(run, algorithm, sample, num_steps=num_steps, probe=probe, probe_every=probe_every))(
            keys
        )
    seeds = len(keys)
    placement = place(seeds) if placement is None else placement
    if jax.process_count() > 1 and seeds % placement.mesh.size:
        raise ValueError(f"{placement.mesh.size} devices of several processes cannot share {seeds} seeds evenly")
    places = deal(seeds, placement)
    runs = _whole_runs(algorithm, placement, num_steps, probe_every)
    shared = repeated(placement, (as_pytree(sample), as_pytree(probe)))

    def keys_of(wave: np.ndarray) -> Key:
        return spread(placement, keys[np.maximum(wave, 0)])

    needed = partial(bytes_needed, runs, shared)
    size = seeds_that_fit(placement, places.size, lambda size: needed(keys_of(np.zeros(size, int))))
    if size == seeds:
        return runs(shared, keys_of(places.ravel()))
    if jax.process_count() > 1:
        raise ValueError(f"{seeds} seeds on {placement.mesh.size} devices do not fit into memory; `fit` takes turns")
    waves = waves_of(places, size)
    parts = [jax.device_get(runs(shared, keys_of(wave))) for wave in waves]
    order = np.argsort(np.concatenate(waves), kind="stable")[-seeds:]
    return jax.tree.map(jnp.asarray, joined(parts, order))


@lru_cache(maxsize=16)
def _whole_runs(algorithm: Algorithm, placement: Placement, num_steps: int, probe_every: int | None) -> Any:
    def whole_run(shared: tuple[Sampler, Probe | None], key: Key) -> Result:
        sample, probe = shared
        return run(algorithm, sample, key, num_steps, probe=probe, probe_every=probe_every)

    return jax.jit(over_seeds(placement, whole_run))


def start_seeds(algorithm: Algorithm, sample: Sampler, keys: Key) -> State:
    """`start` for every key: all of the state but its step counter leads with the seed axis."""
    state = jax.vmap(partial(start, algorithm, sample))(keys)
    return state._replace(step=state.step[0])


def observe(probe: Probe | None, key: Key, state: State) -> PyTree:
    """What `probe` sees of a state, with randomness that depends on the run and its step alone."""
    return None if probe is None else probe(state, jax.random.fold_in(named_key(key, "probe"), state.step))


def as_pytree(function: Sampler | Probe | None) -> Any:
    """A sampler or a probe in a form whose arrays are arguments of a compiled program, not parts of its text."""
    if function is None or isinstance(function, jax.tree_util.Partial):
        return function
    return jax.tree_util.Partial(function)
