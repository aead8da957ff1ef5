"""What the tests of a run's report share: the report as its readers see it."""

import html
import io
import re
from html.parser import HTMLParser

import numpy as np
from matplotlib.lines import Line2D
from numpy.typing import NDArray
from rich.console import Console

from jaxgan.report import tables
from jaxgan.report.run.sections import sections
from jaxgan.results.results import Results

COLLAPSED_THRICE = {(0, 0): "COLLAPSED", (0, 1): "COLLAPSED", (0, 2): "NON_FINITE"}


def printed(run: Results, width: int) -> str:
    file = io.StringIO()
    tables.show(sections(run), Console(width=width, file=file, force_terminal=True, no_color=True))
    return re.sub(r"\x1b\[[0-9;]*m", "", file.getvalue())


def ydata(line: Line2D) -> NDArray[np.float64]:
    return np.asarray(line.get_ydata(), np.float64)


def text_of(page: str) -> str:
    """What a reader reads."""
    body = re.sub(r"<[^>]*>", " ", page[page.index("<body>") :])
    return re.sub(r"\s+", " ", html.unescape(body))


class Addresses(HTMLParser):
    """Collects what a page refers to, and its tags."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
