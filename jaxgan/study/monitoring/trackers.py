"""Write a finished run for TensorBoard or Weights & Biases, which are only imported when they are used."""

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
from jaxgan.study.messages import OptionError, nearest
from jaxgan.study.monitoring.tracked import Curve, Tracked, tracked


class _Tracker(NamedTuple):
    package: str
    attribute: str  # an attribute of the package, to recognize it
    asked: str  # the requirement for pip
    look: str  # the command that displays a folder
    write: Callable[[Any, Path, Iterable[Tracked]], None]


def track(run: Path | str | Results, to: str = "tensorboard", out: Path | str | None = None, log: Log = print) -> Path:
    """Write a finished run for TensorBoard or Weights & Biases (offline); return the folder.

    Every configuration and seed becomes one tracker run: series as `series/NAME` and metrics during training as
    `along/NAME` at their steps, settings and outcome as hyperparameters, final metrics as `final/NAME`. If there are
    more than 64 runs, every configuration becomes one tracker run with `/median`, `/lowest` and `/highest` over its
    seeds. Values that are not finite are left out and counted.

    Args:
      run: the run's folder or its results.
      to: "tensorboard", using the package tensorboardX, or "wandb", in offline mode.
      out: a new or empty folder; by default NAME-tensorboard or NAME-wandb next to the run's folder.
      log: called with lines about what was aggregated or left out.

    Raises:
      OptionError: if the tracker is unknown, its package is not installed, or `out` is not empty.
      StoreError: if there is no run, it is unfinished, or it is a gradient profile without outcomes.

    Example:
      >>> import jaxgan as jg
      >>> jg.track("runs/nowhere", to="paper")
      Traceback (most recent call last):
        ...
      jaxgan.study.messages.OptionError: --to: got 'paper'; known: tensorboard, wandb
    """
    if to not in TRACKERS:
        raise OptionError("to", f"got {to!r}; {nearest(to, TRACKERS)}")
    module = _imported(TRACKERS[to])
    results = run if isinstance(run, Results) else load_results(run)
    if "outcome" not in results.dataset:
        raise StoreError(f"{results.folder or 'these results'}: expected outcomes of training runs, got none")
    folder = _new_folder(results.folder, to, out)
    try:
        TRACKERS[to].write(module, folder, tracked(results, log))
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)  # the folder is ours, and partial output would look complete
        raise
    return folder


def way_to_look(to: str, folder: Path) -> str:
    """Return the command that displays the output of `track`."""
    return TRACKERS[to].look.format(shlex.quote(str(folder)))


def _imported(tracker: _Tracker) -> ModuleType:
    os.environ.setdefault("WANDB_ERROR_REPORTING", "false")  # otherwise wandb sends its own errors even in offline mode
    try:
        module = importlib.import_module(tracker.package)
        getattr(module, tracker.attribute)  # a folder named wandb, which wandb creates, can also be imported
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
        # Without a suffix, this file would have the name of the file with the hyperparameters.
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
    """Group scalars by step, in increasing order: wandb rejects steps before the last one."""
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
