"""Parts shared by recipes: optimizers with checked settings, and requirements on the discriminator."""

from collections.abc import Callable
from typing import Any

import optax

from jaxgan.checks import check_coefficient
from jaxgan.dynamics import averaged
from jaxgan.networks import has_batch_norm
from jaxgan.nn import Packed
from jaxgan.types import Algorithm, Array, BatchSizes, Game, Key, Sampler, State

Rate = float | Callable[[Array], Array]
"""A learning rate: a number, or an optax schedule over the player's own update count."""

Size = int | BatchSizes
"""The number of examples in a batch, or `BatchSizes(real, fake, generator)`."""

MakeGame = Callable[..., Game]
"""A function that builds the game: it takes the arguments of `jaxgan.adversarial_game`, and may extend the game."""


def adam(lr: Rate, b1: float, b2: Rate, *, name: str = "lr", **more: Any) -> optax.GradientTransformation:
    """Adam, whose second decay, like the learning rate, may be a schedule over its update count.

    Raises:
      ValueError: the learning rate, which is called `name`, or a decay is out of range.
    """
    check_coefficient(name, lr, schedule=True)
    check_coefficient("b1", b1, below=1.0)
    check_coefficient("b2", b2, below=1.0, schedule=True)
    if callable(b2):
        return optax.inject_hyperparams(optax.adam)(lr, b1, b2, **more)
    return optax.adam(lr, b1, b2, **more)


def rmsprop(lr: Rate, *, name: str = "lr") -> optax.GradientTransformation:
    """RMSprop as in PyTorch and the papers: decay 0.99, eps outside the root (optax: decay 0.9, eps inside).

    Raises:
      ValueError: the learning rate, which is called `name`, is out of range.
    """
    check_coefficient(name, lr, schedule=True)
    return optax.rmsprop(lr, decay=0.99, eps=1e-8, eps_in_sqrt=False)


def with_ema(algorithm: Algorithm, ema: Rate | None) -> Algorithm:
    """`algorithm` with a moving average of the generator, `jaxgan.averaged`, unless `ema` is None.

    Raises:
      ValueError: `ema` is outside [0, 1).
    """
    if ema is None:
        return algorithm
    check_coefficient("ema", ema, below=1.0, schedule=True)
    return averaged(algorithm, ema)


def without_batch_norm(discriminator: Any) -> Any:
    """The discriminator with its field `batch_norm` turned off, if it has one; see `refusing_batch_norm`."""
    changed = with_fields(discriminator, batch_norm=False)
    return discriminator if changed is None else changed


def with_fields(discriminator: Any, **fields: bool) -> Any:
    """The discriminator (or the one inside a `Packed`) with fields changed; None if it lacks any of the fields."""
    if isinstance(discriminator, Packed):
        inner = with_fields(discriminator.discriminator, **fields)
        return inner if inner is None else discriminator.clone(discriminator=inner)
    return discriminator.clone(**fields) if all(hasattr(discriminator, name) for name in fields) else None


def spectrally_normalized(discriminator: Any, recipe: str) -> Any:
    """The discriminator with its field `spectral_norm` turned on.

    Raises:
      ValueError: the discriminator has no such field.
    """
    changed = with_fields(discriminator, spectral_norm=True)
    if changed is None:
        name = type(discriminator).__name__
        raise ValueError(f"{recipe} needs a discriminator with a field `spectral_norm`, as in jaxgan.nn, got {name}")
    return changed


def refusing_batch_norm(algorithm: Algorithm, recipe: str) -> Algorithm:
    """`algorithm`, whose `init` rejects a discriminator with batch normalization in its variables.

    A per-example gradient penalty is well defined only if each logit depends on its own example alone, but batch
    normalization makes an example's logit depend on the rest of its batch.

    Raises:
      ValueError: when `init` is called (also under `jax.eval_shape`), the discriminator's model state contains running
        statistics.
    """

    def init(key: Key, sample: Sampler) -> State:
        state = algorithm.init(key, sample)
        if layer := has_batch_norm(state.model_state.discriminator):
            raise ValueError(
                f"{recipe} penalizes the discriminator's gradient at each example: expected a discriminator "
                f"without batch normalization, got one with running statistics in {layer}"
            )
        return state

    return algorithm._replace(init=init)
