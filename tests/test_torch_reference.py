"""Penalties, losses and RMSprop against torch, where it is installed; what torch finds is recorded in `golden`."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxgan.game import adversarial_game
from jaxgan.losses import hinge, least_squares, minimax, non_saturating, wasserstein
from jaxgan.nn import MLPDiscriminator, MLPGenerator
from jaxgan.random import named_key
from jaxgan.terms import gradient_penalty, r1
from jaxgan.types import Array, Batch, Game, Loss, Players, Term
from tests import golden

torch = pytest.importorskip("torch")
functional = torch.nn.functional

KEY = jax.random.key(0)
X = np.random.default_rng(0).normal(size=(16, 2)).astype(np.float32)
LOGITS = np.random.default_rng(1).normal(size=(2, 16)).astype(np.float32) * 3


def tensor(array: Any) -> Any:
    return torch.tensor(np.asarray(array), dtype=torch.float64, requires_grad=True)


def played(loss: Loss, *d_terms: Term) -> tuple[Game, Players, Players, Batch]:
    """A game whose critic has two layers, with biases that are not 0."""
    networks = MLPGenerator(2, hidden=(8,)), MLPDiscriminator(hidden=(32,))
    game = adversarial_game(*networks, lambda key, n: jax.random.normal(key, (n, 3)), loss, d_terms=d_terms)
    batch = Batch(jnp.asarray(X))
    params, state = game.init(KEY, batch)
    moved = jax.tree.map(lambda a: a + 0.3 * jax.random.normal(KEY, a.shape), params)
    return game, moved, state, batch


def torchs_critic(params: Any) -> tuple[dict[str, Any], Callable[[Any], Any]]:
    weights = {
        f"{layer}.{name}": tensor(params[layer][name])
        for layer in ("Dense_0", "Dense_1")
        for name in ("kernel", "bias")
    }

    def critic(x: Any) -> Any:
        hidden = functional.relu(functional.linear(x, weights["Dense_0.kernel"].T, weights["Dense_0.bias"]))
        return functional.linear(hidden, weights["Dense_1.kernel"].T, weights["Dense_1.bias"]).squeeze(1)

    return weights, critic


def torchs_slopes(critic: Callable[[Any], Any], x: Any) -> Any:
    (gradient,) = torch.autograd.grad(critic(x).sum(), x, create_graph=True)
    return gradient.norm(2, dim=1)


def torchs_r1(critic: Callable[[Any], Any], real: Any, fake: Any, share: Any) -> Any:
    return 3 / 2 * (torchs_slopes(critic, real) ** 2).mean()


def torchs_gradient_penalty(critic: Callable[[Any], Any], real: Any, fake: Any, share: Any) -> Any:
    between = ((1 - share) * real + share * fake).detach().requires_grad_()
    return 10 * ((torchs_slopes(critic, between) - 1) ** 2).mean()


@pytest.mark.parametrize(
    ("term", "reference"), [(r1(3.0), torchs_r1), (gradient_penalty(10.0), torchs_gradient_penalty)]
)
def test_a_penalized_critics_loss_and_gradient_are_torchs(term: Term, reference: Callable[..., Any]) -> None:
    game, params, state, batch = played(wasserstein, term)

    def value(own: Any) -> Array:
        return game.discriminator(KEY, params._replace(discriminator=own), state, batch, 16, jnp.int32(0))[0]

    found, gradient = jax.jit(jax.value_and_grad(value))(params.discriminator)
    z = jax.random.normal(named_key(KEY, "prior"), (16, 3))
    fake = MLPGenerator(2, hidden=(8,)).apply({"params": params.generator}, z, train=True)
    share = jax.random.uniform(named_key(KEY, "term 0"), (16,)).reshape(16, 1)  # jaxgan's own draw
    weights, critic = torchs_critic(params.discriminator)
    real, fake, share = tensor(X), tensor(fake), tensor(share)
    loss = critic(fake).mean() - critic(real).mean() + reference(critic, real, fake, share)
    loss.backward()
    np.testing.assert_allclose(found, loss.item(), rtol=1e-5)  # sums in 32 bits
    for path, weight in weights.items():
        layer, name = path.split(".")
        # sums over 16 examples in 32 bits of numbers up to 10
        np.testing.assert_allclose(gradient[layer][name], weight.grad.numpy(), rtol=1e-4, atol=1e-5)


def cross_entropy(logits: Any, target: float) -> Any:
    return functional.binary_cross_entropy_with_logits(logits, torch.full_like(logits, target))


def squares(logits: Any, target: float) -> Any:
    return functional.mse_loss(logits, torch.full_like(logits, target)) / 2


@pytest.mark.parametrize(
    ("loss", "discriminator", "generator"),
    [
        (minimax, lambda r, f: cross_entropy(r, 1) + cross_entropy(f, 0), lambda f: -cross_entropy(f, 0)),
        (non_saturating, lambda r, f: cross_entropy(r, 1) + cross_entropy(f, 0), lambda f: cross_entropy(f, 1)),
        (hinge, lambda r, f: functional.relu(1 - r).mean() + functional.relu(1 + f).mean(), lambda f: -f.mean()),
        (least_squares, lambda r, f: squares(r, 1) + squares(f, 0), lambda f: squares(f, 1)),
        (wasserstein, lambda r, f: f.mean() - r.mean(), lambda f: -f.mean()),
    ],
)
def test_losses_and_their_gradients_are_torchs(loss: Loss, discriminator: Any, generator: Any) -> None:
    def total(own: Callable[..., Any], logits: Array) -> Array:
        parts = own(*logits)
        return sum((jnp.mean(part) for part in (parts if isinstance(parts, tuple) else (parts,))), jnp.zeros(()))

    for own, reference in ((loss.discriminator, discriminator), (loss.generator, lambda r, f: generator(f))):
        value, gradient = jax.value_and_grad(total, 1)(own, jnp.asarray(LOGITS))
        logits = tensor(LOGITS)
        expected = reference(*logits)
        expected.backward()
        np.testing.assert_allclose(value, expected.item(), rtol=1e-6)  # a mean of 16 numbers in 32 bits
        np.testing.assert_allclose(gradient, logits.grad.numpy(), rtol=1e-5, atol=1e-8)


def test_rmsprop_is_torchs_on_a_critic() -> None:
    game, params, state, batch = played(wasserstein, gradient_penalty(10.0))
    start = params.discriminator

    def value(own: Any) -> Array:
        return game.discriminator(KEY, params._replace(discriminator=own), state, batch, 16, jnp.int32(0))[0]

    gradient_of = jax.jit(jax.grad(value))
    gradients, own = [], start
    for _ in range(6):
        gradients.append(gradient_of(own))
        own = jax.tree.map(lambda p, g: p - 0.005 * g, own, gradients[-1])  # anywhere else

    def moved(**options: Any) -> list[np.ndarray]:
        tx = optax.rmsprop(5e-5, **options)
        total = jax.tree.map(jnp.zeros_like, start)  # from 0, where 32 bits hold small steps
        opt_state = tx.init(total)
        for gradient in gradients:
            updates, opt_state = tx.update(gradient, opt_state, total)
            total = optax.apply_updates(total, updates)
        return [np.asarray(leaf) for leaf in jax.tree.leaves(total)]

    expected = []
    for leaves in zip(*map(jax.tree.leaves, gradients), strict=True):
        weight = torch.zeros(leaves[0].shape, dtype=torch.float64, requires_grad=True)
        optimizer = torch.optim.RMSprop([weight], lr=5e-5, alpha=0.99, eps=1e-8)
        for leaf in leaves:
            weight.grad = torch.tensor(np.asarray(leaf), dtype=torch.float64)
            optimizer.step()
        expected.append(weight.detach().numpy())
    for found, other, leaf in zip(moved(decay=0.99, eps=1e-8, eps_in_sqrt=False), moved(), expected, strict=True):
        np.testing.assert_allclose(found, leaf, rtol=1e-4, atol=1e-9)  # steps of both signs, of up to 5e-4 each
        far = np.abs(leaf) > 1e-5
        assert not np.any(np.abs(other[far] / leaf[far] - 1) < 0.1)  # optax's defaults are not torch's


def test_the_recorded_gradient_penalty_is_torchs() -> None:
    a, b, c = critic = [tensor(part) for part in golden.CRITIC]
    slopes = torchs_slopes(lambda x: torch.tanh(x @ a + b) @ c, tensor(golden.POINTS))
    penalty = 10 * ((slopes - 1) ** 2).mean()
    np.testing.assert_allclose(penalty.item(), golden.PENALTY, rtol=1e-12)
    for found, recorded in zip(torch.autograd.grad(penalty, critic), golden.PENALTY_GRADIENT, strict=True):
        np.testing.assert_allclose(found.numpy(), recorded, atol=1e-7)  # seven decimals are recorded


def test_the_recorded_rmsprop_is_torchs() -> None:
    weight = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.RMSprop([weight], lr=5e-5, alpha=0.99, eps=1e-8)
    for gradient, recorded in zip(golden.RMSPROP_GRADIENTS, golden.RMSPROP, strict=True):
        weight.grad = torch.tensor(gradient)
        optimizer.step()
        np.testing.assert_allclose(weight.detach().numpy(), recorded, rtol=1e-12)
