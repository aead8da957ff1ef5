"""The settings of a recipe: names, defaults, types, meaning, and which of them can be swept."""

import inspect
import re
import types
import typing
from collections.abc import Callable, Hashable
from functools import cache
from typing import Any, NamedTuple

from jaxgan.recipes.alternating_adam import gan
from jaxgan.types import Algorithm


class Setting(NamedTuple):
    """One keyword-only parameter of a recipe."""

    name: str
    default: Any  # `inspect.Parameter.empty` where it has none and must be given
    kinds: tuple[Any, ...]  # the types that its annotation allows, without their parameters; () where it says nothing
    sweepable: bool  # a float is among them: no float selects code, so it can be an array over runs
    doc: str  # what it means, "" where nobody says


def settings_of(recipe: Callable[..., Algorithm]) -> dict[str, Setting]:
    """The settings of a recipe by name: one of `jaxgan.recipes`, the user's own, or a `functools.partial` of such.

    Types come from annotations: `float`, or a union with it such as `float | None`, can be swept, `int` and `Loss`
    cannot. Where there is no annotation the type of the default stands for it. The meaning is what the recipe's
    docstring says under "Args:", and otherwise what that of `gan` says of a setting of the name.

    Example:
      >>> from jaxgan.recipes import pacgan
      >>> found = settings_of(pacgan)
      >>> found["m"]
      Setting(name='m', default=2, kinds=(<class 'int'>,), sweepable=False, doc='examples in a pack.')
      >>> [name for name, setting in found.items() if setting.sweepable]
      ['lr_g', 'lr_d', 'b1', 'b2']
    """
    function = recipe
    while hasattr(function, "func"):  # a partial has its own defaults, and the annotations of its function
        function = function.func
    hints, docs = _described(function) if isinstance(function, Hashable) else _described.__wrapped__(function)
    parameters = inspect.signature(recipe).parameters.values()
    return {p.name: _setting(p, hints, docs) for p in parameters if p.kind is p.KEYWORD_ONLY}


@cache  # annotations that are texts take milliseconds, and a study asks for every one of its configurations
def _described(function: Callable[..., Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """What annotations and docstrings say of the settings, by name."""
    try:
        hints = typing.get_type_hints(function)
    except Exception:  # a user's annotations may name what is not there
        hints = {}
    return hints, _args(gan) | _args(function)


def _setting(parameter: inspect.Parameter, hints: dict[str, Any], docs: dict[str, str]) -> Setting:
    name, default = parameter.name, parameter.default
    kinds = _kinds(hints[name]) if name in hints else ()
    if not kinds and default not in (None, parameter.empty):
        kinds = (type(default),)
    return Setting(name, default, kinds, float in kinds, docs.get(name, ""))


def _kinds(hint: Any) -> tuple[Any, ...]:
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return tuple(dict.fromkeys(kind for part in typing.get_args(hint) for kind in _kinds(part)))
    return () if hint is Any else (typing.get_origin(hint) or hint,)


def _args(function: Callable[..., Any]) -> dict[str, str]:
    """The names and texts under "Args:" of a docstring."""
    section = re.search(r"^Args:\n((?:[ ]+.*\n?)+)", inspect.getdoc(function) or "", flags=re.MULTILINE)
    entries = re.findall(r"^  (\w+): ((?:.*\n?)(?:    .*\n?)*)", section[1] if section else "", flags=re.MULTILINE)
    return {name: " ".join(text.split()) for name, text in entries}
