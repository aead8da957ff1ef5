"""Balanced training: a wrapper around any update rule that holds back the stronger player."""

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
"""The report of a step, a `Move` of each player -> a number that is high when the discriminator is too strong."""


class Balance(NamedTuple):
    """The optimizer states of a rule under `balanced`, and its own state: a probe finds it in `State.opt_state`."""

    inner: Players
    level: Float[Array, "*runs"]  # the running mean that decides the next step
    held: Players  # of integers: in how many steps each player was held back


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

        a <- decay a + (1 - decay) accuracy on the step's last real and fake batch, before D's update on them
        D is held back in the next step if a > target, G if a < floor; otherwise neither is

    The accuracy is measured on fresh batches at no extra cost. This works for any rule that reports a `Move` of each
    player, with one or with `d_steps` updates of D, all of which are held back together. For a step in which a player
    is held back, its parameters, optimizer state and model state (batch statistics, augmentation) do not change, the
    other player sees it unchanged, and the norm of its update is 0 in `Info`. A skipped update costs as much as any
    other. In a step in which the generator is held back (`floor`, off by default), D is updated alone.

    It must directly wrap a rule, either one of this package or one composed of `jg.dynamics.update_player`:
    `lookahead(balanced(...))`, with `averaged` on either side. `target`, `floor` and
    `decay` can be swept, and under `vmap` each run decides independently. A run in which nothing is ever held back
    gives exactly the numbers of `algorithm`.

    Source: Wu et al. 2016, Learning a Probabilistic Latent Space of Object Shapes via 3D-GAN, section 3.3, who update D
    only if its accuracy on the last batch is at most 80 %: a target of 0.8, and a decay of 0.

    Args:
      algorithm: the update rule.
      target: the accuracy, from 1/2 (chance) to 1, above which the discriminator is held back; 1: never.
      floor: the accuracy below which the generator is held back.
      decay: decay of the running mean, which starts at 1/2; 0: only the last step counts.
      threshold: the logit above which an example counts as real; None: midway between the mean logits, for critics
        whose scores have no natural threshold.
      measure: replaces the accuracy: report -> a number that is high when D is too strong. `target` and `floor` are
        then in its units, and its running mean starts at 1/2, clipped to [floor, target].

    Raises:
      ValueError: target or floor is not finite or, for accuracies, outside [0, 1]; floor is above target, or decay is
        outside [0, 1) (each checked only if it is a Python number); when `init` is called, the optimizer states are not
        those of two players.

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
