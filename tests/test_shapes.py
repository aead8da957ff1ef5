"""Shapes in annotations are checked while the tests run, and nothing else of them is."""

import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import TypeCheckError

import jaxgan as jg
from jaxgan.features import doubt
from tests.shapes import names_a_shape


def test_sizes_that_are_called_alike_have_to_agree() -> None:
    labels = np.repeat([0, 1], [75, 25])
    assert doubt(labels, labels) is None
    with pytest.raises(TypeCheckError, match=r"'labels'.*\n.*i64\[99\]"):
        doubt(labels, labels[1:])


def test_the_kind_of_number_is_checked_too() -> None:
    with pytest.raises(TypeCheckError, match="'real_logits'"):
        jg.hinge.discriminator(jnp.arange(3), jnp.zeros(3))


def test_real_and_fake_batches_may_differ_in_size() -> None:
    real, fake = jg.hinge.discriminator(jnp.zeros(3), jnp.zeros((2, 4)))
    assert (real.shape, fake.shape) == ((3,), (2, 4))


def test_other_types_are_refused_by_the_functions_themselves() -> None:
    with pytest.raises(ValueError, match="got str"):
        jg.diagnostics.profile("minimax")  # type: ignore[arg-type]


def test_a_shape_is_found_wherever_it_stands_in_an_annotation() -> None:
    assert names_a_shape(tuple[jg.types.RealLogits, int]) and names_a_shape(jg.types.FakeLogits | None)
    assert not names_a_shape(jnp.ndarray) and not names_a_shape("Float[Array, 'n']")
    assert not names_a_shape(float | jg.types.Transform)  # a schedule may stand where a number does


def test_networks_and_terms_are_held_to_what_they_say() -> None:
    with pytest.raises(TypeCheckError, match="'kernel'"):  # of two channels, for images of three
        jg.nn.conv.conv(jnp.zeros((1, 8, 8, 3)), jnp.zeros((4, 4, 2, 5)), (2, 2), "SAME")
    with pytest.raises(TypeCheckError, match="'z'"):
        jg.nn.MLPGenerator(2).apply({}, jnp.zeros((4, 3, 2)), train=False)
