"""The parts of recipes: every float can be an array over runs, and what a game does not use costs nothing."""

import re
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax
import pytest

from jaxgan import augment, dynamics, losses, terms
from jaxgan.dynamics import alternating, averaged
from jaxgan.game import adversarial_game, normal_prior
from jaxgan.nn import MLPDiscriminator, MLPGenerator
from jaxgan.optim import clip_params
from jaxgan.runs import run, seed_keys
from jaxgan.types import Algorithm, Array, Batch, Evaluation, Game, Key, Loss

KEYS = seed_keys(jax.random.key(0), 2)
PRIOR = normal_prior(1)


def draw(key: Key, n: int) -> Batch:
    return Batch(jax.random.normal(key, (n, 1)))


def networks() -> tuple[MLPGenerator, MLPDiscriminator]:
    return MLPGenerator(1, ()), MLPDiscriminator((16,))


SGD = optax.sgd(0.1)
_bend: Callable[[Key, Array], Array] = lambda key, x: x + 0.1  # noqa: E731
SWEEPABLE: dict[str, Callable[[Any], Algorithm]] = {
    "r2": lambda v: _plain(d_terms=(terms.r2(v),)),
    "one_sided": lambda v: _plain(d_terms=(terms.one_sided_gradient_penalty(v, v),)),
    "zero_centered": lambda v: _plain(d_terms=(terms.zero_centered_gradient_penalty(v),)),
    "dragan": lambda v: _plain(d_terms=(terms.dragan(v, v, v),)),
    "lecam": lambda v: _plain(d_terms=(terms.lecam(v, v),)),
    "consistency": lambda v: _plain(d_terms=(terms.balanced_consistency(_bend, v, v), terms.consistency(_bend, v))),
    "latent": lambda v: _plain(d_terms=(terms.latent_consistency(v, v),), g_terms=(terms.latent_diversity(v, v),)),
    "features": lambda v: _plain(g_terms=(terms.feature_matching(v), terms.orthogonal(v), terms.path_length(v, v))),
    "lazy": lambda v: _plain(d_terms=(terms.every(4, terms.r1(v)),)),
    "smoothing": lambda v: _plain(losses.smoothed_labels(losses.minimax, v, v)),
    "targets": lambda v: _plain(losses.least_squares_loss(v, v, v)),
    "flipping": lambda v: _plain(logit_transform=losses.flipped_labels(v)),
    "noise": lambda v: _plain(augment=augment.instance_noise(v)),
    "adaptive": lambda v: _plain(augment=augment.adaptive(_bend, target=v, images=100 * v)),
    "average": lambda v: averaged(_plain(), v),
    "lookahead": lambda v: dynamics.lookahead(_plain(), 2, v),
    "clip": lambda v: alternating(_game(), SGD, optax.chain(optax.rmsprop(v, v, v), clip_params(v)), batch_size=4),
    "consensus": lambda v: dynamics.consensus(_game(), SGD, SGD, gamma=v, batch_size=4),
    "symplectic": lambda v: dynamics.symplectic(_game(), SGD, SGD, weight=v, batch_size=4),
    "two time scales": lambda v: dynamics.two_time_scales(_game(), lr_g=v, lr_d=v, batch_size=4),
}


def _game(loss: Loss = losses.non_saturating, **options: Any) -> Game:
    return adversarial_game(*networks(), PRIOR, loss, **options)


def _plain(*loss: Any, **options: Any) -> Algorithm:
    return alternating(_game(*loss, **options), SGD, SGD, batch_size=4)


@pytest.mark.parametrize("name", SWEEPABLE)
def test_every_float_of_a_part_can_be_swept(name: str) -> None:
    def trained(value: Array) -> Any:
        return run(SWEEPABLE[name](value), draw, KEYS[0], 2).state

    swept = jax.eval_shape(jax.vmap(trained), jnp.linspace(0.1, 0.9, 3))
    assert all(leaf.shape[0] == 3 for leaf in jax.tree.leaves(swept.params))


def products(function: Callable[..., Any], *arguments: Any) -> int:
    """Matrix products in the compiled program, after everything that is not used has been dropped."""
    text = str(jax.jit(function).lower(*arguments).compile().as_text())
    return len(re.findall(r" dot\(|custom_call_target=\"__onednn\$matmul\"", text))


def test_what_is_not_used_costs_nothing() -> None:
    g: Any
    d: Any
    g, d = networks()
    game = adversarial_game(g, d, PRIOR, losses.non_saturating)
    batch = draw(KEYS[0], 8)
    params, model_state = game.init(KEYS[0], batch)
    assert jax.tree.leaves(model_state) == []  # no memory where nothing remembers

    def by_hand(own: Any, latents: Array) -> Array:
        fake = g.apply({"params": params.generator}, latents, train=True)
        real_logits, fake_logits = (d.apply({"params": own}, x, train=True) for x in (batch.x, fake))
        return jnp.mean(jax.nn.softplus(-real_logits)) + jnp.mean(jax.nn.softplus(fake_logits))

    def ours(own: Any) -> tuple[Array, Evaluation]:
        point = params._replace(discriminator=own)
        return game.discriminator(KEYS[0], point, model_state, batch, 8, jnp.int32(0))

    def ours_of_g(own: Any) -> tuple[Array, Evaluation]:
        return game.generator(KEYS[0], params._replace(generator=own), model_state, batch, 8, jnp.int32(0))

    def by_hand_of_g(own: Any, latents: Array) -> Array:
        fake = g.apply({"params": own}, latents, train=True)
        return jnp.mean(jax.nn.softplus(-d.apply({"params": params.discriminator}, fake, train=True)))

    latents = PRIOR(KEYS[1], 8)
    own = params.discriminator
    expected = products(jax.grad(by_hand), own, latents)
    assert expected > 0
    assert products(lambda own: jax.grad(lambda own: ours(own)[0])(own), own) == expected
    expected = products(jax.grad(by_hand_of_g), params.generator, latents)
    # the generator's loss does not look at the real examples: nor does its program
    assert products(lambda own: jax.grad(lambda own: ours_of_g(own)[0])(own), params.generator) == expected
    with_penalty = adversarial_game(g, d, PRIOR, losses.non_saturating, d_terms=(terms.r1(1.0),))

    def penalized(own: Any) -> Array:
        point = params._replace(discriminator=own)
        return with_penalty.discriminator(KEYS[0], point, model_state, batch, 8, jnp.int32(0))[0]

    assert products(jax.grad(penalized), own) > products(jax.grad(by_hand), own, latents)  # the count sees a cost
