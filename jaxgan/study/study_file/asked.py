"""Convert a study file to the options of `run_study`."""

from pathlib import Path
from typing import Any

from jaxgan.study import inputs
from jaxgan.study.config import default_interval, defaults
from jaxgan.study.networks import PLAYERS
from jaxgan.study.study_file.axes import Together, labels, text_of, value_text
from jaxgan.study.study_file.entries import Entry, axes_for, data_path, entry, listed, own_path
from jaxgan.study.study_file.tables import Content, Networks, Stop

PLACES = {
    "data": ("data", "name"),
    **{name: ("data", name) for name in ("image_size", "value_range", "background", "split_seed", "conditional")},
    **{name: ("networks", name) for name in ("generator", "discriminator", "width", "latent_dim", "precision")},
    "network": ("networks", "fields"),
    **{name: ("train", name) for name in ("seeds", "first_seed", "steps", "key")},
    **{name: ("evaluate", name) for name in ("samples", "failure_multiple", "record_every", "common_latents")},
    "evaluate_every": ("evaluate", "every"),
    "features": ("evaluate", "features"),
    "probe": ("evaluate", "probes"),
    "loss": ("recipes",),
    "recipe": ("recipes",),
    "set": ("settings",),
}
"""Where in a study file an option stands."""
_PLAIN = [name for name in PLACES if name not in ("loss", "recipe", "set", "network", "probe", "data", "value_range")]


def options_of(content: Content, folder: Path) -> dict[str, Any]:
    """Return the given options by name, for a file in `folder`."""
    entries = [entry(one, folder) for one in content.recipes]
    found = {name: _at(content, PLACES[name]) for name in _PLAIN}
    found["data"] = data_path(content.data.name, folder)
    for option in (*PLAYERS, "features"):
        found[option] = own_path(name, folder) if (name := found[option]) else None
    if content.data.value_range is not None:
        found["value_range"] = ",".join(map(value_text, content.data.value_range))
    found["probe"] = tuple(own_path(name, folder) for name in content.evaluate.probes)
    found["network"] = tuple(_fields(content.networks))
    for option in ("loss", "recipe"):
        found[option] = tuple(one.name for one in entries if one.option == option)
    found["set"], found["vary"] = _settings(content, entries), _axes(content, entries)
    found["stop"] = tuple(_rules(content.stop))
    found["planned"] = tuple(f"{one.metric}:{one.better}>{one.than}" for one in content.planned)
    found = {name: value for name, value in found.items() if value is not None and value is not False and value != ()}
    return {"record_every": _interval(found), **found}


def labels_of(content: Content, folder: Path) -> list[str]:
    """Return the labels of all configurations."""
    entries = [entry(one, folder) for one in content.recipes]
    in_order = [one for option in ("loss", "recipe") for one in entries if one.option == option]
    return [label for one in in_order for label in labels(one.label, axes_for(content, one)[1])]


def _interval(found: dict[str, Any]) -> int:
    """Return the steps between evaluations, at which a study, of many runs, also records by default."""
    steps = found.get("steps") or defaults(found["data"], inputs.holds_points(found))["steps"]
    return found.get("evaluate_every") or default_interval(steps)


def _at(content: Content, place: tuple[str, ...]) -> Any:
    return getattr(getattr(content, place[0]), place[1])


def _fields(networks: Networks) -> list[str]:
    found = []
    for name, value in networks.fields.items():
        if isinstance(value, dict):
            found += [f"{name}:{field}={value_text(one)}" for field, one in value.items()]
        else:
            found.append(f"{name}={value_text(value)}")
    return found


def _settings(content: Content, entries: list[Entry]) -> tuple[str, ...]:
    found = [f"{name}={value_text(value)}" for name, value in content.settings.items()]
    for one in entries:
        own = axes_for(content, one)[0] | one.given.settings
        found += [f"{one.label}:{name}={value_text(value)}" for name, value in own.items()]
    return tuple(found)


def _axes(content: Content, entries: list[Entry]) -> tuple[str, ...]:
    """Axes of all recipes once, and by recipe the others."""
    common = listed(content.vary)
    found = [text_of(axis) for axis in common]
    for one in entries:
        found += [text_of(axis, one.label) for axis in own_axes(content, one, common)]
    return tuple(found)


def own_axes(content: Content, one: Entry, common: list[Together]) -> list[Together]:
    """The axes of one recipe that are not those of all."""
    return [axis for axis in axes_for(content, one)[1] if axis not in common]


def _rules(stop: Stop) -> list[str]:
    found = [name for name in ("not_finite", "failed") if getattr(stop, name)]
    return found + (["".join(stop.goal.split())] if stop.goal else [])
