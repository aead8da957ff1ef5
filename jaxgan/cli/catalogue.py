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
    click.echo(f"{len(entries)} recipes; for example: jaxgan train --data ring --recipe wgan_gp --set weight=1.0")


@click.command(short_help="List the losses that --loss takes.")
def losses() -> None:
    """List the losses that --loss takes, with what both players minimize, the optimum and the paper."""
    from jaxgan.study.listing import losses

    entries = losses()
    for entry in entries:
        _echo_entry(entry, {})
    click.echo(f"{len(entries)} losses; your own is path/to/file.py:name")


@click.command(short_help="List the networks that --generator and --discriminator take.")
def models() -> None:
    """List the networks that --generator and --discriminator take, with fields, sizes and papers."""
    from jaxgan.nn.conditional import DISCRIMINATOR, GENERATOR
    from jaxgan.nn.registry import NETWORKS, fields_for, fields_of, make, parameter_count
    from jaxgan.study.listing import Entry

    examples = {1: ((2,), 128, 2), 3: ((28, 28, 1), 32, 64)}  # shape, width, latents
    of_pairs = (32, 32, 3), 32, 1
    for network in NETWORKS.values():
        shape, width, latents = of_pairs if network.condition_axes else examples[network.axes]
        condition = (shape,) if network.condition_axes else ()
        facts = {}
        for player, inputs in (("generator", (latents,)), ("discriminator", shape)):
            module = getattr(network, player)
            if network.sizes:
                facts[player.capitalize()] = _by_size(module, network.sizes)
                continue
            count = parameter_count(make(module, fields_for(module, shape, width=width)), inputs, *condition)
            facts[player.capitalize()] = (
                f"{module.__name__}({', '.join(fields_of(module))}): {count:,} parameters for examples "
                f"{list(shape)} at width {width}"
            )
        if network.name in GENERATOR:
            ways = f"of the generator: {', '.join(GENERATOR[network.name])}; of the discriminator: "
            facts["Condition"] = ways + ", ".join(DISCRIMINATOR)
        _echo_entry(Entry(network.name, network.about, facts | {"Paper": network.paper}), {})
    of_generators = {way: about for own in GENERATOR.values() for way, about in own.items()}
    for role, known in (("generator", of_generators), ("discriminator", DISCRIMINATOR)):
        _echo_entry(
            Entry(f"conditions of a {role}", f"with --conditional; --network {role}:condition=a+b", {}), dict(known)
        )
    click.echo("your own is path/to/file.py:Name, a flax.linen.Module; its fields features, size, channels, shape,")
    click.echo("width, hidden, latent_dim, classes and dtype are set from the data and the options where it has them")


def _by_size(module: type, sizes: tuple[tuple[int, int, int], ...]) -> str:
    """The parameters of a player's module at its own width, without classes, for images of several sizes."""
    from jaxgan.nn.registry import fields_for, fields_of, make, parameter_count

    counts = []
    for size, channels, latents in sizes:
        shape = (size, size, channels)
        own = fields_for(module, shape)
        count = parameter_count(make(module, own), (latents,) if "size" in own else shape)
        counts.append(f"{count:,} for {list(shape)}")
    return f"{module.__name__}({', '.join(fields_of(module))}): parameters at its own width: {', '.join(counts)}"


def _echo_entry(entry: Any, more: dict[str, str]) -> None:
    facts, columns = entry.facts | more, min(100, shutil.get_terminal_size((100, 24)).columns)
    width = max(map(len, facts), default=0) + 2
    click.secho(entry.name, bold=True)
    click.echo(click.wrap_text(entry.about, columns, "  ", "  "))
    for label, text in facts.items():
        first = f"  {label.lower():<{width}}"
        click.echo(click.wrap_text(text, columns, first, " " * len(first)))
    click.echo()
