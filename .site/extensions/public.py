"""Which names are public, and which of them no page of the site lists. Needs nothing but the library itself."""

import ast
import importlib
import inspect
import re
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import jaxgan


@cache
def public() -> dict[str, Any]:
    """By its path, every name that `import jaxgan` gives, and those of the public modules."""
    found: dict[str, Any] = {}
    for name in _listed(Path(jaxgan.__file__).with_suffix(".pyi")):
        value = getattr(jaxgan, name)
        if not isinstance(value, ModuleType):
            found[f"jaxgan.{name}"] = value
            continue
        file = Path(str(value.__file__))
        own = _listed(file) if file.name == "__init__.py" else _defined(value)
        found |= {f"jaxgan.{name}.{each}": getattr(value, each) for each in own}
    return {path: value for path, value in found.items() if not isinstance(value, ModuleType)}


@cache
def targets() -> dict[str, str]:
    """By what it is called in words, where a public name is documented."""
    found: dict[str, str] = {}
    for path in public():
        for called in (path.removeprefix("jaxgan."), path.rpartition(".")[2]):
            found.setdefault(called, home(path))
    return found


def home(path: str) -> str:
    """Of the paths of one object that of the module it belongs to: `jaxgan.hinge` is `jaxgan.losses.hinge`."""
    value = public()[path]
    return max((other for other, each in public().items() if each is value), key=lambda other: other.count("."))


def _listed(file: Path) -> list[str]:
    """The names that a file imports in order to pass them on."""
    imports = [node for node in ast.parse(file.read_text("utf-8")).body if isinstance(node, ast.ImportFrom)]
    return [alias.name for node in imports for alias in node.names if alias.asname == alias.name]


def _defined(module: ModuleType) -> list[str]:
    tree = ast.parse(inspect.getsource(module))
    return [node.name for node in tree.body
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_")]  # fmt: skip


def value_of(path: str) -> Any:
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(module), name)


def names_in(text: str) -> set[str]:
    """The paths that the directives of a page list."""
    blocks = re.findall(r"^\.\. names:: (\S+)\n((?:   .*\n|\n)*)", text, flags=re.MULTILINE)
    return {f"{module}.{name}" for module, body in blocks for name in body.split()}


def listed_in(folder: Path) -> set[str]:
    return set().union(*(names_in(page.read_text("utf-8")) for page in folder.rglob("*.md")))


def missing(folder: Path) -> list[str]:
    """The public names that no page lists; one of several paths of an object is enough."""
    there = [value_of(path) for path in listed_in(folder)]
    return [path for path, value in public().items() if not any(value is each for each in there)]
