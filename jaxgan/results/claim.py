"""Lock a run's folder so that only one process and one run write to it at a time.

.lock       an operating-system lock, held while a process writes to the folder; contains the process, the host and the
            start time. The folder of a part that a worker writes has one as well.
.replaced   the previous contents of the folder, kept until the run that replaces them is complete
"""

import itertools
import json
import shutil
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any

from jaxgan.files import PARTIAL, StoreError, is_partial, remove_partials, sync_folder, write_bytes
from jaxgan.results.contents import CODE, CONFIG, LOCK, REPLACED, nested_runs, not_ours
from jaxgan.results.locks import Lock, at_work, owner
from jaxgan.results.seal import read_sealed, write_sealed


class RunFolder:
    """A folder that this process writes a run to, or a part of a run that another process leads."""

    def __init__(self, path: Path, run: str | None, lock: Lock | None):
        self.path = path
        self.run = run  # None: written by a version that gave runs no id
        self._lock = lock
        self._seen: tuple[int, ...] | None = None  # the stat result of config.json when it was last read

    def __enter__(self) -> "RunFolder":
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.release()

    def check(self) -> None:
        """Check that the folder still exists and belongs to this run alone. Called before every save.

        Raises:
          StoreError: if it was removed, holds another run, or may be written by another process.
        """
        now = _as_seen(self.path / CONFIG)
        if now is None or now != self._seen:  # avoid reading the file after every chunk of training
            try:
                found = read_sealed(self.path / CONFIG).get("id")
            except StoreError as error:
                raise StoreError(f"{self.path} was removed or changed while it was written: {error}") from error
            if found != self.run:
                raise StoreError(f"{self.path} holds another run now: the folder was replaced while it was written")
            self._seen = now
        if self._lock is not None and not self._lock.holds():
            line = "was removed while this run was written, so that another process may write to the same folder"
            raise StoreError(f"{self.path / LOCK} {line}; see that there is none, and continue with --resume")

    def rewrite(self, content: Mapping[str, Any]) -> None:
        """Replace the config.json of this run, keeping its id."""
        self.check()
        write_sealed(self.path / CONFIG, {**content, "id": self.run})

    def complete(self) -> None:
        """Remove the replaced run once this run has all its files.

        It is renamed first, so that an interrupted removal is not mistaken for a run that was half moved aside.
        """
        if (aside := self.path / REPLACED).is_dir():
            partial = self.path / f"{REPLACED}{PARTIAL}"
            aside.rename(partial)
            shutil.rmtree(partial, ignore_errors=True)

    def release(self) -> None:
        """Release the lock so that others can write to the folder."""
        if self._lock is not None:
            self._lock.release()
            self._lock = None


def numbered(root: Path, slug: str) -> Path:
    """Create and return the next numbered folder under `root`."""
    root.mkdir(parents=True, exist_ok=True)
    numbers = [int(p.name.split("-")[0]) for p in root.iterdir() if p.name.split("-")[0].isdecimal()]
    number = max(numbers, default=0) + 1
    while True:
        folder = root / f"{number:04d}-{slug}"
        try:
            folder.mkdir()
        except FileExistsError:  # another run took the number
            number += 1
        else:
            return folder


def claim(
    folder: Path, content: Mapping[str, Any], files: Mapping[str, bytes] = MappingProxyType({}), *, overwrite: bool
) -> RunFolder:
    """Start a run in `folder`: lock it, move its previous contents aside, write `files`, and config.json with an id.

    The folder itself stays in place, so that no other process can take it in between. A crash leaves either the old or
    the new run; the files of the old run stay in `.replaced` until `RunFolder.complete` is called.

    Raises:
      StoreError: if the folder is in use, holds files that are not a run, or holds a run and `overwrite` is False.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = Lock(folder)
    try:
        _settle(folder)
        _check_content(folder, overwrite=overwrite)
        _move_aside(folder)
        run = uuid.uuid4().hex
        for name, one in files.items():  # before config.json, which says that the run has begun
            write_bytes(folder / name, one)
        write_sealed(folder / CONFIG, {**content, "id": run})
    except BaseException:
        lock.release()
        raise
    return RunFolder(folder, run, lock)


def reopen(folder: Path, again: Callable[[], Mapping[str, Any] | None] = lambda: None) -> RunFolder:
    """Lock `folder` to continue the run in it; if `again` returns content, rewrite config.json with it.

    Raises:
      StoreError: if the folder is in use or holds no run.
    """
    if not is_run(folder) and again() is None:  # write nothing, not even a lock, to a folder that is not a run
        raise StoreError(f"{folder} holds no run (no {CONFIG})")
    lock = Lock(folder)
    try:
        if (content := again()) is not None:
            write_sealed(folder / CONFIG, content)
        _settle(folder)
        return RunFolder(folder, read_sealed(folder / CONFIG).get("id"), lock)
    except BaseException:
        lock.release()
        raise


def beside(folder: Path) -> RunFolder:
    """Return the folder of a run that another process, which leads this one, has locked."""
    return RunFolder(folder, read_sealed(folder / CONFIG).get("id"), None)


@contextmanager
def part_of(folder: Path, part: str) -> Iterator[None]:
    """Lock a part of a run that another process leads, waiting until no other worker writes to it.

    Raises:
      StoreError: if the folder holds no run.
    """
    if not is_run(folder):
        raise StoreError(f"{folder} holds no run (no {CONFIG})")
    own = folder / part
    own.mkdir(parents=True, exist_ok=True)
    lock = Lock(own, wait=True)
    try:
        remove_partials(own)
        yield
    finally:
        lock.release()


def check_out(out: Path, *, overwrite: bool) -> None:
    """Check that a run may be written to `out`, before any work is done.

    Raises:
      StoreError: under the same conditions as `claim`.
    """
    if out.exists() and not out.is_dir():
        raise StoreError(f"--out: {out} is a file, expected a folder")
    if (out / LOCK).exists():
        Lock(out).release()
    _check_content(out, overwrite=overwrite)


def _check_content(out: Path, *, overwrite: bool) -> None:
    if out.is_dir() and any(path.name != LOCK and not is_partial(path) for path in out.iterdir()):
        if not is_run(out):
            raise StoreError(f"--out: {out} holds other files, expected a new or empty folder")
        if not overwrite:
            raise StoreError(f"--out: {out} already holds a run; add --overwrite or --resume, or name another folder")
        for part in at_work(out):
            raise StoreError(f"--out: {part} is in use{owner(part)}; wait for it, or name another folder")
        way_out = "which --overwrite would remove: move it elsewhere, or name another folder"
        if nested := nested_runs(out):
            raise StoreError(f"--out: {out} holds the run {', '.join(map(str, nested))}, {way_out}")
        for path in not_ours(out):
            raise StoreError(f"--out: {out} holds {path.relative_to(out)}, {way_out}")


def ids_in(content: Mapping[str, Any]) -> frozenset[str | None]:
    """Return the run ids that its checkpoints may carry: its own and those of the runs that it was merged from.

    Example:
      >>> sorted(ids_in({"id": "a", "merged": [{"ids": ["b", "c"]}]}))
      ['a', 'b', 'c']
    """
    merged = [part.get("ids", ()) for part in content.get("merged") or ()]
    return frozenset((content.get("id"), *itertools.chain(*merged)))


def is_run(folder: Path) -> bool:
    """Return whether `folder` holds a run: a config.json written by jaxgan, or a run that was moved aside."""
    return any(job_of(path) is not None for path in (folder, folder / REPLACED))


def job_of(folder: Path) -> str | None:
    """Return the command that wrote the folder, finished or not; "" if its config.json is damaged; None if no run."""
    try:
        text = (folder / CONFIG).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    try:
        content = json.loads(text)
    except ValueError:
        return "" if '"schema"' in text and '"job"' in text else None
    return content.get("job") if isinstance(content, dict) else None


def _as_seen(path: Path) -> tuple[int, ...] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _settle(folder: Path) -> None:
    """Clean up after a killed process: partially written files, and a run that was half moved aside or back.

    Nested runs are left alone: they have a lock and clean up on their own.
    """
    remove_partials(folder, but=[*at_work(folder), *nested_runs(folder)])
    aside = folder / REPLACED
    if not aside.is_dir() or ((folder / CONFIG).is_file() and (aside / CONFIG).is_file()):
        return
    if (aside / CONFIG).is_file():  # the old run is aside completely; the files here belong to a run that never began
        copies = folder / CODE  # of that run: `claim` writes them first
        kept = [*nested_runs(folder), *(path for path in not_ours(folder) if copies not in path.parents)]
        _remove([own for own in _own(folder) if not any(own == one or own in one.parents for one in kept)])
    for path in sorted(aside.iterdir(), key=_is_not_config):  # config.json first: it marks that the rest follows
        path.rename(folder / path.name)
    sync_folder(folder)
    aside.rmdir()


def _move_aside(folder: Path) -> None:
    """Move the contents of the folder to `.replaced`, or delete them if `.replaced` already holds a complete run."""
    aside, own = folder / REPLACED, sorted(_own(folder), key=_is_not_config)
    if aside.is_dir():  # the files here belong to a run that was to replace it and never completed
        _remove(own)
    elif own:
        aside.mkdir()
        for path in reversed(own):  # config.json last: it marks that the rest is there
            path.rename(aside / path.name)
        sync_folder(aside)
        sync_folder(folder)


def _own(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.name not in (LOCK, REPLACED)]


def _remove(paths: list[Path]) -> None:
    for path in sorted(paths, key=_is_not_config):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def _is_not_config(path: Path) -> bool:
    return path.name != CONFIG
