"""Reference moments in a file of the published form: `mu` and `sigma` in one .npz."""

import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxgan.files import StoreError, written_whole
from jaxgan.metrics.frechet import Moments

_ASYMMETRY = 1e-4  # of the largest covariance: some published files are float32


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

    Raises:
      StoreError: a missing or damaged file, other arrays, shapes that do not fit, numbers that are not finite, or a
        sigma that is not a covariance.
    """
    path = Path(path)
    if not path.is_file():
        raise StoreError(f"{path}: there is no such file, expected a .npz with mu and sigma")
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            found: dict[str, Any] = {name: arrays[name] for name in arrays.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, AttributeError, TypeError) as error:
        # for a .npy file np.load returns an array, which is not a context manager
        raise StoreError(
            f"{path}: expected a .npz with mu and sigma, got a file that cannot be read as such"
        ) from error
    if missing := [name for name in ("mu", "sigma") if name not in found]:
        listed = ", ".join(sorted(found)) or "none"
        raise StoreError(f"{path}: expected the arrays mu and sigma, got {listed} ({', '.join(missing)} missing)")
    try:
        mu, sigma = (np.asarray(found[name], np.float64) for name in ("mu", "sigma"))
    except (TypeError, ValueError) as error:
        raise StoreError(f"{path}: expected numbers in mu and sigma") from error
    _check(path, mu, sigma)
    n = int(found["n"]) if "n" in found else None
    names = (str(found.get(name, "")) for name in ReferenceStatistics._fields[2:])
    return ReferenceStatistics(Moments(mu, (sigma + sigma.T) / 2, n or 2), n, *names)


def _check(path: Path, mu: np.ndarray, sigma: np.ndarray) -> None:
    if mu.ndim != 1 or not len(mu) or sigma.shape != (len(mu), len(mu)):
        raise StoreError(f"{path}: expected mu [d] and sigma [d, d], got {list(mu.shape)} and {list(sigma.shape)}")
    if not (np.isfinite(mu).all() and np.isfinite(sigma).all()):
        raise StoreError(f"{path}: expected finite numbers in mu and sigma, got NaN or infinity")
    largest = np.abs(sigma).max()
    if np.abs(sigma - sigma.T).max() > _ASYMMETRY * largest or (np.diagonal(sigma) < 0).any():
        raise StoreError(f"{path}: expected sigma to be a covariance, symmetric and without negative variances")
