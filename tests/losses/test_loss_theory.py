"""Every loss against mathematics: its optimal discriminator, its divergence, its gradients and its own docstring."""

import functools
import re
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import OptimizeResult, linprog, minimize
from scipy.special import expit, logit, rel_entr
from scipy.stats import wasserstein_distance

import jaxgan.losses as losses
from jaxgan.losses import flipped_labels, hinge, least_squares_loss, minimax, smoothed_labels, wasserstein, zero_sum
from jaxgan.types import Array, Loss

Player = Callable[[Array, Array], Array | tuple[Array, ...]]
Optimum = Callable[[np.ndarray, np.ndarray], np.ndarray]
Divergence = Callable[[Array, Array], Array]

LOSSES = {name: value for name, value in vars(losses).items() if isinstance(value, Loss)}
PAIRED = ("relativistic", "relativistic_minimax")
AVERAGE = ("relativistic_average", "relativistic_average_minimax")
TARGETS = [(-1.0, 1.0, 0.0), (0.0, 2.0, 1.0), (0.3, -0.7, 5.0)]  # a, b and c of least squares
every_loss = pytest.mark.parametrize("name", LOSSES)
both_players = pytest.mark.parametrize("player", Loss._fields)

# Two distributions on six points, equal at one, in twentieths: a sample in which a point is there as often as its
# mass says has exact expectations.
P_COUNTS, Q_COUNTS = np.array([6, 5, 4, 2, 2, 1]), np.array([1, 2, 6, 2, 4, 5])
P, Q = P_COUNTS / 20, Q_COUNTS / 20


def parts_of(function: Player, real: Array, fake: Array) -> tuple[Array, ...]:
    parts = function(real, fake)
    return parts if isinstance(parts, tuple) else (parts,)


def objective(function: Player, real: Array, fake: Array) -> Array:
    """What the game makes of it: the sum of the means."""
    return sum((jnp.mean(part) for part in parts_of(function, real, fake)), start=jnp.zeros(()))


def expected(function: Player, logits: Array, p: np.ndarray = P_COUNTS, q: np.ndarray = Q_COUNTS) -> Array:
    """The expectation over independent real and fake points, which meet in all possible pairs."""
    real, fake = np.repeat(np.arange(len(p)), p), np.repeat(np.arange(len(q)), q)
    return objective(function, logits[np.repeat(real, len(fake))], logits[np.tile(fake, len(real))])


def best_responses(loss: Loss, box: float | None = None) -> list[OptimizeResult]:
    """The discriminator's minima from three starts, over free logits, one per point, or over logits in [-box, box]."""
    value_and_grad = jax.jit(jax.value_and_grad(functools.partial(expected, loss.discriminator)))
    starts = np.random.default_rng(0).uniform(-1, 1, (3, 6)) * (box or 2)

    def function(logits: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = value_and_grad(logits)
        return float(value), np.asarray(gradient)

    if loss is hinge:  # its minimum is a kink in every direction
        options: dict = {"method": "Powell", "options": {"xtol": 1e-10, "ftol": 1e-14}}
        return [minimize(lambda logits: function(logits)[0], start, **options) for start in starts]
    options = {"bounds": 6 * [(-box, box)]} if box else {"method": "BFGS", "options": {"gtol": 1e-10}}
    return [minimize(function, start, jac=True, **options) for start in starts]


def flipped_in_expectation(loss: Loss, rate: float) -> Loss:
    """The mean over all flips: each pair has its own, so the means are linear in the rate."""

    def d_loss(real: Array, fake: Array) -> tuple[Array, ...]:
        kept, swapped = (loss.discriminator(*flipped_labels(r)(jax.random.key(0), real, fake)) for r in (0.0, 1.0))
        return tuple((1 - rate) * a + rate * b for a, b in zip(kept, swapped, strict=True))

    return Loss(d_loss, loss.generator)


def mixture(real: float, fake: float) -> Optimum:
    return lambda p, q: (real * p + fake * q) / (p + q)


def logit_of(optimal_d: Optimum) -> Optimum:
    return lambda p, q: logit(optimal_d(p, q))


OPTIMA: dict[str, Optimum] = {
    **dict.fromkeys(("minimax", "non_saturating", "reverse_kl", "maximum_likelihood"), logit_of(mixture(1, 0))),
    **dict.fromkeys(("f_jensen_shannon", "f_reverse_kl", *PAIRED), lambda p, q: np.log(p / q)),
    "f_kl": lambda p, q: 1 + np.log(p / q),
    "f_pearson": lambda p, q: 2 * (p / q - 1),
    "f_hellinger": lambda p, q: np.log(p / q) / 2,
    "hinge": lambda p, q: np.where(p == q, np.nan, np.sign(p - q)),
    "least_squares": mixture(1, 0),
}
OPTIMA |= {f"{name}_practical": optimum for name, optimum in OPTIMA.items() if name.startswith("f_")}
COMPOSED: dict[str, tuple[Loss, Optimum]] = {
    **{f"least_squares{abc}": (least_squares_loss(*abc), mixture(abc[1], abc[0])) for abc in TARGETS},
    **{f"smoothed{t}": (smoothed_labels(minimax, *t), logit_of(mixture(*t))) for t in ((0.9, 0.0), (0.8, 0.3))},
    **{f"flipped({r})": (flipped_in_expectation(minimax, r), logit_of(mixture(1 - r, r))) for r in (0.1, 0.7)},
}


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("name", [*OPTIMA, *COMPOSED])
def test_the_best_response_is_the_closed_form(name: str) -> None:
    loss, closed_form = COMPOSED[name] if name in COMPOSED else (LOSSES[name], OPTIMA[name])
    optimum = closed_form(P, Q)
    free = np.isnan(optimum)
    for found in (response.x for response in best_responses(loss)):
        if name in PAIRED:  # up to a constant
            found += np.mean(optimum - found)
        # The flattest curvature is near 1e-2, and BFGS stops at a gradient of 1e-9 or so.
        np.testing.assert_allclose(found[~free], optimum[~free], atol=1e-6)
        assert np.all(np.abs(found[free]) <= 1 + 1e-6)


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("name", AVERAGE)
def test_the_relativistic_average_has_another_optimum_than_log_p_over_q(name: str) -> None:
    ends = np.stack([response.x for response in best_responses(LOSSES[name])])
    ends -= ends.mean(axis=1, keepdims=True)
    np.testing.assert_allclose(ends[1:], ends[[0, 0]], atol=1e-6)  # as above
    assert np.max(np.abs(ends[0] - np.log(P / Q) + np.mean(np.log(P / Q)))) > 0.1


@pytest.mark.usefixtures("x64")
def test_wasserstein_has_its_optimum_on_its_constraint() -> None:
    for bound in (0.01, 3.0):
        for response in best_responses(wasserstein, bound):
            np.testing.assert_array_equal(response.x[P != Q], bound * np.sign(P - Q)[P != Q])  # a vertex of the box
    # It is linear in the scores, so without a bound there is no minimum; with slopes of at most 1 on a line it is -W1.
    slope = jax.grad(functools.partial(expected, wasserstein.discriminator))(jnp.ones(6))
    np.testing.assert_allclose(slope, Q - P, atol=1e-15)
    steps = np.diff(np.eye(6), axis=0)
    best = linprog(slope, A_ub=np.concatenate([steps, -steps]), b_ub=np.ones(10), bounds=[(0, 0)] + 5 * [(None, None)])
    np.testing.assert_allclose(-best.fun, wasserstein_distance(range(6), range(6), P, Q), rtol=1e-12)


def kl(p: Array, q: Array) -> Array:
    return jnp.sum(p * jnp.log(p / q))


def twice_jsd(p: Array, q: Array) -> Array:
    return kl(p, (p + q) / 2) + kl(q, (p + q) / 2)


DIVERGENCES: dict[str, Divergence] = {
    "f_kl": kl,
    "f_reverse_kl": lambda p, q: kl(q, p),
    "f_pearson": lambda p, q: jnp.sum(q * (p / q - 1) ** 2),
    "f_hellinger": lambda p, q: jnp.sum((jnp.sqrt(p) - jnp.sqrt(q)) ** 2),
    "f_jensen_shannon": twice_jsd,
}
FOLLOWED: dict[str, Divergence] = {  # by the generator, at the optimal discriminator
    **DIVERGENCES,
    "minimax": twice_jsd,
    "reverse_kl": lambda p, q: kl(q, p),
    "maximum_likelihood": lambda p, q: kl(p, q) / 2,
    **dict.fromkeys(("non_saturating", "f_jensen_shannon_practical"), lambda p, q: kl(q, p) - twice_jsd(p, q)),
    "f_kl_practical": lambda p, q: kl(q, p),
    "f_pearson_practical": lambda p, q: 2 * kl(p, q),
    "hinge": lambda p, q: jnp.sum(jnp.abs(p - q)),
}


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("name", DIVERGENCES)
def test_the_f_gan_bound_is_the_divergence(name: str) -> None:
    divergence = DIVERGENCES[name](jnp.asarray(P), jnp.asarray(Q))
    # the logits are right to 1e-6, and the loss is flat there
    np.testing.assert_allclose([-response.fun for response in best_responses(LOSSES[name])], divergence, rtol=1e-10)


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize(
    ("p", "q", "jsd"), [(P_COUNTS, Q_COUNTS, None), (P_COUNTS, P_COUNTS, 0), ([1, 3, 0, 0], [0, 0, 2, 2], np.log(2))]
)
def test_the_value_of_the_game_at_the_optimum(p: np.ndarray, q: np.ndarray, jsd: float | None) -> None:
    p_mass, q_mass = p / np.sum(p), q / np.sum(q)
    mixed = (p_mass + q_mass) / 2
    divergence = (rel_entr(p_mass, mixed).sum() + rel_entr(q_mass, mixed).sum()) / 2
    assert jsd is None or divergence == pytest.approx(jsd, rel=1e-15)
    with np.errstate(divide="ignore"):
        optimum = np.clip(np.log(p_mass) - np.log(q_mass), -200, 200)  # D = 1 to 87 places
    value = -expected(minimax.discriminator, jnp.asarray(optimum), p, q)
    np.testing.assert_allclose(value, -np.log(4) + 2 * divergence, rtol=1e-12, atol=1e-12)


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("name", FOLLOWED)
def test_the_generator_follows_the_gradient_of_its_divergence(name: str) -> None:
    p, q = P, np.array([0.05, 0.1, 0.3, 0.11, 0.19, 0.25])  # equal nowhere: hinge has no gradient there
    held = jnp.asarray(OPTIMA[name](p, q))
    (values,) = parts_of(LOSSES[name].generator, held, held)
    gradient = jax.grad(lambda theta: jnp.sum(jax.nn.softmax(theta) * values))(jnp.log(q))
    of_divergence = jax.grad(lambda theta: FOLLOWED[name](jnp.asarray(p), jax.nn.softmax(theta)))(jnp.log(q))
    np.testing.assert_allclose(gradient, of_divergence, rtol=1e-10)
    if name == "reverse_kl":  # whose value it is as well
        np.testing.assert_allclose(np.sum(q * values), kl(jnp.asarray(q), jnp.asarray(p)), rtol=1e-12)


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("abc", TARGETS[:2])  # b - c = 1 and b - a = 2
def test_least_squares_is_half_a_pearson_divergence_only_with_a_real_term(abc: tuple[float, float, float]) -> None:
    def half_pearson(p: Array, q: Array) -> Array:
        """Of p + q from 2 q, the denominator being p + q."""
        return jnp.sum((2 * q - (p + q)) ** 2 / (p + q)) / 2

    # Two points: the generator has too little mass on the first.
    for p, q in (P, Q), (np.array([0.5, 0.5]), np.array([0.4, 0.6])):
        optimum = jnp.asarray(mixture(abc[1], abc[0])(p, q))
        (values,) = parts_of(least_squares_loss(*abc).generator, optimum, optimum)
        # Mao et al. 2017 add E_p[(D - c)^2] / 2 to the generator's loss, and only the sum is the divergence.
        np.testing.assert_allclose(np.sum((p + q) * values), half_pearson(jnp.asarray(p), jnp.asarray(q)), rtol=1e-12)
        np.testing.assert_allclose(np.sum(q * values), np.sum(q * ((p - q) / (p + q)) ** 2) / 2, rtol=1e-12)
    # Nor is it a zero-sum game: at a held discriminator the gradient is another one, and here points the other way.
    of_loss = jax.grad(lambda theta: jnp.sum(jax.nn.softmax(theta) * values))(jnp.log(q))
    of_divergence = jax.grad(lambda theta: half_pearson(jnp.asarray(p), jax.nn.softmax(theta)))(jnp.log(q))
    assert of_loss @ of_divergence < 0


def labelled(text: str) -> dict[str, str]:
    parts = re.split(r"^ *([A-Z][a-z]+): +", text, flags=re.MULTILINE)[1:]
    return {label: " ".join(line.split()) for label, line in zip(parts[::2], parts[1::2], strict=True)}


DOCUMENTATION = {name: labelled(loss.__doc__ or "") for name, loss in LOSSES.items()}


@every_loss
def test_the_docstring_has_every_label(name: str) -> None:
    lines = DOCUMENTATION[name]
    assert [*lines] == ["Discriminator", "Generator", "Derivative", "Optimum", "Saturates", "Source"]
    assert all(lines.values())
    none = lines["Optimum"].startswith(("no closed form", "none"))
    assert none == (name in ("wasserstein", *AVERAGE)) == (name not in OPTIMA)


def stated(formula: str, real: np.ndarray, fake: np.ndarray, abc: tuple[float, ...]) -> np.ndarray:
    """The value of a formula as docstrings write it, such as E[fake^2 / 4 + fake] or mean sigmoid(real - mean fake)."""
    formula = re.sub(r"\b(mean|log) (\w+)", r"\1_\2", formula.split(", ")[0])
    formula = "-sigmoid(-fake)" if formula == "D - 1" else formula  # which would cancel
    formula = formula.replace("^", "**").replace("[", "(").replace("]", ")")
    meanings = {
        **dict(zip("abc", abc, strict=False)),
        **{"real": real, "fake": fake, "mean_real": real.mean(), "mean_fake": fake.mean(), "E": np.mean},
        **{"logit": fake, "score": fake, "D": expit(fake), "log_2": np.log(2), "log_4": np.log(4), "exp": np.exp},
        **{"sigmoid": expit, "mean_sigmoid": lambda x: expit(x).mean()},
        **{"relu": lambda x: np.maximum(x, 0), "softplus": lambda x: np.logaddexp(0, x)},
    }
    return np.asarray(eval(formula, {"__builtins__": {}}, meanings))


# Steps of a quarter, with means of their own: 32 bits hold them and their differences exactly.
FAKE = np.linspace(-30, 32, 249)
REAL = 3 - FAKE / 2
FACTORY = labelled(least_squares_loss.__doc__ or "")
STATED: dict[str, tuple[Loss, dict[str, str], tuple[float, ...]]] = {
    **{name: (LOSSES[name], DOCUMENTATION[name], ()) for name in LOSSES},
    **{f"least_squares{abc}": (least_squares_loss(*abc), FACTORY, abc) for abc in TARGETS},
}


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("name", STATED)
def test_both_losses_are_what_the_docstring_says(name: str) -> None:
    loss, lines, abc = STATED[name]
    for player, line in ((loss.discriminator, lines["Discriminator"]), (loss.generator, lines["Generator"])):
        line = f"-({lines['Discriminator']})" if line == "minus the same" else line
        value = objective(player, jnp.asarray(REAL), jnp.asarray(FAKE))
        np.testing.assert_allclose(value, stated(line, REAL, FAKE, abc), rtol=1e-12)  # two orders of summation


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("name", STATED)
def test_the_generators_derivative_is_what_the_docstring_says(name: str, bits: int) -> None:
    loss, lines, abc = STATED[name]
    formula = re.sub("^of the generator's loss with respect to a fake (logit|score): ", "", lines["Derivative"])
    with jax.enable_x64(bits == 64):
        real, fake = (jnp.asarray(logits, f"float{bits}") for logits in (REAL, FAKE))
        # of the mean over the batch, in which one example has a share of 1 / n
        derivative = len(FAKE) * jax.grad(lambda fake: objective(loss.generator, real, fake))(fake)
    assert derivative.dtype == real.dtype
    closed = np.broadcast_to(stated(formula, REAL, FAKE, abc), FAKE.shape)
    # a few roundings, to which a mean adds those of its sum
    np.testing.assert_allclose(derivative, closed, rtol=2e-6 if bits == 32 else 1e-12)


@every_loss
def test_a_zero_sum_game_leaves_only_the_real_term(name: str) -> None:
    is_zero_sum = name in (*DIVERGENCES, "minimax", "wasserstein", PAIRED[1], AVERAGE[1])
    real, fake = jnp.asarray(REAL, "float32"), jnp.asarray(FAKE, "float32")
    d_parts, g_parts = (parts_of(function, real, fake) for function in LOSSES[name])
    for a, b in zip(d_parts, parts_of(zero_sum(LOSSES[name]).generator, real, fake), strict=True):
        np.testing.assert_array_equal(a, -b)
    if name not in (*PAIRED, *AVERAGE):
        np.testing.assert_array_equal(d_parts[0], parts_of(LOSSES[name].discriminator, real, fake + 1)[0])
        d_parts = d_parts[1:]
    assert (not np.any([a + b for a, b in zip(d_parts, g_parts, strict=True)])) == is_zero_sum  # exactly


@every_loss
@both_players
def test_only_relativistic_losses_ignore_a_common_shift(name: str, player: str) -> None:
    function, relativistic = getattr(LOSSES[name], player), name in (*PAIRED, *AVERAGE)
    # 256 logits in steps of 1/4, and a shift by 16: 32 bits hold these and their means exactly
    real, fake = jnp.arange(-32, 32, 0.25), jnp.arange(34, -30, -0.25)
    before, after = parts_of(function, real, fake), parts_of(function, real + 16, fake + 16)
    assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True)) == relativistic
    if relativistic:
        by_real, by_fake = jax.grad(functools.partial(objective, function), argnums=(0, 1))(real, fake)
        assert np.sum(np.abs(by_fake)) > 0.1
        np.testing.assert_allclose(np.sum(by_real) + np.sum(by_fake), 0, atol=1e-6)  # a sum of 512 in 32 bits


# Whose loss overflows, and the last hundredth of a logit that does not, where the docstring names it.
OVERFLOWS = {
    ("maximum_likelihood", "generator"): 88.72,
    ("f_kl", "generator"): 89.72,
    ("f_kl_practical", "discriminator"): 89.72,
    ("f_reverse_kl", "discriminator"): -88.72,
    ("f_reverse_kl_practical", "generator"): -88.72,
    ("f_hellinger", "generator"): 88.72,
    ("f_hellinger_practical", "generator"): -88.72,
}
UNNAMED = ("f_kl", "f_reverse_kl_practical", "f_hellinger", "f_hellinger_practical")  # as to the discriminator


@every_loss
@both_players
def test_only_exponentials_overflow_in_32_bits_and_nothing_is_nan(name: str, player: str) -> None:
    function = getattr(LOSSES[name], player)
    real, fake = jnp.array([-200.0, -200, 200, 200]), jnp.array([-200.0, 200, -200, 200])
    values = np.concatenate(parts_of(function, real, fake))
    derivatives = np.concatenate(jax.grad(functools.partial(objective, function), argnums=(0, 1))(real, fake))
    assert not np.any(np.isnan([*values, *derivatives]))
    overflows = (name, player) in OVERFLOWS or (name in UNNAMED and player == "discriminator")
    assert np.all(np.isfinite(values)) == np.all(np.isfinite(derivatives)) == (not overflows)


@pytest.mark.parametrize(("name", "player"), OVERFLOWS)
def test_the_overflow_is_where_the_docstring_says(name: str, player: str) -> None:
    edge, line = OVERFLOWS[name, player], DOCUMENTATION[name]["Saturates"]
    assert re.search(f"{'above' if edge > 0 else 'below'} a (real )?logit of {edge} in float32", line)
    at, beyond = (
        np.array(parts_of(getattr(LOSSES[name], player), jnp.float32(logit), jnp.float32(logit)))
        for logit in (edge, edge + np.copysign(0.01, edge))
    )
    assert np.all(np.isfinite(at)) and (-np.inf if "minus infinity" in line else np.inf) in beyond


@pytest.mark.parametrize("name", [name for name in LOSSES if name not in PAIRED])
def test_smoothing_that_is_off_changes_nothing(name: str) -> None:
    loss, off = LOSSES[name], smoothed_labels(LOSSES[name], real=1.0, fake=0.0)
    assert off.generator is loss.generator
    for scale in (1, 8):  # up to a logit of 240, where exponentials overflow
        logits = jnp.asarray(scale * REAL, "float32"), jnp.asarray(scale * FAKE, "float32")
        for a, b in zip(off.discriminator(*logits), loss.discriminator(*logits), strict=True):
            np.testing.assert_array_equal(a, b)


def test_paired_losses_and_flips_need_pairs_and_name_the_shapes() -> None:
    calls = [function for name in PAIRED for function in LOSSES[name]]
    for call in (*calls, lambda real, fake: flipped_labels(0.5)(jax.random.key(0), real, fake)):
        for n, m in ((2, 3), (4, 1), (1, 4)):  # one against many would broadcast
            with pytest.raises(ValueError, match=rf"\({n},\) and \({m},\)"):
                call(jnp.zeros(n), jnp.zeros(m))
    three = Loss(lambda real, fake: (real, fake, fake), minimax.generator)
    for loss in (three, *(LOSSES[name] for name in PAIRED)):
        with pytest.raises(ValueError, match="two parts"):
            smoothed_labels(loss)
