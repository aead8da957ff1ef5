"""Train a block of runs and write checkpoints, records and logs to the run's folder."""

import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from jaxgan import checkpoint
from jaxgan.dynamics import best_generator
from jaxgan.results import store
from jaxgan.results.claim import ids_in
from jaxgan.results.records import Origin, append_records, joined, read_records
from jaxgan.runs.axis import Make, Settings
from jaxgan.runs.loop import Chunk, fit
from jaxgan.runs.placement import Placement, own_runs
from jaxgan.runs.records import record_steps
from jaxgan.runs.run import start_runs
from jaxgan.stopping import Stopping, stoppable
from jaxgan.study import compilation, provenance
from jaxgan.study.block import Block
from jaxgan.study.blocks import keys_of
from jaxgan.study.build import Program, Study
from jaxgan.study.config import seed_numbers
from jaxgan.study.distributed import processes
from jaxgan.study.interrupted import Interrupted, last_line
from jaxgan.study.job import Job
from jaxgan.study.messages import counted
from jaxgan.study.monitoring.live import Look, unseen
from jaxgan.study.watching import Finish, Watched, first_watched, probe_steps, series_of
from jaxgan.types import Algorithm, Generator, State

_SAVE_SECONDS = 30.0  # between checkpoints; a killed run loses about this much work
_KEPT = 2  # checkpoints per block: if the last one is damaged, training resumes from the one before
_COMPILING = "compiling cannot be interrupted: stopping after it and the first steps, and saving"
_COMPILED_ALREADY = 0.5  # seconds; anything faster was compiled before, to find out how much memory it needs
_TRAINING = "stopping after the steps under way, and saving"


def train(
    job: Job, program: Program, block: Block, placement: Placement, watched: Watched, look: Look = unseen
) -> Generator:
    """Train a block from its last checkpoint, writing records and checkpoints during training.

    Returns the generators of all runs in the leading process, and in the others those of their own runs.

    Args:
      job: the job that the block belongs to.
      program: the program of the block.
      block: the runs to train.
      placement: the devices.
      watched: the measurements during training.
      look: called whenever there is new progress to show.

    Raises:
      Interrupted: if a signal arrives; the last step is saved in a checkpoint.
    """
    with stoppable() as stopping, stopping.held(_COMPILING):
        return _train(job, program, block, placement, watched, look, stopping)


def _train(
    job: Job, program: Program, block: Block, placement: Placement, watched: Watched, look: Look, stopping: Stopping
) -> Generator:
    study, config, folder = job.study, job.study.config, job.folder / block.folder
    algorithm, settings, label = *what_trains(study, program, block), title_of(study, block)
    with processes.in_agreement():
        state = _load(job, placement, block)
    done = 0 if state is None else int(state.step)
    if state is not None and done >= config.steps:
        generator = processes.gathered(folder, jax.device_get(best_generator(state)))
        if processes.leads():
            save_generator(job, block, generator, done)
        return generator
    if done:
        job.log(f"{label}: continuing at step {done:,}")
    compiled = compiled_name(study, block)
    look(f"compiling {label}{_last_time(compiled)}")
    writer = Writer(job, block, watched.finish, look, done)
    if done and job.rules:
        writer.go_on(read_records(folder / "records" / processes.own_name(), done, writer.origin))

    def on_compile(seconds: float) -> None:
        if seconds > _COMPILED_ALREADY:
            compilation.took(compiled, seconds)
        stopping.line = _TRAINING
        look(f"compiled {label} in {seconds:.0f} s")

    clock = time.perf_counter()
    with compilation.in_precision(config.precision):
        fitted = fit(
            algorithm,
            study.source.sample,
            keys_of(study, block),
            config.steps,
            settings=settings,
            state=state,
            stopped_at=writer.stopped_at if done and job.rules else None,
            stop=(lambda chunk: writer.stopped_at > 0) if job.rules else None,
            probe=watched.probe,
            probe_at=probe_steps(config.steps, config.evaluate_every, done),
            record_every=config.record_every or None,
            on_chunk=writer.on_chunk,
            on_compile=on_compile,
            placement=placement,
        )
    look(now=True)
    writer.save(fitted.state)
    if fitted.step < config.steps and not fitted.interrupted:
        writer.stand_still(fitted.step)
    generator = processes.gathered(folder, jax.device_get(best_generator(fitted.state)))
    if processes.leads():
        save_generator(job, block, generator, fitted.step)  # also of an interrupted run, so that it can be sampled
    if fitted.interrupted:
        raise Interrupted(last_line(job.name, job.folder))
    job.log(f"{label}: trained to step {fitted.step:,} in {time.perf_counter() - clock:.0f} s")
    return generator


def compiled_name(study: Study, block: Block) -> str:
    """Return the name under which the compile time of a block's program is remembered."""
    return f"{block.program} on {study.source.name}, {counted(block.runs, 'run')}, {study.networks.description}"


def _last_time(compiled: str) -> str:
    before = compilation.last_time(compiled)
    return "" if before is None else f", {before:.0f} s the last time"


class Writer:
    """Stores the output of each chunk of training: a line of the log, and periodically records and a checkpoint.

    Records are written just before the checkpoint that a resumed run continues from; without it they are useless.
    """

    def __init__(self, job: Job, block: Block, finish: Finish, look: Look, done: int):
        self.job, self.block, self.finish, self.look = job, block, finish, look
        self.folder, self.origin = job.folder / block.folder, job.origin(block)
        self.saved, self.step = time.monotonic(), done
        self.records: list[dict[str, NDArray]] = []  # since the last saved step
        self.history: list[Mapping[str, NDArray]] = []  # of all steps; kept only if there are stop rules
        self.stopped_at = np.zeros(0, np.int64)  # [run] the step at which a rule stopped the run, or 0

    def go_on(self, records: Mapping[str, NDArray]) -> None:
        """Apply the stop rules to the records written before training was resumed."""
        self.history.append(records)
        self.stopped_at = self.job.rules.stopped_at(self.history)

    def on_chunk(self, chunk: Chunk) -> None:
        arrays = {f"series/{name}": values for name, values in series_of(chunk.info).items()}
        arrays["step"] = chunk.steps
        arrays["watch/step"] = chunk.first_nonfinite_step[:, None]
        arrays["watch/quantity"] = chunk.first_nonfinite.astype("U32")[:, None]
        if chunk.probe is not None:
            arrays["probe_step"] = np.array([chunk.step])
            arrays |= {name: np.asarray(values)[:, None] for name, values in self.finish(chunk.probe).items()}
        self.job.run.check()
        self.records.append(arrays)
        if self.job.rules:
            self.history.append(arrays)
            if chunk.probe is not None:
                self.stopped_at = self.job.rules.stopped_at(self.history)
        if len(chunk.steps):
            self.report(chunk)
        self.look()
        if processes.any_of(time.monotonic() - self.saved > _SAVE_SECONDS):
            self.save(chunk.state)

    def save(self, state: State) -> None:
        """Write the records since the last save, and a checkpoint."""
        step = int(state.step)
        self.job.run.check()
        if self.records:
            append_records(self.folder / "records" / processes.own_name(), self.step, step, joined(self.records),
                           self.origin)  # fmt: skip
        _save(self.folder / "training", state, self.origin)
        self.saved, self.step, self.records = time.monotonic(), step, []

    def stand_still(self, step: int) -> None:
        """Fill the remaining records after all runs were stopped: NaN for series, the last value for probes."""
        config, last = self.job.study.config, self.history[-1]
        at = {"step": record_steps(config.steps, config.record_every or None)}
        at["probe_step"] = np.array(probe_steps(config.steps, config.evaluate_every))
        left = {name: steps[steps > step] for name, steps in at.items()}
        arrays = {name: values[:, -1:] for name, values in last.items() if name.startswith("watch/")}
        for name, values in last.items():
            if "/" in name and name not in arrays:
                series = name.startswith("series/")
                count = len(left["step" if series else "probe_step"])
                arrays[name] = np.repeat(values[:, -1:], count, axis=1) * (np.nan if series else 1)
        records = self.folder / "records" / processes.own_name()
        append_records(records, step, config.steps, left | arrays, self.origin)

    def report(self, chunk: Chunk) -> None:
        """Log the latest medians over runs, and how many runs were stopped or are not finite."""
        if not processes.leads():
            return
        # A stopped run has no losses, and one would make the median of all NaN.
        shown = chunk.active if chunk.active.any() else slice(None)
        medians = {"d_loss": chunk.info.d_loss, "g_loss": chunk.info.g_loss}
        last = {name: float(np.median(values[shown, -1])) for name, values in medians.items()}
        entry = {"configuration": self.block.folder.partition("/")[0], "wave": self.block.wave, "step": chunk.step}
        entry |= {"runs": len(chunk.runs), "steps": chunk.length, "seconds": chunk.seconds, **last}
        entry |= {"block": self.block.folder, "not_finite": np.count_nonzero(chunk.first_nonfinite_step)}
        if self.job.rules:
            entry["stopped"] = np.count_nonzero((self.stopped_at > 0) & (self.stopped_at < self.job.study.config.steps))
        store.log(self.job.folder, entry)


def read_block(job: Job, block: Block) -> dict[str, NDArray]:
    """Return all records of a block, joined over the processes that trained parts of it."""
    folder, steps = job.folder / block.folder / "records", job.study.config.steps
    origins = {name: job.origin(block, name) for name in processes.names()}
    parts = [read_records(folder / name, steps, origin) for name, origin in origins.items()]
    found = {
        name: values if values.ndim == 1 else np.concatenate([part[name] for part in parts])
        for name, values in parts[0].items()
    }
    return found | first_watched(found.pop("watch/step"), found.pop("watch/quantity"))


def check_kept(job: Job, block: Block) -> None:
    """Check that the checkpoint and the records of a stopped block are intact.

    All blocks are checked before any of them is resumed.

    Raises:
      CheckpointError, StoreError: if a file is damaged; the message names the file and says how to recover.
    """
    folder = job.folder / block.folder
    if jax.process_count() == 1 and checkpoint.latest_step(folder / "training") is not None:
        origin = job.origin(block)
        meta, done, _ = checkpoint.newest_whole(folder / "training", partial(checkpoint.read_meta, folder / "training"))
        check_whose(meta, origin, store.read_config(job.folder), folder / "training")
        read_records(folder / "records", min(done, job.study.config.steps), origin)


def check_whose(meta: Mapping[str, Any], origin: Origin, content: Mapping[str, Any], folder: Path) -> None:
    """Check that a checkpoint belongs to the run and to the block; `content` is the content of config.json.

    Raises:
      CheckpointError: if it belongs to another run or block.
    """
    if (where := meta.get("where", origin.where)) != origin.where:
        raise checkpoint.CheckpointError(f"the checkpoint in {folder} is that of {where}")
    if "run" in meta and meta["run"] not in ids_in(content):  # an earlier version did not write it
        way_out = f"remove {folder.parent} and continue with --resume, which trains it again"
        raise checkpoint.CheckpointError(f"the checkpoint in {folder} belongs to another run; {way_out}")


def save_generator(job: Job, block: Block, generator: Generator, step: int) -> None:
    """Write the generators of a block's runs, for later sampling."""
    job.run.check()
    study = job.study
    meta = {
        "run": job.run.run,
        "where": block.folder,
        "data": study.source.name,
        "network": study.networks.description,
    }
    with stoppable() as stopping, stopping.held():
        checkpoint.save(job.folder / block.folder / "generator", step, generator, meta)


def what_trains(study: Study, program: Program, block: Block) -> tuple[Algorithm | Make, Settings | None]:
    """Return the arguments of `fit` for a block: an algorithm, or a factory with the configurations' settings."""
    if program.make is None:
        return study.configurations[program.labels[0]].algorithm, None
    rows = [program.labels.index(label) for label in block.configurations]
    return program.make, {name: np.asarray(values)[rows] for name, values in program.settings.items()}


def title_of(study: Study, block: Block) -> str:
    """Return the name of a block in messages during training."""
    name = block.program
    if len(block.configurations) < len(study.programs[name].labels):
        name += f", wave {block.wave + 1}"
    whole = (block.first, block.last) == (seed_numbers(study.config)[0], seed_numbers(study.config)[-1])
    return name if whole else f"{name}, seeds {block.first} to {block.last}"


def _save(folder: Path, state: State, origin: Origin) -> None:
    meta = {"versions": provenance.versions(), **origin._asdict()}
    if jax.process_count() == 1:
        checkpoint.save(folder, int(state.step), state, meta, keep=_KEPT)
    else:
        processes.save_own(folder, int(state.step), state, meta)


def _load(job: Job, placement: Placement, block: Block) -> State | None:
    study, folder, origin = job.study, job.folder / block.folder / "training", job.origin(block)
    algorithm = study.configurations[block.configurations[0]].algorithm  # all states have the same shapes
    keys = jnp.tile(keys_of(study, block), len(block.configurations))
    begin = partial(start_runs, algorithm, study.source.sample)
    like = jax.eval_shape(begin, keys[own_runs(len(keys), placement)])
    if jax.process_count() > 1:
        if (found := processes.load_own(folder, like)) is None:
            return None
        state, meta, damaged = found
    elif checkpoint.latest_step(folder) is None:
        return None
    else:
        (state, meta), _, damaged = checkpoint.newest_whole(folder, partial(checkpoint.load, folder, like))
    check_whose(meta, origin, store.read_config(job.folder), folder)
    if damaged is not None:
        job.log(
            f"note: the checkpoint of step {damaged:,} in {folder} is damaged; going on from the one before, of step "
            f"{int(state.step):,}"
        )
    now = provenance.versions()
    changed = [
        f"{name} {then} is now {now.get(name)}" for name, then in meta["versions"].items() if now.get(name) != then
    ]
    if changed:
        job.log(f"note: different versions may give different numbers: {', '.join(changed)}")
    return state
