"""What several recipes are made of: optimizers with checked settings, and demands on the discriminator."""

from collections.abc import Callable
from typing import Any

import optax

from jaxgan.checks import check_coefficient
from jaxgan.networks import has_batch_norm
from jaxgan.nn import Packed
from jaxgan.types import Algorithm, Array, BatchSizes, Game, Key, Sampler, State

Rate = float | Callable[[Array], Array]
"""A learning rate: a number, or a schedule of the player's own updates, as optax has them."""

Size = int | BatchSizes
"""How many examples a batch has, or `BatchSizes(real, fake, generator)`."""

MakeGame = Callable[..., Game]
"""What makes the game: it takes what `jaxgan.adversarial_game` takes, and may add to it."""


def adam(lr: Rate, b1: float, b2: Rate, **more: Any) -> optax.GradientTransformation:
    """Adam, whose second decay may be a schedule of its updates like the rate."""
    check_coefficient("a learning rate", lr, schedule=True)
    check_coefficient("b1", b1, below=1.0)
    check_coefficient("b2", b2, below=1.0, schedule=True)
    if callable(b2):
        return optax.inject_hyperparams(optax.adam)(lr, b1, b2, **more)
    return optax.adam(lr, b1, b2, **more)


def rmsprop(lr: Rate) -> optax.GradientTransformation:
    """PyTorch's and the papers', with eps outside of the root; optax's own defaults are a decay of 0.9 and inside."""
    check_coefficient("a learning rate", lr, schedule=True)
    return optax.rmsprop(lr, decay=0.99, eps=1e-8, eps_in_sqrt=False)


def without_batch_norm(discriminator: Any) -> Any:
    """The discriminator with its field `batch_norm` turned off, where it has one; see `refusing_batch_norm`."""
    changed = with_fields(discriminator, batch_norm=False)
    return discriminator if changed is None else changed


def with_fields(discriminator: Any, **fields: bool) -> Any:
    """The discriminator with fields changed, in a pack or not; None where it has no such field."""
    if isinstance(discriminator, Packed):
        inner = with_fields(discriminator.discriminator, **fields)
        return inner if inner is None else discriminator.clone(discriminator=inner)
    return discriminator.clone(**fields) if all(hasattr(discriminator, name) for name in fields) else None


def spectrally_normalized(discriminator: Any, recipe: str) -> Any:
    """The discriminator with its field `spectral_norm` turned on.

    Raises:
      ValueError: it has no such field.
    """
    changed = with_fields(discriminator, spectral_norm=True)
    if changed is None:
        name = type(discriminator).__name__
        raise ValueError(f"{recipe} needs a discriminator with a field `spectral_norm`, as in jaxgan.nn, got {name}")
    return changed


def refusing_batch_norm(algorithm: Algorithm, recipe: str) -> Algorithm:
    """`algorithm`, which refuses at its start a discriminator whose variables show batch normalization.

    A penalty on the gradient at each example is one on each example alone only where none depends on the others, and
    batch normalization ties an example's logit to the rest of its batch.

    Raises:
      ValueError: at its start (also under `jax.eval_shape`), running statistics in the discriminator's model state.
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
