"""What a user's loss may be: checked when a game is made, with a line for whatever else it is."""

import math
import re
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxgan as jg
from jaxgan import losses
from jaxgan.losses.check import check_loss, warn_of_sums
from jaxgan.types import Array, Batch, Loss

CATALOGUE = {name: value for name, value in vars(losses).items() if isinstance(value, Loss)}
NETWORKS = jg.nn.MLPGenerator(2, hidden=(4,)), jg.nn.MLPDiscriminator(hidden=(4,))
Function = Callable[[Array, Array], Any]


def with_generator(function: Any) -> Loss:
    return Loss(jg.minimax.discriminator, function)


def branching(real: Array, fake: Array) -> Array:
    return fake if fake.mean() > 0 else -fake


def failing(real: Array, fake: Array) -> Array:
    raise RuntimeError("no such thing\nand more")


@pytest.mark.parametrize("name", CATALOGUE)
def test_every_loss_of_the_catalogue_passes(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert check_loss(CATALOGUE[name]) is CATALOGUE[name]
        warn_of_sums(CATALOGUE[name])


GOOD: dict[str, Function] = {
    "a mean": lambda real, fake: jnp.mean(fake),
    "a mean over all pairs": lambda real, fake: jnp.mean(real[:, None] - fake[None, :]),
    "a constant": lambda real, fake: 0.0,
    "both sides in one array": lambda real, fake: jnp.concatenate([real, fake]),
    "groups of four": lambda real, fake: fake.reshape(-1, 4).mean(axis=1),
    "logits [n, 1]": lambda real, fake: fake[:, 0],
    "patches": lambda real, fake: fake.mean(axis=(1, 2)),
    "a partial application": partial(lambda real, fake, k: k * fake, k=2.0),
}


@pytest.mark.parametrize("function", GOOD.values(), ids=GOOD)
def test_values_for_each_example_and_their_means_pass(function: Function) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of_sums(check_loss(with_generator(function)))


VALUES = "must return an array of per-example values or a tuple of such arrays, got "
VALUELESS = "uses a value of the logits, which have none while JAX traces it: expected "
BAD: dict[str, tuple[Any, str]] = {
    "pairs": (lambda real, fake: real[:, None] - fake, VALUES + r"\[8, 8\] of logits \[8\] \(real\[:, None\] - fake"),
    "pairs of patches": (
        lambda real, fake: real[:, None, 0, 0] - fake.mean((1, 2)),
        VALUES + r"\[8, 8\] of logits \[8, 4, 4\]",
    ),
    "two means": (lambda real, fake: jnp.stack([real.mean(), fake.mean()]), VALUES + r"\[2\] of logits \[8\]"),
    "nothing": (lambda real, fake: None, VALUES + "None"),
    "a dict": (lambda real, fake: {"loss": fake}, VALUES + "a dict"),
    "a list": (lambda real, fake: [fake], VALUES + "a list"),
    "an empty tuple": (lambda real, fake: (), VALUES + "an empty tuple"),
    "an aux": (lambda real, fake: (fake, {"mean": fake.mean()}), VALUES + "a dict as element 1 of a tuple"),
    "integers": (lambda real, fake: jnp.sign(fake).astype(int), VALUES + "int32 values, which have no gradient"),
    "one argument": (lambda fake: fake, r"must take two arguments, \(real_logits, fake_logits\), got \(fake\)"),
    "three arguments": (lambda real, fake, key: fake, r"must take two arguments, .*, got \(real, fake, key\)"),
    "numpy": (lambda real, fake: np.maximum(fake, 0), "hands traced logits to numpy: expected jax.numpy"),
    "if": (branching, VALUELESS + "jnp.where in place of `if`"),
    "math": (lambda real, fake: math.log(fake[0]), VALUELESS + r"jax.numpy in place of float\(\)"),
    "a mask": (lambda real, fake: fake[fake > 0], VALUELESS + "jnp.where in place of an array of bools"),
    "its own error": (failing, r"raised RuntimeError: no such thing \(line \d+\)"),
}


@pytest.mark.parametrize(("function", "message"), BAD.values(), ids=BAD)
def test_another_function_is_refused_in_a_line_that_names_it(function: Any, message: str) -> None:
    with pytest.raises(ValueError) as error:
        jg.adversarial_game(*NETWORKS, jg.normal_prior(2), with_generator(function))
    name = re.escape(function.__name__)
    assert re.match(rf"\Athe generator's loss {name} \(test_loss_checks\.py:\d+\) {message}", str(error.value))
    assert len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        (jg.minimax.generator, r"got the function minimax_generator \(cross_entropy\.py:\d+\)"),
        (tuple(jg.minimax), "got <Loss minimax>|got \\(<function"),
        (None, "got None"),
        (Loss(None, jg.minimax.generator), "the discriminator's loss must be a function .*, got None"),  # type: ignore[arg-type]
    ],
)
def test_what_is_no_loss_is_refused(loss: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_loss(loss)


def start(loss: Loss) -> None:
    jg.adversarial_game(*NETWORKS, jg.normal_prior(2), loss).init(jax.random.key(0), Batch(jnp.zeros((3, 2))))


@pytest.mark.parametrize(
    "function",
    [
        lambda real, fake: jnp.sum(jax.nn.softplus(-fake)),
        lambda real, fake: real @ fake,
        lambda real, fake: (jnp.mean(fake), -jnp.sum(fake)),
        lambda real, fake: jnp.sum(real[:, None] - fake[None, :]),  # four times as much
    ],
)
def test_a_sum_over_the_batch_is_warned_of(function: Function) -> None:
    with pytest.warns(
        UserWarning, match=r"\Athe generator's loss <lambda> \(.*\) is a scalar that grows with the batch"
    ):
        start(with_generator(function))


def test_a_sum_is_found_while_a_run_is_traced_and_nothing_leaks() -> None:
    def end(key: Array) -> Array:
        start(with_generator(lambda real, fake: jnp.sum(fake)))
        return key

    with jax.checking_leaks(), pytest.warns(UserWarning, match="grows with the batch"):
        jax.jit(jax.vmap(end))(jnp.zeros(2))


def test_making_a_game_computes_nothing() -> None:
    """Devices can still be chosen afterwards, as `use_cpu_cores` does."""

    def sum_of(real: Array, fake: Array) -> Array:
        assert isinstance(fake, jax.core.Tracer)
        return jnp.sum(fake)

    jg.adversarial_game(*NETWORKS, jg.normal_prior(2), with_generator(sum_of))


def test_a_loss_of_settings_that_are_traced_works_in_a_sweep() -> None:
    def make(weight: Array) -> jg.Algorithm:
        loss = Loss(lambda real, fake: weight * jnp.sum(fake - real), lambda real, fake: -weight * fake)
        game = jg.adversarial_game(*NETWORKS, jg.normal_prior(2), loss)
        return jg.alternating(game, optax.sgd(0.1), optax.sgd(0.1), batch_size=4)

    keys = jg.seed_keys(jax.random.key(0), 2)
    found = jg.sweep(make, {"weight": [1.0, 2.0]}, jg.data.ring().sample, keys, num_steps=1).info.d_loss
    assert found.shape == (2, 2, 1) and np.isfinite(found).all()
