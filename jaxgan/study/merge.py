"""Merge runs of one study with different seeds or configurations, for example from several machines, into one run."""

import dataclasses
import shutil
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from jaxgan.files import PARTIAL, write_text
from jaxgan.results import store
from jaxgan.results.claim import RunFolder, check_out, ids_in
from jaxgan.results.records import Origin, restamp
from jaxgan.stopping import stoppable
from jaxgan.study import catalogue
from jaxgan.study.block import Block, blocks_in
from jaxgan.study.compare import task_of
from jaxgan.study.config import REPEATED, Config, from_stored
from jaxgan.study.distributed import resources
from jaxgan.study.execute import How, Task, conduct, started
from jaxgan.study.folder import RUNS, new_folder, origin_of
from jaxgan.study.interrupted import last_line
from jaxgan.study.job import Log
from jaxgan.study.messages import OptionError, counted
from jaxgan.study.needs import Needs, check_needs, needs_of
from jaxgan.study.profiles.profile_config import stored_profile
from jaxgan.study.profiles.profile_training import along_training, losses_by_name
from jaxgan.study.resume import check_unchanged
from jaxgan.study.settings import texts_of
from jaxgan.study.trust import check_trusted

_MAY_DIFFER = ("loss", "recipe", "set", "seeds", "first_seed")
_FILES = ("data", "generator", "discriminator", "probe", "features")  # their folders may differ between machines
_AGAIN = "final"  # the part of a block that is not copied: it is evaluated again as one run


class Part(NamedTuple):
    """One of the runs to merge, and its config.json."""

    folder: Path
    content: dict[str, Any]
    config: Config


def merge_runs(
    runs: Sequence[Path | str],
    out: Path | str | None = None,
    *,
    overwrite: bool = False,
    trust: bool = False,
    on: resources.Resources = resources.ALL,
    keep_programs: bool = False,
    progress: bool = True,
    log: Log = print,
) -> Path:
    """Merge runs that differ in their seeds or configurations into one run; return its folder.

    Training results are copied and evaluated again as one run, which can be resumed and extended like any other. Its
    numbers equal those of a single run of everything: bit for bit if runs are trained one after the other and evaluated
    on the same devices; up to rounding if they are trained side by side, because programs for different numbers of
    seeds round differently. Runs of `compare` and `train` and profiles during training can be merged.

    Args:
      runs: folders of finished runs, at least two.
      out: the folder to write to; by default the next numbered folder under runs/.
      overwrite: whether an existing run in `out` may be replaced.
      trust: whether to run code named by the folders even if they were created elsewhere.
      on: the devices on which the generators are evaluated.
      keep_programs: whether to use JAX's compilation cache.
      progress: whether to show progress in a terminal.
      log: called with each line of progress.

    Raises:
      OptionError, StoreError, DataError: if the runs do not belong to one study; the message names the difference, and
        nothing is written.

    Example:
      >>> jg.run_study("compare", {"data": "ring", "seeds": 8, "first_seed": 8})  # doctest: +SKIP
      >>> jg.merge_runs(["runs/0001-compare-ring", "runs/0002-compare-ring"])  # doctest: +SKIP
    """
    parts = [_read(Path(folder), trust) for folder in runs]
    out = None if out is None else Path(out)
    if len(parts) < 2:
        raise store.StoreError(f"got {counted(len(parts), 'run')} to merge, expected at least 2")
    if out is not None:
        if out.resolve() in [part.folder.resolve() for part in parts]:
            raise OptionError("out", f"{out} is one of the runs to merge, expected another folder")
        check_out(out, overwrite=overwrite)
    for part in parts[1:]:
        _check_same(parts[0], part)
    found = _trained(parts)
    blocks = _blocks(found)
    config = _merged(parts, blocks)
    task = _task(parts[0].content)
    placement = started(config, on, keep_programs=keep_programs, log=log)
    study = task.build(config)
    check_unchanged(_stored(parts), study, "the runs were made")
    check_needs(Needs(needs_of(study, placement).memory, _disk(found)), out or RUNS)  # before anything is copied
    origin = origin_of(task.job, study, placement, blocks) | task.origin(study)
    origin |= {"merged": [_about(part.content) for part in parts]}
    name = f"merged-{catalogue.slug(Path(config.data).stem)}"
    with (
        stoppable() as stopping,
        stopping.held("stopping once all is copied"),
        new_folder(out, name, origin, study.own_code, study.config, overwrite) as run,
    ):
        write_text(run.path / "log.jsonl", "".join(_log(part.folder) for part in parts))
        for by_block in found.values():
            for block, part in by_block.items():
                _copy(part, run, block)
        stopping.kept = partial(last_line, task.command, run.path)
    how = How(out=run.path, trust=trust, on=on, keep_programs=keep_programs, progress=progress, log=log)
    return conduct(task, {}, how, resume=True)


def _disk(found: Mapping[str, Mapping[Block, Part]]) -> dict[str, int]:
    """Return the bytes of what is copied."""
    blocks = {part.folder / block.folder for own in found.values() for block, part in own.items()}
    files = (path for block in blocks for path in block.rglob("*") if _AGAIN not in path.relative_to(block).parts)
    return {"copies of the runs": sum(path.stat().st_size for path in files if path.is_file())}


def _copy(part: Part, run: RunFolder, block: Block) -> None:
    """Copy a part's block into the merged run atomically."""
    own = Path(block.folder)
    partial = run.path / own.with_name(f".{own.name}{PARTIAL}")
    shutil.copytree(part.folder / own, partial, ignore=shutil.ignore_patterns(_AGAIN))
    restamp(partial / "records", Origin(part.content.get("id"), block.folder), Origin(run.run, block.folder))
    partial.rename(run.path / own)


def _read(folder: Path, trust: bool) -> Part:
    content = store.read_config(folder)
    check_trusted(content, folder, trust=trust)
    if content["job"] == "profile" and content.get("kind") != "train":
        raise store.StoreError(f"{folder} holds a profile of no training, expected runs or profiles along training")
    if content["config"].get("vary"):
        raise store.StoreError(f"{folder} varies settings, expected a run that does not; machines share its folder")
    if not store.is_finished(folder):
        raise store.StoreError(f"{folder} holds an unfinished run; continue it with --resume --out {folder}")
    if (processes := content.get("processes", 1)) > 1:
        raise store.StoreError(f"{folder} was trained by {processes} processes, expected runs of one process each")
    return Part(folder, content, from_stored(content["config"], f"the run in {folder}"))


def _check_same(first: Part, other: Part) -> None:
    """Check that everything but seeds and configurations is equal, and that shared configurations have equal settings.

    Raises:
      OptionError, StoreError: if something differs; the message names it.
    """
    for name in (field.name for field in dataclasses.fields(Config) if field.name not in _MAY_DIFFER):
        values = [_by_name(name, getattr(part.config, name)) for part in (first, other)]
        if values[0] != values[1]:
            raise OptionError(name, _differ(first, other, *values))
    pairs: dict[str, tuple[Any, Any]] = {
        name: (first.content.get(name), other.content.get(name)) for name in ("kind", "profile", "network", "shape")
    }
    for what in ("configurations", "inputs"):
        mine, its = first.content[what], other.content[what]
        names = mine.keys() & its.keys()
        if what == "inputs" and first.content["configurations"].keys() == other.content["configurations"].keys():
            names = mine.keys() | its.keys()
        pairs |= {name: (mine.get(name), its.get(name)) for name in sorted(names)}
    for name, (mine, its) in pairs.items():
        if mine != its:
            raise store.StoreError(f"{name} differs: {_differ(first, other, *_different(mine, its))}")


def _trained(parts: Sequence[Part]) -> dict[str, dict[Block, Part]]:
    """Return, for each configuration, the blocks of seeds and the run that has each block.

    Raises:
      StoreError: if two runs have the same seeds of a configuration.
    """
    found: dict[str, dict[Block, Part]] = {}
    for part in parts:
        for label in part.content["configurations"]:
            own = found.setdefault(label, {})
            for block in (block for block in blocks_in(part.content) if label in block.configurations):
                twice = next((b for b in own if b.first <= block.last and block.first <= b.last), None)
                if twice is not None:
                    seed = max(twice.first, block.first)
                    raise store.StoreError(f"seed {seed} of {label} is in {own[twice].folder} and in {part.folder}")
                own[block] = part
    return found


def _blocks(found: Mapping[str, Mapping[Block, Part]]) -> tuple[Block, ...]:
    """Return the blocks of seeds, which must be the same for all configurations.

    Raises:
      StoreError: if they differ, or seeds are missing between them.
    """
    by_label = {label: tuple(sorted(own, key=lambda block: block.first)) for label, own in found.items()}
    (first, blocks), *others = by_label.items()
    for label, own in others:
        if _words(own) != _words(blocks):
            raise store.StoreError(f"{first} has seeds {_words(blocks)} and {label} {_words(own)}, expected the same")
    for before, after in pairwise(blocks):
        if after.first != before.last + 1:
            raise store.StoreError(f"got seeds {_words(blocks)}, expected none missing: --first-seed {before.last + 1} "
                                   f"--seeds {after.first - before.last - 1} trains the others")  # fmt: skip
    return tuple(block for own in by_label.values() for block in own)


def _merged(parts: Sequence[Part], blocks: Sequence[Block]) -> Config:
    """Return the configuration of a single run of everything."""
    first = parts[0].config
    named = {
        option: _first_of((catalogue.slug(name), name) for part in parts for name in getattr(part.config, option))
        for option in ("loss", "recipe")
    }
    texts = first.set
    if any(part.config.set != texts for part in parts):
        own = _first_of(
            (label, texts_of(label, about["recipe"], part.config.set))
            for part in parts
            for label, about in part.content["configurations"].items()
        )
        texts = tuple(text for each in own.values() for text in each)
    return dataclasses.replace(
        first,
        loss=tuple(named["loss"].values()),
        recipe=tuple(named["recipe"].values()),
        set=texts,
        first_seed=min(block.first for block in blocks),
        seeds=max(block.last for block in blocks) + 1 - min(block.first for block in blocks),
    )


def _first_of(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Return the first value of every name."""
    found: dict[str, Any] = {}
    for name, value in pairs:
        found.setdefault(name, value)
    return found


def _task(content: Mapping[str, Any]) -> Task:
    if content["job"] != "profile":
        return task_of("compare")
    profile = stored_profile(content["profile"])
    return along_training(profile, losses_by_name(profile.loss))


def _stored(parts: Sequence[Part]) -> dict[str, Any]:
    """Return the configurations and inputs of all runs, which the merged study must reproduce."""
    names = ["configurations", "inputs", *(["code"] if all("code" in part.content for part in parts) else [])]
    return {name: _first_of(pair for part in parts for pair in part.content[name].items()) for name in names}


def _about(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return the metadata of a run to store with the merged one."""
    names = ("command", "blocks", "versions", "commit", "platform", "device", "devices", "in_turn")
    about = {name: content.get(name) for name in names} | {"configurations": list(content["configurations"])}
    return about | {"ids": sorted(filter(None, ids_in(content)))}


def _log(folder: Path) -> str:
    path = folder / "log.jsonl"
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def _by_name(name: str, value: Any) -> Any:
    """Reduce paths to file names, because contents are compared by digest."""
    if name not in _FILES:
        return value
    return tuple(Path(one).name for one in value) if name in REPEATED else Path(value).name


def _different(mine: Any, its: Any) -> tuple[Any, Any]:
    """Return the differing parts of two dictionaries, at any depth."""
    if not isinstance(mine, dict) or not isinstance(its, dict):
        return mine, its
    name = next(name for name in sorted(mine.keys() | its.keys()) if mine.get(name) != its.get(name))
    values = _different(mine.get(name), its.get(name))
    return values if isinstance(mine.get(name), dict) else (f"{name} {values[0]}", f"{name} {values[1]}")


def _differ(first: Part, other: Part, mine: Any, its: Any) -> str:
    return f"got {mine} in {first.folder} and {its} in {other.folder}, expected the same"


def _words(blocks: Sequence[Block]) -> str:
    return ", ".join(f"{block.first} to {block.last}" for block in blocks)
