"""Count the floating-point operations of a training step from its shapes, before compilation."""

import math
from typing import Any

import jax
from jax.extend.core import Jaxpr
from jax.interpreters.partial_eval import dce_jaxpr

from jaxgan.nn.conv.primitive import conv_p, operands_of
from jaxgan.runs.run import start
from jaxgan.study.needs import inner_programs
from jaxgan.types import Algorithm, Key, Sampler


def operations_of_step(algorithm: Algorithm, sample: Sampler, key: Key) -> int:
    """Return the operations of the matrix products and convolutions of one step of one run; the rest is a few per cent.

    A convolution is counted as a direct one, even if it is computed with fewer multiplications. A loop of unknown
    length, which no step of this library has, is counted once.

    Example:
      >>> import optax, jaxgan as jg
      >>> networks = jg.nn.MLPGenerator(2, hidden=(32,)), jg.nn.MLPDiscriminator(hidden=(32,))
      >>> game = jg.adversarial_game(*networks, jg.normal_prior(2), jg.non_saturating)
      >>> adam = optax.adam(1e-3)
      >>> algorithm = jg.alternating(game, adam, adam, batch_size=64)
      >>> operations_of_step(algorithm, jg.data.ring().sample, jax.random.key(0))
      139264
    """
    state = jax.eval_shape(lambda key: start(algorithm, sample, key), key)
    step = jax.make_jaxpr(lambda key, state: algorithm.step(key, state, sample))(key, state).jaxpr
    used, _ = dce_jaxpr(step, [True] * len(step.outvars))  # what nothing reads, the compiler leaves out
    return products(used)


def products(program: Jaxpr) -> int:
    """Return the operations of a program's matrix products and convolutions, two per multiplication.

    Example:
      >>> import jax.numpy as jnp
      >>> products(jax.make_jaxpr(jnp.matmul)(jnp.ones((3, 4)), jnp.ones((4, 5))).jaxpr)
      120
    """
    return sum(map(_of_equation, program.eqns))


def _of_equation(equation: Any) -> int:
    name, shapes = equation.primitive.name, [v.aval.shape for v in (*equation.invars, *equation.outvars)]
    if name == "dot_general":
        (contracted, _), _ = equation.params["dimension_numbers"]
        return 2 * math.prod(shapes[-1]) * math.prod(shapes[0][axis] for axis in contracted)
    if name == "conv_general_dilated":
        numbers = equation.params["dimension_numbers"]
        return 2 * math.prod(shapes[-1]) * math.prod(shapes[1][axis] for axis in numbers.rhs_spec[1:])
    if equation.primitive is conv_p:
        return _of_convolution(equation.params, shapes)
    inner = [products(program) for program in inner_programs(equation.params)]
    if name == "cond":
        return max(inner)
    return equation.params.get("length", 1) * sum(inner)


def _of_convolution(params: dict[str, Any], shapes: list[tuple[int, ...]]) -> int:
    """The convolution and its two transposes meet the same pairs of an output and a weight of its kernel."""
    role = params["role"]
    by_name = dict(zip((*operands_of(role), role), shapes, strict=True))
    images, kernel = by_name["y" if role == "x" else "x"], by_name["w"]
    *seeds_and_batch, _, _, _ = images
    return 2 * math.prod(seeds_and_batch) * math.prod(params["window"].out) * math.prod(kernel[-4:])
