"""Progress bars whose text leaves room for the bar."""

import shutil

from tqdm.auto import tqdm  # in a notebook a widget, elsewhere text

WITH_ALL, WITH_LOSSES = 120, 72
"""Columns from which counts and rates fit beside the bar, and from which the last losses do."""


def progress_bar(title: str, total: int, *, unit: str = "step", shown: bool = True) -> tqdm:
    """Return a progress bar over steps or other units, shown only in a terminal or a notebook."""
    columns = shutil.get_terminal_size().columns
    return tqdm(desc=title, total=total, unit=unit, disable=None if shown else True,
                dynamic_ncols=True, bar_format=bar_format(columns))  # fmt: skip


def bar_format(columns: int) -> str | None:
    """Return the tqdm format of a bar for that terminal width; None means tqdm's default format.

    Example:
      >>> bar_format(40)
      '{desc}: {percentage:3.0f}%|{bar}| {remaining} left'
    """
    if columns >= WITH_ALL:
        return None
    return "{desc}: {percentage:3.0f}%|{bar}| {remaining} left" + ("{postfix}" if columns >= WITH_LOSSES else "")
