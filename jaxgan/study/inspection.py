"""Inspect a run's folder: what is intact, what is damaged, and how to restore it; `inspect` changes nothing."""

import shlex
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxgan import checkpoint
from jaxgan.files import StoreError, file_digest
from jaxgan.report.panels import PAPER, save_paper
from jaxgan.report.profile.report import write_profile_report
from jaxgan.report.run.report import write_run_report
from jaxgan.results import claim, store
from jaxgan.results.claim import REPLACED
from jaxgan.results.records import Origin, read_records
from jaxgan.results.results import config_in, read_results
from jaxgan.results.seal import DIGEST, digest_of
from jaxgan.study.block import blocks_in
from jaxgan.study.distributed import processes
from jaxgan.study.folder import complete
from jaxgan.study.interrupted import continuing, resume_line
from jaxgan.study.messages import counted
from jaxgan.study.training import check_whose


class Finding(NamedTuple):
    """The state of one part of a run."""

    name: str
    whole: bool
    what: str  # its state, or what is wrong with it
    way_out: str = ""  # a command that restores it, if there is one


def inspect(folder: Path) -> list[Finding]:
    """Inspect the run in `folder`: its configuration, training states, generators, results and derived files.

    Raises:
      StoreError: if it holds no run.
    """
    kept = config_again(folder)
    if kept is None and not claim.is_run(folder):
        copy = f", nor an intact copy of it in {store.RESULTS}" if (folder / store.RESULTS).is_file() else ""
        raise StoreError(f"{folder} holds no run (no config.json{copy})")
    try:
        content = store.read_config(folder)
    except StoreError as error:
        before = f"the previous run is intact in {folder / REPLACED}" if (folder / REPLACED).is_dir() else ""
        way_out = before if kept is None else _rebuilding(folder)
        return [Finding("config.json", False, str(error).partition(store.SEE)[0], way_out)]
    if kept is not None:
        what = f"belongs to another run: {store.RESULTS} and the training files are of run {kept['id']}"
        return [Finding("config.json", False, what, _rebuilding(folder))]
    found = [Finding("config.json", True, f"of jaxgan {content['job']}")]
    trained = list(_trainings(folder, content))
    found += trained
    found += _code(folder, content)
    again = resume_line(continuing(content["job"]), folder)
    if not (folder / store.RESULTS).is_file():
        what = "not there yet" if all(part.whole for part in trained) else "not there"
        found.append(Finding(store.RESULTS, False, what, again if content.get("kind") != "frozen" else ""))
        return found
    found.append(_attempt(store.RESULTS, partial(_about_results, folder), again if trained else ""))
    return found + _others(folder, content, found[-1].whole)


def rebuild(folder: Path, paper: str | None = None, log: Callable[[str], object] = lambda line: None) -> None:
    """Write metrics.csv, the report, its tables and its figures again from results.nc; `paper` as in `save_paper`.

    If config.json is missing, damaged or from another run, it is restored as well and `log` is called with a line.

    Raises:
      StoreError: if the results are missing or damaged, or the folder is in use.
    """
    again = partial(config_again, folder)
    lost = again() is not None
    with claim.reopen(folder, again) if lost else claim.reopen(folder) as run:
        if lost:
            log(f"{folder / claim.CONFIG} was restored from its copy in {store.RESULTS}")
        results = store.load_results(folder)
        write = write_run_report if results.notes.get("kind", "run") == "run" else write_profile_report

        if paper is not None:
            store.forget_paper(folder)
            save_paper(results, folder / PAPER, paper)
        complete(run, results, write)


def config_again(folder: Path) -> dict[str, Any] | None:
    """Return the content to restore if config.json is missing, damaged or another run's and results.nc has a copy.

    It is another run's if the results and all training files belong to one run and config.json to a different one.
    Return None if config.json is correct, or its content is unknown.
    """
    try:
        content = store.read_config(folder)
    except StoreError:
        content = None
    kept = config_in(folder / store.RESULTS)
    if "id" not in kept or kept.get(DIGEST) != digest_of(kept):
        return None
    if content is not None and (content.get("id") == kept["id"] or not _fits(folder, kept)):
        return None
    try:
        read_results(folder / store.RESULTS)
    except StoreError:  # its digest covers the copy as well
        return None
    return kept


def _fits(folder: Path, content: Mapping[str, Any]) -> bool:
    """Return whether the training files are intact and belong to the run with this config.json."""
    parts = list(_trainings(folder, content))
    return all(part.whole for part in parts) and any(part.name.endswith("/records") for part in parts)


def _trainings(folder: Path, content: Mapping[str, Any]) -> Iterator[Finding]:
    """Yield findings on the checkpoints, the records and the generators of every block."""
    if "blocks" not in content or content.get("kind") == "frozen":
        return
    steps = content["config"]["steps"]
    for block in blocks_in(content):
        own = folder / block.folder
        again = _trained_again(content, folder, own)
        for process in processes.names(content.get("processes", 1)):
            where = "/".join(filter(None, (block.folder, process)))
            step = _step(own / "training" / process)
            if step is None:
                yield Finding(f"{where}/training", True, "not begun, or not saved yet")
                continue
            origin = Origin(content.get("id"), where)
            look = partial(_about_state, own / "training" / process, origin, content)
            found = _attempt(f"{where}/training", look, again)
            yield found if process else _with_those_before(found, own / "training", content, folder)
            records = own / "records" / process
            yield _attempt(f"{where}/records", partial(_about_records, records, min(step, steps), origin), again)
        origin = Origin(content.get("id"), block.folder)
        for part, look in (
            ("generator", partial(_about_state, own / "generator", origin, content)),
            ("final", partial(_about_final, own / "final", steps, origin)),
        ):
            if (own / part).is_dir():
                again = _trained_again(content, folder, own / part)
                yield _attempt(f"{block.folder}/{part}", look, again)


def _with_those_before(found: Finding, training: Path, content: Mapping[str, Any], folder: Path) -> Finding:
    """Add the state of earlier checkpoints, from which training continues if the last one is damaged."""
    whole, damaged = [], []
    for step in checkpoint.steps_in(training)[1:]:
        try:
            checkpoint.read_meta(training, step)
            whole.append(step)
        except checkpoint.CheckpointError:
            damaged.append(step)
    if found.whole and damaged:
        what = f"{found.what}; the one before it, of step {damaged[0]:,}, is damaged"
        checked = f"jaxgan check {shlex.quote(str(folder))}"
        return Finding(found.name, False, what, f"remove {training / str(damaged[0])}, and then: {checked}")
    if not found.whole and whole and found.what.startswith(f"the checkpoint in {training} is damaged"):
        made = [str(path) for path in (training.parent / "final", folder / store.RESULTS) if path.exists()]
        removed = f"remove {' and '.join(made)}, and then: " if made else ""  # otherwise the block counts as done
        again = removed + resume_line(continuing(content["job"]), folder)
        return found._replace(what=f"{found.what}; the one before it, of step {whole[0]:,}, is intact", way_out=again)
    return found


def _code(folder: Path, content: Mapping[str, Any]) -> list[Finding]:
    """Compare the copies of the user's code with the digests in config.json; nothing can make them again."""
    digests = store.code_digests(content)
    found = [Finding(name, False, what) for name, digest in digests.items() if (what := _change(folder / name, digest))]
    if digests and not found:
        found.append(Finding("code", True, f"{counted(len(digests), 'file')}, as when the run was started"))
    return found


def _others(folder: Path, content: Mapping[str, Any], whole: bool) -> list[Finding]:
    """Check the files listed in SHA256SUMS: the log, and pages, tables and figures made from the results."""
    again = _rebuilding(folder) if whole else ""
    try:
        sums = store.read_sums(folder)
    except StoreError as error:
        return [Finding(store.SUMS, False, str(error), _in_place_of(folder / store.SUMS, again))]
    found, seen = [], {"config.json", store.RESULTS, *store.code_digests(content)}
    for name, digest in sums.items():
        if name in seen or not (what := _change(folder / name, digest)):
            continue
        way_out = _in_place_of(folder / name, again)
        if name.startswith("code/"):
            way_out = ""
        elif name.startswith("log."):
            what = f"{what}; nothing is computed from it, and its digest is renewed with {store.SUMS}"
            way_out = f"remove {folder / store.SUMS}, and then: {again}" if whole else ""
        elif name.startswith(f"{PAPER}/") and whole:
            way_out = f"jaxgan report {shlex.quote(str(folder))} --paper one-column (or two-column, as it was)"
        found.append(Finding(name, False, what, way_out))
    if not found:
        found.append(Finding(f"{counted(len(sums.keys() - seen), 'other file')}", True, "as they were written"))
    return found


def _change(path: Path, digest: str) -> str:
    """Return how a file differs from the one with this digest; "" if it does not."""
    if not path.is_file():
        return "missing; there is a folder in its place" if path.is_dir() else "missing"
    return "" if file_digest(path) == digest else "changed"


def _in_place_of(path: Path, command: str) -> str:
    """Return the command that writes a file, after what removes a folder of the same name, which it cannot replace."""
    return f"remove {path}, and then: {command}" if path.is_dir() and command else command


def _attempt(name: str, look: Callable[[], str], way_out: str) -> Finding:
    try:
        return Finding(name, True, look())
    except (StoreError, checkpoint.CheckpointError, OSError) as error:
        return Finding(name, False, str(error).partition("; remove ")[0], way_out)  # the command is in `way_out`


def _about_results(folder: Path) -> str:
    results = store.load_results(folder)
    return f"{counted(len(results.dataset.data_vars), 'array')}, digest matches"


def _about_records(folder: Path, end: int, origin: Origin) -> str:
    found = read_records(folder, end, origin)
    return f"{counted(len(found['step']), 'step')} recorded up to {end:,}"


def _about_final(folder: Path, end: int, origin: Origin) -> str:
    return f"{counted(len(read_records(folder, end, origin)), 'array')} of trained generators"


def _about_state(folder: Path, origin: Origin, content: Mapping[str, Any]) -> str:
    """Describe a checkpoint; each of several processes saves its own as an archive of arrays."""
    if archives := sorted(folder.glob("*.npz"), key=lambda path: int(path.stem)):
        try:
            with np.load(archives[-1]) as arrays:
                _ = [arrays[name] for name in arrays.files]
        except Exception as error:  # a damaged file can fail anywhere in numpy, zipfile and zlib
            raise StoreError(f"{archives[-1]} is damaged: {type(error).__name__}") from error
    else:
        check_whose(checkpoint.read_meta(folder), origin, content, folder)
    return f"step {_step(folder):,}"


def _step(folder: Path) -> int | None:
    archives = [int(path.stem) for path in folder.glob("*.npz") if path.stem.isdecimal()]
    return max(archives) if archives else checkpoint.latest_step(folder)


def _trained_again(content: Mapping[str, Any], folder: Path, part: Path) -> str:
    finished = f" and {folder / store.RESULTS}" if (folder / store.RESULTS).exists() else ""
    return f"remove {part}{finished}, and then: {resume_line(continuing(content['job']), folder)}"


def _rebuilding(folder: Path) -> str:
    """Return the command that writes again what is made of the results."""
    return f"jaxgan check {shlex.quote(str(folder))} --rebuild"
