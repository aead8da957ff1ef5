"""The job behind `compare` and `train`: losses x seeds on one data set, from options to a report."""

import dataclasses
import hashlib
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np
from tqdm import tqdm

from jaxgan import checkpoint
from jaxgan.commands import catalog, compilation, provenance
from jaxgan.commands.build import Study, build
from jaxgan.commands.config import Config, OptionError, command_line, configure, counted, from_stored
from jaxgan.commands.evaluate import Judge, Measured, judge_for, with_untrained
from jaxgan.commands.results import as_series, assemble
from jaxgan.dynamics import best_generator
from jaxgan.fit import Chunk, fit
from jaxgan.random import named_key
from jaxgan.study import store
from jaxgan.study.report import write_report
from jaxgan.study.table import summarize_run, to_dict, to_markdown
from jaxgan.train import start_seeds
from jaxgan.types import Algorithm, Generator, State

Say = Callable[[str], None]
_SAVE_SECONDS = 30.0  # between checkpoints of a run under way: what a killed run loses at the most


class Interrupted(Exception):
    """Ctrl-C ended the run; everything trained so far is in its folder."""

    def __init__(self, folder: Path, job: str, where: str):
        super().__init__(
            f"stopped {where}; what was trained is kept, continue with: jaxgan {job} --resume --out {folder}"
        )


def run_study(
    job: str,
    given: dict[str, Any],
    *,
    out: Path | None = None,
    overwrite: bool = False,
    resume: bool = False,
    gentle: bool = False,
    progress: bool = True,
    say: Say = print,
) -> Path:
    """Trains, measures and reports; returns the folder that holds everything.

    `given` are options of `Config`; what is missing takes its default. Nothing is written before everything that
    can be checked has been.

    Raises:
      OptionError, DataError, StoreError, CheckpointError: one line each, before anything is compiled.
      Interrupted: Ctrl-C; the folder can be resumed.
    """
    given = _absolute(given)
    if resume and (gentle or overwrite):
        raise OptionError("resume", "continues a run as it was started; leave --gentle and --overwrite out")
    config = _resumed(given, out) if resume else configure(given, gentle=gentle)
    if resume and out is not None and store.is_finished(out):
        _report(out)
        return out
    study = build(config)
    inputs = _inputs(study)
    if resume and out is not None and (stored := store.read_config(out)["inputs"]) != inputs:
        changed = sorted(name for name in stored.keys() | inputs.keys() if stored.get(name) != inputs.get(name))
        raise OptionError("resume", f"{', '.join(changed)} changed since the run in {out} was started")
    if out is not None and not resume:
        store.check_out(out, overwrite=overwrite)
    judge = judge_for(study.source, config.samples, config.split_seed, say)
    if resume and out is not None:
        folder = out
    else:
        name = f"{job}-{catalog.slug(Path(config.data).stem)}"
        folder = store.claim(out, Path("runs"), name, overwrite=overwrite)
        store.write_json(folder / "config.json", _origin(job, config) | {"inputs": inputs})
    say(
        f"{counted(config.seeds, 'seed')} x {counted(config.steps, 'step')} of {', '.join(study.losses)} "
        f"on {study.source.name}; everything goes to {folder}"
    )
    try:
        _run(study, judge, job, folder, progress=progress, say=say)
    except KeyboardInterrupt:
        raise Interrupted(folder, job, "before the end") from None
    return folder


def _run(study: Study, judge: Judge, job: str, folder: Path, *, progress: bool, say: Say) -> None:
    series, measured, seconds = {}, {}, {}
    for loss, algorithm in study.algorithms.items():
        clock = time.perf_counter()
        state = _train(study, job, loss, algorithm, folder, progress=progress, say=say)
        measured[loss] = judge.measure(algorithm.game, best_generator(state), _evaluation_keys(study))
        series[loss] = store.read_parts(folder, loss, study.config.steps)
        seconds[loss] = time.perf_counter() - clock
    judge = with_untrained(judge, _measure_untrained(study, judge))
    store.write_run(folder, assemble(study, folder, judge, series, measured, seconds))
    _report(folder)


def _report(folder: Path) -> None:
    """What is made of a finished run's numbers; making it again changes nothing."""
    run = store.load_run(folder)
    table = summarize_run(run)
    store.write_json(folder / "table.json", to_dict(table))
    (folder / "table.md").write_text(to_markdown(table), encoding="utf-8")
    write_report(folder)
    store.drop_parts(folder, run.losses)


def _train(study: Study, job: str, loss: str, algorithm: Algorithm, folder: Path, *, progress: bool, say: Say) -> State:
    """Trains `loss` from where its checkpoint stands, writing series and checkpoints as it goes."""
    config, saved = study.config, time.monotonic()
    state = None
    if checkpoint.latest_step(folder / loss / "training") is not None:
        state = _load_training(study, algorithm, folder / loss / "training", say)
        say(f"{loss}: continuing at step {int(state.step)}")
        if int(state.step) == config.steps:
            _save_generator(study, folder, loss, state)
            return state
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
        store.append_part(folder, loss, chunk.step - length, as_series(chunk.info))
        medians = {"d_loss": chunk.info.d_loss, "g_loss": chunk.info.g_loss}
        last = {name: float(np.median(values[:, -1])) for name, values in medians.items()}
        store.log(folder, {"loss": loss, "step": chunk.step, "seconds": chunk.seconds, **last})
        bar.set_postfix({name: f"{value:.3f}" for name, value in last.items()}, refresh=False)
        bar.update(length)
        if time.monotonic() - saved > _SAVE_SECONDS:
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
        )
    _save_generator(study, folder, loss, fitted.state)
    _save_training(folder / loss / "training", fitted.state)
    if fitted.interrupted:
        raise Interrupted(folder, job, f"at step {fitted.step} of {loss}")
    say(f"{loss}: trained to step {fitted.step} in {time.perf_counter() - clock:.0f} s")
    return fitted.state


def _save_generator(study: Study, folder: Path, loss: str, state: State) -> None:
    meta = {"loss": loss, "seeds": study.config.seeds, "data": study.source.name, "network": study.description}
    checkpoint.save(folder / loss / "generator", int(state.step), best_generator(state), meta)


def _save_training(folder: Path, state: State) -> None:
    checkpoint.save(folder, int(state.step), state, {"versions": provenance.versions()})


def _load_training(study: Study, algorithm: Algorithm, folder: Path, say: Say) -> State:
    begin = partial(start_seeds, algorithm, study.source.sample)
    state, meta = checkpoint.load(folder, jax.eval_shape(begin, study.keys))
    now = provenance.versions()
    changed = [
        f"{name} {then} is now {now.get(name)}" for name, then in meta["versions"].items() if now.get(name) != then
    ]
    if changed:
        say(f"note: other versions may give other numbers: {', '.join(changed)}")
    return state


def _measure_untrained(study: Study, judge: Judge) -> Measured:
    algorithm = next(iter(study.algorithms.values()))
    begin = jax.jit(partial(start_seeds, algorithm, study.source.sample))
    generator: Generator = best_generator(begin(study.keys))
    return judge.measure(algorithm.game, generator, _evaluation_keys(study))


def _evaluation_keys(study: Study) -> jax.Array:
    return jax.vmap(partial(named_key, name="evaluation"))(study.keys)


def _origin(job: str, config: Config) -> dict[str, Any]:
    return {
        "job": job,
        "command": command_line(job, config),
        "config": dataclasses.asdict(config),
        "versions": provenance.versions(),
        "commit": provenance.commit(),
        **provenance.device(),
        "key": config.key,
    }


def _absolute(given: dict[str, Any]) -> dict[str, Any]:
    """Files by their whole path, so that the command that repeats a run does so from any folder."""

    def resolve(name: str) -> str:
        path, colon, attribute = name.rpartition(":") if ".py:" in name else (name, "", "")
        known = name in catalog.DATA or name in catalog.LOSSES
        return f"{Path(path).resolve()}{colon}{attribute}" if path and not known and Path(path).exists() else name

    resolved = dict(given)
    if given.get("data"):
        resolved["data"] = resolve(given["data"])
    if given.get("loss"):
        resolved["loss"] = tuple(resolve(name) for name in given["loss"])
    return resolved


def _inputs(study: Study) -> dict[str, str]:
    """SHA-256 of what the configuration names but does not hold: files of losses, images."""
    files = [Path(name.rpartition(":")[0]) for name in study.config.loss if ".py:" in name]
    digests = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    images = (study.source.train, study.source.heldout)
    return digests | ({} if study.source.train is None else {study.source.name: checkpoint.digest(images)})


def _resumed(given: dict[str, Any], out: Path | None) -> Config:
    if out is None:
        raise OptionError("resume", "got no --out, expected the folder of the run to continue")
    try:
        config = from_stored(store.read_config(out)["config"])
    except (KeyError, TypeError) as error:
        raise store.StoreError(f"--resume: the run in {out} was started by another version of jaxgan") from error
    for name, value in given.items():
        stored = getattr(config, name)
        if value is not None and (tuple(value) if name == "loss" else value) != stored:
            raise OptionError(name, f"got {value}, but the run in {out} was started with {stored}; leave it out")
    return config
