"""Find mistakes in a study file beyond single values: names, settings, axes and comparisons that do not fit."""

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from jaxgan.data.source import DataError
from jaxgan.study import catalogue, inputs
from jaxgan.study.compared import without_data
from jaxgan.study.config import MIXTURES, configure, prefix_of
from jaxgan.study.limits import FLOAT, check_field
from jaxgan.study.messages import OptionError, nearest
from jaxgan.study.networks import PLAYERS
from jaxgan.study.settings import known_settings, resolve
from jaxgan.study.stop_rules import GOAL
from jaxgan.study.study_file.asked import PLACES, options_of
from jaxgan.study.study_file.axes import Range, Together, labels
from jaxgan.study.study_file.entries import Entry, axes_for, data_path, entry, own_path, preset_of
from jaxgan.study.study_file.tables import Axes, Content, shown
from jaxgan.study.vary import MOST

Place = tuple[str | int, ...]
_MIXTURE = ("captured", "high_quality", "kl_model_data", "kl_data_model", "missed", "spread")
METRICS: Mapping[str, tuple[str, ...]] = {
    "mixture": _MIXTURE,
    "points": ("sliced", "frechet"),
    "images": ("frechet", "captured", "near", "kl", "high_frequency", "laplacian"),
    "pairs": ("l1", "psnr", "spectrum", "sharpness", "diversity"),
}
"""Names of metrics by kind of data."""


class Mistake(NamedTuple):
    """A mistake and its place in the file: a table, list or value."""

    place: Place
    text: str


def mistakes_in(content: Content, folder: Path) -> list[Mistake]:
    """Return all mistakes of a study file in `folder` whose values are valid individually."""
    entries, found = [], [] if content.recipes else [Mistake(("recipes",), "got [], expected at least one")]
    for i, one in enumerate(content.recipes):
        try:
            entries.append((i, entry(one, folder)))
        except OptionError as error:
            found.append(Mistake(("recipes", i), _said(error)))
    found += [*_labels(entries), *_names(content, folder), *_settings(content, entries), *_fields(content)]
    found += [*_axes(content, entries), *_twice(content, entries)]
    if len(entries) == len(content.recipes):
        found += _comparisons(content, folder, [one for _, one in entries])
    return found or list(_options(content, folder))


def _said(error: OptionError) -> str:
    """Return the message without the command-line option that it starts with."""
    return str(error).partition(": ")[2]


def _labels(entries: list[tuple[int, Entry]]) -> Iterator[Mistake]:
    seen: set[str] = set()
    for i, one in entries:
        if one.label in seen:
            yield Mistake(("recipes", i), f"got {one.label!r} twice, expected a label of its own, as in {{name = "
                          f"{one.label!r}, label = {one.label + '_2'!r}}}")  # fmt: skip
        seen.add(one.label)


def _names(content: Content, folder: Path) -> Iterator[Mistake]:
    """Yield data sets, networks and probes that do not exist."""
    name = data_path(content.data.name, folder)
    known = catalogue.is_embedded(name) or name.startswith("tfds:")
    if not known and not os.path.exists(name.removeprefix(prefix_of(name))):
        others = "or tfds:NAME, a .npz or .npy file, a folder of images"
        yield Mistake(("data", "name"), f"got {content.data.name!r}; {nearest(content.data.name, catalogue.DATA)}; "
                      f"{others}")  # fmt: skip
    for player in PLAYERS:
        if (network := getattr(content.networks, player)) is not None:
            yield from _tried(("networks", player), catalogue.find_network, player, own_path(network, folder))
    if features := content.evaluate.features:
        yield from _tried(("evaluate", "features"), without_data, own_path(features, folder))
    for i, probe in enumerate(content.evaluate.probes):
        yield from _tried(("evaluate", "probes", i), catalogue.find_probe, own_path(probe, folder))


def _tried(place: Place, function: Callable[..., Any], *arguments: Any) -> Iterator[Mistake]:
    try:
        function(*arguments)
    except OptionError as error:
        yield Mistake(place, _said(error))
    except DataError as error:
        yield Mistake(place, str(error))


def _settings(content: Content, entries: list[tuple[int, Entry]]) -> Iterator[Mistake]:
    for name, value in content.settings.items():
        yield from _each(("settings", name), name, [value], [one for _, one in entries])
    for i, one in entries:
        for name, value in one.given.settings.items():
            yield from _each(("recipes", i, "settings", name), name, [value], [one])


def _fields(content: Content) -> Iterator[Mistake]:
    for name, value in content.networks.fields.items():
        place = ("networks", "fields", name)
        if isinstance(value, dict) and name not in PLAYERS:
            yield Mistake(place, f"got a table, which only {' and '.join(PLAYERS)} can have")
        own = value if isinstance(value, dict) else {name: value}
        for field, one in own.items():
            yield from _tried(place, check_field, field, one, f"{field}={one}")


def _axes(content: Content, entries: list[tuple[int, Entry]]) -> Iterator[Mistake]:
    """Yield axes with settings that recipes do not have, or with invalid values."""
    every = [one for _, one in entries]
    yield from _of_axes(("vary",), content.vary, every)
    owners = sorted({name for one in every for name in (one.label, one.recipe)})
    for owner, axes in content.vary.of.items():
        if own := [one for one in every if owner in (one.label, one.recipe)]:
            yield from _of_axes(("vary", "of", owner), axes, own)
        else:
            yield Mistake(("vary", "of", owner), f"got {owner!r}; {nearest(owner, owners)}")


def _of_axes(place: Place, axes: Axes, entries: list[Entry]) -> Iterator[Mistake]:
    for name, values in axes.grid.items():
        yield from _each((*place, name), name, values, entries)
    for i, zipped in enumerate(axes.zip):
        lengths = {name: len(values) for name, values in zipped.items()}
        if len(set(lengths.values())) != 1:
            got = ", ".join(f"{n} of {name}" for name, n in lengths.items()) or "no lists"
            yield Mistake((*place, "zip", i), f"got {got}, expected lists of one length")
        for name, values in zipped.items():
            yield from _each((*place, "zip", i, name), name, values, entries)
    if axes.random is not None:
        yield from _of_random((*place, "random"), axes, entries)


def _of_random(place: Place, axes: Axes, entries: list[Entry]) -> Iterator[Mistake]:
    random = axes.random
    assert random is not None
    if (random.preset is None) == (not random.ranges):
        got = "neither ranges nor a preset" if random.preset is None else f"ranges and the preset {random.preset!r}"
        yield Mistake(place, f"got {got}, expected either ranges by name or a preset")
    for one in entries:
        if random.preset is not None and not (drawn := preset_of(axes, one, ()) or ({}, Together((), ())))[1].names:
            yield Mistake(
                (*place, "preset"), f"got {random.preset!r}, but {one.label} has none of its settings ({drawn[0]})"
            )
    for name, values in random.ranges.items():
        ends = [values.low, values.high] if isinstance(values, Range) else values
        yield from _each((*place, name), name, ends, entries)


def _each(place: Place, name: str, values: Iterable[Any], entries: list[Entry]) -> Iterator[Mistake]:
    """Yield a mistake for the first recipe that rejects a value of a setting; only extreme values are tried."""
    for one in entries:
        for value in _extremes(values):
            text = repr(value) if isinstance(value, tuple) else str(value)
            if bad := list(_tried(place, resolve, one.label, one.recipe, one.make, (f"{name}={text}",))):
                known = name in known_settings(one.make) or len(entries) < 2
                more = f"; to vary or set it for some recipes only, use their names, such as {one.label}"
                yield bad[0]._replace(text=bad[0].text + ("" if known else more))
                return


def _extremes(values: Iterable[Any]) -> list[Any]:
    """Return the smallest and largest integer, the smallest and largest float, and all other values."""
    values = list(values)
    whole = [value for value in values if type(value) is int]
    parts = [value for value in values if type(value) is float]
    ends = [end for numbers in (whole, parts) if numbers for end in (min(numbers), max(numbers))]
    return list(dict.fromkeys(ends)) + [value for value in values if type(value) not in (int, float)]


def _twice(content: Content, entries: list[tuple[int, Entry]]) -> Iterator[Mistake]:
    """Yield settings that vary twice, or are both varied and set, if neither is more specific than the other."""
    yielded: set[str] = set()
    for _, one in entries:
        names = [name for axis in _axes_or_none(content, one) for name in axis.names]
        own = set(one.given.settings)
        special = {name for owner, axes in content.vary.of.items() if owner in (one.label, one.recipe)
                   for name in (*axes.grid, *(name for zipped in axes.zip for name in zipped))}  # fmt: skip
        for name in dict.fromkeys(names):
            what = "varied twice" if names.count(name) > 1 else "varied and set"
            fixed = name in own or (name in content.settings and name not in special)
            if (names.count(name) > 1 or fixed) and name not in yielded:
                yielded.add(name)
                yield Mistake(("vary",), f"got {name} {what} for {one.label}, expected it once")


def _axes_or_none(content: Content, one: Entry) -> list[Together]:
    try:
        return axes_for(content, one)[1]
    except (ValueError, IndexError):  # unequal or empty lists, which are reported elsewhere
        return []


def _comparisons(content: Content, folder: Path, entries: list[Entry]) -> Iterator[Mistake]:
    """Yield unknown metrics and configurations in planned comparisons and in the goal."""
    data = data_path(content.data.name, folder)
    points = inputs.holds_points({"data": data})
    kind = "mixture" if data in MIXTURES else "pairs" if prefix_of(data) else "points" if points else "images"
    known = list(METRICS[kind])
    if (match := re.fullmatch(GOAL, content.stop.goal or "")) is not None:
        if match[1] not in known:
            yield Mistake(("stop", "goal"), f"got {match[1]!r}; {nearest(match[1], known)}")
        if not _is_number(match[3]):
            yield Mistake(("stop", "goal"), f"got {shown(match[3])}, expected a number")
    names = [name for one in entries for name in labels(one.label, _axes_or_none(content, one))]
    if len(names) > MOST:
        yield Mistake(("vary",), f"got {len(names):,} configurations, expected at most {MOST:,}")
    them = {*names, *(one.label for one in entries)}
    for i, one in enumerate(content.planned):
        if one.metric not in (*known, "failed"):
            yield Mistake(("planned", i, "metric"), f"got {one.metric!r}; {nearest(one.metric, [*known, 'failed'])}")
        for side in ("better", "than"):
            if (name := getattr(one, side)) not in them:
                yield Mistake(("planned", i, side), f"got {name!r}; {nearest(name, [one.label for one in entries])}")
        if one.better == one.than:
            yield Mistake(("planned", i), f"got {one.better!r} twice, expected two configurations")


def _is_number(text: str) -> bool:
    try:
        return abs(float(text)) < FLOAT
    except ValueError:
        return False


def _options(content: Content, folder: Path) -> Iterator[Mistake]:
    """Yield other conflicts between options, with the command line's message."""
    options = options_of(content, folder)
    try:
        configure(options, points=inputs.holds_points(options))
    except OptionError as error:
        option = str(error).partition(": ")[0].lstrip("-").replace("-", "_")
        yield Mistake(PLACES.get(option, (option,)), _said(error))
