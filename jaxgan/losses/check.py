"""Checks whether a user's functions form a loss, before any training, by calling them with traced logits."""

import inspect
import warnings
from collections.abc import Callable
from traceback import extract_tb
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxgan.checks import named
from jaxgan.types import Loss

SIZES = (8, 16)  # numbers of logits; the number of values must grow by the same factor
# Trailing axes of the logits: [n] first and, if a loss for patches rejects those, shapes with more axes.
TRAILING: tuple[tuple[int, ...], ...] = ((), (1,), (4, 4), (4, 4, 1))
REAL, FAKE = (0.5, -1.25), (-0.75, 0.875)

ALLOWED = "an array of per-example values or a tuple of such arrays"


def check_loss(loss: Any) -> Loss:
    """`loss`, after checking that its functions turn logits into floating-point per-example values or their means.

    Nothing is computed: `jax.eval_shape` traces the functions at two batch sizes.

    Raises:
      ValueError: not such a loss; the message says what is expected, and the name and location of the function.

    Example:
      >>> from jaxgan.losses import hinge
      >>> check_loss(hinge)
      <Loss hinge>
      >>> check_loss(Loss(hinge.discriminator, jnp.outer))  # doctest: +ELLIPSIS
      Traceback (most recent call last):
      ValueError: the generator's loss outer (...) must return an array of per-example values or ..., got [8, 8] of ...
    """
    if not isinstance(loss, Loss):
        got = f"the function {named(loss)}" if callable(loss) else repr(loss)
        raise ValueError(f"loss must be a jaxgan.Loss, such as jaxgan.Loss(d_loss, g_loss), got {got}")
    for player, function in loss._asdict().items():
        _check_function(player, function)
    return loss


def warn_of_sums(loss: Loss) -> None:
    """Warns if a scalar loss grows with the batch: so would its gradient, and with it the effective learning rate.

    The function is evaluated on a few logits and on the same logits repeated twice: a mean is equal, a sum is not. This
    needs concrete values, so a loss that closes over traced values, as in a sweep, is not checked. Computing
    initializes JAX's devices, so this is not part of `check_loss`: a game may be created before devices are chosen.
    """
    for player, function in loss._asdict().items():
        if not _has_scalar(function):  # the usual case, which then costs no computation
            continue
        try:
            with jax.ensure_compile_time_eval(), jax.numpy_rank_promotion("allow"):
                # one program: executed op by op, a dozen would have to be compiled
                values = jax.jit(lambda *sizes, f=function: [_scalars(f(*each)) for each in sizes])(
                    *map(_logits, SIZES)
                )
                once, twice = (list(map(float, each)) for each in values)
        except Exception:  # traced values, or logits of another shape are needed
            continue
        for a, b in zip(once, twice, strict=True):
            if abs(b) >= 1.9 * abs(a) > 0:
                warnings.warn(
                    f"the {player}'s loss {named(function)} is a scalar that grows with the batch, {a:.3g} for "
                    f"{SIZES[0]} examples and {b:.3g} for the same twice over, and its gradient with it: expected "
                    "per-example values or their mean, got what seems a sum",
                    UserWarning,
                    stacklevel=2,
                )


def _check_function(player: str, function: Any) -> None:
    what = f"the {player}'s loss"
    if not callable(function):
        raise ValueError(f"{what} must be a function (real_logits, fake_logits) -> values, got {function!r}")
    what = f"{what} {named(function)}"
    try:
        inspect.signature(function).bind(None, None)
    except TypeError:
        taken = inspect.signature(function)
        raise ValueError(f"{what} must take two arguments, (real_logits, fake_logits), got {taken}") from None
    except ValueError:  # built-in functions may have no signature
        pass
    trailing, few = _first_taken(what, function)
    many = _values(function, SIZES[1], trailing)
    for before, after in zip(few, many, strict=True):
        # for twice the examples, [n, n] has four times as many values, and [2] equally many
        if before.shape and after.size * SIZES[0] != before.size * SIZES[1]:
            logits = list((SIZES[0], *trailing))
            hint = " (real[:, None] - fake, say, is of every pair)" if after.size > 2 * before.size else ""
            raise ValueError(f"{what} must return {ALLOWED}, got {list(before.shape)} of logits {logits}{hint}")


def _first_taken(what: str, function: Callable[..., Any]) -> tuple[tuple[int, ...], list[jax.ShapeDtypeStruct]]:
    """The trailing axes that the function accepts, preferably none, and the values that it returns."""
    first: Exception | None = None
    for trailing in TRAILING:
        try:
            return trailing, _values(function, SIZES[0], trailing)
        except _NotValues as error:
            raise ValueError(f"{what} must return {ALLOWED}, got {error}") from None
        except Exception as error:  # whatever a user's function raises
            first = first or error
    assert first is not None
    raise ValueError(f"{what} {_reason(first, function)}") from first


class _NotValues(Exception):
    """A loss returned something other than arrays of values; the message describes it."""


def _values(function: Callable[..., Any], n: int, trailing: tuple[int, ...]) -> list[jax.ShapeDtypeStruct]:
    """Shapes and dtypes of the arrays that the function returns for n traced logits."""
    found: list[jax.ShapeDtypeStruct] = []

    def record(real: jax.Array, fake: jax.Array) -> None:
        returned = function(real, fake)
        parts = returned if isinstance(returned, tuple) else (returned,)
        if not parts:
            raise _NotValues("an empty tuple")
        for i, part in enumerate(parts):
            found.append(_array(part, f" as element {i} of a tuple" if parts is returned else ""))

    logits = jax.ShapeDtypeStruct((n, *trailing), jnp.float32)
    with jax.numpy_rank_promotion("allow"):  # so that an [n, n] result is detected rather than rejected by JAX
        jax.eval_shape(record, logits, logits)
    return found


def _array(part: Any, where: str) -> jax.ShapeDtypeStruct:
    if not isinstance(part, jax.Array | np.ndarray | np.generic | int | float):
        raise _NotValues(f"{part if part is None else f'a {type(part).__name__}'}{where}")
    dtype = jnp.result_type(part)
    if not jnp.issubdtype(dtype, jnp.floating):
        raise _NotValues(f"{dtype} values{where}, which have no gradient")
    return jax.ShapeDtypeStruct(np.shape(part), dtype)


def _reason(error: Exception, function: Any) -> str:
    """What to write instead, if JAX cannot trace the function; else what was raised and where."""
    errors = jax.errors
    if isinstance(error, errors.TracerArrayConversionError):
        return "hands traced logits to numpy: expected jax.numpy in its place, as in jnp.log(x) for np.log(x)"
    valueless = "uses a value of the logits, which have none while JAX traces it: expected"
    if isinstance(error, errors.TracerBoolConversionError):
        return f"{valueless} jnp.where in place of `if` (or jax.lax.cond)"
    if isinstance(error, errors.NonConcreteBooleanIndexError):
        return f"{valueless} jnp.where in place of an array of bools as an index"
    if isinstance(error, errors.ConcretizationTypeError | errors.TracerIntegerConversionError):
        return f"{valueless} jax.numpy in place of float(), int(), .item() and the math module"
    file = getattr(getattr(inspect.unwrap(function), "__code__", None), "co_filename", None)
    lines = [frame.lineno for frame in extract_tb(error.__traceback__) if frame.filename == file]
    line = next(iter(str(error).splitlines()), "")
    return f"raised {type(error).__name__}: {line}" + (f" (line {lines[-1]})" if lines else "")


def _has_scalar(function: Callable[..., Any]) -> bool:
    try:
        return any(part.shape == () for part in _values(function, SIZES[0], ()))
    except Exception:  # it needs logits of another shape
        return False


def _scalars(returned: Any) -> list[Any]:
    parts = returned if isinstance(returned, tuple) else (returned,)
    return [part for part in parts if np.shape(part) == ()]


def _logits(n: int) -> tuple[np.ndarray, ...]:
    return tuple(np.tile(np.asarray(values, np.float32), n // 2) for values in (REAL, FAKE))
