"""Balance of skill: a rule around any rule, which holds back the player that is ahead."""

import numbers
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax.numpy as jnp
from jaxtyping import Float

from jaxgan.checks import check_coefficient
from jaxgan.dynamics.moves import Gated
from jaxgan.losses.parts import accuracy_of
from jaxgan.types import Algorithm, Array, Key, Players, Sampler, Scalar, State

Strength = Callable[[Players], Scalar]
"""The report of a step, a `Move` of each player -> a number that is high where the discriminator is too strong."""


class Balance(NamedTuple):
    """The optimizer states of a rule under `balanced`, and what it goes by: a probe finds it in `State.opt_state`."""

    inner: Players
    level: Float[Array, "*runs"]  # the running mean that the next step is decided by
    held: Players  # of whole numbers: in how many steps each player was held back


def balanced(
    algorithm: Algorithm,
    target: float,
    *,
    floor: float = 0.0,
    decay: float = 0.0,
    threshold: float | None = 0.0,
    measure: Strength | None = None,
) -> Algorithm:
    """`algorithm`, with the discriminator held back while its accuracy is above `target`.

        a <- decay a + (1 - decay) accuracy of the step's last real and fake batch, before D's update on them
        D is held back in the next step where a > target, and G where a < floor; neither where both are kept

    The accuracy is that of fresh batches at no cost, of any rule that reports a `Move` of each player, with one or
    with `d_steps` updates of D, all of which are held back together. A player that is held back is, for that step, as
    if it had no update: its parameters, its optimizer's state and its model state (batch statistics, augmentation) are
    kept, the other player sees it as it is, and its update's norm is 0 in `Info`. An update that is held back costs as
    much as any other. A step of which the generator is held back (`floor`, off by default) adds an update of D.

    It goes directly around a rule, one of this package or made of `jg.dynamics.update_player`:
    `lookahead(balanced(...))`, and `averaged` on either side. `target`, `floor` and
    `decay` can be swept, and under `vmap` every run decides by itself. A run in which nothing is ever held back has
    the numbers of `algorithm`.

    Source: Wu et al. 2016, Learning a Probabilistic Latent Space of Object Shapes via 3D-GAN, section 3.3, who update D
    only where its accuracy in the last batch is at most 80 %: a target of 0.8, and a decay of 0.

    Args:
      algorithm: the rule.
      target: the accuracy, from 1/2 (coin flips) to 1, above which the discriminator waits; 1: it never does.
      floor: the accuracy below which the generator waits.
      decay: of the running mean, which starts at 1/2; 0: the last step alone counts.
      threshold: the logit above which an example counts as real; None: midway between the mean logits, for a critic
        whose score has no such point.
      measure: what to go by in place of the accuracy: report -> a number, high where D is too strong; `target` and
        `floor` are in its units, and it starts between them (at 1/2 where that is between).

    Raises:
      ValueError: a target or a floor that is not finite, or, of accuracies, outside [0, 1]; a floor above the target,
        or a decay outside [0, 1) (each checked only when it is a Python number); at its start, optimizer states that
        are not those of two players.

    Example:
      >>> import jax, jaxgan as jg
      >>> networks = jg.nn.MLPGenerator(2, (16,)), jg.nn.MLPDiscriminator((16,))
      >>> algorithm = jg.balanced(jg.recipes.minimax_gan(*networks, jg.normal_prior(8), lr_d=1e-2), 0.7)
      >>> state = jg.run(algorithm, jg.data.ring().sample, jax.random.key(0), num_steps=40).state
      >>> int(state.opt_state.held.discriminator) > 0, int(state.opt_state.held.generator)
      (True, 0)
    """
    _check(target, floor, decay, of_accuracy=measure is None)
    measured = partial(_accuracy, threshold) if measure is None else measure

    def init(key: Key, sample: Sampler) -> State:
        state = algorithm.init(key, sample)
        if not isinstance(state.opt_state, Players):
            kind = type(state.opt_state).__name__
            raise ValueError(f"balanced must go around a rule whose optimizer states are `Players`, got {kind}")
        start = jnp.clip(jnp.float32(0.5), floor, target)
        return state._replace(opt_state=Balance(state.opt_state, start, Players(jnp.int32(0), jnp.int32(0))))

    def update(key: Key, state: State, sample: Sampler) -> tuple[State, Any]:
        before: Balance = state.opt_state
        held = Players(generator=before.level < floor, discriminator=before.level > target)
        gated = Players(*(Gated(own, ~waits) for own, waits in zip(before.inner, held, strict=True)))
        state, report = algorithm.update(key, state._replace(opt_state=gated), sample)
        level = decay * before.level + (1 - decay) * measured(report)
        after = Balance(
            Players(*(own.inner for own in state.opt_state)),
            level.astype(before.level.dtype),
            Players(*(count + waits for count, waits in zip(before.held, held, strict=True))),
        )
        return state._replace(opt_state=after), report

    return algorithm._replace(init=init, update=update)


def _accuracy(threshold: float | None, report: Players) -> Scalar:
    evaluation = report.discriminator.evaluation
    return accuracy_of(evaluation.real_logits, evaluation.fake_logits, threshold)


def _check(target: Any, floor: Any, decay: Any, *, of_accuracy: bool) -> None:
    bounds: dict[str, Any] = {"lowest": 0.0, "highest": 1.0} if of_accuracy else {"lowest": None}
    check_coefficient("target", target, **bounds)
    check_coefficient("floor", floor, **bounds)
    check_coefficient("decay", decay, below=1.0)
    if isinstance(target, numbers.Real) and isinstance(floor, numbers.Real) and floor > target:
        raise ValueError(f"floor must be at most target, got {floor} above {target}")
