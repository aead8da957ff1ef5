"""Moments in files as others write and read them, by numpy alone."""

from pathlib import Path

import numpy as np
import pytest

from jaxgan.files import StoreError
from jaxgan.metrics import ReferenceStatistics, frechet_distance, moments, read_statistics, write_statistics

X = np.random.default_rng(0).normal(size=(40, 3))


def test_a_file_that_numpy_wrote_is_read(tmp_path: Path) -> None:
    np.savez(tmp_path / "theirs.npz", mu=X.mean(axis=0), sigma=np.cov(X, rowvar=False))
    found = read_statistics(tmp_path / "theirs.npz")
    assert found.n is None and found.features == ""
    # To itself the distance is 0; roots of rounding errors leave 1e-7 at most of unit variances.
    assert frechet_distance(found.moments, moments(X)) == pytest.approx(0, abs=1e-7)


def test_what_is_written_numpy_reads_and_all_comes_back(tmp_path: Path) -> None:
    path, own = tmp_path / "ours.npz", ReferenceStatistics(moments(X), 40, "Inception", "ab12", "digits")
    write_statistics(path, own)
    with np.load(path, allow_pickle=False) as arrays:
        assert arrays["mu"].dtype == arrays["sigma"].dtype == np.float64
        np.testing.assert_array_equal(arrays["mu"], X.mean(axis=0))
        np.testing.assert_allclose(arrays["sigma"], np.cov(X, rowvar=False), rtol=1e-12)
    found = read_statistics(path)
    assert found[1:] == own[1:]
    np.testing.assert_array_equal(found.moments.covariance, own.moments.covariance)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"mean": np.zeros(2), "cov": np.eye(2)}, "expected the arrays mu and sigma, got cov, mean"),
        ({"mu": np.zeros(2), "sigma": np.eye(3)}, r"expected mu \[d\] and sigma \[d, d\], got \[2\] and \[3, 3\]"),
        ({"mu": np.zeros(2), "sigma": np.full((2, 2), np.nan)}, "finite numbers"),
        ({"mu": np.zeros(2), "sigma": np.array([[1.0, 0.5], [-0.5, 1.0]])}, "covariance"),
        ({"mu": np.zeros(2), "sigma": -np.eye(2)}, "covariance"),
        ({"mu": np.array(["a", "b"]), "sigma": np.eye(2)}, "expected numbers"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, arrays: dict[str, np.ndarray], message: str) -> None:
    np.savez(tmp_path / "s.npz", **arrays)  # type: ignore[arg-type]
    with pytest.raises(StoreError, match=message):
        read_statistics(tmp_path / "s.npz")


def test_what_is_no_archive_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.npz").write_text("no archive")
    np.save(tmp_path / "one.npy", np.zeros(3))
    np.savez(tmp_path / "objects.npz", mu=np.array([print]), sigma=np.eye(1))
    for name in ("text.npz", "one.npy", "objects.npz", "nowhere.npz"):
        with pytest.raises(StoreError, match=r"expected a \.npz with mu and sigma"):
            read_statistics(tmp_path / name)
