"""A page for one or several runs: tables first, then each run's own sections."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jaxgan.files import StoreError, write_text
from jaxgan.report.latex import to_latex
from jaxgan.report.page import filled, how_it_was_made, write_page
from jaxgan.report.run.many import totals_section
from jaxgan.report.run.report import run_content
from jaxgan.report.run.sections import sections
from jaxgan.report.run.settings import are_many
from jaxgan.report.run.study import study_sections
from jaxgan.report.run.table import Table, failure_cell, summarize_run
from jaxgan.report.tables import Cell, Section, numeric, section, summary_cell, to_markdown
from jaxgan.report.words import counted, named, percent
from jaxgan.results.results import Results
from jaxgan.results.store import load_results

_OWN = "<title>jaxgan:"  # identifies a page of ours
_MARKS = {".md": "<!-- written by jaxgan report -->", ".tex": "% written by jaxgan report"}
"""The first lines of the files beside a page, which tell them from a user's own files of the same name."""
_ABOUT = "README.md"  # the marked file in a folder of figures


def write_together(folders: Sequence[Path], out: Path) -> Path:
    """Writes a page of the runs in `folders` to `out`, and its tables beside it as Markdown and LaTeX; returns `out`.

    Nothing is written into the folders, and the page needs none of them.

    Raises:
      StoreError: a folder holds no finished run, or a gradient profile; or `out` or a file beside it is not ours.
    """
    runs = list(zip(names_of(folders), map(_loaded, folders), strict=True))
    check_page(out)
    tables = [summarize_run(results) for _, results in runs]
    claims = [study_sections(results) for _, results in runs]
    parts = [_part(*run, table, own) for run, table, own in zip(runs, tables, claims, strict=True)]
    beside = together_section([(name, results, table) for (name, results), table in zip(runs, tables, strict=True)])
    shown = [beside] if len(runs) > 1 else []
    for (name, results), table, own in zip(runs, tables, claims, strict=True):
        prefix = f"{name}: " if len(runs) > 1 else ""
        shown += [each._replace(caption=prefix + each.caption) for each in (*own, *sections(results, table))]
    for kind, text in ((".md", to_markdown(shown)), (".tex", to_latex(shown))):
        write_text(out.with_suffix(kind), f"{_MARKS[kind]}\n\n{text}")
    title = ", ".join(name for name, _ in runs)
    return write_page(out, "together.html", title=title, parts=parts, beside=beside, several=len(runs) > 1)


def together_section(runs: Sequence[tuple[str, Results, Table]]) -> Section:
    """A row for each run and configuration (or recipe, if there are many): failures and metrics."""
    labels = list(dict.fromkeys(row.metric.label for _, _, table in runs for row in table.rows))
    rows: list[tuple[str | Cell, ...]] = []
    for name, results, table in runs:
        if are_many(results):
            leading = table.rows[0].metric.label if table.rows else ""
            rows += [_of_recipe(name, row, labels, leading) for row in totals_section(results, table).rows]
            continue
        for i, configuration in enumerate(table.configurations):
            known = {row.metric.label: summary_cell(row.summaries[i]) for row in table.rows}
            rows.append((name, configuration, numeric(table.seeds, str(table.seeds)),
                         failure_cell(table.failures["any"][i], table.seeds),
                         *(known.get(label, Cell("", value=np.nan)) for label in labels)))  # fmt: skip
    caption = (
        "The runs side by side: failures [95 % Wilson interval of the share] and interquartile means over seeds "
        "[95 % bootstrap interval]. Runs that differ in data, steps or code do not compare only configurations"
    )
    if any(are_many(results) for _, results, _ in runs):
        caption += ". For a study of many configurations: its recipes, with their best one's leading metric"
    return section("runs", caption, ("run", "configuration", "seeds or runs", "failed", *labels), rows)


def names_of(folders: Sequence[Path]) -> list[str]:
    """The names of the runs' folders, or their paths if names repeat.

    >>> names_of([Path("runs/a"), Path("runs/b")]), names_of([Path("x/a"), Path("y/a")])
    (['a', 'b'], ['x/a', 'y/a'])
    """
    short = [folder.resolve().name for folder in folders]
    return short if len(set(short)) == len(short) else [str(folder) for folder in folders]


def check_page(out: Path, *, paper: bool = False) -> None:
    """Check that a page may be written to `out`, its tables beside it and, with `paper`, its folder of figures.

    Raises:
      StoreError: if one of them exists and was not written by jaxgan, or `out` is no name of a page.
    """
    if out.is_dir():
        raise StoreError(f"--out: {out} is a folder, expected a file such as report.html")
    if out.suffix not in (".html", ".htm"):
        raise StoreError(f"--out: expected a file such as report.html, got {out}")
    if out.is_file() and _OWN not in _beginning(out, 4000):
        raise StoreError(f"--out: {out} exists and is not a page of jaxgan, expected a new file")
    for beside, mark in ((out.with_suffix(kind), mark) for kind, mark in _MARKS.items()):
        if beside.exists() and not _is_marked(beside, mark):
            line = f"--out: {beside}, which is written beside {out.name}, exists and is not by jaxgan report"
            raise StoreError(f"{line}, expected another name")
    folder = paper_folder(out)
    if paper and folder.exists() and not (folder.is_dir() and _holds_only_ours(folder)):
        line = f"--out: {folder}, which is for the figures of {out.name}, exists and is not by jaxgan report"
        raise StoreError(f"{line}, expected another name")


def paper_folder(page: Path) -> Path:
    """Return the folder for the figures of a page in a paper's width."""
    return page.with_name(f"{page.stem}-paper")


def begin_paper_folder(page: Path) -> Path:
    """Create the folder for the figures of a page and mark it as written by jaxgan; return it."""
    folder = paper_folder(page)
    text = f"{_MARKS['.md']}\n\nFigures of {page.name} in a paper's width; writing that page again replaces them.\n"
    write_text(folder / _ABOUT, text)
    return folder


def _holds_only_ours(folder: Path) -> bool:
    return _is_marked(folder / _ABOUT, _MARKS[".md"]) or not any(folder.iterdir())


def _is_marked(path: Path, mark: str) -> bool:
    return path.is_file() and _beginning(path, 200).splitlines()[:1] == [mark]


def _beginning(path: Path, count: int) -> str:
    with path.open("rb") as file:
        return file.read(count).decode("utf-8", errors="replace")


def _loaded(folder: Path) -> Results:
    results = load_results(folder)
    if "outcome" not in results.dataset or results.notes.get("kind", "run") != "run":
        raise StoreError(f"{folder} holds a gradient profile, whose page is in its folder: expected a run or study")
    return results


def _part(name: str, results: Results, table: Table, claims: Sequence[Section]) -> dict[str, Any]:
    """The sections of a run as markup."""
    from markupsafe import Markup

    content = run_content(results, None, table, claims)
    seeds = counted(len(results.seeds), "seed")
    words = [named(results), str(results.notes.get("data") or ""), seeds]
    if steps := results.notes.get("steps"):
        words.append(counted(steps, "step"))
    return {
        "name": name,
        "words": ", ".join(filter(None, words)),
        "body": Markup(filled("run/sections.html", **content)),  # filled with escaped content
        "made": how_it_was_made(results.config, results.notes),
    }


def _of_recipe(name: str, row: Sequence[Cell], labels: Sequence[str], leading: str) -> tuple[str | Cell, ...]:
    """From a row of totals: its recipe, runs, failures, and the leading metric of its best configuration."""
    recipe, configurations, runs, failed = row[:4]
    metrics = dict.fromkeys(labels, Cell("", value=np.nan))
    if leading:
        metrics[leading] = row[7]._replace(note=f"{row[7].note}\nthe best of {configurations.text}".strip())
    share = f"({percent(failed.key['share'])})"
    return (name, recipe, runs, Cell(f"{failed.text} of {runs.text}", share, failed.key), *metrics.values())
