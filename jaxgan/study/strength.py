"""What makes a discriminator stronger or weaker: `--d-skill lr=4,k=5,width=2,noise=0.1`."""

import math
from typing import Any, NamedTuple

from jaxgan.study.config import OptionError, nearest


class Skill(NamedTuple):
    """Changes of the discriminator that all else is held against."""

    lr: float = 1.0  # times its learning rate
    k: int = 1  # times its updates per update of the generator
    width: float = 1.0  # times its width
    noise: float = 0.0  # the share of labels that are flipped

    @property
    def name(self) -> str:
        """As it is given; "base" where nothing is changed.

        Example:
          >>> Skill(lr=0.25, k=2).name, Skill().name
          ('lr=0.25,k=2', 'base')
        """
        changed = [f"{f}={v:g}" for f, v, usual in zip(self._fields, self, Skill(), strict=True) if v != usual]
        return ",".join(changed) or "base"


def skills_from(texts: tuple[str, ...]) -> list[Skill]:
    """The base, and what each text says.

    Raises:
      OptionError: an unknown name, a value outside its range, or one skill twice.

    Example:
      >>> [skill.name for skill in skills_from(("lr=4,k=5",))]
      ['base', 'lr=4,k=5']
    """
    skills = [Skill(), *map(_parse, texts)]
    if len(set(skills)) < len(skills):
        raise OptionError("d_skill", f"got {', '.join(texts)}, expected each once and other than the base")
    return skills


def _parse(text: str) -> Skill:
    given: dict[str, Any] = {}
    for part in text.split(","):
        name, equals, value = part.strip().partition("=")
        if not equals:
            raise OptionError("d_skill", f"got {text!r}, expected NAME=VALUE,..., such as lr=4,k=5,width=2,noise=0.1")
        if name not in Skill._fields:
            raise OptionError("d_skill", f"got {name!r} in {text!r}; {nearest(name, Skill._fields)}")
        if name in given:
            raise OptionError("d_skill", f"got {name} twice in {text!r}, expected it once")
        given[name] = _number(name, value, text)
    return Skill(**given)


def _number(name: str, value: str, text: str) -> float | int:
    allowed = {
        "lr": "a finite number above 0, times the learning rate",
        "k": "a whole number of at least 1, times the updates",
        "width": "a finite number above 0, times the width",
        "noise": "a share of flipped labels, at least 0 and below 0.5",
    }[name]
    try:
        number = int(value) if name == "k" else float(value)
    except ValueError:
        number = -1
    good = {"k": number >= 1, "noise": 0 <= number < 0.5}.get(name, bool(0 < number < math.inf))
    if not good:
        raise OptionError("d_skill", f"got {name}={value} in {text!r}, expected {allowed}")
    return number
