"""A configuration turned into functions, with everything checked that can be before compiling."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax

from jaxgan.checks import place_of
from jaxgan.data.source import Source
from jaxgan.dynamics import averaged
from jaxgan.game import normal_prior
from jaxgan.runs.run import seed_keys, start, with_algorithm
from jaxgan.study import catalogue
from jaxgan.study.config import Config, own_code, seed_numbers
from jaxgan.study.messages import OptionError
from jaxgan.study.networks import Networks, networks_for
from jaxgan.study.own_code import kept_running, raised
from jaxgan.study.settings import check_owners, known_settings, plain_settings, resolve
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
    step: "Step | None" = None  # None: not traced, as nothing is to be trained


class Step(NamedTuple):
    """A training step from the start, traced and not compiled."""

    state: Any  # shapes
    info: Any  # likewise
    program: Any  # a jaxpr


class Study(NamedTuple):
    """A `Config` turned into functions."""

    config: Config
    source: Source
    networks: Networks
    configurations: dict[str, Configuration]  # by label
    keys: jax.Array  # one per seed
    own_code: tuple[str, ...]  # what was named of the user's own code


def build(config: Config, source: Source, strengths: tuple[DiscriminatorStrength, ...] = ()) -> Study:
    """Names into functions, with everything checked that can be before compiling.

    Where strengths of the discriminator are given, the recipe is made with each of them, and they name configurations.

    Raises:
      OptionError: a name, a shape or a size that does not fit.
    """
    recipes = _recipes(config)
    keys = seed_keys(jax.random.key(config.key), seed_numbers(config))
    study = Study(config, source, networks_for(source, config), {}, keys, own_code(config))
    check_owners(config.set, {name for one in recipes for name in (one.label, one.recipe)})
    for named in recipes:
        settings = resolve(named.label, named.recipe, named.make, config.set)
        for strength in strengths or (BASE,):
            label = strength.name if strengths else named.label
            one = _configuration(label, named, settings, study.config, study.networks, strength)
            _check_sizes(one, source)
            one = one._replace(step=_try(one, study, _with_place(label, named)))
            _try_probes(one, study)
            study.configurations[label] = one
    return study


class _Named(NamedTuple):
    label: str
    recipe: str
    make: Callable[..., Algorithm]
    loss: str | None = None  # of `gan`


def _recipes(config: Config) -> list[_Named]:
    """`gan` of every loss, then what is a recipe of its own."""
    gan, label = catalogue.find_recipe("gan"), catalogue.slug
    found = [_Named(label(n), "gan", partial(gan, loss=catalogue.find_loss(n)), label(n)) for n in config.loss]
    found += [_Named(label(n), label(n), catalogue.find_recipe(n)) for n in config.recipe]
    if len({one.label for one in found}) < len(found):
        names, option = ", ".join(config.loss + config.recipe), "loss" if config.loss else "recipe"
        example = "my_least_squares=my_loss.py:least_squares"
        raise OptionError(option, f"got two of one name: {names}; give one a label of its own, as in {example}")
    return found


def rebuilt(config: Config, networks: Networks, label: str) -> Configuration:
    """The configuration of a run again, without its data; of a profile, whose labels are strengths, its only recipe."""
    recipes = _recipes(config)
    named = next((one for one in recipes if one.label == label), recipes[0])
    settings = resolve(named.label, named.recipe, named.make, config.set)
    return _configuration(label, named, settings, config, networks, BASE)


def _configuration(
    label: str,
    named: _Named,
    settings: dict[str, Any],
    config: Config,
    networks: Networks,
    strength: DiscriminatorStrength,
) -> Configuration:
    given = strength.applied_to(named.label, settings)
    ema = given.pop("ema") if "ema" in given and "ema" not in known_settings(named.make) else None
    if named.loss is not None:
        del given["loss"]  # the partial has it
    pair = networks.generator, networks.discriminator_of(strength.width)
    algorithm = _made(label, named, pair, config.latent_dim, given)
    if ema is not None:
        algorithm = averaged(algorithm, ema)
    size, d_steps = given.get("batch_size", 64), given.get("d_steps", 1)
    sizes = size if isinstance(size, BatchSizes) else BatchSizes(size, size, size)
    stored = plain_settings(given | ({} if ema is None else {"ema": ema}))
    if named.loss is not None:
        stored = {"loss": named.loss} | stored
    return Configuration(label, named.recipe, stored, algorithm, sizes, d_steps if isinstance(d_steps, int) else 1)


def _made(label: str, named: _Named, pair: tuple[Any, Any], latent_dim: int, given: dict[str, Any]) -> Algorithm:
    try:
        with kept_running():
            algorithm = named.make(*pair, normal_prior(latent_dim), **given)
    except Exception as error:  # whatever the user's recipe raises
        raise OptionError("recipe", f"{_with_place(label, named)}{raised(error)}") from error
    if not isinstance(algorithm, Algorithm):
        made = f"{_with_place(label, named)} made a {type(algorithm).__name__}"
        raise OptionError("recipe", f"{made}, expected a jaxgan.Algorithm")
    return algorithm


def _check_sizes(configuration: Configuration, source: Source) -> None:
    """No batch is larger than the data: a generator's step draws as many real examples, too."""
    sizes = configuration.batch_sizes
    for option, size in (("batch_size", sizes.real), ("generator_batch_size", sizes.generator)):
        if source.size is not None and size > source.size:
            allowed = f"at most its {source.size} training examples"
            raise OptionError(option, f"got {size}, more than {source.name} has, expected {allowed} "
                              f"({configuration.label})")  # fmt: skip


def _with_place(label: str, named: _Named) -> str:
    """The label, and for a recipe of the user's own the file and line where it stands."""
    own = not str(getattr(named.make, "__module__", "jaxgan")).startswith("jaxgan.")
    return f"{label} {place_of(named.make)}".strip() if own and named.loss is None else label


def _try(configuration: Configuration, study: Study, who: str) -> Step:
    """Traces one step, which compiles nothing: a loss that pairs unequal batches is caught here."""
    algorithm, sample = configuration.algorithm, study.source.sample

    def step(key: jax.Array) -> Any:
        return algorithm.step(key, start(algorithm, sample, key), sample)

    try:
        with kept_running():
            program, (state, info) = jax.make_jaxpr(step, return_shape=True)(study.keys[0])
    except Exception as error:  # whatever the user's functions raise
        option = "loss" if configuration.recipe == "gan" else "recipe"
        raise OptionError(option, f"{who}{raised(error)}") from error
    return Step(state, info, program.jaxpr)


def _try_probes(configuration: Configuration, study: Study) -> None:
    """Traces the user's probes on the state that a step leaves."""
    assert configuration.step is not None  # it was traced a moment ago
    for name in study.config.probe:
        probe = with_algorithm(catalogue.find_probe(name), configuration.algorithm)
        try:
            with kept_running():
                jax.eval_shape(probe, study.keys[0], configuration.step.state)
        except Exception as error:  # whatever the user's functions raise
            raise OptionError("probe", f"{name}{raised(error)}") from error
