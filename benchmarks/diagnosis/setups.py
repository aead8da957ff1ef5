"""Set-ups that fail by a known mechanism, and healthy ones, with the outcome that the mechanism leads to.

Half of them are used to choose thresholds, the other half, with other keys, to test them. No failure is made on the
same data set in both halves, but digits and moons occur in both. The expected outcome follows from the construction of
a set-up, and was not changed after its numbers had been seen. Set-ups themselves were changed: they were made stronger
or longer, or left out, if the mechanism did not work as intended.
"""

import os
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.diagnosis.inputs import FILES
from jaxgan.diagnostics import Outcome

CHOOSING, TESTING = "choosing", "testing"
_OWN = "benchmarks.diagnosis.parts:"


class SetUp(NamedTuple):
    """One configuration, trained with several seeds."""

    name: str
    half: str  # CHOOSING or TESTING
    data: str  # the name of a data set of the library, or a file of `inputs.FILES`
    mechanism: str
    expected: Outcome
    options: Mapping[str, Any]  # of `jg.run_study("train", ...)`
    second: tuple[Outcome, ...] = ()  # other codes that are also right

    @property
    def healthy(self) -> bool:
        return self.expected == Outcome.HEALTHY

    def accepts(self, outcome: str) -> bool:
        return outcome in {code.name for code in (self.expected, *self.second)}


def given(setup: SetUp, inputs: Path, seeds: int) -> dict[str, Any]:
    """Return the options of a study; every set-up has a different key."""
    file = inputs / f"{setup.data}.npz"
    own = {"data": str(file) if setup.data in FILES else setup.data, "seeds": seeds, "key": _key(setup)}
    return {**dict(setup.options), **own}


def absent(setup: SetUp) -> str:
    """Return why a set-up cannot be run here; "" if it can."""
    if setup.data.startswith("tfds:") and not os.environ.get("TFDS_DATA_DIR"):
        return f"{setup.data} needs TFDS_DATA_DIR"
    return ""


def _key(setup: SetUp) -> int:
    """Return a key that was not used while the rules were developed, so that no run inspected then is counted."""
    return zlib.crc32(f"{setup.name}, counted".encode()) % 2**31


def _points(steps: int = 3000, **more: Any) -> dict[str, Any]:
    """Return options for points: small networks and batches, 20 probes."""
    common = {"steps": steps, "width": 64, "latent_dim": 2, "samples": 1000, "evaluate_every": max(1, steps // 20)}
    return common | more


def _images(steps: int = 1000, **more: Any) -> dict[str, Any]:
    common = {"steps": steps, "width": 16, "latent_dim": 32, "samples": 1000, "evaluate_every": max(1, steps // 20)}
    return common | more


def _gan(loss: str, **settings: Any) -> dict[str, Any]:
    return {"loss": (loss,), "set": tuple(f"{name}={value}" for name, value in settings.items())}


def _recipe(name: str, **settings: Any) -> dict[str, Any]:
    return {"recipe": (name,), "set": tuple(f"{name}={value}" for name, value in settings.items())}


def _generator(name: str, **fields: Any) -> dict[str, Any]:
    texts = tuple(f"generator:{field}={value}" for field, value in fields.items())
    return {"generator": f"{_OWN}{name}"} | ({"network": texts} if texts else {})


SETUPS = (
    # healthy
    SetUp("ring-r1", CHOOSING, "ring", "R1, RMSprop, an average of the generator", Outcome.HEALTHY,
          _points(4000) | _recipe("r1_gan", gamma=0.1, lr_g=0.002, lr_d=0.002, ema=0.99)),
    SetUp("ring-r3gan", CHOOSING, "ring", "paired relativistic loss with R1 and R2, an average", Outcome.HEALTHY,
          _points(4000) | _recipe("r3gan", gamma=0.1, lr_g=0.002, lr_d=0.002, ema=0.99)),
    SetUp("digits-practical", CHOOSING, "digits", "the practical loss at the library's settings", Outcome.HEALTHY,
          _images(2000) | _gan("non_saturating", ema=0.99)),
    SetUp("moons-r1", CHOOSING, "moons", "R1 on points without known modes", Outcome.HEALTHY,
          _points(4000) | _recipe("r1_gan", gamma=0.1, lr_g=0.002, lr_d=0.002, ema=0.99)),
    SetUp("grid-r3gan", TESTING, "grid", "R1 and R2, weaker for the wider data, an average", Outcome.HEALTHY,
          _points(12000, width=128)
          | _recipe("r3gan", gamma=0.02, lr_g=0.004, lr_d=0.004, ema=0.998, batch_size=256)),
    SetUp("bare-digits-practical", TESTING, "bare-digits", "the practical loss, images without labels", Outcome.HEALTHY,
          _images(2000) | _gan("non_saturating", lr_g=4e-4, lr_d=4e-4, ema=0.99)),
    SetUp("mnist-practical", TESTING, "tfds:mnist", "the practical loss at the library's settings, 16 x 16 pixels",
          Outcome.HEALTHY, _images(2000, image_size=16) | _gan("non_saturating", ema=0.99)),
    SetUp("spiral-r1", TESTING, "spiral", "R1 on points without known modes", Outcome.HEALTHY,
          _points(6000) | _recipe("r1_gan", gamma=0.05, lr_g=0.002, lr_d=0.002, ema=0.995)),
    # failing
    SetUp("ring-descent-too-fast", CHOOSING, "ring", "gradient descent at a rate of 30", Outcome.DIVERGED,
          _points(1000) | _recipe(_OWN + "descent", lr_g=30.0, lr_d=30.0)),
    SetUp("ring-growing-rates", CHOOSING, "ring", "learning rates grow tenfold every 500 steps", Outcome.DIVERGED,
          _points() | _recipe(_OWN + "growing_rates", lr_g=1e-3, lr_d=1e-3)),
    SetUp("moons-growing-rates", TESTING, "moons", "learning rates grow tenfold every 500 steps", Outcome.DIVERGED,
          _points() | _recipe(_OWN + "growing_rates", lr_g=1e-3, lr_d=1e-3)),
    SetUp("grid-log-of-score", TESTING, "grid", "a loss of one's own takes the logarithm of what may be negative",
          Outcome.DIVERGED, _points() | _gan(_OWN + "log_of_score", lr_g=1e-3, lr_d=1e-3)),
    SetUp("digits-saturating", CHOOSING, "digits", "the saturating loss against a D with 5 fast updates a step",
          Outcome.GRADIENT_VANISHED, _images(600) | _gan("minimax", lr_g=2e-4, lr_d=2e-3, d_steps=5),
          (Outcome.DISCRIMINATOR_DOMINATES,)),
    SetUp("grid-saturating", TESTING, "grid", "the saturating loss against a D with 5 fast updates a step",
          Outcome.GRADIENT_VANISHED, _points(width=64) | _gan("minimax", lr_g=2e-4, lr_d=1e-2, d_steps=5),
          (Outcome.DISCRIMINATOR_DOMINATES,)),
    SetUp("ring-fast-d", CHOOSING, "ring", "D learns 64 times as fast, 5 updates a step",
          Outcome.DISCRIMINATOR_DOMINATES, _points() | _gan("non_saturating", lr_g=1e-4, lr_d=6.4e-3, d_steps=5),
          (Outcome.NOT_LEARNED,)),
    SetUp("digits-slow-g", TESTING, "digits", "G learns at a thousandth of the rate", Outcome.DISCRIMINATOR_DOMINATES,
          _images(600) | _gan("non_saturating", lr_g=4e-7, lr_d=4e-4), (Outcome.NOT_LEARNED,)),
    SetUp("spiral-fast-d", TESTING, "spiral", "hinge, D learns 64 times as fast, 5 updates a step",
          Outcome.DISCRIMINATOR_DOMINATES,
          _points() | _gan("hinge", lr_g=1e-4, lr_d=6.4e-3, d_steps=5), (Outcome.NOT_LEARNED,)),
    SetUp("ring-slow-d", CHOOSING, "ring", "D learns at a thousandth of the rate", Outcome.GENERATOR_DOMINATES,
          _points() | _gan("non_saturating", lr_g=1e-3, lr_d=1e-6), (Outcome.JUNK,)),
    SetUp("grid-linear-d", TESTING, "grid", "a linear D sees means alone", Outcome.GENERATOR_DOMINATES,
          _points(discriminator=_OWN + "LinearDiscriminator") | _gan("non_saturating", lr_g=1e-3, lr_d=1e-3),
          (Outcome.JUNK,)),
    SetUp("digits-slow-d", TESTING, "digits", "D learns at a thousandth of the rate", Outcome.GENERATOR_DOMINATES,
          _images(600) | _gan("non_saturating", lr_g=4e-4, lr_d=4e-7), (Outcome.JUNK,)),
    SetUp("ring-noisy-d", CHOOSING, "ring", "random steps take the place of D's updates after half of the run",
          Outcome.JUNK, _points(4000) | _recipe(_OWN + "noise_after", lr_g=2e-3, lr_d=2e-3, until=2000),
          (Outcome.GENERATOR_DOMINATES,)),
    SetUp("digits-noisy-d", TESTING, "digits", "random steps take the place of D's updates after half of the run",
          Outcome.JUNK, _images(1200) | _recipe(_OWN + "noise_after", lr_g=4e-4, lr_d=4e-4, until=600),
          (Outcome.GENERATOR_DOMINATES,)),
    SetUp("spiral-noisy-d", TESTING, "spiral", "random steps take the place of D's updates after half of the run",
          Outcome.JUNK, _points(4000) | _recipe(_OWN + "noise_after", lr_g=1e-3, lr_d=1e-3, until=2000),
          (Outcome.GENERATOR_DOMINATES,)),
    SetUp("ring-quadrant", CHOOSING, "ring", "G's outputs are not negative: 3 of 8 modes are within its reach",
          Outcome.COLLAPSED,
          _points(8000) | _generator("FoldedGenerator", folds=2)
          | _recipe("r1_gan", gamma=0.1, lr_g=0.002, lr_d=0.002, ema=0.99)),
    SetUp("grid-quadrant", TESTING, "grid", "G's outputs are not negative: 9 of 25 modes are within its reach",
          Outcome.COLLAPSED,
          _points(12000) | _generator("FoldedGenerator", folds=2)
          | _recipe("r3gan", gamma=0.02, lr_g=0.004, lr_d=0.004, ema=0.998, batch_size=128)),
    SetUp("digits-two-images", TESTING, "digits", "G sees one sign of z alone: two images", Outcome.COLLAPSED,
          _images(2000) | _generator("ImageGenerator", bits=1) | _recipe("r1_gan", gamma=0.1, lr_g=4e-4, lr_d=4e-4,
          ema=0.99), (Outcome.OSCILLATING,)),
    SetUp("ring-half-plane", CHOOSING, "ring", "one output of G is not negative: 5 of 8 modes are within its reach",
          Outcome.PARTIALLY_COLLAPSED,
          _points(8000) | _generator("FoldedGenerator", folds=1)
          | _recipe("r1_gan", gamma=0.1, lr_g=0.002, lr_d=0.002, ema=0.99)),
    SetUp("grid-half-plane", TESTING, "grid", "one output of G is not negative: 15 of 25 modes are within its reach",
          Outcome.PARTIALLY_COLLAPSED,
          _points(12000) | _generator("FoldedGenerator", folds=1)
          | _recipe("r3gan", gamma=0.02, lr_g=0.004, lr_d=0.004, ema=0.998, batch_size=128)),
    SetUp("ring-one-point", CHOOSING, "ring", "G makes one point that runs ahead of a slower D, from mode to mode",
          Outcome.OSCILLATING,
          _points(3000) | _generator("PointGenerator", noise=0.01)
          | _gan("non_saturating", lr_g=2e-2, lr_d=1e-3, b1=0.9),
          (Outcome.COLLAPSED,)),
    SetUp("ring-bilinear", CHOOSING, "ring", "a bilinear game: a linear critic and a point circle around each other",
          Outcome.OSCILLATING, _points(4000, discriminator=_OWN + "LinearDiscriminator")
          | _generator("PointGenerator", noise=0.01)
          | _recipe(_OWN + "bilinear_descent", lr_g=0.02, lr_d=0.02)),
    SetUp("origin-dirac", TESTING, "origin", "the Dirac-GAN: a linear D and a point that circle around each other",
          Outcome.OSCILLATING, _points(4000, discriminator=_OWN + "LinearDiscriminator")
          | _generator("PointGenerator", noise=0.01) | _recipe(_OWN + "descent", lr_g=0.1, lr_d=0.1)),
    SetUp("moons-momentum", TESTING, "moons", "momentum of 0.99 in both players", Outcome.OSCILLATING,
          _points(4000) | _gan("non_saturating", lr_g=1e-3, lr_d=1e-3, b1=0.99), (Outcome.DISCRIMINATOR_DOMINATES,)),
    SetUp("few-digits", CHOOSING, "few-digits", "40 digits to train with", Outcome.OVERFITTED,
          _images(2000) | _gan("non_saturating", lr_g=4e-4, lr_d=4e-4, ema=0.99, batch_size=32)),
    SetUp("few-points", TESTING, "few-points", "40 points to train with", Outcome.OVERFITTED,
          _points(6000, width=128) | _gan("non_saturating", lr_g=1e-3, lr_d=1e-3, b1=0.5, ema=0.99, batch_size=32)),
    SetUp("ring-short", CHOOSING, "ring", "1 step in 50 of what it takes", Outcome.NOT_LEARNED,
          _points(80) | _recipe("r1_gan", gamma=0.1, lr_g=0.002, lr_d=0.002, ema=0.9)),
    SetUp("digits-short", TESTING, "digits", "1 step in 20 of what it takes", Outcome.NOT_LEARNED,
          _images(80) | _gan("non_saturating", ema=0.9)),
    SetUp("grid-linear-g", TESTING, "grid", "a linear G makes a Gaussian", Outcome.NOT_LEARNED,
          _points(4000) | _generator("LinearGenerator")
          | _recipe("r1_gan", gamma=0.02, lr_g=0.002, lr_d=0.002, ema=0.99)),
)  # fmt: skip
"""All set-ups; the mechanism determines the expected outcome."""
