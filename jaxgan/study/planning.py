"""Plan a study before it has a folder: its data, its evaluator, and what is measured during training."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import jax
from numpy.typing import NDArray

from jaxgan.compiler import jit_once
from jaxgan.data.in_memory import unseen
from jaxgan.data.source import Source
from jaxgan.diagnostics.discrimination import Scores, discrimination_from, score_probe
from jaxgan.dynamics import best_generator, current_generator
from jaxgan.evaluation import Evaluator, evaluate, evaluation_probe, evaluator_for, with_untrained
from jaxgan.random import named_key
from jaxgan.runs.placement import Placement, place
from jaxgan.runs.run import AnyProbe, start, start_runs, with_algorithm
from jaxgan.study import catalogue
from jaxgan.study.block import Block
from jaxgan.study.blocks import blocks_for
from jaxgan.study.build import Program, Study, build, labels_of
from jaxgan.study.claims import check_claims
from jaxgan.study.compared import features_along
from jaxgan.study.config import Config, black_and_white
from jaxgan.study.configurations import Configuration
from jaxgan.study.diagnosis.evidence import yardsticks_of
from jaxgan.study.diagnosis.judging import judged
from jaxgan.study.job import Log
from jaxgan.study.profiles.strength import DiscriminatorStrength
from jaxgan.study.stop_rules import StopRules, check_rules
from jaxgan.study.watching import Watched, along, by_field, by_leaf, of_any_settings, samples_along, watch
from jaxgan.types import Algorithm, Batch, BatchSizes, Generator

Others = Callable[[Program], Mapping[str, Watched]]
"""What else is watched along the training of a program's runs, by the name of its group."""


class Plan(NamedTuple):
    """A run that has no folder yet."""

    study: Study
    blocks: tuple[Block, ...]
    placement: Placement
    evaluator: Evaluator
    others: Others
    rules: StopRules


def place_of(placement: Placement, block: Block) -> Placement:
    """Return the devices on which a block is trained, of those of its study."""
    devices = placement.mesh.devices.ravel().tolist()
    return place(block.runs, devices=devices, in_turn=placement.in_turn)


def own_probes(study: Study) -> Others:
    """Return the user's probes: (key, algorithm, state) -> any pytree of arrays."""
    found = {catalogue.slug(name): catalogue.find_probe(name) for name in study.config.probe}

    def others(program: Program) -> dict[str, Watched]:
        algorithm = study.configurations[program.labels[0]].algorithm
        bound = {n: p if program.make else with_algorithm(p, algorithm) for n, p in found.items()}
        return {name: Watched(probe, by_leaf) for name, probe in bound.items()}

    return others


def watched_of(plan: Plan, program: Program) -> Watched:
    """Return the evaluator and other probes; for an averaged generator, also a probe of the trained one."""
    evaluator, algorithm = plan.evaluator, plan.study.configurations[program.labels[0]].algorithm
    others = discrimination_of(plan.study, program) | dict(plan.others(program))

    def probe(**which: Any) -> AnyProbe:
        latents = common_latents(plan.study.config)
        found = evaluation_probe(evaluator, algorithm.game, samples_along(evaluator), latents=latents, **which)
        return found if program.make is None else of_any_settings(found)

    begin = partial(start, algorithm, plan.study.source.sample)
    if jax.eval_shape(begin, plan.study.keys[0]).average is not None:
        others = {"live": Watched(probe(generator=current_generator), along(evaluator)), **others}
    return watch(probe(), along(evaluator), others)


def discrimination_of(study: Study, program: Program) -> dict[str, Watched]:
    """Return the probe of `Discrimination` if the game supports it.

    Of scores, what depends on the loss is computed after the probe, so that all losses share its program.
    """
    configuration, source = study.configurations[program.labels[0]], study.source
    game = configuration.algorithm.game
    if game.discriminate is None:
        return {}
    probe = score_probe(game, source.sample, unseen(source), batch_size=batch_of(configuration, study))
    of_runs = jax.jit(jax.vmap(partial(discrimination_from, game.loss)))

    def finish(scores: Scores) -> dict[str, NDArray]:
        return by_field(of_runs(scores))

    return {"discrimination": Watched(probe if program.make is None else of_any_settings(probe), finish)}


def batch_of(configuration: Configuration, study: Study) -> int | BatchSizes:
    """Return the batch sizes of training; of a recipe without a setting for them, the batch with which it starts."""
    if "batch_size" in configuration.arguments:
        return configuration.batch_sizes
    drawn: list[int] = []

    def sample(key: jax.Array, n: int) -> Batch:
        drawn.append(n)
        return study.source.sample(key, n)

    jax.eval_shape(partial(start, configuration.algorithm, sample), study.keys[0])
    return drawn[0] if drawn else configuration.batch_sizes


def study_for(config: Config, strengths: tuple[DiscriminatorStrength, ...] = ()) -> Study:
    """Build the study of a configuration with its data.

    Raises:
      OptionError, DataError: if something does not fit, with a one-line message.
    """
    return build(config, source_of(config), strengths)


def source_of(config: Config) -> Source:
    """Return the data set of a configuration.

    Raises:
      OptionError, DataError: if there is no such data set, or it is damaged.
    """
    return catalogue.find_data(
        config.data,
        image_size=config.image_size,
        split_seed=config.split_seed,
        labels=config.conditional,
        value_range=black_and_white(config),
        background=config.background,
    )


def plan_for(study: Study, others: Others, placement: Placement, log: Log) -> Plan:
    """Return the plan of a study with its evaluator, which may require training a classifier."""
    config = study.config
    check_rules(config.stop)
    features = features_along(config, study.source, log)
    evaluator = evaluator_for(study.source, config.samples, split_seed=config.split_seed, features=features, report=log)
    for line in study.source.notes:
        log(line)
    metrics = [metric.name for metric in evaluator.metrics]
    rules = StopRules(config.stop, metrics)
    check_claims(config.planned, labels_of(study), metrics)
    evaluator = with_untrained(evaluator, _untrained(study, evaluator))
    yardsticks = yardsticks_of(*judged(config.failure_multiple, evaluator), samples_along(evaluator))
    rules = rules.told_by(yardsticks, config.steps)
    return Plan(study, blocks_for(study), placement, evaluator, others, rules)


def _untrained(study: Study, evaluator: Evaluator) -> dict[str, NDArray]:
    algorithm: Algorithm = next(iter(study.configurations.values())).algorithm
    begin = jit_once(partial(start_runs, algorithm, study.source.sample))
    generator: Generator = best_generator(begin(study.keys))
    return evaluate(evaluator, algorithm.game, generator, evaluation_keys(study.config, study.keys))


def evaluation_keys(config: Config, keys: jax.Array) -> jax.Array:
    """Return the evaluation key of each run: derived from its own key, or the same for all if latents are common."""
    common = common_latents(config)
    if common is not None:
        return jax.numpy.broadcast_to(common, keys.shape)
    return jax.vmap(partial(named_key, name="evaluation"))(keys)


def common_latents(config: Config) -> jax.Array | None:
    """Return the common random key of the samples of all runs, or None if each has its own."""
    return named_key(jax.random.key(config.key), "evaluation") if config.common_latents else None
