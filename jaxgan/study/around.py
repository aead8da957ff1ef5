"""Settings that every recipe takes: what is added to its game, and what is wrapped around its update rule."""

from collections.abc import Callable, Mapping
from typing import Any

from jaxgan.augment import instance_noise
from jaxgan.diagnostics.profiles import is_probability
from jaxgan.dynamics import averaged, balanced
from jaxgan.game import adversarial_game, auxiliary_classifier, extended_game
from jaxgan.nn.conditional import tells_classes
from jaxgan.recipes.common import refusing_batch_norm, without_batch_norm
from jaxgan.terms import r1
from jaxgan.types import Algorithm, Game

OF_GAME = ("class_weight", "r1", "instance_noise")
"""Settings that change the game, so the recipe has to take `make_game`."""
AROUND = ("ema", "balance", *OF_GAME)
"""Settings added to every recipe that does not define them."""


def discriminator_for(discriminator: Any, around: Mapping[str, Any]) -> Any:
    """Return the discriminator, without BatchNorm if its gradient at each example is penalized."""
    return discriminator if around.get("r1") is None else without_batch_norm(discriminator)


def game_for(discriminator: Any, around: Mapping[str, Any]) -> Callable[..., Game] | None:
    """Return what makes the game, with what these settings add to it; None if they add nothing.

    If the discriminator has an auxiliary classifier, that is its class loss, with a default weight of 1.
    """
    weight, gamma, sigma = (around.get(name) for name in OF_GAME)
    make_game: Callable[..., Game] = adversarial_game
    if weight is not None or tells_classes(discriminator):
        make_game = auxiliary_classifier(1.0 if weight is None else weight)
    if gamma is not None:
        make_game = extended_game(make_game, d_terms=(r1(gamma),))
    if sigma is not None:
        make_game = extended_game(make_game, augment=instance_noise(sigma))
    return None if make_game is adversarial_game else make_game


def wrapped(algorithm: Algorithm, label: str, around: Mapping[str, Any]) -> Algorithm:
    """Wrap `algorithm` in `balance` and `ema` if given; a critic's scores have no fixed threshold between classes."""
    if around.get("r1") is not None:
        algorithm = refusing_batch_norm(algorithm, f"{label} with r1")
    if (target := around.get("balance")) is not None:
        threshold = 0.0 if is_probability(algorithm.game.loss) else None
        algorithm = balanced(algorithm, target, threshold=threshold)
    return algorithm if (decay := around.get("ema")) is None else averaged(algorithm, decay)
