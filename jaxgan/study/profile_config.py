"""What a profile is asked to do beside what a study is: names, numbers and their defaults. Imports nothing heavy."""

import dataclasses
import math
import shlex
from typing import Any, Literal

from jaxgan.study.config import Config, OptionError

LOSSES = ("minimax", "non_saturating", "wasserstein", "hinge")
Kind = Literal["paper", "train", "frozen"]


@dataclasses.dataclass(frozen=True)
class Wanted:
    """What is measured, and how."""

    loss: tuple[str, ...] = LOSSES
    threshold: float = 1e-2  # of the derivative by the logit, below which a sample is saturated
    minibatches: int | None = None  # None: 4 in training, 8 against frozen generators
    every: int = 50  # steps between two looks, in training
    ages: tuple[str, ...] = ()  # steps, or epochs with an "e"; (): of images 1, 10 and 25 epochs, of points steps
    d_iterations: int = 2000  # steps of a discriminator from scratch
    d_loss: str = "non_saturating"  # whose discriminator's part it minimizes
    d_skill: tuple[str, ...] = ()
    probes: int = 100  # looks along these steps


OF_TRAINING = ("every",)
NOT_FROZEN = ("steps", "samples", "failure_multiple")  # of training: generators are trained to their ages
OF_FROZEN = ("ages", "d_iterations", "d_loss", "probes")
_POINTS, _IMAGES = ("100", "1000", "3000"), ("1e", "10e", "25e")


def wanted_from(kind: Kind, given: dict[str, Any]) -> Wanted:
    """The options of a profile from what the user gave (None or (): not given), with every number checked.

    Raises:
      OptionError: a number outside its range, or an option of another kind of profile.
    """
    given = {name: value for name, value in given.items() if value not in (None, ())}
    allowed = {"paper": ("loss", "threshold"), "train": OF_TRAINING, "frozen": OF_FROZEN}
    for name in given:
        where = next((flag for flag in ("train", "frozen") if name in allowed[flag]), None)
        if where is not None and kind != where:
            raise OptionError(name, f"is for --{where}; add that, or leave it out")
        if kind == "paper" and name not in allowed["paper"]:
            raise OptionError(name, "is for --train and --frozen; add one of them, or leave it out")
    wanted = Wanted(**given)
    for name in ("minibatches", "every", "d_iterations"):
        value = getattr(wanted, name)
        if value is not None and value < 1:
            raise OptionError(name, f"got {value}, expected at least 1")
    if wanted.probes < 2:
        raise OptionError("probes", f"got {wanted.probes}, expected at least 2")
    if not 0 < wanted.threshold < math.inf:
        raise OptionError("threshold", f"got {wanted.threshold:g}, expected a finite number above 0")
    if len(set(wanted.loss)) < len(wanted.loss):
        raise OptionError("loss", f"got {', '.join(wanted.loss)}, expected each loss once")
    return wanted


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
        if not 0 <= value < math.inf or (not in_epochs and value != int(value)):
            raise OptionError("ages", f"got {text!r}, expected steps such as 100, or epochs such as 10e")
        ages.append(round(value))
    if sorted(set(ages)) != ages:
        raise OptionError("ages", f"got {', '.join(texts)}, that is steps {ages}, expected them to increase")
    return tuple(ages)


def command_line(kind: Kind, wanted: Wanted, config: Config | None) -> str:
    """The command that repeats the profile, every option spelled out."""
    words = ["jaxgan", "profile", *([] if kind == "paper" else [f"--{kind}"])]
    others = {"paper": (*OF_FROZEN, *OF_TRAINING, "minibatches", "d_skill"), "train": OF_FROZEN, "frozen": OF_TRAINING}
    names = [field.name for field in dataclasses.fields(wanted) if field.name not in others[kind]]
    shown = [(f"--{name.replace('_', '-')}", getattr(wanted, name)) for name in names]
    for field in dataclasses.fields(config) if config is not None else ():
        if field.name in NOT_FROZEN and kind == "frozen":
            continue
        name = "--train-loss" if field.name == "loss" else f"--{field.name.replace('_', '-')}"
        shown.append((name, getattr(config, field.name)))
    for name, value in shown:
        if name == "--ages":
            words += [] if not value else [name, ",".join(value)]
            continue
        for item in value if isinstance(value, tuple) else (value,):
            words += [] if item is None else [name, f"{item:g}" if isinstance(item, float) else str(item)]
    return shlex.join(words)
