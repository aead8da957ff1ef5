"""A finished run on the terminal."""

from pathlib import Path

import click
from rich.console import Console

from jaxgan.report.run.table import render, summarize_run
from jaxgan.results.store import load_results


def show(folder: Path) -> None:
    """The table, what the outcomes mean, and where to look."""
    run = load_results(folder)
    Console().print(render(summarize_run(run)))
    for code in sorted({code for code in run.outcomes.ravel() if code != "OK"}):
        click.echo(f"{code}: {run.notes['explanations'][code]}")
    sizes = ", ".join(f"{name} {size:,}" for name, size in run.notes["sample_sizes"].items())
    click.echo(f"measured on {sizes}")
    click.echo(f"report      {folder / 'report.html'}")
    click.echo(f"again with  {run.config['command']}")
