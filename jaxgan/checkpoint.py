"""A pytree and what is known about it, to and from disk: orbax, with a digest of the numbers.

Orbax writes atomically (a killed save leaves no half checkpoint) but loads a flipped byte silently, so every
checkpoint carries a SHA-256 of its leaves, and loading compares. That of its files stands beside it and is compared
first: a file that orbax itself finds damaged sets off warnings from its threads long after the error.
"""

import dataclasses
import errno
import hashlib
import logging
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp

from jaxgan.files import write_text
from jaxgan.random import is_key
from jaxgan.types import PyTree

_SMALL_FILES = 2**18  # bytes on the disk of what a checkpoint has beside its numbers


class CheckpointError(ValueError):
    """There is no such checkpoint, or it is damaged, or it does not fit."""


def digest(tree: PyTree) -> str:
    """The SHA-256 of every leaf's path, dtype, shape and bytes; of typed random keys the bytes of `key_data`.

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


def save(directory: Path, step: int, tree: PyTree, meta: dict[str, Any]) -> None:
    """Writes `tree` and `meta` (JSON) as the checkpoint of `step`, the only one kept in `directory`.

    The one before is removed only after the new one is complete. A checkpoint of the same step is replaced,
    unless it holds the same numbers already. Of several processes only the first can save, and numpy arrays alone.

    Raises:
      OSError: the disk is full, say; the checkpoint before is there still.
    """
    directory = Path(directory)
    meta = meta | {"digest": digest(tree), "leaves": _leaves(tree)}
    if latest_step(directory) == step and _holds(directory, meta["digest"]):
        return
    _check_room(directory, tree)
    try:
        with _quiet(), _manager(directory) as manager:
            if step in manager.all_steps():
                _sums(directory, step).unlink(missing_ok=True)
                manager.delete(step)
            manager.save(
                step,
                args=ocp.args.Composite(
                    tree=ocp.args.StandardSave(jax.tree.map(_data, tree)), meta=ocp.args.JsonSave(meta)
                ),
                force=True,
            )
        written = _file_digest(directory / str(step))
    except Exception as error:  # orbax wraps what the system says, and that in a message of many lines
        raise _system_error(error, directory) from error
    for stale in directory.glob("*.sha256"):
        stale.unlink()
    write_text(_sums(directory, step), written)


def load(directory: Path, like: PyTree) -> tuple[PyTree, dict[str, Any]]:
    """The latest checkpoint in `directory`, in the structure and on the devices of `like`, and its `meta`.

    `like` is a pytree of arrays or of `jax.ShapeDtypeStruct` (say, from `jax.eval_shape`).

    Raises:
      CheckpointError: none is there, the digest differs, or its shapes are not those of `like`.
    """
    directory = Path(directory)
    meta = read_meta(directory)
    # Compared here, because orbax says it in many lines and leaves half-read arrays behind.
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
    tree = jax.tree.map(_like, like, _restore(directory, tree=ocp.args.StandardRestore(target)).tree)
    if digest(tree) != meta.pop("digest", None):
        raise CheckpointError(f"the checkpoint in {directory} is damaged: its numbers do not have its digest")
    return tree, meta


def read_meta(directory: Path) -> dict[str, Any]:
    """The metadata of the latest checkpoint in `directory`, without reading its numbers.

    Raises:
      CheckpointError: none is there, or it is damaged.
    """
    step = latest_step(directory)
    if step is None:
        raise CheckpointError(f"no checkpoint in {directory}")
    sums = _sums(directory, step)  # absent where a save was killed at its very end: the leaves are compared still
    if sums.is_file() and sums.stat().st_size and sums.read_text("utf-8") != _file_digest(directory / str(step)):
        raise CheckpointError(f"the checkpoint in {directory} is damaged: its files are not those that were written")
    return dict(_restore(directory, meta=ocp.args.JsonRestore()).meta)


def latest_step(directory: Path) -> int | None:
    """The step of the checkpoint in `directory`, or None; reads nothing but names."""
    steps = [int(p.name) for p in Path(directory).glob("*") if p.is_dir() and p.name.isdigit()]
    return max(steps, default=None)


def _holds(directory: Path, sought: str) -> bool:
    try:
        return read_meta(directory)["digest"] == sought
    except CheckpointError:  # damaged: it is to be written anew
        return False


def _sums(directory: Path, step: int) -> Path:
    return directory / f"{step}.sha256"


def _file_digest(folder: Path) -> str:
    total = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        total.update(str(path.relative_to(folder)).encode())
        total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def _check_room(directory: Path, tree: PyTree) -> None:
    """Whether there is room for a checkpoint: orbax says that there is none in hundreds of lines, from its threads.

    Raises:
      OSError: there is none.
    """
    directory.mkdir(parents=True, exist_ok=True)
    needed = sum(_data(leaf).nbytes for leaf in jax.tree.leaves(tree)) + _SMALL_FILES
    disk = shutil.disk_usage(directory)
    if disk.total and disk.free < needed:  # some file systems say 0 of everything
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(directory))


@contextmanager
def _quiet() -> Iterator[None]:
    """Orbax logs a traceback from each of its threads, of an error that is raised and said in one line."""
    absl = logging.getLogger("absl")
    before, absl.disabled = absl.disabled, True
    try:
        yield
    finally:
        absl.disabled = before


def _system_error(error: BaseException, directory: Path) -> BaseException:
    """What the system said, where it was the system, out of orbax's and tensorstore's messages of many lines."""
    if isinstance(error, OSError):
        return error
    if found := re.search(r"os_error_code='(\d+)'", str(error)):
        return OSError(int(found[1]), os.strerror(int(found[1])), str(directory))
    return error if error.__cause__ is None else _system_error(error.__cause__, directory)


def _data(leaf: Any) -> Any:
    """Typed random keys, which neither numpy nor orbax can write, as the integers behind them."""
    return jax.random.key_data(leaf) if is_key(leaf) else leaf


def _like(leaf: Any, data: Any) -> Any:
    """The inverse of `_data`, for a `leaf` that may be a shape: only within a trace does that have an `impl`."""
    if not is_key(leaf):
        return data
    impls: list[Any] = []
    jax.eval_shape(lambda key: impls.append(jax.random.key_impl(key)), leaf)
    return jax.random.wrap_key_data(data, impl=impls[0])


def _leaves(tree: PyTree) -> dict[str, str]:
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    return {jax.tree_util.keystr(path): f"{leaf.dtype}{list(leaf.shape)}" for path, leaf in leaves}


def _restore(directory: Path, **args: ocp.args.CheckpointArgs) -> Any:
    try:
        with _manager(directory) as manager:
            return manager.restore(manager.latest_step(), args=ocp.args.Composite(**args))
    except Exception as error:  # orbax raises bare Exceptions, and messages of many lines
        first = str(error).partition("\n")[0][:200]
        raise CheckpointError(f"the checkpoint in {directory} is damaged: {first}") from error


def _manager(directory: Path) -> ocp.CheckpointManager:
    options = ocp.CheckpointManagerOptions(max_to_keep=1, cleanup_tmp_directories=True)
    if jax.process_count() > 1:  # orbax would wait for the other processes, which have no part in this
        directory.mkdir(parents=True, exist_ok=True)
        own = jax.process_index()
        alone = ocp.options.MultiprocessingOptions(
            primary_host=own, active_processes={own}, barrier_sync_key_prefix=f"process{own}"
        )
        options = dataclasses.replace(
            options, create=False, enable_async_checkpointing=False, multiprocessing_options=alone
        )
    return ocp.CheckpointManager(Path(directory).absolute(), options=options)
