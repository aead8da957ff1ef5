"""`Evaluator`: measures the generators of one data set, inside a compiled run or after it."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import Partial
from numpy.typing import NDArray

from jaxgan.dynamics import best_generator
from jaxgan.results.results import Metric
from jaxgan.runs.run import Probe
from jaxgan.types import Array, Game, Generator, Key, PyTree, State

KEPT_IMAGES, KEPT_POINTS = 16, 1000  # samples of each run that are saved and shown in the report
NEIGHBOURS = 128  # samples whose pairwise distances are computed: the cost is quadratic
EVIDENCE = {
    "shares": "Share of all samples near each mode, class or cell",
    "distinct": "P(a sample is farther from its nearest neighbour than a real example from its own)",
    "memorized": "Excess of samples whose nearest real example is a training example rather than a held-out one",
}
"""What a diagnosis needs in addition to the metrics."""


class Evaluator(NamedTuple):
    """How the generators of one data set are measured.

    reference: arrays of real data to compare with; compiled programs take them as arguments
    measure:   (key, reference, game, generator, n, y) -> a pytree, for one generator and n samples; traceable, so that
               it can be measured during training for every run of a compiled program
    finish:    (pytree in numpy, every leaf with the same leading axes) -> {metric or other name: values with these
               axes}, on the host, for what cannot be traced. It includes `finite`: are all samples finite?
    metrics:   how to read the values
    samples:   the number of samples for the final metrics
    rules:     what decides on an outcome, by role: (metric, reference value)
    notes:     what a reader should know about the measurement
    real:      real examples to show beside samples
    y:         the conditions to draw samples for, in turn; None: unconditional
    shares:    [k], the share of real data near each mode, class or cell; None: there are no such groups

    Besides its metrics, `finish` returns the values named in `EVIDENCE` that exist for the data.
    """

    reference: PyTree
    measure: Callable[..., PyTree]
    finish: Callable[[PyTree], dict[str, NDArray]]
    metrics: tuple[Metric, ...]
    samples: int
    rules: dict[str, tuple[str, float]]
    notes: dict[str, Any]
    real: dict[str, NDArray]
    y: PyTree = None
    shares: NDArray | None = None


def evaluation_probe(
    evaluator: Evaluator,
    game: Game,
    n: int | None = None,
    *,
    generator: Callable[[State], Generator] = best_generator,
    latents: Key | None = None,
) -> Probe:
    """A probe of `run`, `run_seeds` and `fit`: what `evaluator` measures of the generator to sample from.

    Args:
      evaluator: its `finish` turns what is recorded into numbers.
      game: draws the samples.
      n: samples per probe; by default as many as for the final metrics.
      generator: state -> the generator to measure; if an average is kept too, `jg.current_generator` is the one as
        trained.
      latents: the random key of the samples of all runs at all steps, so that the curves of seeds differ only by their
        generators; by default every run has its own key at every step, and an interval over seeds includes the
        randomness of samples.

    Example:
      >>> import optax, jaxgan as jg
      >>> ring, networks = jg.data.ring(), (jg.nn.MLPGenerator(2), jg.nn.MLPDiscriminator())
      >>> game = jg.adversarial_game(*networks, jg.normal_prior(2), jg.non_saturating)
      >>> algorithm = jg.alternating(game, optax.adam(1e-3), optax.adam(1e-3), batch_size=16)
      >>> evaluator, keys = jg.evaluator_for(ring, samples=100), jg.seed_keys(jax.random.key(0), 2)
      >>> probe = jg.evaluation_probe(evaluator, game)
      >>> seen = jg.run_seeds(algorithm, ring.sample, keys, 4, probe=probe, probe_every=2).probes
      >>> evaluator.finish(jax.device_get(seen))["captured"].shape  # [seed, probe]
      (2, 2)
    """
    size = evaluator.samples if n is None else n

    def probe(reference: PyTree, y: PyTree, common: PyTree, key: Key, state: State) -> PyTree:
        key = key if common is None else jax.random.wrap_key_data(common)
        return evaluator.measure(key, reference, game, generator(state), size, y)

    # NumPy, like the reference: a JAX array can be tied to one device.
    common = None if latents is None else np.asarray(jax.random.key_data(latents))
    return Partial(probe, evaluator.reference, evaluator.y, common)


def evaluate(evaluator: Evaluator, game: Game, generators: Generator, keys: Key) -> dict[str, Any]:
    """All values of `finish`, the final metrics among them, for generators stacked over runs [run, ...], one key each.

    Measures one generator after the other, so that memory does not grow with their number.

    Raises:
      ValueError: the numbers of generators and keys differ.

    Example:
      >>> import optax, jaxgan as jg
      >>> networks = jg.nn.MLPGenerator(2, hidden=(8,)), jg.nn.MLPDiscriminator(hidden=(8,))
      >>> game = jg.adversarial_game(*networks, jg.normal_prior(4), jg.non_saturating)
      >>> algorithm = jg.alternating(game, optax.adam(1e-3), optax.adam(1e-3), batch_size=8)
      >>> data, keys = jg.data.ring(), jg.seed_keys(jax.random.key(0), 3)
      >>> init = jax.jit(jax.vmap(lambda key: algorithm.init(key, data.sample)))
      >>> state = init(keys)  # more often that of `run_seeds`
      >>> evaluator = jg.evaluator_for(data, samples=50)
      >>> jg.evaluate(evaluator, game, jg.best_generator(state), keys)["captured"].shape
      (3,)
    """
    runs = jax.tree.leaves(generators)[0].shape[0]
    if len(keys) != runs:
        raise ValueError(f"expected one key per generator, got {len(keys)} for {runs}")
    found = _measure_all(evaluator.measure, game, evaluator.samples, evaluator.reference, generators, keys, evaluator.y)
    return evaluator.finish(jax.device_get(found))


@partial(jax.jit, static_argnums=(0, 1, 2))
def _measure_all(
    measure: Any, game: Game, n: int, reference: PyTree, generators: Generator, keys: Key, y: PyTree
) -> PyTree:
    def one(pair: tuple[Generator, Key]) -> PyTree:
        generator, key = pair
        return measure(key, reference, game, generator, n, y)

    return jax.lax.map(one, (generators, keys))


def in_pieces(
    key: Key,
    game: Game,
    generator: Generator,
    n: int,
    piece: int,
    y: PyTree,
    of: Callable[[Array, Array, PyTree], PyTree],
) -> PyTree:
    """`of(samples, counted, conditions)` for pieces of n samples, stacked [piece, ...]: memory does not grow with n.

    The last piece has full size; `counted` says which of its samples belong to the n. The conditions y [m, ...] are
    used in turn, starting over if there are fewer of them than samples.
    """
    pieces = -(-n // piece)

    def one(arguments: tuple[Key, Array]) -> PyTree:
        key, first = arguments
        place = first + jnp.arange(piece)
        here = jax.tree.map(lambda a: a[place % a.shape[0]], y)
        return of(game.sample(key, generator.params, generator.model_state, piece, here), place < n, here)

    return jax.lax.map(one, (jax.random.split(key, pieces), piece * jnp.arange(pieces)))


def with_untrained(evaluator: Evaluator, values: dict[str, NDArray]) -> Evaluator:
    """The evaluator, with the mean values of untrained generators added to its yardsticks."""
    metrics = tuple(
        metric._replace(yardsticks={**metric.yardsticks, "untrained generator": float(np.mean(values[metric.name]))})
        for metric in evaluator.metrics
    )
    return evaluator._replace(metrics=metrics)
