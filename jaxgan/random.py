"""Named random streams: adding a consumer of randomness does not change any other stream."""

import zlib
from typing import Any

import jax

from jaxgan.types import Key, PyTree


def named_key(key: Key, name: str) -> Key:
    """The stream `name` of `key`: `fold_in(key, crc32(name))`.

    Unlike the keys from a `split`, a stream does not depend on how many others are drawn, or in which order.

    Example:
      >>> key = jax.random.key(0)
      >>> bool(named_key(key, "prior") == named_key(key, "prior"))
      True
    """
    return jax.random.fold_in(key, zlib.crc32(name.encode()))


def is_key(leaf: Any) -> bool:
    """Whether this is an array of typed random keys, or its shape; neither numpy nor orbax can hold such arrays.

    Example:
      >>> is_key(jax.random.key(0)), is_key(jax.random.PRNGKey(0)), is_key(0)
      (True, False, False)
    """
    return hasattr(leaf, "dtype") and jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def fold_into_keys(key: Key, tree: PyTree) -> PyTree:
    """`tree` with `key` folded into every typed random key in it, by its path; all other leaves are unchanged.

    An optimizer that draws random numbers (`optax.noisy_sgd(..., key=0)`) keeps a key in its state, the same one in
    every run. With the run's own key folded in, the noise differs between seeds and between players. A raw key
    (`jax.random.PRNGKey`) cannot be told from other integers and is left unchanged.

    Example:
      >>> state = {"count": 0, "key": jax.random.key(0)}
      >>> first, second = (fold_into_keys(key, state) for key in jax.random.split(jax.random.key(1)))
      >>> bool(first["key"] == second["key"]), first["count"]
      (False, 0)
    """

    def folded(path: Any, leaf: Any) -> Any:
        if not is_key(leaf):
            return leaf
        word = jax.random.bits(named_key(key, jax.tree_util.keystr(path)))
        return jax.vmap(lambda one: jax.random.fold_in(one, word))(leaf.ravel()).reshape(leaf.shape)

    return jax.tree_util.tree_map_with_path(folded, tree)
