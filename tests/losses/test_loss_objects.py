"""Losses as objects: named tuples of two functions that document themselves."""

import pickle
import pydoc

import jax
import jax.numpy as jnp
import pytest

import jaxgan as jg
from jaxgan import losses
from jaxgan.diagnostics.gradients import mean_loss
from jaxgan.types import Array, Loss, LossInfo

CATALOGUE = {name: value for name, value in vars(losses).items() if isinstance(value, Loss)}


def documented(loss: Loss) -> LossInfo:
    assert loss.info is not None
    return loss.info


@pytest.mark.parametrize("name", CATALOGUE)
def test_help_documents_the_loss_and_not_its_class(name: str) -> None:
    info = documented(CATALOGUE[name])
    text = " ".join(pydoc.plain(pydoc.render_doc(CATALOGUE[name])).split())
    assert f"{name} = <Loss {name}>" in text and info.name == name
    assert all(" ".join(field.split()) in text for field in info if field)
    assert "Method resolution order" not in text
    assert all(info)


def test_a_loss_is_a_named_tuple_of_two_functions() -> None:
    d_loss, g_loss = jg.hinge
    mine = jg.Loss(d_loss, g_loss)
    assert mine == jg.hinge == (d_loss, g_loss) and hash(mine) == hash(jg.hinge) and mine != jg.minimax
    assert (mine.discriminator, mine.generator, mine._fields) == (d_loss, g_loss, ("discriminator", "generator"))
    assert isinstance(pickle.loads(pickle.dumps(jg.hinge)), jg.Loss)
    assert [repr(loss) for loss in (jg.hinge, pickle.loads(pickle.dumps(jg.hinge)))] == ["<Loss hinge>"] * 2


def test_another_loss_made_of_one_does_not_go_by_its_name() -> None:
    changed = jg.hinge._replace(generator=jg.minimax.generator)
    assert isinstance(changed, jg.Loss) and changed.info is None
    assert repr(changed) == "Loss(_hinge_discriminator, minimax_generator)"
    assert changed.__doc__ == jg.Loss.__doc__ != jg.hinge.__doc__


def test_a_loss_of_ones_own_can_be_documented() -> None:
    info = LossInfo("linear", "A linear loss.", "-E[real] + E[fake]", "-E[fake]", source="nobody")
    mine = jg.Loss(jg.wasserstein.discriminator, jg.wasserstein.generator, info)
    assert repr(mine) == "<Loss linear>"
    assert (mine.__doc__ or "").splitlines()[::4] == ["A linear loss.", "Source:        nobody"]


def test_equal_losses_are_one_static_argument() -> None:
    traced: list[Loss] = []

    def value(loss: Loss, logits: Array) -> Array:
        traced.append(loss)
        return mean_loss(loss)(logits, logits)

    compiled = jax.jit(value, static_argnums=0)
    for loss in (jg.hinge, jg.Loss(*jg.hinge), jg.minimax):
        compiled(loss, jnp.zeros(3))
    assert traced == [jg.hinge, jg.minimax]
