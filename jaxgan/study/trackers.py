"""A finished run for TensorBoard or Weights & Biases, each of which is imported only where it is asked for."""

import importlib
import os
import shlex
import shutil
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from jaxgan.files import StoreError
from jaxgan.results.results import Results
from jaxgan.results.store import load_results
from jaxgan.study.job import Log
from jaxgan.study.messages import OptionError
from jaxgan.study.tracked import Curve, Tracked, tracked


class _Tracker(NamedTuple):
    package: str
    attribute: str  # that the package has
    asked: str  # of pip
    look: str  # the command that shows a folder
    write: Callable[[Any, Path, Iterable[Tracked]], None]


def track(run: Path | str | Results, to: str = "tensorboard", out: Path | str | None = None, log: Log = print) -> Path:
    """Writes a finished run's numbers for TensorBoard or Weights & Biases (offline); returns the folder.

    Every configuration and seed is a run of the tracker: recorded series `series/NAME` and metrics along training
    `along/NAME` at their steps, settings and outcome as hyper-parameters, final metrics `final/NAME`. Of more than 64
    runs every configuration is one, with `/median`, `/lowest` and `/highest` over its seeds. What is not finite is left
    out, and counted.

    Args:
      run: its folder, or its results.
      to: "tensorboard", through the package tensorboardX, or "wandb", which sends nothing anywhere.
      out: a new or an empty folder; by default beside the run's, NAME-tensorboard or NAME-wandb.
      log: is called with lines about what was summed up or left out.

    Raises:
      OptionError: another tracker, its package is missing, or `out` is not empty.
      StoreError: no run, an unfinished one, or a gradient profile without outcomes.

    Example:
      >>> import jaxgan as jg
      >>> jg.track("runs/nowhere", to="paper")
      Traceback (most recent call last):
        ...
      jaxgan.study.messages.OptionError: --to: got 'paper', expected one of tensorboard, wandb
    """
    if to not in TRACKERS:
        raise OptionError("to", f"got {to!r}, expected one of {', '.join(TRACKERS)}")
    module = _imported(TRACKERS[to])
    results = run if isinstance(run, Results) else load_results(run)
    if "outcome" not in results.dataset:
        raise StoreError(f"{results.folder or 'these results'}: expected outcomes of training runs, got none")
    folder = _new_folder(results.folder, to, out)
    try:
        TRACKERS[to].write(module, folder, tracked(results, log))
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)  # all in it is ours, and half of the runs would look like all
        raise
    return folder


def way_to_look(to: str, folder: Path) -> str:
    """The command that shows what `track` has written."""
    return TRACKERS[to].look.format(shlex.quote(str(folder)))


def _imported(tracker: _Tracker) -> ModuleType:
    os.environ.setdefault("WANDB_ERROR_REPORTING", "false")  # else wandb sends its own errors even when it is offline
    try:
        module = importlib.import_module(tracker.package)
        getattr(module, tracker.attribute)  # a folder of this name, which wandb makes, can be imported, too
    except (ImportError, AttributeError) as error:
        line = f"{tracker.package} cannot be imported, expected it installed: pip install '{tracker.asked}'"
        raise OptionError("to", line) from error
    return module


def _new_folder(own: Path | None, to: str, out: Path | str | None) -> Path:
    if out is None:
        if own is None:
            raise OptionError("out", "got none, expected a folder: these results were not read from one")
        named = own if own.name not in ("", "..") else own.resolve()
        out = named.with_name(f"{named.name}-{to}")
    folder = Path(out)
    if folder.exists() and not folder.is_dir():
        raise OptionError("out", f"{folder} is a file, expected a folder")
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise OptionError("out", f"{folder} is not empty, expected a new or an empty folder")
    return folder


def _to_tensorboard(module: Any, out: Path, runs: Iterable[Tracked]) -> None:
    for run in runs:
        # The file of the hyper-parameters has the name of the other, but for the suffix.
        with module.SummaryWriter(str(out / run.name), filename_suffix=".scalars") as writer:
            for tag, (steps, values) in run.scalars.items():
                for step, value in zip(steps.tolist(), values.tolist(), strict=True):
                    writer.add_scalar(tag, value, step)
            writer.add_hparams(run.config, run.summary, name=".", global_step=run.steps)


def _to_wandb(module: Any, out: Path, runs: Iterable[Tracked]) -> None:
    quiet = {"silent": True, "console": "off", "disable_git": True, "save_code": False, "x_disable_stats": True}
    for run in runs:
        own = module.init(project="jaxgan", group=run.group, name=run.name, config=run.config, dir=str(out),
                          mode="offline", reinit="create_new", settings=quiet)  # fmt: skip
        for step, values in _by_step(run.scalars):
            own.log(values, step=step)
        own.summary.update(run.summary)
        own.finish()


def _by_step(scalars: Mapping[str, Curve]) -> list[tuple[int, dict[str, float]]]:
    """All of a step at once, and steps in their order: wandb takes none that is before its last."""
    found: dict[int, dict[str, float]] = {}
    for tag, (steps, values) in scalars.items():
        for step, value in zip(steps.tolist(), values.tolist(), strict=True):
            found.setdefault(step, {})[tag] = value
    return sorted(found.items())


TRACKERS = {
    "tensorboard": _Tracker(
        "tensorboardX", "SummaryWriter", "tensorboardX>=2.6", "tensorboard --logdir {}", _to_tensorboard
    ),
    "wandb": _Tracker("wandb", "init", "wandb>=0.20", "wandb sync {}/wandb/offline-run-*", _to_wandb),
}
"""Names of trackers, and what each needs."""
