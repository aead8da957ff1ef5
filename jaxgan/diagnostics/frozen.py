"""Train discriminators from scratch against frozen generators of several ages: Arjovsky and Bottou's protocol."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import Partial
from jaxtyping import Float, Int

from jaxgan.checks import check_count
from jaxgan.diagnostics.gradients import (
    SATURATED,
    Gradients,
    check_losses,
    direction_probe,
    gradient_probe,
    mean_loss,
)
from jaxgan.dynamics import DiscriminatorInfo, best_generator, with_generator
from jaxgan.networks import network_state
from jaxgan.random import named_key
from jaxgan.runs.loop import Chunk, fit
from jaxgan.runs.placement import Placement
from jaxgan.runs.program import Parts, parts_of
from jaxgan.runs.run import Probe, as_pytree, observe, start_runs
from jaxgan.trees import norm
from jaxgan.types import QUANTILES, Algorithm, Array, Game, Generator, Key, Loss, PyTree, Sampler, State


class ImageGradients(NamedTuple):
    """Gradients of each sample's loss with respect to the generated example.

    The discriminator's normalization statistics are fixed to those of the batch. In training mode they couple the
    samples of a batch, so a gradient could not be attributed to a single sample.
    """

    norm: Float[Array, "*runs loss"]  # norm of the mean gradient over samples
    spread: Float[Array, "*runs loss"]  # sqrt(tr Cov) over samples
    norms: Float[Array, "*runs loss quantile"]  # per-sample gradient norms, at `jaxgan.types.QUANTILES`


class FrozenGeneratorResult(NamedTuple):
    """The measurements of the protocol; the leading axes are [age, seed] unless noted."""

    steps: Int[np.ndarray, " probe"]  # the discriminator's steps at which gradients were measured
    info: DiscriminatorInfo  # [age, seed, step], for every step
    gradients: Gradients  # [age, seed, probe, ...]
    images: ImageGradients | None  # [age, seed, probe, ...]; None if the game has no `discriminate`
    state: State  # the final state, [age * seed, ...]
    keys: Key  # [age * seed], the keys of the discriminators' runs
    interrupted: bool  # whether Ctrl-C stopped training before the last step


def log_spaced(last: int, count: int = 100) -> Int[np.ndarray, " steps"]:
    """Return up to `count` integer steps from 1 to `last`, as evenly spaced on a log scale as integers allow.

    Example:
      >>> log_spaced(100, 7).tolist()
      [1, 2, 5, 10, 22, 46, 100]
    """
    check_count("last", last)
    check_count("count", count, 2)
    if last <= count:
        return np.arange(1, last + 1)
    dense = count  # small steps coincide after rounding, so generate more until enough distinct ones are left
    while len(steps := np.unique(np.geomspace(1, last, dense).round().astype(int))) < count:
        dense += 1
    return steps


def generators_of_ages(
    algorithm: Algorithm,
    sample: Sampler,
    keys: Key,
    ages: Sequence[int],
    *,
    on_chunk: Callable[[Chunk], None] = lambda chunk: None,
    placement: Placement | None = None,
) -> Generator:
    """Train generators and return those of all seeds at each age, [age, seed, ...].

    The age of a generator is the number of steps of `algorithm` that it was trained for; 0 is untrained. If the
    algorithm keeps a moving average of the generator, the average is returned.

    Args:
      algorithm: the algorithm that trains the generators.
      sample: the data.
      keys: one key per seed.
      ages: numbers of steps, in increasing order.
      on_chunk: called with each chunk of the training, as in `fit`.
      placement: the devices; all by default.

    Raises:
      ValueError: if the ages are not integers of at least 0 in increasing order.
      KeyboardInterrupt: if Ctrl-C stops the training.

    Example:
      >>> import optax, jaxgan as jg
      >>> algorithm = jg.simultaneous(jg.toy.dirac(jg.minimax), optax.sgd(0.1), optax.sgd(0.1), batch_size=1)
      >>> keys = jg.seed_keys(jax.random.key(0), 3)
      >>> generators_of_ages(algorithm, jg.toy.origin(), keys, (0, 5)).params["theta"].shape[:2]  # [age, seed]
      (2, 3)
    """
    for age in ages:
        check_count("an age", age, 0)
    if not ages or sorted(set(ages)) != list(ages):
        raise ValueError(f"ages must be steps in increasing order, got {list(ages)}")
    kept, state = [], None
    for age in ages:
        if age == 0:
            generator = best_generator(start_runs(algorithm, sample, keys))
        else:
            done = fit(algorithm, sample, keys, age, state=state, on_chunk=on_chunk, placement=placement)
            if done.interrupted:
                raise KeyboardInterrupt
            # The next call to `fit` reuses the buffers of the state.
            state = jax.device_get(done.state)
            generator = best_generator(state)
        kept.append(jax.device_get(generator))
    return jax.tree.map(lambda *each: np.stack(each), *kept)


def against_discriminators(
    discriminator: Algorithm,
    sample: Sampler,
    keys: Key,
    generators: Generator,
    losses: Mapping[str, Loss],
    num_steps: int,
    *,
    probes: int = 100,
    minibatches: int = 8,
    batch_size: int = 64,
    saturated: float = SATURATED,
    on_chunk: Callable[[Chunk], None] = lambda chunk: None,
    on_compile: Callable[[float], None] = lambda seconds: None,
    placement: Placement | None = None,
) -> FrozenGeneratorResult:
    """Train a discriminator from scratch against each of `generators` [age, seed, ...] and measure gradients meanwhile.

    `discriminator` is an algorithm that updates the discriminator only, such as `jaxgan.discriminator_only`. The
    discriminators of a seed start from the same parameters and use the same random draws for all ages, so ages are
    compared in pairs. At `probes` log-spaced steps, the generator gradient of every loss is measured over `minibatches`
    minibatches, with respect to the generator's parameters and to the generated examples. All ages and seeds form one
    axis of one compiled program.

    Source: Arjovsky and Bottou 2017, Towards Principled Methods for Training GANs, figures 1 to 3.

    Args:
      discriminator: the algorithm.
      sample: the data.
      keys: one key per seed.
      generators: stacked [age, seed, ...], as returned by `generators_of_ages`.
      losses: the losses whose gradients are measured, by name.
      num_steps: the number of updates of each discriminator.
      probes: the approximate number of measurements.
      minibatches: the number of gradients per measurement, for their mean and spread.
      batch_size: the number of examples per minibatch.
      saturated: a sample counts as saturated if the derivative with respect to its logit is below this.
      on_chunk: called with each chunk of the training, as in `fit`.
      on_compile: called with the compilation time in seconds.
      placement: the devices; all by default.

    Raises:
      ValueError: if there is no loss or a count is below 1.

    Example:
      >>> import optax, jaxgan as jg
      >>> from jaxgan.dynamics import discriminator_only
      >>> ring, keys = jg.data.ring(), jg.seed_keys(jax.random.key(0), 2)
      >>> networks = jg.nn.MLPGenerator(2), jg.nn.MLPDiscriminator()
      >>> game = jg.adversarial_game(*networks, jg.normal_prior(2), jg.non_saturating)
      >>> algorithm = jg.alternating(game, optax.adam(1e-3), optax.adam(1e-3), batch_size=16)
      >>> generators = generators_of_ages(algorithm, ring.sample, keys, (0, 10))
      >>> rule = discriminator_only(game, optax.adam(1e-3), batch_size=16)
      >>> found = against_discriminators(
      ...     rule, ring.sample, keys, generators, {"minimax": jg.minimax}, 20, probes=5, batch_size=16)
      >>> found.gradients.norm.shape, found.info.accuracy.shape  # [age, seed, probe, loss], [age, seed, step]
      ((2, 2, 5, 1), (2, 2, 20))
    """
    check_losses(losses)
    ages, seeds = jax.tree.leaves(generators)[0].shape[:2]
    steps = log_spaced(num_steps, probes)
    each = jnp.tile(jax.vmap(partial(named_key, name="frozen"))(keys), ages)
    # All runs share the step counter; every other leaf of a state has a leading axis of runs.
    state = start_runs(discriminator, sample, each)
    state = with_generator(state, jax.tree.map(lambda a: a.reshape(-1, *a.shape[2:]), generators))
    reports: list[Any] = []
    seen: list[Any] = []

    def keep(chunk: Chunk) -> None:
        reports.append(chunk.info)
        if chunk.probe is not None:
            seen.append((chunk.step, chunk.probe))
        on_chunk(chunk)

    done = fit(
        discriminator,
        sample,
        each,
        num_steps,
        state=state,
        probe=_probe(discriminator.game, sample, losses, minibatches, batch_size, saturated),
        probe_at=steps.tolist(),
        record_every=1,
        on_chunk=keep,
        on_compile=on_compile,
        placement=placement,
    )

    def by_age(a: np.ndarray) -> np.ndarray:
        return a.reshape(ages, seeds, *a.shape[1:])

    info = jax.tree.map(lambda *parts: by_age(np.concatenate(parts, axis=1)), *reports)
    gradients, images = jax.tree.map(lambda *each: by_age(np.stack(each, axis=1)), *[probe for _, probe in seen])
    at = np.array([step for step, _ in seen])
    return FrozenGeneratorResult(at, info, gradients, images, done.state, each, done.interrupted)


def directions(
    found: FrozenGeneratorResult,
    game: Game,
    sample: Sampler,
    losses: Mapping[str, Loss],
    *,
    minibatches: int = 8,
    batch_size: int = 64,
) -> Float[np.ndarray, "age seed loss parameter"]:
    """Return the direction of the generator gradient of every loss at the end.

    The minibatches depend only on the seed. For two kinds of discriminators trained against the same generators, the
    inner product of their directions over parameters is therefore the cosine of their gradients on the same latents.
    """
    probe = direction_probe(game, sample, losses, minibatches=minibatches, batch_size=batch_size)
    step = found.state.step

    def at(probe: Probe, each: tuple[Key, Parts]) -> PyTree:
        key, parts = each
        return observe(probe, key, parts.at(step))

    parts = jax.device_get(parts_of(found.state))
    rows = jax.jit(lambda probe, each: jax.lax.map(partial(at, probe), each))(probe, (found.keys, parts))
    return np.asarray(rows).reshape(*found.gradients.norm.shape[:2], *rows.shape[1:])


def image_gradients(
    key: Key, game: Game, losses: Mapping[str, Loss], state: State, sample: Sampler, batch_size: int
) -> ImageGradients:
    """Return the `ImageGradients` of a state, from a batch of generated samples.

    The gradient of a sample's own loss is n dL/dx_i, where n is the batch size. Samples in a pack share one logit and
    so one loss. The samples are drawn with the generator's running statistics and are not augmented.

    Args:
      key: draws the samples and the real examples.
      game: the game with the discriminator and the generator.
      losses: the losses whose gradients are measured, by name.
      state: the parameters.
      sample: the data.
      batch_size: the number of samples, and of real examples.

    Raises:
      ValueError: if the game has no `discriminate`.

    Example:
      >>> import optax, jaxgan as jg
      >>> ring, key = jg.data.ring(), jax.random.key(0)
      >>> networks = jg.nn.MLPGenerator(2, hidden=(8,)), jg.nn.MLPDiscriminator(hidden=(8,))
      >>> game = jg.adversarial_game(*networks, jg.normal_prior(2), jg.non_saturating)
      >>> state = jg.alternating(game, optax.sgd(0.1), optax.sgd(0.1), batch_size=8).init(key, ring.sample)
      >>> losses = {"minimax": jg.minimax, "non_saturating": jg.non_saturating}
      >>> image_gradients(key, game, losses, state, ring.sample, batch_size=16).norm.shape
      (2,)
    """
    if game.discriminate is None:
        raise ValueError(
            "gradients with respect to examples need a game with `discriminate`, as `adversarial_game` makes it"
        )
    batch = sample(named_key(key, "data"), batch_size)
    generator = state.params.generator, state.model_state.generator
    fake = game.sample(named_key(key, "sample"), *generator, batch_size, batch.y)
    params = state.params.discriminator
    held = normalization_of(game, params, state.model_state.discriminator, fake, batch.y)
    discriminate = partial(game.discriminate, named_key(key, "discriminate"), params, held, y=batch.y)
    logits, pull = jax.vjp(lambda x: discriminate(x)[0], fake)
    real_logits = discriminate(batch.x)[0]

    def of(loss: Loss) -> ImageGradients:
        cotangent = jax.grad(mean_loss(loss), argnums=1)(real_logits, logits) * batch_size
        largest = jnp.max(jnp.abs(cotangent))
        unit = jnp.where((largest > 0) & jnp.isfinite(largest), largest, 1.0)
        gradients = pull(cotangent / unit)[0].reshape(batch_size, -1)
        mean = jnp.mean(gradients, axis=0)
        spread = norm(gradients - mean[None]) / jnp.sqrt(batch_size)
        quantiles = jnp.quantile(jax.vmap(norm)(gradients), jnp.asarray(QUANTILES))
        return ImageGradients(unit * norm(mean), unit * spread, unit * quantiles)

    return jax.tree.map(lambda *each: jnp.stack(each), *map(of, losses.values()))


def normalization_of(game: Game, params: PyTree, model_state: PyTree, x: Array, y: PyTree = None) -> PyTree:
    """Return the discriminator's model state with its running statistics replaced by the batch statistics of `x`.

    A pass in training mode turns a running statistic r into m r + (1 - m) b, where b is the batch statistic. Starting
    at r = 0, two passes give r1 = (1 - m) b and r2 = (1 + m) r1, so b = r1^2 / (2 r1 - r2) for any momentum m and any
    size of b. Other state, such as that of spectral normalization, is kept, and the states of terms are dropped.
    """
    assert game.discriminate is not None
    own = network_state(model_state)

    def after(start: PyTree) -> PyTree:
        begun = _map_statistics(lambda _, r: r, own, start)
        return game.discriminate(jax.random.key(0), params, begun, x, y, train=True)[1]  # type: ignore[misc]

    first = after(_map_statistics(jnp.zeros_like, own))
    second = after(first)
    return _map_statistics(lambda _, a, b: jnp.where(a == 0, 0.0, a * (a / (2 * a - b))), own, first, second)


def _map_statistics(function: Callable[..., Array], state: PyTree, *others: PyTree) -> PyTree:
    def apply(path: Any, old: Array, *rest: Array) -> Array:
        names = [getattr(part, "key", None) for part in path]
        return function(old, *rest) if names[0] == "batch_stats" and names[-1] in ("mean", "var") else old

    return jax.tree_util.tree_map_with_path(apply, state, *others)


def _probe(
    game: Game, sample: Sampler, losses: Mapping[str, Loss], minibatches: int, batch_size: int, saturated: float
) -> Probe:
    options: dict[str, Any] = {"minibatches": minibatches, "batch_size": batch_size, "saturated": saturated}
    gradients: Any = gradient_probe(game, sample, losses, **options)

    def probe(by_parameters: Probe, sample: Sampler, key: Key, state: State) -> tuple[Gradients, ImageGradients | None]:
        k = named_key(key, "images")
        images = None if game.discriminate is None else image_gradients(k, game, losses, state, sample, batch_size)
        return by_parameters(key, state), images

    return Partial(probe, gradients, as_pytree(sample))
