"""Against torch-fidelity and prdc on one set of features, where they are installed (`pip install -e .[reference]`).

Features go to their functions in float64 and past their networks, which would round to float32.
"""

from typing import Any

import jax
import numpy as np
import pytest
from numpy.typing import NDArray

from jaxgan.metrics.frechet import frechet_distance, moments
from jaxgan.metrics.kernel import kernel_distance, kernel_distance_subsets
from jaxgan.metrics.manifold import density_coverage, precision_recall
from jaxgan.metrics.scores import inception_score
from jaxgan.metrics.transport import sliced_wasserstein, squares_on_lines

torch: Any = pytest.importorskip("torch")
pytest.importorskip("torch_fidelity")
fid: Any = pytest.importorskip("torch_fidelity.metric_fid")
isc: Any = pytest.importorskip("torch_fidelity.metric_isc")
kid: Any = pytest.importorskip("torch_fidelity.metric_kid")
prc: Any = pytest.importorskip("torch_fidelity.metric_prc")
prdc: Any = pytest.importorskip("prdc")

Points = NDArray[np.float64]


def pairs() -> dict[str, tuple[Points, Points]]:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 120, 10))
    turn, few = rng.normal(size=(10, 10)), rng.normal(size=(3, 10))
    a, b = (np.rint(4 * points[:20]) for points in (x, y))  # whole numbers: their distances are exact everywhere
    return {
        "random": (x, 1.2 * y + 0.3),
        "correlated": (x @ turn, y @ turn + 0.5),
        "rank-deficient": (x[:, :3] @ few, 1.1 * y[:, :3] @ few),
        "fewer than features": (x[:8], y[:8] + 0.2),
        "positive": (np.maximum(x, 0), np.maximum(y + 0.2, 0)),
        "far from the origin": (100 + x, 100.5 + y),
        "heavy tails": (x**3, y**3),
        "duplicated": (a.repeat(6, axis=0), np.concatenate([b.repeat(5, axis=0), a])),
        "on a lattice": tuple(rng.integers(0, 3, size=(2, 120, 3)).astype(float)),
    }


@pytest.fixture(params=pairs())
def pair(request: pytest.FixtureRequest) -> tuple[Points, Points]:
    return pairs()[request.param]


def tensors(pair: tuple[Points, Points]) -> list[Any]:
    return [torch.tensor(points) for points in pair]


def test_frechet_distance(pair: tuple[Points, Points]) -> None:
    statistics = [fid.fid_features_to_statistics(t) for t in tensors(pair)]
    expected = fid.fid_statistics_to_metric(*statistics, verbose=False)["frechet_inception_distance"]
    found = frechet_distance(*map(moments, pair))
    # Its roots of the eigenvalues of a product turn an error of 1e-16 in a zero into 1e-8 of the largest.
    scale = sum(float(np.trace(s["sigma"])) for s in statistics)
    assert found == pytest.approx(expected, rel=1e-9, abs=1e-7 * scale)


def test_kernel_distance(pair: tuple[Points, Points]) -> None:
    n = len(pair[0])
    options = {"kid_subsets": 2, "kid_subset_size": n, "rng_seed": 0, "verbose": False}
    expected = kid.kid_features_to_metric(*tensors(pair), **options)["kernel_inception_distance_mean"]
    # Kernels of up to 1e12 far from the origin, which cancel: relative to them, float64's rounding of a sum.
    scale = float(np.max((np.sum(pair[1] ** 2, axis=1) / 10 + 1) ** 3))
    assert kernel_distance(*pair).value == pytest.approx(expected, rel=1e-9, abs=1e-13 * scale)
    found = kernel_distance_subsets(jax.random.key(0), *pair, subsets=2, size=n)
    assert found.mean == pytest.approx(expected, rel=1e-9, abs=1e-13 * scale)


def test_random_subsets_are_drawn_alike() -> None:
    """Of other random numbers: the means differ by their standard errors, and the spreads by a tenth or so."""
    x, y = pairs()["random"]
    options = {"kid_subsets": 400, "kid_subset_size": 40, "rng_seed": 0, "verbose": False}
    expected = kid.kid_features_to_metric(*tensors((x, y)), **options)
    found = kernel_distance_subsets(jax.random.key(0), x, y, subsets=400, size=40)
    error = found.std_over_subsets / np.sqrt(400)
    assert found.mean == pytest.approx(expected["kernel_inception_distance_mean"], abs=4 * np.sqrt(2) * error)
    assert found.std_over_subsets == pytest.approx(expected["kernel_inception_distance_std"], rel=0.25)


@pytest.mark.parametrize("k", [1, 3])
def test_precision_and_recall(pair: tuple[Points, Points], k: int) -> None:
    for part in (False, True):
        options = {"prc_neighborhood": k, "prc_batch_size": 50, "save_cpu_ram": part, "verbose": False}
        expected = prc.prc_features_to_metric(*tensors(pair), **options)
        # Shares of counts, which it takes in float32: no pair lies on the edge of a ball by chance.
        assert precision_recall(*pair, k=k) == pytest.approx((expected["precision"], expected["recall"]), abs=1e-7)


@pytest.mark.parametrize("k", [1, 5])
def test_strict_balls_are_those_of_prdc(pair: tuple[Points, Points], k: int) -> None:
    expected = prdc.compute_prdc(pair[1], pair[0], k)
    found = precision_recall(*pair, k=k, strict=True)._asdict()
    found |= density_coverage(*pair, k=k, strict=True)._asdict()
    assert found == pytest.approx(expected, rel=1e-12)  # counts, divided


@pytest.mark.parametrize("name", ["duplicated", "on a lattice"])
def test_ties_decide_between_the_two_packages(name: str) -> None:
    """A distance equal to a radius counts in torch-fidelity and not in prdc: 1 against 0 for repeated features."""
    x, y = pairs()[name]
    options = {"prc_neighborhood": 1, "prc_batch_size": 50, "save_cpu_ram": False, "verbose": False}
    counted = prc.prc_features_to_metric(*tensors((x, y)), **options)
    strict = prdc.compute_prdc(y, x, 1)
    assert counted["recall"] > 0.1 and strict["recall"] == 0.0  # or this would be no test of ties
    assert precision_recall(x, y, k=1).recall == pytest.approx(counted["recall"], abs=1e-7)  # its shares are float32
    assert precision_recall(x, y, k=1, strict=True).recall == strict["recall"]


def test_mind(pair: tuple[Points, Points]) -> None:
    """On its directions, which it draws by torch and uses in float32; torch-fidelity has it from 0.5 on."""
    mind: Any = pytest.importorskip("torch_fidelity.metric_mind", reason="torch-fidelity has no MIND before 0.5")
    options = {"mind_num_projections": 300, "rng_seed": 0, "cuda": False, "verbose": False}
    expected = mind.mind_features_to_metric(*tensors(pair), **options)["monge_inception_distance"]
    (x, y), d = pair, pair[0].shape[1]
    u = torch.randn(300, d, generator=torch.Generator().manual_seed(0)).double()
    u = (u / u.norm(dim=1, keepdim=True)).numpy().T
    # Float32 keeps 24 bits of each projection, and differences of two are squared.
    scale = 3 * d * max(float(np.max(np.abs(part))) for part in pair) ** 2
    assert 3 * d * squares_on_lines(x @ u, y @ u).mean() == pytest.approx(expected, rel=1e-5, abs=1e-9 * scale)
    found = sliced_wasserstein(jax.random.key(0), x, y, directions=3000)
    error = 3 * d * found.standard_error * np.sqrt(1 + 3000 / 300)  # of both sets of directions
    assert found.mind == pytest.approx(expected, abs=4 * error + 1e-9 * scale)


@pytest.mark.parametrize("n", [50, 103])
def test_inception_score(n: int) -> None:
    logits = 3 * np.random.default_rng(0).normal(size=(n, 12))
    expected = isc.isc_features_to_metric(torch.tensor(logits), splits=10, shuffle=False)
    p = np.exp(logits)
    found = inception_score(p / p.sum(axis=1, keepdims=True))
    assert found.mean == pytest.approx(expected["inception_score_mean"], rel=1e-10)  # float64, other logarithms
    assert found.std_over_splits == pytest.approx(expected["inception_score_std"], rel=1e-9)
