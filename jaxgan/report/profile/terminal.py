"""A finished gradient profile on the terminal."""

from pathlib import Path

import click
from rich.console import Console

from jaxgan.report.profile.story import story
from jaxgan.report.profile.tables import render
from jaxgan.results.store import load_results


def show(folder: Path) -> None:
    """The tables, what they show in words, and where to look."""
    run = load_results(folder)
    Console().print(render(run))
    for paragraph in story(run):
        click.echo(click.wrap_text(paragraph, 100))
    click.echo(f"report      {folder / 'report.html'}")
    click.echo(f"again with  {run.config['command']}")
