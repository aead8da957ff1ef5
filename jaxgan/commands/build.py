"""A configuration turned into functions, with everything checked that can be before compiling."""

from typing import Any, NamedTuple

import jax
import optax

from jaxgan.commands import catalog
from jaxgan.commands.config import Config, OptionError
from jaxgan.data.source import Source
from jaxgan.dynamics import alternating, averaged
from jaxgan.game import adversarial_game, normal_prior
from jaxgan.train import seed_keys, start
from jaxgan.types import Algorithm, BatchSizes, Loss


class Study(NamedTuple):
    """A configuration turned into functions."""

    config: Config
    source: Source
    description: dict[str, Any]  # of the generator
    losses: dict[str, Loss]  # by short name
    algorithms: dict[str, Algorithm]  # likewise
    keys: jax.Array  # one per seed


def build(config: Config) -> Study:
    """Names into functions, with everything checked that can be before compiling.

    Raises:
      OptionError: a name, a shape or a size that does not fit.
    """
    losses = {catalog.slug(name): catalog.find_loss(name) for name in config.loss}
    if len(losses) < len(config.loss):
        raise OptionError("loss", f"got two losses of one name: {', '.join(config.loss)}")
    source = catalog.find_data(config.data, image_size=config.image_size, split_seed=config.split_seed)
    description = catalog.describe_generator(source, config)
    for name in ("batch_size", "generator_batch_size"):  # a generator's step draws as many real images
        size = getattr(config, name)
        if source.size is not None and size > source.size:
            allowed = f"at most its {source.size} training examples"
            raise OptionError(name, f"got {size}, more than {source.name} has, expected {allowed}")
    algorithms = {short: _algorithm(config, description, loss) for short, loss in losses.items()}
    keys = seed_keys(jax.random.key(config.key), config.seeds)
    study = Study(config, source, description, losses, algorithms, keys)
    for short, algorithm in algorithms.items():
        _try(short, study, algorithm)
    return study


def _algorithm(config: Config, description: dict[str, Any], loss: Loss) -> Algorithm:
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
