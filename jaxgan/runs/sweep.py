"""Many complete runs at once: every seed of an algorithm, or every configuration of a sweep with every seed."""

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

    The seeds are distributed over all devices, or as `placement` says, and take turns if they do not fit into memory
    together. All seeds share the data. A run that diverges does not affect any other. With several processes, each gets
    its own seeds. Use `fit` to monitor, save or stop runs during training.

    Args:
      algorithm: the algorithm to train with.
      sample: the data.
      keys: one per seed, as from `seed_keys`.
      num_steps: number of steps.
      probe: (key, state) -> the values to record about each seed's state.
      probe_every: number of steps between probes; by default one probe, at the end.
      record_every: number of steps between records of the `Info`.
      progress: whether to show a progress bar.
      placement: which devices to use; by default all.

    Raises:
      TypeError: keys are not an array of keys, the sampler does not draw a `Batch`, or the probe does not take its key
        first.
      ValueError: `num_steps` is below 1, or not a multiple of `probe_every` and `record_every`.
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
    if isinstance(keys, jax.core.Tracer):  # inside another transformation, which decides on the placement
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

    `make(**settings) -> Algorithm` is called while the program is traced, with abstract values, so one program serves
    all configurations, and a second sweep with other values does not recompile. Configuration c draws the same random
    numbers from a key as `run_seeds` does with `make` of its settings.

    Args:
      make: a module-level function; a function created anew for each call would be recompiled each time. What it reads
        besides its arguments is as it was at the first call, as in `jax.jit`: define it again if that has changed.
      settings: the arguments of `make`: arrays of numbers, or pytrees of them, that lead with the configuration axis.
      sample: (key, n) -> Batch, shared by all runs.
      keys: one per seed.
      num_steps: number of steps of each run.
      probe: (key, algorithm, state) -> any arrays, where the algorithm is that of the run's settings.
      probe_every: number of steps between probes (default: one probe, at the end).
      record_every: number of steps between records of the `Info`.
      progress: whether to show a progress bar.
      placement: where runs are trained; by default `place`.

    Raises:
      TypeError, ValueError: keys, settings, sampler or probe have the wrong form, or `make` does not take a name.
      ValueError: `num_steps` is below 1, or not a multiple of `probe_every` and `record_every`; or there are several
        processes (use `fit` then).
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
    return jax.tree.map(lambda a: a.reshape(len(a) // len(keys), len(keys), *a.shape[1:]), flat)


def _to_the_end(
    algorithm: Algorithm | Make,
    sample: Sampler,
    keys: Key,
    num_steps: int,
    probe_every: int | None,
    record_every: int,
    **options: Any,
) -> Result:
    """All chunks that `fit` yields, joined."""
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
    """A sweep inside another transformation, which decides on the placement."""
    check_probe(probe, OF_SETTINGS)

    def one(settings: Settings, key: Key) -> Result:
        algorithm = make(**settings)
        bound = None if probe is None else with_algorithm(probe, algorithm)
        spacing: dict[str, Any] = {"probe_every": probe_every, "record_every": record_every}
        return run(algorithm, sample, key, num_steps, probe=bound, **spacing)

    runs, configurations = all_runs(settings, keys)
    flat = jax.vmap(one)(runs.settings, runs.key)
    return jax.tree.map(lambda a: a.reshape(configurations, len(keys), *a.shape[1:]), flat)
