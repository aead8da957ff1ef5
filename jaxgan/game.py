"""From two networks, a prior and a loss to a `Game`: two objectives on one joint point."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from jaxgan.losses.check import check_loss, warn_of_sums
from jaxgan.random import named_key
from jaxgan.types import (
    Array,
    Augmentation,
    Batch,
    Evaluation,
    Field,
    Game,
    Key,
    Labelling,
    Loss,
    Players,
    Prior,
    PyTree,
    Remembering,
    Seen,
    Term,
    Transform,
    View,
)

Parts = Array | tuple[Array, ...]

TERMS, AUGMENT = "terms", "augment"  # the memories in a model state, beside the network's own collections


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
    augment: Transform | Augmentation | None = None,
    labelling: Labelling | None = None,
) -> Game:
    """The game of `generator` against `discriminator` under `loss`, each player with its own extra terms.

    Each player minimizes sum_i mean(part_i) + sum_j mean(term_j), the parts being what the loss returns. `augment`
    changes all that the discriminator sees, and `labelling` which logits its loss takes for real and for fake.

    The networks are linen modules (or anything with their `init` and `apply`): `generator(z, train=...)` -> x and
    `discriminator(x, train=...)` -> logits of shape [n] (or [n, ...] for patches, or fewer than n for packs); where
    the batch has a condition y it follows the first argument. Whatever collections they have beside `params` are
    their model state, and so are the memories of terms and augmentations, which start anew where the game does. The
    discriminator sees real and fake examples in separate passes, so batch statistics are separate too; an objective
    returns the new model state of its own player only.

    Real and fake batches may differ in size.

    Args:
      generator: a linen module, z -> x.
      discriminator: a linen module, x -> logits.
      prior: (key, n) -> z, such as `normal_prior(64)`.
      loss: of both players.
      d_terms: terms added to the discriminator's loss.
      g_terms: terms added to the generator's loss.
      augment: changes all that the discriminator sees.
      labelling: which logits the discriminator's loss takes for real and for fake.

    Raises:
      ValueError: no loss, or no terms; when traced, sizes that differ where a loss pairs each real with a fake example.

    Example:
      >>> import jaxgan as jg
      >>> game = jg.adversarial_game(jg.nn.MLPGenerator(2), jg.nn.MLPDiscriminator(), jg.normal_prior(8), jg.minimax)
      >>> params, model_state = game.init(jax.random.key(0), jg.Batch(jnp.zeros((4, 2))))
      >>> game.sample(params.generator, model_state.generator, jax.random.key(1), 3).shape
      (3, 2)
    """
    check_loss(loss)
    terms = Players(_check_terms("g_terms", g_terms), _check_terms("d_terms", d_terms))
    augmentation = augment if augment is None or isinstance(augment, Augmentation) else _forgetful(augment)

    def init(key: Key, batch: Batch) -> tuple[Players, Players]:
        warn_of_sums(loss)
        z = prior(named_key(key, "prior"), batch.x.shape[0])
        g = _init(generator, named_key(key, "generator"), z, batch.y)
        d = _init(discriminator, named_key(key, "discriminator"), batch.x, batch.y)
        memory = () if augmentation is None else augmentation.init()
        g_state = _remembering(g[1], _first_memories(terms.generator), ())
        return Players(g[0], d[0]), Players(g_state, _remembering(d[1], _first_memories(terms.discriminator), memory))

    def objective(
        player: str,
        loss_of: Callable[[Array, Array], Parts],
        params: Players,
        model_state: Players,
        batch: Batch,
        num_fake: int,
        key: Key,
        step: Array,
    ) -> tuple[Array, Evaluation]:
        z = prior(named_key(key, "prior"), num_fake)
        y_fake = _conditions(batch.y, num_fake)
        g_first, d_first = network_state(model_state.generator), network_state(model_state.discriminator)
        memory = model_state.discriminator.get(AUGMENT, ())

        def seen(x: Array, name: str, key: Key = key) -> Array:
            """`x` as it reaches the discriminator."""
            return x if augmentation is None else augmentation.apply(x, named_key(key, f"augment {name}"), step, memory)

        g = partial(_apply, generator, params.generator)
        d = partial(_apply, discriminator, params.discriminator)
        fake, g_state = g(g_first, z, y_fake, named_key(key, "generator"))
        real_logits, d_state = d(d_first, seen(batch.x, "real"), batch.y, named_key(key, "real"))
        fake_logits, d_state = d(d_state, seen(fake, "fake"), y_fake, named_key(key, "fake"))

        _check_pairing(loss_of, real_logits, fake_logits)
        judged = real_logits, fake_logits
        if labelling is not None and player == "discriminator":
            judged = labelling(*judged, named_key(key, "labels"))
        parts = loss_of(*judged)
        means = tuple(jnp.mean(part) for part in (parts if isinstance(parts, tuple) else (parts,)))

        def view_of(key: Key) -> View:
            """What one term sees: it draws by `key`, in every call of its networks alike."""

            def critic(x: Array) -> Array:
                return d(d_first, seen(x, "critic", key), _conditions(batch.y, x.shape[0]), named_key(key, "critic"))[0]

            def features(x: Array) -> Array:
                y, x = _conditions(batch.y, x.shape[0]), seen(x, "critic", key)
                return _features(discriminator, params.discriminator, d_first, x, y, named_key(key, "critic"))

            def generate(z: Array) -> Array:
                return g(g_first, z, _conditions(batch.y, z.shape[0]), named_key(key, "generate"))[0]

            own = getattr(params, player)
            return View(critic, features, generate, own, batch.x, fake, real_logits, fake_logits, z, batch.y, key, step)

        own_terms, own_state = getattr(terms, player), getattr(model_state, player)
        remembered = own_state.get(TERMS, ((),) * len(own_terms))
        penalties, memories = _evaluate(own_terms, lambda i: view_of(named_key(key, f"term {i}")), remembered)
        if player == "discriminator" and augmentation is not None:
            memory = _like(memory, augmentation.update(view_of(key), memory))
        new_state = _remembering(
            {"generator": g_state, "discriminator": d_state}[player],
            memories if TERMS in own_state else (),
            memory if AUGMENT in own_state else (),
        )
        total = sum([*means[1:], *penalties], start=means[0])
        return total, Evaluation(means, new_state, real_logits, fake_logits)

    def sample(params: PyTree, model_state: PyTree, key: Key, n: int, y: PyTree = None) -> Array:
        z = prior(key, n)
        own = network_state(model_state)
        return _apply(generator, params, own, z, y, named_key(key, "generator"), train=False)[0]

    def judge(
        params: PyTree, model_state: PyTree, x: Array, key: Key | None = None, y: PyTree = None
    ) -> tuple[Array, PyTree]:
        return _apply(discriminator, params, network_state(model_state), x, y, key, train=key is not None)

    return Game(
        init=init,
        generator=partial(objective, "generator", loss.generator),
        discriminator=partial(objective, "discriminator", loss.discriminator),
        sample=sample,
        loss=loss,
        judge=judge,
    )


def joint_gradient(game: Game) -> Field:
    """(dL_G/dG, dL_D/dD) at one point, and what both players see there, on one batch and the same latents."""

    def field(
        params: Players, model_state: Players, batch: Batch, num_fake: int, key: Key, step: Array
    ) -> tuple[Players, Players]:
        def look(player: str) -> Seen:
            def value(own: PyTree) -> tuple[Array, Evaluation]:
                point = params._replace(**{player: own})
                return getattr(game, player)(point, model_state, batch, num_fake, key, step)

            (loss, evaluation), gradient = jax.value_and_grad(value, has_aux=True)(getattr(params, player))
            return Seen(loss, evaluation, gradient)

        both = Players(look("generator"), look("discriminator"))
        return Players(both.generator.gradient, both.discriminator.gradient), both

    return field


def gradient_field(game: Game) -> Callable[[Players, Players, Batch, int, Key], Players]:
    """The joint gradient (dL_G/dG, dL_D/dD) as a function of (params, model_state, batch, num_fake, key).

    Simultaneous gradient descent follows minus this field; both players see the same batch and latents.
    """
    field = joint_gradient(game)
    return lambda params, model_state, batch, num_fake, key: field(
        params, model_state, batch, num_fake, key, jnp.int32(0)
    )[0]


def network_state(model_state: PyTree) -> PyTree:
    """The network's own part of a player's model state, without the memories of terms and augmentations."""
    return {name: value for name, value in model_state.items() if name not in (TERMS, AUGMENT)}


def _remembering(network: PyTree, terms: PyTree, augment: PyTree) -> PyTree:
    """A player's model state; what there is nothing to remember of is left out."""
    memories = {TERMS: terms, AUGMENT: augment}
    return {**network, **{name: memory for name, memory in memories.items() if jax.tree.leaves(memory)}}


def _first_memories(terms: Sequence[Term]) -> tuple[PyTree, ...]:
    return tuple(term.init() if isinstance(term, Remembering) else () for term in terms)


def _evaluate(
    terms: Sequence[Term], view_of: Callable[[int], View], memories: Sequence[PyTree]
) -> tuple[list[Array], tuple[PyTree, ...]]:
    """The mean of every term, and what it remembers; each has a view of its own, which the others do not change."""
    means, after = [], []
    for i, (term, memory) in enumerate(zip(terms, memories, strict=True)):
        view = view_of(i)
        values, new = term.apply(view, memory) if isinstance(term, Remembering) else (term(view), memory)
        means.append(jnp.mean(values))
        after.append(_like(memory, new))
    return means, tuple(after)


def _like(old: PyTree, new: PyTree) -> PyTree:
    """What is carried on keeps its types."""
    return jax.tree.map(lambda new, old: new.astype(old.dtype), new, old)


def _check_terms(name: str, terms: Sequence[Term]) -> tuple[Term, ...]:
    single = callable(terms) or isinstance(terms, Remembering)
    if single or not all(callable(term) or isinstance(term, Remembering) for term in terms):
        raise ValueError(f"{name} must be a sequence of terms, such as (r1(10.0),), got {terms!r}")
    return tuple(terms)


def _forgetful(transform: Transform) -> Augmentation:
    return Augmentation(tuple, lambda x, key, step, memory: transform(x, key), lambda view, memory: memory)


def _init(module: Any, key: Key, x: Array, y: PyTree) -> tuple[PyTree, PyTree]:
    inputs = (x,) if y is None else (x, y)
    rngs = {"params": key, "dropout": named_key(key, "dropout")}
    variables = dict(module.init(rngs, *inputs, train=True))
    return variables.pop("params", {}), variables


def _apply(
    module: Any, params: PyTree, model_state: PyTree, x: Array, y: PyTree, key: Key | None, *, train: bool = True
) -> tuple[Array, PyTree]:
    inputs = (x,) if y is None else (x, y)
    variables = {"params": params, **model_state}
    if not train or key is None:
        return module.apply(variables, *inputs, train=False), model_state
    rngs = {"dropout": named_key(key, "dropout")}
    y, new_state = module.apply(variables, *inputs, train=True, mutable=list(model_state), rngs=rngs)
    # flax keeps batch statistics in float32 at first and then in the type of what passes
    return y, _like(model_state, new_state)


def _features(module: Any, params: PyTree, model_state: PyTree, x: Array, y: PyTree, key: Key) -> Array:
    inputs = (x,) if y is None else (x, y)
    collections, rngs = [*model_state, "intermediates"], {"dropout": named_key(key, "dropout")}
    _, new = module.apply({"params": params, **model_state}, *inputs, train=True, mutable=collections, rngs=rngs)
    sown = jax.tree_util.tree_leaves_with_path(new.get("intermediates", {}))
    found = [leaf for path, leaf in sown if jax.tree_util.DictKey("features") in path]
    if not found:
        raise ValueError('view.features needs a discriminator that sows "features": self.sow("intermediates", ...)')
    return found[-1]


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
