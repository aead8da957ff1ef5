"""Print a finished gradient profile to the terminal."""

from pathlib import Path

import click
from rich.console import Console

from jaxgan.report.profile.story import story
from jaxgan.report.profile.tables import sections
from jaxgan.report.tables import show as show_tables
from jaxgan.results.store import load_results


def show(folder: Path) -> None:
    """Print the tables, their description and the path of the report."""
    results = load_results(folder)
    console = Console()
    show_tables(sections(results), console)
    for paragraph in story(results):
        click.echo(click.wrap_text(paragraph, min(console.width, 100)))
    click.echo(f"report      {folder / 'report.html'}")
    click.echo(f"reproduce with  {results.config['command']}")
