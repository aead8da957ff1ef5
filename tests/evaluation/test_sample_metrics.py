"""Sets of samples: what is streamed is what whole arrays give, and intervals hold what they should."""

import math

import jax
import numpy as np
import pytest

import jaxgan as jg
from jaxgan.data.batches import Batches, from_array
from jaxgan.data.source import DataError
from jaxgan.evaluation.feature_sets import FeatureSet, gather, looked_at_by
from jaxgan.evaluation.sample_intervals import intervals
from jaxgan.evaluation.sample_metrics import KINDS, NAMES, Sets, label_of, measure, missing, same_within
from jaxgan.metrics import density_coverage, frechet_distance, kernel_distance, moments, prdc, precision_recall

KEY = jax.random.key(0)
AS_THEY_ARE = looked_at_by(None, 1)


def gathered(x: np.ndarray, *, keep: bool = True, seed: int = 0, size: int = 64) -> FeatureSet:
    batches = from_array("x", x.astype(np.float32))
    return gather(batches, AS_THEY_ARE, batch_size=size, keep=keep, rng=np.random.default_rng(seed))


@pytest.mark.parametrize("n", [3, 40, 333])
def test_streamed_moments_are_those_of_all(n: int) -> None:
    x = np.random.default_rng(0).normal(size=(n, 4)) + 1e3
    kept, streamed = gathered(x), gathered(x, keep=False, size=7)
    assert streamed.features is None and streamed.n == kept.n == n
    assert kept.features is not None
    np.testing.assert_array_equal(np.sort(kept.features, axis=0), np.sort(x.astype(np.float32), axis=0))
    for found in (kept, streamed):
        np.testing.assert_allclose(found.moments.mean, x.mean(axis=0), rtol=1e-6)
        # Features are float32: 1e3 is known to 6e-5, on a spread of 1.
        np.testing.assert_allclose(found.moments.covariance, np.cov(x, rowvar=False), rtol=1e-3, atol=1e-3)
        sizes = [group.n for group in found.groups]
        assert max(sizes) - min(sizes) <= 1 and len(sizes) == min(16, n // 2)
    if n > 3:
        halves = kept.halves()
        assert halves is not None and {half.n for half in halves} <= {n // 2, n - n // 2}
        assert kept.part(10).n == 10 and kept.part(1000) is kept


def test_memory_does_not_grow_with_the_number_of_samples() -> None:
    import tracemalloc

    def peak(n: int) -> int:
        def read(size: int):
            rng = np.random.default_rng(0)
            return (rng.normal(size=(min(size, n - start), 50)) for start in range(0, n, size))

        tracemalloc.start()
        gather(Batches("x", (50,), n, read), AS_THEY_ARE, batch_size=500, keep=False, rng=np.random.default_rng(0))
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    # Ten times the samples; a byte or two of each is the group that it is dealt to.
    assert peak(40_000) < peak(4_000) + 40_000 * 8 * 4


def test_numbers_are_those_of_the_metrics() -> None:
    rng = np.random.default_rng(1)
    x, r = rng.normal(size=(150, 3)) + 0.3, rng.normal(size=(120, 3))
    sets = Sets(gathered(x), gathered(r))
    found = measure([kind for kind in KINDS if missing(kind, sets) is None], KEY, sets)
    x, r = x.astype(np.float32), r.astype(np.float32)
    assert found["frechet"] == pytest.approx(frechet_distance(moments(x), moments(r)), rel=1e-9)
    assert found["kernel"] == pytest.approx(kernel_distance(x, r).value, rel=1e-9)
    assert (found["precision"], found["recall"]) == tuple(precision_recall(x, r))
    assert (found["density"], found["coverage"]) == pytest.approx(tuple(density_coverage(x, r)), rel=1e-12)
    assert found["mind"] == pytest.approx(3 * 3 * found["sliced"], rel=1e-12)
    strict = prdc(x, r, strict=True)._asdict()
    assert {name: found[f"{name}_strict"] for name in strict} == strict
    assert set(found) == set(NAMES) - {"score", "authenticity"}
    assert 0.5 < found["two_sample"] < 0.8 and found["vendi"] > 2


def test_intervals_by_halves_hold_the_mean_over_new_samples() -> None:
    """Of sets of samples from one distribution: the interval of each is asked for the mean of all."""
    rng, names = np.random.default_rng(2), ("precision", "recall", "density", "coverage", "sliced")
    reference, kinds = gathered(rng.normal(size=(150, 2))), ["precision", "density", "sliced"]
    values, found = [], []
    for i in range(50):
        sets = Sets(gathered(rng.normal(size=(150, 2)) * 1.1 + 0.4, seed=i), reference)
        values.append(measure(kinds, KEY, sets))
        found.append(intervals(kinds, jax.random.key(i), sets, resamples=12))
    for name in names:
        mean = np.mean([each[name] for each in values])
        held = np.mean([one[name].low <= mean <= one[name].high for one in found])
        # 0.95 within 3 standard errors of a share of 50, 0.093; recall and coverage are no smooth functions of the
        # samples, and halves spread more widely than the whole would.
        assert held >= 0.85, name
        half = np.median([one[name].high - one[name].low for one in found]) / 2
        assert half < 4 * np.std([each[name] for each in values]), name


@pytest.mark.parametrize("n", [20, 60])
def test_intervals_of_the_score_hold_its_mean_over_few_samples(n: int) -> None:
    """With 10 splits of few samples each those of 20 had no width, as each of 10 halves is a split of its own."""
    rng, found = np.random.default_rng(4), []
    for i in range(80):
        logits = 3 * rng.normal(size=(n, 10))
        p = (np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)).astype(np.float32)
        samples = gathered(logits)._replace(probabilities=p)
        found.append(intervals(["score"], jax.random.key(i), Sets(samples, samples), resamples=20)["score"])
    mean = np.mean([each.estimate for each in found])
    assert np.mean([each.low <= mean <= each.high for each in found]) > 0.95 - 3.5 * np.sqrt(0.95 * 0.05 / 80)
    half = np.median([each.high - each.low for each in found]) / 2
    assert half < 3.5 * np.std([each.estimate for each in found])


def test_intervals_by_formula_and_none() -> None:
    rng = np.random.default_rng(3)
    sets = Sets(gathered(rng.normal(size=(64, 2))), gathered(rng.normal(size=(64, 2))))
    kinds = ["frechet", "kernel", "two_sample", "duplicates", "vendi"]
    values = measure(kinds, KEY, sets)
    found = intervals(kinds, KEY, sets, resamples=0)
    for name in ("frechet", "frechet_infinity", "kernel", "two_sample"):
        assert found[name].low <= values[name] <= found[name].high, name
        assert found[name].estimate == pytest.approx(values[name], rel=1e-12, abs=1e-12)
    assert math.isnan(found["vendi"].low) and found["duplicates"].high == math.inf


def test_strict_balls_see_repeated_features() -> None:
    copies = gathered(np.repeat(np.arange(5.0), 8)[:, None])
    found = measure(["precision", "precision_strict"], KEY, Sets(copies, copies))
    assert found["precision"] == found["recall"] == 1.0
    assert {found[f"{name}_strict"] for name in ("precision", "recall", "density", "coverage")} == {0.0}


def test_the_interval_over_subsets_includes_their_choice() -> None:
    """With 2,100 rows a subset has 1,000 of them: the mean over subsets scatters around that over all pairs."""
    rng, z = np.random.default_rng(0), 1.959964
    sets = Sets(gathered(rng.normal(size=(2100, 2)) + 0.1), gathered(rng.normal(size=(2100, 2))))
    values = measure(["kernel", "kernel_subsets"], KEY, sets)
    found = intervals(["kernel", "kernel_subsets"], KEY, sets, resamples=0)
    assert sets.samples.features is not None and sets.reference.features is not None
    whole = kernel_distance(sets.samples.features, sets.reference.features, fixed_reference=True)
    half = (found["kernel_subsets"].high - found["kernel_subsets"].low) / 2
    chosen = np.sqrt((half / z) ** 2 - whole.standard_error**2)  # standard deviation of the mean, by the subsets
    assert 0 < chosen < whole.standard_error
    assert values["kernel_subsets"] == pytest.approx(whole.value, abs=4 * chosen)
    assert found["kernel_subsets"].estimate == values["kernel_subsets"] != values["kernel"]


def test_distances_are_called_fid_with_published_features_alone() -> None:
    apply = jax.tree_util.Partial(lambda x: (x, None))
    own, inception = jg.Features("mine", apply), jg.Features("Inception", apply, published=True)
    names = {name: (label_of(name, own), label_of(name, inception)) for name in ("frechet", "kernel", "score", "mind")}
    assert names == {
        "mind": ("Mine-feature Monge distance", "MIND"),
        "frechet": ("Mine-feature Fréchet distance", "FID"),
        "kernel": ("Mine-feature kernel distance", "KID"),
        "score": ("Mine-feature probability score", "Inception score"),
    }
    assert label_of("kernel_subsets", inception) == "KID over subsets" and label_of("mind", None) == "Monge distance"
    assert "FID" not in label_of("frechet", inception._replace(published=False))


def test_what_is_missing_is_said() -> None:
    file = FeatureSet((moments(np.random.default_rng(0).normal(size=(20, 2))),), None)
    samples = gathered(np.random.default_rng(0).normal(size=(20, 2)))
    sets = Sets(samples, file)
    assert missing("frechet", sets) is None
    assert "only their moments" in str(missing("kernel", sets))
    assert "class probabilities" in str(missing("score", sets))
    assert "no split" in str(missing("authenticity", Sets(samples, samples)))


def test_features_of_any_function_and_of_short_batches() -> None:
    features = jg.Features("sum", jax.tree_util.Partial(lambda x: (x.sum(axis=(1, 2)), None)))
    x = np.full((3, 2, 2, 1), 255, np.uint8)
    np.testing.assert_array_equal(looked_at_by(features, 8)(x)[0], np.full((3, 1), 4.0))
    own = looked_at_by(lambda images: images.reshape(len(images), -1), 8)
    np.testing.assert_array_equal(own(x)[0], np.ones((3, 4)))
    with pytest.raises(DataError, match=r"features must be \[b, d\] for b examples, got shape \[3, 2, 2, 1\]"):
        gather(from_array("x", x), looked_at_by(lambda images: images, 8), batch_size=8, keep=True,
               rng=np.random.default_rng(0))  # fmt: skip


def test_balls_of_the_reference_are_found_once(monkeypatch: pytest.MonkeyPatch) -> None:
    import jaxgan.metrics.manifold as manifold

    rng, kinds = np.random.default_rng(5), ["precision", "density"]
    samples, reference = gathered(rng.normal(size=(60, 2))), gathered(rng.normal(size=(77, 2)))
    expected = intervals(kinds, KEY, Sets(samples, reference), resamples=4)
    found, own = [], manifold.neighbour_radii

    def counted(x: np.ndarray, k: int) -> np.ndarray:
        found.append(len(x))
        return own(x, k)

    monkeypatch.setattr(manifold, "neighbour_radii", counted)
    assert intervals(kinds, KEY, Sets(samples, reference.with_radii([3, 5])), resamples=4) == expected
    assert 77 not in found and found == [60, 30, 30, 30, 30]
    with pytest.raises(ValueError, match=r"expected radii \[m\] of 77 rows, got shape \(3,\)"):
        density_coverage(np.ones((9, 2)), np.ones((77, 2)), radii=np.ones(3))


def test_features_are_held_once() -> None:
    """Not also in parts, and again in another order: of 3 MB in batches of 1/8 at most a quarter more."""
    import tracemalloc

    x = np.random.default_rng(0).normal(size=(8_000, 100)).astype(np.float32)
    x[7] = np.nan
    for rows in (x[8:], x):
        batches, rng = from_array("x", rows), np.random.default_rng(0)
        tracemalloc.start()
        found = gather(batches, AS_THEY_ARE, batch_size=1000, keep=True, rng=rng)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert found.features is not None and len(found.features) == found.n
        np.testing.assert_array_equal(np.sort(found.features, axis=0), np.sort(rows[np.isfinite(rows[:, 0])], axis=0))
        assert peak < (1.25 if rows is not x else 2.25) * rows.nbytes + 16 * 2 * 100**2 * 8


def test_bad_features_are_counted_and_left_out() -> None:
    x = np.random.default_rng(0).normal(size=(40, 2))
    x[3] = np.nan
    found = gathered(x)
    assert found.bad == 1 and found.n == 39 and not found.is_constant
    assert gathered(np.ones((40, 2))).is_constant


def test_what_counts_as_the_same_is_a_distance_of_real_examples() -> None:
    x = np.arange(200, dtype=np.float32)[:, None] ** 2  # nearest distances 1, 1, 3, 5, ...
    assert same_within(x) == 1.0 and same_within(x, 0.5) > 100
