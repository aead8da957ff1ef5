"""What a recipe can be told: names, defaults, kinds and documentation, read from its signature and docstring."""

import functools
import inspect
from collections.abc import Callable
from typing import Any

from jaxgan import losses, recipes
from jaxgan.recipes import settings_of
from jaxgan.types import BatchSizes, Loss


def test_settings_are_typed_by_their_annotations_and_documented() -> None:
    found = settings_of(recipes.gan)
    assert [*found] == [name for name, s in found.items() if s.name == name and s.doc]
    assert {name for name, s in found.items() if s.sweepable} == {"lr_g", "lr_d", "b1", "b2", "ema", "label_noise"}
    assert (found["loss"].default, found["loss"].kinds[0]) == (losses.non_saturating, Loss)
    assert (found["ema"].default, found["ema"].kinds) == (None, (float, Callable, type(None)))
    assert (found["batch_size"].default, found["batch_size"].kinds) == (64, (int, BatchSizes))
    for recipe in recipes.ALL:
        settings = settings_of(recipe)
        assert all(s.doc and s.kinds for s in settings.values())
        assert {s.name for s in settings.values() if isinstance(s.default, float)} <= {
            s.name for s in settings.values() if s.sweepable
        }
    assert settings_of(recipes.r1_gan)["gamma"].doc == "weight of the penalty, or a schedule of the step."
    assert settings_of(recipes.r1_gan)["lr_d"].doc == found["lr_d"].doc  # said once, by `gan`


def test_settings_of_recipes_of_ones_own() -> None:
    def own(generator: Any, discriminator: Any, prior: Any, *, lr: float, k: int = 2, a: Any = 0.5, b=3, **rest: Any):
        """A recipe.

        Args:
          k: how many,
            over two lines.
        """

    found = settings_of(own)
    assert [*found] == ["lr", "k", "a", "b"]
    assert found["lr"] == ("lr", inspect.Parameter.empty, (float,), True, "")
    assert found["k"] == ("k", 2, (int,), False, "how many, over two lines.")
    assert (found["a"].kinds, found["a"].sweepable, found["b"].kinds) == ((float,), True, (int,))
    partial = settings_of(functools.partial(own, k=7, lr=0.1))
    assert (partial["k"].default, partial["lr"].default, partial["k"].kinds) == (7, 0.1, (int,))

    def broken(generator: Any, *, lr: "NoSuchType" = 1e-3) -> Any:  # type: ignore[name-defined] # noqa: F821
        """Annotations that nobody can resolve."""

    assert settings_of(broken)["lr"] == ("lr", 1e-3, (float,), True, "")
