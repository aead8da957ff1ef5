"""Randomly modified user files: arrays, pictures, moments, code and the settings of runs."""

import functools
import io
import json
import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.faults import bench as runs
from benchmarks.faults import process
from benchmarks.faults.planning import came, fits, plan_only
from benchmarks.faults.trial import Bench, Trial, rng_for, scaled, spread_over

TRIALS = 300
SIZES = [
    *("--seeds", "2", "--steps", "2", "--width", "4", "--samples", "60", "--batch-size", "8"),
    *("--evaluate-every", "1", "--no-compile-cache"),
]
LOSS = """import jax.numpy as jnp
import jaxgan as jg

def d_loss(real, fake):
    return 0.5 * (real - 1.0) ** 2, 0.5 * fake**2

def g_loss(real, fake):
    return 0.5 * (fake - 1.0) ** 2

own = jg.Loss(d_loss, g_loss)
"""
NETWORK = """import flax.linen as nn
import jax.numpy as jnp

class Own(nn.Module):
    features: int = 2

    @nn.compact
    def __call__(self, z, train: bool = True):
        hidden = nn.relu(nn.Dense(4)(z))
        return nn.Dense(self.features)(hidden)
"""
RECIPE = """import jax
import optax
import jaxgan as jg

def own(generator, discriminator, prior, *, lr: float = 1e-3, batch_size: int = 8):
    shifted = lambda key, n: 10.0 + 0.1 * jax.random.normal(key, (n, 2))
    game = jg.adversarial_game(generator, discriminator, shifted, jg.non_saturating)
    return jg.alternating(game, optax.adam(lr), optax.adam(lr), batch_size=batch_size)
"""
_JUNK = [None, True, -1, 0, 10**30, 1e308, float("nan"), "", "x", "../x", [], [1], {}, {"a": 1}, "0" * 300, "\0"]


def trials(bench: Bench, scale: float) -> list[Trial]:
    """Return trials, with each kind of file equally often."""
    cases = spread_over(list(KINDS), scaled(TRIALS, scale))
    return [Trial("inputs", number, case, {"seed": bench.seed}) for number, case in enumerate(cases)]


def attempt(trial: Trial, bench: Bench, folder: Path) -> tuple[bool, str]:
    """Run one command on one file, without training."""
    words = KINDS[trial.case](rng_for(bench.seed, "inputs", trial.number), folder, bench)
    ended = process.run(words, folder / "said", plan_only)
    right = fits(ended) and not (folder / "out").exists()
    what = came(ended) if right else f"{ended.said}{', and something was written' if (folder / 'out').exists() else ''}"
    return right, what


def changed(content: bytes, rng: np.random.Generator) -> bytes:
    """Flip, cut off, double, zero or insert some bytes.

    Example:
      >>> changed(b"abc", np.random.default_rng(0)) != b"abc"
      True
    """
    data = bytearray(content)
    for _ in range(int(rng.integers(1, 5))):
        at = int(rng.integers(len(data))) if data else 0
        span = int(rng.integers(1, 40))
        match int(rng.integers(5)):
            case 0:
                data[at : at + 1] = bytes([(data[at] if data else 0) ^ (1 << int(rng.integers(8)))])
            case 1:
                del data[at : at + span]
            case 2:
                data[at:at] = data[at : at + span]
            case 3:
                data[at : at + span] = bytes(min(span, len(data) - at))
            case _:
                data[at:at] = rng.bytes(span)
    return bytes(data) if bytes(data) != content else content + b"\0"


def an_array(rng: np.random.Generator) -> np.ndarray:
    """Draw an array of any shape and type, with any numbers."""
    axes = int(rng.integers(0, 6))
    shape = tuple(int(n) for n in rng.choice([0, 1, 2, 3, 8, 60], axes))
    if np.prod(shape) > 10**6:
        shape = shape[:3]
    kind = rng.choice(["f2", "f4", ">f8", "u1", "i8", "u2", "?", "c8", "U3", "S2", "M8[s]", "V4", "f4,i2"])
    with np.errstate(all="ignore"):
        values = rng.normal(0, 10.0 ** rng.integers(-3, 40), shape)
        values = np.where(rng.random(shape) < rng.choice([0.0, 0.1]), rng.choice([np.nan, np.inf, -np.inf]), values)
        try:
            return np.asarray(values).astype(str(kind))
        except (ValueError, TypeError, OverflowError):
            return np.zeros(shape, str(kind))


def _npy(rng: np.random.Generator, folder: Path, bench: Bench) -> list[str]:
    stream = io.BytesIO()
    np.save(stream, an_array(rng) if rng.random() < 0.5 else rng.normal(size=(60, 2)).astype(np.float32))
    content = stream.getvalue()
    (folder / "x.npy").write_bytes(content if rng.random() < 0.3 else changed(content, rng))
    return _train("--data", str(folder / "x.npy"), folder=folder)


def _npz(rng: np.random.Generator, folder: Path, bench: Bench) -> list[str]:
    stream = io.BytesIO()
    names = ["x", "y", "x_train", "x_test", "labels", "arr_0", "images", "", "a/b", "..", "y_train"]
    arrays = {str(name): an_array(rng) for name in rng.choice(names, int(rng.integers(0, 4)), replace=False)}
    if rng.random() < 0.6:
        arrays["x"] = rng.integers(0, 256, (60, 8, 8)).astype(np.uint8)
    save = np.savez_compressed if rng.random() < 0.5 else np.savez
    save(stream, **arrays)  # type: ignore[arg-type]
    content = stream.getvalue()
    (folder / "x.npz").write_bytes(content if rng.random() < 0.4 else changed(content, rng))
    return _train("--data", str(folder / "x.npz"), *_some(rng, "--conditional", "--image-size=8"), folder=folder)


def _moments(rng: np.random.Generator, folder: Path, bench: Bench) -> list[str]:
    """Make a file of moments, with other arrays, too, and some points to compare with it."""
    points = rng.normal(size=(60, 2))
    np.save(folder / "points.npy", points.astype(np.float32))
    arrays: dict[str, Any] = {"mu": points.mean(0), "sigma": np.cov(points.T)}
    for name in rng.choice(["mu", "sigma", "n", "features", "digest", "data", "x", "n", "n"], int(rng.integers(0, 3))):
        odd = [an_array(rng), np.array(rng.choice([-5, 1, 60, 10**18])), np.array("abc"), np.array(np.nan)]
        arrays[str(name)] = odd[int(rng.integers(len(odd)))]
    stream = io.BytesIO()
    (np.savez_compressed if rng.random() < 0.5 else np.savez)(stream, **arrays)  # type: ignore[operator]
    content = stream.getvalue()
    (folder / "moments.npz").write_bytes(content if rng.random() < 0.4 else changed(content, rng))
    words = ["evaluate", str(folder / "points.npy"), "--reference", str(folder / "moments.npz")]
    return [*words, "--metrics", "frechet", "--resamples", "0"]


def _pictures(rng: np.random.Generator, folder: Path, bench: Bench) -> list[str]:
    from PIL import Image

    root, odd = folder / "pictures", 0.02 if rng.random() < 0.5 else 0.3
    classes, misplaced = ["a", "b"] if rng.random() < 0.5 else [""], rng.random() < 0.3
    for number in range(int(rng.integers(1, 60))):
        rare = rng.random(4) < odd
        mode = str(rng.choice(["RGB", "RGBA", "P", "1", "CMYK", "I;16"])) if rare[0] else "L"
        size = tuple(rng.integers(1, 12, 2).tolist()) if rare[1] else (8, 8)
        kind = "tiff" if mode in ("CMYK", "I;16") else str(rng.choice(["png", "bmp", "gif"]))
        path = (
            root
            / str(rng.choice(["", "train", "x y", "\u00e9"] if rare[2] and misplaced else classes))
            / f"{number}.{kind}"
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(0, 256, (size[1], size[0])).astype(np.uint8)
        Image.fromarray(pixels).convert("I" if mode == "I;16" else mode).save(path)
        if rare[3]:
            path.write_bytes(changed(path.read_bytes(), rng))
        elif rng.random() < odd / 4:
            path.rename(path.with_suffix(str(rng.choice([".jpg", ".txt", "", ".npz"]))))
    return _train("--data", str(root), *_some(rng, "--conditional", "--image-size=8"), folder=folder)


def _code(text: str, name: str, option: str, rng: np.random.Generator, folder: Path, bench: Bench) -> list[str]:
    (folder / "own.py").write_bytes(_changed_code(text, rng))
    return _train("--data", "ring", option, f"{folder / 'own.py'}:{name}", folder=folder)


def _changed_code(text: str, rng: np.random.Generator) -> bytes:
    """Modify code: change some bytes, or replace words by others, mostly such that the code can still be parsed."""
    if rng.random() < 0.2:
        return changed(text.encode(), rng)
    parsed = rng.random() < 0.8
    for _ in range(40):
        found = re.split(r"(\w+)", text)  # words at odd indices, the text between them at even ones
        for _ in range(int(rng.integers(1, 4))):
            at = int(rng.integers(0, len(found) // 2)) * 2 + 1
            other = found[int(rng.integers(0, len(found) // 2)) * 2 + 1]
            found[at] = str(rng.choice([other, other, "None", "0", "real", "-1.0", "1 / 0", "[]", "'a'", "jnp", "()"]))
        new = "".join(found)
        if not parsed or _parses(new):
            break
    return new.encode()


def _parses(text: str) -> bool:
    try:
        with warnings.catch_warnings(action="ignore"):
            compile(text, "own.py", "exec")
    except (SyntaxError, ValueError):
        return False
    return True


def _settings(rng: np.random.Generator, folder: Path, bench: Bench) -> list[str]:
    """Make a run with a modified config.json, in most cases with a valid digest, as if it were written by hand."""
    from jaxgan.results.seal import write_sealed

    run = runs.copied(bench.folder / str(rng.choice(["stopped", "whole"])), folder / "run")
    if rng.random() < 0.3:
        (run / "config.json").write_bytes(changed((run / "config.json").read_bytes(), rng))
    else:
        content = json.loads((run / "config.json").read_text("utf-8"))
        for _ in range(int(rng.integers(1, 3))):
            _change_one(content, rng)
        write_sealed(run / "config.json", content)
    commands = [["train", "--resume", "--out"], ["check"], ["sample", "-n", "4", "--out", str(folder / "s"), "--run"]]
    words = commands[int(rng.integers(2))]
    return [*words, str(run)]


def _change_one(content: dict[str, Any], rng: np.random.Generator) -> None:
    while True:
        key = str(rng.choice(sorted(content)))
        if isinstance(content[key], dict) and content[key] and rng.random() < 0.7:
            content = content[key]
            continue
        if rng.random() < 0.3:
            del content[key]
        else:
            content[key] = _JUNK[int(rng.integers(len(_JUNK)))]
        return


def _train(*words: str, folder: Path) -> list[str]:
    return ["train", *words, *SIZES, "--out", str(folder / "out")]


def _some(rng: np.random.Generator, *words: str) -> list[str]:
    return [word for word in words if rng.random() < 0.3]


KINDS: dict[str, Callable[[np.random.Generator, Path, Bench], list[str]]] = {
    ".npz": _npz,
    ".npy": _npy,
    "folder of pictures": _pictures,
    "moments of --reference": _moments,
    "own loss": functools.partial(_code, LOSS, "own", "--loss"),
    "own recipe": functools.partial(_code, RECIPE, "own", "--recipe"),
    "own network": functools.partial(_code, NETWORK, "Own", "--generator"),
    "config.json of a run": _settings,
}
