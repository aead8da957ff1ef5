"""Generators of several ages, frozen, against discriminators trained from scratch: Arjovsky and Bottou's protocol."""

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
    """Gradients of each sample's own loss with respect to the generated example.

    The discriminator's normalization is held at the statistics of the batch: in training they couple its samples, and
    no gradient would be one sample's own.
    """

    norm: Float[Array, "*runs loss"]  # of the mean over samples
    spread: Float[Array, "*runs loss"]  # sqrt(tr Cov) over samples
    norms: Float[Array, "*runs loss quantile"]  # of every sample's gradient, at `jaxgan.types.QUANTILES`


class FrozenGeneratorResult(NamedTuple):
    """What the protocol measures; arrays lead with [age, seed]."""

    steps: Int[np.ndarray, " probe"]  # the discriminator's steps at which gradients were measured
    info: DiscriminatorInfo  # [age, seed, step], of every step
    gradients: Gradients  # [age, seed, probe, ...]
    images: ImageGradients | None  # [age, seed, probe, ...]; None where the game has no `discriminate`
    state: State  # at the end, [age * seed, ...]
    keys: Key  # [age * seed] of the discriminators' runs
    interrupted: bool  # Ctrl-C came before the last step


def log_spaced(last: int, count: int = 100) -> Int[np.ndarray, " steps"]:
    """Up to `count` steps from 1 to `last`, evenly spaced in their logarithm as far as whole numbers allow.

    Example:
      >>> log_spaced(100, 7).tolist()
      [1, 2, 5, 10, 22, 46, 100]
    """
    check_count("last", last)
    check_count("count", count, 2)
    if last <= count:
        return np.arange(1, last + 1)
    dense = count  # at the lower end whole numbers coincide: more are asked for until enough are left
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
    """The generators of all seeds after so many steps of `algorithm`, [age, seed, ...]; 0 is untrained.

    The moving average where the algorithm keeps one. What Ctrl-C ends is a KeyboardInterrupt.

    Args:
      algorithm: what trains them.
      sample: the data.
      keys: one for each seed.
      ages: steps, in increasing order.
      on_chunk: sees each stretch of the training, as that of `fit` does.
      placement: which devices; by default all.

    Raises:
      ValueError: ages that are no whole numbers of at least 0, in increasing order.
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
            # Its buffers are used again by the next stretch.
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
    """Trains a discriminator from scratch against each of `generators` [age, seed, ...], and measures along the way.

    `discriminator` is a rule that updates the discriminator alone, such as `jaxgan.discriminator_only`. Each seed's
    discriminators start alike and draw alike against its generators of all ages, so that ages are compared in pairs.
    At `probes` log-spaced steps every loss's generator gradient is taken over `minibatches`, with respect to the
    generator's parameters and to the generated examples. All ages and seeds are one axis of one compiled program.

    Source: Arjovsky and Bottou 2017, Towards Principled Methods for Training GANs, figures 1 to 3.

    Args:
      discriminator: the rule.
      sample: the data.
      keys: one for each seed.
      generators: stacked [age, seed, ...], as `generators_of_ages` returns them.
      losses: whose gradients are taken, by name.
      num_steps: updates of each discriminator.
      probes: about how many looks are taken.
      minibatches: how many gradients a probe takes, for their mean and their spread.
      batch_size: examples in each of them.
      saturated: the derivative with respect to the logit below which a sample counts as saturated.
      on_chunk: sees each stretch of the training, as that of `fit` does.
      on_compile: is told how many seconds compilation took.
      placement: which devices; by default all.

    Raises:
      ValueError: no loss, or a count below 1.

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
    # The step counter is one for all; every other leaf of a state leads with the axis of runs.
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
    """The direction of every loss's generator gradient at the end.

    The minibatches depend on the seed alone: between discriminators of two kinds, both trained against the same
    generators, the inner product over parameters is the cosine of the gradients that they give on the same latents.
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
    """`ImageGradients` of a state, from a batch of the generator's own samples.

    The gradient of a sample's own loss is n dL/dx_i, n being the size of the batch. In a pack, samples share a logit
    and with it their loss. Examples are as the generator samples them, with its running statistics, not augmented.

    Args:
      key: draws the samples and the real examples.
      game: which discriminator judges, and which generator samples.
      losses: whose gradients are taken, by name.
      state: the parameters.
      sample: the data.
      batch_size: how many samples, and real examples beside them.

    Raises:
      ValueError: a game without `discriminate`.
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
    """The discriminator's model state with the batch statistics of `x` as its running ones.

    A pass in training turns a running statistic r into m r + (1 - m) b, b being the batch's. From r = 0 it makes
    r1 = (1 - m) b, and from that r2 = (1 + m) r1, so that b = r1^2 / (2 r1 - r2), whatever the momentum m and however
    large b. State of another kind, such as a spectral norm's, is left as it is, and states of terms are left out.
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
