"""Code shared by the pages of runs and gradient profiles."""

import base64
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxgan.files import write_bytes, write_text
from jaxgan.report import layout

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PIXELS = 144  # pixels of a page per inch of a figure


def write_page(path: Path, template: str, **content: Any) -> Path:
    """Fills a template of this folder, writes it and returns the path."""
    write_text(path, filled(template, **content))
    return path


def filled(template: str, **content: Any) -> str:
    """Fills a template of this folder; content that is not its own markup is escaped.

    A page has one script, which sorts its tables; its digest allows the browser to run this script only.
    """
    import jinja2
    from markupsafe import Markup

    script = (Path(__file__).parent / "sort.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template).render(script=Markup(script), script_digest=digest, **content)


def picture(figure: "Figure", path: Path | None, *, vector: bool = True, data: Any = None) -> dict[str, Any]:
    """What a page needs to show a figure, which is written as PNG, and as PDF and SVG into `figures/` beside it.

    A page shows a figure of 7 inches at 1,008 pixels, so that its text has the size of the page's. Without a path only
    the page has the figure. `data`, a `pandas.DataFrame` of what is drawn, is written beside the PDF as CSV.
    """
    content = layout.png(figure)
    if path is not None:
        write_bytes(path, content)
        if vector:
            layout.save_vector(figure, path.parent / "figures" / path.stem)
        if data is not None:
            write_csv(data, path.parent / "figures" / f"{path.stem}.csv")
    width, height = np.rint(figure.get_size_inches() * min(figure.dpi, PIXELS)).astype(int)
    uri = "data:image/png;base64," + base64.b64encode(content).decode("ascii")
    return {"uri": uri, "width": int(width), "height": int(height)}


def at(folder: Path | None, name: str) -> Path | None:
    """The path where `picture` writes a figure with that name; None: it does not."""
    return None if folder is None else folder / f"{name}.png"


def write_csv(frame: Any, path: Path) -> None:
    """Writes a `pandas.DataFrame` with six digits for numbers."""
    write_text(path, frame.to_csv(index=False, float_format="%.6g"))


def files_in(folder: Path, page: str, known: dict[str, str]) -> dict[str, str]:
    """The known files (name or pattern -> description) that the folder has, and the page that will be written."""
    return {name: what for name, what in known.items() if name == page or any(folder.glob(name))}


def how_it_was_made(config: dict[str, Any], notes: dict[str, Any]) -> dict[str, str]:
    """Facts in the order of the page; those that a run lacks are left out."""
    facts = {
        "Command": notes.get("command") or config.get("command"),
        "Options": pairs(config.get("config") or config.get("profile") or config.get("wanted") or {}),
        "Random key": config.get("key"),
        "Versions": pairs(config.get("versions", {})),
        "Device": config.get("device"),
        "Repeats": _REPEATS[bool(config["deterministic"])] if "deterministic" in config else None,
        "Commit": config.get("commit"),
        "Seconds": pairs(notes.get("seconds", {})),
    }
    return {name: str(value) for name, value in facts.items() if value not in (None, "", {})}


_REPEATS = {
    True: "bit for bit, on the same kind of machine with as many devices",
    False: "up to rounding, which training amplifies: this GPU ran without --deterministic",
}


def pairs(values: Any) -> str:
    """Names and values in one line, without None and empty lists."""
    if not isinstance(values, dict):
        return str(values)
    shown = {k: ", ".join(map(str, v)) if isinstance(v, list) else v for k, v in values.items()}
    return "; ".join(f"{name} {value}" for name, value in shown.items() if value not in (None, ""))
