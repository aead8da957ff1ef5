"""Measure the generator's gradient for several losses at the same parameters and on the same batches."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.tree_util import Partial, keystr, tree_leaves_with_path
from jaxtyping import Float

from jaxgan.checks import check_coefficient, check_count
from jaxgan.losses.parts import mean_of
from jaxgan.random import named_key
from jaxgan.runs.run import Probe, as_pytree
from jaxgan.trees import norm
from jaxgan.types import QUANTILES, Array, Game, Key, Loss, PyTree, Sampler, State

SATURATED = 1e-2  # a sample counts as saturated if the derivative with respect to its logit is below this
_LOWEST = -10_000  # below the exponent of any floating-point number


class Gradients(NamedTuple):
    """Gradients of losses with respect to the generator's parameters, from M minibatches.

    With one minibatch the variance is undefined, so `noise` and `snr` are NaN. `cosine` is NaN where a norm is 0.
    """

    norm: Float[Array, "*runs loss"]  # norm of the mean gradient over the minibatches
    norms: Float[Array, "*runs loss minibatch"]  # norm of each minibatch's gradient
    layers: dict[str, Float[Array, "*runs loss"]]  # norm of the mean gradient of each layer's parameters
    noise: Float[Array, "*runs loss"]  # sqrt(tr Cov): the standard deviation of one minibatch's gradient
    snr: Float[Array, "*runs loss"]  # norm / noise; about 1 / sqrt(M) for pure noise
    cosine: Float[Array, "*runs loss loss"]  # cosine between the mean gradients
    saturated: Float[Array, "*runs loss"]  # share of samples whose |dL/dlogit| is below a threshold
    fake_logit: Float[Array, "*runs quantile"]  # quantiles over all samples, at `jaxgan.types.QUANTILES`
    d_fake: Float[Array, "*runs quantile"]  # D(G(z)) = sigmoid(fake_logit)


def gradient_probe(
    game: Game,
    sample: Sampler,
    losses: Mapping[str, Loss],
    *,
    minibatches: int = 4,
    batch_size: int = 64,
    saturated: float = SATURATED,
) -> Probe:
    """Return a probe that records `Gradients` in `run`, `run_seeds` and `fit` without changing the run.

    The generator's gradient is J^T c, where c = dL/dlogits. All losses share the forward pass and J, so each loss costs
    one backward pass; losses with the same generator part share one. The game's terms are not included. Gradients are
    scaled by a power of two, taken from the largest entry of c, so that they do not underflow before their norm is
    computed. A norm of 0 means that c is 0 in the type of the logits, that the discriminator has zero slope, or that
    the norm itself underflows.

    Args:
      game: the game with the generator and the discriminator.
      sample: the data.
      losses: the losses whose gradients are measured, by name; the game's own loss need not be among them.
      minibatches: the number of gradients, for their mean and spread.
      batch_size: the number of examples per minibatch.
      saturated: a sample counts as saturated if the derivative with respect to its logit is below this.

    Raises:
      ValueError: if there is no loss, `minibatches` or `batch_size` is below 1, or the threshold is not positive; when
        traced, if a paired loss gets different numbers of real and fake logits.

    Example:
      >>> import optax, jaxgan as jg
      >>> ring = jg.data.ring()
      >>> networks = jg.nn.MLPGenerator(2), jg.nn.MLPDiscriminator()
      >>> game = jg.adversarial_game(*networks, jg.normal_prior(2), jg.non_saturating)
      >>> algorithm = jg.alternating(game, optax.adam(1e-3), optax.adam(1e-3), batch_size=16)
      >>> losses = {"minimax": jg.minimax, "non_saturating": jg.non_saturating}
      >>> probe = gradient_probe(game, ring.sample, losses, batch_size=16)
      >>> keys = jg.seed_keys(jax.random.key(0), 3)
      >>> found = jg.run_seeds(algorithm, ring.sample, keys, 10, probe=probe, probe_every=5).probes
      >>> found.norm.shape, found.cosine.shape  # [seed, probe, loss] and [seed, probe, loss, loss]
      ((3, 2, 2), (3, 2, 2, 2))
    """
    measure = _measurement(game, losses, minibatches, batch_size, saturated)

    def probe(sample: Sampler, key: Key, state: State) -> Gradients:
        return measure(key, state, sample)[0]

    return Partial(probe, as_pytree(sample))


def direction_probe(
    game: Game, sample: Sampler, losses: Mapping[str, Loss], *, minibatches: int = 4, batch_size: int = 64
) -> Probe:
    """Return a probe of the mean gradient of every loss divided by its norm, [loss, parameter], parameters flattened.

    The inner product of two such directions is the cosine between the gradients. It is NaN where a norm is 0.

    Args:
      game: the game with the generator and the discriminator.
      sample: the data.
      losses: the losses whose gradients are measured, by name.
      minibatches: the number of gradients that are averaged.
      batch_size: the number of examples per minibatch.

    Raises:
      ValueError: under the same conditions as `gradient_probe`.

    Example:
      >>> import optax, jaxgan as jg
      >>> data = jg.data.ring()
      >>> networks = jg.nn.MLPGenerator(2, hidden=(8,)), jg.nn.MLPDiscriminator(hidden=(8,))
      >>> game = jg.adversarial_game(*networks, jg.normal_prior(4), jg.minimax)
      >>> probe = direction_probe(game, data.sample, {"minimax": jg.minimax, "non_saturating": jg.non_saturating})
      >>> key = jax.random.key(0)
      >>> adam = optax.adam(1e-3)
      >>> state = jg.alternating(game, adam, adam, batch_size=8).init(key, data.sample)
      >>> minimax, non_saturating = probe(key, state)
      >>> bool(minimax @ non_saturating <= 1 + 1e-6)
      True
    """
    measure = _measurement(game, losses, minibatches, batch_size, SATURATED)

    def probe(sample: Sampler, key: Key, state: State) -> Array:
        return measure(key, state, sample)[1]

    return Partial(probe, as_pytree(sample))


def _measurement(
    game: Game, losses: Mapping[str, Loss], minibatches: int, batch_size: int, saturated: float
) -> Callable[[Key, State, Sampler], tuple[Gradients, Array]]:
    """Return (key, state, sample) -> (`Gradients`, the directions of the mean gradients)."""
    check_losses(losses)
    check_count("minibatches", minibatches)
    check_count("batch_size", batch_size)
    check_coefficient("saturated", saturated, lowest=None)
    if saturated <= 0:
        raise ValueError(f"saturated must be above 0, got {saturated}")
    distinct, index = _distinct(losses)

    def measure(key: Key, state: State, sample: Sampler) -> tuple[Gradients, Array]:
        def minibatch(carry: _Sums, key: Key) -> tuple[_Sums, tuple[Array, ...]]:
            logits, pull = logits_of_generator(key, game, state, sample, batch_size)
            cotangents = [jax.grad(mean_loss(loss), argnums=(0, 1))(*logits) for loss in distinct]
            derivatives = jnp.stack([c[1].ravel() * c[1].size for c in cotangents])
            # Scale the backward pass by its largest derivative, and its result by its largest entry.
            units = [_exponent(c) for c in cotangents]
            gradients = [pull(_in_units(c, unit))[0] for c, unit in zip(cotangents, units, strict=True)]
            sizes = jnp.stack([u + _exponent(g) for u, g in zip(units, gradients, strict=True)])
            gradient = jax.tree.map(lambda *each: jnp.stack(each), *gradients)
            norms = jnp.ldexp(jnp.sqrt(_sums_of_squares(_shifted(gradient, jnp.stack(units) - sizes))), sizes)
            shares = jnp.mean(jnp.abs(derivatives) < saturated, axis=1)
            return _with(carry, gradient, jnp.stack(units), sizes), (norms, shares, logits[1].ravel())

        keys = jax.vmap(lambda i: jax.random.fold_in(key, i))(jnp.arange(minibatches))
        start = _no_sums(state.params.generator, len(distinct))
        sums, (norms, shares, fake) = jax.lax.scan(minibatch, start, keys)
        lengths = jax.vmap(norm)(sums.mean)
        noise = jnp.sqrt(sums.squares / (minibatches - 1)) if minibatches > 1 else jnp.full_like(lengths, jnp.nan)
        layers = {name: jax.vmap(norm)(part) for name, part in by_layer(sums.mean).items()}
        rows = jnp.concatenate([m.reshape(len(distinct), -1) for m in jax.tree.leaves(sums.mean)], axis=1)
        rows = rows / lengths[:, None]
        quantiles = jnp.quantile(fake, jnp.asarray(QUANTILES))
        found = Gradients(
            norm=jnp.ldexp(lengths, sums.exponents)[index],
            norms=norms.T[index],
            layers={name: jnp.ldexp(part, sums.exponents)[index] for name, part in layers.items()},
            noise=jnp.ldexp(noise, sums.exponents)[index],
            snr=(lengths / noise)[index],
            cosine=(rows @ rows.T)[index][:, index],
            saturated=jnp.mean(shares, axis=0)[index],
            fake_logit=quantiles,
            d_fake=jax.nn.sigmoid(quantiles),
        )
        return found, rows[index]

    return measure


def logits_of_generator(
    key: Key, game: Game, state: State, sample: Sampler, batch_size: int
) -> tuple[tuple[Array, Array], Callable[[tuple[Array, Array]], tuple[PyTree]]]:
    """Return the (real, fake) logits of a generator update, and the function c -> (J^T c,), with J their Jacobian."""
    batch = sample(named_key(key, "data"), batch_size)

    def logits(own: PyTree) -> tuple[Array, Array]:
        point = state.params._replace(generator=own)
        k = named_key(key, "game")
        evaluation = game.generator(k, point, state.model_state, batch, batch_size, state.step)[1]
        return evaluation.real_logits, evaluation.fake_logits

    return jax.vjp(logits, state.params.generator)


def mean_loss(loss: Loss) -> Callable[[Array, Array], Array]:
    """Return (real, fake) logits -> the generator's objective: the sum of the means of its parts."""

    def total(real: Array, fake: Array) -> Array:
        return mean_of(loss.generator(real, fake))

    return total


def by_layer(tree: PyTree) -> dict[str, list[Array]]:
    """Return the leaves of a pytree grouped by the module that they belong to, in order.

    Example:
      >>> list(by_layer({"Dense_0": {"kernel": 1, "bias": 2}, "theta": 3}))
      ['Dense_0', 'theta']
    """
    layers: dict[str, list[Array]] = {}
    for path, leaf in tree_leaves_with_path(tree):
        name = keystr(path[:-1] or path, simple=True, separator="/")
        layers.setdefault(name, []).append(leaf)
    return layers


def check_losses(losses: Mapping[str, Loss]) -> None:
    """Raise ValueError unless `losses` maps at least one name to a loss."""
    if not losses or not all(isinstance(loss, Loss) for loss in losses.values()):
        raise ValueError(f"losses must be a mapping of names to losses, such as {{'minimax': minimax}}, got {losses!r}")


class _Sums(NamedTuple):
    """Welford's running mean and sum of squares, in units of 2**exponents [loss]."""

    mean: PyTree
    squares: Array
    exponents: Array
    number: Array


def _no_sums(params: PyTree, losses: int) -> _Sums:
    mean = jax.tree.map(lambda p: jnp.zeros((losses, *p.shape), p.dtype), params)
    dtype = jnp.result_type(*jax.tree.leaves(params))
    return _Sums(mean, jnp.zeros(losses, dtype), jnp.full(losses, _LOWEST), jnp.int32(0))


def _with(sums: _Sums, gradient: PyTree, units: Array, sizes: Array) -> _Sums:
    """Add a gradient given in `units` and of magnitude `sizes` [loss], both exponents of two.

    The largest size so far becomes the unit of the sums.
    """
    exponents, number = jnp.maximum(sums.exponents, sizes), sums.number + 1
    change = sums.exponents - exponents
    old = _shifted(sums.mean, change)
    difference = jax.tree.map(jnp.subtract, _shifted(gradient, units - exponents), old)
    new = jax.tree.map(lambda m, d: m + d / number, old, difference)
    # (g - old mean) (g - new mean) = (g - old mean)^2 (n - 1) / n
    squares = jnp.ldexp(sums.squares, 2 * change) + _sums_of_squares(difference) * (number - 1) / number
    return _Sums(new, squares, exponents, number)


def _exponent(tree: PyTree) -> Array:
    """Return the binary exponent of the largest entry; 0 if all entries are 0 or one is not finite."""
    largest = jnp.max(jnp.stack([jnp.max(jnp.abs(leaf)) for leaf in jax.tree.leaves(tree)]))
    return jnp.where((largest > 0) & jnp.isfinite(largest), jnp.frexp(largest)[1], 0)


def _in_units(tree: PyTree, exponent: Array) -> PyTree:
    return jax.tree.map(lambda leaf: leaf * jnp.ldexp(jnp.ones((), leaf.dtype), -exponent), tree)


def _shifted(tree: PyTree, exponents: Array) -> PyTree:
    """Multiply each loss's part of the leaves [loss, ...] by its power of two."""

    def shift(leaf: Array) -> Array:
        # One factor per loss: `ldexp` on every entry would cost more than the backward pass of a small network.
        return leaf * _along(jnp.ldexp(jnp.ones(len(exponents), leaf.dtype), exponents), leaf)

    return jax.tree.map(shift, tree)


def _sums_of_squares(tree: PyTree) -> Array:
    """Return the sums of squares [loss] over all leaves [loss, ...]."""
    sums = [jnp.sum(jnp.square(leaf).reshape(leaf.shape[0], -1), axis=1) for leaf in jax.tree.leaves(tree)]
    return jnp.sum(jnp.stack(sums), axis=0)


def _along(values: Array, leaf: Array) -> Array:
    """Reshape values [loss] so that they broadcast against a leaf [loss, ...]."""
    return values.reshape(-1, *[1] * (leaf.ndim - 1))


def _distinct(losses: Mapping[str, Loss]) -> tuple[list[Loss], Array]:
    """Return one loss for each distinct generator part, and the index into these for every loss."""
    parts: dict[Callable, int] = {}
    for loss in losses.values():
        parts.setdefault(loss.generator, len(parts))
    distinct = {parts[loss.generator]: loss for loss in losses.values()}
    return [distinct[i] for i in range(len(parts))], jnp.asarray([parts[loss.generator] for loss in losses.values()])
