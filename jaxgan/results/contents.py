"""What lies in a run's folder: what jaxgan writes there, other runs, and files of the user's own."""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

from jaxgan.files import file_digest, is_partial

CONFIG = "config.json"
LOCK, REPLACED = ".lock", ".replaced"
CODE = "code"
"""The folder of the copies of the user's own code."""

PICTURES = (
    *("overview", "metric", "when", "curves", "curves-*", "map", "modes", "classes", "obeyed", "samples", "samples-*"),
    *("phase-*", "survival", "profiles", "budgets", "frozen", "training", "layers", "strengths", "paper"),
)
"""The pictures of a report, by their names without suffix."""

_NAMES = "|".join(sorted({name.removesuffix("-*") for name in PICTURES} | {"curve"}))  # `curve`: of an earlier version
_OURS = re.compile(
    rf"""
    config\.json | results\.nc | metrics\.csv | report\.html | log\.jsonl | SHA256SUMS | table\.(json|md|tex)
    | series\.npz | results\.json | samples\.npz                                       # of schema 1
    | ({_NAMES})(-[^/]+)?\.png
    | phase-[^/]+\.csv                                                                 # of an earlier version
    | (figures|paper)/[^/]+\.(png|pdf|svg|csv)
    | (sample|samples|interpolation|paths|corners|mixing|neighbours)-[^/]+-key\d+\.(png|npz|gif)
    | samples-[^/]+-key\d+-(npz\.npz|(png|tfds)/.+)
    | projection-[^/]+-seed\d+-[^/]+\.(png|npz)
    | generator-[^/]+-seed\d+\.(jax|json|npz)
    | (.+/)?seeds-\d+-\d+(-\d+)?/((training|records|final|generator|checkpoint)/.+ | gathering-\w+\.npz)
    | jobs/.+                                                                          # of a cluster
    | (.+/)?(\.lock | \.DS_Store | Thumbs\.db | desktop\.ini)
    | code/(.+/)?__pycache__/.+
    """,
    re.VERBOSE | re.DOTALL,
)
"""The files of a run, and those that commands make of it unless they are told another place."""


def nested_runs(folder: Path) -> list[Path]:
    """Return the folders below `folder` that hold a run of their own, as `jaxgan remedy` makes one."""
    return sorted(Path(at) for at, _, files in _walk(folder) if CONFIG in files and Path(at) != folder)


def not_ours(folder: Path) -> Iterator[Path]:
    """Yield the files in a run's folder that jaxgan did not write; those in nested runs belong to these.

    A copy of the user's code that was edited since counts as the user's as well.
    """
    inputs, png = _inputs(folder), {path.stem for path in (folder / "figures").glob("*.*")}
    for at, _, files in _walk(folder):
        if CONFIG in files and Path(at) != folder:
            continue
        for path in (Path(at, name) for name in sorted(files)):
            name = path.relative_to(folder).as_posix()
            if _OURS.fullmatch(name) or is_partial(path) or path.is_symlink():  # what a link names stays where it is
                continue
            if name == f"{path.stem}.png" and path.stem in png:
                continue
            digest = inputs.get(name.removeprefix(f"{CODE}/")) if name.startswith(f"{CODE}/") else None
            if digest is None or digest != file_digest(path):
                yield path


def _walk(folder: Path) -> Iterator[tuple[str, list[str], list[str]]]:
    """Walk through a run's folder without what it replaces, what is being written, and what is in nested runs."""
    for at, folders, files in os.walk(folder):
        yield at, folders, files
        nested = CONFIG in files and Path(at) != folder
        folders[:] = sorted(f for f in folders if not nested and f != REPLACED and not is_partial(Path(at, f)))


def _inputs(folder: Path) -> dict[str, str]:
    try:
        found = json.loads((folder / CONFIG).read_text(encoding="utf-8"))["inputs"]
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return found if isinstance(found, dict) else {}
