"""The configuration of a study and its defaults by data set. Has no heavy imports."""

import dataclasses
import math
import shlex
from collections.abc import Mapping
from typing import Any

from jaxgan.files import StoreError
from jaxgan.study.limits import FLOAT, LIMITS, SETTINGS, check_intervals, check_limit
from jaxgan.study.messages import OptionError, expect, nearest


@dataclasses.dataclass(frozen=True)
class Config:
    """A study of configurations x seeds on one data set: everything that determines its numbers.

    Every configuration is a recipe with settings; a loss is the recipe `gan` with that loss. `set` holds settings as
    text: NAME=VALUE for all configurations, or LABEL:NAME=VALUE for those with that label or recipe. `vary` adds a grid
    of settings: every recipe is combined with every cell of the grid.
    """

    data: str
    loss: tuple[str, ...]
    recipe: tuple[str, ...]
    set: tuple[str, ...]
    seeds: int
    steps: int
    generator: str  # a registered network or the user's own; "": the default for the data
    discriminator: str
    network: tuple[str, ...]  # NAME=VALUE, for each of the two networks that has the field
    latent_dim: int
    width: int
    conditional: bool  # whether both networks are conditioned on the labels y
    samples: int
    evaluate_every: int  # steps between evaluations during training
    record_every: int  # steps between records of the series; 0: about 500 records per run
    probe: tuple[str, ...]  # the user's own probes
    failure_multiple: float | None  # None: no rule on a distance
    key: int
    split_seed: int
    image_size: int | None
    precision: str
    first_seed: int = 0  # the number of the first seed; seed numbers determine the random keys
    value_range: str = ""  # LOW,HIGH: the values of black and white; "": the range of the data type
    background: int | None = None  # the grey level behind transparent pixels; None: white
    vary: tuple[str, ...] = ()  # axes of a grid of settings, see `study.vary`
    stop: tuple[str, ...] = ()  # rules that end a run before its last step, see `study.stop_rules`
    features: str = ""  # the image features that metrics use; "": the default for the data
    common_latents: bool = False  # whether the generators of all seeds are evaluated on the same latents
    planned: tuple[str, ...] = ()  # METRIC:BETTER>THAN, claims that were made before the first run


# Tuned for the non-saturating loss, then used for every loss: at twice the learning rate of Radford et al. 2016 it
# generates recognizable digits in every seed within 1,200 steps. `failure_multiple` is a multiple of the Frechet
# distance between two sets of real images, which shrinks with the number of images: 1.6 on digits, 0.3 on MNIST.
_DIGITS = {"steps": 1200, "width": 32, "latent_dim": 64, "failure_multiple": 10.0, "samples": 5000}
_IMAGES = _DIGITS | {"steps": 4000, "failure_multiple": 200.0}
_MIXTURE = {"steps": 6000, "width": 128, "latent_dim": 2, "failure_multiple": None, "samples": 2500}
_POINTS = _MIXTURE | {"failure_multiple": 10.0}

# A U-Net does not use z, so its size is minimal.
_PAIRS = {"steps": 2000, "width": 32, "latent_dim": 1, "failure_multiple": None, "samples": 1000}

_GAN = {
    "digits": {"lr_d": 4e-4, "lr_g": 4e-4, "b1": 0.5, "batch_size": 64},
    "images": {"lr_d": 2e-4, "lr_g": 2e-4, "b1": 0.5, "batch_size": 64},
    "points": {"lr_d": 1e-3, "lr_g": 1e-3, "b1": 0.9, "batch_size": 256},
    "pairs": {"lr_d": 2e-4, "lr_g": 2e-4, "b1": 0.5, "batch_size": 64},
}
"""Settings of the recipe `gan` by kind of data; every other recipe has the settings of its paper."""

MIXTURES = ("ring", "grid", "polygons")
"""Data of the plane whose modes are known."""
INCEPTION = "inception:"
"""Prefix of a file with the weights of the FID network, as a name of features."""
PAIRS, REVERSED = "pairs:", "reversed-pairs:"
"""Prefixes of data sets of image pairs; the second swaps input and target."""
PRECISIONS = {
    "float32": "float32 throughout, on every device",
    "fast": "float32 storage, products in the device's fastest format: TF32 on recent GPUs, bfloat16 on TPUs",
    "bfloat16": "the networks compute in bfloat16; parameters, optimizer states, losses and samples stay float32",
}
SHORTHANDS = {
    "batch_size": "batch_size",
    "fake_batch_size": "fake_batch_size",
    "generator_batch_size": "generator_batch_size",
    "lr_d": "lr_d",
    "lr_g": "lr_g",
    "beta1": "b1",
    "d_steps": "d_steps",
    "ema": "ema",
}
"""Options that are shorthands for a setting of every configuration, and the name of the setting."""
REPEATED = ("loss", "recipe", "set", "network", "probe", "vary", "stop", "planned")
"""Options that can be repeated."""
OWN = ("loss", "recipe", "probe", "generator", "discriminator", "features")
"""Options that can name the user's own code, as path/to/file.py:name or package.module:name."""
GENTLE = {"steps": 2.5, "lr_d": 0.5, "lr_g": 0.5}
"""Factors on the defaults for slower learning over more steps, which makes the losses differ less."""
WITH_GENERATORS = ("compare", "train", "study")
"""Jobs whose runs have trained generators, to be sampled and evaluated."""
EVALUATIONS = 20  # the default number of evaluations during a run


def default_interval(steps: int) -> int:
    """Return the default number of steps between evaluations.

    Example:
      >>> default_interval(1200), default_interval(4)
      (60, 1)
    """
    return max(1, steps // EVALUATIONS)


def prefix_of(data: str) -> str:
    """Return the prefix of a data set of image pairs, or "" for other data.

    Example:
      >>> prefix_of("pairs:facades"), prefix_of("digits")
      ('pairs:', '')
    """
    return next((prefix for prefix in (PAIRS, REVERSED) if data.startswith(prefix)), "")


def kind_of(data: str, points: bool | None = None) -> str:
    """Return the kind of defaults of a data set: `digits`, `images`, `points` (also if `points` is True) or `pairs`."""
    if prefix_of(data):
        return "pairs"
    return "points" if data in MIXTURES or points else "digits" if data == "digits" else "images"


def defaults(data: str, points: bool | None = None) -> dict[str, Any]:
    """Return the defaults for `data`, except for the settings of recipes."""
    kind = kind_of(data, points)
    points_or_modes = _MIXTURE if data in MIXTURES else _POINTS
    by_kind = {"digits": _DIGITS, "images": _IMAGES, "points": points_or_modes, "pairs": _PAIRS}
    return {
        "data": data,
        "loss": () if kind == "pairs" else ("minimax", "non_saturating"),
        "recipe": ("pix2pix",) if kind == "pairs" else (),
        "set": (),
        "seeds": 8,
        "generator": "",
        "discriminator": "",
        "network": (),
        "conditional": False,
        "record_every": 0,
        "probe": (),
        **by_kind[kind],
        "key": 0,
        "split_seed": 0,
        "image_size": None,
        "value_range": "",
        "background": None,
        "precision": "float32",
        "first_seed": 0,
        "vary": (),
        "stop": (),
        "planned": (),
        "features": "",
        "common_latents": False,
    }


def gan_defaults(data: str, points: bool | None = None) -> dict[str, Any]:
    """Return the defaults of the recipe `gan` on `data`."""
    return _GAN[kind_of(data, points)]


def configure(given: Mapping[str, Any], *, gentle: bool = False, points: bool | None = None) -> Config:
    """Return the configuration for the given options, with every number checked.

    Args:
      given: options by name, including those of `SHORTHANDS`; None means not given.
      gentle: whether to scale the defaults by `GENTLE`.
      points: whether a data file holds points, which determines its defaults.

    Raises:
      OptionError: if a number is out of range or options are incompatible.

    Example:
      >>> configure({"data": "ring", "seeds": 4, "lr_d": 0.01}).set[:2]
      ('lr_d=0.01', 'gan:lr_g=0.001')
    """
    given = {name: value for name, value in given.items() if value is not None}
    data = given.get("data", "digits")
    expect("data", repr(data), bool(data), "a name or a path")
    for player in ("generator", "discriminator"):
        expect(player, repr(given.get(player)), given.get(player) != "", "a name, or path/to/file.py:Name")
    values = defaults(data, points)
    if given.get("recipe") and not given.get("loss"):
        values["loss"] = ()
    if given.get("loss") and not given.get("recipe"):
        values["recipe"] = ()
    _check_shorthands(given)
    settings = [f"{SHORTHANDS[name]}={given.pop(name)}" for name in SHORTHANDS if name in given]
    settings = [*given.pop("set", ()), *settings]
    if values["failure_multiple"] is None and "failure_multiple" in given:
        why = "pairs are judged by no distance" if prefix_of(data) else f"{data} has modes, and no Fréchet distance"
        raise OptionError("failure_multiple", f"{why}; leave it out")
    if gentle:
        if not given.get("loss", values["loss"]):
            raise OptionError("gentle", "scales the default learning rates, and recipes set their own; drop it")
        values["steps"] = int(GENTLE["steps"] * values["steps"])
    values |= given
    for name in REPEATED:
        values[name] = tuple(values[name])
    values["set"] = (*settings, *_gan_settings(values, settings, gentle, points))
    values.setdefault("evaluate_every", default_interval(values["steps"]))
    config = Config(**values)
    _check(config)
    return config


def from_stored(stored: Mapping[str, Any], run: str = "the run") -> Config:
    """Restore a configuration that was stored as JSON.

    Raises:
      StoreError: if it has other fields, as those of another version; the message begins with `run`.
    """
    try:
        return Config(**(dict(stored) | {name: tuple(stored.get(name, ())) for name in REPEATED}))
    except TypeError as error:
        raise StoreError(f"{run} was started by another version of jaxgan") from error


def as_stored(config: Config) -> dict[str, Any]:
    """Return the configuration as it reads back from JSON."""
    return {n: list(v) if isinstance(v, tuple) else v for n, v in dataclasses.asdict(config).items()}


def seed_numbers(config: Config) -> range:
    """Return the numbers of the seeds, which determine their keys.

    Example:
      >>> seed_numbers(configure({"seeds": 4, "first_seed": 8}))
      range(8, 12)
    """
    return range(config.first_seed, config.first_seed + config.seeds)


def own_code(config: Config) -> tuple[str, ...]:
    """Return the names of the user's own code in the configuration.

    Example:
      >>> own_code(configure({"loss": ("minimax", "mine.py:hinge")}))
      ('mine.py:hinge',)
    """
    values = [getattr(config, option) for option in OWN]
    names = [name for value in values for name in ((value,) if isinstance(value, str) else value)]
    return tuple(filter(is_own, names))


def is_own(name: str) -> bool:
    """Return whether the name given for an option refers to the user's own code.

    Example:
      >>> [is_own(name) for name in ("hinge", "mine.py:hinge", "inception:weights.pth")]
      [False, True, False]
    """
    return ":" in name and not name.startswith(INCEPTION)


def split_label(name: str) -> tuple[str, str]:
    """Return the label of a loss or a recipe given as LABEL=NAME, "" if it has none, and its name.

    A folder may have an equals sign in its name, a label has no slash.

    Example:
      >>> split_label("mine=runs/lr=0.1/loss.py:f"), split_label("runs/lr=0.1/loss.py:f"), split_label("hinge")
      (('mine', 'runs/lr=0.1/loss.py:f'), ('', 'runs/lr=0.1/loss.py:f'), ('', 'hinge'))
    """
    label, equals, rest = name.partition("=")
    return (label, rest) if equals and "/" not in label else ("", name)


def black_and_white(config: Config) -> tuple[float, float] | None:
    """Return the values of black and white, or None if they were not given.

    Raises:
      OptionError: if `value_range` is not two numbers, the lower one first.

    Example:
      >>> black_and_white(configure({"data": "scans.npz", "value_range": "-3,4.5"}))
      (-3.0, 4.5)
    """
    if not config.value_range:
        return None
    try:
        low, high = (float(text) for text in config.value_range.split(","))
    except ValueError:
        low = high = math.nan
    ordered = -FLOAT < low < high < FLOAT
    expect("value_range", repr(config.value_range), ordered, "LOW,HIGH such as 0,255, the lower one first")
    return low, high


def command_line(job: str, config: Config) -> str:
    """Return the command that repeats the run with all options; settings from recipes are only in `config.json`."""
    return shlex.join(["jaxgan", job, *option_words(config)])


def option_words(options: Any, hidden: tuple[str, ...] = (), names: Mapping[str, str] | None = None) -> list[str]:
    """Return the fields of a dataclass of options as command-line words, to the last digit.

    Args:
      options: a `Config`, or the options of a profile.
      hidden: fields to leave out.
      names: the options of fields that have another name.
    """
    words: list[str] = []
    for field in dataclasses.fields(options):
        value, option = getattr(options, field.name), (names or {}).get(field.name, f"--{field.name.replace('_', '-')}")
        if field.name in hidden or value is None or value is False or value == "":
            continue
        for item in value if isinstance(value, tuple) else (value,):
            words += [option] if item is True else [option, str(item)]
    return words


def _gan_settings(values: dict[str, Any], settings: list[str], gentle: bool, points: bool | None) -> list[str]:
    """Return the default settings of `gan` for the data, except those that are given."""
    if not values["loss"]:
        return []
    named = {text.partition("=")[0].removeprefix("gan:") for text in settings}
    found = gan_defaults(values["data"], points)
    if gentle:
        found = found | {name: GENTLE[name] * found[name] for name in ("lr_d", "lr_g")}
    return [f"gan:{name}={value}" for name, value in found.items() if name not in named]


def _check_shorthands(given: Mapping[str, Any]) -> None:
    for name, setting in SHORTHANDS.items():
        if name in given:
            expect(name, given[name], SETTINGS[setting].holds(given[name]), str(SETTINGS[setting]))


def _check(config: Config) -> None:
    for name in REPEATED:
        names = getattr(config, name)
        expect(name, repr(names), all(names), "names")
        if name != "set":
            expect(name, ", ".join(names), len(set(names)) == len(names), f"each {name} once")
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if field.name in LIMITS and value is not None:
            check_limit(field.name, value)
    check_intervals(config.steps, config.evaluate_every, config.record_every)
    black_and_white(config)
    if config.precision not in PRECISIONS:
        raise OptionError("precision", f"got {config.precision!r}; {nearest(config.precision, PRECISIONS)}")
