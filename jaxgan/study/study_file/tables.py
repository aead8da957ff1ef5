"""The tables of a study file: their allowed keys and the ranges of their numbers."""

import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator, StrictBool
from pydantic_core import PydanticCustomError

from jaxgan.study.config import PRECISIONS
from jaxgan.study.limits import ANY, LIMITS, Limit
from jaxgan.study.messages import nearest
from jaxgan.study.stop_rules import GOAL
from jaxgan.study.study_file.axes import PRESETS, Range, Value, grid
from jaxgan.study.vary import MOST

_ROWS = Limit(1, MOST)
LABEL, FOLDER = r"\w[\w.+-]*", r"\w[\w. +-]*"
"""Patterns of valid names for configurations and studies; both are used as folder names."""


def mistake(text: str) -> PydanticCustomError:
    """Return the error that a validator raises."""
    return PydanticCustomError("mistake", "{text}", {"text": text})


def expect(value: Any, good: bool, allowed: str) -> None:
    """Raise a mistake unless `good`."""
    if not good:
        raise mistake(f"got {shown(value)}, expected {allowed}")


def shown(value: Any) -> str:
    """Format a value for a message, with limited length."""
    text = f"{value:,}" if type(value) is int else repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _within(limit: Limit) -> PlainValidator:
    def check(value: Any) -> Any:
        expect(value, limit.holds(value), f"{'a whole number of ' if isinstance(value, float) else ''}{limit}"
               if limit.whole else str(limit))  # fmt: skip
        return value

    return PlainValidator(check)


def _one_of(known: Iterable[str]) -> PlainValidator:
    def check(value: Any) -> str:
        if not isinstance(value, str) or value not in known:
            raise mistake(f"got {shown(value)}; {nearest(str(value), known)}")
        return value

    return PlainValidator(check)


def _text(value: Any) -> str:
    expect(value, isinstance(value, str) and value != "", "a text")
    return value


def _matching(pattern: str, allowed: str) -> PlainValidator:
    def check(value: Any) -> str:
        expect(value, isinstance(value, str) and re.fullmatch(pattern, value) is not None, allowed)
        return value

    return PlainValidator(check)


def _setting(value: Any) -> Any:
    is_list = isinstance(value, list | tuple) and all(isinstance(one, int) for one in value) and len(value) > 0
    expect(
        value, is_list or isinstance(value, bool | int | float | str), "a number, a word, or a list of whole numbers"
    )
    return tuple(value) if is_list else value


def _field(value: Any) -> Any:
    """Validate a field of a network: a setting, or a table with a setting for each player."""
    return {name: _setting(one) for name, one in value.items()} if isinstance(value, Mapping) else _setting(value)


def _values(value: Any) -> tuple[Value, ...]:
    """Return the values of a list, or of a grid {low, high, n, scale}."""
    if isinstance(value, Mapping):
        _check_keys(value, ("low", "high", "n", "scale"))
        expect(value.get("n"), Limit(2, _ROWS.highest).holds(value.get("n")), f"n of {Limit(2, _ROWS.highest)}")
        value = grid(_range(value), value["n"])
    expect(value, isinstance(value, list | tuple) and len(value) > 0, "a list of values, or {low, high, n, scale}")
    for one in value:
        word = isinstance(one, str) and re.fullmatch(r"[^,/:=\s]+", one) is not None
        expect(one, word or isinstance(one, bool) or (isinstance(one, int | float) and ANY.holds(one)),
               "numbers and words without , / : = and spaces")  # fmt: skip
    twice = next((one for i, one in enumerate(value) if one in value[:i]), None)
    if twice is not None:
        raise mistake(f"got {shown(twice)} twice (of a grid to 4 digits), expected each value once")
    return tuple(value)


def _ranges(value: Any) -> Range | tuple[Value, ...]:
    """Validate the values to draw from: a list, or a range {low, high, scale}."""
    if isinstance(value, Range):
        return value
    if isinstance(value, Mapping):
        _check_keys(value, ("low", "high", "scale"))
        return _range(value)
    return _values(value)


def _range(value: Mapping[str, Any]) -> Range:
    low, high, scale = value.get("low"), value.get("high"), value.get("scale", "log")
    numbers = ANY.holds(low) and ANY.holds(high)
    expect(dict(value), bool(numbers and low < high), "low and high, the lower one first")  # type: ignore[operator]
    expect(scale, scale in ("log", "linear"), "scale to be 'log' or 'linear'")
    assert low is not None and high is not None  # they are numbers
    expect(low, scale == "linear" or low > 0, "low to be above 0 on a log scale")
    return Range(float(low), float(high), scale)


def _check_keys(value: Mapping[str, Any], known: tuple[str, ...]) -> None:
    for name in value:
        if name not in known:
            raise mistake(f"got a key {name!r}; {nearest(name, known)}")


def _black_and_white(value: Any) -> tuple[float, float]:
    good = isinstance(value, list | tuple) and len(value) == 2 and all(map(ANY.holds, value)) and value[0] < value[1]
    expect(value, good, "[low, high], the lower one first")
    return tuple(value)


def _named(key: str) -> BeforeValidator:
    return BeforeValidator(lambda value: {key: value} if isinstance(value, str) else value)


Text = Annotated[str, PlainValidator(_text)]
Setting = Annotated[Any, PlainValidator(_setting)]
Values = Annotated[tuple[Value, ...], PlainValidator(_values)]
Ranges = Annotated[Range | tuple[Value, ...], PlainValidator(_ranges)]
Texts = Annotated[tuple[Text, ...], BeforeValidator(lambda value: (value,) if isinstance(value, str) else value)]


class Table(BaseModel):
    """A table of a study file; unknown keys are mistakes."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Data(Table):
    """The training data; a plain string is its name."""

    name: Text = "digits"
    image_size: Annotated[int | None, _within(LIMITS["image_size"])] = None
    value_range: Annotated[tuple[float, float] | None, PlainValidator(_black_and_white)] = None
    background: Annotated[int | None, _within(LIMITS["background"])] = None
    split_seed: Annotated[int | None, _within(LIMITS["split_seed"])] = None
    conditional: StrictBool = False


class Networks(Table):
    """Both networks, the same for all configurations."""

    generator: Text | None = None
    discriminator: Text | None = None
    width: Annotated[int | None, _within(LIMITS["width"])] = None
    latent_dim: Annotated[int | None, _within(LIMITS["latent_dim"])] = None
    precision: Annotated[str | None, _one_of(PRECISIONS)] = None
    fields: dict[str, Annotated[Any, PlainValidator(_field)]] = {}


class Recipe(Table):
    """A recipe, or a loss for the recipe `gan`, with its own settings."""

    loss: Text | None = None
    recipe: Text | None = None
    name: Text | None = None  # of a loss or a recipe; a plain string in the list `recipes` sets it
    label: Annotated[str | None, _matching(LABEL, "letters, digits and any of _ . + -")] = None
    settings: dict[str, Setting] = {}


class Random(Table):
    """Random rows of settings, drawn from the given ranges or from those of a preset."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Ranges] = Field(init=False)

    n: Annotated[int, _within(_ROWS)] = 20
    seed: Annotated[int, _within(LIMITS["key"])] = 0
    preset: Annotated[str | None, _one_of(PRESETS)] = None

    @property
    def ranges(self) -> dict[str, Range | tuple[Value, ...]]:
        """The ranges by name of setting."""
        return dict(self.__pydantic_extra__ or {})


class Axes(Table):
    """Varied settings and their values, by name; `zip`: groups that vary together; `random`: rows drawn at random."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Values] = Field(init=False)

    zip: tuple[dict[str, Values], ...] = ()
    random: Random | None = None

    @property
    def grid(self) -> dict[str, tuple[Value, ...]]:
        """The settings that vary independently."""
        return dict(self.__pydantic_extra__ or {})


class Vary(Axes):
    """The axes of all recipes, and in `of` those of single recipes."""

    of: dict[str, Axes] = {}


class Train(Table):
    """The number of runs and their length."""

    seeds: Annotated[int, _within(LIMITS["seeds"])] = 8
    first_seed: Annotated[int, _within(LIMITS["first_seed"])] = 0
    steps: Annotated[int | None, _within(LIMITS["steps"])] = None
    key: Annotated[int, _within(LIMITS["key"])] = 0


class Evaluate(Table):
    """The measurements and records of a training run, and their intervals."""

    every: Annotated[int | None, _within(LIMITS["evaluate_every"])] = None
    samples: Annotated[int | None, _within(LIMITS["samples"])] = None
    failure_multiple: Annotated[float | None, _within(LIMITS["failure_multiple"])] = None
    record_every: Annotated[int | None, _within(LIMITS["record_every"])] = None
    common_latents: StrictBool = False
    features: Text | None = None
    probes: Texts = ()


class Stop(Table):
    """When a run ends before its last step."""

    not_finite: StrictBool = False
    failed: StrictBool = False
    goal: Annotated[str | None, _matching(GOAL, "a metric and a number, such as 'captured >= 8'")] = None


class Planned(Table):
    """A planned comparison: configuration `better` is better than `than`."""

    metric: Text = ""
    better: Text = ""
    than: Text = ""


class Content(Table):
    """All tables of a study file."""

    name: Annotated[str, _matching(FOLDER, "a name for a folder: letters, digits, spaces and any of _ . + -")] = "study"
    data: Annotated[Data, _named("name")] = Data()
    networks: Networks = Networks()
    recipes: tuple[Annotated[Recipe, _named("name")], ...] = (Recipe(name="minimax"), Recipe(name="non_saturating"))
    settings: dict[str, Setting] = {}
    vary: Vary = Vary()
    train: Train = Train()
    evaluate: Evaluate = Evaluate()
    stop: Stop = Stop()
    planned: tuple[Planned, ...] = ()


TABLES: Mapping[str, type[Table]] = {
    "data": Data, "networks": Networks, "recipes": Recipe, "train": Train, "evaluate": Evaluate, "stop": Stop,
    "planned": Planned,
}  # fmt: skip
"""The tables with a fixed set of keys."""
