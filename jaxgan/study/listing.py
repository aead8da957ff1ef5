"""What recipes and losses there are, and a recipe's settings from options."""

import ast
import inspect
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from jaxgan.study import catalogue
from jaxgan.study.config import Config, OptionError, nearest
from jaxgan.types import Algorithm, BatchSizes

_OPTIONS = {"lr_g": "lr_g", "lr_d": "lr_d", "beta1": "b1", "d_steps": "d_steps"}  # option -> setting


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
    infos = [(name, loss.info) for name, loss in catalogue.LOSSES.items() if loss.info is not None]
    labels = ("Discriminator", "Generator", "Optimum", "Source")
    return [Entry(name, i.summary, {label: getattr(i, label.lower()) for label in labels}) for name, i in infos]


def settings(function: Callable[..., Algorithm]) -> dict[str, Any]:
    """The keyword-only parameters of a recipe and their defaults (None where it has none).

    Example:
      >>> settings(catalogue.RECIPES["pacgan"])["m"]
      2
    """
    parameters = inspect.signature(function).parameters.values()
    return {p.name: None if p.default is p.empty else p.default for p in parameters if p.kind is p.KEYWORD_ONLY}


def plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """Settings as they can be stored: numbers and texts as they are, functions by name, anything else by its `repr`.

    Example:
      >>> plain({"gamma": 1.0, "batch_size": BatchSizes(4, 4, 8), "norm": max})
      {'gamma': 1.0, 'batch_size': [4, 4, 8], 'norm': 'max'}
    """

    def of(value: Any) -> Any:
        if isinstance(value, int | float | str | None):
            return value
        return list(value) if isinstance(value, BatchSizes) else getattr(value, "__qualname__", repr(value))

    return {name: of(value) for name, value in values.items()}


def settings_from(name: str, function: Callable[..., Algorithm], config: Config) -> dict[str, Any]:
    """What the options say of a recipe's settings; what they do not say is left to the recipe.

    Raises:
      OptionError: a setting that the recipe does not have, or a value of another kind.
    """
    known, annotations = settings(function), inspect.get_annotations(function)
    given = _batch_size(name, known, config)
    for option, setting in _OPTIONS.items():
        if (value := getattr(config, option)) is not None:
            if setting not in known:
                raise OptionError(option, f"{name} has no {setting}; it has {', '.join(known)}")
            given[setting] = value
    if config.ema is not None and "ema" in known:
        given["ema"] = config.ema
    for text in config.set:
        setting, equals, value = text.partition("=")
        if not equals or setting not in known:
            wrong = f"got {text!r}, expected NAME=VALUE" if not equals else f"{name} has no {setting!r}"
            raise OptionError("set", f"{wrong}; {nearest(setting, known)}")
        if setting in given:
            raise OptionError("set", f"{setting} is given twice, expected once")
        given[setting] = _value(setting, value, known[setting], str(annotations.get(setting, "")))
    return given


def _value(setting: str, text: str, default: Any, annotation: str) -> Any:
    """What a text means for a setting of this default: a number stays a count only where the default is one."""
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        value = text
    if value is None and (default is None or "None" in annotation):
        return None
    kind: Any = type(default)
    if default is None or kind is float or (kind is int and "float" in annotation):
        kind = float
    if kind is float and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if type(value) is kind:
        return value
    names = {float: "a number", int: "a whole number", bool: "True or False", str: "a word"}
    raise OptionError("set", f"got {setting}={text}, expected {names.get(kind, 'it to be left out')}")


def _batch_size(name: str, known: Mapping[str, Any], config: Config) -> dict[str, Any]:
    sizes = config.batch_size, config.fake_batch_size, config.generator_batch_size
    if all(size is None for size in sizes):
        return {}
    if "batch_size" not in known:
        raise OptionError("batch_size", f"{name} has no batch_size; it has {', '.join(known)}")
    base = known.get("batch_size", 64) if config.batch_size is None else config.batch_size
    real, fake, generator = (base if size is None else size for size in sizes)
    return {"batch_size": base if real == fake == generator else BatchSizes(real, fake, generator)}


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
