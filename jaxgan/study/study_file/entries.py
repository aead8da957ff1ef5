"""The recipes of a study file: which loss or recipe each is, under what label, and where files are."""

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import NamedTuple

from jaxgan.study import catalogue
from jaxgan.study.config import INCEPTION, prefix_of, split_label
from jaxgan.study.messages import OptionError
from jaxgan.study.settings import known_settings
from jaxgan.study.study_file.axes import Together, Value, drawn, preset_axis
from jaxgan.study.study_file.tables import Axes, Content, Recipe
from jaxgan.types import Algorithm


class Entry(NamedTuple):
    """A resolved recipe of a study file."""

    option: str  # loss or recipe
    name: str  # as the option has it: with its label, where it was given one
    label: str
    recipe: str  # as settings name it: `gan` for a loss
    make: Callable[..., Algorithm]
    given: Recipe


def entry(given: Recipe, folder: Path) -> Entry:
    """Resolve a recipe of a study file in `folder`.

    Raises:
      OptionError: if there is no such loss or recipe, or none was named.
    """
    names = [name for name in (given.loss, given.recipe, given.name) if name is not None]
    if len(names) != 1:
        raise OptionError("recipe", f"got {len(names)} of loss and recipe, expected one")
    name = own_path(names[0], folder)
    recipe = given.recipe is not None or (given.name is not None and catalogue.is_recipe(name))
    option = "recipe" if recipe else "loss"
    label = given.label or catalogue.slug(name)
    if given.label:
        name = f"{given.label}={split_label(name)[1]}"
    if recipe:
        return Entry(option, name, label, label, catalogue.find_recipe(name), given)
    gan = partial(catalogue.find_recipe("gan"), loss=catalogue.find_loss(name))
    return Entry(option, name, label, "gan", gan, given)


def own_path(name: str, folder: Path) -> str:
    """Return the name of the user's code or weights with an absolute path.

    Example:
      >>> [own_path(name, Path("/a")) for name in ("mine=loss.py:f", "package.module:f", "r1_gan", "inception:w.pth")]
      ['mine=/a/loss.py:f', 'package.module:f', 'r1_gan', 'inception:/a/w.pth']
    """
    if name.startswith(INCEPTION):
        return f"{INCEPTION}{folder / name.removeprefix(INCEPTION)}"
    label, rest = split_label(name)
    path, colon, attribute = rest.rpartition(":")
    before = f"{label}=" if label else ""
    return f"{before}{folder / path}{colon}{attribute}" if path.endswith(".py") else name


def data_path(name: str, folder: Path) -> str:
    """Return the name of a data set, or the path of its file or folder relative to `folder`.

    Example:
      >>> [data_path(name, Path("/a")) for name in ("ring", "tfds:mnist", "scans.npz", "pairs:facades")]
      ['ring', 'tfds:mnist', '/a/scans.npz', 'pairs:/a/facades']
    """
    prefix = prefix_of(name)
    known = catalogue.is_embedded(name) or name.startswith("tfds:")
    return name if known else f"{prefix}{folder / name.removeprefix(prefix)}"


def axes_for(content: Content, one: Entry) -> tuple[dict[str, Value], list[Together]]:
    """Return the constants from presets, and the axes of one recipe: those of all recipes, then its own."""
    own = [axes for owner, axes in content.vary.of.items() if owner in (one.label, one.recipe)]
    fixed: dict[str, Value] = {}
    found: list[Together] = []
    for axes in (content.vary, *own):
        found += listed(axes)
        if (same := preset_of(axes, one, content.settings.keys() | one.given.settings.keys())) is not None:
            fixed |= same[0]
            found += [same[1]] if same[1].names else []
    return fixed, found


def listed(axes: Axes) -> list[Together]:
    """Return the axes that are the same for every recipe."""
    found = [Together((name,), tuple((value,) for value in values)) for name, values in axes.grid.items()]
    found += [Together(tuple(one), tuple(zip(*one.values(), strict=True))) for one in axes.zip]
    if axes.random is not None and axes.random.preset is None:
        rows = drawn(axes.random.ranges, axes.random.n, axes.random.seed)
        found.append(Together(tuple(rows[0]), tuple(tuple(row.values()) for row in rows)))
    return found


def preset_of(axes: Axes, one: Entry, said: Iterable[str]) -> tuple[dict[str, Value], Together] | None:
    """Return what a preset draws for a recipe, except for settings that are given."""
    random = axes.random
    if random is None or random.preset is None:
        return None
    names = set(known_settings(one.make)) - set(said)
    return preset_axis(random.preset, random.n, random.seed, names)
