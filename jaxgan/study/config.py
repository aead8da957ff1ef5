"""What a run is asked to do: names and numbers, and their defaults by data set. Imports nothing heavy."""

import dataclasses
import difflib
import shlex
from collections.abc import Iterable
from typing import Any


class OptionError(ValueError):
    """One line that names the option, what came and what is allowed."""

    def __init__(self, option: str, message: str):
        super().__init__(f"--{option.replace('_', '-')}: {message}")


@dataclasses.dataclass(frozen=True)
class Config:
    """One study: losses or recipes x seeds on one data set. Everything that determines its numbers is here.

    Of a recipe's own settings None means the recipe's default.
    """

    data: str
    loss: tuple[str, ...]
    recipe: tuple[str, ...]
    set: tuple[str, ...]  # NAME=VALUE, settings of the recipes
    seeds: int
    steps: int
    batch_size: int | None
    fake_batch_size: int | None
    generator_batch_size: int | None
    lr_d: float | None
    lr_g: float | None
    beta1: float | None
    d_steps: int | None
    latent_dim: int
    width: int
    ema: float | None
    samples: int
    failure_multiple: float | None  # None: the data have no Frechet distance
    key: int
    split_seed: int
    image_size: int | None
    precision: str


# Chosen by how the practical loss does, then used for every loss: at twice the rate of Radford et al. 2016
# it writes recognizable digits in every seed within 1,200 steps. The Frechet distance of real against real images,
# of which `failure_multiple` is a multiple, shrinks with the number of images: 1.6 on digits, 0.3 on MNIST.
_DIGITS = {
    "steps": 1200,
    "lr_d": 4e-4,
    "lr_g": 4e-4,
    "width": 32,
    "batch_size": 64,
    "beta1": 0.5,
    "latent_dim": 64,
    "failure_multiple": 10.0,
}
_IMAGES = _DIGITS | {"steps": 4000, "lr_d": 2e-4, "lr_g": 2e-4, "failure_multiple": 200.0}
_POINTS = _DIGITS | {
    "steps": 6000,
    "lr_d": 1e-3,
    "lr_g": 1e-3,
    "width": 128,
    "batch_size": 256,
    "beta1": 0.9,
    "latent_dim": 2,
    "failure_multiple": None,
}
PRECISIONS = {
    "float32": "float32 throughout, on every device",
    "fast": "float32 kept, products in what the device is fastest at: TF32 on recent GPUs, bfloat16 on TPUs",
    "bfloat16": "the networks compute in bfloat16; parameters, optimizer states, losses and samples stay float32",
}
RECIPES_OWN = ("batch_size", "fake_batch_size", "generator_batch_size", "lr_d", "lr_g", "beta1", "d_steps")
"""Options that a recipe sets where they are not given."""
NAMES = ("loss", "recipe", "set")
"""Options that can be given several times."""
GENTLE = {"steps": 2.5, "lr_d": 0.5, "lr_g": 0.5}
"""Slower learning over more steps, in which the losses differ less: factors on the defaults."""


def defaults(data: str) -> dict[str, Any]:
    """What is used for `data` where nothing is said."""
    points = data in ("ring", "grid")
    return {
        "data": data,
        "loss": ("minimax", "non_saturating"),
        "recipe": (),
        "set": (),
        "seeds": 8,
        **(_POINTS if points else _DIGITS if data == "digits" else _IMAGES),
        "d_steps": 1,
        "ema": None,
        "samples": 2500 if points else 5000,
        "key": 0,
        "split_seed": 0,
        "image_size": None,
        "precision": "float32",
    }


def configure(given: dict[str, Any], *, gentle: bool = False) -> Config:
    """The configuration from what the user gave (None: not given), with every number checked.

    Raises:
      OptionError: a number outside its range, or options that do not go together.

    Example:
      >>> configure({"data": "ring", "seeds": 4}).batch_size
      256
    """
    given = {name: value for name, value in given.items() if value is not None}
    data = given.get("data", "digits")
    _check("data", repr(data), bool(data), "a name or a path")
    values = defaults(data)
    if given.get("recipe"):
        if given.get("loss"):
            raise OptionError("recipe", "comes with a loss of its own; leave --loss out")
        if gentle:
            raise OptionError("gentle", "is about the default rates, and a recipe has its own; leave it out")
        values |= {"loss": ()} | dict.fromkeys(RECIPES_OWN)
    elif given.get("set"):
        raise OptionError("set", "is for the settings of a recipe; add --recipe")
    if gentle:
        values |= {name: type(values[name])(factor * values[name]) for name, factor in GENTLE.items()}
    if values["failure_multiple"] is None and "failure_multiple" in given:
        raise OptionError("failure_multiple", f"{data} has modes, and no Fréchet distance; leave it out")
    values |= given
    for name in NAMES:
        values[name] = tuple(values[name])
        _check(name, repr(values[name]), all(values[name]), "names")
    for name in ("fake_batch_size", "generator_batch_size"):
        values.setdefault(name, values["batch_size"])
    config = Config(**values)
    for name in (
        "seeds",
        "steps",
        "batch_size",
        "fake_batch_size",
        "generator_batch_size",
        "d_steps",
        "latent_dim",
        "width",
    ):
        value = getattr(config, name)
        _check(name, value, value is None or value >= 1, "at least 1")
    for name in ("lr_d", "lr_g"):
        value = getattr(config, name)
        _check(name, value, value is None or 0 <= value < float("inf"), "a finite number, 0 or more")
    _check("beta1", config.beta1, config.beta1 is None or 0 <= config.beta1 < 1, "at least 0 and below 1")
    _check("ema", config.ema, config.ema is None or 0 <= config.ema < 1, "at least 0 and below 1")
    _check("samples", config.samples, config.samples >= 2, "at least 2")
    multiple = config.failure_multiple
    _check("failure_multiple", multiple, multiple is None or 1 < multiple < float("inf"), "a finite number above 1")
    _check("split_seed", config.split_seed, 0 <= config.split_seed < 2**32, "from 0 to 2^32 - 1")
    _check("image_size", config.image_size, config.image_size is None or config.image_size >= 1, "at least 1")
    _check("key", config.key, 0 <= config.key < 2**32, "from 0 to 2^32 - 1")
    if config.precision not in PRECISIONS:
        raise OptionError("precision", f"got {config.precision!r}; {nearest(config.precision, PRECISIONS)}")
    for option in ("loss", "recipe"):
        names = getattr(config, option)
        _check(option, ", ".join(names), len(set(names)) == len(names), f"each {option} once")
    return config


def from_stored(stored: dict[str, Any]) -> Config:
    """The configuration as `dataclasses.asdict` and JSON left it."""
    return Config(**(stored | {name: tuple(stored[name]) for name in NAMES}))


def command_line(job: str, config: Config) -> str:
    """The command that repeats the run, every option spelled out; what a recipe sets itself is in `config.json`."""
    words = ["jaxgan", job]
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        for item in value if isinstance(value, tuple) else (value,):
            if item is not None:
                words += [f"--{field.name.replace('_', '-')}", str(item)]
    return shlex.join(words)


def counted(n: int, noun: str) -> str:
    """A number and its noun.

    Example:
      >>> counted(1, "seed"), counted(1200, "step")
      ('1 seed', '1,200 steps')
    """
    return f"{n:,} {noun}" + ("" if n == 1 else "s")


def nearest(word: str, known: Iterable[str]) -> str:
    """The end of a message about an unknown name: the nearest one, and all that can be named."""
    known = sorted(known)
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    return (f"did you mean {close[0]!r}? " if close else "") + f"known: {', '.join(known)}"


def _check(name: str, value: Any, good: bool, allowed: str) -> None:
    if not good:
        raise OptionError(name, f"got {value}, expected {allowed}")
