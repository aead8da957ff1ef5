"""The types and signatures that everything else is written against: NamedTuples and Protocols, with almost no code.

A new method is a function with one of four shapes: a `Loss`, a `Term`, a `Game` or an `Algorithm`.
"""

import textwrap
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
from jaxtyping import Float, Int, Shaped

Array = jax.Array
Key = jax.Array
PyTree = Any

RealLogits = Float[Array, "*real"]
FakeLogits = Float[Array, "*fake"]
"""The discriminator's outputs on a real and on a fake batch, which may differ in size; also the values of a loss."""

Scalar = Float[Array, ""]
Step = Int[Array, ""]
"""The number of steps before this one."""

Images = Float[Array, "n h w c"]
"""Images, with values in [-1, 1]."""

Prior = Callable[[Key, int], Float[Array, "n ..."]]
"""(key, n) -> n latents, the batch axis first."""

ConditionPrior = Callable[[Key, int], PyTree]
"""(key, n) -> the conditions y of n generated examples."""


class Batch(NamedTuple):
    """Examples `x` and their condition `y` (any pytree with the same leading axis; None: unconditional).

    Example:
      >>> x, y = Batch(jnp.zeros((4, 8, 8, 1)), jnp.array([0, 1, 2, 3]))  # four images and their classes
    """

    x: Shaped[Array, "n ..."]
    y: PyTree = None


class Sampler(Protocol):
    """(key, n) -> a Batch of n examples. In-memory data enters as arguments of a `jax.tree_util.Partial`."""

    def __call__(self, key: Key, n: int, /) -> Batch: ...


class Players(NamedTuple):
    """One value per player: parameters, model states, optimizer states or learning rates."""

    generator: Any
    discriminator: Any


class BatchSizes(NamedTuple):
    """The numbers of examples that a step draws: real and fake for the discriminator, fake for the generator.

    An update rule takes it as `batch_size`, in place of one number for all three; each is at least 1.

    Example:
      >>> import optax, jaxgan as jg
      >>> sizes = BatchSizes(real=64, fake=128, generator=256)
      >>> game = jg.adversarial_game(
      ...     jg.nn.MLPGenerator(2), jg.nn.MLPDiscriminator(), jg.normal_prior(2), jg.non_saturating)
      >>> algorithm = jg.alternating(game, optax.adam(1e-3), optax.adam(1e-3), batch_size=sizes)
    """

    real: int
    fake: int
    generator: int


class LossInfo(NamedTuple):
    """A description of a loss in words: E is the mean over a batch, "real" and "fake" are logits."""

    name: str
    summary: str
    discriminator: str  # what it minimizes
    generator: str
    derivative: str = ""  # of the generator's loss with respect to a fake logit
    optimum: str = ""  # the optimal discriminator
    saturates: str = ""  # where a player receives almost no gradient
    source: str = ""

    def text(self) -> str:
        """A docstring: the summary, and a line for each other field that is not empty.

        Example:
          >>> print(LossInfo("linear", "A linear loss.", "-E[real] + E[fake]", "-E[fake]", derivative="-1").text())
          A linear loss.
          <BLANKLINE>
          Discriminator: -E[real] + E[fake]
          Generator:     -E[fake]
          Derivative:    of the generator's loss with respect to a fake logit: -1
        """
        facts = self._asdict() | {
            "derivative": f"of the generator's loss with respect to a fake logit: {self.derivative}"
        }
        given = [field for field in self._fields[2:] if getattr(self, field)]
        lines = [textwrap.fill(self.summary, 100), ""]
        for field in given:
            label = f"{field.capitalize()}:".ljust(15)
            lines += [textwrap.fill(facts[field], 100, initial_indent=label, subsequent_indent=" " * 15)]
        return "\n".join(lines)


class _LossFunctions(NamedTuple):
    discriminator: Callable[[Array, Array], Array | tuple[Array, ...]]
    generator: Callable[[Array, Array], Array | tuple[Array, ...]]


class Loss(_LossFunctions):
    """What each player minimizes, as functions of the discriminator's logits: `Loss(discriminator, generator)`.

    Each takes (real_logits, fake_logits) and returns an array of per-example values, or a tuple of such
    arrays (for example, the real term and the fake term). The game takes the mean of each array and adds the means.

    It is a named tuple of the two functions: two losses are equal if their functions are, regardless of `info`. `info`
    documents the loss, as in `help(jaxgan.hinge)`.

    Example:
      >>> mine = Loss(lambda real, fake: (-real, fake), lambda real, fake: -fake)
      >>> d_loss, g_loss = mine
      >>> d_loss(1.0, 2.0)
      (-1.0, 2.0)
    """

    info: LossInfo | None = None

    def __new__(
        cls,
        discriminator: Callable[[Array, Array], Array | tuple[Array, ...]],
        generator: Callable[[Array, Array], Array | tuple[Array, ...]],
        info: LossInfo | None = None,
    ) -> "Loss":
        loss = super().__new__(cls, discriminator, generator)
        if info is not None:
            # `help` and other tools read these attributes of objects that are neither classes nor functions.
            vars(loss).update(info=info, __name__=info.name, __doc__=info.text())
        return loss

    def __repr__(self) -> str:
        names = (getattr(part, "__qualname__", repr(part)) for part in self)
        return f"Loss({', '.join(names)})" if self.info is None else f"<Loss {self.info.name}>"


class View(NamedTuple):
    """What one player sees in one evaluation of its objective: the argument of a `Term`.

    `critic(x) -> logits`, `features(x)` and `generate(z) -> x` are closed over parameters, model state, condition and
    augmentation, so the same term works for conditional, patch, packed and augmented games. Conditions are those of the
    real batch, except in `generate` and `fake_critic`, which use those of the fakes.
    """

    critic: Callable[[Array], Array]  # in one term, all calls use the same randomness: same augmentation, same dropout
    features: Callable[[Array], Array]  # what the discriminator sows, or returns, as "features"
    generate: Callable[[Array], Array]
    params: PyTree  # of the player whose objective this is
    real: Shaped[Array, "n_real ..."]
    fake: Float[Array, "n_fake ..."]
    real_logits: RealLogits  # of this evaluation: a term of logits need not run a network again
    fake_logits: FakeLogits
    z: Float[Array, "n_fake ..."]
    y: PyTree
    key: Key  # each term has its own
    step: Step
    outputs: Callable[[Array], PyTree]  # everything that the discriminator returns; `critic` returns only the logits
    real_outputs: PyTree  # of this evaluation
    fake_outputs: PyTree
    y_fake: PyTree  # the conditions of the fakes
    fake_critic: Callable[[Array], Array]  # `critic` with the conditions of the fakes
    # The two halves of a generator that has both methods, like StyleGAN2's: z -> w, and w -> x.
    mapping: Callable[[Array], Array] | None = None
    synthesis: Callable[[Array], Array] | None = None


class StatefulTerm(NamedTuple):
    """A term with a state, such as a moving average: init() -> state, apply(view, state) -> (values, state).

    The state is any pytree of arrays. It is part of the player's model state, so each seed has its own, and it is saved
    and restored with the rest. No gradient flows through it. The values are [n], as those of any other term.

    Example:
      >>> def apply(view, average):  # penalizes logits that leave the average of their batches
      ...     average = 0.9 * average + 0.1 * view.real_logits.mean()
      ...     return (view.real_logits - average) ** 2, average
      >>> term = StatefulTerm(lambda: jnp.zeros(()), apply)
    """

    init: Callable[[], PyTree]
    apply: Callable[[View, PyTree], tuple[Array, PyTree]]


Term = Callable[[View], Array] | StatefulTerm
"""A penalty or regularizer: per-example values that the game averages and adds to a player's loss."""


Transform = Callable[[Key, Float[Array, "*x"]], Float[Array, "*x"]]
"""(key, x) -> x: a random and differentiable change of examples [n, ...]."""


class Augmentation(NamedTuple):
    """A transform of everything that the discriminator sees, real and fake, which may depend on the step and a state.

    init:   () -> state, a pytree of arrays; () for no state
    apply:  (key, x, step, state) -> x
    update: (view, state) -> state, after every update of the discriminator
    """

    init: Callable[[], PyTree]
    apply: Callable[[Key, Float[Array, "*x"], Step, PyTree], Float[Array, "*x"]]
    update: Callable[[View, PyTree], PyTree]


class LogitTransform(Protocol):
    """(key, real_logits, fake_logits) -> the logits that the discriminator's loss uses as real and as fake."""

    def __call__(
        self, key: Key, real_logits: RealLogits, fake_logits: FakeLogits, /
    ) -> tuple[RealLogits, FakeLogits]: ...


class PlayerGradient(NamedTuple):
    """A player's evaluation at a point: its loss, the `Evaluation`, and the gradient with respect to its parameters."""

    loss: Scalar
    evaluation: "Evaluation"
    gradient: PyTree


Field = Callable[..., tuple[Players, Players]]
"""(key, params, model_state, batch, num_fake, step) -> (a direction for each player, `PlayerGradient` of each)."""


class Evaluation(NamedTuple):
    """What an evaluation of an objective returns besides its value."""

    parts: tuple[Scalar, ...]  # the mean of each array that the loss function returned
    model_state: PyTree  # the player's own, after its passes
    real_logits: RealLogits
    fake_logits: FakeLogits


class Objective(Protocol):
    """The scalar that one player minimizes at the joint point `params`, and its `Evaluation`."""

    def __call__(
        self, key: Key, params: Players, model_state: Players, batch: Batch, num_fake: int, step: Step, /
    ) -> tuple[Scalar, Evaluation]: ...


class Game(NamedTuple):
    """Two objectives, each minimized by its own player, both functions of one joint point.

    init:         (key, batch) -> (params, model_state), each a `Players`
    sample:       (key, params, model_state, n, y=None) -> x, with the *generator's* own params and model state
    loss:         the loss that the players minimize, besides their terms, if the game was made from a `Loss`
    discriminate: (key, params, model_state, x, y=None, train=False) -> (logits, model_state), with the
                  *discriminator's* own: in evaluation mode by default, where each logit depends only on its own
                  example, or in training mode
    generate:     (key, params, model_state, n, y=None, train=False) -> (x, model_state), with the *generator's* own:
                  the same as `sample` by default, or in training mode
    """

    init: Callable[[Key, Batch], tuple[Players, Players]]
    generator: Objective
    discriminator: Objective
    sample: Callable[..., Float[Array, "n ..."]]
    loss: Loss | None = None
    discriminate: Callable[..., tuple[Float[Array, "*logits"], PyTree]] | None = None
    generate: Callable[..., tuple[Float[Array, "n ..."], PyTree]] | None = None

    def __repr__(self) -> str:
        """A short description, without the closures, whose representation would be pages long."""
        return f"Game({'two objectives' if self.loss is None else self.loss})"


class Generator(NamedTuple):
    """Everything needed to sample: a generator's parameters and its model state."""

    params: PyTree
    model_state: PyTree


class State(NamedTuple):
    """What training carries from one step to the next."""

    params: Players
    model_state: Players
    opt_state: Any  # `Players`; a wrapper around a rule may keep its own state around them
    average: Generator | None  # the moving average of the generator, if the algorithm keeps one
    step: Int[Array, "*runs"]


class Spread(NamedTuple):
    """The mean over a batch, and the quantiles at `QUANTILES`."""

    mean: Float[Array, "*runs"]
    quantiles: Float[Array, "*runs quantile"]


QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


class Info(NamedTuple):
    """The report of one step: scalars and small arrays that the next step does not need. Axes of runs come first."""

    g_loss: Float[Array, "*runs"]
    d_loss: Float[Array, "*runs"]
    d_parts: tuple[Float[Array, "*runs"], ...]  # the loss's own terms: for cross-entropy the real and the fake term
    value: Float[Array, "*runs"]  # V(D, G) = E log D(x) + E log(1 - D(G(z))); -log 4 at the equilibrium
    d_real: Spread  # D(x) = sigmoid(real logits) in the last discriminator step
    d_fake: Spread  # D(G(z)) in the last discriminator step
    # Mean over real examples in the last discriminator step, also meaningful for a critic, which has no D(x).
    real_logit: Float[Array, "*runs"]
    fake_logit: Float[Array, "*runs"]
    g_grad_norm: Float[Array, "*runs"]  # of the player's own objective, whatever direction the rule then takes
    d_grad_norm: Float[Array, "*runs"]
    g_update_norm: Float[Array, "*runs"]  # of the optimizer's actual update
    d_update_norm: Float[Array, "*runs"]


def as_reported(report: PyTree) -> PyTree:
    """The report of an update, unchanged."""
    return report


def all_numbers(report: PyTree) -> dict[str, Array]:
    """All floating-point arrays of a report, by path."""
    leaves = jax.tree_util.tree_leaves_with_path(report)
    return {jax.tree_util.keystr(path).strip("."): a for path, a in leaves if jnp.issubdtype(a.dtype, jnp.floating)}


class Algorithm(NamedTuple):
    """A game and a rule that updates its players.

    init:    (key, sample) -> State
    update:  (key, state, sample) -> (State, report): one step, and the data that `info` and `watched` need
    info:    report -> `Info`, computed only at recorded steps; rules that update only one player return their own type
    watched: report -> arrays by name; every step is checked, and the first non-finite array is remembered
    """

    init: Callable[[Key, Sampler], State]
    update: Callable[[Key, State, Sampler], tuple[State, Any]]
    game: Game
    info: Callable[[Any], Any] = as_reported
    watched: Callable[[Any], dict[str, Array]] = all_numbers

    def __repr__(self) -> str:
        return f"Algorithm({self.game})"

    def step(self, key: Key, state: State, sample: Sampler) -> tuple[State, Any]:
        """One step and its `Info`."""
        state, report = self.update(key, state, sample)
        return state, self.info(report)
