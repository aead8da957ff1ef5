"""Parse settings of recipes: NAME=VALUE for all configurations, LABEL:NAME=VALUE for some."""

import ast
import inspect
import re
from collections.abc import Callable, Mapping
from typing import Any

from jaxgan.recipes import settings_of
from jaxgan.study.around import AROUND
from jaxgan.study.config import SHORTHANDS
from jaxgan.study.limits import ANY, SETTINGS, WHOLE
from jaxgan.study.messages import OptionError, nearest
from jaxgan.types import Algorithm, BatchSizes

Recipe = Callable[..., Algorithm]

EXTRA = ("fake_batch_size", "generator_batch_size", *AROUND)
"""Settings of every recipe: the parts of a `batch_size`, and `AROUND`."""


def known_settings(recipe: Recipe) -> dict[str, Any]:
    """Return the settings of a recipe with their defaults (None if there is none), except how it builds its game.

    Example:
      >>> import jaxgan as jg
      >>> known_settings(jg.recipes.pacgan)["m"]
      2
    """
    defaults = {name: setting.default for name, setting in settings_of(recipe).items() if name != "make_game"}
    return {name: None if default is inspect.Parameter.empty else default for name, default in defaults.items()}


def resolve(label: str, name: str, recipe: Recipe, texts: tuple[str, ...]) -> dict[str, Any]:
    """Return all settings of the configuration `label` of the recipe `name`, with defaults for those not given.

    A text for a label or recipe takes precedence over one for all configurations.

    Raises:
      OptionError: if the recipe has no such setting, it is given twice, or its value has the wrong type.
    """
    known, kinds = known_settings(recipe), {s.name: s.kinds for s in settings_of(recipe).values()}
    every = {*known, *(EXTRA if "batch_size" in known else AROUND)}
    given: dict[str, tuple[int, str]] = {}
    for text in texts:
        left, equals, value = text.partition("=")
        owner, colon, setting = left.rpartition(":")
        if not equals:
            what = f"{setting}=VALUE" if setting in every else f"NAME=VALUE; {nearest(setting, every)}"
            raise OptionError("set", f"got {text!r}, expected {what}")
        if colon and owner not in (label, name):
            continue
        if setting not in known and setting not in EXTRA:
            option = next((option for option, own in SHORTHANDS.items() if own == setting), "set")
            what = _IN_A_RECIPE if setting in _TERMS else nearest(setting, every)
            raise OptionError(option, f"{label} has no setting {setting!r}; {what}")
        rank = 2 if owner == label and colon else 1 if colon else 0
        before = given.get(setting)
        if before is not None and before[0] == rank:
            raise OptionError("set", f"{setting} is given twice, expected once")
        if before is None or before[0] < rank:
            given[setting] = rank, value
    values = {s: _value(s, text, known.get(s), kinds.get(s, _EXTRA_KINDS.get(s))) for s, (_, text) in given.items()}
    sizes = {name: values.pop(name) for name in ("fake_batch_size", "generator_batch_size") if name in values}
    full = known | values
    if sizes:
        if "batch_size" not in known:
            raise OptionError(next(iter(sizes)), f"{label} has no batch_size; it has {', '.join(known)}")
        size = full["batch_size"]
        three = size if isinstance(size, BatchSizes) else BatchSizes(size, size, size)
        changed = {"fake_batch_size": "fake", "generator_batch_size": "generator"}
        full["batch_size"] = three._replace(**{changed[name]: value for name, value in sizes.items()})
    return {s: value for s, value in full.items() if value is not None or s in known or s not in AROUND}


def texts_of(label: str, recipe: str, texts: tuple[str, ...]) -> tuple[str, ...]:
    """Return the texts that apply to the configuration `label`, rewritten to apply only to it.

    Example:
      >>> texts_of("hinge", "gan", ("gan:lr_d=0.1", "lr_g=0.2", "lr_d=0.3", "r1_gan:gamma=1"))
      ('hinge:lr_g=0.2', 'hinge:lr_d=0.1')
    """
    counts: dict[str, str] = {}
    for owner in dict.fromkeys(("", recipe, label)):  # from the most general to the most specific
        for text in texts:
            left, _, value = text.partition("=")
            its, _, setting = left.rpartition(":")
            if its == owner:
                counts[setting] = value
    return tuple(f"{label}:{setting}={value}" for setting, value in counts.items())


def check_owners(texts: tuple[str, ...], owners: set[str]) -> None:
    """Check that every LABEL belongs to a configuration or a recipe.

    Raises:
      OptionError: if one does not.
    """
    for text in texts:
        owner, colon, _ = text.partition("=")[0].rpartition(":")
        if colon and owner not in owners:
            raise OptionError("set", f"got {text!r}, but nothing is called {owner!r}; {nearest(owner, owners)}")


def plain_settings(values: Mapping[str, Any]) -> dict[str, Any]:
    """Convert settings for storage: numbers and text are kept, functions become names, anything else its `repr`.

    Example:
      >>> plain_settings({"gamma": 1.0, "batch_size": BatchSizes(4, 4, 8), "norm": max})
      {'gamma': 1.0, 'batch_size': [4, 4, 8], 'norm': 'max'}
    """

    def of(value: Any) -> Any:
        if isinstance(value, int | float | str | None):
            return value
        if isinstance(value, BatchSizes):
            return list(value)
        return getattr(value, "__qualname__", None) or re.sub(r" at 0x[0-9a-f]+", "", repr(value))

    return {name: of(value) for name, value in values.items()}


_EXTRA_KINDS: dict[str, tuple[Any, ...]] = {
    "fake_batch_size": (int,),
    "generator_batch_size": (int,),
    **{name: (float, type(None)) for name in AROUND},
}
_TERMS = ("d_terms", "g_terms")
_IN_A_RECIPE = "terms are functions: put them into a recipe of your own (--recipe FILE.py:name)"
_WORDS = {float: "a number", int: "a whole number", bool: "True or False", str: "a word", BatchSizes: "three sizes"}


def _value(setting: str, text: str, default: Any, kinds: tuple[Any, ...] | None) -> Any:
    """Parse text as one of these types, or as the type of the default if there are none."""
    known = {float, int, bool, str, type(None), BatchSizes}
    allowed = {kind for kind in kinds or () if isinstance(kind, type)} & known  # a user may annotate with anything
    allowed = allowed or ({type(default)} if default is not None else {float, type(None)})
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        value = text
    limit = SETTINGS.get(setting, ANY if float in allowed else WHOLE)
    if isinstance(value, bool | str) or value is None:
        good = type(value) in allowed
    elif isinstance(value, tuple) and BatchSizes in allowed:
        good = len(value) == 3 and all(map(limit.holds, value))
        value = BatchSizes(*value) if good else value
    else:
        good = (float in allowed or (int in allowed and type(value) is int)) and limit.holds(value)
        value = float(value) if good and float in allowed else value
    if not good:
        if setting in _TERMS:
            raise OptionError("set", f"got {setting}={text[:60]}; {_IN_A_RECIPE}")
        words = [_WORDS[kind] for kind in (float, int, bool, str, BatchSizes) if kind in allowed]
        span = f", {limit}" if allowed & {float, int, BatchSizes} else ""
        raise OptionError(
            "set", f"got {setting}={text[:60]}, expected {' or '.join(words) or 'it to be left out'}{span}"
        )
    return value
