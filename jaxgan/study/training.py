"""A block of seeds of one configuration, trained with everything that training leaves in the run's folder."""

import time
from collections.abc import Callable, Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.tree_util import Partial, keystr, tree_leaves_with_path
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

from jaxgan import checkpoint
from jaxgan.dynamics import best_generator
from jaxgan.evaluation import Evaluator
from jaxgan.results import store
from jaxgan.results.claim import RunFolder, ids_in
from jaxgan.results.records import Origin, append_records, join_records, read_records
from jaxgan.runs.loop import Chunk, fit
from jaxgan.runs.placement import Placement, own_runs
from jaxgan.runs.run import Probe, as_pytree, start_runs
from jaxgan.stopping import Stopping, stoppable
from jaxgan.study import compilation, processes, provenance
from jaxgan.study.bars import progress_bar
from jaxgan.study.build import Configuration, Study
from jaxgan.study.config import Config
from jaxgan.study.interrupted import Interrupted, last_line
from jaxgan.study.messages import counted
from jaxgan.types import Algorithm, Generator, Info, Key, State

Log = Callable[[str], None]
Finish = Callable[[Any], Mapping[str, NDArray]]
_SAVE_SECONDS = 30.0  # between checkpoints of a run under way: what a killed run loses at the most
_COMPILING = "compiling cannot be interrupted: stopping after it and the first steps, and saving"
_TRAINING = "stopping after the steps under way, and saving"


class Block(NamedTuple):
    """Consecutive seeds that are trained together: all of a run, unless it was given more of them later."""

    first: int
    last: int  # included

    @property
    def folder(self) -> str:
        """The name of its folder within a configuration's."""
        return f"seeds-{self.first}-{self.last}"


def all_seeds(config: Config) -> Block:
    """The seeds of a run, trained together.

    Example:
      >>> from jaxgan.study.config import configure
      >>> all_seeds(configure({"seeds": 8})).folder, all_seeds(configure({"seeds": 8, "first_seed": 8})).folder
      ('seeds-0-7', 'seeds-8-15')
    """
    return Block(config.first_seed, config.first_seed + config.seeds - 1)


class Watched(NamedTuple):
    """What is looked at along training: a probe, and what makes named arrays [run, ...] of what it saw."""

    probe: Probe
    finish: Finish


class Job(NamedTuple):
    """What all configurations of a run share while it is trained."""

    study: Study
    run: RunFolder
    name: str  # the command that continues it
    progress: bool
    log: Log

    @property
    def folder(self) -> Path:
        """The run's."""
        return self.run.path

    def origin(self, label: str, block: Block, process: str | None = None) -> Origin:
        """Whose records, and whose checkpoint, a process, this one by default, writes of a block of a configuration."""
        process = processes.own_name() if process is None else process
        return Origin(self.run.run, "/".join(filter(None, (label, block.folder, process))))


def train(job: Job, configuration: Configuration, block: Block, placement: Placement, watched: Watched) -> Generator:
    """Trains a block from where its checkpoint stands, writing records and checkpoints as it goes.

    Returns the generators of all its seeds in the process that leads, and in the others those of their own.

    Raises:
      Interrupted: a signal; the checkpoint is that of the last step.
    """
    with stoppable() as stopping, stopping.held(_COMPILING):
        return _train(job, configuration, block, placement, watched, stopping)


def _train(
    job: Job, configuration: Configuration, block: Block, placement: Placement, watched: Watched, stopping: Stopping
) -> Generator:
    study, config, label = job.study, job.study.config, configuration.label
    algorithm, folder, keys = configuration.algorithm, job.folder / label / block.folder, _keys(study, block)
    with processes.in_agreement():
        state = _load(job, placement, algorithm, folder / "training", keys, job.origin(label, block))
    done = 0 if state is None else int(state.step)
    if state is not None and done >= config.steps:
        return processes.gathered(folder, jax.device_get(best_generator(state)))
    if done:
        job.log(f"{label}: continuing at step {done:,}")
    bar = progress_bar(_title(job, label, block), config.steps, done=done, shown=job.progress)
    program = f"{label} on {study.source.name}, {counted(len(keys), 'seed')}, {study.networks.description}"
    if not bar.disable:
        before = compilation.last_time(program)
        bar.set_postfix_str("compiling" if before is None else f"compiling, {before:.0f} s the last time")
    writer = _Writer(job, label, block, watched.finish, bar)

    def on_compile(seconds: float) -> None:
        compilation.took(program, seconds)
        stopping.line = _TRAINING
        bar.unpause()  # the rate is that of the steps, without the compilation
        bar.set_postfix_str(f"compiled in {seconds:.0f} s")

    clock = time.perf_counter()
    with bar, compilation.in_precision(config):
        fitted = fit(
            algorithm,
            study.source.sample,
            keys,
            config.steps,
            state=state,
            probe=watched.probe,
            probe_at=probe_steps(config.steps, config.evaluate_every, done),
            record_every=config.record_every or None,
            on_chunk=writer.on_chunk,
            on_compile=on_compile,
            placement=placement,
        )
    _save(job, folder / "training", fitted.state, writer.origin)
    generator = processes.gathered(folder, jax.device_get(best_generator(fitted.state)))
    if fitted.interrupted:
        if block == all_seeds(config):  # what there is can be sampled from
            save_generator(job, configuration, generator, fitted.step)
        raise Interrupted(last_line(job.name, job.folder))
    job.log(f"{label}: trained to step {fitted.step:,} in {time.perf_counter() - clock:.0f} s")
    return generator


def probe_steps(steps: int, every: int, done: int = 0) -> list[int]:
    """The steps after which generators are measured: every so many, and the last; those of a resumed run that remain.

    Example:
      >>> probe_steps(10, 4), probe_steps(10, 4, done=4)
      ([4, 8, 10], [8, 10])
    """
    return [step for step in (*range(every, steps, every), steps) if step > done]


def watch(evaluator: Probe, finish: Finish, others: Mapping[str, Watched]) -> Watched:
    """Several probes as one, recorded together."""
    probes = {"along": Watched(evaluator, finish), **others}

    def probe(each: Mapping[str, Probe], key: Key, state: State) -> dict[str, Any]:
        return {name: one(key, state) for name, one in each.items()}

    def finished(seen: Mapping[str, Any]) -> dict[str, NDArray]:
        found = {name: one.finish(seen[name]) for name, one in probes.items()}
        return {f"{name}/{key}": value for name, values in found.items() for key, value in values.items()}

    return Watched(Partial(probe, {name: as_pytree(one.probe) for name, one in probes.items()}), finished)


def along(evaluator: Evaluator) -> Finish:
    """Of an evaluation along training its metrics alone are kept: samples are, of the last."""
    names = {metric.name for metric in evaluator.metrics}

    def finish(seen: Any) -> dict[str, NDArray]:
        # Threads of the linear algebra would wait for more work on the cores that the next steps are trained on.
        with _libraries().limit(limits=1, user_api="blas"):
            return {name: values for name, values in evaluator.finish(seen).items() if name in names}

    return finish


@cache
def _libraries() -> ThreadpoolController:
    return ThreadpoolController()


def by_leaf(seen: Any) -> dict[str, NDArray]:
    """What a probe of the user's returned, any pytree, as named arrays."""
    leaves = tree_leaves_with_path(seen)
    return {keystr(path, simple=True, separator="_") or "value": np.asarray(leaf) for path, leaf in leaves}


def series_of(info: Info) -> dict[str, NDArray]:
    """An `Info` as named arrays; a discriminator loss of two terms is a real one and a fake one."""
    names = ("real", "fake") if len(info.d_parts) == 2 else tuple(map(str, range(len(info.d_parts))))
    flat = {name: getattr(info, name) for name in Info._fields if name not in ("d_parts", "d_real", "d_fake")}
    flat |= {f"d_loss_{name}": part for name, part in zip(names, info.d_parts, strict=True)}
    for name in ("d_real", "d_fake"):
        spread = getattr(info, name)
        flat |= {f"{name}_mean": spread.mean, f"{name}_quantiles": spread.quantiles}
    return {name: np.asarray(values) for name, values in flat.items()}


class _Writer:
    """Writes what each chunk of training brings: records, a line of the log, the bar, and checkpoints now and then."""

    def __init__(self, job: Job, label: str, block: Block, finish: Finish, bar: Any):
        self.job, self.label, self.finish, self.bar = job, label, finish, bar
        self.folder, self.origin = job.folder / label / block.folder, job.origin(label, block)
        self.saved = time.monotonic()

    def on_chunk(self, chunk: Chunk) -> None:
        arrays = {f"series/{name}": values for name, values in series_of(chunk.info).items()}
        arrays["step"] = chunk.steps
        arrays["watch/step"] = chunk.first_nonfinite_step[:, None]
        arrays["watch/quantity"] = chunk.first_nonfinite.astype("U32")[:, None]
        if chunk.probe is not None:
            arrays["probe_step"] = np.array([chunk.step])
            arrays |= {name: np.asarray(values)[:, None] for name, values in self.finish(chunk.probe).items()}
        self.job.run.check()
        records = self.folder / "records" / processes.own_name()
        append_records(records, chunk.step - chunk.length, chunk.step, arrays, self.origin)
        if len(chunk.steps):
            self.report(chunk)
        self.bar.update(chunk.length)
        if processes.any_of(time.monotonic() - self.saved > _SAVE_SECONDS):
            _save(self.job, self.folder / "training", chunk.state, self.origin)
            self.saved = time.monotonic()

    def report(self, chunk: Chunk) -> None:
        """The last medians over runs, for the log and the bar."""
        medians = {"d_loss": chunk.info.d_loss, "g_loss": chunk.info.g_loss}
        last = {name: float(np.median(values[:, -1])) for name, values in medians.items()}
        if processes.leads():
            entry = {"configuration": self.label, "step": chunk.step, "seconds": chunk.seconds, **last}
            store.log(self.job.folder, entry)
        self.bar.set_postfix({name: f"{value:.3f}" for name, value in last.items()}, refresh=False)


def read_block(job: Job, label: str, block: Block) -> dict[str, NDArray]:
    """All that was recorded of a block, of every process that trained a part of it."""
    folder, steps = job.folder / label / block.folder / "records", job.study.config.steps
    origins = {name: job.origin(label, block, name) for name in processes.names()}
    parts = [read_records(folder / name, steps, origin) for name, origin in origins.items()]
    for (name, origin), part in zip(origins.items(), parts, strict=True):
        join_records(folder / name, steps, part, origin)
    found = {
        name: values if values.ndim == 1 else np.concatenate([part[name] for part in parts])
        for name, values in parts[0].items()
    }
    return found | first_watched(found.pop("watch/step"), found.pop("watch/quantity"))


def check_kept(job: Job, label: str, block: Block) -> None:
    """What a training that was stopped has left is whole: asked of all before any goes on.

    Raises:
      CheckpointError, StoreError: a line with the file, and the way out.
    """
    folder = job.folder / label / block.folder
    if jax.process_count() == 1 and (done := checkpoint.latest_step(folder / "training")) is not None:
        origin = job.origin(label, block)
        meta = checkpoint.read_meta(folder / "training")
        check_whose(meta, origin, store.read_config(job.folder), folder / "training")
        read_records(folder / "records", min(done, job.study.config.steps), origin)


def check_whose(meta: Mapping[str, Any], origin: Origin, content: Mapping[str, Any], folder: Path) -> None:
    """Whether a checkpoint is of the run, and of what it stands for; `content` is that of config.json.

    Raises:
      CheckpointError: it is another's.
    """
    if (where := meta.get("where", origin.where)) != origin.where:
        raise checkpoint.CheckpointError(f"the checkpoint in {folder} is that of {where}")
    if "run" in meta and meta["run"] not in ids_in(content):  # an earlier version did not write it
        way_out = f"remove {folder.parent} and continue with --resume, which trains it again"
        raise checkpoint.CheckpointError(f"the checkpoint in {folder} is that of another run; {way_out}")


def first_watched(steps: NDArray, quantities: NDArray) -> dict[str, NDArray]:
    """[run] the first step at which something was not finite (0: none), and what, from [run, stretch].

    Example:
      >>> found = first_watched(np.array([[0, 7, 9]]), np.array([["", "g_loss", "d_loss"]]))
      >>> found["watch/step"].tolist(), found["watch/quantity"].tolist()
      ([7], ['g_loss'])
    """
    rows, first = np.arange(len(steps)), (steps > 0).argmax(axis=1)
    return {"watch/step": steps[rows, first], "watch/quantity": quantities[rows, first]}


def save_generator(job: Job, configuration: Configuration, generator: Generator, step: int) -> None:
    """Writes the generators of all seeds; of several processes, the leading one does."""
    if processes.leads():
        job.run.check()
        study = job.study
        meta = {
            "run": job.run.run,
            "configuration": configuration.label,
            "seeds": study.config.seeds,
            "first_seed": study.config.first_seed,
            "data": study.source.name,
            "network": study.networks.description,
        }
        with stoppable() as stopping, stopping.held():
            checkpoint.save(job.folder / configuration.label / "generator", step, generator, meta)


def _keys(study: Study, block: Block) -> jax.Array:
    first = study.config.first_seed
    return study.keys[block.first - first : block.last + 1 - first]


def _title(job: Job, label: str, block: Block) -> str:
    return label if block == all_seeds(job.study.config) else f"{label}, seeds {block.first} to {block.last}"


def _save(job: Job, folder: Path, state: State, origin: Origin) -> None:
    job.run.check()
    meta = {"versions": provenance.versions(), **origin._asdict()}
    if jax.process_count() == 1:
        checkpoint.save(folder, int(state.step), state, meta)
    else:
        processes.save_own(folder, int(state.step), state, meta)


def _load(
    job: Job, placement: Placement, algorithm: Algorithm, folder: Path, keys: Key, origin: Origin
) -> State | None:
    begin = partial(start_runs, algorithm, job.study.source.sample)
    like = jax.eval_shape(begin, keys[own_runs(len(keys), placement)])
    if jax.process_count() > 1:
        if (found := processes.load_own(folder, like)) is None:
            return None
        state, meta = found
    elif checkpoint.latest_step(folder) is None:
        return None
    else:
        state, meta = checkpoint.load(folder, like)
    check_whose(meta, origin, store.read_config(job.folder), folder)
    now = provenance.versions()
    changed = [
        f"{name} {then} is now {now.get(name)}" for name, then in meta["versions"].items() if now.get(name) != then
    ]
    if changed:
        job.log(f"note: other versions may give other numbers: {', '.join(changed)}")
    return state
