"""The allowed range of every number that a user can set. Has no heavy imports.

Array sizes are bounded so that no product of them overflows the 64-bit byte counts of a compiled program; on such an
overflow XLA ends the process without an exception. The largest array holds the patches of a DCGAN's first layer:
seeds x batch x pixels x taps x width x 4 bytes = 2^14 x 2^17 x 2^12 x 2^4 x 2^13 x 2^2 = 2^62. A size within these
bounds may still be too large for a machine's memory.
"""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from jaxgan.study.messages import expect

LARGEST = 2**31 - 1  # the largest count: JAX counts in 32 bits
FLOAT = 1e30  # float32 ends at 3.4e38; an overflow below that, such as of a squared gradient, shows up as one


class Limit(NamedTuple):
    """The numbers from `lowest` to `highest`; `above` and `below` exclude these two."""

    lowest: float
    highest: float
    whole: bool = True
    above: bool = False  # excludes the lowest
    below: bool = False  # excludes the highest

    def holds(self, value: Any) -> bool:
        """Return whether a value is in the range.

        Example:
          >>> Limit(1, 8).holds(8), Limit(1, 8).holds(True), Limit(0, 1, whole=False, below=True).holds(1.0)
          (True, False, False)
        """
        if isinstance(value, bool) or not isinstance(value, int if self.whole else int | float):
            return False
        if not (self.lowest <= value <= self.highest):
            return False
        return not (self.above and value == self.lowest) and not (self.below and value == self.highest)

    def __str__(self) -> str:
        low = f"{'above' if self.above else 'at least'} {_number(self.lowest)}"
        return f"{low}, and {'below' if self.below else 'at most'} {_number(self.highest)}"


_COUNT, _BATCH, _UPDATES, _KEY = Limit(1, LARGEST), Limit(1, 2**17), Limit(1, 10_000), Limit(0, 2**32 - 1)
_RATE, _DECAY = Limit(0, FLOAT, whole=False, below=True), Limit(0, 1, whole=False, below=True)
_WIDTH, _SIZE = Limit(1, 2**13), Limit(1, 2**16)
WHOLE, ANY = Limit(-LARGEST, LARGEST), Limit(-FLOAT, FLOAT, whole=False, above=True, below=True)
"""The limits of settings and bounds of which no more is known."""
WINDOW = Limit(0, LARGEST, above=True)
"""The limit of a number of evaluations among the thresholds of a diagnosis."""

LIMITS: Mapping[str, Limit] = {
    "seeds": Limit(1, 2**14),
    "first_seed": Limit(0, LARGEST - 2**14),  # so that no seed has a number above `LARGEST`
    "steps": _COUNT,
    "evaluate_every": _COUNT,
    "record_every": Limit(0, LARGEST),
    "latent_dim": _SIZE,
    "width": _WIDTH,
    "samples": Limit(2, 1_000_000),
    "failure_multiple": Limit(1, FLOAT, whole=False, above=True, below=True),
    "key": _KEY,
    "split_seed": _KEY,
    "image_size": Limit(1, 4096),
    "background": Limit(0, 255),
    "devices": _SIZE,
    "num_processes": _SIZE,
    # profiles
    "threshold": Limit(0, FLOAT, whole=False, above=True, below=True),
    "minibatches": _UPDATES,
    "d_iterations": _COUNT,
    "probes": Limit(2, 10_000),
    "ages": Limit(0, LARGEST, whole=False),
    # for trained generators
    "n": Limit(1, 100_000),
    "learning_rate": Limit(0, FLOAT, whole=False, above=True, below=True),
    "truncation": Limit(0, 1000, whole=False, above=True),
    # for sets of samples
    "count": Limit(2, 10_000_000),
    "resamples": Limit(0, 10_000),
    # for a plan, in TFLOP/s
    "at_rate": Limit(0, FLOAT, whole=False, above=True, below=True),
}
"""Limits by option."""

SETTINGS: Mapping[str, Limit] = {
    "batch_size": _BATCH,
    "fake_batch_size": _BATCH,
    "generator_batch_size": _BATCH,
    "d_steps": _UPDATES,
    "g_steps": _UPDATES,
    "unroll_steps": _UPDATES,
    "m": Limit(1, 1024),
    "lr_d": _RATE,
    "lr_g": _RATE,
    "b1": _DECAY,
    "b2": _DECAY,
    "ema": _DECAY,
    "balance": Limit(0.5, 1, whole=False),
    "class_weight": Limit(0, FLOAT, whole=False, below=True),
    "r1": Limit(0, FLOAT, whole=False, below=True),
    "instance_noise": Limit(0, FLOAT, whole=False, below=True),
}
"""Limits by the name of a recipe's setting."""

FIELDS: Mapping[str, Limit] = {
    "width": _WIDTH,
    "hidden": _WIDTH,
    "channels": _WIDTH,
    "features": Limit(1, LARGEST),
    "latent_dim": _SIZE,
    "classes": Limit(2, 2**13),
    "size": LIMITS["image_size"],
}
"""Limits by the name of a network's field."""

_MOST_EVALUATIONS, _MOST_RECORDS = 100_000, 100_000_000


def check_limit(option: str, value: Any) -> None:
    """Raise OptionError unless the value of an option is within its limit.

    Example:
      >>> check_limit("seeds", 0)
      Traceback (most recent call last):
      jaxgan.study.messages.OptionError: --seeds: got 0, expected at least 1, and at most 16,384
    """
    expect(option, _number(value), LIMITS[option].holds(value), str(LIMITS[option]))


def check_intervals(steps: int, evaluate_every: int, record_every: int) -> None:
    """Check that a run does not store too many evaluations or records.

    Raises:
      OptionError: if it does.
    """
    for option, every, most in (
        ("evaluate_every", evaluate_every, _MOST_EVALUATIONS),
        ("record_every", record_every, _MOST_RECORDS),
    ):
        least = math.ceil(steps / most)
        expect(option, every, every == 0 or every >= least, f"at least {least:,} for {steps:,} steps")


def check_field(name: str, value: Any, text: str) -> None:
    """Raise OptionError unless the numbers in a network's field are within its limits."""
    limit = FIELDS.get(name, WHOLE)
    for number in value if isinstance(value, tuple | list) else (value,):
        if isinstance(number, int) and not isinstance(number, bool):
            expect("network", repr(text), limit.holds(number), f"{name} of {limit}")


def _number(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:g}" if isinstance(value, float) else repr(value)
