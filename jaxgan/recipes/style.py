"""StyleGAN2's way to train: lazy penalties on the slopes of both players."""

from typing import Any

from jaxgan import losses, terms
from jaxgan.checks import check_coefficient, check_count
from jaxgan.dynamics import alternating, averaged, half_life_decay
from jaxgan.dynamics.moves import batch_sizes
from jaxgan.game import adversarial_game
from jaxgan.recipes.common import MakeGame, Rate, Size, adam, refusing_batch_norm, without_batch_norm
from jaxgan.types import Algorithm, Prior


def stylegan2(
    generator: Any,
    discriminator: Any,
    prior: Prior,
    *,
    lr_g: Rate = 2e-3,
    lr_d: Rate = 2e-3,
    b1: float = 0.0,
    b2: float = 0.99,
    gamma: terms.Coefficient = 10.0,
    r1_every: int = 16,
    path_weight: terms.Coefficient = 2.0,
    path_decay: float = 0.99,
    path_every: int = 4,
    path_shrink: int = 2,
    half_life: float = 10_000.0,
    ema: float | None = None,
    batch_size: Size = 32,
    make_game: MakeGame = adversarial_game,
) -> Algorithm:
    """The practical loss with lazy penalties: on D's slope on the data, on G's for changing from place to place.

    Path lengths are those of w where the generator has `mapping` and `synthesis`, and of z otherwise. Where a penalty
    comes every k-th step, the authors' code has an update of its own for it by the same Adam, k + 1 updates in k steps,
    and makes up for that by c = k / (k + 1), with rates c lr and decays b^c: 4/5 in G, 16/17 in D. Here the penalty
    joins the loss of its step, one update in all, with the same c: the loss itself moves a player as far as there.

    The average of G is that of `averaged`, quicker at the start of a run. `r1_gamma` is the heuristic for gamma of the
    authors' later code.

    Loss:    non_saturating
    Terms:   D: every(16, r1(10)), gamma/2 E|grad D|^2; G: every(4, path_length(2)) on half a batch; no batch norm in D
    Updates: alternating, 1 to 1; Adam 2e-3, 0, 0.99, corrected for laziness; average of G with half-life 10,000 images
    Paper:   Karras et al. 2020, Analyzing and Improving the Image Quality of StyleGAN

    Args:
      gamma: weight of the penalty on D's slope, or a schedule of the step.
      r1_every: steps from one evaluation of it to the next.
      path_weight: weight of the path length term, or a schedule of the step.
      path_decay: of the moving average of path lengths.
      path_every: steps from one evaluation of the term to the next; 0: without it.
      path_shrink: it sees the first of so many parts of a batch.
      half_life: images after which a generator has half its weight in the moving average to sample from.
      ema: decay of that average, in place of what follows from half_life; None: as it does.

    Raises:
      ValueError: at its start, a discriminator with batch normalization and no field `batch_norm` to turn off.

    Example:
      >>> import jaxgan as jg
      >>> networks = jg.nn.StyleGAN2Generator(16, 3, width=4), jg.nn.StyleGAN2Discriminator(width=4)
      >>> algorithm = jg.recipes.stylegan2(*networks, jg.normal_prior(32), gamma=jg.recipes.r1_gamma(16, 32))
    """
    penalty = terms.every(r1_every, terms.r1(gamma))
    check_count("path_every", path_every, 0)
    paths = terms.path_length(path_weight, path_decay, path_shrink)
    g_terms = (terms.every(path_every, paths),) if path_every else ()
    critic = without_batch_norm(discriminator)
    game = make_game(generator, critic, prior, losses.non_saturating, d_terms=(penalty,), g_terms=g_terms)
    g_tx, d_tx = _lazy_adam(lr_g, b1, b2, path_every), _lazy_adam(lr_d, b1, b2, r1_every)
    algorithm = alternating(game, g_tx, d_tx, batch_size=batch_size)
    decay = half_life_decay(half_life, batch_sizes(batch_size).generator) if ema is None else ema
    return refusing_batch_norm(averaged(algorithm, decay), "stylegan2")


def r1_gamma(size: int, batch_size: int = 32) -> float:
    """0.0002 size^2 / batch_size: a first guess of R1's gamma for square images of `size` pixels a side.

    Source: the automatic configuration of stylegan2-ada-pytorch (Karras et al. 2020, Training Generative Adversarial
    Networks with Limited Data).

    Raises:
      ValueError: a size or a batch size below 1.

    Example:
      >>> round(r1_gamma(1024), 3), round(r1_gamma(32, 64), 5)
      (6.554, 0.0032)
    """
    check_count("size", size)
    check_count("batch_size", batch_size)
    return 0.0002 * size**2 / batch_size


def _lazy_adam(lr: Rate, b1: float, b2: float, k: int) -> Any:
    """Adam with its rate times c and its decays to the power of c = k / (k + 1); as it is without a lazy term."""
    check_coefficient("b1", b1, below=1.0)
    check_coefficient("b2", b2, below=1.0)
    c = k / (k + 1) if k > 1 else 1.0
    return adam((lambda count: c * lr(count)) if callable(lr) else c * lr, b1**c, b2**c)
