"""Report what a stopped run can continue from, read from its folder, after a signal or a full disk.

Has no heavy imports, because a signal may arrive before anything else is imported.
"""

import errno
import os
import re
import shlex
from pathlib import Path

from jaxgan.files import StoreError

_Last = tuple[float, int, Path]
_NONE: _Last = (0.0, 0, Path())
_OF_DISKS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EFBIG)


class Interrupted(Exception):
    """Raised if a signal such as Ctrl-C ends the run; the message names the saved step and how to continue."""


def continuing(job: str) -> str:
    """Return the command that continues a run of a job, as config.json names it.

    A study whose file is not at hand is continued by `compare`, which finds all that it needs in the folder.

    Example:
      >>> continuing("train"), continuing("study"), continuing("profile")
      ('train', 'compare', 'profile --train')
    """
    return {"study": "compare", "profile": "profile --train"}.get(job, job)


def resume_line(command: str, folder: Path) -> str:
    """Return the line that continues the run in `folder`, to be pasted into a shell.

    Example:
      >>> resume_line("train", Path("my runs/1"))
      "jaxgan train --resume --out 'my runs/1'"
    """
    return f"jaxgan {command} --resume --out {shlex.quote(str(folder))}"


def last_line(command: str, folder: Path | None) -> str:
    """Return the last line that a stopped program prints; it is always current, because it is read from disk.

    Args:
      command: the command that continues the run, such as `train`.
      folder: the folder of the run; None if it has none yet.

    Example:
      >>> last_line("train", None)
      'stopped; nothing was trained yet'
      >>> last_line("profile --train", Path("my runs/1"))
      "stopped; nothing was trained yet, continue with: jaxgan profile --train --resume --out 'my runs/1'"
    """
    if folder is None:
        return "stopped; nothing was trained yet"
    resume = resume_line(command, folder)
    if (folder / "results.nc").is_file():
        return f"stopped; the run in {folder} has all its numbers; to rebuild its report: {resume}"
    _, step, training = max(map(_last_step, folder.glob("*/seeds-*/training")), default=_NONE)
    if not step:
        return f"stopped; nothing was trained yet, continue with: {resume}"
    label, block = training.parent.parent, training.parent.name.split("-")
    others = len(list(label.glob("seeds-*/training"))) > 1
    of = f"{label.name}, seeds {block[1]} to {block[2]}" if others else label.name
    return f"stopped at step {step:,} of {of}; everything up to it is kept, continue with: {resume}"


def not_written(error: BaseException, command: str, folder: Path) -> StoreError | None:
    """Return the error to report for a disk error, even one wrapped by a library; None for any other error.

    Example:
      >>> str(not_written(OSError(errno.ENOSPC, "full", "run/log.jsonl"), "train", Path("run")))[:60]
      'could not write run/log.jsonl: No space left on device; stop'
    """
    wrapped = re.search(r"errno = (\d+)", str(error))  # as HDF5 says it
    number = int(wrapped[1]) if wrapped else getattr(error, "errno", None)
    if number not in _OF_DISKS:
        return None
    path = getattr(error, "filename", None) or folder
    return StoreError(f"could not write {os.fsdecode(path)}: {os.strerror(number)}; {last_line(command, folder)}")


def _last_step(training: Path) -> _Last:
    """Return when, at which step and where a block was last saved; with several processes, by all of them."""
    saved = {int(path.name): path for path in training.glob("*") if path.name.isdigit() and path.is_dir()}
    parts = [{int(path.stem): path for path in own.glob("*.npz")} for own in training.glob("*of*")]
    for step in sorted(set.intersection(*map(set, parts or [saved])), reverse=True):
        return (parts or [saved])[0][step].stat().st_mtime, step, training
    return _NONE
