"""Run the protocol of frozen generators, from options to arrays, for discriminators of every strength."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import numpy as np
import optax
import xarray as xr
from numpy.typing import NDArray

from jaxgan.diagnostics.frozen import FrozenGeneratorResult, against_discriminators, directions, generators_of_ages
from jaxgan.diagnostics.gradients import Gradients
from jaxgan.diagnostics.profiles import is_probability
from jaxgan.dynamics import DiscriminatorInfo, discriminator_only
from jaxgan.game import adversarial_game, normal_prior
from jaxgan.losses import flipped_labels
from jaxgan.results.results import Results, variable
from jaxgan.runs.loop import Chunk
from jaxgan.runs.placement import Placement, place
from jaxgan.stopping import Stopping
from jaxgan.study import catalogue, compilation
from jaxgan.study.assemble import gradient_dims
from jaxgan.study.build import Configuration, Study
from jaxgan.study.config import gan_defaults, seed_numbers
from jaxgan.study.job import Job
from jaxgan.study.messages import OptionError, counted
from jaxgan.study.monitoring.bars import progress_bar
from jaxgan.study.needs import Needs, bytes_of
from jaxgan.study.profiles.profile_config import ProfileConfig
from jaxgan.study.profiles.strength import DiscriminatorStrength
from jaxgan.types import QUANTILES, Algorithm, Game, Generator, Loss

_RUN = ("configuration", "age", "seed")


class Rule(NamedTuple):
    """How a discriminator of one strength is trained from scratch."""

    algorithm: Algorithm
    game: Game
    lr: float


def rules_for(study: Study, profile: ProfileConfig, strengths: tuple[DiscriminatorStrength, ...]) -> dict[str, Rule]:
    """Return the rule for every strength, the base first.

    Raises:
      OptionError: if a loss is unknown or a strength does not fit the batch sizes.
    """
    try:
        d_loss = catalogue.find_loss(profile.d_loss)
    except OptionError as error:
        raise OptionError("d_loss", str(error).partition(": ")[2]) from error
    return {strength.name: _rule(study, d_loss, strength) for strength in strengths}


def frozen_needs(
    study: Study, rules: Mapping[str, Rule], losses: Mapping[str, Loss], profile: ProfileConfig, ages: tuple[int, ...]
) -> Needs:
    """Return lower bounds on what the protocol needs, as `needs_of` does for training the generators."""
    runs, sample = len(ages) * study.config.seeds, study.source.sample
    states = [
        jax.eval_shape(lambda key, rule=rule: rule.algorithm.init(key, sample), study.keys[0])
        for rule in rules.values()
    ]
    generator = bytes_of(states[0].params.generator)
    reports = 4 * len(DiscriminatorInfo._fields) * len(rules) * runs * profile.d_iterations
    compared = len(losses) * len(rules) * runs * generator if len(rules) > 1 else 0
    memory = {
        "the generators of all ages": runs * generator,
        "the discriminators against each of them": runs * sum(map(bytes_of, states)),
        "what the discriminators report at every step": 2 * reports,
        "the directions of gradients": compared,
    }
    return Needs(memory, {"what the discriminators report": reports})


def measure_frozen(
    job: Job,
    rules: Mapping[str, Rule],
    losses: Mapping[str, Loss],
    profile: ProfileConfig,
    ages: tuple[int, ...],
    placement: Placement,
    stopping: Stopping,
) -> Results:
    """Return the groups `gradient` [configuration, age, seed, probe_step, loss, ...] and `discriminator` [..., step].

    A signal noted by `stopping` ends training. The strengths that have finished are then reported or, if there are
    none, the first strength up to the step that it reached.

    Raises:
      KeyboardInterrupt: if the signal arrives while the generators are trained.
    """
    study, trained = job.study, _only(job.study)
    generators = _generators(job, trained, ages, placement)
    minibatches, size = profile.minibatches or 8, trained.batch_sizes.generator
    found: dict[str, FrozenGeneratorResult] = {}
    rows: dict[str, NDArray] = {}
    stopped = None
    for name, rule in rules.items():
        if found and stopping.first:  # it came while directions were compared
            stopped = profile.d_iterations
            break
        one = _against(job, name, rule, generators, losses, profile, minibatches, size, len(ages))
        if one.interrupted:
            stopped = int(one.info.loss.shape[2])
            if found:
                break
        found[name] = one
        if len(rules) > 1:
            sample = study.source.sample
            rows[name] = directions(one, rule.game, sample, losses, minibatches=minibatches, batch_size=size)
        if one.interrupted:
            break
    job.log(f"{counted(len(ages) * study.config.seeds, 'discriminator')} of {', '.join(found)} done")
    base = next(iter(rules.values()))
    dataset = _labelled(found, rows, ages, np.array(seed_numbers(study.config)), losses)
    notes = {
        "stopped": stopped,
        "minibatches": minibatches,
        "d_iterations": dataset.sizes["step"],
        "d_loss": catalogue.slug(profile.d_loss),
        "d_scores": not is_probability(base.game.loss),
        "lr_d": base.lr,
    }
    return Results(dataset, (), {}, notes)


def _labelled(
    found: Mapping[str, FrozenGeneratorResult],
    rows: Mapping[str, NDArray],
    ages: tuple[int, ...],
    seeds: NDArray,
    losses: Mapping[str, Loss],
) -> xr.Dataset:
    """Return the results for each strength, with the cosine between its gradients and those of the first."""
    first = next(iter(found.values()))
    parts = [_arrays(one) for one in found.values()]
    variables = [
        variable(group, name, _dims(group, name), np.stack([part[group, name] for part in parts]))
        for group, name in parts[0]
    ]
    if rows:
        agreement = np.stack([np.sum(rows["base"] * each, axis=-1) for each in rows.values()])
        variables.append(variable("gradient", "agreement", (*_RUN, "loss"), agreement))
    coordinates = {
        "configuration": list(found),
        "age": list(ages),
        "seed": seeds,
        "probe_step": first.steps,
        "step": 1 + np.arange(first.info.loss.shape[2]),
        "loss": list(losses),
        "other_loss": list(losses),
        "layer": list(first.gradients.layers),
        "quantile": list(QUANTILES),
    }
    dataset = xr.Dataset(dict(variables))
    return dataset.assign_coords({name: values for name, values in coordinates.items() if name in dataset.dims})


def gradient_arrays(gradients: Gradients) -> dict[str, NDArray]:
    """Return `Gradients` as named arrays; layer norms are on the last axis, in the order of their names."""
    arrays = {name: np.asarray(getattr(gradients, name)) for name in Gradients._fields if name != "layers"}
    return arrays | {"layers": np.stack([np.asarray(each) for each in gradients.layers.values()], axis=-1)}


def _only(study: Study) -> Configuration:
    return next(iter(study.configurations.values()))


def _generators(job: Job, trained: Configuration, ages: tuple[int, ...], placement: Placement) -> Generator:
    study = job.study
    with (
        progress_bar("generators", ages[-1], shown=job.progress) as bar,
        compilation.in_precision(study.config.precision),
    ):
        return generators_of_ages(
            trained.algorithm,
            study.source.sample,
            study.keys,
            ages,
            on_chunk=lambda chunk: _advance(bar, chunk),
            placement=placement,
        )


def _rule(study: Study, d_loss: Loss, strength: DiscriminatorStrength) -> Rule:
    trained, networks = _only(study), study.networks
    sizes = trained.batch_sizes
    if strength.noise and sizes.real != sizes.fake:
        raise OptionError("d_strength", f"noise flips labels in pairs, and needs as many real ({sizes.real}) as "
                          f"generated examples ({sizes.fake})")  # fmt: skip
    labels = flipped_labels(strength.noise) if strength.noise else None
    pair = networks.generator, networks.discriminator_of(strength.width)
    game = adversarial_game(*pair, normal_prior(study.config.latent_dim), d_loss, logit_transform=labels)
    lr, b1 = (_adam(study, trained, name) for name in ("lr_d", "b1"))
    threshold = 0.0 if is_probability(d_loss) else None
    tx = optax.adam(lr * strength.lr, b1=b1)
    return Rule(discriminator_only(game, tx, batch_size=sizes, d_steps=strength.k, threshold=threshold), game, lr)


def _adam(study: Study, trained: Configuration, name: str) -> float:
    """Return an Adam setting for a discriminator from scratch: that of `gan`, if trained, or the data's default."""
    value = trained.settings.get(name) if trained.recipe == "gan" else None
    defaults = gan_defaults(study.config.data, len(study.source.shape) == 1)
    return float(defaults[name] if not isinstance(value, int | float) else value)


def _against(
    job: Job,
    name: str,
    rule: Rule,
    generators: Generator,
    losses: Mapping[str, Loss],
    profile: ProfileConfig,
    minibatches: int,
    batch: int,
    ages: int,
) -> FrozenGeneratorResult:
    study = job.study
    title = "discriminators" if name == "base" else f"discriminators, {name}"
    bar = progress_bar(title, profile.d_iterations, shown=job.progress)
    with bar, compilation.in_precision(study.config.precision):
        return against_discriminators(
            rule.algorithm,
            study.source.sample,
            study.keys,
            generators,
            losses,
            profile.d_iterations,
            probes=profile.probes,
            minibatches=minibatches,
            batch_size=batch,
            saturated=profile.threshold,
            on_chunk=lambda chunk: _advance(bar, chunk),
            on_compile=lambda seconds: bar.set_postfix_str(f"compiled in {seconds:.0f} s"),
            placement=place(ages * study.config.seeds),
        )


def _advance(bar: Any, chunk: Chunk) -> None:
    bar.update(chunk.length)


def _dims(group: str, name: str) -> tuple[str, ...]:
    if group == "discriminator":
        return (*_RUN, "step")
    return (*_RUN, "probe_step", "loss") if name.startswith("image") else gradient_dims(name, _RUN)


def _arrays(found: FrozenGeneratorResult) -> dict[tuple[str, str], NDArray]:
    """Return arrays [age, seed, step, ...] by group and name; the discriminator's metrics are for every step."""
    own = found.info
    arrays = {("gradient", name): values for name, values in gradient_arrays(found.gradients).items()}
    reported = {
        "d_loss": own.loss,
        "accuracy": own.accuracy,
        "value": own.value,
        "mean_real_logit": own.real_logit,
        "mean_fake_logit": own.fake_logit,
    }
    arrays |= {("discriminator", name): np.asarray(values) for name, values in reported.items()}
    if found.images is not None:
        images = {"norm": found.images.norm, "spread": found.images.spread, "norms": found.images.norms}
        arrays |= {("gradient", f"image_{name}"): np.asarray(values) for name, values in images.items()}
    return jax.device_get(arrays)
