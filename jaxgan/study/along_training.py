"""Every loss's gradient along training, for every seed, under discriminators of every skill."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from jaxgan.diagnostics.gradients import Gradients, gradient_probe
from jaxgan.dynamics import best_generator
from jaxgan.evaluation.evaluator import judge_for
from jaxgan.random import named_key
from jaxgan.runs.loop import Chunk, fit
from jaxgan.runs.placement import Placement
from jaxgan.study import compilation
from jaxgan.study.build import Study
from jaxgan.study.profile_config import Wanted
from jaxgan.study.training import Say
from jaxgan.types import Loss, State


def measure_training(
    studies: Mapping[str, Study],
    losses: Mapping[str, Loss],
    wanted: Wanted,
    batch: int,
    placement: Placement,
    *,
    progress: bool,
    say: Say,
) -> tuple[dict[str, NDArray], dict[str, Any]]:
    """training.* arrays [skill, seed, step, ...], and notes.

    Ctrl-C ends the run: skills that have come to their end are reported, or the first as far as it got.

    Raises:
      KeyboardInterrupt: it came before the first look.
    """
    base = next(iter(studies.values()))
    judge = judge_for(base.source, base.config.samples, base.config.split_seed, say)
    keys = jax.vmap(partial(named_key, name="evaluation"))(base.keys)
    found: dict[str, dict[str, NDArray]] = {}
    steps: list[int] = []
    layers: list[str] = []
    stopped = None
    for name, study in studies.items():
        title = "training" if len(studies) == 1 else f"training, {name}"
        looks, state, stopped = _train(study, losses, wanted, batch, placement, title, progress)
        if stopped is not None and (found or not looks):
            break
        steps, layers = [step for step, _ in looks], list(looks[0][1].probe.layers)
        algorithm = next(iter(study.algorithms.values()))
        measured = judge.measure(algorithm.game, jax.device_get(best_generator(state)), keys)
        each = [_arrays(chunk) for _, chunk in looks]
        found[name] = {key: np.stack([look[key] for look in each], axis=1) for key in each[0]}
        found[name]["metric"] = measured.values[judge.metrics[0].name]
        if stopped is not None:
            break
    if not found:
        raise KeyboardInterrupt
    kept = list(found.values())
    arrays = {f"training.{key}": np.stack([each[key] for each in kept]) for key in kept[0]}
    notes = {
        "skills": list(found),
        "stopped": stopped,
        "metric": judge.metrics[0].label,
        "metric_higher_is_better": judge.metrics[0].higher_is_better,
        "yardsticks": judge.metrics[0].yardsticks,
        "layers": layers,
        "minibatches": wanted.minibatches or 4,
    }
    return arrays | {"training.steps": np.array(steps)}, notes


def gradient_arrays(gradients: Gradients) -> dict[str, NDArray]:
    """`Gradients` as named arrays; the norms of the layers in their last axis, in the order of their names."""
    arrays = {name: np.asarray(getattr(gradients, name)) for name in Gradients._fields if name != "layers"}
    return arrays | {"layers": np.stack([np.asarray(each) for each in gradients.layers.values()], axis=-1)}


def _train(
    study: Study,
    losses: Mapping[str, Loss],
    wanted: Wanted,
    batch: int,
    placement: Placement,
    title: str,
    progress: bool,
) -> tuple[list[tuple[int, Chunk]], State, int | None]:
    """The looks, the last state, and the step at which Ctrl-C ended the run."""
    algorithm, steps = next(iter(study.algorithms.values())), study.config.steps
    probe = gradient_probe(
        algorithm.game,
        study.source.sample,
        losses,
        minibatches=wanted.minibatches or 4,
        batch_size=batch,
        saturated=wanted.threshold,
    )
    looks: list[tuple[int, Chunk]] = []
    bar = tqdm(desc=title, total=steps, unit="step", disable=None if progress else True, dynamic_ncols=True)

    def keep(chunk: Chunk) -> None:
        if chunk.probe is not None:
            looks.append((chunk.step, chunk._replace(state=None)))  # type: ignore[arg-type]
        bar.update(chunk.length)

    with bar, compilation.in_precision(study.config):
        fitted = fit(
            algorithm,
            study.source.sample,
            study.keys,
            steps,
            probe=probe,
            probe_every=min(wanted.every, steps),
            record_every=1,
            on_chunk=keep,
            placement=placement,
        )
    return looks, fitted.state, fitted.step if fitted.interrupted else None


def _arrays(chunk: Chunk) -> dict[str, NDArray]:
    """A look, and beside it the update that led to it: its gradient's norm and the norm of what the optimizer made."""
    info = chunk.info
    return gradient_arrays(chunk.probe) | {
        "trained_norm": np.asarray(info.g_grad_norm[:, -1]),
        "update_norm": np.asarray(info.g_update_norm[:, -1]),
    }
