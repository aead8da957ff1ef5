"""`jaxgan check`."""

from pathlib import Path

import click


@click.command(short_help="Check that a run's files are intact, and how to restore the rest.")
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "--rebuild",
    is_flag=True,
    help="Rebuild tables, figures and report from results.nc, and config.json where it is lost or damaged.",
)
@click.pass_context
def check(context: click.Context, run: Path, rebuild: bool) -> None:
    """Say which parts of the run in the folder RUN are intact, which are damaged, and how to restore them.

    Compares every file with its digest; changes nothing without --rebuild. The exit status is 2 if a part is damaged or
    missing. A finished run's files can also be checked without jaxgan: sha256sum -c SHA256SUMS.
    """
    from rich.console import Console
    from rich.table import Table

    from jaxgan.study import inspection

    if rebuild:
        inspection.rebuild(run, log=click.echo)
    found = inspection.inspect(run)
    table = Table(box=None, pad_edge=False, show_header=False)
    for part in found:
        table.add_row(part.name, "intact" if part.whole else "[bold]DAMAGED[/bold]", part.what)
    Console(soft_wrap=False).print(table)
    broken = [part for part in found if not part.whole]
    for way_out in dict.fromkeys(part.way_out for part in broken if part.way_out):
        click.echo(f"to restore: {way_out}")
    click.echo("everything is intact" if not broken else f"{len(broken)} of {len(found)} parts are damaged or missing")
    context.exit(2 if broken else 0)
