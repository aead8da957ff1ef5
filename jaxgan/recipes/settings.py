"""The settings of a recipe: names, defaults, types, descriptions, and which of them can be swept."""

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
    default: Any  # `inspect.Parameter.empty` for a required setting
    kinds: tuple[Any, ...]  # the types that its annotation allows, without their type arguments; () if unknown
    sweepable: bool  # `kinds` has float: floats never select code, so the value can be an array over runs
    doc: str  # its description, "" if undocumented


def settings_of(recipe: Callable[..., Algorithm]) -> dict[str, Setting]:
    """The settings by name of a recipe: one of `jaxgan.recipes`, the user's own, or a `functools.partial` of either.

    Types come from annotations: `float`, or a union that contains it such as `float | None`, can be swept; `int` and
    `Loss` cannot. Without an annotation, the type of the default is used. The description comes from "Args:" in the
    recipe's docstring or, failing that, from the entry of the same name in the docstring of `gan`.

    Example:
      >>> from jaxgan.recipes import pacgan
      >>> found = settings_of(pacgan)
      >>> found["m"]
      Setting(name='m', default=2, kinds=(<class 'int'>,), sweepable=False, doc='examples in a pack.')
      >>> [name for name, setting in found.items() if setting.sweepable]
      ['lr_g', 'lr_d', 'b1', 'b2']
    """
    function = recipe
    while hasattr(function, "func"):  # a partial has its own defaults, but its function has the annotations
        function = function.func
    hints, docs = _described(function) if isinstance(function, Hashable) else _described.__wrapped__(function)
    parameters = inspect.signature(recipe).parameters.values()
    return {p.name: _setting(p, hints, docs) for p in parameters if p.kind is p.KEYWORD_ONLY}


@cache  # resolving string annotations takes milliseconds, and a study does it for every configuration
def _described(function: Callable[..., Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """The annotations and the descriptions of the settings, by name."""
    try:
        hints = typing.get_type_hints(function)
    except Exception:  # a user's annotations may refer to undefined names
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
    """The names and descriptions under "Args:" in a docstring."""
    section = re.search(r"^Args:\n((?:[ ]+.*\n?)+)", inspect.getdoc(function) or "", flags=re.MULTILINE)
    entries = re.findall(r"^  (\w+): ((?:.*\n?)(?:    .*\n?)*)", section[1] if section else "", flags=re.MULTILINE)
    return {name: " ".join(text.split()) for name, text in entries}
