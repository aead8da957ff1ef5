"""The axis of runs: configurations x seeds, and checks of the arrays along it."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxgan.types import Algorithm, Key, PyTree, Sampler

Settings = Mapping[str, PyTree]
"""Keyword arguments of a function that makes an algorithm: arrays or lists of numbers, or pytrees of them."""

Make = Callable[..., Algorithm]
"""(**settings) -> Algorithm. It is called while a program is traced, with abstract values."""


class Run(NamedTuple):
    """The inputs that determine a run; if every array has an axis of runs, those of all runs."""

    settings: dict[str, PyTree]
    key: Key


@dataclass(frozen=True)
class Fixed:
    """A `Make` that returns a fixed algorithm without settings."""

    algorithm: Algorithm

    def __call__(self) -> Algorithm:
        return self.algorithm


def make_of(algorithm: Algorithm | Make, settings: Settings | None) -> Make:
    """The function that makes a run's algorithm, with or without settings.

    Raises:
      TypeError: an algorithm is given settings, a function is given none, or it does not take their names.
    """
    if isinstance(algorithm, Algorithm):
        if settings is not None:
            raise TypeError("settings need a function make(**settings) -> Algorithm, got an Algorithm")
        return Fixed(algorithm)
    if not callable(algorithm):
        raise TypeError(f"algorithm must be an Algorithm, or a function that makes one, got {_kind(algorithm)}")
    if settings is None:
        raise TypeError("a function that makes an algorithm needs settings, got None")
    if not isinstance(settings, Mapping) or not all(isinstance(name, str) for name in settings):
        raise TypeError(f"settings must be a dict of arrays by the names that make takes, got {_kind(settings)}")
    parameters = inspect.signature(algorithm).parameters.values()
    takes = [p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    needs = [p.name for p in parameters if p.name in takes and p.default is p.empty]
    anything = any(p.kind is p.VAR_KEYWORD for p in parameters)
    unknown = [] if anything else [name for name in settings if name not in takes]
    missing = [name for name in needs if name not in settings]
    if unknown or missing:
        got = ", ".join(settings) or "none"
        raise TypeError(f"settings must have the names that make takes, {', '.join(takes)}: got {got}")
    return algorithm


def all_runs(settings: Settings | None, keys: Key) -> tuple[Run, int]:
    """Every configuration with every key, [configuration * seed], and the number of configurations.

    Run r has configuration r // len(keys) and key r % len(keys).

    Raises:
      TypeError: keys are not an array of keys, or settings are not numbers.
      ValueError: there are no keys or no settings, or the settings do not share one leading axis of configurations.
    """
    seeds = _check_keys(keys)
    if settings is None:
        return Run({}, keys), 1
    arrays = {
        name: jax.tree.map_with_path(_numbers(name), value, is_leaf=lambda value: isinstance(value, list))
        for name, value in settings.items()
    }
    configurations = _check_lengths(arrays)
    flat = jax.tree.map(lambda a: jnp.repeat(a, seeds, axis=0), arrays)
    return Run(flat, keys[jnp.tile(jnp.arange(seeds), configurations)]), configurations


def check_streams(keys: Key, side_by_side: bool) -> None:
    """Rejects keys whose numbers depend on the other runs if runs are vectorized.

    JAX vectorizes XLA's own generator by drawing the numbers of all runs from the key of the first one.

    Raises:
      ValueError: keys of "rbg" or "unsafe_rbg" for runs side by side.
    """
    kind = str(jax.random.key_impl(keys))
    if side_by_side and "rbg" in kind:
        raise ValueError(
            f"keys of {kind} draw for each run what depends on the runs beside it: expected keys of threefry2x32, "
            "or runs in turn, by place(..., in_turn=True)"
        )


def check_sampler(sample: Sampler, key: Key) -> None:
    """Rejects a sampler that does not draw a `Batch`, without drawing.

    Raises:
      TypeError: it is not a function of (key, n), or returns something else.
    """
    if not callable(sample):
        raise TypeError(f"sample must be a function (key, n) -> Batch, got {_kind(sample)}")
    found = jax.eval_shape(lambda key: sample(key, 2), key)
    if not (hasattr(found, "x") and hasattr(found, "y")):
        raise TypeError(f"sample must return a Batch, such as Batch(x) or Batch(x, y), got {_kind(found)}")


def _check_keys(keys: Any) -> int:
    """The number of keys."""
    typed = isinstance(keys, jax.Array) and jnp.issubdtype(keys.dtype, jax.dtypes.prng_key)
    raw = isinstance(keys, jax.Array | np.ndarray) and keys.dtype == np.uint32 and keys.ndim > 0
    rank = keys.ndim - raw if typed or raw else None
    if rank != 1:
        got = "one key" if rank == 0 else f"{_kind(keys)}"
        what = "keys must be an array of keys, one per seed, such as seed_keys(jax.random.key(0), 8)"
        raise TypeError(f"{what}, got {got}")
    if not len(keys):
        raise ValueError("keys must be an array of at least one key, got none")
    return len(keys)


def _numbers(name: str) -> Callable[[Any, Any], jax.Array]:
    def check(path: Any, value: Any) -> jax.Array:
        where = name + jax.tree_util.keystr(path)
        array = value if isinstance(value, jax.Array) else np.asarray(value)
        if not (jnp.issubdtype(array.dtype, jnp.number) or array.dtype == bool):
            raise TypeError(f"settings must be arrays of numbers, got {where} of {array.dtype}")
        if array.ndim == 0:
            raise ValueError(f"settings must lead with the axis of configurations, got {where} without axes")
        return jax.device_put(array)

    return check


def _check_lengths(arrays: dict[str, PyTree]) -> int:
    """The number of configurations."""
    lengths = {name: {len(leaf) for leaf in jax.tree.leaves(value)} for name, value in arrays.items()}
    found = set().union(*lengths.values())
    if not found or 0 in found:
        raise ValueError(f"settings must have at least one configuration, got {'none' if not arrays else lengths}")
    if len(found) > 1:
        each = ", ".join(f"{name} of {', '.join(map(str, sorted(ns)))}" for name, ns in lengths.items())
        raise ValueError(f"settings must lead with one number of configurations, got {each}")
    return found.pop()


def _kind(value: Any) -> str:
    if isinstance(value, jax.Array | jax.ShapeDtypeStruct | np.ndarray):
        return f"{value.dtype}{list(value.shape)}"
    return type(value).__name__
