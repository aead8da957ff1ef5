"""Read and write a run's folder. Does not import JAX.

config.json     the request, the versions, the commit, the device, and the command that repeats the run
results.nc      all numbers, labelled (see `jaxgan.results.results`)
metrics.csv     outcome and metrics, one row per configuration and seed
report.html     the report, with its pictures next to it
code/           a copy of the user's own code
log.jsonl       medians over seeds, as they were logged
PROGRAM/seeds-0-7/generator     checkpoint of the generators of runs that were trained together
PROGRAM/seeds-0-7/training      the last two checkpoints of the full training state
PROGRAM/seeds-0-7/records       what was recorded between consecutive checkpoints
PROGRAM/seeds-0-7/final         measurements of the trained generators
SHA256SUMS      digests of the files of the run and its report, for `sha256sum -c`; checkpoints have their own
.lock, .replaced   see `jaxgan.results.claim`

A program that trains a single configuration has the name of that configuration. If there are several waves, the later
ones have their number after the seeds. If there are several processes, each has its own folder with its seeds in
training and in records: 1of2, 2of2.
"""

import json
import re
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from jaxgan.files import StoreError, append_text, file_digest, plain, write_text, written_whole
from jaxgan.results.claim import is_run
from jaxgan.results.contents import CONFIG, PICTURES, REPLACED
from jaxgan.results.results import SCHEMA, Results, read_results
from jaxgan.results.seal import read_sealed

RESULTS, SUMS = "results.nc", "SHA256SUMS"
SEE = "; see: jaxgan check "
_LOG, _CODE, _PAPER = "log.jsonl", "code/", "paper/"
ALWAYS = (CONFIG, RESULTS, _LOG, "metrics.csv", "report.html", "table.json", "table.md", "table.tex")
"""The files of every finished run; a gradient profile without a training lacks some."""
_LISTED = (
    *ALWAYS,
    *(f"{name}.png" for name in PICTURES),
    *(f"figures/{name}.{kind}" for name in PICTURES for kind in ("pdf", "svg", "csv")),
    *(f"{_PAPER}*.{kind}" for kind in ("pdf", "svg", "png")),
    f"{_CODE}*.py",
)
_LINE = re.compile("([0-9a-f]{64})  (.+)")


def is_finished(folder: Path) -> bool:
    """Return whether the run in `folder` has all its numbers."""
    return is_run(folder) and (folder / RESULTS).is_file()


def read_config(folder: Path) -> dict[str, Any]:
    """Read the config.json of the run in `folder`.

    Raises:
      StoreError: if there is no run, config.json is damaged or was changed, or it has another schema.
    """
    see = f"{SEE}{folder}" if (folder / RESULTS).is_file() else ""  # the results hold a copy
    if not is_run(folder):
        raise StoreError(f"{folder} holds no run (no {CONFIG}){see}")
    try:
        # A run that was half moved aside when its process was killed is moved back by the next process to lock it.
        config = read_sealed(folder / CONFIG if (folder / CONFIG).is_file() else folder / REPLACED / CONFIG)
    except StoreError as error:
        raise StoreError(f"{error}{see}") from error
    if (schema := config.get("schema", 1)) != SCHEMA:
        message = f"the run in {folder} has schema {schema}, expected {SCHEMA}: another version of jaxgan started it"
        raise StoreError(message)
    _check_kinds(folder / CONFIG, config)
    return config


def _check_kinds(path: Path, content: dict[str, Any]) -> None:
    """Check the types of the entries: a file written by hand can have a valid digest, too."""
    missing = [name for name in _OF_TRAININGS if {"id", "config"} <= content.keys() and name not in content]
    if missing:
        raise StoreError(f"{path}: expected {', '.join(missing)} beside config, got none")
    config = content.get("config")
    found = content | ({"steps": config["steps"]} if isinstance(config, dict) and "steps" in config else {})
    for name, (fits, what) in _KINDS.items():
        if name in found and not fits(found[name]):
            raise StoreError(f"{path}: expected {name} to be {what}, got {str(found[name])[:60]!r}")


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _are_blocks(value: Any) -> bool:
    """Return whether `value` is a list of blocks; earlier versions stored only the first and last seed of each."""
    if not isinstance(value, list) or not value:
        return False
    if all(isinstance(one, list) and len(one) == 2 for one in value):
        return all(isinstance(seed, int) for one in value for seed in one)
    return all(isinstance(one, dict) and all(isinstance(one.get(k), t) for k, t in _BLOCK.items()) for one in value)


_BLOCK = {"program": str, "configurations": list, "first": int, "last": int, "wave": int}


def _are_by_name(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(one, dict) for one in value.values())


def _are_paths(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(path, str) for path in value.values())


_KINDS: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "job": (lambda value: isinstance(value, str), "a command"),
    "config": (lambda value: isinstance(value, dict), "options by name"),
    "configurations": (_are_by_name, "settings by name"),
    "inputs": (lambda value: isinstance(value, dict), "digests by name"),
    "code": (_are_paths, "paths by name"),
    "blocks": (_are_blocks, "programs, configurations and seeds"),
    "processes": (_is_count, "a number of at least 1"),
    "steps": (_is_count, "a number of at least 1"),
}
_OF_TRAININGS = ("configurations", "inputs", "blocks")


def log(folder: Path, entry: Mapping[str, Any]) -> None:
    """Append a line to log.jsonl."""
    append_text(folder / "log.jsonl", json.dumps(plain(entry)) + "\n")


def write_metrics(results: Results, folder: Path) -> None:
    """Write metrics.csv if the runs have outcomes."""
    if "outcome" in results.dataset:
        with written_whole(folder / "metrics.csv") as partial:
            results.to_pandas().to_csv(partial, index=False)


def load_results(folder: Path | str) -> Results:
    """Load the results of the finished run or gradient profile in `folder`.

    Raises:
      StoreError: if there is none, or it is unfinished, damaged, of another schema, or holds another run's results.
    """
    folder = Path(folder)
    config = read_config(folder)
    if not (folder / RESULTS).is_file():
        raise StoreError(f"{folder} holds an unfinished run; continue it with --resume --out {folder}")
    results = read_results(folder / RESULTS)
    if results.config.get("id") not in (None, config.get("id")):  # None: written by an earlier version
        raise StoreError(f"{folder / RESULTS} belongs to another run")
    return results


def write_sums(folder: Path) -> None:
    """Write SHA256SUMS; call it after all other files are written.

    What is not made from the results keeps the digest that it has, so that a later change stays visible: the user's
    code the one with which the run was started, and the log and figures for a paper those of before, unless the run was
    continued and has other results now.
    """
    kept = _kept_sums(folder) | code_digests(read_config(folder))
    lines = (f"{kept.get(name) or file_digest(folder / name)}  {name}\n" for name in summed(folder))
    write_text(folder / SUMS, "".join(lines))


def _kept_sums(folder: Path) -> dict[str, str]:
    try:
        sums = read_sums(folder)
    except StoreError:
        return {}
    if sums.get(RESULTS) != file_digest(folder / RESULTS):
        return {}
    return {name: digest for name, digest in sums.items() if name == _LOG or name.startswith((_CODE, _PAPER))}


def forget_paper(folder: Path) -> None:
    """Remove the figures for a paper from SHA256SUMS, because they are about to be written again."""
    try:
        sums = read_sums(folder)
    except StoreError:  # there are no digests of them to renew
        return
    kept = (f"{digest}  {name}\n" for name, digest in sums.items() if not name.startswith(_PAPER))
    write_text(folder / SUMS, "".join(kept))


def read_sums(folder: Path) -> dict[str, str]:
    """Read SHA256SUMS as digests by name, without files that are not the run's own, which earlier versions listed.

    Raises:
      StoreError: if there is none, or it is damaged.
    """
    try:
        lines = [_LINE.fullmatch(line) for line in (folder / SUMS).read_text(encoding="utf-8").splitlines()]
    except FileNotFoundError as error:
        raise StoreError("not there: the report was not finished") from error
    except (OSError, UnicodeDecodeError) as error:
        raise StoreError(f"cannot be read: {type(error).__name__}") from error
    sums = {line[2]: line[1] for line in lines if line and _is_listed(line[2])}
    lacking = [name for name in ALWAYS if name not in sums and (folder / name).is_file()]
    if None in lines or lacking:
        raise StoreError(f"damaged: it does not list {lacking[0]}" if lacking else "damaged: a line is no digest")
    return sums


def summed(folder: Path) -> list[str]:
    """Return the names of the files that SHA256SUMS lists: those of the run and its report without their own digest.

    A user's own files in the folder, and those of `jaxgan sample` and the like, may change at any time.
    """
    places = (folder, *(folder / name for name in ("code", "figures", "paper")))
    paths = [path for place in places for path in (place.glob("*") if place == folder else place.rglob("*"))]
    names = sorted(path.relative_to(folder).as_posix() for path in paths if path.is_file())
    return [name for name in names if _is_listed(name)]


def code_digests(content: Mapping[str, Any]) -> dict[str, str]:
    """Return the digests of the copies of the user's code, by name, from the content of config.json."""
    return {f"{_CODE}{name}": digest for name, digest in content.get("inputs", {}).items() if name.endswith(".py")}


def _is_listed(name: str) -> bool:
    return ".." not in name.split("/") and any(fnmatchcase(name, pattern) for pattern in _LISTED)
