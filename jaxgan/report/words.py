"""Numbers, lists and plurals in sentences."""

import math
from collections.abc import Iterable

from jaxgan.results.results import Results
from jaxgan.results.statistics import Interval

MANY = 6  # configurations above which sentences count them instead of listing them
MANY_CONFIGURATIONS = 12  # above which a page shows neither a block for each configuration nor all pairs
_PLURALS = {"loss": "losses"}


def number(x: float, *, signed: bool = False) -> str:
    """A number with three significant digits.

    >>> [number(x) for x in (0.98765, 12345.0, -0.0000123, float("inf"), 10.0)]
    ['0.988', '12,300', '-1.23e-5', '∞', '10']
    >>> number(2.0, signed=True)
    '+2'
    """
    if math.isnan(x):
        return "undefined"
    if math.isinf(x):
        text = "∞" if x > 0 else "-∞"
    else:
        text = f"{x + 0.0:.3g}"  # + 0.0 takes the sign from -0.0
        if 1e3 <= abs(float(text)) < 1e7:
            text = f"{float(text):,.0f}"
        elif "e" in text:
            mantissa, exponent = text.split("e")
            text = f"{mantissa}e{int(exponent)}"
    return f"+{text}" if signed and x > 0 else text


def bounds(interval: Interval, *, signed: bool = False) -> str:
    """The bounds of an interval; "" if it has none.

    >>> bounds(Interval(8.24, 7.9, 8.6)), bounds(Interval(8.0, float("nan"), float("nan")))
    ('[7.9, 8.6]', '')
    """
    if math.isnan(interval.low):
        return ""
    return f"[{number(interval.low, signed=signed)}, {number(interval.high, signed=signed)}]"


def percent(share: float) -> str:
    """A share in whole percent.

    >>> percent(0.324)
    '32 %'
    """
    return f"{100 * share:.0f} %"


def listed(items: Iterable[str]) -> str:
    """The items as a list in a sentence.

    >>> listed(["a", "b", "c"]), listed(["a"]), listed([])
    ('a, b and c', 'a', '')
    """
    *first, last = list(items) or [""]
    return f"{', '.join(first)} and {last}" if first else last


def plural(noun: str, n: int | float) -> str:
    """The singular or plural of a noun.

    >>> plural("loss", 2), plural("seed", 1)
    ('losses', 'seed')
    """
    return noun if n == 1 else _PLURALS.get(noun, noun + "s")


def counted(n: int | float, noun: str) -> str:
    """A number with its noun.

    >>> counted(1, "epoch"), counted(1200, "step"), counted(0.33, "epoch")
    ('1 epoch', '1,200 steps', '0.33 epochs')
    """
    return f"{n:,} {plural(noun, n)}" if isinstance(n, int) else f"{n:.3g} {plural(noun, float(f'{n:.3g}'))}"


def of_seeds(count: int, seeds: int) -> str:
    """A number of seeds out of all seeds.

    >>> of_seeds(0, 8), of_seeds(1, 1), of_seeds(2, 2), of_seeds(8, 8), of_seeds(7, 8)
    ('none of the 8 seeds', 'the one seed', 'both seeds', 'all 8 seeds', '7 of 8 seeds')
    """
    if count == seeds:
        return {1: "the one seed", 2: "both seeds"}.get(seeds, f"all {seeds} seeds")
    return f"{count} of {seeds} seeds" if count else f"none of the {seeds} seeds"


def named(results: Results) -> str:
    """The names of the configurations, or their number if there are many."""
    names = results.configurations
    return ", ".join(names) if len(names) <= MANY else counted(len(names), noun_of(results))


def noun_of(results: Results) -> str:
    """What the configurations are called: "loss" where they differ in nothing else, "recipe", or "configuration"."""
    if "setting_recipe" in results.dataset:  # settings vary, too
        return "configuration"
    return str(results.notes.get("noun") or "configuration")


def sample_sizes(results: Results) -> list[str]:
    """Sample sizes in words, such as "samples per seed: 2,500".

    If a name ends in "of", the number follows directly.
    """
    sizes = results.notes.get("sample_sizes") or {}
    return [
        f"{name} {_size(size)} samples" if name.endswith(" of") else f"{name}: {_size(size)}"
        for name, size in sizes.items()
    ]


def _size(size: object) -> str:
    return f"{size:,}" if isinstance(size, int) else str(size)
