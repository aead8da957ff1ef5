"""Many runs at once, to their end: every seed of an algorithm, and every configuration of a sweep with every seed."""

from typing import Any

import jax
import numpy as np

from jaxgan.runs.axis import Make, Settings, all_runs
from jaxgan.runs.loop import Chunk, fit
from jaxgan.runs.placement import Placement
from jaxgan.runs.run import OF_SETTINGS, AnyProbe, Probe, Result, check_probe, check_steps, run, with_algorithm
from jaxgan.types import Algorithm, Key, Sampler


def run_seeds(
    algorithm: Algorithm,
    sample: Sampler,
    keys: Key,
    num_steps: int,
    *,
    probe: Probe | None = None,
    probe_every: int | None = None,
    record_every: int = 1,
    progress: bool = False,
    placement: Placement | None = None,
) -> Result:
    """`run` for every key at once, in one compiled program; every array of the result leads with the seed axis.

    The seeds are shared out over all devices, or as `placement` says, and take turns where they would not fit into
    memory together. The data are shared by all seeds. A run that diverges changes no other. Over several processes
    each gets its own seeds. `fit` is the same for those who want to see, save or stop runs on their way.

    Args:
      algorithm: what trains.
      sample: the data.
      keys: one for each seed, as `seed_keys` makes them.
      num_steps: how many steps.
      probe: (key, state) -> what is recorded of each seed's state.
      probe_every: steps between two probes; by default one, at the end.
      record_every: steps between two records of the `Info`.
      progress: whether a bar shows how far it is.
      placement: which devices; by default all.

    Raises:
      TypeError: keys that are no array of keys, a sampler that draws no `Batch`, or a probe that does not take its key
        first.
      ValueError: `num_steps` below 1, or not a multiple of `probe_every` and `record_every`.
      KeyboardInterrupt: Ctrl-C.

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
        spacing: dict[str, Any] = {"probe_every": probe_every, "record_every": record_every}
        return jax.vmap(lambda key: run(algorithm, sample, key, num_steps, probe=probe, **spacing))(keys)
    how: dict[str, Any] = {"probe": probe, "progress": progress, "placement": placement}
    return _to_the_end(algorithm, sample, keys, num_steps, probe_every, record_every, **how)


def sweep(
    make: Make,
    settings: Settings,
    sample: Sampler,
    keys: Key,
    num_steps: int,
    *,
    probe: AnyProbe | None = None,
    probe_every: int | None = None,
    record_every: int = 1,
    progress: bool = False,
    placement: Placement | None = None,
) -> Result:
    """Every configuration with every key; every array of the result leads with [configuration, seed].

    `make(**settings) -> Algorithm` is called while the program is traced, with numbers that have no value yet, so one
    program serves all configurations, and other values in a second sweep compile nothing anew. Configuration c draws
    the same random numbers from a key as `run_seeds` does with `make` of its settings.

    Args:
      make: a function of this module or script rather than one made anew for every call, which would be compiled anew.
      settings: the arguments of `make`: arrays of numbers, or pytrees of them, that lead with the configuration axis.
      sample: (key, n) -> Batch, shared by all runs.
      keys: one per seed.
      num_steps: of every run.
      probe: (key, algorithm, state) -> any arrays, the algorithm being that of the run's settings.
      probe_every: it is recorded after so many steps each (default: once, at the end).
      record_every: the `Info` of a step is recorded after so many steps each.
      progress: whether to show a bar.
      placement: where runs are trained; by default `place`.

    Raises:
      TypeError, ValueError: keys, settings, a sampler or a probe of another form, or names that `make` does not take.
      ValueError: `num_steps` below 1, or not a multiple of `probe_every` and `record_every`; several processes,
        where `fit` works.
      KeyboardInterrupt: Ctrl-C.

    Example:
      >>> import optax, jaxgan as jg
      >>> def make(lr, gamma):
      ...     game = jg.toy.dirac(jg.minimax, d_terms=(jg.terms.r1(gamma),))
      ...     return jg.simultaneous(game, optax.sgd(lr), optax.sgd(lr), batch_size=1)
      >>> settings = {"lr": [0.1, 0.2], "gamma": [0.0, 1.0]}
      >>> result = jg.sweep(make, settings, jg.toy.origin(), jg.seed_keys(jax.random.key(0), 3), num_steps=5)
      >>> result.info.d_loss.shape  # [configuration, seed, step]
      (2, 3, 5)
    """
    if any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves((settings, keys))):
        return _inside(make, settings, sample, keys, num_steps, probe, probe_every, record_every)
    if jax.process_count() > 1:
        raise ValueError(f"sweep works in one process, got {jax.process_count()}: use fit, which gives each its runs")
    how: dict[str, Any] = {"probe": probe, "progress": progress, "placement": placement}
    flat = _to_the_end(make, sample, keys, num_steps, probe_every, record_every, settings=settings, **how)
    return jax.tree.map(lambda a: a.reshape(-1, len(keys), *a.shape[1:]), flat)


def _to_the_end(
    algorithm: Algorithm | Make,
    sample: Sampler,
    keys: Key,
    num_steps: int,
    probe_every: int | None,
    record_every: int,
    **options: Any,
) -> Result:
    """Everything that `fit` hands over, joined."""
    check_steps(num_steps, probe_every, record_every)
    infos: list[Any] = []
    probes: list[Any] = []

    def keep(chunk: Chunk) -> None:
        infos.append(chunk.info)
        if chunk.probe is not None:
            probes.append(chunk.probe)

    spacing: dict[str, Any] = {
        "probe_every": probe_every,
        "record_at": range(record_every, num_steps + 1, record_every),
    }
    end = fit(algorithm, sample, keys, num_steps, on_chunk=keep, **spacing, **options)
    if end.interrupted:
        raise KeyboardInterrupt
    state = end.state._replace(step=np.full(len(end.runs), end.step, np.int32))  # type: ignore[arg-type]
    info = jax.tree.map(lambda *parts: np.concatenate(parts, axis=1), *infos)
    seen = jax.tree.map(lambda *each: np.stack(each, axis=1), *probes) if probes else None
    return jax.device_put(Result(state, info, seen))


def _inside(
    make: Make,
    settings: Settings,
    sample: Sampler,
    keys: Key,
    num_steps: int,
    probe: AnyProbe | None,
    probe_every: int | None,
    record_every: int,
) -> Result:
    """A sweep inside another transformation, which decides where it runs."""
    check_probe(probe, OF_SETTINGS)

    def one(settings: Settings, key: Key) -> Result:
        algorithm = make(**settings)
        bound = None if probe is None else with_algorithm(probe, algorithm)
        spacing: dict[str, Any] = {"probe_every": probe_every, "record_every": record_every}
        return run(algorithm, sample, key, num_steps, probe=bound, **spacing)

    runs, configurations = all_runs(settings, keys)
    flat = jax.vmap(one)(runs.settings, runs.key)
    return jax.tree.map(lambda a: a.reshape(configurations, -1, *a.shape[1:]), flat)
