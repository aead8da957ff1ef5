"""Outputs of networks: a generator's examples, and a discriminator's logits along with anything that terms need."""

from collections.abc import Callable, Mapping
from typing import Any

import jax

from jaxgan.types import Array, PyTree


def examples_of(outputs: PyTree) -> Array:
    """The examples that a generator returned: one array [n, ...].

    Raises:
      TypeError: it returned something else.

    Example:
      >>> examples_of((jax.numpy.zeros((2, 3)), jax.numpy.zeros(2)))
      Traceback (most recent call last):
      TypeError: a generator must return examples as one array [n, ...], got (array [2, 3], array [2])
    """
    if not _is_array(outputs):
        raise TypeError(f"a generator must return examples as one array [n, ...], got {shown(outputs)}")
    return outputs


def logits_of(outputs: PyTree) -> Array:
    """The logits among a discriminator's outputs: the outputs themselves, the first of a tuple, or the entry `logits`.

    Raises:
      TypeError: there are none.

    Example:
      >>> logits = jax.numpy.zeros(2)
      >>> [logits_of(outputs).shape for outputs in (logits, (logits, 1.0), {"logits": logits, "classes": 1.0})]
      [(2,), (2,), (2,)]
    """
    found = _named("logits", outputs)
    if found is None:
        found = outputs[0] if type(outputs) in (tuple, list) and outputs else outputs
    if not _is_array(found) or not found.ndim:
        raise TypeError(
            "a discriminator must return logits [n, ...], a tuple that begins with them, or a dict or NamedTuple that "
            f"calls them `logits`, got {shown(outputs)}"
        )
    return found


def features_of(outputs: PyTree) -> Array | None:
    """The features among a discriminator's outputs: the second of a tuple, or the entry `features`; None without any.

    Example:
      >>> features_of(jax.numpy.zeros(2)) is None, features_of({"logits": 0.0, "features": 1.0})
      (True, 1.0)
    """
    found = _named("features", outputs)
    if found is None and type(outputs) in (tuple, list) and len(outputs) > 1:
        found = outputs[1]
    return found


def ends_in_sigmoid(function: Callable[..., Array], *args: Any) -> bool:
    """Whether a sigmoid is the last operation of `function`, apart from reshaping. Nothing is computed.

    This is read from the traced program. Values in (0, 1) would be weaker evidence: at initialization a discriminator's
    logits are often all small and of one sign.

    Example:
      >>> x = jax.numpy.ones(3)
      >>> ends_in_sigmoid(lambda x: jax.nn.sigmoid(2 * x).reshape(-1), x), ends_in_sigmoid(lambda x: 0.5 * x, x)
      (True, False)
    """
    program = jax.make_jaxpr(function)(*args).jaxpr
    return _made_by_sigmoid(program, program.outvars[0])


_RESHAPING = ("reshape", "squeeze", "convert_element_type", "broadcast_in_dim", "copy", "transpose")


def _made_by_sigmoid(program: Any, variable: Any) -> bool:
    for equation in program.eqns:
        if not any(variable is out for out in equation.outvars):
            continue
        if equation.primitive.name == "logistic":
            return True
        if equation.primitive.name in _RESHAPING:
            return _made_by_sigmoid(program, equation.invars[0])
        inner = next((p.jaxpr for p in equation.params.values() if hasattr(p, "jaxpr")), None)  # jit, custom_jvp, ...
        if inner is not None and len(inner.outvars) == len(equation.outvars):
            place = next(i for i, out in enumerate(equation.outvars) if out is variable)
            return _made_by_sigmoid(inner, inner.outvars[place])
    return False


def _named(name: str, outputs: PyTree) -> Any:
    return outputs.get(name) if isinstance(outputs, Mapping) else getattr(outputs, name, None)


def _is_array(value: Any) -> bool:
    return hasattr(value, "dtype") and hasattr(value, "ndim")


def shown(outputs: PyTree) -> str:
    """Shapes and types in place of values."""
    if _is_array(outputs):
        return f"array {list(outputs.shape)}"
    if isinstance(outputs, Mapping):
        return "{" + ", ".join(f"{name!r}: {shown(value)}" for name, value in outputs.items()) + "}"
    if type(outputs) in (tuple, list):
        return "(" + ", ".join(map(shown, outputs)) + ")"
    return "None" if outputs is None else type(outputs).__name__
