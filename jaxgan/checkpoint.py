"""Save and load pytrees with metadata, using orbax and a digest of the arrays.

STEP/tree            the arrays, written by orbax
STEP/meta/metadata   JSON with the metadata and the digest of the arrays
STEP.sha256          the digest of these files

A checkpoint is renamed to its final name when it is complete, so a killed save leaves no partial checkpoint. Orbax
loads a flipped byte silently, so loading compares both digests. The digest of the files comes first, because a file
that orbax itself finds damaged triggers warnings from its threads long after the error. `CheckpointManager` is not
used because it takes as long again as a save.
"""

import errno
import hashlib
import json
import logging
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import jax
import numpy as np
import orbax.checkpoint as ocp

from jaxgan.files import PARTIAL, current_umask, write_json, write_text
from jaxgan.random import is_key
from jaxgan.types import PyTree

T = TypeVar("T")
_META = Path("meta", "metadata")
_SMALL_FILES = 2**18  # bytes on disk of a checkpoint's files other than its arrays


class CheckpointError(ValueError):
    """Raised if a checkpoint does not exist, is damaged, or does not match."""


class DamagedError(CheckpointError):
    """Raised if a checkpoint differs from what was written."""


def digest(tree: PyTree) -> str:
    """Return the SHA-256 of every leaf's path, dtype, shape and bytes; for typed random keys, the bytes of `key_data`.

    Example:
      >>> digest({"w": np.zeros(2)}) == digest({"w": np.zeros(2)}) != digest({"w": np.ones(2)})
      True
    """
    total = hashlib.sha256()
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
        values = leaf if is_key(leaf) else np.asarray(leaf)
        total.update(f"{jax.tree_util.keystr(path)} {values.dtype} {values.shape}".encode())
        total.update(np.ascontiguousarray(_data(values)).tobytes())
    return total.hexdigest()


def save(directory: Path, step: int, tree: PyTree, meta: dict[str, Any], *, keep: int = 1) -> None:
    """Save `tree` and `meta` (JSON) as the checkpoint of `step`, and keep the last `keep` checkpoints in `directory`.

    Older checkpoints are only removed once the new one is complete, together with those of later steps from an
    abandoned attempt. A checkpoint of the same step is replaced unless it already holds the same arrays. If there are
    several processes, only the first can save, and only NumPy arrays.

    Raises:
      OSError: if the checkpoint cannot be written, for example because the disk is full; the previous one is kept.
    """
    directory = Path(directory)
    meta = meta | {"digest": digest(tree), "leaves": _leaves(tree)}
    if latest_step(directory) == step and _holds(directory, meta["digest"]):
        return
    _check_room(directory, tree)
    partial = Path(tempfile.mkdtemp(dir=directory, prefix=f".{step}-", suffix=PARTIAL))
    try:
        # Compression only saves a tenth of the size of floats and takes half of the time, and JAX arrays take longer to
        # save than NumPy arrays.
        numbers = jax.tree.map(lambda leaf: np.asarray(_data(leaf)), tree)
        with _quiet(), _orbax(ocp.PyTreeCheckpointHandler, use_compression=False) as checkpointer:
            checkpointer.save(partial.absolute() / "tree", args=ocp.args.PyTreeSave(numbers))
        write_json(partial / _META, meta)
        written = _file_digest(partial)
        _remove(directory, step)
        partial.chmod(0o777 & ~current_umask())  # a temporary folder is only accessible to its owner
        partial.rename(directory / str(step))
    except Exception as error:  # orbax wraps system errors in long messages
        shutil.rmtree(partial, ignore_errors=True)
        raise _system_error(error, directory) from error
    write_text(_sums(directory, step), written)
    kept = [step, *(before for before in steps_in(directory) if before < step)][:keep]
    sums = {int(path.stem) for path in directory.glob("*.sha256") if path.stem.isdecimal()}
    for other in sums.union(steps_in(directory)).difference(kept):
        _remove(directory, other)
    for stale in directory.glob("*.orbax-checkpoint-tmp*"):  # left by a killed save of an earlier version
        shutil.rmtree(stale)


def load(directory: Path, like: PyTree, step: int | None = None) -> tuple[PyTree, dict[str, Any]]:
    """Load the checkpoint of `step`, or the latest, with the structure of `like`; return it and its `meta`.

    `like` is a pytree of arrays or of `jax.ShapeDtypeStruct` (for example from `jax.eval_shape`). The arrays are placed
    on the first local device.

    Raises:
      CheckpointError: if there is no checkpoint, the digest differs, or its shapes differ from those of `like`.
    """
    directory = Path(directory)
    meta = read_meta(directory, step)
    step = latest_step(directory) if step is None else step
    # Compare shapes here, because orbax raises a long message and leaves partially read arrays behind.
    there, expected = meta.pop("leaves", {}), _leaves(like)
    for path in sorted(there.keys() | expected.keys()):
        if there.get(path) != expected.get(path):
            raise CheckpointError(
                f"the checkpoint in {directory} does not fit: expected {path} to be "
                f"{expected.get(path, 'absent')}, got {there.get(path, 'absent')}"
            )
    here = jax.sharding.SingleDeviceSharding(jax.local_devices()[0])
    stored = jax.tree.map(lambda a: jax.eval_shape(jax.random.key_data, a) if is_key(a) else a, like)
    target = jax.tree.map(lambda a: jax.ShapeDtypeStruct(a.shape, a.dtype, sharding=here), stored)
    try:
        with _orbax(ocp.StandardCheckpointHandler) as checkpointer:
            found = checkpointer.restore(
                directory.absolute() / str(step) / "tree", args=ocp.args.StandardRestore(target)
            )
    except Exception as error:  # orbax raises bare Exceptions, and messages of many lines
        raise _damaged(directory, error) from error
    tree = jax.tree.map(_like, like, found)
    if digest(tree) != meta.pop("digest", None):
        raise DamagedError(f"the checkpoint in {directory} is damaged: its numbers do not have its digest")
    return tree, meta


def read_meta(directory: Path, step: int | None = None) -> dict[str, Any]:
    """Return the metadata of the checkpoint of `step`, or the latest, after verifying the digest of its files.

    Raises:
      CheckpointError: if there is no checkpoint or it is damaged.
    """
    step = latest_step(directory) if step is None else step
    if step is None:
        raise CheckpointError(f"no checkpoint in {directory}")
    sums = _sums(directory, step)  # missing if a save was killed at its very end; the digest of the leaves still counts
    try:
        if sums.is_file() and sums.stat().st_size and sums.read_text("utf-8") != _file_digest(directory / str(step)):
            raise DamagedError(f"the checkpoint in {directory} is damaged: its files are not those that were written")
        return dict(json.loads((directory / str(step) / _META).read_text("utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise error if isinstance(error, CheckpointError) else _damaged(directory, error) from error


def newest_whole(directory: Path, read: Callable[[int], T]) -> tuple[T, int, int | None]:
    """Return `read(step)` of the newest undamaged checkpoint, its step, and the step of a damaged one that was skipped.

    Raises:
      CheckpointError: if there is no checkpoint; if all are damaged, the error of the newest.
    """
    first: DamagedError | None = None
    for step in steps_in(directory):
        try:
            return read(step), step, None if first is None else latest_step(directory)
        except DamagedError as error:
            first = first or error
    raise first or CheckpointError(f"no checkpoint in {directory}")


def latest_step(directory: Path) -> int | None:
    """Return the step of the latest checkpoint in `directory`, or None; only reads file names."""
    return next(iter(steps_in(directory)), None)


def steps_in(directory: Path) -> list[int]:
    """Return the steps of the checkpoints in `directory`, the newest first; only reads file names."""
    found = (int(path.name) for path in Path(directory).glob("*") if path.name.isdecimal() and path.is_dir())
    return sorted(found, reverse=True)


def _holds(directory: Path, sought: str) -> bool:
    try:
        return read_meta(directory)["digest"] == sought
    except CheckpointError:  # damaged: write it again
        return False


def _remove(directory: Path, step: int) -> None:
    """Remove a checkpoint atomically, even if the process is killed meanwhile."""
    if (folder := directory / str(step)).is_dir():
        partial = Path(tempfile.mkdtemp(dir=directory, prefix=f".{step}-", suffix=PARTIAL))
        folder.rename(partial / folder.name)
        shutil.rmtree(partial)
    _sums(directory, step).unlink(missing_ok=True)


def _sums(directory: Path, step: int) -> Path:
    return directory / f"{step}.sha256"


def _file_digest(folder: Path) -> str:
    total = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        total.update(str(path.relative_to(folder)).encode())
        total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def _check_room(directory: Path, tree: PyTree) -> None:
    """Check that the disk has room for a checkpoint; otherwise orbax prints hundreds of lines from its threads.

    Raises:
      OSError: if there is not enough room.
    """
    directory.mkdir(parents=True, exist_ok=True)
    needed = sum(_data(leaf).nbytes for leaf in jax.tree.leaves(tree)) + _SMALL_FILES
    disk = shutil.disk_usage(directory)
    if disk.total and disk.free < needed:  # some file systems report 0 for everything
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(directory))


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence the tracebacks that orbax logs from its threads; the error itself is raised with a one-line message."""
    absl = logging.getLogger("absl")
    before, absl.disabled = absl.disabled, True
    try:
        yield
    finally:
        absl.disabled = before


def _system_error(error: BaseException, directory: Path) -> BaseException:
    """Extract the system error, if there is one, from the long messages of orbax and tensorstore."""
    if isinstance(error, OSError):
        return error
    if found := re.search(r"os_error_code='(\d+)'", str(error)):
        return OSError(int(found[1]), os.strerror(int(found[1])), str(directory))
    return error if error.__cause__ is None else _system_error(error.__cause__, directory)


def _data(leaf: Any) -> Any:
    """Return typed random keys, which neither NumPy nor orbax can write, as integers; other leaves are unchanged."""
    return jax.random.key_data(leaf) if is_key(leaf) else leaf


def _like(leaf: Any, data: Any) -> Any:
    """Invert `_data`, for a `leaf` that may be a shape, whose `impl` is only available within a trace."""
    if not is_key(leaf):
        return data
    impls: list[Any] = []
    jax.eval_shape(lambda key: impls.append(jax.random.key_impl(key)), leaf)
    return jax.random.wrap_key_data(data, impl=impls[0])


def _leaves(tree: PyTree) -> dict[str, str]:
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    return {jax.tree_util.keystr(path): f"{leaf.dtype}{list(leaf.shape)}" for path, leaf in leaves}


def _damaged(directory: Path, error: Exception) -> DamagedError:
    first = str(error).partition("\n")[0][:200]
    return DamagedError(f"the checkpoint in {directory} is damaged: {first}")


def _orbax(handler: Callable[..., ocp.CheckpointHandler], **options: Any) -> ocp.Checkpointer:
    if jax.process_count() == 1:
        return ocp.Checkpointer(handler(**options))
    own = jax.process_index()  # otherwise orbax would wait for the other processes, which do not take part
    alone = ocp.options.MultiprocessingOptions(
        primary_host=own, active_processes={own}, barrier_sync_key_prefix=f"process{own}"
    )
    return ocp.Checkpointer(handler(**options, multiprocessing_options=alone), multiprocessing_options=alone)
