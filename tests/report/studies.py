"""Studies without any training, whose failures follow a border that is known."""

from typing import Any

import numpy as np
import xarray as xr

from jaxgan.results.results import SCHEMA, Metric, Results, variable
from tests.synthetic import dataset

CODES = ("DIVERGED", "COLLAPSED", "NOT_LEARNED")
MODES = np.stack([np.cos(np.arange(8) * np.pi / 4), np.sin(np.arange(8) * np.pi / 4)], -1).astype(np.float32)
COVERED = Metric("modes", "Modes captured of 8", 0.0, True, {"perfect sampler": 8.0})
DISTANCE = Metric("energy", "Energy distance", np.inf, False, {"real against real": 0.002, "untrained": 1.4})
_RUN = ("configuration", "seed")


def rates(n: int) -> np.ndarray:
    """Learning rates, evenly spread over the logarithm."""
    return np.geomspace(3e-4, 1.6e-2, n)


def make_study(
    recipes: tuple[str, ...] = ("minimax", "non_saturating"),
    x: int = 4,
    y: int = 4,
    seeds: int = 4,
    looks: int = 5,
    records: int = 20,
    sampled: int | None = None,
) -> Results:
    """Of every recipe `x` learning rates of D times `y` of G (0: only D's are varied).

    A seed fails the more probably the larger both are; the k-th recipe has its border k / 2 decades further out.
    Samples of all runs are there, or of the first `sampled` seeds of every other configuration.
    """
    rng = np.random.default_rng(0)
    cells = [(recipe, a, b) for recipe in recipes for a in rates(x) for b in (rates(y) if y else [np.nan])]
    of = np.array([recipes.index(recipe) for recipe, _, _ in cells])
    lr_d, lr_g = (np.array([cell[k] for cell in cells]) for k in (1, 2))
    badness = np.log10(lr_d / 2e-3) + (np.log10(lr_g / 2e-3) if y else 0.0) - 0.5 * of
    u = rng.random((len(cells), seeds))
    failed = u < 1 / (1 + np.exp(-6 * badness))[:, None]
    kind = np.where(badness > 1, 0, np.where(lr_d > 3e-3, 2, 1))[:, None] * np.ones((1, seeds), int)
    outcome = np.where(failed, np.array(CODES)[kind], "HEALTHY").astype("<U20")
    when = np.where(failed, 1 + (1000 * u * 0.8).astype(int), 0)
    at, probes = np.linspace(50, 1000, records).astype(int), np.linspace(50, 1000, looks).astype(int)
    looked = np.where(probes < 200, "NOT_LEARNED", np.where(failed[..., None] & (probes >= when[..., None]),
                                                           outcome[..., None], "HEALTHY")).astype("<U20")  # fmt: skip
    modes = np.where(failed, rng.integers(0, 4, failed.shape), rng.integers(6, 9, failed.shape)).astype(float)
    energy = np.exp(rng.normal(-4, 0.5, failed.shape)) + 0.8 * failed
    along = energy[..., None] + 1.4 * np.exp(-probes / 200)
    names = [f"{recipe} lr_d={a:.3g}" + (f" lr_g={b:.3g}" if y else "") for recipe, a, b in cells]
    variables = [
        variable("metric", "outcome", _RUN, outcome),
        variable("metric", "failed_at", _RUN, when),
        variable("metric", "stopped_at", _RUN, np.zeros_like(when)),
        variable("metric", "outcome_along", (*_RUN, "probe_step"), looked),
        variable("metric", "modes", _RUN, modes),
        variable("metric", "energy", _RUN, energy),
        variable("metric", "energy_along", (*_RUN, "probe_step"), along),
        variable("setting", "recipe", ("configuration",), np.array([cell[0] for cell in cells])),
        variable("setting", "lr_d", ("configuration",), lr_d),
        *([variable("setting", "lr_g", ("configuration",), lr_g)] if y else []),
        *_series(failed, at, rng),
    ]
    samples, listed = _samples(failed, names, sampled, rng)
    varied = {name: {"values": rates(n).tolist(), "log": True} for name, n in (("lr_d", x), ("lr_g", y)) if n}
    notes = {
        "kind": "run", "noun": "configuration", "data": "ring", "steps": 1000, "command": "jaxgan study rates.toml",
        "explanations": {
            "HEALTHY": "fine", "DIVERGED": "it blew up", "COLLAPSED": "few modes", "NOT_LEARNED": "far off"
        },
        "rules": ["COLLAPSED: fewer than 4 of 8 modes."], "sample_sizes": {"samples per seed": 2500},
        "study": {"name": "rates", "planned": [], "varied": varied},
    } | listed  # fmt: skip
    config: dict[str, Any] = {
        "schema": SCHEMA, "job": "study", "command": "jaxgan study rates.toml", "key": 7, "commit": "abc123",
        "config": {"recipe": list(recipes)}, "versions": {"jax": "9.9"}, "device": "a machine",
    }  # fmt: skip
    coordinates = {"configuration": names, "seed": np.arange(seeds), "step": at, "probe_step": probes}
    return Results(dataset(variables + samples, coordinates), (COVERED, DISTANCE), config, notes)


def _series(failed: np.ndarray, at: np.ndarray, rng: np.random.Generator) -> list[tuple[str, xr.Variable]]:
    noise = rng.normal(size=(*failed.shape, len(at))).astype(np.float32)
    decay = np.where(failed[..., None], 10 ** (-at / 300), 1.0)
    found = {
        "g_loss": 0.7 + 0.1 * noise, "d_loss": 1.3 + 0.1 * noise, "value": -1.3 + 0.1 * noise,
        "d_real_mean": 0.55 + 0.02 * noise, "d_fake_mean": np.where(failed[..., None], 0.02, 0.48) + 0.005 * noise,
        "g_grad_norm": decay * np.exp(0.1 * noise), "g_update_norm": 0.1 + 0.01 * noise,
    }  # fmt: skip
    return [variable("series", name, (*_RUN, "step"), values.astype(np.float32)) for name, values in found.items()]


def _samples(
    failed: np.ndarray, names: list[str], sampled: int | None, rng: np.random.Generator
) -> tuple[list[tuple[str, xr.Variable]], dict[str, Any]]:
    """A failed run's samples are all at one mode."""
    runs = [(i, j) for i, j in np.ndindex(*failed.shape) if sampled is None or (i % 2 == 0 and j < sampled)]
    which = rng.integers(0, 8, (len(runs), 200)) * ~failed[tuple(np.transpose(runs))][:, None]
    fake = (MODES[which] + rng.normal(0, 0.05, (len(runs), 200, 2))).astype(np.float32)
    real = (MODES[rng.integers(0, 8, 200)] + rng.normal(0, 0.02, (200, 2))).astype(np.float32)
    lead: tuple[str, ...] = ("sampled",)
    if sampled is None:
        fake, lead = fake.reshape(*failed.shape, 200, 2), _RUN
    found = [("real", (), real), ("modes", (), MODES), ("fake", lead, fake)]
    listed = {} if sampled is None else {"sampled": [[names[i], j] for i, j in runs]}
    return [variable("sample", name, dims, values) for name, dims, values in found], listed
