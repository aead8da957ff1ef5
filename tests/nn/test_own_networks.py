"""Networks as people write them: streams, ways to say "train", outputs and collections, trained and sampled."""

from collections.abc import Callable
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from jaxgan import nn as jnn
from jaxgan.dynamics import alternating, averaged
from jaxgan.game import adversarial_game, normal_prior
from jaxgan.losses import non_saturating
from jaxgan.runs.run import run
from jaxgan.types import Array, Batch, Game, Key, Players, Sampler, Term, View

KEY = jax.random.key(0)
PRIOR = normal_prior(3)
END = r"\Z|\n-+\nFor simplicity, JAX has removed"  # a note that JAX adds to what is raised while it traces


def points(key: Key, n: int) -> Batch:
    return Batch(jax.random.normal(key, (n, 2)))


def pairs(key: Key, n: int) -> Batch:
    """x is near its input image y, [n, 4, 4, 1]."""
    y = jax.random.normal(key, (n, 4, 4, 1))
    return Batch(y + 0.1, y)


def classes(key: Key, n: int) -> Batch:
    y = jax.random.randint(key, (n,), 0, 3)
    return Batch(jax.random.normal(key, (n, 2)) + y.reshape(n, 1), y)


class Logit(nn.Module):
    """A perceptron without an argument `train`."""

    @nn.compact
    def __call__(self, x: Array) -> Array:
        return nn.Dense(1)(nn.relu(nn.Dense(4)(x.reshape(x.shape[0], -1)))).reshape(-1)


class Points(nn.Module):
    @nn.compact
    def __call__(self, z: Array) -> Array:
        return nn.Dense(2)(z)


def game_of(generator: Any = None, discriminator: Any = None, **options: Any) -> Game:
    return adversarial_game(generator or Points(), discriminator or Logit(), PRIOR, non_saturating, **options)


def trained(game: Game, sample: Sampler = points, steps: int = 2) -> Any:
    """Under an average, and in a scan: both hold what is carried to one form."""
    algorithm = averaged(alternating(game, optax.sgd(0.1), optax.sgd(0.1), batch_size=4), 0.9)
    state = jax.jit(lambda key: run(algorithm, sample, key, steps).state)(KEY)
    for leaf in jax.tree.leaves(state.params):
        assert np.isfinite(leaf).all()
    return state


def sampled(game: Game, state: Any, key: Key = KEY, n: int = 4, y: Any = None) -> np.ndarray:
    return np.asarray(game.sample(key, state.params.generator, state.model_state.generator, n, y))


class Pix2Pix(nn.Module):
    """Its only noise is dropout, which stays when it is sampled: Isola et al. 2017, section 3.1."""

    @nn.compact
    def __call__(self, z: Array, y: Array, *, train: bool) -> Array:
        x = nn.relu(nn.Dense(8)(y.reshape(y.shape[0], -1)))
        return nn.Dense(16)(nn.Dropout(0.5, deterministic=False)(x)).reshape(y.shape)


class ConditionalLogit(nn.Module):
    @nn.compact
    def __call__(self, x: Array, y: Any) -> Array:
        return Logit()(jnp.concatenate([x, y.reshape(x.shape).astype(x.dtype)], axis=-1))


def test_a_generator_of_images_from_images_samples_with_its_dropout() -> None:
    game = game_of(Pix2Pix(), ConditionalLogit())
    state, y = trained(game, pairs), pairs(KEY, 4).y
    one, other = (sampled(game, state, key, y=y) for key in jax.random.split(KEY))
    assert one.shape == y.shape and np.any(one != other)
    np.testing.assert_array_equal(one, sampled(game, state, jax.random.split(KEY)[0], y=y))


class Styled(nn.Module):
    """Noise at every layer from a stream of its own, in training and out of it: Karras et al. 2019, section 2."""

    stream: str

    @nn.compact
    def __call__(self, z: Array, *, train: bool) -> Array:
        strength = self.param("strength", nn.initializers.ones, (1, 1))
        for _ in range(2):
            z = nn.Dense(2)(z)
            z = z + strength * jax.random.normal(self.make_rng(self.stream), z.shape)
        return z


@pytest.mark.parametrize("stream", ["noise", "mine"])
def test_a_stream_of_ones_own_is_there_in_training_and_sampling(stream: str) -> None:
    game = game_of(Styled(stream))
    state = trained(game)
    still = game.sample(KEY, state.params.generator, state.model_state.generator, 4)
    np.testing.assert_array_equal(still, sampled(game, state))
    silent = jax.tree.map(lambda a: 0 * a, state.params.generator)
    one, other = (
        np.asarray(game.sample(KEY, silent | {"strength": jnp.full((1, 1), s)}, {}, 1000)) for s in (0.0, 1.0)
    )
    assert np.all(one == 0)
    # The second layer's noise alone passes kernels of 0: N(0, 1), within five standard errors of 2,000 numbers.
    assert abs(other.mean()) < 5 / np.sqrt(2000) and abs(other.std() - 1) < 5 / np.sqrt(4000)


class Outputs(NamedTuple):
    logits: Array
    classes: Array


class Auxiliary(nn.Module):
    """A logit and the logits of three classes, in one form or another: AC-GAN, Odena et al. 2017."""

    form: Callable[[Array, Array], Any]

    @nn.compact
    def __call__(self, x: Array, y: Array, *, train: bool) -> Any:
        hidden = nn.relu(nn.Dense(8)(x))
        return self.form(nn.Dense(1)(hidden).reshape(-1), nn.Dense(3)(hidden))


class Labelled(nn.Module):
    @nn.compact
    def __call__(self, z: Array, y: Array) -> Array:
        return nn.Dense(2)(z) + nn.Embed(3, 2)(y)


def classifies(of: Callable[[Any], Array]) -> Term:
    def term(view: View) -> Array:
        real, fake = of(view.real_outputs), of(view.fake_outputs)
        np.testing.assert_equal(jax.eval_shape(view.outputs, view.real), jax.eval_shape(lambda: view.real_outputs))
        losses = [
            optax.softmax_cross_entropy_with_integer_labels(*pair) for pair in ((real, view.y), (fake, view.y_fake))
        ]
        return losses[0].mean() + losses[1].mean()

    return term


@pytest.mark.parametrize(
    ("form", "of"),
    [
        (lambda logits, classes: (logits, classes), lambda outputs: outputs[1]),
        (lambda logits, classes: {"classes": classes, "logits": logits}, lambda outputs: outputs["classes"]),
        (Outputs, lambda outputs: outputs.classes),
    ],
)
def test_an_auxiliary_classifier_reaches_terms_and_not_the_loss(form: Any, of: Any) -> None:
    plain = game_of(Labelled(), Auxiliary(lambda logits, classes: logits))
    game = game_of(Labelled(), Auxiliary(form), d_terms=(classifies(of),), g_terms=(classifies(of),))
    batch = classes(KEY, 6)
    params, state = game.init(KEY, batch)
    for player in ("generator", "discriminator"):
        total, evaluation = getattr(game, player)(KEY, params, state, batch, 4, jnp.int32(0))
        _, expected = getattr(plain, player)(KEY, params, state, batch, 4, jnp.int32(0))
        np.testing.assert_array_equal(evaluation.fake_logits, expected.fake_logits)
        assert total > sum(evaluation.parts)  # a cross-entropy is above 0
    last = trained(game, classes)
    one, other = (sampled(game, last, y=jnp.full(4, label)) for label in (0, 1))
    shift = last.params.generator["Embed_0"]["embedding"]
    np.testing.assert_allclose(other - one, jnp.tile((shift[1] - shift[0]).reshape(1, 2), (4, 1)), atol=1e-6)
    assert game.discriminate is not None
    logits, _ = game.discriminate(KEY, last.params.discriminator, {}, batch.x, batch.y)
    assert logits.shape == (6,)


def test_returned_features_are_those_of_the_view() -> None:
    seen: list[Any] = []

    def term(view: View) -> Array:
        seen.append((view.features(view.real), view.real_outputs[1]))
        return jnp.zeros(())

    game = game_of(Labelled(), Auxiliary(lambda logits, classes: (logits, classes)), d_terms=(term,))
    batch = classes(KEY, 6)
    params, state = game.init(KEY, batch)
    game.discriminator(KEY, params, state, batch, 4, jnp.int32(0))
    np.testing.assert_array_equal(*seen[0])


def training_of(name: str, as_field: bool) -> nn.Module:
    """A generator of 0 in training and 1 out of it, told by an argument or by a field `name`."""

    def value(told: bool, z: Array) -> Array:
        train = told == (name in ("train", "training", "is_training"))
        return z[:, :2] * 0 + (0.0 if train else 1.0)

    if as_field:
        fields = {
            "__annotations__": {name: bool},
            name: True,
            "__call__": lambda self, z: value(getattr(self, name), z),
        }
        return type("ByField", (nn.Module,), {"__module__": __name__, **fields})()
    scope: dict[str, Any] = {"value": value}
    exec(f"def call(self, z, {name}=None):\n    return value({name}, z)", scope)
    return type("ByArgument", (nn.Module,), {"__module__": __name__, "__call__": scope["call"]})()


@pytest.mark.parametrize("as_field", [False, True])
@pytest.mark.parametrize("name", ["train", "training", "is_training", "deterministic", "use_running_average"])
def test_every_way_to_say_train(name: str, as_field: bool) -> None:
    seen: list[Array] = []

    def term(view: View) -> Array:
        seen.append(view.fake)
        return jnp.zeros(())

    game = game_of(training_of(name, as_field), g_terms=(term,))
    params, state = game.init(KEY, points(KEY, 4))
    game.generator(KEY, params, state, points(KEY, 4), 4, jnp.int32(0))
    assert np.all(seen[0] == 0) and np.all(game.sample(KEY, params.generator, state.generator, 4) == 1)


def test_a_sequence_of_layers_and_a_pack_of_a_network_that_is_not_told() -> None:
    layers = nn.Sequential([nn.Dense(4), nn.relu, nn.Dense(2)])
    assert sampled(game_of(layers), trained(game_of(layers, jnn.Packed(Logit(), 2)))).shape == (4, 2)


class Counting(nn.Module):
    """Counts its passes in training, and sows what it makes in two collections."""

    features: int

    @nn.compact
    def __call__(self, x: Array, *, train: bool) -> Array:
        passes = self.variable("counts", "passes", lambda: jnp.zeros((), jnp.int32))
        if train and not self.is_initializing():
            passes.value += 1
        x = nn.Dense(self.features)(x)
        self.sow("intermediates", "made", x)
        self.sow("monitors", "made", x)
        self.sow("latest", "made", x, reduce_fn=lambda _, new: new, init_fn=lambda: 0)
        return x if self.features > 1 else x.reshape(-1)


def test_counters_are_carried_and_what_is_sown_is_not() -> None:
    game = game_of(Counting(2), Counting(1))
    state = trained(game, steps=3)
    # One pass an update in the generator, and one over real and one over fake examples in the discriminator.
    assert state.model_state == Players({"counts": {"passes": 3}}, {"counts": {"passes": 6}})
    assert state.model_state.generator["counts"]["passes"].dtype == jnp.int32
    assert state.average.model_state == {"counts": {"passes": 3}}
    assert sampled(game, state).shape == (4, 2)


class Bridged(nnx.Module):
    def __init__(self, features: int, rngs: nnx.Rngs) -> None:
        self.layer = nnx.Linear(3, features, rngs=rngs)

    def __call__(self, z: Array) -> Array:
        return self.layer(z)


def test_an_nnx_module_is_told_its_bridge_and_works_behind_it() -> None:
    with pytest.raises(TypeError, match=r"\Agenerator must be a flax.linen module, got .*to_linen\(Bridged, [^\n]*\Z"):
        game_of(Bridged(2, nnx.Rngs(0)))
    game = game_of(nnx.bridge.to_linen(Bridged, 2))
    assert sampled(game, trained(game)).shape == (4, 2)


class Sigmoid(nn.Module):
    outside: Callable[[Array], Array]

    @nn.compact
    def __call__(self, x: Array) -> Array:
        return self.outside(nn.sigmoid(nn.Dense(1)(x))).reshape(-1)


def test_a_discriminator_that_ends_in_a_sigmoid_warns_also_when_traced() -> None:
    for wrap in (lambda init: init, jax.jit):
        with pytest.warns(UserWarning, match=r"\Athe discriminator ends in a sigmoid[^\n]*\Z"):
            wrap(game_of(discriminator=Sigmoid(jnp.asarray)).init)(KEY, points(KEY, 4))
    game_of(discriminator=Sigmoid(lambda d: jnp.log(d) - jnp.log1p(-d))).init(KEY, points(KEY, 4))  # a logit again


class Returns(nn.Module):
    outputs: Any

    @nn.compact
    def __call__(self, x: Array) -> Any:
        return self.outputs(x)


@pytest.mark.parametrize(
    ("networks", "message"),
    [
        ((Points, None), "generator must be a module, such as .*, got the class Points: call it"),
        ((None, 3), "discriminator must be a module, such as .*, got 3"),
        ((Returns(lambda z: (z, z)), None), r"a generator must return .*, got \(array \[4, 3\], array \[4, 3\]\)"),
        ((None, Returns(lambda x: {"score": x})), r"a discriminator must return .*, got \{'score': array \[4, 2\]\}"),
        ((None, Returns(lambda x: None)), "a discriminator must return .*, got None"),
        ((None, ConditionalLogit()), r"ConditionalLogit.__call__\(x: .*\) must take \(x\): missing .*'y'"),
    ],
)
def test_what_does_not_fit_is_said_in_one_line(networks: tuple[Any, Any], message: str) -> None:
    with pytest.raises(TypeError, match=rf"\A{message}({END})"):
        game = game_of(*networks)
        params, state = game.init(KEY, points(KEY, 4))
        game.discriminator(KEY, params, state, points(KEY, 4), 4, jnp.int32(0))


def test_a_sampler_of_bare_arrays_is_told_what_a_batch_is() -> None:
    with pytest.raises(TypeError, match=r"\Aexpected a Batch, such as Batch\(x\) or Batch\(x, y\), got array \[4, 2\]"):
        trained(game_of(), lambda key, n: jax.random.normal(key, (n, 2)))  # type: ignore[arg-type, return-value]
