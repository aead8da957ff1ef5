"""Settings that make a discriminator stronger or weaker: `--d-strength lr=4,k=5,width=2,noise=0.1`."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from jaxgan.study.limits import SETTINGS
from jaxgan.study.messages import OptionError, nearest

_HIGHEST = 10_000  # largest factor; the product is checked separately


class DiscriminatorStrength(NamedTuple):
    """Changes to the base discriminator."""

    lr: float = 1.0  # factor on its learning rate
    k: int = 1  # factor on its updates per generator update
    width: float = 1.0  # factor on its width
    noise: float = 0.0  # share of labels that are flipped

    @property
    def name(self) -> str:
        """Return the changes as written on the command line; "base" if there are none.

        Example:
          >>> DiscriminatorStrength(lr=0.25, k=2).name, DiscriminatorStrength().name
          ('lr=0.25,k=2', 'base')
        """
        pairs = zip(self._asdict().items(), DiscriminatorStrength(), strict=True)
        return ",".join(f"{field}={value:g}" for (field, value), usual in pairs if value != usual) or "base"

    def applied_to(self, label: str, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Return a recipe's settings with these changes to the discriminator's learning rate, updates and label noise.

        Raises:
          OptionError: if the recipe lacks such a setting, or the product is out of range.
        """
        changed = dict(settings)
        for name, factor in (("lr_d", self.lr), ("d_steps", self.k)):
            if factor != 1:
                if not isinstance(settings.get(name), int | float):
                    raise OptionError("d_strength", f"{label} has no number {name} to multiply by {factor:g}")
                changed[name] = settings[name] * factor
                if not SETTINGS[name].holds(changed[name]):
                    raise OptionError("d_strength", f"got {name} {settings[name]:g} times {factor:g}, expected "
                                      f"{SETTINGS[name]}")  # fmt: skip
        if self.noise:
            if "label_noise" not in settings:
                raise OptionError("d_strength", f"noise={self.noise:g} is for losses, and {label} is a recipe")
            changed["label_noise"] = self.noise
        return changed


BASE = DiscriminatorStrength()


def strengths_from(texts: tuple[str, ...]) -> list[DiscriminatorStrength]:
    """Return the base strength and the parsed ones.

    Raises:
      OptionError: if a name is unknown, a value is out of range, or a strength occurs twice.

    Example:
      >>> [strength.name for strength in strengths_from(("lr=4,k=5",))]
      ['base', 'lr=4,k=5']
    """
    strengths = [DiscriminatorStrength(), *map(_parse, texts)]
    if len(set(strengths)) < len(strengths):
        raise OptionError("d_strength", f"got {', '.join(texts)}, expected each once and other than the base")
    return strengths


def _parse(text: str) -> DiscriminatorStrength:
    given: dict[str, Any] = {}
    for part in text.split(","):
        name, equals, value = part.strip().partition("=")
        if not equals:
            example = "such as lr=4,k=5,width=2,noise=0.1"
            raise OptionError("d_strength", f"got {text!r}, expected NAME=VALUE,..., {example}")
        if name not in DiscriminatorStrength._fields:
            known = nearest(name, DiscriminatorStrength._fields)
            raise OptionError("d_strength", f"got {name!r} in {text!r}; {known}")
        if name in given:
            raise OptionError("d_strength", f"got {name} twice in {text!r}, expected it once")
        given[name] = _number(name, value, text)
    return DiscriminatorStrength(**given)


def _number(name: str, value: str, text: str) -> float | int:
    allowed = {
        "lr": f"a finite number above 0 and at most {_HIGHEST:,}, times the learning rate",
        "k": f"a whole number of at least 1 and at most {_HIGHEST:,}, times the updates",
        "width": f"a finite number above 0 and at most {_HIGHEST:,}, times the width",
        "noise": "a share of flipped labels, at least 0 and below 0.5",
    }[name]
    try:
        number = int(value) if name == "k" else float(value)
    except ValueError:
        number = -1
    good = {"k": 1 <= number <= _HIGHEST, "noise": 0 <= number < 0.5}.get(name, 0 < number <= _HIGHEST)
    if not good:
        raise OptionError("d_strength", f"got {name}={value} in {text!r}, expected {allowed}")
    return number
