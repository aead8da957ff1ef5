"""`jaxgan datasets`."""

import os
import textwrap

import click

_WIDTH = 80  # columns


@click.group(invoke_without_command=True, short_help="List the data that --data takes, or prepare a data set.")
@click.pass_context
def datasets(context: click.Context) -> None:
    """List what --data takes, and which of it is on this machine."""
    if context.invoked_subcommand is not None:
        return
    entries = _entries()
    width = max(map(len, entries))
    hanging = textwrap.TextWrapper(
        _WIDTH, subsequent_indent=(width + 2) * " ", break_long_words=False, break_on_hyphens=False
    )
    for name, about in entries.items():
        click.echo(hanging.fill(f"{name:<{width}}  {about}"))


@datasets.command(short_help="Download and prepare a data set of tensorflow-datasets.")
@click.argument("name")
def prepare(name: str) -> None:
    """Download and prepare NAME of tensorflow-datasets (needs network, and TensorFlow for this step only)."""
    from jaxgan.data import tfds

    click.echo(f"{name} is in {tfds.prepare(name.removeprefix('tfds:'))}")


def _entries() -> dict[str, str]:
    """List the built-in data sets, the TFDS data sets prepared on this machine, and the supported files."""
    from jaxgan.data import tfds
    from jaxgan.study.catalogue import DATA

    where = os.environ.get("TFDS_DATA_DIR") or "the default TFDS folder"
    return {
        **DATA,
        **{f"tfds:{name}": f"prepared in {where}" for name in tfds.prepared()},
        "tfds:NAME": "any other image data set of tensorflow-datasets: jaxgan datasets prepare NAME",
        "FILE.npz, FILE.npy": "images [n, h, w] or [n, h, w, c], or points [n, d], as `x`; labels [n] as `y`",
        "FOLDER": "images; subfolders become labels",
        "pairs:FOLDER": "pairs of images: input/ and target/ (or A/ and B/) with equal names, or side by side",
        "pairs:FILE.npz": "pairs of images: targets as `x`, inputs as `input`",
        "reversed-pairs:...": "any of the pairs, from the target to the input",
    }
