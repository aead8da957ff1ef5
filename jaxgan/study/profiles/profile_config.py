"""The options of a profile in addition to those of a study, and their defaults. Has no heavy imports."""

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
    """What a profile measures, and how."""

    loss: tuple[str, ...] = LOSSES
    threshold: float = 1e-2  # a sample is saturated if the derivative with respect to its logit is below this
    minibatches: int | None = None  # None: 4 in training, 8 against frozen generators
    ages: tuple[str, ...] = ()  # steps, or epochs with an "e"; (): of images 1, 10 and 25 epochs, of points steps
    d_iterations: int = 2000  # steps of a discriminator from scratch
    d_loss: str = "non_saturating"  # the loss that the discriminator minimizes
    d_strength: tuple[str, ...] = ()
    probes: int = 100  # number of measurements during these steps


EVERY = 50  # the default number of steps between measurements during training
# Options that only apply to training: frozen generators are trained to their ages and not measured meanwhile.
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
    """Return the options of a profile, with every number checked; None or () means not given.

    Raises:
      OptionError: if a number is out of range or an option belongs to another kind of profile.
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
    """Convert ages given in steps or in epochs to steps of the generator.

    An epoch is the number of steps in which the discriminator draws as many real examples as there are in training.

    Raises:
      OptionError: if a text is not an age, epochs are used with data of unlimited size, or ages do not increase.

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
    """Return the command that repeats the profile, with all options."""
    words = ["jaxgan", "profile", *([] if kind == "paper" else [f"--{kind}"])]
    left_out = {"paper": (*OF_FROZEN, "minibatches", "d_strength"), "train": OF_FROZEN, "frozen": ()}[kind]
    words += option_words(profile, left_out)
    if config is not None:
        hidden = NOT_FROZEN if kind == "frozen" else ()
        words += option_words(config, hidden, names={"loss": "--train-loss"})
    return shlex.join(words)
