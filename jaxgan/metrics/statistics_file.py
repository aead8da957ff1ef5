"""Reference moments in a file of the published form: `mu` and `sigma` in one .npz."""

import math
import zipfile
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np

from jaxgan.files import StoreError, written_whole
from jaxgan.memory import available_memory
from jaxgan.metrics.frechet import NEGATIVE, Moments
from jaxgan.npy import npy_header

_ASYMMETRY = 1e-4  # of the largest covariance: some published files are float32
_COPIES = 5  # as stored, in float64, and what the checks and the mean with the transpose need
_LARGEST = 1e30  # squares of larger numbers overflow in float32, and products of several in float64
_MOST = 2**53  # examples: up to there every float is a whole number of its own


class ReferenceStatistics(NamedTuple):
    """The moments of features of real examples, with their origin.

    moments:  of n examples; if n is unknown it is 2, the smallest number that a distance accepts
    n:        the number of examples, or None: published files do not state it
    features: the name of the feature extractor, or ""
    digest:   SHA-256 of the extractor's learned parameters, or ""
    data:     the name of the examples, or ""
    """

    moments: Moments
    n: int | None = None
    features: str = ""
    digest: str = ""
    data: str = ""


_KNOWN = ("mu", "sigma", *ReferenceStatistics._fields[1:])


def write_statistics(path: Path | str, statistics: ReferenceStatistics) -> None:
    """Writes `mu` [d] and `sigma` [d, d] in float64, as other programs expect, and whatever else is known.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_statistics(Path(folder, "s.npz"), ReferenceStatistics(Moments(np.ones(1), np.eye(1), 9), 9, "mine"))
    ...     found = read_statistics(Path(folder, "s.npz"))
    >>> found.moments.mean, found.n, found.features
    (array([1.]), 9, 'mine')
    """
    moments, n, *names = statistics
    known: dict[str, Any] = {} if n is None else {"n": np.int64(n)}
    known |= {key: np.array(text) for key, text in zip(statistics._fields[2:], names, strict=True) if text}
    with written_whole(Path(path)) as partial, partial.open("wb") as file:
        np.savez(file, mu=moments.mean, sigma=moments.covariance, **known)  # type: ignore[arg-type]


def read_statistics(path: Path | str) -> ReferenceStatistics:
    """Reads what `write_statistics` or another program wrote: `mu` and `sigma`, no Python objects.

    Other arrays in the file are not read, however large they are.

    Raises:
      StoreError: a missing or damaged file, one that does not fit into memory, other arrays, shapes that do not fit,
        numbers that are not finite, a sigma that is not a covariance, or an n that is no number of examples.

    Example:
      >>> import tempfile
      >>> with tempfile.TemporaryDirectory() as folder:
      ...     np.savez(f"{folder}/stats.npz", mu=np.zeros(3), sigma=np.eye(3))
      ...     read_statistics(f"{folder}/stats.npz").moments.mean.shape
      (3,)
    """
    path = Path(path)
    if not path.is_file():
        raise StoreError(f"{path}: there is no such file, expected a .npz with mu and sigma")
    try:
        found = _arrays(path)
    except StoreError:
        raise
    except Exception as error:  # of a damaged file, from anywhere in zipfile, zlib and NumPy
        raise StoreError(
            f"{path}: expected a .npz with mu and sigma, got a file that cannot be read as such"
        ) from error
    if any(found[name].dtype.kind not in "fiu" for name in ("mu", "sigma")):
        raise StoreError(f"{path}: expected numbers in mu and sigma")
    mu, sigma = (np.asarray(found[name], np.float64) for name in ("mu", "sigma"))
    _check(path, mu, sigma)
    n = _count(path, found["n"]) if "n" in found else None
    names = (_text(path, name, found[name]) if name in found else "" for name in ReferenceStatistics._fields[2:])
    return ReferenceStatistics(Moments(mu, (sigma + sigma.T) / 2, n or 2), n, *names)


def _arrays(path: Path) -> dict[str, np.ndarray]:
    """Reads the arrays of known names; their sizes are compared with the free memory first.

    An archive states how long each member is, and no more than that is unpacked.
    """
    with path.open("rb") as file, zipfile.ZipFile(file) as archive:
        names = [name.removesuffix(".npy") for name in archive.namelist()]
        if missing := [name for name in ("mu", "sigma") if name not in names]:
            listed = ", ".join(sorted(names)) or "none"
            raise StoreError(f"{path}: expected the arrays mu and sigma, got {listed} ({', '.join(missing)} missing)")
        members = {name: archive.getinfo(f"{name}.npy") for name in _KNOWN if name in names}
        needed, free = _COPIES * sum(member.file_size for member in members.values()), available_memory()
        if needed > free:
            raise StoreError(
                f"{path}: expected arrays that fit into the free {free / 2**30:.2f} GiB of memory, "
                f"got {', '.join(members)}, which need {needed / 2**30:.2f} GiB"
            )
        found = {}
        for name, member in members.items():
            with archive.open(member) as stream:
                found[name] = _array(stream, member.file_size)
        return found


def _array(stream: IO[bytes], size: int) -> np.ndarray:
    """Reads an array whose numbers are no more than the member has; NumPy reserves memory for what the header says."""
    shape, by_columns, dtype = npy_header(stream)
    count = math.prod(shape)
    if dtype.hasobject or count * dtype.itemsize > size:
        raise ValueError(f"expected numbers, {size} bytes at most")
    values = np.frombuffer(stream.read(count * dtype.itemsize), dtype, count) if count else np.zeros(0, dtype)
    return values.reshape(shape, order="F" if by_columns else "C")


def _count(path: Path, value: np.ndarray) -> int:
    """The number of examples, also where a program stored it as a float."""
    if value.size == 1 and value.dtype.kind in "iuf":
        number = value.reshape(())[()]
        if 2 <= number <= _MOST and number == int(number):
            return int(number)
    shown = str(value.reshape(())[()])[:40] if value.size == 1 else f"an array {list(value.shape)}"
    raise StoreError(f"{path}: expected n to be a number of examples, from 2 to {_MOST:,}, got {shown}")


def _text(path: Path, name: str, value: np.ndarray) -> str:
    if value.ndim or value.dtype.kind not in "US":
        raise StoreError(f"{path}: expected {name} to be a text, got an array {list(value.shape)} of {value.dtype}")
    return str(value)


def _check(path: Path, mu: np.ndarray, sigma: np.ndarray) -> None:
    if mu.ndim != 1 or not len(mu) or sigma.shape != (len(mu), len(mu)):
        raise StoreError(f"{path}: expected mu [d] and sigma [d, d], got {list(mu.shape)} and {list(sigma.shape)}")
    if not (np.isfinite(mu).all() and np.isfinite(sigma).all()):
        raise StoreError(f"{path}: expected finite numbers in mu and sigma, got NaN or infinity")
    if (most := max(np.abs(mu).max(), np.abs(sigma).max())) >= _LARGEST:
        raise StoreError(f"{path}: expected numbers below {_LARGEST:g} in mu and sigma, got {most:g}")
    largest = np.abs(sigma).max()
    if np.abs(sigma - sigma.T).max() > _ASYMMETRY * largest or (np.diagonal(sigma) < 0).any():
        raise StoreError(f"{path}: expected sigma to be a covariance, symmetric and without negative variances")
    variances = np.linalg.eigvalsh((sigma + sigma.T) / 2)
    if variances[0] < -NEGATIVE * variances[-1]:
        line = f"got {variances[0]:.3g} in one, where the largest is {variances[-1]:.3g}"
        raise StoreError(f"{path}: expected sigma to be a covariance without negative variances, {line}")
