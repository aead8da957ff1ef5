"""Which steps of a run are recorded."""

from collections.abc import Collection

import numpy as np
from jaxtyping import Int

MAX_RECORDS = 500  # the approximate maximum that a run keeps by default


def record_steps(num_steps: int, every: int | None = None, at: Collection[int] = ()) -> Int[np.ndarray, " records"]:
    """The recorded steps: the first, every `every`-th, and the last; or exactly those in `at`.

    By default `every` is the smallest of 1, 2, 5, 10, 20, 50, ... that gives at most about 500 records. It depends only
    on `num_steps`, so a run that is interrupted and resumed has the same records as an uninterrupted run, and a run
    that is extended continues with a coarser spacing if its length requires it.

    Raises:
      ValueError: `every` is below 1, or both `every` and `at` are given.

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
