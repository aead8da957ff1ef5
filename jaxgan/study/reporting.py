"""Write the reports of finished runs again, or one report of several runs side by side."""

from pathlib import Path

from jaxgan.files import StoreError
from jaxgan.report.panels import save_paper
from jaxgan.report.paper_sizes import WIDTHS
from jaxgan.report.together import begin_paper_folder, check_page, names_of, write_together
from jaxgan.results.store import load_results
from jaxgan.study.inspection import rebuild
from jaxgan.study.messages import OptionError, nearest


def write_report(*folders: Path | str, out: Path | str | None = None, paper: str | None = None) -> Path:
    """Write the report of a finished run again, or one page with several runs side by side; return the page's path.

    For one folder without `out`, everything derived from its numbers is written again: report.html, figures, tables.
    Otherwise the page is written to `out`, with its tables next to it as Markdown and LaTeX, and the folders are not
    changed.

    Args:
      folders: folders of finished runs or studies, or a single gradient profile without `out`.
      out: a file such as report.html; for several runs, by default `runs.html` in the current folder.
      paper: "one-column" or "two-column" also writes the figures in the width of a paper: to `paper/` in the run's
        folder, or to a folder named after `out` next to it.

    Raises:
      StoreError: if a folder is given twice, or has no run, an unfinished run or a run of another version; or if `out`,
        its tables or its figures exist and were not written by jaxgan.
      OptionError: if there is no folder, or `paper` is unknown.

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
        raise OptionError("paper", f"got {paper!r}; {nearest(paper, WIDTHS)}")
    if out is None and len(paths) == 1:
        rebuild(paths[0], paper)
        return paths[0] / "report.html"
    page = Path("runs.html" if out is None else out)
    check_page(page, paper=paper is not None)
    write_together(paths, page)
    if paper is not None:
        own = begin_paper_folder(page)
        for name, path in zip(names_of(paths), paths, strict=True):
            save_paper(load_results(path), own / name.replace("/", "-") if len(paths) > 1 else own, paper)
    return page
