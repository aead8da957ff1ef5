"""Build the functions of a configuration and check everything that can be checked before compilation."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxgan.data.source import Source
from jaxgan.recipes import pix2pix
from jaxgan.runs.axis import Make
from jaxgan.runs.run import seed_keys, start, with_algorithm
from jaxgan.study import catalogue
from jaxgan.study.config import Config, own_code, prefix_of, seed_numbers
from jaxgan.study.configurations import Configuration, Named, algorithm_of, configurations_of, recipes_of, with_place
from jaxgan.study.messages import OptionError
from jaxgan.study.networks import Networks, networks_for
from jaxgan.study.own_code import kept_running, raised
from jaxgan.study.profiles.strength import DiscriminatorStrength
from jaxgan.study.settings import check_owners
from jaxgan.study.vary import axis_of
from jaxgan.study.vary import check_owners as check_owners_of_axes
from jaxgan.types import Algorithm

_LONGEST_NAME = 100  # maximum number of characters in a folder name


class Step(NamedTuple):
    """The first training step, traced but not compiled."""

    state: Any  # shapes
    info: Any  # shapes
    program: Any  # a jaxpr


class Program(NamedTuple):
    """Configurations that are trained by one compiled program, because they differ only in numbers."""

    name: str  # the name of its folder
    labels: tuple[str, ...]
    make: Make | None  # None: a single configuration with its numbers compiled in
    settings: dict[str, tuple[float, ...]]  # arguments of `make`, one value per label
    why: str  # why it is a separate program, as text
    step: Step | None = None  # None: not traced, because nothing is to be trained


class Study(NamedTuple):
    """The functions built from a `Config`."""

    config: Config
    source: Source
    networks: Networks
    configurations: dict[str, Configuration]  # by label
    programs: dict[str, Program]  # by name
    keys: jax.Array  # one per seed
    own_code: tuple[str, ...]  # names of the user's own code


def build(config: Config, source: Source, strengths: tuple[DiscriminatorStrength, ...] = ()) -> Study:
    """Build a study from names, and check everything that can be checked before compilation.

    If strengths of the discriminator are given, the recipe is built with each of them, and configurations are named
    after them.

    Raises:
      OptionError: if a name, a shape or a size does not fit.
    """
    recipes = recipes_of(config)
    _check_pairs(recipes, source)
    # Not the generator that `JAX_DEFAULT_PRNG_IMPL` may name: runs are to have the same numbers everywhere.
    keys = seed_keys(jax.random.key(config.key, impl="threefry2x32"), seed_numbers(config))
    study = Study(config, source, networks_for(source, config), {}, {}, keys, own_code(config))
    owners = {name for one in recipes for name in (one.label, one.recipe)}
    check_owners(config.set, owners)
    check_owners_of_axes([axis_of(text) for text in config.vary], owners)
    for named in recipes:
        found = list(configurations_of(config, study.networks, named, strengths))
        study.configurations.update({one.label: one for one in found})
        for program in _programs(study, named, found):
            first = study.configurations[program.labels[0]]
            _check_sizes(first, source)
            traced = [program]
            try:
                traced = [program._replace(step=_try(program, study, first))]
            except _AskedForValueError as error:
                alone = [_alone(study.configurations[label], str(error)) for label in program.labels]
                traced = [one._replace(step=_try(one, study, study.configurations[one.labels[0]])) for one in alone]
            for one in traced:
                _try_probes(one, study)
                study.programs[one.name] = one
    return study


def labels_of(study: Study) -> list[str]:
    """Return the labels that claims can be about: configurations, and recipes over all of their settings."""
    return list(dict.fromkeys((*study.configurations, *(one.named.label for one in study.configurations.values()))))


class _AskedForValueError(Exception):
    """Raised if a recipe branches on a number that has no value during tracing."""


def _programs(study: Study, named: Named, found: Sequence[Configuration]) -> list[Program]:
    """Group the configurations of a recipe into programs; within one, they differ only in numbers."""
    if not study.config.vary:
        return [Program(one.label, (one.label,), None, {}, "") for one in found]
    numbers = [name for name in found[0].varied if all(type(one.arguments.get(name)) is float for one in found)]
    groups: dict[tuple[tuple[str, str], ...], list[Configuration]] = {}
    for one in found:
        others = tuple((name, str(value)) for name, value in one.varied.items() if name not in numbers)
        groups.setdefault(others, []).append(one)
    programs = []
    for others, own in groups.items():
        label = named.label + "".join(f" {name}={value}" for name, value in others)
        if not numbers:
            programs.append(_alone(own[0], _why(others)))
            continue
        make = partial(_make, label, named, study, {k: v for k, v in own[0].arguments.items() if k not in numbers})
        along = {name: tuple(one.arguments[name] for one in own) for name in numbers}
        programs.append(Program(_folder(label), tuple(one.label for one in own), make, along, _why(others)))
    return programs


def _make(label: str, named: Named, study: Study, fixed: Mapping[str, Any], **numbers: Any) -> Algorithm:
    return algorithm_of(label, named, study.networks, study.config, **fixed, **numbers)


def _alone(one: Configuration, why: str) -> Program:
    return Program(_folder(one.label), (one.label,), None, {}, why)


def _why(others: Sequence[tuple[str, str]]) -> str:
    return f"{', '.join(name for name, _ in others)} changes code or shapes" if others else ""


def _folder(label: str) -> str:
    """Return a short name for a program's folder that does not depend on the rest of the study."""
    name = re.sub(r"[^\w=.,+-]+", "-", label)
    if len(name) <= _LONGEST_NAME:
        return name
    return f"{name[: _LONGEST_NAME - 9]}-{hashlib.sha256(label.encode()).hexdigest()[:8]}"


def _check_pairs(recipes: Sequence[Named], source: Source) -> None:
    """Check that a recipe for pairs of images has some; its terms would name only what they miss."""
    if source.condition is None and any(one.make is pix2pix for one in recipes):
        known = ", ".join(name for name in catalogue.DATA if prefix_of(name))
        raise OptionError("recipe", f"pix2pix needs pairs of images, and {source.name} has none: give --data "
                          f"pairs:FOLDER or one of {known}")  # fmt: skip


def _check_sizes(configuration: Configuration, source: Source) -> None:
    """Check that no batch is larger than the data; generator steps also draw as many real examples."""
    sizes = configuration.batch_sizes
    for option, size in (("batch_size", sizes.real), ("generator_batch_size", sizes.generator)):
        if source.size is not None and size > source.size:
            allowed = f"at most its {source.size} training examples"
            raise OptionError(option, f"got {size}, more than {source.name} has, expected {allowed} "
                              f"({configuration.label})")  # fmt: skip


def _try(program: Program, study: Study, first: Configuration) -> Step:
    """Trace one step without compiling; this catches errors such as a paired loss with unequal batches."""
    sample = study.source.sample

    def step(key: jax.Array, numbers: Mapping[str, Any]) -> Any:
        algorithm = first.algorithm if program.make is None else program.make(**numbers)
        return algorithm.step(key, start(algorithm, sample, key), sample)

    numbers = {name: np.float32(values[0]) for name, values in program.settings.items()}
    try:
        with kept_running():
            traced, (state, info) = jax.make_jaxpr(step, return_shape=True)(study.keys[0], numbers)
    except Exception as error:  # whatever the user's functions raise
        if numbers and any(isinstance(e, jax.errors.ConcretizationTypeError) for e in (error, error.__cause__)):
            raise _AskedForValueError(f"its code asks for the values of {', '.join(numbers)}") from error
        if isinstance(error, OptionError):
            raise
        option = "loss" if first.recipe == "gan" else "recipe"
        raise OptionError(option, f"{with_place(first.label, first.named)}{raised(error)}") from error
    return Step(state, info, traced.jaxpr)


def _try_probes(program: Program, study: Study) -> None:
    """Trace the user's probes on the state after a step."""
    assert program.step is not None  # traced just before
    for name in study.config.probe:
        algorithm = study.configurations[program.labels[0]].algorithm
        probe = with_algorithm(catalogue.find_probe(name), algorithm)
        try:
            with kept_running():
                jax.eval_shape(probe, study.keys[0], program.step.state)
        except Exception as error:  # whatever the user's functions raise
            raise OptionError("probe", f"{name}{raised(error)}") from error
