"""Keys come first, as in `jax.random`."""

import ast
import importlib
import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import jax
import jax.numpy as jnp
import optax
import pytest
from jax.tree_util import Partial

import jaxgan as jg
from jaxgan.dynamics import simultaneous
from jaxgan.runs.run import OF_SETTINGS, OF_STATE, check_probe
from jaxgan.study.catalogue import find_probe
from jaxgan.study.messages import OptionError
from tests.test_structure import PACKAGE

# What is trained and on what come first, and `keys` are an axis of data: one for each seed, or for each generator.
DATA = {
    "runs.fit",
    "runs.run",
    "runs.run_seeds",
    "runs.sweep",
    "runs.start",
    "runs.start_runs",
    "runs.advance",
    "evaluation.evaluate",
    "diagnostics.generators_of_ages",
    "diagnostics.against_discriminators",
}


def public_modules() -> Iterator[tuple[str, ModuleType]]:
    """Those among the names of `jaxgan`, and those that its other names are taken from."""
    stub = ast.parse((PACKAGE / "__init__.pyi").read_text())
    for node in stub.body:
        if isinstance(node, ast.ImportFrom) and node.level:
            for name in [node.module.split(".")[0]] if node.module else [alias.name for alias in node.names]:
                yield name, importlib.import_module(f"jaxgan.{name}")


def public_callables() -> Iterator[tuple[str, Callable[..., Any]]]:
    """Functions, and the methods of classes, by module; a package's are those that it imports."""
    for module_name, module in dict(public_modules()).items():
        for name, value in vars(module).items():
            if name.startswith("_") or not str(getattr(value, "__module__", "")).startswith("jaxgan"):
                continue
            if inspect.isfunction(value) and (hasattr(module, "__path__") or value.__module__ == module.__name__):
                yield f"{module_name}.{name}", value
            elif inspect.isclass(value):
                methods = ((k, v) for k, v in vars(value).items() if inspect.isfunction(v))
                yield from ((f"{module_name}.{name}.{k}", v) for k, v in methods if k == "__call__" or k[0] != "_")


def test_a_key_is_the_first_parameter() -> None:
    places: dict[tuple[str, str], int] = {}
    for name, function in public_callables():
        parameters = [parameter for parameter in inspect.signature(function).parameters if parameter != "self"]
        places |= {(name, key): parameters.index(key) for key in ("key", "keys") if key in parameters}
    assert len(places) > 20
    assert {name for (name, _), place in places.items() if place} == DATA


def signatures(path: Path) -> Iterator[list[str]]:
    """The arguments of every `Callable[[...], ...]` in a file."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        match node:
            case ast.Subscript(ast.Name("Callable"), ast.Tuple([ast.List(arguments), _])):
                yield [ast.unparse(argument) for argument in arguments]


def test_a_key_is_the_first_argument_of_what_a_user_may_give() -> None:
    found = [arguments for path in PACKAGE.rglob("*.py") for arguments in signatures(path) if "Key" in arguments]
    assert len(found) > 5
    assert [arguments for arguments in found if arguments[0] != "Key"] == []


def of_state(key: Any, state: Any) -> Any:
    return state.step


def formerly(state: Any, key: Any) -> Any:
    return state.step


def with_data(data: Any, state: Any, key: Any) -> Any:
    return data


@pytest.mark.parametrize(
    ("probe", "takes", "got"),
    [
        (formerly, OF_STATE, "state, key"),
        (jax.jit(formerly), OF_STATE, "state, key"),
        (Partial(with_data, jnp.zeros(2)), OF_STATE, "state, key"),
        (lambda s, key: s, OF_STATE, "s, key"),
        (lambda state, _: state, OF_STATE, "state, _"),
        (lambda algorithm, state, key: state, OF_SETTINGS, "algorithm, state, key"),
        (lambda state, algorithm, key: state, OF_SETTINGS, "state, algorithm, key"),
    ],
)
def test_a_probe_in_the_former_order_is_refused(probe: Any, takes: tuple[str, ...], got: str) -> None:
    with pytest.raises(TypeError, match=rf"\Aprobe must take \({', '.join(takes)}\), got \({got}\)\Z"):
        check_probe(probe, takes)


@pytest.mark.parametrize(
    "probe",
    [None, of_state, jax.jit(of_state), lambda k, s: s, lambda _, state: state, lambda *given: given, jnp.add, max],
)
def test_any_other_probe_is_taken(probe: Any) -> None:
    check_probe(probe, OF_STATE)


def test_every_way_to_run_refuses_it() -> None:
    def make(lr: Any) -> Any:
        return simultaneous(jg.toy.dirac(jg.minimax), optax.sgd(lr), optax.sgd(lr), batch_size=1)

    algorithm, sample, keys = make(0.1), jg.toy.origin(), jg.seed_keys(jax.random.key(0), 2)
    probe: Any = formerly
    for run in (
        lambda: jg.run(algorithm, sample, keys[0], 2, probe=probe),
        lambda: jg.run_seeds(algorithm, sample, keys, 2, probe=probe),
        lambda: jg.fit(algorithm, sample, keys, 2, probe=probe),
        lambda: jg.sweep(make, {"lr": [0.1]}, sample, keys, 2, probe=probe),
        lambda: jax.vmap(lambda lr: jg.sweep(make, {"lr": lr}, sample, keys, 2, probe=probe))(jnp.ones((1, 1))),
    ):
        with pytest.raises(TypeError, match=r"(?m)\Aprobe must take \(key, .*state\), got \(state, key\)$"):
            run()


def test_the_command_line_refuses_it(tmp_path: Path) -> None:
    file = tmp_path / "watch.py"
    file.write_text("def size(algorithm, state, key):\n    return state.step\n")
    message = r"watch\.py:size: probe must take \(key, algorithm, state\), got \(algorithm, state, key\)\Z"
    with pytest.raises(OptionError, match=message):
        find_probe(f"{file}:size")
