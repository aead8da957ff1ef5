"""Progress bars whose words leave room for the bar."""

import shutil

from tqdm.auto import tqdm  # in a notebook a widget, elsewhere text

WITH_ALL, WITH_LOSSES = 120, 72
"""Columns from which counts and rates fit beside the bar, and from which the last losses do."""


def progress_bar(title: str, total: int, *, done: int = 0, unit: str = "step", shown: bool = True) -> tqdm:
    """A bar over steps or other units, on a terminal or in a notebook alone."""
    columns = shutil.get_terminal_size().columns
    return tqdm(desc=title, total=total, initial=done, unit=unit, disable=None if shown else True,
                dynamic_ncols=True, bar_format=bar_format(columns))  # fmt: skip


def bar_format(columns: int) -> str | None:
    """What stands beside the bar on a terminal of that width, in tqdm's words; None is all that tqdm has.

    Example:
      >>> bar_format(40)
      '{desc}: {percentage:3.0f}%|{bar}| {remaining} left'
    """
    if columns >= WITH_ALL:
        return None
    return "{desc}: {percentage:3.0f}%|{bar}| {remaining} left" + ("{postfix}" if columns >= WITH_LOSSES else "")
