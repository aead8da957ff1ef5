"""The reports of finished runs, again or side by side."""

from pathlib import Path

from jaxgan.files import StoreError
from jaxgan.report.panels import PAPER, save_paper
from jaxgan.report.paper_sizes import WIDTHS
from jaxgan.report.together import check_page, names_of, write_together
from jaxgan.results.store import load_results
from jaxgan.study.inspection import rebuild
from jaxgan.study.messages import OptionError


def write_report(*folders: Path | str, out: Path | str | None = None, paper: str | None = None) -> Path:
    """Makes the report of a finished run again, or one page of several runs side by side; returns the page's path.

    Of one folder, and without `out`, all that is made of its numbers is written again: report.html, figures, tables.
    Else the page goes to `out`, with its tables beside it as Markdown and LaTeX, and the folders stay as they are.

    Args:
      folders: of finished runs, studies or, alone and without `out`, a gradient profile.
      out: a file such as report.html; for several runs by default `runs.html` here.
      paper: "one-column" or "two-column" writes the figures in a paper's width, too: into `paper/` in the run's folder,
        or beside `out` into a folder named after it.

    Raises:
      StoreError: a folder twice, or one without a run, with an unfinished one or one of another version; or an `out`
        that is not ours to write.
      OptionError: no folder, or another paper.

    Example:
      >>> import jaxgan as jg
      >>> jg.write_report("runs/nowhere")
      Traceback (most recent call last):
        ...
      jaxgan.files.StoreError: runs/nowhere holds no run (no config.json)
    """
    paths = [Path(folder) for folder in folders]
    if not paths:
        raise OptionError("report", "expected the folder of a run, got none")
    if len({path.resolve() for path in paths}) < len(paths):
        twice = next(path for path in paths if [one.resolve() for one in paths].count(path.resolve()) > 1)
        raise StoreError(f"got {twice} twice, expected different runs")
    if paper is not None and paper not in WIDTHS:
        raise OptionError("paper", f"expected one of {', '.join(WIDTHS)}, got {paper!r}")
    if out is None and len(paths) == 1:
        rebuild(paths[0], paper)
        return paths[0] / "report.html"
    page = Path("runs.html" if out is None else out)
    check_page(page)
    write_together(paths, page)
    for name, path in zip(names_of(paths), paths, strict=True) if paper else ():
        own = page.with_name(f"{page.stem}-{PAPER}")
        save_paper(load_results(path), own / name.replace("/", "-") if len(paths) > 1 else own, str(paper))
    return page
