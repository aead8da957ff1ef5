"""Coordinate several processes that run one job, each with its own seeds; trivial with a single process."""

import atexit
import hashlib
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils

from jaxgan.checkpoint import CheckpointError
from jaxgan.files import StoreError, written_whole
from jaxgan.results.archives import read_archive
from jaxgan.types import PyTree

_LINE = 4096  # bytes of the messages that processes exchange: as long as a path may be


class ProcessError(ValueError):
    """Raised by all processes if one of them fails; the one-line message names the error."""


def leads() -> bool:
    """Return whether this is the leading process, which locks the folder, prints and reports."""
    return jax.process_index() == 0


def names(count: int | None = None) -> list[str]:
    """Return the folders to which processes write their seeds, in the order of the seeds; "" for one process.

    By default those of the processes of this job; `count` for those of a stored run.

    Example:
      >>> names(), names(2)
      ([''], ['1of2', '2of2'])
    """
    count = jax.process_count() if count is None else count
    return [""] if count == 1 else [f"{i}of{count}" for i in range(1, count + 1)]


def own_name() -> str:
    """Return this process's entry of `names()`."""
    return names()[jax.process_index()]


def exchanged(line: str) -> list[str]:
    """Return the line of every process, in order. Acts as a barrier: every process must call it."""
    if jax.process_count() == 1:
        return [line]
    said = np.frombuffer(line.encode()[:_LINE].ljust(_LINE, b"\0"), np.uint8)
    everyone = np.asarray(multihost_utils.process_allgather(said))
    return [row.tobytes().rstrip(b"\0").decode(errors="replace") for row in everyone]


def any_of(wanted: bool) -> bool:
    """Return whether `wanted` is True in any process; every process must call this."""
    return "yes" in exchanged("yes" if wanted else "")


@contextmanager
def in_agreement() -> Iterator[None]:
    """A context that either succeeds in all processes or raises in all; each waits for the others at its end.

    Raises:
      ProcessError: if the block raises in one of several processes. With one process, the error is unchanged.
    """
    if jax.process_count() == 1:
        yield
        return
    cause, line = None, ""
    try:
        yield
    except Exception as error:
        cause, line = error, " ".join(str(error).split()) or type(error).__name__
    for number, said in enumerate(exchanged(line), 1):
        if said:
            raise ProcessError(f"process {number} of {jax.process_count()}: {said}") from cause


def gathered(folder: Path, part: PyTree) -> PyTree:
    """Gather the arrays of all seeds from all processes through files in `folder`; only the leading process gets them.

    Raises:
      ProcessError: if a part cannot be written or read.
    """
    if jax.process_count() == 1:
        return part
    files = [folder / f"gathering-{name}.npz" for name in names()]
    with in_agreement():
        _write(files[jax.process_index()], part, {})
    leaves, structure = jax.tree.flatten(part)
    with in_agreement():
        if leads():
            parts = [_read(file, leaves)[0] for file in files]
            leaves = [np.concatenate(each) for each in zip(*parts, strict=True)]
            for file in files:
                file.unlink()
    return jax.tree.unflatten(structure, leaves)


def save_own(folder: Path, step: int, part: PyTree, meta: dict[str, Any]) -> None:
    """Save this process's seeds at `step`. Two steps are kept, because another process may be one step behind.

    Orbax is not used, because it writes arrays shared by all processes, not separate ones.
    """
    own = folder / own_name()
    _write(own / f"{step}.npz", part, meta)
    for older in sorted(_steps(own))[:-2]:
        (own / f"{older}.npz").unlink()


def load_own(folder: Path, like: PyTree) -> tuple[PyTree, dict[str, Any], int | None] | None:
    """Load this process's seeds and `meta` at the last step that every process has saved; None if there is none.

    If the part of one process is damaged, all processes load the step before, and the third value is the damaged step.

    Raises:
      CheckpointError: if all steps are damaged, or the shapes differ from those of `like`.
    """
    own = folder / own_name()
    common = sorted(set.intersection(*(_steps(folder / name) for name in names())), reverse=True)
    leaves, structure = jax.tree.flatten(like)
    first = ""
    for step in common:
        line = ""
        try:
            arrays, meta = _read(own / f"{step}.npz", leaves)
        except Exception as error:  # a damaged file can fail anywhere in numpy, zipfile and zlib
            line = f"the checkpoint of step {step} in {own} is damaged: {error}"
        said = next(filter(None, exchanged(" ".join(line.split()))), "")
        if not said:
            break
        first = first or said
    else:
        if first:
            raise CheckpointError(first)
        return None
    if [a.shape for a in arrays] != [a.shape for a in leaves]:
        raise CheckpointError(f"the checkpoint of step {step} in {own} does not fit: it has arrays of other shapes")
    for further in (later for later in _steps(own) if later > step):
        (own / f"{further}.npz").unlink()
    return jax.tree.unflatten(structure, arrays), meta, common[0] if first else None


def _steps(folder: Path) -> set[int]:
    return {int(path.stem) for path in folder.glob("*.npz")}


def _write(file: Path, tree: PyTree, meta: dict[str, Any]) -> None:
    """Write a file atomically. Zip archives contain checksums that detect damage."""
    with written_whole(file) as partial, partial.open("wb") as opened:
        np.savez(opened, *map(np.asarray, jax.tree.leaves(tree)), meta=np.asarray(json.dumps(meta)))


def _read(file: Path, like: list[Any]) -> tuple[list[np.ndarray], dict[str, Any]]:
    arrays = read_archive(file)
    # NumPy forgets the name of a bfloat16.
    return [arrays[f"arr_{i}"].view(a.dtype) for i, a in enumerate(like)], json.loads(str(arrays["meta"]))


def seen_by_all(folder: Path) -> Path:
    """Return, in every process, the folder of the run that the leading process has locked.

    Raises:
      StoreError: if not all processes see the same folder.
    """
    if jax.process_count() == 1:
        return folder
    first = exchanged(str(folder.absolute()))[0]
    folder = folder if leads() else Path(first)
    content = ""
    with suppress(OSError):
        content = hashlib.sha256((folder / "config.json").read_bytes()).hexdigest()
    if len(set(exchanged(content))) > 1:
        raise StoreError(f"the processes do not all see the run in {folder}, expected a folder that they share")
    return folder


def give_up(status: int = 1) -> None:
    """End this process without waiting for the others at exit, after an error that they do not know of.

    The others wait in their next exchange until JAX misses this process's heartbeat, which ends them within minutes.
    """
    if jax.process_count() > 1:
        atexit.register(_leave, status)  # runs before JAX's own, which would wait


def _leave(status: int) -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
