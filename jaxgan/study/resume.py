"""Continue a run as it was started: to its original end, to more steps, or with more seeds."""

import dataclasses
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from jaxgan.results import store
from jaxgan.study import inputs, provenance
from jaxgan.study.block import Block, blocks_in
from jaxgan.study.blocks import blocks_for
from jaxgan.study.build import Study
from jaxgan.study.config import REPEATED, SHORTHANDS, Config, configure, from_stored
from jaxgan.study.distributed import resources
from jaxgan.study.messages import OptionError

GROWS = ("steps", "seeds")
"""Options that a resumed run may increase."""
_GROW_BY_LABEL = ("vary", "loss", "recipe")
"""Options that a study may extend, if its existing configurations stay the same."""
_BY_STEPS = ("evaluate_every", "record_every")
"""Options whose defaults depend on the steps; a study that grows keeps its values."""
_NAME_ANOTHER = "name another folder with --out, or replace it with --overwrite"


def continued(given: Mapping[str, Any], out: Path | None, job: str) -> Config:
    """Return the configuration of the run in `out`, with more steps or seeds if `given` asks for them.

    Raises:
      OptionError: if there is no `out`, or an option differs from that of the started run.
      StoreError: if there is no run, it is of another version, or only one of the run and `job` is a profile.
    """
    if out is None:
        raise OptionError("resume", "got no --out, expected the folder of the run to continue")
    content = store.read_config(out)
    if (content["job"] == "profile") != (job == "profile"):
        raise store.StoreError(f"--resume: {out} holds a run of `jaxgan {content['job']}`, not of `jaxgan {job}`")
    config = from_stored(content.get("config", {}), f"--resume: the run in {out}")
    grown = {}
    for name, value in given.items():
        if value is None:
            continue
        if name in GROWS:
            if value < getattr(config, name):
                raise OptionError(name, f"got {value}, but the run in {out} has {getattr(config, name)}; it can only "
                                  "grow")  # fmt: skip
            grown[name] = value
            continue
        if not _same(config, name, value):
            stored = _stored(config, name)
            raise OptionError(name, f"got {value}, but the run in {out} was started with {stored}; leave it out")
    return from_stored({**content["config"], **grown})


def grown_to(given: Mapping[str, Any], out: Path, *, points: bool | None) -> Config:
    """Return the configuration that `given` asks for, which the study in `out` has already run in part or completely.

    Raises:
      OptionError: if it differs from the started study in more than additional runs or steps.
      StoreError: if there is no study of this version.
    """
    content = store.read_config(out)
    before = from_stored(content.get("config", {}), f"the run in {out}")
    as_before = {name: getattr(before, name) for name in _BY_STEPS if given.get(name) is None}
    now = configure({**given, **as_before}, points=points)
    if (asked := {*before.loss, *before.recipe}) and asked.isdisjoint({*now.loss, *now.recipe}):
        raise store.StoreError(f"{out} holds another run, of {_few(asked)}; {_NAME_ANOTHER}")
    for name in (field.name for field in dataclasses.fields(Config)):
        was, value = getattr(before, name), getattr(now, name)
        if name in GROWS and value < was:
            raise OptionError(name, f"got {value}, but the study in {out} has {was}; it can only grow")
        if was != value and name not in (*GROWS, *_GROW_BY_LABEL):
            raise OptionError(name, f"got {value}, but the study in {out} was started with {was}; {_NAME_ANOTHER}")
    if (sources := content.get("sources")) not in (None, provenance.sources()):
        found = f"the study in {out} was started by other code of jaxgan ({sources[:8]}, now "
        raise store.StoreError(f"{found}{provenance.sources()[:8]}): go on with that, or {_NAME_ANOTHER}")
    return now


def resumable(out: Path, study: Study) -> tuple[Block, ...]:
    """Return the blocks of the run in `out`, with additional ones for new seeds or configurations.

    Raises:
      OptionError: if recipes, the user's code, data or the number of processes changed since it was started.
    """
    stored = store.read_config(out)
    resources.check_same_number(out, stored.get("processes", 1))
    check_unchanged(stored, study, f"the run in {out} was started")
    return blocks_for(study, blocks_in(stored))


def check_unchanged(stored: Mapping[str, Any], study: Study, since: str) -> None:
    """Check that the settings of the recipes, the user's code and the data are those in config.json.

    Raises:
      OptionError: if one of them changed.
    """
    now = {label: one.stored for label, one in study.configurations.items()}
    for label, settings in stored["configurations"].items():
        if label not in now:
            raise OptionError("vary", f"{label} is missing, but was there when {since}; a run can only grow")
        if settings != now[label]:
            raise OptionError("resume", f"the settings of {label} have changed since {since}")
    if not study.config.vary and stored["configurations"].keys() != now.keys():
        raise OptionError("resume", f"the configurations have changed since {since}")
    if changed := inputs.changed(stored, study):
        raise OptionError("resume", f"{', '.join(changed)} changed since {since}")


def _few(names: Iterable[str]) -> str:
    first, *rest = sorted(names)
    return f"{first} and {len(rest)} more" if rest else first


def _same(config: Config, name: str, value: Any) -> bool:
    if name in SHORTHANDS:
        setting = SHORTHANDS[name]
        return f"{setting}={value}" in config.set or f"gan:{setting}={value}" in config.set
    if name == "set":
        return set(value) <= set(config.set)
    return getattr(config, name) == (tuple(value) if name in REPEATED else value)


def _stored(config: Config, name: str) -> Any:
    if name in SHORTHANDS:
        setting = SHORTHANDS[name]
        own = [text for text in config.set if text.partition("=")[0].removeprefix("gan:") == setting]
        return own[0].partition("=")[2] if own else "the recipe's own"
    return getattr(config, name)
