"""List the recipes and losses with the facts from their documentation."""

import inspect
from typing import NamedTuple

from jaxgan.study import catalogue


class Entry(NamedTuple):
    """A recipe or a loss as its documentation describes it."""

    name: str
    about: str
    facts: dict[str, str]  # by label


def recipes() -> list[Entry]:
    """Return all recipes with loss, terms, updates and paper."""
    return [
        _entry(name, inspect.getdoc(function) or "", ("Loss", "Terms", "Updates", "Paper"))
        for name, function in catalogue.RECIPES.items()
    ]


def losses() -> list[Entry]:
    """Return all losses with what both players minimize and the paper."""
    infos = [(name, loss.info) for name, loss in catalogue.LOSSES.items() if loss.info is not None]
    labels = ("Discriminator", "Generator", "Optimum", "Source")
    return [Entry(name, i.summary, {label: getattr(i, label.lower()) for label in labels}) for name, i in infos]


def _entry(name: str, text: str, labels: tuple[str, ...]) -> Entry:
    """From a docstring: its first line, and what follows its labels, over as many lines as are indented."""
    facts: dict[str, str] = {}
    label = ""
    for line in text.splitlines():
        word, colon, rest = line.partition(":")
        if colon and not line.startswith(" "):
            label = word
            facts[label] = rest.strip()
        elif label and line.startswith(" "):
            facts[label] += f" {line.strip()}"
        else:
            label = ""
    return Entry(name, text.strip().splitlines()[0], {label: facts[label] for label in labels if label in facts})
