"""A configuration turned into functions, with everything checked that can be before compiling."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax

from jaxgan.data.source import Source
from jaxgan.dynamics import averaged
from jaxgan.game import normal_prior
from jaxgan.runs.run import seed_keys, start
from jaxgan.study import catalogue
from jaxgan.study.config import Config
from jaxgan.study.messages import OptionError
from jaxgan.study.networks import Networks, networks_for
from jaxgan.study.settings import check_owners, plain_settings, resolve
from jaxgan.study.strength import BASE, DiscriminatorStrength
from jaxgan.types import Algorithm, BatchSizes


class Configuration(NamedTuple):
    """A recipe with all its settings: what is trained from every seed."""

    label: str
    recipe: str
    settings: dict[str, Any]  # as they can be stored
    algorithm: Algorithm
    batch_sizes: BatchSizes
    d_steps: int


class Study(NamedTuple):
    """A `Config` turned into functions."""

    config: Config
    source: Source
    networks: Networks
    configurations: dict[str, Configuration]  # by label
    keys: jax.Array  # one per seed


def build(config: Config, source: Source, strengths: tuple[DiscriminatorStrength, ...] = (BASE,)) -> Study:
    """Names into functions, with everything checked that can be before compiling.

    Each recipe is made with a discriminator of every strength; with more than the base, these name the configurations.

    Raises:
      OptionError: a name, a shape or a size that does not fit.
    """
    recipes = _recipes(config)
    networks = networks_for(source, config)
    check_owners(config.set, {*recipes, *(name for name, _ in recipes.values())})
    found = {}
    for label, (name, recipe) in recipes.items():
        settings = resolve(label, name, recipe, config.set)
        for strength in strengths:
            own = label if len(strengths) == 1 else strength.name
            found[own] = _configuration(own, name, recipe, settings, config, networks, strength)
    for configuration in found.values():
        _check_sizes(configuration, source)
    study = Study(config, source, networks, found, seed_keys(jax.random.key(config.key), config.seeds))
    for configuration in found.values():
        _try(configuration, study)
    return study


def _recipes(config: Config) -> dict[str, tuple[str, Callable[..., Algorithm]]]:
    """By label, the name of its recipe and the recipe: `gan` of every loss, then what is a recipe of its own."""
    gan = catalogue.find_recipe("gan")
    found = [(catalogue.slug(n), "gan", partial(gan, loss=catalogue.find_loss(n))) for n in config.loss]
    found += [(catalogue.slug(n), catalogue.slug(n), catalogue.find_recipe(n)) for n in config.recipe]
    by_label = {label: (name, recipe) for label, name, recipe in found}
    if len(by_label) < len(found):
        names = ", ".join(config.loss + config.recipe)
        option = "loss" if config.loss else "recipe"
        raise OptionError(option, f"got two of one name: {names}; rename one in its file")
    return by_label


def _configuration(
    label: str,
    name: str,
    recipe: Callable[..., Algorithm],
    settings: dict[str, Any],
    config: Config,
    networks: Networks,
    strength: DiscriminatorStrength,
) -> Configuration:
    given = strength.applied_to(label, settings)
    ema = given.pop("ema") if "ema" in given and "ema" not in _parameters(recipe) else None
    pair = networks.generator, networks.discriminator_of(strength.width)
    try:
        algorithm = recipe(*pair, normal_prior(config.latent_dim), **given)
    except (ValueError, TypeError) as error:
        raise OptionError("recipe", f"{label}: {error}") from error
    except Exception as error:  # whatever the user's recipe raises
        raise OptionError("recipe", f"{label} raised {type(error).__name__}: {error}") from error
    if not isinstance(algorithm, Algorithm):
        raise OptionError("recipe", f"{label} made a {type(algorithm).__name__}, expected a jaxgan.Algorithm")
    if ema is not None:
        algorithm = averaged(algorithm, ema)
    size, d_steps = given.get("batch_size", 64), given.get("d_steps", 1)
    sizes = size if isinstance(size, BatchSizes) else BatchSizes(size, size, size)
    stored = plain_settings(settings | given | ({} if ema is None else {"ema": ema}))
    return Configuration(label, name, stored, algorithm, sizes, d_steps if isinstance(d_steps, int) else 1)


def _parameters(recipe: Callable[..., Algorithm]) -> dict[str, Any]:
    from jaxgan.study.settings import known_settings

    return known_settings(recipe)


def _check_sizes(configuration: Configuration, source: Source) -> None:
    """No batch is larger than the data: a generator's step draws as many real examples, too."""
    sizes = configuration.batch_sizes
    for option, size in (("batch_size", sizes.real), ("generator_batch_size", sizes.generator)):
        if source.size is not None and size > source.size:
            allowed = f"at most its {source.size} training examples"
            raise OptionError(option, f"got {size} of {configuration.label}, more than {source.name} has, "
                              f"expected {allowed}")  # fmt: skip


def _try(configuration: Configuration, study: Study) -> None:
    """Traces one step, which compiles nothing: a loss that pairs unequal batches is caught here."""
    algorithm, sample = configuration.algorithm, study.source.sample

    def step(key: jax.Array) -> Any:
        return algorithm.step(start(algorithm, sample, key), sample, key)

    try:
        jax.eval_shape(step, study.keys[0])
    except (TypeError, ValueError) as error:
        option = "loss" if configuration.recipe == "gan" else "recipe"
        line = str(error).partition("\n")[0]
        raise OptionError(option, f"{configuration.label}: {line}") from error
