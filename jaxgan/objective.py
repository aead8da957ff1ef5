"""The objective of one player: its loss and its terms, evaluated on the outputs of both networks for a batch."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
from jaxtyping import Float, Shaped

from jaxgan import networks
from jaxgan.losses.parts import Parts, added, means_of
from jaxgan.networks import AUGMENT, TERMS, conditions, network_state, with_states
from jaxgan.outputs import examples_of, logits_of
from jaxgan.random import named_key
from jaxgan.terms.evaluate import evaluate as evaluate_terms
from jaxgan.trees import like
from jaxgan.types import (
    Array,
    Augmentation,
    Batch,
    Evaluation,
    FakeLogits,
    Key,
    LogitTransform,
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


class Setup(NamedTuple):
    """What both objectives share."""

    generator: Any
    discriminator: Any
    prior: Prior
    augmentation: Augmentation
    fake_conditions: Callable[[Key, PyTree, int], PyTree]  # (key, the batch's, n) -> those of n fakes


class Role(NamedTuple):
    """What distinguishes one player's objective from the other's."""

    own: Callable[[Players], Any]  # selects the player's value
    loss: Callable[[RealLogits, FakeLogits], Parts]
    terms: tuple[Term, ...]
    logit_transform: LogitTransform
    augmented: Callable[[View, PyTree], PyTree]  # the augmentation's state after an update of this player


class _Point(NamedTuple):
    """The point at which an objective is evaluated."""

    params: Players
    model_state: Players  # only the networks' own
    augmentation: Transform
    y: PyTree
    step: Step


class _Passes(NamedTuple):
    """The outputs of the networks for one batch and the latents of the fakes."""

    z: Float[Array, "n ..."]
    y_fake: PyTree
    fake: Float[Array, "n ..."]
    real_outputs: PyTree
    fake_outputs: PyTree
    model_state: Players


def evaluate(
    setup: Setup,
    role: Role,
    key: Key,
    params: Players,
    model_state: Players,
    batch: Batch,
    num_fake: int,
    step: Step,
) -> tuple[Scalar, Evaluation]:
    """The loss of the player with this `role` at the joint point `params`, and its `Evaluation`."""
    own, augment = role.own(model_state), model_state.discriminator.get(AUGMENT, ())

    def augmented(key: Key, x: Float[Array, "*x"]) -> Float[Array, "*x"]:
        return setup.augmentation.apply(key, x, step, augment)

    point = _Point(params, Players(*map(network_state, model_state)), augmented, batch.y, step)
    passes = _play(setup, point, key, batch, num_fake)
    real_logits, fake_logits = logits_of(passes.real_outputs), logits_of(passes.fake_outputs)
    _check_pairing(role.loss, real_logits, fake_logits)
    means = means_of(role.loss(*role.logit_transform(named_key(key, "labels"), real_logits, fake_logits)))

    def view_of(key: Key) -> View:
        return _view(setup, point, passes, role.own(params), batch, key)

    before = own.get(TERMS, ((),) * len(role.terms))
    penalties, after = evaluate_terms(role.terms, lambda i: view_of(named_key(key, f"term {i}")), before)
    new_state = with_states(
        role.own(passes.model_state),
        after if TERMS in own else (),
        like(augment, role.augmented(view_of(key), augment)) if AUGMENT in own else (),
    )
    return added((*means, *penalties)), Evaluation(means, new_state, real_logits, fake_logits)


def _play(setup: Setup, point: _Point, key: Key, batch: Batch, num_fake: int) -> _Passes:
    """One pass of the generator, and one pass of the discriminator each over real and fake examples."""
    z = setup.prior(named_key(key, "prior"), num_fake)
    y_fake = setup.fake_conditions(key, batch.y, num_fake)

    def generator(name: str, state: PyTree, z: Float[Array, "n ..."]) -> tuple[PyTree, PyTree]:
        return networks.apply(
            setup.generator, named_key(key, name), point.params.generator, state, z, y_fake, train=True
        )

    def discriminator(name: str, state: PyTree, x: Shaped[Array, "n ..."], y: PyTree) -> tuple[PyTree, PyTree]:
        seen = point.augmentation(named_key(key, f"augment {name}"), x)
        return networks.apply(
            setup.discriminator, named_key(key, name), point.params.discriminator, state, seen, y, train=True
        )

    made, g_state = generator("generator", point.model_state.generator, z)
    fake = examples_of(made)
    real_outputs, d_state = discriminator("real", point.model_state.discriminator, batch.x, batch.y)
    fake_outputs, d_state = discriminator("fake", d_state, fake, y_fake)
    return _Passes(z, y_fake, fake, real_outputs, fake_outputs, Players(g_state, d_state))


def _view(setup: Setup, point: _Point, passes: _Passes, own: PyTree, batch: Batch, key: Key) -> View:
    """The `View` of one term, with its own `key`; every call of a network in the term uses the same randomness."""
    d_key, g_key, seen_key = (named_key(key, name) for name in ("critic", "generate", "augment critic"))
    (g_params, d_params), (g_state, d_state) = point.params, point.model_state

    def seen(x: Shaped[Array, "n ..."], y: PyTree) -> tuple[Shaped[Array, "n ..."], PyTree]:
        return point.augmentation(seen_key, x), conditions(y, x.shape[0])

    def outputs(x: Shaped[Array, "n ..."], y: PyTree = point.y) -> PyTree:
        return networks.apply(setup.discriminator, d_key, d_params, d_state, *seen(x, y), train=True)[0]

    def features(x: Shaped[Array, "n ..."]) -> Float[Array, "*features"]:
        return networks.features(setup.discriminator, d_key, d_params, d_state, *seen(x, point.y))

    def generate(z: Float[Array, "n ..."]) -> Float[Array, "n ..."]:
        y = conditions(passes.y_fake, z.shape[0])
        return examples_of(networks.apply(setup.generator, g_key, g_params, g_state, z, y, train=True)[0])

    def mapping(z: Float[Array, "n ..."]) -> Float[Array, "n ..."]:
        y = conditions(passes.y_fake, z.shape[0])
        return networks.call_method(setup.generator, "mapping", g_key, g_params, g_state, z, y, train=True)

    def synthesis(w: Float[Array, "n ..."]) -> Float[Array, "n ..."]:
        return networks.call_method(setup.generator, "synthesis", g_key, g_params, g_state, w, train=True)

    halves = (mapping, synthesis) if networks.has_halves(setup.generator) else (None, None)
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
        fake_critic=lambda x: logits_of(outputs(x, passes.y_fake)),
        mapping=halves[0],
        synthesis=halves[1],
    )


def _check_pairing(loss_of: Callable[[RealLogits, FakeLogits], Parts], real: RealLogits, fake: FakeLogits) -> None:
    if real.shape == fake.shape:
        return

    def of_size(n: int, like: Array) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct((n, *like.shape[1:]), like.dtype)

    try:
        # Tested with sizes 2 and 3: a batch of one would broadcast against the other silently.
        jax.eval_shape(loss_of, of_size(2, real), of_size(3, fake))
    except (TypeError, ValueError) as error:
        raise ValueError(
            "this loss pairs each real with a fake example and needs as many of both: "
            f"got real logits of shape {real.shape} and fake logits of shape {fake.shape}"
        ) from error
