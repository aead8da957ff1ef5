"""Operations counted from the traced step, against a count by hand from the layers' shapes."""

import jax
import jax.numpy as jnp
import pytest

from benchmarks import jaxgan_form
from benchmarks.operations import must
from benchmarks.workloads import WORKLOADS
from jaxgan.nn.conv import conv
from jaxgan.study.operations import operations_of_step, products


@pytest.mark.parametrize("name", ["ring", "dcgan8", "dcgan32"])
def test_a_step_has_the_operations_of_its_layers(name: str) -> None:
    workload = WORKLOADS[name]
    algorithm, sample = jaxgan_form.algorithm(workload), jaxgan_form.sampler(workload)
    assert operations_of_step(algorithm, sample, jax.random.key(0)) == must(workload)


def test_loops_branches_and_plain_convolutions_are_counted() -> None:
    x, w = jnp.ones((2, 8, 8, 3)), jnp.ones((3, 3, 3, 5))
    plain = 2 * 2 * 8 * 8 * 3 * 3 * 3 * 5

    def convolved(x: jax.Array) -> jax.Array:
        return jax.lax.conv_general_dilated(x, w, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))

    def looped(a: jax.Array) -> jax.Array:
        return jax.lax.scan(lambda a, _: (a @ a, None), a, length=7)[0]

    def branched(a: jax.Array) -> jax.Array:
        return jax.lax.cond(a[0, 0] > 0, lambda a: a @ a, lambda a: a @ a @ a, a)

    assert products(jax.make_jaxpr(convolved)(x).jaxpr) == plain
    assert products(jax.make_jaxpr(looped)(jnp.ones((4, 4))).jaxpr) == 7 * 2 * 4**3
    assert products(jax.make_jaxpr(branched)(jnp.ones((4, 4))).jaxpr) == 2 * 2 * 4**3
    ours = jax.make_jaxpr(lambda x, w: conv(x, w, strides=(1, 1), padding="SAME"))(x, w).jaxpr
    assert products(ours) == plain
