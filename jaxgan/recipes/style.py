"""StyleGAN2 training: lazy gradient regularization of both players."""

from typing import Any

from jaxgan import losses, terms
from jaxgan.checks import check_coefficient, check_count
from jaxgan.dynamics import alternating, half_life_decay
from jaxgan.dynamics.moves import batch_sizes
from jaxgan.game import adversarial_game
from jaxgan.recipes.common import MakeGame, Rate, Size, adam, refusing_batch_norm, with_ema, without_batch_norm
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
    gamma: terms.Coefficient | str = 10.0,
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
    """Non-saturating loss with lazy regularization: R1 on the discriminator, path length penalty on the generator.

    Path lengths are measured with respect to w if the generator has `mapping` and `synthesis`, and with respect to z
    otherwise. For a penalty evaluated every k-th step, the authors' code makes a separate update with the same Adam
    optimizer, k + 1 updates in k steps, and compensates with c = k / (k + 1): learning rates c lr and decays b^c, where
    c is 4/5 for G and 16/17 for D. Here the penalty is added to the loss of its step, which makes one update, with the
    same c, so the loss itself moves a player as far as in the authors' code.

    The moving average of G is that of `averaged`, which adapts faster at the start of a run. `r1_gamma` is the
    heuristic for gamma from the authors' later code; `--set gamma=auto` on the command line.

    Loss:    non_saturating
    Terms:   D: every(16, r1(10)), gamma/2 E|grad D|^2; G: every(4, path_length(2)) on half a batch; no batch norm in D
    Updates: alternating, 1 to 1; Adam 2e-3, 0, 0.99, corrected for lazy regularization; EMA of G with half-life 10,000
             images
    Paper:   Karras et al. 2020, Analyzing and Improving the Image Quality of StyleGAN

    Args:
      gamma: weight of the R1 penalty, or a schedule of the step; "auto": `r1_gamma` of the generator's `size` and the
        batch size, 0.0064 at 32 pixels in batches of 32.
      r1_every: number of steps between evaluations of the R1 penalty.
      path_weight: weight of the path length penalty, or a schedule of the step.
      path_decay: decay of the moving average of path lengths.
      path_every: number of steps between evaluations of the path length penalty; 0: no path length penalty.
      path_shrink: the path length penalty uses only the first n / path_shrink latents of a batch of n.
      half_life: half-life, in images, of a generator's weight in the moving average that is sampled from.
      ema: decay of that average, overriding half_life; None: derived from half_life.

    Raises:
      ValueError: a setting is out of range; when `init` is called, the discriminator has batch normalization and no
        field `batch_norm` to turn off.

    Example:
      >>> import jaxgan as jg
      >>> networks = jg.nn.StyleGAN2Generator(16, 3, width=4), jg.nn.StyleGAN2Discriminator(width=4)
      >>> algorithm = jg.recipes.stylegan2(*networks, jg.normal_prior(32), gamma=jg.recipes.r1_gamma(16, 32))
    """
    check_coefficient("path_weight", path_weight, schedule=True)
    check_coefficient("path_decay", path_decay, highest=1.0)
    check_coefficient("half_life", half_life, schedule=True)
    check_count("r1_every", r1_every)
    check_count("path_every", path_every, 0)
    check_count("path_shrink", path_shrink)
    penalty = terms.every(r1_every, terms.r1(_gamma(gamma, generator, batch_size)))
    paths = terms.path_length(path_weight, path_decay, path_shrink)
    g_terms = (terms.every(path_every, paths),) if path_every else ()
    critic = without_batch_norm(discriminator)
    game = make_game(generator, critic, prior, losses.non_saturating, d_terms=(penalty,), g_terms=g_terms)
    g_tx, d_tx = _lazy_adam("lr_g", lr_g, b1, b2, path_every), _lazy_adam("lr_d", lr_d, b1, b2, r1_every)
    algorithm = alternating(game, g_tx, d_tx, batch_size=batch_size)
    decay = half_life_decay(half_life, batch_sizes(batch_size).generator) if ema is None else ema
    return refusing_batch_norm(with_ema(algorithm, decay), "stylegan2")


def r1_gamma(size: int, batch_size: int = 32) -> float:
    """0.0002 size^2 / batch_size: an initial guess for the gamma of R1, for square images `size` pixels wide.

    Source: the automatic configuration of stylegan2-ada-pytorch (Karras et al. 2020, Training Generative Adversarial
    Networks with Limited Data).

    Raises:
      ValueError: `size` or `batch_size` is below 1.

    Example:
      >>> round(r1_gamma(1024), 3), round(r1_gamma(32, 64), 5)
      (6.554, 0.0032)
    """
    check_count("size", size)
    check_count("batch_size", batch_size)
    return 0.0002 * size**2 / batch_size


def _gamma(gamma: terms.Coefficient | str, generator: Any, batch_size: Size) -> terms.Coefficient:
    """The weight of R1, by the heuristic if it is "auto".

    Raises:
      ValueError: another text, or the generator has no size.
    """
    if not isinstance(gamma, str):
        return gamma
    if gamma != "auto":
        raise ValueError(f"gamma must be a number, a schedule or 'auto', got {gamma!r}")
    size = getattr(generator, "size", None)
    if size is None:
        raise ValueError(f"gamma='auto' needs a generator with a field `size`, got {type(generator).__name__}")
    return r1_gamma(size, batch_sizes(batch_size).real)


def _lazy_adam(name: str, lr: Rate, b1: float, b2: float, k: int) -> Any:
    """Adam with learning rate c lr and decays b^c, c = k / (k + 1), or unchanged (c = 1) without a lazy term."""
    check_coefficient(name, lr, schedule=True)
    check_coefficient("b1", b1, below=1.0)
    check_coefficient("b2", b2, below=1.0)
    c = k / (k + 1) if k > 1 else 1.0
    return adam((lambda count: c * lr(count)) if callable(lr) else c * lr, b1**c, b2**c, name=name)
