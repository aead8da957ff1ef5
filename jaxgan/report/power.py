"""The number of seeds that a test needs, as a table."""

from jaxgan.report.tables import Cell, Section, numeric, section
from jaxgan.report.words import counted, number
from jaxgan.results.statistics import (
    power_of_difference,
    power_of_rates,
    seeds_for_difference,
    seeds_for_p,
    seeds_for_rates,
    smallest_p,
)

SEEDS = (4, 8, 16, 32, 64)  # rows in addition to the requested one
_TINY = 1e-9
_RNG = 0  # so that one question has one answer


def difference_section(difference: float, *, power: float, alpha: float, comparisons: int) -> Section:
    """Seeds, and their power to show a difference in units of the standard deviation of paired differences.

    Raises:
      ValueError: a number outside its range.
    """
    needed = seeds_for_difference(difference, power=power, alpha=alpha, comparisons=comparisons, rng=_RNG)
    powers = {
        n: power_of_difference(difference, n, alpha=alpha, comparisons=comparisons, rng=_RNG) for n in _rows(needed)
    }
    what = f"a difference of {number(difference)} standard deviation{'s' if abs(difference) != 1 else ''} of paired "
    test = "differences (signed ranks, permuted)"
    return _section(what + test, needed, powers, power, alpha, comparisons)


def rates_section(p1: float, p2: float, *, power: float, alpha: float, comparisons: int) -> Section:
    """Seeds, and their power to distinguish two failure rates.

    Raises:
      ValueError: a number outside its range.
    """
    needed = seeds_for_rates(p1, p2, power=power, alpha=alpha, comparisons=comparisons)
    powers = {n: power_of_rates(p1, p2, n, alpha=alpha, comparisons=comparisons) for n in _rows(needed)}
    what = (
        f"the difference between failure rates of {number(p1)} and {number(p2)} on common seeds (McNemar's test, exact)"
    )
    return _section(what, needed, powers, power, alpha, comparisons)


def _rows(needed: int | None) -> list[int]:
    return sorted({*SEEDS, *([needed] if needed else [])})


def _section(
    what: str, needed: int | None, powers: dict[int, float], power: float, alpha: float, comparisons: int
) -> Section:
    family = "p" if comparisons == 1 else f"Holm's p over {comparisons} comparisons"
    answer = f"{counted(needed, 'seed')} show" if needed else "More than 10,000 seeds would be needed to show"
    caption = (
        f"{answer} {what} with a probability of {100 * power:g} %, for {family} of at most {alpha:g}; "
        f"fewer than {seeds_for_p(alpha, comparisons)} seeds can show nothing"
    )
    rows = []
    for n, own in powers.items():
        least = min(1.0, smallest_p(n) * comparisons)
        shown = numeric(least) if least >= _TINY else Cell(f"below {number(_TINY)}", value=least)
        # The search simulates with other draws, by which the number that it finds may have a little more power.
        enough = "yes" if own >= power or n == needed else "no"
        rows.append((Cell(f"{n:,}", value=n), Cell(f"{100 * own:.0f} %", value=own), shown, enough))
    return section("power", caption, ("seeds", "power", "smallest p they can reach", "enough"), rows)
