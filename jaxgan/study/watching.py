"""Measurements during training, recorded by name: losses and norms, evaluations, and the user's probes."""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from jax.tree_util import Partial, keystr, tree_leaves_with_path
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

from jaxgan.evaluation import EVIDENCE, Evaluator
from jaxgan.runs.run import AnyProbe, Probe, as_pytree
from jaxgan.types import Algorithm, Info, Key, PyTree, State

_SAMPLES = 500  # maximum during training: a tenth of the final number keeps the cost of probes below a tenth

Finish = Callable[[Any], Mapping[str, NDArray]]


class Watched(NamedTuple):
    """A measurement during training: a probe, and a function that converts its output to named arrays [run, ...]."""

    probe: AnyProbe
    finish: Finish


def probe_steps(steps: int, every: int, done: int = 0) -> list[int]:
    """Return the steps after which generators are measured: every `every` steps and the last, beyond `done`.

    Example:
      >>> probe_steps(10, 4), probe_steps(10, 4, done=4)
      ([4, 8, 10], [8, 10])
    """
    return [step for step in (*range(every, steps, every), steps) if step > done]


def samples_along(evaluator: Evaluator) -> int:
    """Return the number of samples for evaluations during training."""
    return min(evaluator.samples, _SAMPLES)


def of_any_settings(probe: Probe) -> AnyProbe:
    """Adapt a probe to runs with varied settings, whose probes also get the algorithm."""

    def of_state(probe: Probe, key: Key, algorithm: Algorithm, state: State) -> PyTree:
        return probe(key, state)

    return Partial(of_state, as_pytree(probe))


def watch(evaluator: AnyProbe, finish: Finish, others: Mapping[str, Watched]) -> Watched:
    """Combine the evaluator and other probes, all with the same signature, into one probe that records everything."""
    probes = {"along": Watched(evaluator, finish), **others}

    def probe(each: Mapping[str, AnyProbe], key: Key, *what: Any) -> dict[str, Any]:
        return {name: one(key, *what) for name, one in each.items()}

    def finished(seen: Mapping[str, Any]) -> dict[str, NDArray]:
        found = {name: one.finish(seen[name]) for name, one in probes.items()}
        return {f"{name}/{key}": value for name, values in found.items() for key, value in values.items()}

    return Watched(Partial(probe, {name: as_pytree(one.probe) for name, one in probes.items()}), finished)


def along(evaluator: Evaluator) -> Finish:
    """Return a function that keeps an evaluation's metrics and evidence for a diagnosis, but not its samples."""
    names = {metric.name for metric in evaluator.metrics} | set(EVIDENCE)

    def finish(seen: Any) -> dict[str, NDArray]:
        # Idle BLAS threads would spin on the cores that train the next steps.
        with _libraries().limit(limits=1, user_api="blas"):
            return {name: values for name, values in evaluator.finish(seen).items() if name in names}

    return finish


@cache
def _libraries() -> ThreadpoolController:
    return ThreadpoolController()


def by_field(seen: Any) -> dict[str, NDArray]:
    """Convert a probe's named tuple to named arrays."""
    return {name: np.asarray(values) for name, values in seen._asdict().items()}


def by_leaf(seen: Any) -> dict[str, NDArray]:
    """Convert the pytree that a user's probe returned to named arrays."""
    leaves = tree_leaves_with_path(seen)
    return {keystr(path, simple=True, separator="_") or "value": np.asarray(leaf) for path, leaf in leaves}


def series_of(info: Info) -> dict[str, NDArray]:
    """Convert an `Info` to named arrays; a discriminator loss with two terms is split into real and fake."""
    names = ("real", "fake") if len(info.d_parts) == 2 else tuple(map(str, range(len(info.d_parts))))
    flat = {name: getattr(info, name) for name in Info._fields if name not in ("d_parts", "d_real", "d_fake")}
    flat |= {f"d_loss_{name}": part for name, part in zip(names, info.d_parts, strict=True)}
    for name in ("d_real", "d_fake"):
        spread = getattr(info, name)
        flat |= {f"{name}_mean": spread.mean, f"{name}_quantiles": spread.quantiles}
    return {name: np.asarray(values) for name, values in flat.items()}


def first_watched(steps: NDArray, quantities: NDArray) -> dict[str, NDArray]:
    """Return the first step [run] with a non-finite quantity (0: none) and its name, from arrays [run, stretch].

    Example:
      >>> found = first_watched(np.array([[0, 7, 9]]), np.array([["", "g_loss", "d_loss"]]))
      >>> found["watch/step"].tolist(), found["watch/quantity"].tolist()
      ([7], ['g_loss'])
    """
    rows, first = np.arange(len(steps)), (steps > 0).argmax(axis=1)
    return {"watch/step": steps[rows, first], "watch/quantity": quantities[rows, first]}
