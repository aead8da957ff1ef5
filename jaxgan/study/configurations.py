"""The configurations of a study: every recipe with every cell of its varied settings, as algorithms."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

from jaxgan.checks import place_of
from jaxgan.game import normal_prior
from jaxgan.recipes import settings_of
from jaxgan.study import catalogue
from jaxgan.study.around import AROUND, OF_GAME, discriminator_for, game_for, wrapped
from jaxgan.study.config import Config
from jaxgan.study.messages import OptionError
from jaxgan.study.networks import Networks
from jaxgan.study.own_code import kept_running, raised
from jaxgan.study.profiles.strength import BASE, DiscriminatorStrength
from jaxgan.study.settings import known_settings, plain_settings, resolve
from jaxgan.study.vary import Cell, axis_of, cells_of
from jaxgan.types import Algorithm, BatchSizes


class Named(NamedTuple):
    """A recipe named by the options, or `gan` with one of the losses that they name."""

    label: str
    recipe: str
    make: Callable[..., Algorithm]
    loss: str | None = None  # of `gan`


class Configuration(NamedTuple):
    """A recipe with all its settings, which is trained from every seed."""

    label: str
    named: Named
    settings: dict[str, Any]  # as they can be stored
    varied: dict[str, Any]  # those of them that are along an axis
    arguments: dict[str, Any]  # of `algorithm_of`
    algorithm: Algorithm
    batch_sizes: BatchSizes
    d_steps: int

    @property
    def recipe(self) -> str:
        """The name of the recipe."""
        return self.named.recipe

    @property
    def stored(self) -> dict[str, Any]:
        """What config.json says about it."""
        return {"recipe": self.recipe, "settings": self.settings}


def recipes_of(config: Config) -> list[Named]:
    """Return `gan` with every loss, followed by the other recipes.

    Raises:
      OptionError: if a name is unknown or occurs twice.
    """
    gan, label = catalogue.find_recipe("gan"), catalogue.slug
    found = [Named(label(n), "gan", partial(gan, loss=catalogue.find_loss(n)), label(n)) for n in config.loss]
    found += [Named(label(n), label(n), catalogue.find_recipe(n)) for n in config.recipe]
    if len({one.label for one in found}) < len(found):
        names, option = ", ".join(config.loss + config.recipe), "loss" if config.loss else "recipe"
        example = "my_least_squares=my_loss.py:least_squares"
        raise OptionError(option, f"got two of one name: {names}; give one a label of its own, as in {example}")
    return found


def configurations_of(
    config: Config, networks: Networks, named: Named, strengths: tuple[DiscriminatorStrength, ...] = ()
) -> Iterator[Configuration]:
    """Yield a recipe with every cell of its grid; if there are strengths of the discriminator, these are the labels.

    Raises:
      OptionError: if the recipe does not have a setting, or a value is invalid.
    """
    for cell in cells_of(named.label, named.recipe, map(axis_of, config.vary)):
        for strength in strengths or (BASE,):
            label = strength.name if strengths else named.label + cell.suffix
            yield _configuration(label, named, cell, config, networks, strength)


def configurations_in(config: Config) -> int:
    """Return the number of configurations of a study without importing the user's code.

    Raises:
      OptionError: as `cells_of`.
    """
    axes, label = [axis_of(text) for text in config.vary], catalogue.slug
    pairs = [*((label(n), "gan") for n in config.loss), *((label(n), label(n)) for n in config.recipe)]
    return sum(len(cells_of(*pair, axes)) for pair in pairs)


def rebuilt(config: Config, networks: Networks, label: str) -> Configuration:
    """Rebuild a configuration of a run without its data; in a profile, labels are strengths of its only recipe."""
    recipes = recipes_of(config)
    for named in recipes:
        for cell in cells_of(named.label, named.recipe, map(axis_of, config.vary)):
            if named.label + cell.suffix == label:
                return _configuration(label, named, cell, config, networks, BASE)
    return _configuration(label, recipes[0], Cell("", ()), config, networks, BASE)


def algorithm_of(label: str, named: Named, networks: Networks, config: Config, **settings: Any) -> Algorithm:
    """Return the algorithm of a recipe with these settings, which may be traced numbers.

    If the discriminator has an auxiliary classifier, the game includes its class loss, with a default weight of 1.

    Raises:
      OptionError: if the user's recipe raises an error or does not return an algorithm.
    """
    given = dict(settings)
    width = given.pop("discriminator_width", 1.0)
    around = {name: given.pop(name) for name in AROUND if name in given and name not in known_settings(named.make)}
    discriminator = discriminator_for(networks.discriminator_of(width), around)
    if "make_game" in settings_of(named.make):
        make_game = game_for(discriminator, around)
        given |= {} if make_game is None else {"make_game": make_game}
    elif changes := [name for name in OF_GAME if around.get(name) is not None]:
        raise OptionError("set", f"{changes[0]} is for recipes that take make_game, and {label} does not")
    try:
        with kept_running():
            algorithm = named.make(networks.generator, discriminator, normal_prior(config.latent_dim), **given)
    except Exception as error:  # whatever the user's recipe raises
        raise OptionError("recipe", f"{with_place(label, named)}{raised(error)}") from error
    if not isinstance(algorithm, Algorithm):
        made = f"{with_place(label, named)} made a {type(algorithm).__name__}"
        raise OptionError("recipe", f"{made}, expected a jaxgan.Algorithm")
    return wrapped(algorithm, label, around)


def with_place(label: str, named: Named) -> str:
    """Return the label, and for a user's own recipe its file and line."""
    own = not str(getattr(named.make, "__module__", "jaxgan")).startswith("jaxgan.")
    return f"{label} {place_of(named.make)}".strip() if own and named.loss is None else label


def _configuration(
    label: str, named: Named, cell: Cell, config: Config, networks: Networks, strength: DiscriminatorStrength
) -> Configuration:
    own = tuple(f"{named.label}:{name}={value}" for name, value in cell.texts)
    settings = resolve(named.label, named.recipe, named.make, config.set + own)
    varied = {name: settings[name] for name, _ in cell.texts if name in settings}
    given = strength.applied_to(named.label, settings)
    if named.loss is not None:
        del given["loss"]  # the partial has it
    size, d_steps = given.get("batch_size", 64), given.get("d_steps", 1)
    sizes = size if isinstance(size, BatchSizes) else BatchSizes(size, size, size)
    stored = plain_settings(given)
    if named.loss is not None:
        stored = {"loss": named.loss} | stored
    arguments = given | ({} if strength.width == 1 else {"discriminator_width": strength.width})
    algorithm = algorithm_of(label, named, networks, config, **arguments)
    steps = d_steps if isinstance(d_steps, int) else 1
    return Configuration(label, named, stored, plain_settings(varied), arguments, algorithm, sizes, steps)
