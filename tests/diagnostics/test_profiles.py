"""Gradient profiles against 40 decimal places, closed forms, and losses with known faults."""

import functools
import re
from collections.abc import Callable
from decimal import Decimal, localcontext
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import expit

import jaxgan.losses as losses
from jaxgan.diagnostics.closed_forms import CLOSED_FORMS, closed_form
from jaxgan.diagnostics.profiles import (
    LOGITS,
    Profile,
    Region,
    float32_limits,
    is_probability,
    profile,
    saturation,
    saturation_sentence,
)
from jaxgan.losses import cross_entropy_discriminator, least_squares_loss, minimax, non_saturating, smoothed_labels
from jaxgan.types import Array, Loss

CATALOGUE = {name: value for name, value in vars(losses).items() if isinstance(value, Loss)}
every_loss = pytest.mark.parametrize("name", CATALOGUE)
# Most of it is in D = exp(v - softplus(v)): with |v| in [8, 16) half a unit of the difference is 4.8e-7 in 32 bits and
# 8.9e-16 in 64, to which exp adds its own.
TOLERANCE = {"float32": 1e-6, "float64": 1e-14}
both_precisions = pytest.mark.parametrize("precision", TOLERANCE)
INSIDE = np.abs(LOGITS) < 27.64  # D from 1e-12 to 1 - 1e-12

seen_of = functools.cache(lambda name, real_logit=0.0: profile(CATALOGUE[name], real_logit=real_logit))


def own(generator: Callable[[Array, Array], Any]) -> Loss:
    """A user's own loss: this generator, and the discriminator of cross-entropy."""
    return Loss(cross_entropy_discriminator, generator)


@functools.cache
def exact() -> dict[str, np.ndarray]:
    """D, 1 - D and their logarithms and inverses at `LOGITS`, to 40 places and then rounded: no library is trusted."""
    with localcontext() as context:
        context.prec = 40
        low, high = ([1 / (1 + Decimal(-sign * v).exp()) for v in LOGITS.tolist()] for sign in (1, -1))
        columns = {"D": low, "1 - D": high}
        columns |= {f"log({name})": [d.ln() for d in column] for name, column in columns.items()}
        columns |= {f"1 / ({name})": [1 / d for d in columns[name]] for name in ("D", "1 - D")}
        return {name: np.array([float(number) for number in column]) for name, column in columns.items()}


def test_the_grid_is_the_same_in_both_precisions() -> None:
    np.testing.assert_array_equal(LOGITS.astype(np.float32).astype(np.float64), LOGITS)
    assert (LOGITS.size, LOGITS[0], LOGITS[-1]) == (963, -30, 30)
    assert np.all((np.diff(LOGITS) > 0) & (np.diff(LOGITS) <= 1 / 16))
    # the logit of 1e-12 is rounded by at most 1e-6, and the logarithm of D with it
    assert min(exact()["D"][INSIDE]) == pytest.approx(1e-12, rel=1e-6, abs=0)
    assert min(exact()["1 - D"][INSIDE]) == pytest.approx(1e-12, rel=1e-6, abs=0)
    seen = profile(minimax, logits=[0.1, 1 / 3], real_logit=0.1)
    assert seen.logits.tolist() == [float(np.float32(0.1)), float(np.float32(1 / 3))]
    assert seen.real_logit == float(np.float32(0.1))


def test_d_and_1_minus_d_are_apart() -> None:
    seen = seen_of("minimax")
    # a rounding of exp, of the sum and of the quotient
    np.testing.assert_allclose(seen.d, exact()["D"], rtol=4e-16)
    np.testing.assert_allclose(seen.one_minus_d, exact()["1 - D"], rtol=4e-16)


@both_precisions
@pytest.mark.parametrize(
    ("name", "value", "sign", "slope", "inverse"),
    [
        ("minimax", "log(1 - D)", 1, "D", "1 / (1 - D)"),
        ("non_saturating", "log(D)", -1, "1 - D", "1 / (D)"),
    ],
)
def test_the_two_losses_to_forty_places(
    precision: str, name: str, value: str, sign: int, slope: str, inverse: str
) -> None:
    curves = getattr(seen_of(name), precision)
    rtol = TOLERANCE[precision]
    assert all(curve.dtype == precision and np.all(np.isfinite(curve)) for curve in curves)
    np.testing.assert_allclose(curves.d_logit, -exact()[slope], rtol=rtol)  # -D and -(1 - D)
    np.testing.assert_allclose(curves.d_probability, -exact()[inverse], rtol=rtol)
    np.testing.assert_allclose(curves.value, sign * exact()[value], rtol=rtol)


@both_precisions
@pytest.mark.parametrize(
    ("name", "real_logit"),
    [*((name, 0.0) for name in CATALOGUE), *((name, 1.25) for name in CATALOGUE if "relativistic" in name)],
)
def test_every_loss_is_its_closed_form(name: str, real_logit: float, precision: str) -> None:
    seen, form = seen_of(name, real_logit), CLOSED_FORMS[name]
    curves, slope = getattr(seen, precision), form.d_logit(LOGITS, real_logit)
    rtol = TOLERANCE[precision]
    np.testing.assert_allclose(curves.d_logit, slope, rtol=rtol)
    np.testing.assert_allclose(curves.d_probability, slope / (expit(LOGITS) * expit(-LOGITS)), rtol=rtol)
    # Differences such as exp(v) - 1 are 0 at 0, and at 1/16 they have lost four bits of the 24.
    np.testing.assert_allclose(curves.value, form.value(LOGITS, real_logit), rtol=rtol)
    for error in seen.error:
        assert np.all(error <= 1e-6)


@every_loss
def test_the_text_of_a_closed_form_is_what_it_computes(name: str) -> None:
    form, v, r = CLOSED_FORMS[name], np.linspace(-4, 4.5, 18), 0.75
    meanings = {"v": v, "r": r, "D": expit(v), "log": np.log, "exp": np.exp, "sigmoid": expit}
    for text, function in ((form.text_value, form.value), (form.text_derivative, form.d_logit)):
        text = re.sub(r"\blog (D|sigmoid\([^)]*\))", r"log(\1)", text).replace("^", "**")
        text = re.sub(r"(\d) (?=[\w(])", r"\1 * ", text)  # 2 D
        stated = eval(text, {"__builtins__": {}}, meanings)
        np.testing.assert_allclose(np.broadcast_to(stated, v.shape), function(v, r), rtol=1e-12)  # 1 - D cancels


def test_closed_forms_are_the_catalogues_alone() -> None:
    assert CLOSED_FORMS.keys() == CATALOGUE.keys()
    # wasserstein and hinge share their generator, and so their form
    assert all(closed_form(loss) is CLOSED_FORMS[name] for name, loss in CATALOGUE.items())
    assert closed_form(smoothed_labels(minimax)) is CLOSED_FORMS["minimax"]
    assert closed_form(least_squares_loss(generator=0.5)) is None
    assert closed_form(own(lambda real, fake: -fake)) is None


def test_a_probability_is_what_cross_entropy_makes() -> None:
    bounded = {name for name, loss in CATALOGUE.items() if is_probability(loss)}
    by_cross_entropy = {"minimax", "non_saturating", "reverse_kl", "maximum_likelihood"}
    assert bounded == by_cross_entropy | {"f_jensen_shannon", "f_jensen_shannon_practical"}
    for name in CATALOGUE:
        assert seen_of(name).bounded == (name in bounded)
        assert seen_of(name).axis == ("D(G(z))" if name in bounded else "sigmoid(score)")

    def scaled(by_real: float, by_fake: float) -> Loss:
        def d_loss(real: Array, fake: Array) -> Array:
            real_part, fake_part = cross_entropy_discriminator(real, fake)
            return 3 + by_real * real_part + by_fake * fake_part

        return Loss(d_loss, minimax.generator)

    assert is_probability(scaled(0.5, 0.5))
    # odds off by a factor, a discriminator that is rewarded for mistakes, and soft targets
    for loss in (scaled(1.0, 0.5), scaled(-1.0, -1.0), smoothed_labels(minimax), None):
        assert not is_probability(loss)


EDGE = np.log(99)  # D = 0.99
SATURATED: dict[str, tuple[float, float]] = {
    **dict.fromkeys(("minimax", "relativistic_minimax", "f_jensen_shannon"), (-np.inf, -EDGE)),
    **dict.fromkeys(("non_saturating", "relativistic", "f_jensen_shannon_practical"), (EDGE, np.inf)),
    "relativistic_average": (np.log(199), np.inf),  # 2 D = 0.01
    "relativistic_average_minimax": (-np.inf, -np.log(199)),
    "maximum_likelihood": (-np.inf, np.log(0.02)),
    "f_kl": (-np.inf, 1 + np.log(0.01)),
    "f_hellinger": (-np.inf, np.log(0.01)),
    **dict.fromkeys(("f_hellinger_practical", "f_reverse_kl_practical"), (-np.log(0.01), np.inf)),
    "least_squares": (0.99, 1.01),
    "f_pearson": (-2.02, -1.98),
}


@every_loss
def test_a_loss_saturates_where_its_closed_form_does(name: str) -> None:
    found = saturation(seen_of(name))
    expected = [SATURATED[name]] if name in SATURATED else []
    np.testing.assert_allclose([region[:2] for region in found], expected, rtol=1e-12)
    np.testing.assert_allclose([region[2:] for region in found], expit(expected), rtol=1e-11)


def test_saturation_in_words() -> None:
    def words(seen: Profile, *threshold: float) -> str:
        return saturation_sentence(saturation(seen, *threshold), seen.axis)

    assert words(seen_of("minimax")) == "below a logit of -4.60, where D(G(z)) is below 0.01"
    assert words(seen_of("non_saturating")) == "above a logit of 4.60, where D(G(z)) is above 0.99"
    assert words(seen_of("non_saturating"), 1e-6) == "above a logit of 13.82, where D(G(z)) is above 1 - 1e-06"
    assert words(seen_of("minimax"), 1e-6) == "below a logit of -13.82, where D(G(z)) is below 1e-06"
    assert words(seen_of("wasserstein")) == "nowhere"
    assert words(seen_of("least_squares")) == (
        "between scores of 0.99 and 1.01, where sigmoid(score) is between 0.729 and 0.733"
    )
    both_ends = profile(own(lambda real, fake: jnp.tanh(fake)))  # whose slope is 1 / cosh^2
    assert words(both_ends) == (
        "below a logit of -2.99, where D(G(z)) is below 0.0477; above a logit of 2.99, where D(G(z)) is above 0.952"
    )


def test_a_region_between_two_points_of_the_grid_is_found() -> None:
    narrow = profile(least_squares_loss(generator=0.53))  # between 0.5 and 0.5625
    for threshold in (1e-2, 1e-9):
        (region,) = saturation(narrow, threshold)
        np.testing.assert_allclose(region[:2], [0.53 - threshold, 0.53 + threshold], rtol=1e-14)
    shuffled = np.random.default_rng(0).permutation(LOGITS)
    for loss in (least_squares_loss(generator=0.53), minimax):
        assert saturation(profile(loss, logits=shuffled)) == saturation(profile(loss))
    # A slope that jumps from -1 to 1 is never small, and one that is NaN is no small one.
    assert saturation(profile(own(lambda real, fake: jnp.abs(fake - 0.53)))) == ()
    (region,) = saturation(profile(own(lambda real, fake: jnp.sqrt(fake))), 0.1)  # 1 / (2 sqrt(v)), NaN below 0
    assert region[:2] == (pytest.approx(25, rel=1e-14), np.inf)


def test_a_loss_that_ignores_the_fakes_saturates_everywhere() -> None:
    for generator in (lambda real, fake: jnp.ones_like(fake), lambda real, fake: real**2):
        seen = profile(own(generator), real_logit=1.0)
        for curves in (seen.float32, seen.float64):
            np.testing.assert_array_equal(curves, np.stack([np.ones(963), np.zeros(963), np.zeros(963)]))
        assert not np.any(seen.error)
        assert saturation(seen) == (Region(-np.inf, np.inf, 0.0, 1.0),)
        assert saturation_sentence(saturation(seen), seen.axis) == "everywhere"
        assert float32_limits(own(generator))[:2] == (None, None)


# On CPU: where 32 bits first have 0 for what is under the smallest normal number, exp(-87.34), and infinity for what
# is over the largest, exp(88.72); a factor moves both.
LOW, HIGH = (-87.375, 0.0), (87.375, 0.0)
LIMITS: dict[str, tuple[tuple[float, float] | None, tuple[float, float] | None]] = {
    **dict.fromkeys(("minimax", "relativistic_minimax", "relativistic_average_minimax"), (LOW, None)),
    **dict.fromkeys(("non_saturating", "relativistic", "relativistic_average"), (None, HIGH)),
    "f_jensen_shannon": (LOW, None),
    "f_jensen_shannon_practical": (None, HIGH),
    "maximum_likelihood": ((-86.75, 0.0), (88.75, -np.inf)),
    "f_kl": ((-86.375, 0.0), (89.75, -np.inf)),
    "f_hellinger": (LOW, (88.75, -np.inf)),
    **dict.fromkeys(("f_hellinger_practical", "f_reverse_kl_practical"), ((-88.75, -np.inf), HIGH)),
}


@every_loss
def test_where_32_bits_lose_the_derivative(name: str) -> None:
    limits = float32_limits(CATALOGUE[name])
    for lost, expected in zip(limits[:2], LIMITS.get(name, (None, None)), strict=True):
        assert (lost and lost[:2]) == expected
        if lost:
            np.testing.assert_allclose(lost.float64, CLOSED_FORMS[name].d_logit(np.array(lost.logit), 0.0), rtol=1e-13)


def test_where_d_is_1_in_32_bits() -> None:
    limits = float32_limits(minimax)
    for edge, sigmoid in (
        (limits.d_rounds_to_one, lambda v: np.float32(expit(v))),  # the number next to D
        (limits.sigmoid_is_one, lambda v: jax.nn.sigmoid(jnp.float32(v))),  # and what is computed
    ):
        assert sigmoid(edge - 1e-5) < 1 == sigmoid(edge + 1e-5)
    assert limits[2:] == pytest.approx((17.3287, 16.6355), abs=1e-4)


def test_what_is_infinite_or_nan_stays() -> None:
    by_probabilities = own(lambda real, fake: jnp.log(1 - jax.nn.sigmoid(fake)))
    seen = profile(by_probabilities, logits=[0.0, 16.0, 17.0])
    assert seen.float32.value[2] == -np.inf and np.isnan(seen.float32.d_logit[2]) and seen.error.value[2] == np.inf
    assert np.isnan(seen.float32.d_probability[2]) and np.isnan(seen.error.d_logit[2])
    np.testing.assert_allclose(seen.float64.d_logit, -expit(seen.logits), rtol=1e-8)  # 1 - D has lost 8 digits
    lost = float32_limits(by_probabilities).above
    assert lost is not None and lost.logit == 16.75 and np.isnan(lost.float32)
    beyond = profile(CATALOGUE["f_kl"], logits=[89.5, 90.0, 800.0])
    assert [*np.isfinite(beyond.float32.d_logit)] == [True, False, False]
    assert [*np.isfinite(beyond.float64.d_logit)] == [True, True, False]
    assert beyond.error.d_logit[1] == np.inf and np.isnan(beyond.error.d_logit[2])


def test_the_error_is_relative_to_64_bits() -> None:
    def g_loss(real: Array, fake: Array) -> Array:
        return fake * (3 if fake.dtype == jnp.float32 else 2)

    seen = profile(own(g_loss), logits=[-1.0, 0.0])
    np.testing.assert_allclose(seen.error, [[0.5, 0], [0.5, 0.5], [0.5, 0.5]], rtol=1e-6)
    seen = profile(own(lambda real, fake: fake * (3 if fake.dtype == jnp.float32 else 0)), logits=[-1.0])
    np.testing.assert_array_equal(seen.error[:2], [[3], [3]])  # of 0


def test_a_loss_of_ones_own() -> None:
    def softer(real_logits: Array, fake_logits: Array) -> tuple[Array, ...]:
        assert real_logits.shape == fake_logits.shape == (1,)
        return jax.nn.softplus(-fake_logits), 0.1 * jnp.concatenate([real_logits, 4 * fake_logits])

    loss = own(softer)  # means are added: softplus(-v) + 0.1 (r + 4 v) / 2
    seen = profile(loss, real_logit=3.0)
    for curves, precision in ((seen.float32, "float32"), (seen.float64, "float64")):
        # the sum crosses 0, near which it has no digits
        atol = TOLERANCE[precision]
        np.testing.assert_allclose(curves.d_logit, 0.2 - expit(-LOGITS), rtol=atol, atol=atol)
        np.testing.assert_allclose(curves.value, np.logaddexp(0, -LOGITS) + 0.15 + 0.2 * LOGITS, rtol=atol, atol=atol)
    (region,) = saturation(seen)
    np.testing.assert_allclose(region[2:], [0.79, 0.81], rtol=1e-12)  # 1 - D = 0.2 +- 0.01

    constant = jnp.float32(0.1)
    closed = profile(own(lambda real, fake: constant * fake), logits=[1.0])
    assert closed.float64.d_logit.tolist() == [float(np.float32(0.1))]  # as good as what it closes over


def test_an_epsilon_in_the_logarithm_shows() -> None:
    seen = profile(own(lambda real, fake: -jnp.log(jax.nn.sigmoid(fake) + 1e-8)))
    meant = CLOSED_FORMS["non_saturating"].d_logit(LOGITS, 0.0)
    at = {logit: int(np.flatnonzero(logit == LOGITS)[0]) for logit in (-25.0, -10.0, 25.0)}
    for curves in (seen.float32, seen.float64):
        assert curves.d_logit[at[-25.0]] == pytest.approx(-0.001387, rel=1e-3)
        off = np.abs(curves.d_logit / meant - 1)
        assert off[at[-25.0]] > 0.998 and off[at[-10.0]] < 1e-3
    # By a fake that is too good it is lost in 32 bits alone, as 1 - D is 0.
    assert seen.error.d_logit[at[25.0]] == 1 and seen.float64.d_logit[at[25.0]] == pytest.approx(meant[at[25.0]])
    low, high = saturation(seen)
    assert (low.from_logit, high.to_logit) == (-np.inf, np.inf)
    # -(1 - D) D / (D + 1e-8) = -0.01
    np.testing.assert_allclose([low.to_d, high.from_d], [1e-8 / 99, 0.99], rtol=1e-6)
    assert saturation(seen, 1e-10)[0].from_logit == pytest.approx(np.log(1e10), rel=1e-6)  # not where 32 bits have 0


@pytest.mark.parametrize("flag", [False, True])
def test_the_flag_for_64_bits_is_left_as_it_was(flag: bool) -> None:
    def fails(real: Array, fake: Array) -> Array:
        if fake.dtype == jnp.float64:
            raise RuntimeError("in 64 bits")
        return fake

    with jax.enable_x64(flag):
        seen = profile(non_saturating)
        saturation(seen)
        with pytest.raises(RuntimeError, match="in 64 bits"):
            profile(own(fails))
        assert is_probability(CATALOGUE["f_jensen_shannon"])
        # what the loss makes itself has the precision, too
        made = profile(own(lambda real, fake: fake * jnp.array([1.0]).dtype.itemsize), logits=[1.0])
        assert (made.float32.value, made.float64.value) == (4, 8)
        assert jnp.asarray(1.0).dtype == (jnp.float64 if flag else jnp.float32)
    assert not jax.config.read("jax_enable_x64")
    for a, b in zip(seen[6:], seen_of("non_saturating")[6:], strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: profile("minimax"), "loss must be a Loss of two functions, .* got str"),  # type: ignore[arg-type]
        (lambda: profile(minimax.generator), "loss must be a Loss of two functions, .* got function"),  # type: ignore[arg-type]
        (lambda: profile(Loss(None, None)), "loss must be a Loss .* got one with a part that is not a function"),  # type: ignore[arg-type]
        (lambda: is_probability(3), "loss must be a Loss of two functions, .* got int"),  # type: ignore[arg-type]
        (lambda: float32_limits(3), "loss must be a Loss of two functions, .* got int"),  # type: ignore[arg-type]
        (lambda: closed_form(None), "loss must be a Loss of two functions, .* got NoneType"),  # type: ignore[arg-type]
        *(
            (lambda bad=bad: profile(minimax, logits=bad), rf"logits must be \[n\], n > 0, .* got shape {got}")
            for bad, got in (
                ([], r"\(0,\), 0 of"),
                (0.0, r"\(\), 0 of"),
                (np.zeros((2, 3)), r"\(2, 3\), 0 of"),
                ([0.0, np.nan, 1e39], r"\(3,\), 2 of them not finite$"),
            )
        ),
        (lambda: profile(minimax, real_logit=np.inf), "real_logit must be a finite number of .* got inf"),
        (lambda: float32_limits(minimax, 1e39), r"real_logit must be a finite number of .* got 1e\+39"),
        *(
            (lambda bad=bad: saturation(seen_of("minimax"), bad), "threshold must be a finite number above 0, got ")
            for bad in (0, -1.0, np.nan, np.inf, "1")
        ),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_line(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}") as refused:
        call()
    assert "\n" not in str(refused.value)
