"""The job behind `compare` and `train`: losses x seeds on one data set, from options to a report."""

import dataclasses
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
import optax
from numpy.typing import NDArray
from tqdm import tqdm

from jaxgan import checkpoint
from jaxgan.commands import catalog, provenance
from jaxgan.commands.config import Config, OptionError, command_line, configure, from_stored
from jaxgan.commands.evaluate import Judge, Measured, judge_for, with_untrained
from jaxgan.data.source import Source
from jaxgan.diagnostics.outcomes import EXPLANATION, THRESHOLDS, Outcome, classify
from jaxgan.dynamics import alternating, averaged, best_generator
from jaxgan.game import adversarial_game, normal_prior
from jaxgan.random import named_key
from jaxgan.study import store
from jaxgan.study.report import write_report
from jaxgan.study.table import summarize_run, to_dict, to_markdown
from jaxgan.train import SEED_AXES, Chunk, fit, seed_keys, start
from jaxgan.types import QUANTILES, Algorithm, BatchSizes, Generator, Info, State

Say = Callable[[str], None]
_SAVE_SECONDS = 30.0  # between checkpoints of a run under way: what a killed run loses at the most


class Interrupted(Exception):
    """Ctrl-C ended the run; everything trained so far is in `folder`."""

    def __init__(self, folder: Path, job: str, loss: str, step: int):
        self.folder = folder
        super().__init__(
            f"stopped at step {step} of {loss}; nothing is lost, continue with: jaxgan {job} --resume --out {folder}"
        )


class Study(NamedTuple):
    """A configuration turned into functions."""

    config: Config
    source: Source
    description: dict[str, Any]  # of the generator
    algorithms: dict[str, Algorithm]  # by the loss's short name
    keys: jax.Array  # one per seed


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
    if resume:
        config, folder = _resumed(given, out)
    else:
        config, folder = configure(given, gentle=gentle), None
    study = build(config)
    if folder is None:
        name = f"{job}-{catalog.slug(Path(config.data).stem)}"
        folder = store.claim(out, Path("runs"), name, overwrite=overwrite)
        store.write_json(folder / "config.json", _origin(job, config))
    say(
        f"{config.seeds} seeds x {config.steps} steps of {', '.join(study.algorithms)} on {study.source.name}; "
        f"everything goes to {folder}"
    )
    judge = judge_for(study.source, config.samples, config.split_seed, say)

    series, measured, seconds = {}, {}, {}
    for loss, algorithm in study.algorithms.items():
        clock = time.perf_counter()
        state = _train(study, job, loss, algorithm, folder, progress=progress, say=say)
        measured[loss] = judge.measure(algorithm.game, best_generator(state), _evaluation_keys(study))
        series[loss] = store.read_parts(folder, loss, config.steps)
        seconds[loss] = time.perf_counter() - clock
    judge = with_untrained(judge, _measure_untrained(study, judge))
    store.write_run(folder, _assemble(study, folder, judge, series, measured, seconds))
    table = summarize_run(store.load_run(folder))
    store.write_json(folder / "table.json", to_dict(table))
    (folder / "table.md").write_text(to_markdown(table), encoding="utf-8")
    write_report(folder)
    return folder


def build(config: Config) -> Study:
    """Names into functions, with everything checked that can be before compiling.

    Raises:
      OptionError: a name, a shape or a size that does not fit.
    """
    losses = {name: catalog.find_loss(name) for name in config.loss}
    slugs = [catalog.slug(name) for name in losses]
    if len(set(slugs)) < len(slugs):
        raise OptionError("loss", f"got two losses of one name: {', '.join(config.loss)}")
    source = catalog.find_data(config.data, image_size=config.image_size, split_seed=config.split_seed)
    description = catalog.describe_generator(source, config)
    for name in ("batch_size", "generator_batch_size"):  # a generator's step draws as many real images
        size = getattr(config, name)
        if source.size is not None and size > source.size:
            allowed = f"at most its {source.size} training examples"
            raise OptionError(name, f"got {size}, more than {source.name} has, expected {allowed}")
    algorithms = {
        short: _algorithm(config, description, loss)
        for short, loss in zip(slugs, losses.values(), strict=True)
    }
    keys = seed_keys(jax.random.key(config.key), config.seeds)
    study = Study(config, source, description, algorithms, keys)
    for short, algorithm in algorithms.items():
        _try(short, study, algorithm)
    return study


def _algorithm(config: Config, description: dict[str, Any], loss: Any) -> Algorithm:
    game = adversarial_game(
        catalog.build_generator(description),
        catalog.build_discriminator(description),
        normal_prior(config.latent_dim),
        loss,
    )
    algorithm = alternating(
        game,
        optax.adam(config.lr_g, b1=config.beta1),
        optax.adam(config.lr_d, b1=config.beta1),
        batch_size=BatchSizes(config.batch_size, config.fake_batch_size, config.generator_batch_size),
        d_steps=config.d_steps,
    )
    return algorithm if config.ema is None else averaged(algorithm, config.ema)


def _try(short: str, study: Study, algorithm: Algorithm) -> None:
    """Traces one step, which compiles nothing: a loss that pairs unequal batches is caught here."""

    def step(key: jax.Array) -> Any:
        return algorithm.step(start(algorithm, study.source.sample, key), study.source.sample, key)

    try:
        jax.eval_shape(step, study.keys[0])
    except ValueError as error:
        raise OptionError("loss", f"{short}: {error}") from error


def _train(
    study: Study, job: str, loss: str, algorithm: Algorithm, folder: Path, *, progress: bool, say: Say
) -> State:
    """Trains `loss` from where its checkpoint stands, writing series and checkpoints as it goes."""
    config, saved = study.config, time.monotonic()
    state = None
    if checkpoint.latest_step(folder / loss / "training") is not None:
        state = _load_training(study, algorithm, folder / loss / "training", say)
        say(f"{loss}: continuing at step {int(state.step)}")
        if int(state.step) == config.steps:
            return state
    bar = tqdm(
        desc=loss,
        total=config.steps,
        initial=0 if state is None else int(state.step),
        unit="step",
        disable=None if progress else True,
        dynamic_ncols=True,
    )
    if not bar.disable:
        bar.set_postfix_str("compiling")

    def on_chunk(chunk: Chunk) -> None:
        nonlocal saved
        length = chunk.info.g_loss.shape[1]
        store.append_part(folder, loss, chunk.step - length, as_series(chunk.info))
        medians = {"d_loss": chunk.info.d_loss, "g_loss": chunk.info.g_loss}
        last = {name: float(np.median(values[:, -1])) for name, values in medians.items()}
        store.log(folder, {"loss": loss, "step": chunk.step, "seconds": chunk.seconds, **last})
        bar.update(length)
        bar.set_postfix({name: f"{value:.3f}" for name, value in last.items()})
        if time.monotonic() - saved > _SAVE_SECONDS:
            _save_training(folder / loss / "training", chunk.state)
            saved = time.monotonic()

    clock = time.perf_counter()
    with bar:
        fitted = fit(algorithm, study.source.sample, study.keys, config.steps, state=state, on_chunk=on_chunk)
    _save_training(folder / loss / "training", fitted.state)
    meta = {"loss": loss, "seeds": config.seeds, "data": study.source.name, "network": study.description}
    checkpoint.save(folder / loss / "generator", fitted.step, best_generator(fitted.state), meta)
    if fitted.interrupted:
        raise Interrupted(folder, job, loss, fitted.step)
    say(f"{loss}: {config.seeds} seeds x {config.steps} steps in {time.perf_counter() - clock:.0f} s")
    return fitted.state


def _save_training(folder: Path, state: State) -> None:
    checkpoint.save(folder, int(state.step), state, {"versions": provenance.versions()})


def _load_training(study: Study, algorithm: Algorithm, folder: Path, say: Say) -> State:
    begin = jax.vmap(partial(start, algorithm, study.source.sample), out_axes=SEED_AXES)
    state, meta = checkpoint.load(folder, jax.eval_shape(begin, study.keys))
    changed = {
        name: f"{version} then, {provenance.versions()[name]} now"
        for name, version in meta["versions"].items()
        if provenance.versions().get(name) != version
    }
    if changed:
        say(f"note: other versions than before may give other numbers: {changed}")
    return state


def _measure_untrained(study: Study, judge: Judge) -> Measured:
    algorithm = next(iter(study.algorithms.values()))
    keys = study.keys[: min(4, study.config.seeds)]
    begin = jax.vmap(partial(start, algorithm, study.source.sample), out_axes=SEED_AXES)
    generator: Generator = best_generator(jax.jit(begin)(keys))
    return judge.measure(algorithm.game, generator, keys)


def _evaluation_keys(study: Study) -> jax.Array:
    return jax.vmap(partial(named_key, name="evaluation"))(study.keys)


def as_series(info: Info) -> dict[str, NDArray]:
    """An `Info` as named arrays; a discriminator loss of two terms is a real one and a fake one."""
    names = ("real", "fake") if len(info.d_parts) == 2 else tuple(map(str, range(len(info.d_parts))))
    flat = {name: getattr(info, name) for name in Info._fields if name not in ("d_parts", "d_real", "d_fake")}
    flat |= {f"d_loss_{name}": part for name, part in zip(names, info.d_parts, strict=True)}
    for name in ("d_real", "d_fake"):
        spread = getattr(info, name)
        flat |= {f"{name}_mean": spread.mean, f"{name}_quantiles": spread.quantiles}
    return {name: np.asarray(values) for name, values in flat.items()}


def _assemble(
    study: Study,
    folder: Path,
    judge: Judge,
    series: dict[str, dict[str, NDArray]],
    measured: dict[str, Measured],
    seconds: dict[str, float],
) -> store.Run:
    losses = tuple(study.algorithms)
    names = list(dict.fromkeys(name for loss in losses for name in series[loss]))
    like = {name: next(series[loss][name] for loss in losses if name in series[loss]) for name in names}
    absent = {name: np.full_like(values, np.nan) for name, values in like.items()}
    stacked = {name: np.stack([series[loss].get(name, absent[name]) for loss in losses]) for name in names}
    outcomes = [_outcomes(judge, series[loss], measured[loss]) for loss in losses]
    config = store.read_config(folder)
    log4 = float(np.log(4))
    notes = judge.notes | {
        "quantiles": QUANTILES,
        "steps": study.config.steps,
        "data": study.source.name,
        "explanations": {outcome.name: sentence for outcome, sentence in EXPLANATION.items()},
        "rules": _rules(judge),
        "command": config["command"],
        "seconds": seconds,
        "equilibrium": {
            "value": -log4,
            "d_real_mean": 0.5,
            "d_fake_mean": 0.5,
            "d_loss": log4,
            "g_loss/minimax": -log4 / 2,
            "g_loss/non_saturating": log4 / 2,
        },
    }
    samples = {**judge.real, "fake": np.stack([measured[loss].samples for loss in losses])}
    return store.Run(
        config=config,
        losses=losses,
        seeds=np.arange(study.config.seeds),
        metrics=judge.metrics,
        values={m.name: np.stack([measured[loss].values[m.name] for loss in losses]) for m in judge.metrics},
        outcomes=np.asarray(outcomes),
        notes=notes,
        series=stacked,
        samples=samples,
    )


def _outcomes(judge: Judge, series: dict[str, NDArray], measured: Measured) -> list[str]:
    held: dict[str, Any] = {
        role: (measured.values[metric], reference) for role, (metric, reference) in judge.rules.items()
    }
    codes = classify([series["g_loss"], series["d_loss"]], series["g_grad_norm"], measured.finite, **held)
    return [Outcome(code).name for code in codes]


def _rules(judge: Judge) -> list[str]:
    """The failure rules with their numbers, in words."""
    rules = ["NON_FINITE: a loss, the generator's gradient or a sample was NaN or infinite."]
    if "captured" in judge.rules:
        _, total = judge.rules["captured"]
        rules.append(
            f"COLLAPSED: fewer than {THRESHOLDS.modes_share * total:g} of {total:g} modes or classes captured."
        )
    if "distance" in judge.rules:
        _, floor = judge.rules["distance"]
        rules.append(
            f"NOT_LEARNED: a Fréchet distance above {THRESHOLDS.quality_multiple:g} times that of real "
            f"against real images ({floor:.3g}), that is above {THRESHOLDS.quality_multiple * floor:.3g}."
        )
    if "high_quality" in judge.rules:
        _, share = judge.rules["high_quality"]
        rules.append(
            f"NOT_LEARNED: a share of high-quality samples below {THRESHOLDS.quality_share:g} times that of "
            f"a perfect sampler ({share:.3g})."
        )
    rules.append(
        "GRADIENT_VANISHED: the norm of the generator loss's gradient by the generator's parameters has a "
        f"median over the last tenth of the steps below {THRESHOLDS.vanished_fraction:g} times that over the "
        "first tenth."
    )
    return rules


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


def _resumed(given: dict[str, Any], out: Path | None) -> tuple[Config, Path]:
    if out is None:
        raise OptionError("resume", "got no --out, expected the folder of the run to continue")
    config = from_stored(store.read_config(out)["config"])
    for name, value in given.items():
        stored = getattr(config, name)
        if value is not None and (tuple(value) if name == "loss" else value) != stored:
            raise OptionError(
                name, f"got {value}, but the run in {out} was started with {stored}; leave it out"
            )
    return config, out
