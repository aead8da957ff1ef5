"""What a profile is asked to do beside what a study is: names, numbers and their defaults. Imports nothing heavy."""

import dataclasses
import math
import shlex
from collections.abc import Mapping
from typing import Any, Literal

from jaxgan.study.config import Config, option_words
from jaxgan.study.limits import LARGEST, LIMITS, check_limit
from jaxgan.study.messages import OptionError

LOSSES = ("minimax", "non_saturating", "wasserstein", "hinge")
Kind = Literal["paper", "train", "frozen"]


@dataclasses.dataclass(frozen=True)
class ProfileConfig:
    """What is measured, and how."""

    loss: tuple[str, ...] = LOSSES
    threshold: float = 1e-2  # of the derivative with respect to the logit, below which a sample is saturated
    minibatches: int | None = None  # None: 4 in training, 8 against frozen generators
    ages: tuple[str, ...] = ()  # steps, or epochs with an "e"; (): of images 1, 10 and 25 epochs, of points steps
    d_iterations: int = 2000  # steps of a discriminator from scratch
    d_loss: str = "non_saturating"  # whose discriminator's part it minimizes
    d_strength: tuple[str, ...] = ()
    probes: int = 100  # along these steps


EVERY = 50  # steps between two measurements along training, by default
# Of training: against frozen generators they are trained to their ages, and not measured.
NOT_FROZEN = (
    "steps",
    "samples",
    "failure_multiple",
    "evaluate_every",
    "record_every",
    "probe",
    "features",
    "common_latents",
)
OF_FROZEN = ("ages", "d_iterations", "d_loss", "probes")
_POINTS, _IMAGES = ("100", "1000", "3000"), ("1e", "10e", "25e")


def profile_from(kind: Kind, given: dict[str, Any]) -> ProfileConfig:
    """The options of a profile from what the user gave (None or (): not given), with every number checked.

    Raises:
      OptionError: a number outside its range, or an option of another kind of profile.
    """
    given = {name: value for name, value in given.items() if value not in (None, ())}
    for name in given:
        if name in OF_FROZEN and kind != "frozen":
            raise OptionError(name, "is for --frozen; add that, or leave it out")
        if kind == "paper" and name not in ("loss", "threshold"):
            raise OptionError(name, "is for --train and --frozen; add one of them, or leave it out")
    profile = ProfileConfig(**given)
    for name in ("minibatches", "d_iterations", "probes", "threshold"):
        if (value := getattr(profile, name)) is not None:
            check_limit(name, value)
    if len(set(profile.loss)) < len(profile.loss):
        raise OptionError("loss", f"got {', '.join(profile.loss)}, expected each loss once")
    return profile


def stored_profile(stored: Mapping[str, Any]) -> ProfileConfig:
    """The options as `dataclasses.asdict` and JSON left them."""
    values: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in stored.items()}
    return ProfileConfig(**values)


def ages_in_steps(texts: tuple[str, ...], steps_per_epoch: float | None) -> tuple[int, ...]:
    """Ages in steps of the generator, from steps or from epochs.

    An epoch is as many steps as the discriminator's batches of real examples take to number the training examples.

    Raises:
      OptionError: a text that is no age, epochs of data without a size, or ages that do not increase.

    Example:
      >>> ages_in_steps(("1e", "10e", "25e"), 1797 / 64), ages_in_steps(("0", "100"), None)
      ((28, 281, 702), (0, 100))
    """
    ages = []
    for text in texts or (_IMAGES if steps_per_epoch else _POINTS):
        in_epochs = text.endswith("e")
        if in_epochs and not steps_per_epoch:
            raise OptionError("ages", f"got {text}, but the data have no size, and no epochs; expected steps")
        try:
            value = float(text.removesuffix("e")) * (steps_per_epoch if in_epochs and steps_per_epoch else 1)
        except ValueError:
            value = math.nan
        if not LIMITS["ages"].holds(value) or (not in_epochs and value != int(value)):
            raise OptionError("ages", f"got {text!r}, expected steps such as 100, or epochs such as 10e, at "
                              f"most {LARGEST:,} steps")  # fmt: skip
        ages.append(round(value))
    if sorted(set(ages)) != ages:
        raise OptionError("ages", f"got {', '.join(texts)}, that is steps {ages}, expected them to increase")
    return tuple(ages)


def command_line(kind: Kind, profile: ProfileConfig, config: Config | None) -> str:
    """The command that repeats the profile, every option spelled out."""
    words = ["jaxgan", "profile", *([] if kind == "paper" else [f"--{kind}"])]
    left_out = {"paper": (*OF_FROZEN, "minibatches", "d_strength"), "train": OF_FROZEN, "frozen": ()}[kind]
    for field in dataclasses.fields(profile):
        value, option = getattr(profile, field.name), f"--{field.name.replace('_', '-')}"
        if field.name in left_out or value in (None, ()):
            continue
        if field.name == "ages":
            value = ",".join(value)
        for item in value if isinstance(value, tuple) else (value,):
            words += [option, f"{item:g}" if isinstance(item, float) else str(item)]
    if config is not None:
        hidden = NOT_FROZEN if kind == "frozen" else ()
        words += option_words(config, hidden, names={"loss": "--train-loss"})
    return shlex.join(words)
