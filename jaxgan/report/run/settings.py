"""The configurations of a study: recipes and varied numbers."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from jaxgan.report.words import MANY_CONFIGURATIONS
from jaxgan.results.results import Results

ALL = "all"  # the name used for the recipe of a run that stores none
_WORDS = {"lr": "learning rate", "lr_d": "learning rate of D, lr_d", "lr_g": "learning rate of G, lr_g"}
_EVEN = 0.2  # values are log-spaced if their log steps vary by at most this fraction of the mean log step


class Number(NamedTuple):
    """A varied number."""

    name: str
    log: bool  # whether its values are spread over the logarithm
    values: NDArray[np.float64]  # [configuration], NaN where a configuration has none

    @property
    def label(self) -> str:
        """At an axis."""
        return _WORDS.get(self.name, self.name)


def are_many(results: Results) -> bool:
    """Return whether there are too many configurations for a page to show each of them."""
    return len(results.configurations) > MANY_CONFIGURATIONS


def recipes_of(results: Results) -> NDArray[np.str_]:
    """The recipe of each configuration [configuration]; ALL where a run does not say."""
    stored = results.group("setting").get("recipe")
    return np.full(len(results.configurations), ALL) if stored is None else stored.astype(str)


def by_recipe(results: Results) -> dict[str, NDArray[np.intp]]:
    """The numbers of each recipe's configurations, in the order of the study."""
    recipes = recipes_of(results)
    return {name: np.flatnonzero(recipes == name) for name in dict.fromkeys(recipes.tolist())}


def settings_of(results: Results) -> dict[str, NDArray]:
    """Every varied setting [configuration], numbers and words."""
    return {name: values for name, values in results.group("setting").items() if name != "recipe"}


def numbers_of(results: Results) -> list[Number]:
    """The varied numbers, in the order in which the study names them."""
    declared = (results.notes.get("study") or {}).get("varied") or {}
    found = {name: values for name, values in settings_of(results).items() if values.dtype.kind in "fiu"}
    order = [*(name for name in declared if name in found), *(name for name in found if name not in declared)]
    return [
        Number(name, bool(declared.get(name, {}).get("log", _is_log(values))), values)
        for name in order
        if len(np.unique((values := found[name].astype(np.float64))[np.isfinite(values)])) > 1
    ]


def _is_log(values: NDArray[np.float64]) -> bool:
    """Return whether values are evenly spaced on a logarithmic rather than a linear scale."""
    levels = np.unique(values[np.isfinite(values)])
    if len(levels) < 3 or levels[0] <= 0:
        return len(levels) == 2 and levels[0] > 0 and bool(levels[1] >= 10 * levels[0])
    steps = np.diff(np.log(levels))
    return bool(np.ptp(steps) <= _EVEN * steps.mean()) or bool(levels[-1] >= 100 * levels[0])
