"""`jaxgan recipes`, `jaxgan losses` and `jaxgan models`."""

import shutil
from typing import Any

import click


@click.command(short_help="List the recipes that --recipe takes.")
def recipes() -> None:
    """List the recipes that --recipe takes, with loss, terms, update rule, settings and paper."""
    from jaxgan.study import catalogue
    from jaxgan.study.listing import recipes
    from jaxgan.study.settings import known_settings, plain_settings

    entries = recipes()
    for entry in entries:
        given = plain_settings(known_settings(catalogue.RECIPES[entry.name]))
        _echo_entry(entry, {"Settings": ", ".join(f"{name}={value}" for name, value in given.items())})
    click.echo(f"{len(entries)} recipes, such as: jaxgan train --data ring --recipe wgan_gp --set weight=1")


@click.command(short_help="List the losses that --loss takes.")
def losses() -> None:
    """List the losses that --loss takes, with what both players minimize, the optimum and the paper."""
    from jaxgan.study.listing import losses

    entries = losses()
    for entry in entries:
        _echo_entry(entry, {})
    click.echo(f"{len(entries)} losses; yours is path/to/file.py:name")


@click.command(short_help="List the networks that --generator and --discriminator take.")
@click.option("--memory", metavar="NAME", help="Instead of the list: the memory that a training step of this network "
              "takes, from the analysis of its compiled program. Nothing is trained, but large networks take minutes "
              "to compile.")  # fmt: skip
@click.option(
    "--image-size", type=int, default=32, metavar="PIXELS", help="With --memory: pixels per side. [default: 32]"
)
@click.option("--batch-size", type=int, default=32, help="With --memory: examples per update. [default: 32]")
@click.option("--width", type=int, help="With --memory: width of both networks. [default: as published]")
@click.option("--classes", type=int, default=0, help="With --memory: classes of a conditional run, such as 1000 for "
              "the published BigGAN. [default: 0, none]")  # fmt: skip
@click.option("--precision", default="float32", metavar="NAME", help="With --memory: float32, fast or bfloat16, as of "
              "a run. [default: float32]")  # fmt: skip
def models(memory: str | None, image_size: int, batch_size: int, **more: Any) -> None:
    """List the networks that --generator and --discriminator take, with fields, sizes and papers."""
    if memory is not None:
        from jaxgan.study.footprints import footprint, in_words

        found = footprint(memory, image_size, batch_size=batch_size, **more)
        click.echo("\n".join(in_words(memory, image_size, batch_size, found)))
        return
    _check_for_memory(click.get_current_context())
    from jaxgan.nn.conditional import DISCRIMINATOR, GENERATOR
    from jaxgan.nn.registry import NETWORKS
    from jaxgan.study.listing import Entry

    for network in NETWORKS.values():
        _echo_entry(Entry(network.name, network.about, _network_facts(network) | {"Paper": network.paper}), {})
    of_generators = {way: about for own in GENERATOR.values() for way, about in own.items()}
    for role, known in (("generator", of_generators), ("discriminator", DISCRIMINATOR)):
        _echo_entry(
            Entry(f"conditions of a {role}", f"with --conditional; --network {role}:condition=a+b", {}), dict(known)
        )
    own = "yours is path/to/file.py:Name, a flax.linen.Module; its fields features, size, channels, shape, width, "
    own += "hidden, latent_dim, classes and dtype are set from the data and the options where it has them"
    click.echo(click.wrap_text(own, _columns()))


def _check_for_memory(context: click.Context) -> None:
    """Refuse options of --memory without it, instead of listing all networks as if they were not there."""
    from click.core import ParameterSource

    from jaxgan.study.messages import OptionError

    for name in context.params:
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            raise OptionError(name, "is for --memory NAME, which names a network")


def _network_facts(network: Any) -> dict[str, str]:
    """Describe both players: fields, image sizes, parameter counts at the paper's sizes, and class conditioning."""
    from jaxgan.nn.conditional import DISCRIMINATOR, GENERATOR
    from jaxgan.nn.registry import fields_of

    shape, width, latents = _EXAMPLES["pairs" if network.condition_axes else network.axes]
    if network.sizes and shape[0] not in network.sizes:
        shape = _EXAMPLES["pairs"][0]
    modules = {player: getattr(network, player) for player in ("generator", "discriminator")}
    counts = _counts(network, shape, latents, width=width)
    facts = {
        player.capitalize(): f"{module.__name__}({', '.join(fields_of(module))}): {counts[player]:,} parameters for "
        f"examples {list(shape)} at width {width}"
        for player, module in modules.items()
    }
    if network.sizes:
        facts["Sizes"] = f"{', '.join(map(str, network.sizes))} pixels per side"
    if network.published:
        found = {size: _counts(network, (size, size, c), latents) for size, c, latents in network.published}
        listed = (f"{size}: {each['generator']:,} and {each['discriminator']:,}" for size, each in found.items())
        facts["Parameters"] = f"at the published widths, without classes, by size: {'; '.join(listed)}"
    if network.name in GENERATOR:
        ways = getattr(modules["discriminator"], "CONDITIONS", DISCRIMINATOR)
        facts["Condition"] = f"of the generator: {', '.join(GENERATOR[network.name])}; of the discriminator: "
        facts["Condition"] += ", ".join(ways)
    return facts


_EXAMPLES: dict[Any, Any] = {1: ((2,), 128, 2), 3: ((28, 28, 1), 32, 64), "pairs": ((32, 32, 3), 32, 1)}
"""Shape, width and number of latents of the printed example, by the number of axes of an example."""


def _counts(network: Any, shape: tuple[int, ...], latents: int, **fields: Any) -> dict[str, int]:
    """Return the number of parameters of each player for examples of a given shape."""
    from jaxgan.nn.registry import fields_for, make, parameter_count

    condition, found = (shape,) if network.condition_axes else (), {}
    for player, inputs in (("generator", (latents,)), ("discriminator", shape)):
        module = getattr(network, player)
        found[player] = parameter_count(make(module, fields_for(module, shape, **fields)), inputs, *condition)
    return found


def _columns() -> int:
    return min(100, shutil.get_terminal_size((100, 24)).columns)


def _echo_entry(entry: Any, more: dict[str, str]) -> None:
    facts, columns = entry.facts | more, _columns()
    width = max(map(len, facts), default=0) + 2
    click.secho(entry.name, bold=True)
    click.echo(click.wrap_text(entry.about, columns, "  ", "  "))
    for label, text in facts.items():
        first = f"  {label.lower():<{width}}"
        click.echo(click.wrap_text(text, columns, first, " " * len(first)))
    click.echo()
