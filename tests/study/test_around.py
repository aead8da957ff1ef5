"""What goes around any recipe: an average of its generator, and the balance of skill."""

from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

import jaxgan as jg
from jaxgan.dynamics import Balance
from jaxgan.study.around import discriminator_for
from jaxgan.study.build import Study, build
from jaxgan.study.catalogue import find_data
from jaxgan.study.config import configure
from jaxgan.study.messages import OptionError

SMALL: dict[str, Any] = {"data": "ring", "seeds": 1, "steps": 4, "samples": 16, "width": 8}


def study(*settings: str, **options: Any) -> Study:
    config = configure(SMALL | {"set": ("batch_size=8", *settings)} | options)
    return build(config, find_data("ring"))


def program(algorithm: jg.Algorithm, study: Study) -> str:
    """One step as JAX traces it."""
    sample = study.source.sample
    return str(jax.make_jaxpr(lambda key: algorithm.step(key, algorithm.init(key, sample), sample))(study.keys[0]))


def test_without_it_a_study_has_the_program_of_the_recipe() -> None:
    """Left out or None it leaves no trace: equation for equation what Python makes of the recipe."""
    off, none = study(recipe=("ns_gan",)), study("balance=None", "ema=None", recipe=("ns_gan",))
    networks = off.networks.generator, off.networks.discriminator_of(1.0)
    recipe = jg.recipes.ns_gan(*networks, jg.normal_prior(off.config.latent_dim), batch_size=8)
    for one in (off, none):
        assert program(one.configurations["ns_gan"].algorithm, one) == program(recipe, one)
    assert none.configurations["ns_gan"].settings == off.configurations["ns_gan"].settings
    assert program(jg.balanced(recipe, 0.8), off) != program(recipe, off)


def test_every_recipe_can_be_balanced_and_targets_share_a_program() -> None:
    found = study("ema=0.9", recipe=("ns_gan", "pacgan"), vary=("balance=0.6,0.8",))
    labels = [f"{name} balance={target}" for name in ("ns_gan", "pacgan") for target in (0.6, 0.8)]
    assert [one.labels for one in found.programs.values()] == [tuple(labels[:2]), tuple(labels[2:])]
    assert [one.settings["balance"] for one in found.configurations.values()] == [0.6, 0.8, 0.6, 0.8]
    for one in found.programs.values():
        assert one.step is not None and isinstance(one.step.state.opt_state, Balance)
        assert one.step.state.average is not None


@pytest.mark.parametrize(("loss", "right"), [("minimax", 0.5), ("wasserstein", 1.0)])
def test_a_critic_is_right_where_its_scores_are_apart(loss: str, right: float) -> None:
    """Scores that are all above 0 say nothing of a critic, while a D above 1/2 takes every sample for real."""
    found = study("balance=0.8", loss=(loss,))
    algorithm = found.configurations[loss].algorithm
    state = jax.jit(algorithm.init, static_argnums=1)(found.keys[0], found.source.sample)
    # D(x) = 100 + the first layer, in which data and the generator, both shifted, are far apart
    d = jax.tree.map(np.zeros_like, state.params.discriminator)
    d["Dense_0"]["kernel"], d["Dense_1"]["kernel"] = np.eye(2, 8, dtype="f"), np.eye(8, dtype="f")
    d["Dense_2"]["kernel"], d["Dense_2"]["bias"] = np.eye(8, 1, dtype="f"), np.full(1, 100, "f")
    g = jax.tree.map(np.zeros_like, state.params.generator)
    far = state._replace(params=jg.Players(g | {"Dense_2": g["Dense_2"] | {"bias": np.full(2, -9, "f")}}, d))
    after, _ = jax.jit(algorithm.step, static_argnums=2)(found.keys[0], far, jax.tree_util.Partial(shifted))
    assert after.opt_state.level == right


def shifted(key: jax.Array, n: int) -> jg.Batch:
    return jg.Batch(np.float32(5) + jax.random.normal(key, (n, 2)))


@pytest.mark.parametrize("text", ["balance=0.4", "balance=1.5", "balance=x"])
def test_a_target_is_an_accuracy(text: str) -> None:
    with pytest.raises(OptionError, match=rf"^--set: got {text}, expected a number, at least 0.5, and at most 1$"):
        study(text, recipe=("ns_gan",))


def test_any_recipe_takes_r1_and_instance_noise() -> None:
    """Equation for equation the recipe with a game that has them."""
    found = study("r1=0.1", "instance_noise=0.2", recipe=("hinge_gan",))
    networks = found.networks.generator, found.networks.discriminator_of(1.0)
    make_game = jg.extended_game(d_terms=[jg.terms.r1(0.1)], augment=jg.augment.instance_noise(0.2))
    prior = jg.normal_prior(found.config.latent_dim)
    recipe = jg.recipes.hinge_gan(*networks, prior, batch_size=8, make_game=make_game)
    assert program(found.configurations["hinge_gan"].algorithm, found) == program(recipe, found)


def test_a_discriminator_whose_gradient_is_penalized_has_no_batch_norm() -> None:
    network = jg.nn.DCGANDiscriminator(4)
    assert network.batch_norm and discriminator_for(network, {"ema": 0.9}) is network
    assert discriminator_for(network, {"r1": 0.1}) == network.clone(batch_norm=False)


def test_their_values_share_a_program() -> None:
    found = study(recipe=("ns_gan",), vary=("r1=0.1,1", "instance_noise=0,0.5"))
    assert len(found.programs) == 1 and len(found.configurations) == 4


def test_a_discriminator_that_keeps_its_batch_norm_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(NORMED)
    with pytest.raises(OptionError, match="ns_gan with r1 penalizes the discriminator's gradient at each example"):
        study("r1=0.1", recipe=("ns_gan",), discriminator=f"{tmp_path / 'mine.py'}:Normed")


NORMED = """
import flax.linen as nn

class Normed(nn.Module):
    @nn.compact
    def __call__(self, x, train=False):
        return nn.Dense(1)(nn.BatchNorm(use_running_average=not train)(x))[:, 0]
"""
