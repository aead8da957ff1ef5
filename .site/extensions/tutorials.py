"""Tutorials are scripts of `experiments/`: each is copied into a folder of the site, which git ignores, as a page."""

from pathlib import Path
from typing import Any

import jupytext
from nbformat import NotebookNode
from sphinx.application import Sphinx

FOLDER = "tutorials"


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


def read(text: str) -> NotebookNode:
    """A script as a notebook; scripts need not say that they are Python."""
    notebook = jupytext.reads(text, fmt="py:percent")
    notebook.metadata.setdefault("kernelspec", {"name": "python3", "display_name": "Python 3", "language": "python"})
    notebook.metadata.setdefault("language_info", {"name": "python", "pygments_lexer": "ipython3"})
    return notebook


def setup(app: Sphinx) -> dict[str, Any]:
    app.connect("config-inited", copy)
    return {"parallel_read_safe": True}
