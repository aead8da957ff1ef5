"""Results without any training, with known numbers: a run of losses over seeds, and gradient profiles of each kind."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from jaxgan.files import write_json
from jaxgan.results.results import SCHEMA, Metric, Results, variable
from jaxgan.results.store import RESULTS, write_metrics

BOTH = ("minimax", "non_saturating")
ODD = "my file.py:ls <b>[red]$x$|"
STEPS = 40
PROBES = np.array([10, 20, 30, 40])
DISTANCE = Metric("frechet", "Fréchet distance", np.inf, False, {"real against real": 1.25, "untrained": 310.0})
CAPTURED = Metric("captured", "Classes captured of 10", 0.0, True, {"held-out images": 10.0})
LOG4 = float(np.log(4))
PROBE_STEPS = np.array([1, 2, 5, 10, 20, 50, 100, 200])  # steps at which gradients were measured
BITS = {"float32": 5e-7, "float64": 2e-15}
QUANTILES = [0.05, 0.25, 0.5, 0.75, 0.95]
_RUN = ("configuration", "seed")
_CAUSE = {"label": "the generator's gradient vanished", "explanation": "A certain discriminator saturates the loss.",
          "advice": "Take the non-saturating loss."}  # fmt: skip


def dataset(variables: list[tuple[str, xr.Variable]], coordinates: dict[str, Any]) -> xr.Dataset:
    """With those of the coordinates that have a dimension."""
    found = xr.Dataset(dict(variables))
    return found.assign_coords({name: values for name, values in coordinates.items() if name in found.dims})


def series_variables(shape: tuple[int, int], steps: NDArray) -> list[tuple[str, xr.Variable]]:
    """Of the first configuration the gradient falls by four decades; of the others it stays at 2."""
    rng, n = np.random.default_rng(0), len(steps)
    decay = np.geomspace(1.0, 1e-4, STEPS)[steps - 1]
    first = np.arange(shape[0])[:, None, None] == 0
    full = np.ones((*shape, n))
    series = {
        "g_loss": rng.normal(size=(*shape, n)),
        "d_loss": rng.normal(size=(*shape, n)),
        "value": rng.normal(size=(*shape, n)),
        "d_real_mean": 0.75 * full,
        "d_fake_mean": np.where(first, 0.02, 0.48) * full,
        "d_fake_quantiles": np.full((*shape, n, 5), 0.5),
        "g_grad_norm": np.where(first, decay, 2.0) * full,
        "g_update_norm": 0.1 * full,
    }
    more = {"d_fake_quantiles": ("quantile",)}
    return [
        variable("series", name, (*_RUN, "step", *more.get(name, ())), values.astype(np.float32))
        for name, values in series.items()
    ]


def metric_variables(shape: tuple[int, int]) -> list[tuple[str, xr.Variable]]:
    """Distance 200, 199, ... under the first configuration, 30, 31, ... under the others; also along training."""
    k, n = shape
    distance = np.stack([200.0 - np.arange(n), *(30.0 + np.arange(n) for _ in range(k - 1))])
    captured = np.stack([np.full(n, 4.0), *(np.full(n, 10.0) for _ in range(k - 1))])
    along = 300.0 - (300.0 - distance[..., None]) * np.array([0.2, 1.1, 0.6, 1.0])  # best at the second probe
    return [
        variable("metric", "outcome", _RUN, np.full(shape, "HEALTHY", dtype="<U24")),
        variable("metric", "frechet", _RUN, distance),
        variable("metric", "captured", _RUN, captured),
        variable("metric", "frechet_along", (*_RUN, "probe_step"), along),
    ]


def sample_variables(shape: tuple[int, int], *, points: bool) -> list[tuple[str, xr.Variable]]:
    rng = np.random.default_rng(1)
    if points:
        modes = np.array([[1.0, 0.0], [-1.0, 0.0]], np.float32)
        fake = np.tile(modes, (*shape, 1, 1))
        fake[0, 0, 0] = 9.0
        found = {"real": modes, "fake": fake, "modes": modes, "sigma": np.array(0.1)}
    else:
        found = {"real": rng.uniform(-1, 1, (5, 8, 8, 1)), "fake": rng.uniform(-1, 1, (*shape, 5, 8, 8, 1))}
    return [variable("sample", name, _RUN if name == "fake" else (), values) for name, values in found.items()]


def make_run(
    configurations: tuple[str, ...] = BOTH,
    seeds: int = 8,
    *,
    failures: dict[tuple[int, int], str] | None = None,
    points: bool = False,
    notes: dict[str, Any] | None = None,
    steps: NDArray | None = None,
    causes: bool = False,
) -> Results:
    """A run as training leaves it. `causes`: in seeds 0 to 5 of the first configuration the gradient vanished."""
    shape, at = (len(configurations), seeds), np.arange(1, STEPS + 1) if steps is None else steps
    variables = series_variables(shape, at) + metric_variables(shape) + sample_variables(shape, points=points)
    if causes:
        had = (np.arange(shape[0])[:, None] == 0) & (np.arange(seeds) < 6)
        for name, value in (("begin", 6.0), ("end", 30.0), ("depth", 0.02)):
            variables.append(variable("cause", f"vanishing_{name}", _RUN, np.where(had, value, np.nan)))
    found = dataset(
        variables,
        {"configuration": list(configurations), "seed": np.arange(seeds), "step": at, "probe_step": PROBES,
         "quantile": QUANTILES},
    )  # fmt: skip
    for (i, j), code in (failures or {}).items():
        found["outcome"].values[i, j] = code
        if code == "DIVERGED":
            found["frechet"].values[i, j] = np.nan
            found["sample_fake"].values[i, j] = np.nan
            for own, values in found.data_vars.items():
                if values.attrs["group"] == "series":
                    found[str(own)].values[i, j, len(at) // 2 :] = np.nan
    usual = {
        "kind": "run",
        "noun": "loss",
        "quantiles": QUANTILES,
        "data": "digits",
        "steps": STEPS,
        "sample_sizes": {"samples per seed": 5000, "held-out images": 360},
        "accuracy": 0.9917,
        "explanations": {"HEALTHY": "fine", "DIVERGED": "it blew up", "COLLAPSED": "few classes"},
        "rules": ["COLLAPSED: fewer than 5 of 10 classes."],
        "command": "jaxgan compare --seeds 8",
        "equilibrium": {"value": -LOG4, "d_loss": LOG4, "d_fake_mean": 0.5, "g_loss/minimax": -LOG4 / 2},
    } | ({"causes": {"vanishing": _CAUSE}} if causes else {})
    config = {
        "schema": SCHEMA,
        "job": "compare",
        "command": "jaxgan compare --seeds 8",
        "config": {"lr_d": 0.001, "loss": list(configurations)},
        "versions": {"jax": "9.9"},
        "device": "a machine",
        "commit": "abc123",
        "key": 7,
    }
    return Results(found, (DISTANCE, CAPTURED), config, usual if notes is None else notes)


def paper_variables(losses: tuple[str, ...]) -> list[tuple[str, xr.Variable]]:
    """The first loss saturates as minimax does, the derivative of the others is -1."""
    logits = np.linspace(-30, 30, 121)
    d = 1 / (1 + np.exp(-logits))
    d_logit = np.stack([-d, *(-np.ones_like(d) for _ in losses[1:])])
    curves = {
        "value": np.stack([np.log1p(-d), *(-logits for _ in losses[1:])]),
        "d_logit": d_logit,
        "d_probability": d_logit / d / (1 - d),
    }
    found = {f"{name}32": values.astype(np.float32) for name, values in curves.items()}
    found |= {f"{name}64": values for name, values in curves.items()}
    found |= {"closed_d_logit": d_logit, "error_d_logit": np.stack([1e-8 * d, *(0 * d for _ in losses[1:])])}
    axes = {"logits": logits, "d": d, "one_minus_d": 1 - d}
    return [variable("paper", name, ("loss", "logit"), values) for name, values in found.items()] + [
        variable("paper", name, ("logit",), values) for name, values in axes.items()
    ]


def gradient_variables(
    losses: tuple[str, ...], lead: tuple[str, ...], shape: tuple[int, ...], *, frozen: bool
) -> list[tuple[str, xr.Variable]]:
    """The first loss loses 10 decades per 1,000 steps, the others keep a norm of 2, times that of the configuration."""
    norm = np.full((*shape, len(PROBE_STEPS), len(losses)), 2.0)
    norm[..., 0] = 10 ** (-PROBE_STEPS / 100)
    norm *= 1.0 + np.arange(shape[0]).reshape(-1, *[1] * (norm.ndim - 1))
    quantiles = np.broadcast_to(np.array([-9.0, -5, -3, -1, 2]), (*norm.shape[:-1], 5))
    of_loss: dict[str, tuple[tuple[str, ...], NDArray]] = {
        "norm": (("loss",), norm),
        "noise": (("loss",), norm / 3),
        "snr": (("loss",), np.full(norm.shape, 3.0)),
        "saturated": (("loss",), np.full(norm.shape, 0.25)),
        "cosine": (("loss", "other_loss"), np.full((*norm.shape, len(losses)), 0.5)),
        "layers": (("loss", "layer"), norm[..., None] * np.array([0.6, 0.8])),
        "fake_logit": (("quantile",), quantiles),
        "d_fake": (("quantile",), 1 / (1 + np.exp(-quantiles))),
    }
    if frozen:
        of_loss["image_spread"] = (("loss",), 5 * norm)
    found = [
        variable("gradient", name, (*lead, "probe_step", *dims), values) for name, (dims, values) in of_loss.items()
    ]
    if frozen:
        each = (*shape, PROBE_STEPS[-1])
        found += [
            variable("gradient", "agreement", (*lead, "loss"), np.full((*shape, len(losses)), 0.75)),
            variable("discriminator", "accuracy", (*lead, "step"), np.full(each, 0.75)),
            variable("discriminator", "value", (*lead, "step"), np.full(each, 2 * 0.5 - math.log(4))),
        ]
    else:
        found += [
            variable("series", "g_grad_norm", (*lead, "step"), norm[..., 0]),
            variable("series", "g_update_norm", (*lead, "step"), 0 * norm[..., 0] + 0.1),
        ]
    return found


def make_profile(
    kind: str = "frozen",
    losses: tuple[str, ...] = ("minimax", "wasserstein"),
    seeds: int = 4,
    configurations: tuple[str, ...] = ("base",),
    **notes: Any,
) -> Results:
    """A gradient profile of a kind; its configurations are strengths of the discriminator."""
    blind = {"axis": "D(G(z))", "value": "log(1 - D)", "derivative": "-D", "float32": "above -87.4, where it is 0",
             "saturates": "below a logit of -4.60, where D(G(z)) is below 0.01", "off_closed_form": BITS,
             "regions": [{"from_logit": "-inf", "to_logit": -4.6, "from_d": 0.0, "to_d": 0.01}]}  # fmt: skip
    seeing = {"axis": "sigmoid(score)", "value": "-v", "derivative": "-1", "saturates": "nowhere", "regions": [],
              "float32": "everywhere", "off_closed_form": {"float32": 0.0, "float64": 0.0}}  # fmt: skip
    usual: dict[str, Any] = {
        "kind": kind,
        "about": {loss: blind if i == 0 else seeing for i, loss in enumerate(losses)},
        "threshold": 0.01,
        "quantiles": QUANTILES,
        "seconds": 3.5,
    }
    config = {
        "schema": SCHEMA, "job": "profile", "kind": kind, "command": "jaxgan profile --loss minimax",
        "profile": {"threshold": 0.01}, "versions": {"jax": "9.9"}, "device": "a machine",
        "commit": "abc123", "key": 7,
    }  # fmt: skip
    paper, logits = paper_variables(losses), np.linspace(-30, 30, 121)
    if kind == "paper":
        return Results(dataset(paper, {"loss": list(losses), "logit": logits}), (), config, usual | notes)
    frozen = kind == "frozen"
    lead = ("configuration", "age", "seed") if frozen else _RUN
    shape = (len(configurations), *([2] if frozen else []), seeds)
    coordinates = {
        "configuration": list(configurations), "age": [0, 300], "seed": np.arange(seeds), "probe_step": PROBE_STEPS,
        "step": np.arange(1, PROBE_STEPS[-1] + 1) if frozen else PROBE_STEPS,
        "loss": list(losses), "other_loss": list(losses),
        "logit": logits, "layer": ["Dense_0", "Dense_1"], "quantile": QUANTILES,
    }  # fmt: skip
    variables = paper + gradient_variables(losses, lead, shape, frozen=frozen)
    metrics: tuple[Metric, ...] = ()
    usual |= {"data": "ring", "trained": losses[0], "steps": 200, "batch": 16, "steps_per_epoch": 100.0,
              "minibatches": 4, "stopped": None}  # fmt: skip
    if frozen:
        usual |= {"d_iterations": 200, "d_loss": losses[0], "d_scores": False}
    else:
        metrics = (Metric("captured", "Modes captured", 0.0, True, {"perfect sampler": 8.0}),)
        variables += [variable("metric", "captured", _RUN, np.full(shape, 6.0)),
                      variable("metric", "outcome", _RUN, np.full(shape, "HEALTHY", dtype="<U24"))]  # fmt: skip
        variables += sample_variables((shape[0], seeds), points=True)
        usual |= {"metric": "Modes captured", "metric_higher_is_better": True, "yardsticks": {"perfect sampler": 8.0},
                  "explanations": {"HEALTHY": "fine"}}  # fmt: skip
    return Results(dataset(variables, coordinates), metrics, config, usual | notes)


def save(results: Results, folder: Path) -> Path:
    """As a run leaves its folder, but for the report."""
    folder.mkdir()
    write_json(folder / "config.json", results.config)
    results.write(folder / RESULTS)
    write_metrics(results, folder)
    return folder
