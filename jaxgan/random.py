"""Named random streams: adding a consumer of randomness changes no other stream."""

import zlib

import jax

from jaxgan.types import Key


def named_key(key: Key, name: str) -> Key:
    """The stream `name` of `key`: `fold_in(key, crc32(name))`.

    Unlike the parts of one `split`, a stream does not depend on how many others are drawn, or in which order.

    Example:
      >>> key = jax.random.key(0)
      >>> bool(named_key(key, "prior") == named_key(key, "prior"))
      True
    """
    return jax.random.fold_in(key, zlib.crc32(name.encode()))
