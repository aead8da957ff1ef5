"""Moments in files as others write and read them, by numpy alone."""

import struct
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest

from jaxgan.files import StoreError
from jaxgan.metrics import ReferenceStatistics, frechet_distance, moments, read_statistics, write_statistics

X = np.random.default_rng(0).normal(size=(40, 3))
GOOD = {"mu": np.zeros(2), "sigma": np.eye(2)}


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
        ({"mu": np.zeros(2), "sigma": np.array([[1.0, 2.0], [2.0, 1.0]])}, "got -1 in one, where the largest is 3"),
        ({"mu": np.zeros(2), "sigma": 1e308 * np.eye(2)}, r"expected numbers below 1e\+30"),
        ({"mu": np.array(["a", "b"]), "sigma": np.eye(2)}, "expected numbers"),
        ({"mu": np.zeros(2, complex), "sigma": np.eye(2)}, "expected numbers"),
        (GOOD | {"n": np.arange(3)}, r"s\.npz: expected n to be a number of examples, .*, got an array \[3\]"),
        (GOOD | {"n": np.nan}, r"s\.npz: expected n .* got nan"),
        (GOOD | {"n": "abc"}, r"s\.npz: expected n .* got abc"),
        (GOOD | {"n": -5}, r"s\.npz: expected n to be a number of examples, from 2 to .*, got -5"),
        (GOOD | {"n": 2.5}, r"s\.npz: expected n .* got 2\.5"),
        (GOOD | {"n": 1e300}, r"s\.npz: expected n "),
        (GOOD | {"features": np.zeros(3)}, r"s\.npz: expected features to be a text"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, arrays: dict[str, np.ndarray], message: str) -> None:
    np.savez(tmp_path / "s.npz", **arrays)  # type: ignore[arg-type]
    with pytest.raises(StoreError, match=message):
        read_statistics(tmp_path / "s.npz")


def test_a_covariance_of_float32_is_read(tmp_path: Path) -> None:
    """Its smallest variances, which are 0, become negative by 1e-7 of the largest."""
    x = np.random.default_rng(0).normal(size=(20, 40))
    sigma = np.cov(x, rowvar=False).astype(np.float32)
    assert np.linalg.eigvalsh(sigma.astype(float))[0] < 0
    np.savez(tmp_path / "s.npz", mu=x.mean(axis=0), sigma=sigma)
    found = read_statistics(tmp_path / "s.npz").moments
    assert frechet_distance(found, found) < 1e-3 * np.trace(found.covariance)


def test_what_is_no_archive_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.npz").write_text("no archive")
    np.save(tmp_path / "one.npy", np.zeros(3))
    np.savez(tmp_path / "objects.npz", mu=np.array([print]), sigma=np.eye(1))
    for name in ("text.npz", "one.npy", "objects.npz", "nowhere.npz"):
        with pytest.raises(StoreError, match=r"expected a \.npz with mu and sigma"):
            read_statistics(tmp_path / name)


@pytest.mark.parametrize("how", ["stream", "method", "encrypted"])
def test_a_damaged_archive_is_refused(tmp_path: Path, how: str) -> None:
    """The errors of zlib and zipfile are of many kinds: zlib.error, NotImplementedError, RuntimeError."""
    path = tmp_path / "s.npz"
    np.savez_compressed(path, mu=np.random.default_rng(0).normal(size=2), sigma=np.eye(2))
    with zipfile.ZipFile(path) as archive:
        first = archive.infolist()[0].header_offset
    content = bytearray(path.read_bytes())
    begin = first + 30 + sum(struct.unpack("<HH", content[first + 26 : first + 30]))
    entry = content.find(b"PK\x01\x02")
    if how == "stream":
        content[begin : begin + 2] = b"\xff\xff"
    elif how == "method":
        content[first + 8 : first + 10] = content[entry + 10 : entry + 12] = struct.pack("<H", 99)
    else:
        content[first + 6] |= 1
        content[entry + 8] |= 1
    path.write_bytes(content)
    with pytest.raises(StoreError, match=r"s\.npz: expected a \.npz with mu and sigma, got a file that cannot be read"):
        read_statistics(path)


def with_member(path: Path, name: str, shape: tuple[int, ...], megabytes: int) -> None:
    """Adds an array of zeros, which takes a thousandth on the disk, with any shape in its header."""
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive, archive.open(name, "w") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})
        for _ in range(megabytes):
            file.write(bytes(2**20))


def test_what_is_not_needed_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "s.npz"
    np.savez(path, mu=np.zeros(2), sigma=np.eye(2))
    with_member(path, "junk.npy", (64 * 2**20,), 64)
    tracemalloc.start()
    found = read_statistics(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(found.moments.mean) == 2 and peak < 2**23


def test_arrays_that_do_not_fit_into_memory_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By what the archive says of a member, and, where its header promises more than that, as damaged."""
    np.savez(tmp_path / "s.npz", mu=np.zeros(2))
    np.savez(tmp_path / "t.npz", mu=np.zeros(2))
    with_member(tmp_path / "s.npz", "sigma.npy", (2, 4 * 2**20), 8)
    with_member(tmp_path / "t.npz", "sigma.npy", (2**20, 2**20), 1)
    with pytest.raises(StoreError, match="cannot be read"):
        read_statistics(tmp_path / "t.npz")
    monkeypatch.setattr("jaxgan.metrics.statistics_file.available_memory", lambda: 2**25)
    with pytest.raises(StoreError, match=r"s\.npz: expected arrays that fit into the free 0\.03 GiB of memory"):
        read_statistics(tmp_path / "s.npz")


def test_a_count_that_is_a_float_is_read(tmp_path: Path) -> None:
    np.savez(tmp_path / "s.npz", mu=np.zeros(2), sigma=np.asfortranarray(np.diag([1.0, 2.0])), n=np.array([50000.0]))
    found = read_statistics(tmp_path / "s.npz")
    assert found.n == 50_000 and found.moments.covariance[1, 1] == 2
