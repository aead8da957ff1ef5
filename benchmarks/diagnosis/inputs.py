"""The data files of the set-ups, made from scikit-learn's digits and from random numbers: the same on any machine."""

from pathlib import Path

import numpy as np

FILES = ("bare-digits", "few-digits", "few-points", "origin", "moons", "spiral")


def write(folder: Path) -> None:
    """Write all files that do not exist yet."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        path = folder / f"{name}.npz"
        if not path.is_file():
            with path.open("wb") as file:
                np.savez(file, allow_pickle=False, **arrays(name))


def arrays(name: str) -> dict[str, np.ndarray]:
    """Return training and held-out examples.

    bare-digits  digits without labels
    few-digits   40 digits for training, all others held out
    few-points   40 points of a circle for training, 2,000 held out
    origin       points within 0.01 of the origin: a Dirac measure, with some spread for the evaluation
    moons        two half circles
    spiral       an arm of a spiral
    """
    rng = np.random.default_rng(FILES.index(name))
    if name in ("bare-digits", "few-digits"):
        from sklearn.datasets import load_digits

        x = (load_digits().images[..., None] / 8 - 1).astype(np.float32)[rng.permutation(1797)]
        count = 40 if name == "few-digits" else 1437
        return {"x_train": x[:count], "x_test": x[count:]}
    draw = {"few-points": _circle, "origin": _origin, "moons": _moons, "spiral": _spiral}[name]
    return {"x_train": draw(40 if name == "few-points" else 5000, rng), "x_test": draw(2000, rng)}


def _circle(n: int, rng: np.random.Generator) -> np.ndarray:
    angle = rng.uniform(0, 2 * np.pi, n)
    return _noisy(np.stack([np.cos(angle), np.sin(angle)], axis=1), 0.05, rng)


def _origin(n: int, rng: np.random.Generator) -> np.ndarray:
    return _noisy(np.zeros((n, 2)), 0.01, rng)


def _moons(n: int, rng: np.random.Generator) -> np.ndarray:
    angle, upper = rng.uniform(0, np.pi, n), rng.random(n) < 0.5
    x = np.where(upper, np.cos(angle), 1 - np.cos(angle)) - 0.5
    return _noisy(np.stack([x, np.where(upper, np.sin(angle), 0.5 - np.sin(angle)) - 0.25], axis=1), 0.05, rng)


def _spiral(n: int, rng: np.random.Generator) -> np.ndarray:
    turn = 3 * np.pi * np.sqrt(rng.random(n))
    return _noisy(np.stack([turn * np.cos(turn), turn * np.sin(turn)], axis=1) / (3 * np.pi), 0.02, rng)


def _noisy(x: np.ndarray, size: float, rng: np.random.Generator) -> np.ndarray:
    return (x + size * rng.normal(size=x.shape)).astype(np.float32)
