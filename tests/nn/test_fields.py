"""Numbers in the fields of networks that cannot be, images that are not square, and conditions that are too few."""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import jaxtyping
import pytest

from jaxgan.nn.registry import NETWORKS, fields_for, fields_of
from jaxgan.nn.registry import make as make_network


@pytest.fixture
def unchecked(monkeypatch: pytest.MonkeyPatch) -> None:
    """As for a user: shapes in annotations are checked in tests alone."""
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)


MODULES = [module for network in NETWORKS.values() for module in (network.generator, network.discriminator)]
IMAGES = ["DCGAN", "InfoGAN", "WGANGP", "SNGAN", "BigGAN", "StyleGAN2", "R3GAN"]


def make(name: str, **fields: Any) -> Any:
    module = next(module for module in MODULES if module.__name__ == name)
    shape = (2,) if "MLP" in name else (16, 16, 1)
    return make_network(module, fields_for(module, shape) | fields)


def called(module: nn.Module, *inputs: jax.Array) -> Any:
    keys = {name: jax.random.key(0) for name in ("params", "noise")}
    return jax.eval_shape(lambda: module.init_with_output(keys, *inputs, train=False)[0])


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_every_network_refuses_counts_that_are_none(module: type) -> None:
    least = {"blocks": 0, "group": 0 if module.__name__ == "StyleGAN2Discriminator" else 1}
    names = {"width", "channels", "features", "embedding", "w_dim", "mapping_layers", "blocks", "group"}
    for name in fields_of(module).keys() & (names | {"channel_base", "channel_max"}):
        for value in (least.get(name, 1) - 1, 2.5):
            with pytest.raises(ValueError, match=rf"^{name} must be a whole number of at least \d, got {value}$"):
                make(module.__name__, **{name: value})


@pytest.mark.parametrize(
    ("name", "fields", "message"),
    [
        ("MLPGenerator", {"hidden": (4, 0)}, "hidden must be a whole number of at least 1, got 0"),
        (
            "StyleGAN2Generator",
            {"style_mixing": 1.7},
            "style_mixing must be a finite number of at least 0 and at most 1",
        ),
        ("StyleGAN2Generator", {"style_mixing": -1}, "style_mixing must be"),
        (
            "StyleGAN2Generator",
            {"truncation": float("nan")},
            "truncation must be .* of at least 0, got nan",
        ),
        ("StyleGAN2Generator", {"truncation": -2}, "truncation must be a finite number of at least 0, got -2"),
        ("StyleGAN2Generator", {"cutoff": -1}, "cutoff must be a whole number of at least 0, got -1"),
        ("R3GANGenerator", {"group": -4}, "group must be a whole number of at least 1, got -4"),
        (
            "InfoGANGenerator",
            {"momentum": 2.0},
            "momentum must be .* at least 0 and at most 1, got 2.0",
        ),
        (
            "InfoGANGenerator",
            {"value_range": (1, -1)},
            r"value_range must be .* lower one first, got \(1, -1\)",
        ),
        ("UNetGenerator", {"dropout": 1.5}, "dropout must be a finite number of at least 0 and at most 1, got 1.5"),
    ],
)
def test_other_numbers_are_refused_by_name(name: str, fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        make(name, **fields)


def test_what_depends_on_the_size_is_refused_when_called(unchecked: None) -> None:
    z = jnp.zeros((2, 4))
    make("StyleGAN2Generator", width=1, cutoff=6)  # 16 pixels have 6 layers
    with pytest.raises(ValueError, match="cutoff must be a whole number of at least 0 and at most 6, got 99"):
        called(make("StyleGAN2Generator", width=1, cutoff=99), z)
    with pytest.raises(ValueError, match="truncation must be a finite number of at least 0, got -2"):
        generator = make("StyleGAN2Generator", width=1, mapping_layers=1)
        keys = {name: jax.random.key(0) for name in ("params", "noise")}
        jax.eval_shape(lambda: generator.init_with_output(keys, z, truncation=-2, method="mapping"))


@pytest.mark.parametrize("name", IMAGES)
def test_images_that_are_not_square_are_refused(name: str, unchecked: None) -> None:
    with pytest.raises(ValueError, match=r"takes square images \[n, size, size, channels\], got \[2, 16, 32, 1\]"):
        called(make(f"{name}Discriminator"), jnp.zeros((2, 16, 32, 1)))


@pytest.mark.parametrize("name", [*IMAGES, "MLP", "ResidualMLP"])
@pytest.mark.parametrize("player", ["Generator", "Discriminator"])
def test_one_condition_is_not_that_of_four_examples(name: str, player: str, unchecked: None) -> None:
    """It would be broadcast in some of the networks."""
    x = jnp.zeros((4, 8)) if player == "Generator" or "MLP" in name else jnp.zeros((4, 16, 16, 1))
    with pytest.raises(ValueError, match=rf"{player} takes a condition for each example, got y \[1\] for \[4, "):
        called(make(name + player, classes=3), x, jnp.zeros(1, int))
