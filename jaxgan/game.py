"""From two networks, a prior and a loss to a `Game`: two objectives on one joint point."""

import warnings
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxgan import networks
from jaxgan.losses.parts import Parts, added, means_of
from jaxgan.networks import conditions
from jaxgan.outputs import ends_in_sigmoid, examples_of, logits_of, shown
from jaxgan.random import named_key
from jaxgan.terms.evaluate import check_terms, evaluate, first_states
from jaxgan.trees import like
from jaxgan.types import (
    Array,
    Augmentation,
    Batch,
    Evaluation,
    Field,
    Game,
    Key,
    LogitTransform,
    Loss,
    PlayerGradient,
    Players,
    Prior,
    PyTree,
    Term,
    Transform,
    View,
)

TERMS, AUGMENT = "terms", "augment"  # what a model state has beside the network's own collections


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
    logit_transform: LogitTransform | None = None,
) -> Game:
    """The game of `generator` against `discriminator` under `loss`, each player with its own extra terms.

    Each player minimizes sum_i mean(part_i) + sum_j mean(term_j), the parts being what the loss returns. Whatever
    collections the networks have beside `params` are their model state, and so are the states of terms and
    augmentations, which start anew where the game does. The discriminator sees real and fake examples in separate
    passes, so batch statistics are separate too; an objective returns the new model state of its own player only.
    Real and fake batches may differ in size. Where the batch has a condition y, it follows each network's first
    argument.

    The networks may draw from any stream (`self.make_rng("noise")`), in training and when sampled. What they return
    beside examples and logits, terms find in `view.outputs`.

    Args:
      generator: a linen module (or anything with its `init` and `apply`), z -> examples. Either network may be told by
        `train`, `training`, `is_training` or `deterministic`, an argument or a field, whether it trains, or not at all.
      discriminator: a linen module, x -> logits [n] (or [n, ...] for patches, or fewer than n for packs), or a tuple
        that begins with them, or a dict or NamedTuple that calls them `logits`.
      prior: (key, n) -> z, such as `normal_prior(64)`.
      loss: what the players minimize, as functions of logits.
      d_terms: terms added to the discriminator's loss.
      g_terms: terms added to the generator's loss.
      augment: changes all that the discriminator sees.
      logit_transform: which logits the discriminator's loss takes for real and for fake.

    Raises:
      TypeError: what is no network (a class, a `flax.nnx` module); when traced, outputs or a batch of another form.
      ValueError: terms that are none; when traced, sizes that differ where a loss pairs each real with a fake example.

    Warns:
      UserWarning: at its start, a discriminator that ends in a sigmoid.

    Example:
      >>> import jaxgan as jg
      >>> game = jg.adversarial_game(jg.nn.MLPGenerator(2), jg.nn.MLPDiscriminator(), jg.normal_prior(8), jg.minimax)
      >>> params, model_state = game.init(jax.random.key(0), jg.Batch(jnp.zeros((4, 2))))
      >>> game.sample(jax.random.key(1), params.generator, model_state.generator, 3).shape
      (3, 2)
    """
    networks.check_module("generator", generator)
    networks.check_module("discriminator", discriminator)
    terms = Players(check_terms("g_terms", g_terms), check_terms("d_terms", d_terms))
    setup = _Setup(generator, discriminator, prior, _augmentation(augment))
    transform = _same_logits if logit_transform is None else logit_transform
    g_role = _Role(lambda both: both.generator, loss.generator, terms.generator, _same_logits, _same_state)
    d_role = _Role(
        lambda both: both.discriminator, loss.discriminator, terms.discriminator, transform, setup.augmentation.update
    )
    return Game(
        init=partial(_init, setup, terms),
        generator=partial(_objective, setup, g_role),
        discriminator=partial(_objective, setup, d_role),
        sample=partial(_sample, setup),
        loss=loss,
        discriminate=partial(_discriminate, setup),
    )


def joint_gradient(game: Game) -> Field:
    """(dL_G/dG, dL_D/dD) at one point, and what both players see there, on one batch and the same latents."""

    def field(
        key: Key, params: Players, model_state: Players, batch: Batch, num_fake: int, step: Array
    ) -> tuple[Players, Players]:
        def look(player: str) -> PlayerGradient:
            def value(own: PyTree) -> tuple[Array, Evaluation]:
                point = params._replace(**{player: own})
                return getattr(game, player)(key, point, model_state, batch, num_fake, step)

            (loss, evaluation), gradient = jax.value_and_grad(value, has_aux=True)(getattr(params, player))
            return PlayerGradient(loss, evaluation, gradient)

        both = Players(look("generator"), look("discriminator"))
        return Players(both.generator.gradient, both.discriminator.gradient), both

    return field


def gradient_field(game: Game) -> Callable[[Key, Players, Players, Batch, int], Players]:
    """The joint gradient (dL_G/dG, dL_D/dD) as a function of (key, params, model_state, batch, num_fake).

    Simultaneous gradient descent follows minus this field; both players see the same batch and latents.
    """
    field = joint_gradient(game)
    return lambda key, params, model_state, batch, num_fake: field(
        key, params, model_state, batch, num_fake, jnp.int32(0)
    )[0]


def network_state(model_state: PyTree) -> PyTree:
    """The network's own part of a player's model state, without the states of terms and augmentations."""
    return {name: value for name, value in model_state.items() if name not in (TERMS, AUGMENT)}


class _Setup(NamedTuple):
    """What both objectives are made of."""

    generator: Any
    discriminator: Any
    prior: Prior
    augmentation: Augmentation


class _Role(NamedTuple):
    """What sets one player's objective apart from the other's."""

    own: Callable[[Players], Any]  # of two values, the player's
    loss: Callable[[Array, Array], Parts]
    terms: tuple[Term, ...]
    logit_transform: LogitTransform
    augmented: Callable[[View, PyTree], PyTree]  # the augmentation's state after an update of this player


class _Point(NamedTuple):
    """Where an objective is evaluated."""

    params: Players
    model_state: Players  # of the networks alone
    augmentation: Callable[[Key, Array], Array]
    y: PyTree
    step: Array


class _Passes(NamedTuple):
    """What the networks made of one batch and as many latents as it takes fakes."""

    z: Array
    y_fake: PyTree
    fake: Array
    real_outputs: PyTree
    fake_outputs: PyTree
    model_state: Players


def _init(setup: _Setup, terms: Players, key: Key, batch: Batch) -> tuple[Players, Players]:
    if not isinstance(batch, Batch):
        raise TypeError(f"expected a Batch, such as Batch(x) or Batch(x, y), got {shown(batch)}")
    z = setup.prior(named_key(key, "prior"), batch.x.shape[0])
    g_params, g_state = networks.init(setup.generator, named_key(key, "generator"), z, batch.y)
    d_params, d_state = networks.init(setup.discriminator, named_key(key, "discriminator"), batch.x, batch.y)

    def logits(params: PyTree) -> Array:
        return logits_of(networks.apply(setup.discriminator, key, params, d_state, batch.x, batch.y, train=True)[0])

    if ends_in_sigmoid(logits, d_params):
        warnings.warn(
            "the discriminator ends in a sigmoid, and losses take what is before it, the logits: expected a "
            "discriminator without it, got one that would be trained on probabilities",
            stacklevel=2,
        )
    g_state = _with_states(g_state, first_states(terms.generator), ())
    d_state = _with_states(d_state, first_states(terms.discriminator), setup.augmentation.init())
    return Players(g_params, d_params), Players(g_state, d_state)


def _objective(
    setup: _Setup,
    role: _Role,
    key: Key,
    params: Players,
    model_state: Players,
    batch: Batch,
    num_fake: int,
    step: Array,
) -> tuple[Array, Evaluation]:
    own, augment = role.own(model_state), model_state.discriminator.get(AUGMENT, ())
    networks_own = Players(*map(network_state, model_state))
    seen = lambda key, x: setup.augmentation.apply(key, x, step, augment)  # noqa: E731
    point = _Point(params, networks_own, seen, batch.y, step)
    passes = _play(setup, point, key, batch, num_fake)
    real_logits, fake_logits = logits_of(passes.real_outputs), logits_of(passes.fake_outputs)
    _check_pairing(role.loss, real_logits, fake_logits)
    means = means_of(role.loss(*role.logit_transform(named_key(key, "labels"), real_logits, fake_logits)))

    def view_of(key: Key) -> View:
        return _view(setup, point, passes, role.own(params), batch, key)

    before = own.get(TERMS, ((),) * len(role.terms))
    penalties, after = evaluate(role.terms, lambda i: view_of(named_key(key, f"term {i}")), before)
    new_state = _with_states(
        role.own(passes.model_state),
        after if TERMS in own else (),
        like(augment, role.augmented(view_of(key), augment)) if AUGMENT in own else (),
    )
    return added((*means, *penalties)), Evaluation(means, new_state, real_logits, fake_logits)


def _play(setup: _Setup, point: _Point, key: Key, batch: Batch, num_fake: int) -> _Passes:
    """One pass of the generator, and one of the discriminator over either kind of examples."""
    z, y_fake = setup.prior(named_key(key, "prior"), num_fake), conditions(batch.y, num_fake)

    def generator(name: str, state: PyTree, z: Array) -> tuple[PyTree, PyTree]:
        return networks.apply(
            setup.generator, named_key(key, name), point.params.generator, state, z, y_fake, train=True
        )

    def discriminator(name: str, state: PyTree, x: Array, y: PyTree) -> tuple[PyTree, PyTree]:
        seen = point.augmentation(named_key(key, f"augment {name}"), x)
        return networks.apply(
            setup.discriminator, named_key(key, name), point.params.discriminator, state, seen, y, train=True
        )

    made, g_state = generator("generator", point.model_state.generator, z)
    fake = examples_of(made)
    real_outputs, d_state = discriminator("real", point.model_state.discriminator, batch.x, batch.y)
    fake_outputs, d_state = discriminator("fake", d_state, fake, y_fake)
    return _Passes(z, y_fake, fake, real_outputs, fake_outputs, Players(g_state, d_state))


def _view(setup: _Setup, point: _Point, passes: _Passes, own: PyTree, batch: Batch, key: Key) -> View:
    """What one term sees: it draws by `key`, in every call of its networks alike."""
    d_key, g_key, seen_key = (named_key(key, name) for name in ("critic", "generate", "augment critic"))
    (g_params, d_params), (g_state, d_state) = point.params, point.model_state

    def seen(x: Array) -> tuple[Array, PyTree]:
        return point.augmentation(seen_key, x), conditions(point.y, x.shape[0])

    def outputs(x: Array) -> PyTree:
        return networks.apply(setup.discriminator, d_key, d_params, d_state, *seen(x), train=True)[0]

    def features(x: Array) -> Array:
        return networks.features(setup.discriminator, d_key, d_params, d_state, *seen(x))

    def generate(z: Array) -> Array:
        y = conditions(point.y, z.shape[0])
        return examples_of(networks.apply(setup.generator, g_key, g_params, g_state, z, y, train=True)[0])

    return View(
        critic=lambda x: logits_of(outputs(x)),
        features=features,
        generate=generate,
        params=own,
        real=batch.x,
        fake=passes.fake,
        real_logits=logits_of(passes.real_outputs),
        fake_logits=logits_of(passes.fake_outputs),
        z=passes.z,
        y=batch.y,
        key=key,
        step=point.step,
        outputs=outputs,
        real_outputs=passes.real_outputs,
        fake_outputs=passes.fake_outputs,
        y_fake=passes.y_fake,
    )


def _sample(setup: _Setup, key: Key, params: PyTree, model_state: PyTree, n: int, y: PyTree = None) -> Array:
    z, own = setup.prior(key, n), network_state(model_state)
    return examples_of(networks.apply(setup.generator, named_key(key, "generator"), params, own, z, y, train=False)[0])


def _discriminate(
    setup: _Setup, key: Key, params: PyTree, model_state: PyTree, x: Array, y: PyTree = None, *, train: bool = False
) -> tuple[Array, PyTree]:
    own = network_state(model_state)
    outputs, new = networks.apply(setup.discriminator, key, params, own, x, y, train=train)
    return logits_of(outputs), new


def _with_states(network: PyTree, terms: PyTree, augment: PyTree) -> PyTree:
    """A player's model state; a state without arrays is left out."""
    states = {TERMS: terms, AUGMENT: augment}
    return {**network, **{name: state for name, state in states.items() if jax.tree.leaves(state)}}


def _augmentation(augment: Transform | Augmentation | None) -> Augmentation:
    if isinstance(augment, Augmentation):
        return augment
    if augment is None:
        return Augmentation(tuple, lambda key, x, step, state: x, _same_state)
    return Augmentation(tuple, lambda key, x, step, state: augment(key, x), _same_state)


def _same_state(view: View, state: PyTree) -> PyTree:
    return state


def _same_logits(key: Key, real_logits: Array, fake_logits: Array) -> tuple[Array, Array]:
    return real_logits, fake_logits


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
