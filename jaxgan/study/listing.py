"""What recipes and losses there are, as their documentation describes them."""

import ast
import inspect
import itertools
import textwrap
from typing import NamedTuple

from jaxgan.study import catalogue


class Entry(NamedTuple):
    """A recipe or a loss as its documentation describes it."""

    name: str
    about: str
    facts: dict[str, str]  # by label


def recipes() -> list[Entry]:
    """All recipes, with loss, terms, updates and paper, and their settings."""
    return [
        _entry(name, inspect.getdoc(function) or "", ("Loss", "Terms", "Updates", "Paper"))
        for name, function in catalogue.RECIPES.items()
    ]


def losses() -> list[Entry]:
    """All losses, with what both players minimize and the paper."""
    return [_entry(name, text, ("Discriminator", "Generator", "Optimum", "Source")) for name, text in _texts().items()]


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


def _texts() -> dict[str, str]:
    """The string below the assignment of every loss."""
    import jaxgan.losses as package

    texts: dict[str, str] = {}
    modules = [value for value in vars(package).values() if inspect.ismodule(value)]
    for module in modules:
        body = ast.parse(inspect.getsource(module)).body
        for node, after in itertools.pairwise(body):
            if isinstance(node, ast.Assign) and isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
                texts |= {
                    t.id: textwrap.dedent(str(after.value.value)) for t in node.targets if isinstance(t, ast.Name)
                }
    return {name: texts[name] for name in catalogue.LOSSES}
