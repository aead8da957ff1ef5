"""Print a finished run to the terminal."""

import shlex
from collections.abc import Sequence
from pathlib import Path

import click
from rich.console import Console

from jaxgan.report.run.by_class import failing_classes
from jaxgan.report.run.causes import why
from jaxgan.report.run.many import best_configurations, codes_section
from jaxgan.report.run.sections import sections
from jaxgan.report.run.settings import are_many
from jaxgan.report.run.study import study_sections
from jaxgan.report.run.table import failures_section, summarize_run
from jaxgan.report.run.timeline import timeline_section
from jaxgan.report.run.verdicts import to_try, verdicts
from jaxgan.report.tables import show as show_tables
from jaxgan.report.words import sample_sizes
from jaxgan.results.codes import HEALTHY
from jaxgan.results.results import Results
from jaxgan.results.store import load_results

BEST = 10  # configurations shown in a terminal if there are many


def show(folder: Path) -> None:
    """Print the tables, what happened to each configuration and why, and where to find more."""
    results, console = load_results(folder), Console()
    table = summarize_run(results)
    parts = sections(results, table)
    if are_many(results) and console.is_terminal:  # a pipe gets all rows
        parts = [best_configurations(results, table, BEST) if part.name == "configurations" else part for part in parts]
    show_tables([*study_sections(results), *parts], console)
    width = min(console.width, 100)
    lines = [click.wrap_text(line, width) for line in verdicts(results, table, folder).splitlines()]
    lines += [click.wrap_text(line, width) for line in _failing_classes(results)]
    click.echo("\n\n".join(["", *lines, ""]).removeprefix("\n"))
    if sizes := sample_sizes(results):
        click.echo(click.wrap_text(f"measured on {', '.join(sizes)}", width))
    click.echo(f"report          {folder / 'report.html'}")
    click.echo(f"diagnosis       {shlex.join(['jaxgan', 'diagnose', str(folder)])}")
    click.echo(f"reproduce with  {results.config['command']}")


def show_diagnosis(results: Results) -> None:
    """Print the outcomes by code and, if they are few, run by run, with their meaning, time and cause."""
    console, table = Console(), summarize_run(results)
    many = are_many(results)
    failures = codes_section(results, table) if many else failures_section(table)
    show_tables([failures, *([] if many else [timeline_section(results)])], console)
    width = min(console.width, 100)
    for code in sorted(set(results.outcomes.ravel().tolist()) - {HEALTHY}):
        click.echo(click.wrap_text(f"{code}: {results.notes.get('explanations', {}).get(code, '')}", width))
    for paragraph in [] if are_many(results) else why(results):
        click.echo(click.wrap_text(paragraph, width))
    for line in _failing_classes(results):
        click.echo(click.wrap_text(line, width))
    for i, name in enumerate(() if are_many(results) else results.configurations):
        if text := to_try(results, i, results.folder):
            click.echo(click.wrap_text(f"{name}: {text[:1].lower()}{text[1:]}", width))


def _failing_classes(results: Results) -> Sequence[str]:
    return [] if are_many(results) else failing_classes(results)
