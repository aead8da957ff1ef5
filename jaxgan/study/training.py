"""One loss trained over the seeds of this process, with everything that training leaves in the run's folder."""

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import jax
import numpy as np
from tqdm import tqdm

from jaxgan import checkpoint
from jaxgan.dynamics import best_generator
from jaxgan.results import store
from jaxgan.runs.loop import Chunk, fit
from jaxgan.runs.placement import Placement, own_runs
from jaxgan.runs.run import start_runs
from jaxgan.study import compilation, processes, provenance
from jaxgan.study.assemble import as_series
from jaxgan.study.build import Study
from jaxgan.study.config import counted
from jaxgan.types import Algorithm, Generator, State

Say = Callable[[str], None]
_SAVE_SECONDS = 30.0  # between checkpoints of a run under way: what a killed run loses at the most


class Interrupted(Exception):
    """Ctrl-C ended the run; everything trained so far is in its folder."""

    def __init__(self, folder: Path, job: str, where: str):
        super().__init__(
            f"stopped {where}; what was trained is kept, continue with: jaxgan {job} --resume --out {folder}"
        )


def train(
    study: Study, placement: Placement, job: str, loss: str, folder: Path, *, progress: bool, say: Say
) -> Generator:
    """Trains `loss` from where its checkpoint stands, writing series and checkpoints as it goes.

    Returns the generators of all seeds in the process that leads, and in the others those of their own.

    Raises:
      Interrupted: Ctrl-C; the checkpoint is that of the last step.
    """
    config, algorithm, saved = study.config, study.algorithms[loss], time.monotonic()
    with processes.in_agreement():
        state = _load_training(study, placement, algorithm, folder / loss / "training", say)
    if state is not None:
        say(f"{loss}: continuing at step {int(state.step)}")
        if int(state.step) == config.steps:
            return _save_generator(study, folder, loss, state)
    bar = tqdm(
        desc=loss,
        total=config.steps,
        initial=0 if state is None else int(state.step),
        unit="step",
        disable=None if progress else True,
        dynamic_ncols=True,
    )
    program = f"{loss} on {study.source.name}, {counted(config.seeds, 'seed')}, {study.description}"
    if not bar.disable:
        before = compilation.last_time(program)
        bar.set_postfix_str("compiling" if before is None else f"compiling, {before:.0f} s the last time")

    def on_chunk(chunk: Chunk) -> None:
        nonlocal saved
        length = chunk.info.g_loss.shape[1]
        store.append_part(folder, loss, chunk.step - length, as_series(chunk.info), processes.own_name())
        medians = {"d_loss": chunk.info.d_loss, "g_loss": chunk.info.g_loss}
        last = {name: float(np.median(values[:, -1])) for name, values in medians.items()}
        if processes.leads():
            store.log(folder, {"loss": loss, "step": chunk.step, "seconds": chunk.seconds, **last})
        bar.set_postfix({name: f"{value:.3f}" for name, value in last.items()}, refresh=False)
        bar.update(length)
        if processes.any_of(time.monotonic() - saved > _SAVE_SECONDS):
            _save_training(folder / loss / "training", chunk.state)
            saved = time.monotonic()

    def on_compile(seconds: float) -> None:
        compilation.took(program, seconds)
        bar.unpause()  # the rate is that of the steps, without the compilation
        bar.set_postfix_str(f"compiled in {seconds:.0f} s")

    clock = time.perf_counter()
    with bar, compilation.in_precision(config):
        fitted = fit(
            algorithm,
            study.source.sample,
            study.keys,
            config.steps,
            state=state,
            on_chunk=on_chunk,
            on_compile=on_compile,
            placement=placement,
        )
    generator = _save_generator(study, folder, loss, fitted.state)
    _save_training(folder / loss / "training", fitted.state)
    if fitted.interrupted:
        raise Interrupted(folder, job, f"at step {fitted.step} of {loss}")
    say(f"{loss}: trained to step {fitted.step} in {time.perf_counter() - clock:.0f} s")
    return generator


def _save_generator(study: Study, folder: Path, loss: str, state: State) -> Generator:
    """Writes the generators of all seeds, and returns them; of several processes, the leading one does."""
    generator = processes.gathered(folder / loss, jax.device_get(best_generator(state)))
    if processes.leads():
        meta = {"loss": loss, "seeds": study.config.seeds, "data": study.source.name, "network": study.description}
        checkpoint.save(folder / loss / "generator", int(state.step), generator, meta)
    return generator


def _save_training(folder: Path, state: State) -> None:
    meta = {"versions": provenance.versions()}
    if jax.process_count() == 1:
        checkpoint.save(folder, int(state.step), state, meta)
    else:
        processes.save_own(folder, int(state.step), state, meta)


def _load_training(study: Study, placement: Placement, algorithm: Algorithm, folder: Path, say: Say) -> State | None:
    begin = partial(start_runs, algorithm, study.source.sample)
    like = jax.eval_shape(begin, study.keys[own_runs(study.config.seeds, placement)])
    if jax.process_count() > 1:
        if (found := processes.load_own(folder, like)) is None:
            return None
        state, meta = found
    elif checkpoint.latest_step(folder) is None:
        return None
    else:
        state, meta = checkpoint.load(folder, like)
    now = provenance.versions()
    changed = [
        f"{name} {then} is now {now.get(name)}" for name, then in meta["versions"].items() if now.get(name) != then
    ]
    if changed:
        say(f"note: other versions may give other numbers: {', '.join(changed)}")
    return state
