"""What `test_placement.py` runs in processes of their own, which have several devices; results go to a pickle.

python placement_program.py four FILE
python placement_program.py others FILE
python placement_program.py two FILE PORT PROCESS
"""

import logging
import pickle
import sys
from pathlib import Path
from typing import Any
from unittest import mock

import jax
import numpy as np
import optax

from jaxgan.data.synthetic import ring
from jaxgan.dynamics import alternating
from jaxgan.game import adversarial_game, normal_prior
from jaxgan.losses import non_saturating
from jaxgan.nn import MLPDiscriminator, MLPGenerator
from jaxgan.runs import run_seeds, seed_keys, sweep
from jaxgan.runs.loop import fit
from jaxgan.runs.placement import Placement, place, to_host, use_cpu_cores
from jaxgan.types import Algorithm, Key, Sampler, State

STEPS = 10
networks = MLPGenerator(2, hidden=(16,)), MLPDiscriminator(hidden=(16,))
SGD = optax.sgd(0.1)  # compiles faster than Adam, and moves enough in ten steps
TRAINING = alternating(adversarial_game(*networks, normal_prior(4), non_saturating), SGD, SGD, batch_size=8)

jax.config.update("jax_disable_most_optimizations", True)


def fitted(
    algorithm: Any, seeds: int, placement: Placement, state: State | None = None, steps: int = STEPS, **options: Any
) -> Any:
    """The seeds' positions, infos and end."""
    infos: list[Any] = []
    keys = seed_keys(jax.random.key(0), seeds)
    end = fit(
        algorithm,
        ring().sample,
        keys,
        steps,
        state=state,
        placement=placement,
        on_chunk=lambda chunk: infos.append(chunk.info),
        max_chunk=8,
        chunk_seconds=1e6,
        **options,
    )
    info = jax.tree.map(lambda *parts: np.concatenate(parts, axis=1), *infos)
    return {"seeds": end.runs, "info": info, "params": to_host(end.state.params), "state": jax.device_get(end.state)}


def ran(algorithm: Algorithm, seeds: int, placement: Placement) -> Any:
    """The same of `run_seeds`."""
    result = run_seeds(algorithm, ring().sample, seed_keys(jax.random.key(0), seeds), STEPS, placement=placement)
    return {"info": to_host(result.info), "params": to_host(result.state.params)}


def everything(algorithms: dict[str, Algorithm], seeds: int, placement: Placement) -> dict[str, Any]:
    return {name: fitted(algorithm, seeds, placement) for name, algorithm in algorithms.items()} | {
        f"{name} at once": ran(algorithm, seeds, placement) for name, algorithm in algorithms.items()
    }


def little_memory() -> Any:
    """So little that every device takes one seed at a time."""
    return mock.patch("jaxgan.runs.placement.bytes_available", return_value=1)


def on_all_devices(algorithms: dict[str, Algorithm], in_turn: dict[int, bool]) -> dict[str, Any]:
    """Of so many seeds each, one after the other on every device or side by side."""
    placements = {seeds: place(seeds, in_turn=turns) for seeds, turns in in_turn.items()}
    assert all(placement.mesh.size == 4 for placement in placements.values())
    return {
        f"{seeds} seeds, in_turn={in_turn[seeds]}": everything(algorithms, seeds, placement)
        for seeds, placement in placements.items()
    }


def the_other_way_round() -> dict[str, Any]:
    use_cpu_cores(4)
    from test_train import drawing

    return on_all_devices({"drawn": drawing(ring().sample), "trained": TRAINING}, {8: True, 6: False})


def on_four_devices() -> dict[str, Any]:
    use_cpu_cores(4)
    from test_train import drawing

    lines: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
    logging.getLogger("jaxgan").addHandler(handler)
    algorithms = {"drawn": drawing(ring().sample), "trained": TRAINING}
    alone = place(8, devices=jax.devices()[:1], in_turn=True)
    found: dict[str, Any] = {"one device": everything(algorithms, 8, alone)}
    found |= on_all_devices(algorithms, {8: False, 6: True})
    found["uneven"] = list(lines)
    lines.clear()
    with little_memory():
        found["6 seeds, waves"] = everything({"drawn": algorithms["drawn"]}, 6, place(6))
        found["6 seeds, waves"]["trained"] = fitted(TRAINING, 6, place(6))
    found["waves"] = list(lines)
    half = fitted(TRAINING, 6, alone, steps=5)["state"]
    found["resumed"] = fitted(TRAINING, 6, place(6), state=half)
    half = fitted(TRAINING, 6, place(6), steps=5)["state"]
    found["resumed elsewhere"] = fitted(TRAINING, 6, alone, state=half)
    try:
        use_cpu_cores()
    except RuntimeError as error:
        found["too late"] = str(error)
    return found


def as_one_of_two(port: str, process: str) -> dict[str, Any]:
    use_cpu_cores(2)
    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    jax.distributed.initialize(f"localhost:{port}", 2, int(process))
    from test_train import drawing

    algorithms = {"drawn": drawing(ring().sample), "trained": TRAINING}
    assert len(jax.devices()) == 4
    found: dict[str, Any] = {"8 seeds": everything(algorithms, 8, place(8))}
    found["5 seeds"] = {name: fitted(algorithm, 5, place(5)) for name, algorithm in algorithms.items()}
    with little_memory():
        found["5 seeds, waves"] = {"drawn": fitted(algorithms["drawn"], 5, place(5))}
    half = fitted(TRAINING, 5, place(5), steps=5)["state"]
    found["resumed"] = {"trained": fitted(TRAINING, 5, place(5), state=half)}
    found["5 seeds at once"] = {"drawn": ran(algorithms["drawn"], 5, place(5))}
    keys = seed_keys(jax.random.key(0), 5)
    settings = {"setting": [1.0, 2.0]}
    found["sweep of 5 seeds"] = fitted(with_setting, 5, place(10), settings=settings)
    stop: dict[str, Any] = {"probe_at": (4,), "stop": lambda chunk: (chunk.runs == 0) & (chunk.step == 4)}
    end = fit(algorithms["drawn"], ring().sample, keys, STEPS, placement=place(5), max_chunk=8, **stop)
    numbers = to_host(end.state.params.generator)
    found["stopped"] = {"step": end.step, "stopped_at": end.stopped_at, "params": numbers}
    calls: tuple[tuple[str, Any], ...] = (
        ("1 at once", lambda: run_seeds(TRAINING, ring().sample, keys[:1], 1)),
        ("swept", lambda: sweep(with_setting, settings, ring().sample, keys, 1)),
    )
    for name, call in calls:
        try:
            call()
        except ValueError as error:
            found[name] = str(error)
    return found


def with_setting(setting: Any) -> Algorithm:
    """`drawing`, whose infos have the setting, too."""
    from test_train import drawing

    plain = drawing(ring().sample)

    def step(key: Key, state: State, sample: Sampler) -> tuple[State, Any]:
        state, info = plain.step(key, state, sample)
        return state, info | {"setting": setting}

    return plain._replace(update=step)


if __name__ == "__main__":
    what, file, *rest = sys.argv[1:]
    programs: dict[str, Any] = {"four": on_four_devices, "others": the_other_way_round, "two": as_one_of_two}
    Path(file).write_bytes(pickle.dumps(programs[what](*rest)))
