"""Builds a `Game`, two objectives on one joint point, from two networks, a prior and a loss."""

import warnings
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Float, Shaped

from jaxgan import networks
from jaxgan.losses.check import check_loss, warn_of_sums
from jaxgan.networks import conditions, network_state, with_states
from jaxgan.objective import Role, Setup, evaluate
from jaxgan.outputs import ends_in_sigmoid, examples_of, logits_of, shown
from jaxgan.priors import class_prior as class_prior
from jaxgan.priors import normal_prior as normal_prior
from jaxgan.random import named_key
from jaxgan.terms.classes import class_of_fake, class_of_real
from jaxgan.terms.evaluate import check_terms, first_states
from jaxgan.terms.parts import Coefficient
from jaxgan.types import (
    Array,
    Augmentation,
    Batch,
    ConditionPrior,
    Evaluation,
    FakeLogits,
    Field,
    Game,
    Key,
    LogitTransform,
    Loss,
    PlayerGradient,
    Players,
    Prior,
    PyTree,
    RealLogits,
    Scalar,
    Step,
    Term,
    Transform,
    View,
)


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
    condition_prior: ConditionPrior | None = None,
) -> Game:
    """The game of `generator` against `discriminator` under `loss`, with extra terms for each player.

    Each player minimizes sum_i mean(part_i) + sum_j mean(term_j), where the parts are the arrays that the loss returns.
    All collections of the networks other than `params` are their model state. It also holds the states of terms and
    augmentations, which are initialized with the game. The discriminator sees real and fake examples in separate
    passes, so their batch statistics are separate too; an objective returns only its own player's new model state. Real
    and fake batches may differ in size. If the batch has a condition y, it is passed to each network as the second
    argument. Fake examples use the conditions of the batch in order, repeated if there are more fakes than conditions,
    unless `condition_prior` is given.

    The networks may draw from any random stream (`self.make_rng("noise")`), in training and in sampling. Whatever they
    return besides examples and logits is available to terms in `view.outputs`.

    Args:
      generator: a linen module (or any object with its `init` and `apply`), z -> examples. Each network may take
        `train`, `training`, `is_training` or `deterministic`, as an argument or a field, or have no such flag.
      discriminator: a linen module, x -> logits [n] (or [n, ...] for patches, or fewer than n for packs), or a tuple
        that begins with the logits, or a dict or NamedTuple with an entry `logits`.
      prior: (key, n) -> z, such as `normal_prior(64)`.
      loss: what the players minimize, as functions of logits.
      d_terms: terms added to the discriminator's loss.
      g_terms: terms added to the generator's loss.
      augment: a transform of everything that the discriminator sees.
      logit_transform: chooses which logits the discriminator's loss uses as real and as fake.
      condition_prior: (key, n) -> the conditions of n fakes in training, such as `class_prior([1] * 10)`; by default
        the fakes use the conditions of the data.

    Raises:
      TypeError: a player is not a network (but a class or a `flax.nnx` module, for example); when traced, outputs or
        the batch have the wrong form.
      ValueError: `loss` is not a loss, or the terms are not terms; when traced, sizes differ although the loss pairs
        real with fake examples, or `condition_prior` is given but the batches have no conditions, or conditions of
        another form.

    Warns:
      UserWarning: when `init` is called, the discriminator ends in a sigmoid, or the loss grows with the batch.

    Example:
      >>> import jaxgan as jg
      >>> game = jg.adversarial_game(jg.nn.MLPGenerator(2), jg.nn.MLPDiscriminator(), jg.normal_prior(8), jg.minimax)
      >>> params, model_state = game.init(jax.random.key(0), jg.Batch(jnp.zeros((4, 2))))
      >>> game.sample(jax.random.key(1), params.generator, model_state.generator, 3).shape
      (3, 2)
    """
    check_loss(loss)
    networks.check_module("generator", generator)
    networks.check_module("discriminator", discriminator)
    terms = Players(check_terms("g_terms", g_terms), check_terms("d_terms", d_terms))
    of_fakes = _as_in_the_batch if condition_prior is None else partial(_by_prior, condition_prior)
    setup = Setup(generator, discriminator, prior, _augmentation(augment), of_fakes)
    transform = _same_logits if logit_transform is None else logit_transform
    g_role = Role(lambda both: both.generator, loss.generator, terms.generator, _same_logits, _same_state)
    d_role = Role(
        lambda both: both.discriminator, loss.discriminator, terms.discriminator, transform, setup.augmentation.update
    )
    return Game(
        init=partial(_init, setup, terms, loss),
        generator=partial(evaluate, setup, g_role),
        discriminator=partial(evaluate, setup, d_role),
        sample=partial(_sample, setup),
        loss=loss,
        discriminate=partial(_discriminate, setup),
        generate=partial(_generate, setup),
    )


def auxiliary_classifier(weight: Coefficient = 1.0, *, of_fakes: bool = False) -> Callable[..., Game]:
    """`adversarial_game` with the class loss of an auxiliary classifier added to both players' terms (AC-GAN).

    D's term is weight (-E_p log P(y | x)), with `of_fakes` plus weight (-E_q log P(y | x)), as in the paper. G's term
    is weight (-E_q log P(y | x)). The discriminator must return `class_logits` as well as `logits`. Recipes accept the
    result as `make_game`.
    Source: Odena et al. 2017, Conditional Image Synthesis with Auxiliary Classifier GANs.

    Raises:
      ValueError: weight is negative or not finite.

    Example:
      >>> import jaxgan as jg
      >>> networks = jg.nn.MLPGenerator(2, classes=3), jg.nn.MLPDiscriminator(classes=3, condition="classifier")
      >>> game = jg.auxiliary_classifier(0.5)(*networks, jg.normal_prior(2), jg.hinge)
      >>> algorithm = jg.recipes.r1_gan(*networks, jg.normal_prior(2), make_game=jg.auxiliary_classifier(0.5))
    """
    of_real, of_fake = class_of_real(weight), class_of_fake(weight)
    return extended_game(d_terms=(of_real, of_fake) if of_fakes else (of_real,), g_terms=(of_fake,))


def extended_game(
    make_game: Callable[..., Game] = adversarial_game,
    *,
    d_terms: Sequence[Term] = (),
    g_terms: Sequence[Term] = (),
    augment: Transform | Augmentation | None = None,
) -> Callable[..., Game]:
    """`make_game` with these terms in addition to those that it is called with, and with this augmentation.

    Recipes accept the result as `make_game`, so that any of them can have a further penalty.

    Raises:
      ValueError: the terms are not terms; or, when the result is called, the game has an augmentation of its own.

    Example:
      >>> import jaxgan as jg
      >>> networks = jg.nn.MLPGenerator(2), jg.nn.MLPDiscriminator()
      >>> with_r1 = jg.extended_game(d_terms=[jg.terms.r1(0.1)], augment=jg.augment.instance_noise(0.1))
      >>> algorithm = jg.recipes.hinge_gan(*networks, jg.normal_prior(2), make_game=with_r1)
    """
    more = Players(check_terms("g_terms", g_terms), check_terms("d_terms", d_terms))

    def extended(*args: Any, d_terms: Sequence[Term] = (), g_terms: Sequence[Term] = (), **options: Any) -> Game:
        d_all = (*check_terms("d_terms", d_terms), *more.discriminator)
        g_all = (*check_terms("g_terms", g_terms), *more.generator)
        if augment is not None:
            if options.get("augment") is not None:
                raise ValueError("the game has an augmentation already, expected one")
            options["augment"] = augment
        return make_game(*args, d_terms=d_all, g_terms=g_all, **options)

    return extended


def joint_gradient(game: Game) -> Field:
    """(dL_G/dG, dL_D/dD) at one point, and both players' `PlayerGradient` there, on one batch and the same latents.

    The field of `simultaneous`, to be wrapped for a rule of one's own: it takes (key, params, model_state, batch,
    num_fake, step).

    Example:
      >>> import optax, jaxgan as jg
      >>> def slow(game):
      ...     def field(*arguments):
      ...         direction, seen = joint_gradient(game)(*arguments)
      ...         return jax.tree.map(lambda g: 0.5 * g, direction), seen
      ...     return field
      >>> algorithm = jg.simultaneous(jg.toy.dirac(jg.minimax), optax.sgd(0.1), optax.sgd(0.1), field=slow)
    """

    def field(
        key: Key, params: Players, model_state: Players, batch: Batch, num_fake: int, step: Step
    ) -> tuple[Players, Players]:
        def seen_by(player: str) -> PlayerGradient:
            def value(own: PyTree) -> tuple[Scalar, Evaluation]:
                point = params._replace(**{player: own})
                return getattr(game, player)(key, point, model_state, batch, num_fake, step)

            (loss, evaluation), gradient = jax.value_and_grad(value, has_aux=True)(getattr(params, player))
            return PlayerGradient(loss, evaluation, gradient)

        both = Players(seen_by("generator"), seen_by("discriminator"))
        return Players(both.generator.gradient, both.discriminator.gradient), both

    return field


def gradient_field(game: Game) -> Callable[[Key, Players, Players, Batch, int], Players]:
    """The joint gradient (dL_G/dG, dL_D/dD) as a function of (key, params, model_state, batch, num_fake).

    Simultaneous gradient descent follows minus this field; both players see the same batch and latents.

    Example:
      >>> import jaxgan as jg
      >>> game, key, batch = jg.toy.dirac(jg.minimax), jax.random.key(0), jg.Batch(jnp.zeros((1, 1)))
      >>> found = gradient_field(game)(key, *game.init(key, batch), batch, 1)  # at theta = psi = 1
      >>> [round(float(g[0]), 3) for g in (found.generator["theta"], found.discriminator["psi"])]
      [-0.731, 0.731]
    """
    field = joint_gradient(game)
    return lambda key, params, model_state, batch, num_fake: field(
        key, params, model_state, batch, num_fake, jnp.int32(0)
    )[0]


def _init(setup: Setup, terms: Players, loss: Loss, key: Key, batch: Batch) -> tuple[Players, Players]:
    if not isinstance(batch, Batch):
        raise TypeError(f"expected a Batch, such as Batch(x) or Batch(x, y), got {shown(batch)}")
    warn_of_sums(loss)
    z = setup.prior(named_key(key, "prior"), batch.x.shape[0])
    g_params, g_state = networks.init(setup.generator, named_key(key, "generator"), z, batch.y)
    d_params, d_state = networks.init(setup.discriminator, named_key(key, "discriminator"), batch.x, batch.y)

    def logits(params: PyTree) -> Float[Array, "*logits"]:
        return logits_of(networks.apply(setup.discriminator, key, params, d_state, batch.x, batch.y, train=True)[0])

    if ends_in_sigmoid(logits, d_params):
        warnings.warn(
            "the discriminator ends in a sigmoid, and losses take what is before it, the logits: expected a "
            "discriminator without it, got one that would be trained on probabilities",
            stacklevel=2,
        )
    g_state = with_states(g_state, first_states(terms.generator), ())
    d_state = with_states(d_state, first_states(terms.discriminator), setup.augmentation.init())
    return Players(g_params, d_params), Players(g_state, d_state)


def _sample(
    setup: Setup, key: Key, params: PyTree, model_state: PyTree, n: int, y: PyTree = None
) -> Float[Array, "{n} ..."]:
    return _generate(setup, key, params, model_state, n, y, train=False)[0]


def _generate(
    setup: Setup,
    key: Key,
    params: PyTree,
    model_state: PyTree,
    n: int,
    y: PyTree = None,
    *,
    train: bool = False,
) -> tuple[Float[Array, "{n} ..."], PyTree]:
    z, own = setup.prior(key, n), network_state(model_state)
    outputs, new = networks.apply(setup.generator, named_key(key, "generator"), params, own, z, y, train=train)
    return examples_of(outputs), new


def _discriminate(
    setup: Setup,
    key: Key,
    params: PyTree,
    model_state: PyTree,
    x: Shaped[Array, "n ..."],
    y: PyTree = None,
    *,
    train: bool = False,
) -> tuple[Float[Array, "*logits"], PyTree]:
    own = network_state(model_state)
    outputs, new = networks.apply(setup.discriminator, key, params, own, x, y, train=train)
    return logits_of(outputs), new


def _augmentation(augment: Transform | Augmentation | None) -> Augmentation:
    if isinstance(augment, Augmentation):
        return augment
    if augment is None:
        return Augmentation(tuple, lambda key, x, step, state: x, _same_state)
    return Augmentation(tuple, lambda key, x, step, state: augment(key, x), _same_state)


def _as_in_the_batch(key: Key, y: PyTree, n: int) -> PyTree:
    return conditions(y, n)


def _by_prior(prior: ConditionPrior, key: Key, y: PyTree, n: int) -> PyTree:
    found = prior(named_key(key, "condition"), n)
    forms = [jax.tree.map(lambda a: (a.shape[1:], a.dtype), tree) for tree in (y, found)]
    if forms[0] != forms[1]:
        raise ValueError(f"condition_prior must draw conditions like the batch's, y of {shown(y)}, got {shown(found)}")
    return found


def _same_state(view: View, state: PyTree) -> PyTree:
    return state


def _same_logits(key: Key, real_logits: RealLogits, fake_logits: FakeLogits) -> tuple[RealLogits, FakeLogits]:
    return real_logits, fake_logits
