"""From two networks, a prior and a loss to a `Game`: two objectives on one joint point."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from jaxgan.random import named_key
from jaxgan.types import Array, Batch, Evaluation, Game, Key, Loss, Players, Prior, PyTree, Term, View

Parts = Array | tuple[Array, ...]


def normal_prior(dim: int) -> Prior:
    """Latents z ~ N(0, I) of shape [n, dim].

    Example:
      >>> normal_prior(64)(jax.random.key(0), 2).shape
      (2, 64)
    """
    return lambda key, n: jax.random.normal(key, (n, dim))


def adversarial_game(
    generator: Any,
    discriminator: Any,
    prior: Prior,
    loss: Loss,
    *,
    d_terms: Sequence[Term] = (),
    g_terms: Sequence[Term] = (),
) -> Game:
    """The game of `generator` against `discriminator` under `loss`, each player with its own extra terms.

    Each player minimizes sum_i mean(part_i) + sum_j mean(term_j), the parts being what the loss returns.

    The networks are linen modules (or anything with their `init` and `apply`): `generator(z, train=...)` -> x and
    `discriminator(x, train=...)` -> logits of shape [n] (or [n, ...] for patches); where the batch has a
    condition y it follows the first argument. Whatever collections they have beside `params` are their model
    state. The discriminator sees real and fake examples in separate passes, so batch statistics are separate
    too; an objective returns the new model state of its own player only.

    Real and fake batches may differ in size.

    Raises:
      ValueError: the sizes differ and the loss pairs each real with a fake example.

    Example:
      >>> import jaxgan as jg
      >>> game = jg.adversarial_game(jg.nn.MLPGenerator(2), jg.nn.MLPDiscriminator(), jg.normal_prior(8), jg.minimax)
      >>> params, model_state = game.init(jax.random.key(0), jg.Batch(jnp.zeros((4, 2))))
      >>> game.sample(params.generator, model_state.generator, jax.random.key(1), 3).shape
      (3, 2)
    """

    def init(key: Key, batch: Batch) -> tuple[Players, Players]:
        z = prior(named_key(key, "prior"), batch.x.shape[0])
        g = _init(generator, named_key(key, "generator"), z, batch.y)
        d = _init(discriminator, named_key(key, "discriminator"), batch.x, batch.y)
        return Players(g[0], d[0]), Players(g[1], d[1])

    def objective(
        player: str,
        loss_of: Callable[[Array, Array], Parts],
        terms: Sequence[Term],
        params: Players,
        model_state: Players,
        batch: Batch,
        num_fake: int,
        key: Key,
        step: Array,
    ) -> tuple[Array, Evaluation]:
        z = prior(named_key(key, "prior"), num_fake)
        y_fake = _conditions(batch.y, num_fake)
        g = partial(_apply, generator, params.generator)
        d = partial(_apply, discriminator, params.discriminator)
        fake, g_state = g(model_state.generator, z, y_fake, named_key(key, "generator"))
        real_logits, d_state = d(model_state.discriminator, batch.x, batch.y, named_key(key, "real"))
        fake_logits, d_state = d(d_state, fake, y_fake, named_key(key, "fake"))

        _check_pairing(loss_of, real_logits, fake_logits)
        parts = loss_of(real_logits, fake_logits)
        means = tuple(jnp.mean(part) for part in (parts if isinstance(parts, tuple) else (parts,)))
        view = View(
            critic=lambda x: d(
                model_state.discriminator, x, _conditions(batch.y, x.shape[0]), named_key(key, "critic")
            )[0],
            generate=lambda z: g(
                model_state.generator, z, _conditions(batch.y, z.shape[0]), named_key(key, "generate")
            )[0],
            params=getattr(params, player),
            real=batch.x,
            fake=fake,
            z=z,
            y=batch.y,
            key=key,
            step=step,
        )
        penalties = [jnp.mean(term(view._replace(key=named_key(key, f"term {i}")))) for i, term in enumerate(terms)]
        new_state = Players(g_state, d_state)
        total = sum([*means, *penalties], start=jnp.zeros(()))
        return total, Evaluation(means, getattr(new_state, player), real_logits, fake_logits)

    def sample(params: PyTree, model_state: PyTree, key: Key, n: int, y: PyTree = None) -> Array:
        z = prior(key, n)
        return _apply(generator, params, model_state, z, y, named_key(key, "generator"), train=False)[0]

    return Game(
        init=init,
        generator=partial(objective, "generator", loss.generator, g_terms),
        discriminator=partial(objective, "discriminator", loss.discriminator, d_terms),
        sample=sample,
    )


def gradient_field(game: Game) -> Callable[[Players, Players, Batch, int, Key], Players]:
    """The joint gradient (dL_G/dG, dL_D/dD) as a function of (params, model_state, batch, num_fake, key).

    Simultaneous gradient descent follows minus this field; both players see the same batch and latents.
    """

    def field(params: Players, model_state: Players, batch: Batch, num_fake: int, key: Key) -> Players:
        def gradient(player: str) -> PyTree:
            def value(own: PyTree) -> Array:
                point = params._replace(**{player: own})
                return getattr(game, player)(point, model_state, batch, num_fake, key, jnp.int32(0))[0]

            return jax.grad(value)(getattr(params, player))

        return Players(gradient("generator"), gradient("discriminator"))

    return field


def _init(module: Any, key: Key, x: Array, y: PyTree) -> tuple[PyTree, PyTree]:
    inputs = (x,) if y is None else (x, y)
    rngs = {"params": key, "dropout": named_key(key, "dropout")}
    variables = dict(module.init(rngs, *inputs, train=True))
    return variables.pop("params", {}), variables


def _apply(
    module: Any, params: PyTree, model_state: PyTree, x: Array, y: PyTree, key: Key, *, train: bool = True
) -> tuple[Array, PyTree]:
    inputs = (x,) if y is None else (x, y)
    variables = {"params": params, **model_state}
    if not train:
        return module.apply(variables, *inputs, train=False), model_state
    rngs = {"dropout": named_key(key, "dropout")}
    y, new_state = module.apply(variables, *inputs, train=True, mutable=list(model_state), rngs=rngs)
    # flax keeps batch statistics in float32 at first and then in the type of what passes
    return y, jax.tree.map(lambda new, old: new.astype(old.dtype), new_state, model_state)


def _conditions(y: PyTree, n: int) -> PyTree:
    """The first n of the batch's conditions, from the start again where there are fewer."""
    return jax.tree.map(lambda a: a[jnp.arange(n) % a.shape[0]], y)


def _check_pairing(loss_of: Callable[[Array, Array], Parts], real: Array, fake: Array) -> None:
    if real.shape == fake.shape:
        return

    def of_size(n: int, like: Array) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct((n, *like.shape[1:]), like.dtype)

    try:
        # Asked at sizes 2 and 3: a batch of one would broadcast against the other silently.
        jax.eval_shape(loss_of, of_size(2, real), of_size(3, fake))
    except (TypeError, ValueError) as error:
        raise ValueError(
            "this loss pairs each real with a fake example and needs as many of both: "
            f"got real logits of shape {real.shape} and fake logits of shape {fake.shape}"
        ) from error
