"""The protocol of frozen generators from options to arrays, under discriminators of every skill."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import optax
from numpy.typing import NDArray
from tqdm import tqdm

from jaxgan.diagnostics.frozen import FrozenGeneratorResult, against_discriminators, directions, generators_of_ages
from jaxgan.diagnostics.profiles import is_probability
from jaxgan.dynamics import discriminator_only
from jaxgan.runs.loop import Chunk
from jaxgan.runs.placement import Placement, place
from jaxgan.study import catalogue, compilation
from jaxgan.study.along_training import gradient_arrays
from jaxgan.study.build import Study, game_of, widened
from jaxgan.study.config import OptionError, counted, defaults
from jaxgan.study.profile_config import Wanted
from jaxgan.study.strength import Skill, skills_from
from jaxgan.study.training import Say
from jaxgan.types import Algorithm, BatchSizes, Game, Generator, Loss


class Rule(NamedTuple):
    """How a discriminator of one skill is trained from scratch."""

    algorithm: Algorithm
    game: Game


def rules_for(study: Study, wanted: Wanted, sizes: BatchSizes) -> dict[str, Rule]:
    """By skill, the base first.

    Raises:
      OptionError: an unknown loss, or a skill that does not fit the batch sizes.
    """
    try:
        d_loss = catalogue.find_loss(wanted.d_loss)
    except OptionError as error:
        raise OptionError("d_loss", str(error).partition(": ")[2]) from error
    return {skill.name: _rule(study, d_loss, skill, sizes) for skill in skills_from(wanted.d_skill)}


def measure_frozen(
    study: Study,
    rules: Mapping[str, Rule],
    losses: Mapping[str, Loss],
    wanted: Wanted,
    ages: tuple[int, ...],
    batch: int,
    placement: Placement,
    *,
    progress: bool,
    say: Say,
) -> tuple[dict[str, NDArray], dict[str, Any]]:
    """frozen.* arrays [skill, age, seed, step, ...], and notes.

    Ctrl-C ends the discriminators under way: skills that have come to their end are reported, or the first as far as it
    got.

    Raises:
      KeyboardInterrupt: it came while the generators were trained.
    """
    algorithm = next(iter(study.algorithms.values()))
    with (
        tqdm(desc="generators", total=ages[-1], unit="step", disable=None if progress else True) as bar,
        compilation.in_precision(study.config),
    ):
        generators = generators_of_ages(
            algorithm,
            study.source.sample,
            study.keys,
            ages,
            on_chunk=lambda chunk: _advance(bar, chunk),
            placement=placement,
        )
    minibatches = wanted.minibatches or 8
    found: dict[str, FrozenGeneratorResult] = {}
    rows: dict[str, NDArray] = {}
    stopped = None
    for name, rule in rules.items():
        one = _against(study, name, rule, generators, losses, wanted, minibatches, batch, len(ages), progress)
        if one.interrupted:
            stopped = int(one.info.loss.shape[2])
            if found:
                break
        found[name] = one
        if len(rules) > 1:
            sample = study.source.sample
            rows[name] = directions(one, rule.game, sample, losses, minibatches=minibatches, batch_size=batch)
        if one.interrupted:
            break
    say(f"{counted(len(ages) * study.config.seeds, 'discriminator')} of {', '.join(found)} done")
    parts = [_arrays(one) for one in found.values()]
    arrays = {f"frozen.{key}": np.stack([part[key] for part in parts]) for key in parts[0]}
    if rows:
        agreement = [np.sum(rows["base"] * each, axis=-1) for each in rows.values()]
        arrays["frozen.agreement"] = np.stack(agreement)
    first = next(iter(found.values()))
    notes = {
        "skills": list(found),
        "stopped": stopped,
        "layers": list(first.gradients.layers),
        "minibatches": minibatches,
        "d_iterations": int(first.info.loss.shape[2]),
        "d_loss": catalogue.slug(wanted.d_loss),
        "d_scores": not is_probability(next(iter(rules.values())).game.loss),
        "lr_d": _rate(study),
    }
    return arrays | {"frozen.steps": first.steps}, notes


def _rule(study: Study, d_loss: Loss, skill: Skill, sizes: BatchSizes) -> Rule:
    description = study.description
    networks = catalogue.build_generator(description), catalogue.build_discriminator(widened(description, skill))
    game = game_of(study.config, networks, d_loss, skill)
    if skill.noise and sizes.real != sizes.fake:
        raise OptionError("d_skill", f"noise flips labels in pairs, and needs as many real ({sizes.real}) as generated "
                          f"examples ({sizes.fake})")  # fmt: skip
    beta1 = study.config.beta1
    tx = optax.adam(_rate(study) * skill.lr, b1=_default(study, "beta1") if beta1 is None else beta1)
    threshold = 0.0 if is_probability(d_loss) else None
    return Rule(discriminator_only(game, tx, batch_size=sizes, d_steps=skill.k, threshold=threshold), game)


def _rate(study: Study) -> float:
    """Of Adam, for a discriminator from scratch: what the options say, or what the data's default is."""
    rate = study.config.lr_d
    return _default(study, "lr_d") if rate is None else rate


def _default(study: Study, name: str) -> float:
    return float(defaults(study.config.data)[name])


def _against(
    study: Study,
    name: str,
    rule: Rule,
    generators: Generator,
    losses: Mapping[str, Loss],
    wanted: Wanted,
    minibatches: int,
    batch: int,
    ages: int,
    progress: bool,
) -> FrozenGeneratorResult:
    title = "discriminators" if name == "base" else f"discriminators, {name}"
    bar = tqdm(desc=title, total=wanted.d_iterations, unit="step", disable=None if progress else True)
    with bar, compilation.in_precision(study.config):
        return against_discriminators(
            rule.algorithm,
            study.source.sample,
            study.keys,
            generators,
            losses,
            wanted.d_iterations,
            probes=wanted.probes,
            minibatches=minibatches,
            batch_size=batch,
            saturated=wanted.threshold,
            on_chunk=lambda chunk: _advance(bar, chunk),
            on_compile=lambda seconds: bar.set_postfix_str(f"compiled in {seconds:.0f} s"),
            placement=place(ages * study.config.seeds),
        )


def _advance(bar: Any, chunk: Chunk) -> None:
    bar.update(chunk.length)


def _arrays(found: FrozenGeneratorResult) -> dict[str, NDArray]:
    """By name, [age, seed, step, ...]; the discriminator's own report is of every step."""
    own = found.info
    arrays: dict[str, Any] = gradient_arrays(found.gradients) | {
        "d_loss": own.loss,
        "accuracy": own.accuracy,
        "value": own.value,
        "mean_real_logit": own.real_logit,
        "mean_fake_logit": own.fake_logit,
    }
    if found.images is not None:
        arrays |= {
            "image_norm": found.images.norm,
            "image_spread": found.images.spread,
            "image_norms": found.images.norms,
        }
    return arrays
