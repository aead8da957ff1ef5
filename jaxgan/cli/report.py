"""`jaxgan report`."""

from pathlib import Path

import click

from jaxgan.cli.streams import only_results_on_stdout


@click.command(short_help="Rebuild a finished run's report, or make one page of several runs.")
@click.argument("runs", type=click.Path(path_type=Path), nargs=-1, required=True, metavar="RUN...")
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE.html", help="Write one page to this file, with "
              "its tables beside it as .md and .tex, and leave the folders as they are.  [default: the run's own "
              "report.html; for several runs.html]")  # fmt: skip
@click.option("--paper", type=click.Choice(["one-column", "two-column", "none"]), default="none", help="Also write "
              "the figures sized for a paper, as PDF, SVG and PNG with type of 8 to 10 points: every panel by itself "
              "for one column (3.25 inches), or whole figures for two (6.75 inches).  [default: none]")  # fmt: skip
@click.option("--format", "form", type=click.Choice(["markdown", "latex"]), help="Print the tables in "
              "this format instead of the path of the page.")  # fmt: skip
def report(runs: tuple[Path, ...], out: Path | None, paper: str, form: str | None) -> None:
    """Rebuild the report of the finished run in the folder RUN, or make one page of several runs side by side.

    The page includes its pictures and needs no other file. Tables come first, then each run's own sections.
    """
    from jaxgan.study.reporting import write_report

    with only_results_on_stdout():
        page = write_report(*runs, out=out, paper=None if paper == "none" else paper)
    if form is None:
        click.echo(page)
        return
    kind = {"markdown": ".md", "latex": ".tex"}[form]
    own = out is None and len(runs) == 1
    tables = page.with_name(f"table{kind}") if own else page.with_suffix(kind)
    click.echo(tables.read_text(encoding="utf-8"), nl=False)
