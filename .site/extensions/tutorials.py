"""Tutorials are scripts of `experiments/`: each is copied into a folder of the site, which git ignores, as a page."""

import re
from pathlib import Path
from typing import Any

import jupytext
from nbformat import NotebookNode
from sphinx.application import Sphinx

FOLDER = "tutorials"
SHOWN_BY = {"../benchmarks/README.md": "measurements.md", "../jaxgan/CHANGELOG.md": "changelog.md"}
"""Files outside of the site that a page of it includes."""


def scripts(root: Path) -> list[Path]:
    return sorted((root / "experiments").glob("tutorial_*.py"))


def copy(app: Sphinx, config: Any) -> None:
    """Written anew only where it differs, so that what has been executed is not executed again."""
    folder = Path(app.srcdir) / FOLDER
    folder.mkdir(exist_ok=True)
    wanted = {path.name: path.read_text("utf-8") for path in scripts(Path(app.srcdir).parent)}
    for old in folder.glob("*.py"):
        if old.name not in wanted:
            old.unlink()
    for name, text in wanted.items():
        page = folder / name
        if not page.is_file() or page.read_text("utf-8") != text:
            page.write_text(text, "utf-8")


def link(app: Sphinx, docname: str, source: list[str]) -> None:
    """In the repository a link leads to a file outside of this folder, on the site to the page that shows it."""
    text = re.sub(r"\]\(\.\./experiments/(tutorial_\w+\.py)\)", rf"]({FOLDER}/\1)", source[0])
    for file, page in SHOWN_BY.items():
        text = text.replace(f"]({file})", f"]({page})")
    source[0] = text


def read(text: str) -> NotebookNode:
    """A script as a notebook; scripts need not say that they are Python."""
    notebook = jupytext.reads(text, fmt="py:percent")
    notebook.metadata.setdefault("kernelspec", {"name": "python3", "display_name": "Python 3", "language": "python"})
    notebook.metadata.setdefault("language_info", {"name": "python", "pygments_lexer": "ipython3"})
    return notebook


def setup(app: Sphinx) -> dict[str, Any]:
    app.connect("config-inited", copy)
    app.connect("source-read", link)
    return {"parallel_read_safe": True}
