"""What the tests of a run's report share: the report as its readers see it."""

import html
import io
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from matplotlib.lines import Line2D
from numpy.typing import NDArray
from rich.console import Console

from jaxgan.report import tables
from jaxgan.report.run.sections import sections
from jaxgan.results.results import Results

COLLAPSED_THRICE = {(0, 0): "COLLAPSED", (0, 1): "COLLAPSED", (0, 2): "DIVERGED"}


def printed(run: Results, width: int) -> str:
    file = io.StringIO()
    tables.show(sections(run), Console(width=width, file=file, force_terminal=True, no_color=True))
    return re.sub(r"\x1b\[[0-9;]*m", "", file.getvalue())


def ydata(line: Line2D) -> NDArray[np.float64]:
    return np.asarray(line.get_ydata(), np.float64)


def text_of(page: str) -> str:
    """What a reader reads."""
    body = re.sub(r"<script>.*?</script>", " ", page[page.index("<body>") :], flags=re.DOTALL)
    body = re.sub(r"<[^>]*>", " ", body)
    return re.sub(r"\s+", " ", html.unescape(body))


def browser() -> str:
    """Chromium or its like; the test is skipped where there is none."""
    names = ("chromium", "chromium-browser", "google-chrome")
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        pytest.skip("no chromium or google-chrome on PATH")
    return found


def opened(page: Path, profile: Path, width: int) -> subprocess.CompletedProcess[str]:
    """The page after it has loaded in a window of that width: its elements on stdout."""
    command = [browser(), "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
               "--disable-background-networking", "--disable-component-update", "--disable-sync",
               f"--user-data-dir={profile}", f"--window-size={width},900",
               "--enable-logging=stderr", "--v=0", "--dump-dom", page.as_uri()]  # fmt: skip
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)


class Addresses(HTMLParser):
    """Collects what a page refers to, and its tags."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
