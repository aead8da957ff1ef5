"""Imports run one way, and every public name says what it is."""

import ast
import importlib
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from types import ModuleType

import pytest

import jaxgan

PACKAGE = Path(jaxgan.__file__).parent

# A file, or a folder as a whole, imports only from lower levels. The package itself (`import jaxgan as jg`) stands
# above all that it exports.
LEVELS = {
    "types": 0,
    "random": 1,
    "checks": 1,
    "cache": 1,
    "losses": 2,
    "terms": 2,
    "augment": 2,
    "optim": 2,
    "nn": 2,
    "data": 2,
    "metrics": 2,
    "checkpoint": 2,
    "game": 3,
    "dynamics": 4,
    "toy": 4,
    "recipes": 5,
    "runs": 6,
    "features": 7,
    "results": 7,
    "diagnostics": 8,
    "report": 8,
    "evaluation": 9,
    "study": 10,
    "__init__": 11,
    "cli": 12,
    "__main__": 13,
}
NEEDS_NO_JAX = {"results", "report"}
JAX = {"jax", "jaxlib", "flax", "optax", "orbax"}


def module_name(package: Path, file: Path) -> str:
    parts = file.relative_to(package.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(package: Path, file: Path, modules: set[str]) -> Iterator[tuple[int, str]]:
    """(line, module) of every import of `file`, wherever in the file it stands."""
    parents = file.relative_to(package.parent).parts[:-1]
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = parents[: len(parents) - node.level + 1] if node.level else ()
            base = ".".join([*start, *(node.module or "").split(".")]).rstrip(".")
            for alias in node.names:
                name = f"{base}.{alias.name}"
                yield node.lineno, name if name in modules else base


def problems(package: Path) -> list[str]:
    """A sentence for every import that breaks the order (levels in brackets), and one for a cycle."""
    files = {module_name(package, file): file for file in sorted(package.rglob("*.py"))}
    root, found = package.name, []
    graph: dict[str, set[str]] = {name: set() for name in files}

    def unit(module: str) -> str:
        return module.split(".")[1] if "." in module else "__init__"

    def level(module: str) -> int:
        return LEVELS.get(unit(module), len(LEVELS))

    for name, file in files.items():
        if unit(name) not in LEVELS:
            found.append(f"{name} has no level: give it one in the table")
            continue
        for line, target in imported(package, file, set(files)):
            where = f"{file.relative_to(package.parent)}:{line}: {name} ({level(name)}) imports {target}"
            if target.split(".")[0] != root:
                if unit(name) in NEEDS_NO_JAX and target.split(".")[0] in JAX:
                    found.append(f"{where}, but has to work without JAX")
                continue
            graph[name].add(target)
            if unit(target) != unit(name) and level(target) >= level(name):
                found.append(f"{where} ({level(target)}), which is not below it")
            elif unit(name) in NEEDS_NO_JAX and unit(target) not in NEEDS_NO_JAX:
                found.append(f"{where}, but may import only what works without JAX")
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        found.append("a cycle of imports: " + " -> ".join(reversed(error.args[1])))
    return found


def test_imports_run_one_way() -> None:
    assert problems(PACKAGE) == []


def test_only_the_command_line_is_above_the_public_names() -> None:
    assert {unit for unit, level in LEVELS.items() if level > LEVELS["__init__"]} == {"cli", "__main__"}


@pytest.mark.parametrize(
    ("file", "text", "expected"),
    [
        ("game.py", "from tree.losses import minimax", None),
        ("game.py", "import numpy\nfrom . import losses", None),
        ("data/more.py", "from tree.data.source import draw", None),
        ("losses.py", "from tree.game import play", "tree.losses (2) imports tree.game (3)"),
        ("losses.py", "def f():\n    from tree import game", "losses.py:2: tree.losses (2) imports"),
        ("losses.py", "from .game import play", "tree.losses (2) imports tree.game (3)"),
        ("losses.py", "import tree as jg", "tree.losses (2) imports tree (11)"),
        ("losses.py", "import tree.data.source", "imports tree.data.source (2), which is not below it"),
        ("game.py", "from tree.cli import compare", "imports tree.cli"),
        ("data/source.py", "from tree.data import more", "tree.data.more"),
        ("data/source.py", "from .more import more", "a cycle of imports: tree.data."),
        ("results/store.py", "import jax.numpy as jnp", "imports jax.numpy, but has to work without JAX"),
        ("results/store.py", "from tree.losses import minimax", "but may import only what works without JAX"),
        ("report/page.py", "from tree.results import store", None),
        ("other.py", "", "tree.other has no level"),
    ],
)
def test_the_check_finds_what_it_is_for(tmp_path: Path, file: str, text: str, expected: str | None) -> None:
    tree = {
        "__init__.py": "",
        "losses.py": "import numpy",
        "game.py": "",
        "data/__init__.py": "",
        "data/source.py": "",
        "data/more.py": "from tree.data.source import draw",
        "results/__init__.py": "",
        "results/store.py": "import numpy",
        "cli/__init__.py": "",
        "cli/compare.py": "import tree as jg\nfrom tree.data.source import draw",
        "__main__.py": "from tree.cli.compare import compare",
    } | {file: text}
    for name, content in tree.items():
        path = tmp_path / "tree" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    found = problems(tmp_path / "tree")
    if expected is None:
        assert found == []
    else:
        assert len(found) == 1
        assert expected in found[0]


def test_every_public_name_is_documented() -> None:
    stub = ast.parse((PACKAGE / "__init__.pyi").read_text())
    names = [a.name for node in stub.body if isinstance(node, ast.ImportFrom) and node.level for a in node.names]
    public = {name: getattr(jaxgan, name) for name in names}
    assert len(public) > 10
    # An object without a docstring of its own has that of its class.
    assert [name for name, value in public.items() if value.__doc__ in (None, "", type(value).__doc__)] == []
    # What a NamedTuple or a dataclass without one is given.
    assert [name for name, value in public.items() if str(value.__doc__).startswith(f"{name}(")] == []
    assert set(public) <= set(dir(jaxgan))


def test_no_public_name_is_a_file_of_the_package() -> None:
    # The import of `jaxgan.runs.loop` would put a module where the lazy loader has put the function of that name.
    stub = ast.parse((PACKAGE / "__init__.pyi").read_text())
    names = {a.name for node in stub.body if isinstance(node, ast.ImportFrom) and node.module for a in node.names}
    files = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert names & files == set()


def test_fit_stays_a_function_when_its_module_is_imported() -> None:
    importlib.import_module("jaxgan.runs.loop")
    assert callable(jaxgan.fit) and not isinstance(jaxgan.fit, ModuleType)
