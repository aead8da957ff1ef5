"""A configuration turned into functions, with everything checked that can be before compiling."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import optax

from jaxgan.data.source import Source
from jaxgan.dynamics import alternating, averaged
from jaxgan.game import adversarial_game, normal_prior
from jaxgan.losses import flipped_labels
from jaxgan.runs.run import seed_keys, start
from jaxgan.study import catalogue
from jaxgan.study.config import Config, OptionError
from jaxgan.study.listing import plain, settings, settings_from
from jaxgan.study.strength import Skill
from jaxgan.types import Algorithm, BatchSizes, Game, Loss

BASE = Skill()


class Study(NamedTuple):
    """A configuration turned into functions."""

    config: Config
    source: Source
    description: dict[str, Any]  # of the generator
    losses: dict[str, Loss]  # by short name; of recipes, which have losses of their own, none
    algorithms: dict[str, Algorithm]  # by short name of the loss or the recipe
    settings: dict[str, dict[str, Any]]  # of recipes, by short name
    keys: jax.Array  # one per seed


def build(config: Config, skill: Skill = BASE) -> Study:
    """Names into functions, with everything checked that can be before compiling.

    The discriminator is changed as `skill` says.

    Raises:
      OptionError: a name, a shape or a size that does not fit.
    """
    losses = {catalogue.slug(name): catalogue.find_loss(name) for name in config.loss}
    recipes = {catalogue.slug(name): catalogue.find_recipe(name) for name in config.recipe}
    if len(losses) + len(recipes) < len(config.loss + config.recipe):
        raise OptionError(
            "loss" if losses else "recipe", f"got two of one name: {', '.join(config.loss + config.recipe)}"
        )
    given = {
        short: _skilled(short, recipe, settings_from(short, recipe, config), skill) for short, recipe in recipes.items()
    }
    source = catalogue.find_data(config.data, image_size=config.image_size, split_seed=config.split_seed)
    description = catalogue.describe_generator(source, config)
    full = {short: settings(recipe) | given[short] for short, recipe in recipes.items()}
    _check_sizes(config, source, full)
    networks = catalogue.build_generator(description), catalogue.build_discriminator(widened(description, skill))
    algorithms = {short: _algorithm(config, networks, loss, skill) for short, loss in losses.items()}
    algorithms |= {short: _by_recipe(config, networks, short, recipes[short], given[short]) for short in recipes}
    keys = seed_keys(jax.random.key(config.key), config.seeds)
    plainly = {short: plain(values) for short, values in full.items()}
    study = Study(config, source, description, losses, algorithms, plainly, keys)
    for short, algorithm in algorithms.items():
        _try(short, study, algorithm)
    return study


def _check_sizes(config: Config, source: Source, full: dict[str, dict[str, Any]]) -> None:
    """No batch is larger than the data: a generator's step draws as many real images, too."""
    sizes = {("batch_size", ""): config.batch_size, ("generator_batch_size", ""): config.generator_batch_size}
    for short, values in full.items():
        size = values.get("batch_size")
        largest = max(size.real, size.generator) if isinstance(size, BatchSizes) else size
        sizes["batch_size", f" of {short}"] = largest if isinstance(largest, int) else None
    for (option, whose), size in sizes.items():
        if source.size is not None and size is not None and size > source.size:
            allowed = f"at most its {source.size} training examples"
            raise OptionError(option, f"got {size}{whose}, more than {source.name} has, expected {allowed}")


def game_of(config: Config, networks: tuple[Any, Any], loss: Loss, skill: Skill = BASE) -> Game:
    """The game of two networks, the second with the labels of `skill`."""
    labelling = flipped_labels(skill.noise) if skill.noise else None
    return adversarial_game(*networks, normal_prior(config.latent_dim), loss, labelling=labelling)


def widened(description: dict[str, Any], skill: Skill) -> dict[str, Any]:
    """The description of a discriminator of that skill."""
    return description | {"width": max(1, round(description["width"] * skill.width))}


def _algorithm(config: Config, networks: tuple[Any, Any], loss: Loss, skill: Skill) -> Algorithm:
    assert config.lr_g is not None and config.lr_d is not None and config.beta1 is not None  # they have defaults
    assert config.batch_size and config.fake_batch_size and config.generator_batch_size and config.d_steps
    algorithm = alternating(
        game_of(config, networks, loss, skill),
        optax.adam(config.lr_g, b1=config.beta1),
        optax.adam(config.lr_d * skill.lr, b1=config.beta1),
        batch_size=BatchSizes(config.batch_size, config.fake_batch_size, config.generator_batch_size),
        d_steps=config.d_steps * skill.k,
    )
    return algorithm if config.ema is None else averaged(algorithm, config.ema)


def _by_recipe(
    config: Config, networks: tuple[Any, Any], short: str, recipe: Callable[..., Algorithm], given: dict[str, Any]
) -> Algorithm:
    try:
        algorithm = recipe(*networks, normal_prior(config.latent_dim), **given)
    except ValueError as error:
        raise OptionError("recipe", f"{short}: {error}") from error
    except Exception as error:  # whatever the user's recipe raises
        raise OptionError("recipe", f"{short} raised {type(error).__name__}: {error}") from error
    if not isinstance(algorithm, Algorithm):
        raise OptionError("recipe", f"{short} made a {type(algorithm).__name__}, expected a jaxgan.Algorithm")
    return algorithm if config.ema is None or "ema" in given else averaged(algorithm, config.ema)


def _skilled(short: str, recipe: Callable[..., Algorithm], given: dict[str, Any], skill: Skill) -> dict[str, Any]:
    """A recipe's settings with the discriminator's rate and updates multiplied."""
    full, changed = settings(recipe) | given, dict(given)
    for name, factor in (("lr_d", skill.lr), ("d_steps", skill.k)):
        if factor != 1:
            if not isinstance(full.get(name), int | float):
                raise OptionError("d_skill", f"{short} has no number {name} to multiply by {factor:g}")
            changed[name] = full[name] * factor
    if skill.noise:
        raise OptionError("d_skill", f"noise={skill.noise:g} is for losses, and {short} is a recipe")
    return changed


def _try(short: str, study: Study, algorithm: Algorithm) -> None:
    """Traces one step, which compiles nothing: a loss that pairs unequal batches is caught here."""

    def step(key: jax.Array) -> Any:
        return algorithm.step(start(algorithm, study.source.sample, key), study.source.sample, key)

    try:
        jax.eval_shape(step, study.keys[0])
    except ValueError as error:
        raise OptionError("loss" if short in study.losses else "recipe", f"{short}: {error}") from error
