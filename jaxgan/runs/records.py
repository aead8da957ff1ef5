"""Which steps of a run are recorded."""

from collections.abc import Collection

import numpy as np
from jaxtyping import Int

MAX_RECORDS = 500  # about how many a run keeps unless its caller says otherwise


def record_steps(num_steps: int, every: int | None = None, at: Collection[int] = ()) -> Int[np.ndarray, " records"]:
    """The recorded steps: the first, every `every`-th, and the last; or those of `at` and no others.

    By default `every` is the smallest of 1, 2, 5, 10, 20, 50, ... that gives at most 500 records. It depends on
    `num_steps` alone, so a run that is interrupted and resumed has the records that it would have had in one go, and
    one that is extended goes on with a coarser spacing where its length asks for it.

    Raises:
      ValueError: `every` below 1, or both it and `at`.

    Example:
      >>> record_steps(7, every=3).tolist()
      [1, 3, 6, 7]
      >>> record_steps(20_000)[:4].tolist(), len(record_steps(20_000))
      ([1, 50, 100, 150], 401)
    """
    if every is not None and (every < 1 or at):
        raise ValueError(f"record_every must be at least 1, and stand alone, got {every} and record_at {list(at)}")
    if at:
        return np.array(sorted({step for step in at if 0 < step <= num_steps}), int)
    spacing = _spacing(num_steps) if every is None else every
    return np.union1d(np.arange(spacing, num_steps + 1, spacing), [1, num_steps])


def _spacing(num_steps: int) -> int:
    decade = 1
    while True:
        for factor in (1, 2, 5):
            if num_steps <= MAX_RECORDS * factor * decade:
                return factor * decade
        decade *= 10
