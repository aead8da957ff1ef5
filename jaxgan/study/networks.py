"""The networks of a study: build modules from names and fields, and from a stored description."""

import ast
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from jaxgan.data.source import Source
from jaxgan.nn import biggan, sngan, wgan_gp
from jaxgan.nn.calls import takes
from jaxgan.nn.dcgan import base_size
from jaxgan.nn.infogan import quarter_of
from jaxgan.nn.pyramid import resolutions
from jaxgan.nn.registry import NETWORKS, fields_for, fields_of, make, network_for
from jaxgan.nn.unet import depth_of
from jaxgan.study.catalogue import find_network
from jaxgan.study.config import Config
from jaxgan.study.limits import FIELDS, check_field
from jaxgan.study.messages import OptionError
from jaxgan.study.own_code import ExitCalled, kept_running, raised

DTYPES = {"float32": "float32", "fast": "float32", "bfloat16": "bfloat16"}  # by precision: what networks compute in
_SIZED: Mapping[str, Callable[[int], Any]] = {
    "dcgan": base_size,
    "pix2pix": depth_of,
    "infogan": quarter_of,
    "wgan_gp_resnet": wgan_gp.doublings_of,
    "sngan": sngan.form_of,
    "biggan": biggan.form_of,
    "stylegan2": resolutions,
    "r3gan": resolutions,
}
"""Networks that refuse some sizes."""
PLAYERS = ("generator", "discriminator")


class Networks(NamedTuple):
    """Two modules, and a description of plain names and numbers to rebuild them."""

    generator: Any
    discriminator: Any
    description: dict[str, Any]

    def discriminator_of(self, factor: float) -> Any:
        """The discriminator of `factor` times the width.

        Raises:
          OptionError: a discriminator without one.
        """
        fields = dict(self.description["discriminator"]["fields"])
        if factor == 1:
            return self.discriminator
        if "width" in fields:
            fields["width"] = _times(factor, fields["width"])
        elif "hidden" in fields:
            fields["hidden"] = tuple(_times(factor, width) for width in fields["hidden"])
        else:
            raise OptionError("d_strength", f"{type(self.discriminator).__name__} has no width to multiply")
        return type(self.discriminator)(**fields)


def networks_for(source: Source, config: Config) -> Networks:
    """Return the requested networks, or the default networks for the data.

    Raises:
      OptionError: if there is no such network, it does not have a field, or it does not support the shape of the
        examples or the condition.
    """
    given = _given(config.network)
    common = {"width": config.width, "latent_dim": config.latent_dim, "dtype": DTYPES[config.precision]}
    common |= {"classes": _classes(source)} if config.conditional else {}
    description: dict[str, Any] = {"latent_dim": config.latent_dim}
    for player in PLAYERS:
        name = getattr(config, player) or network_for(source.shape, source.condition or ()).name
        _check_images(name, source, resized=config.image_size is not None)
        module = find_network(player, name)
        own = {k: v for k, v in given.get("", {}).items() if k in fields_of(module)} | given.get(player, {})
        if name in NETWORKS and source.paired and not NETWORKS[name].condition_axes:
            raise OptionError(
                player, f"{name} takes no second argument y, expected pix2pix or one of your own with pairs"
            )
        if name in NETWORKS and config.conditional and "condition" not in fields_of(module):
            raise OptionError("conditional", f"the {player} {name} takes no classes as its condition")
        if name in NETWORKS:
            _check_condition(own, config.conditional)
            if config.conditional:  # said whole: what the default is may change
                own = {"condition": fields_of(module)["condition"].default} | own
        fields = fields_for(module, source.shape, **common) | own
        description[player] = {"name": name, "fields": fields}
    known = {name for player in PLAYERS for name in fields_of(find_network(player, description[player]["name"]))}
    for name in given.get("", {}):
        if name not in known:
            raise OptionError("network", f"neither network has a field {name!r}; they have {', '.join(sorted(known))}")
    networks = networks_from(description)
    for player in PLAYERS:
        _check_inputs(player, description[player]["name"], getattr(networks, player), source)
    return networks


def networks_from(description: Mapping[str, Any]) -> Networks:
    """Rebuild both networks from a description.

    Raises:
      OptionError: if a user's network does not exist any more, or does not have a field.
    """
    found = []
    for player in PLAYERS:
        name, fields = description[player]["name"], description[player]["fields"]
        fields = {key: tuple(value) if isinstance(value, list) else value for key, value in fields.items()}
        module = find_network(player, name)
        try:
            with kept_running():
                found.append(make(module, fields))
        except ValueError as error:
            raise OptionError(player if name not in NETWORKS else "network", str(error)) from error
        except ExitCalled as error:
            raise OptionError(player, f"{name}{raised(error)}") from error
    generator, discriminator = found
    return Networks(generator, discriminator, dict(description))


def _given(texts: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    """Fields by player; "" for both."""
    found: dict[str, dict[str, Any]] = {}
    for text in texts:
        left, equals, value = text.partition("=")
        player, _, name = left.rpartition(":")
        if not equals or player not in ("", *PLAYERS):
            raise OptionError("network", f"got {text!r}, expected NAME=VALUE, or generator:NAME=VALUE")
        try:
            field = ast.literal_eval(value)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            field = value
        check_field(name, field, text)
        found.setdefault(player, {})[name] = field
    return found


def _check_inputs(player: str, name: str, module: Any, source: Source) -> None:
    """Check that a network accepts a condition if there is one, and needs none otherwise; other errors come later."""
    first, why = "z" if player == "generator" else "x", "pairs" if source.paired else "--conditional"
    if source.condition is not None and takes(module, 1) and not takes(module, 2):
        raise OptionError(player, f"{name} takes no second argument y, expected __call__(self, {first}, y) with {why}")
    if source.condition is None and takes(module, 2) and not takes(module, 1):
        raise OptionError(player, f"{name} takes a second argument y, expected __call__(self, {first}) without "
                          "--conditional")  # fmt: skip


def _classes(source: Source) -> int:
    """How many the data have; one-hot vectors of them have to fit into memory."""
    limit, count = FIELDS["classes"], len(source.classes)
    if not limit.holds(count):
        raise OptionError("conditional", f"{source.name} has {count:,} classes, expected {limit}")
    return count


def _check_condition(own: Mapping[str, Any], conditional: bool) -> None:
    """Check that a registered network is not given classes: they come from the data and need --conditional."""
    if "classes" in own:
        raise OptionError("network", f"got classes={own['classes']}, but classes are those of the data; leave it out")
    if "condition" in own and not conditional:
        raise OptionError("network", f"got condition={own['condition']}, which needs --conditional")


def _times(factor: float, width: int) -> int:
    limit, product = FIELDS["width"], factor * width
    if not product <= limit.highest:
        raise OptionError("d_strength", f"got width={factor:g} of {width}, expected a width of {limit}")
    return max(1, round(product))


def _check_images(name: str, source: Source, resized: bool) -> None:
    """Check that the network supports the size of the examples."""
    if name not in _SIZED:
        return
    if len(source.shape) != 3:
        raise OptionError("data", f"{source.name} has examples of shape {list(source.shape)}, expected images for a "
                          f"{name}")  # fmt: skip
    height, width, _ = source.shape
    shape = f"{source.name} has images of {height} x {width} pixels"
    if height != width:
        raise OptionError("data", f"{shape}, expected square ones; add --image-size")
    try:
        _SIZED[name](height)
    except ValueError as error:
        if resized:
            raise OptionError("image_size", str(error)) from error
        raise OptionError("data", f"{shape}, and {error}; add --image-size") from error
