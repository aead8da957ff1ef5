"""Imports run one way, and every public name says what it is."""

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

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
    "placement": 2,
    "game": 3,
    "dynamics": 4,
    "toy": 4,
    "recipes": 5,
    "train": 5,
    "fit": 6,
    "features": 7,
    "diagnostics": 8,
    "study": 8,
    "__init__": 9,
    "commands": 10,
    "options": 11,
    "cli": 12,
    "__main__": 13,
}
NEEDS_NO_JAX = {"study"}
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
            elif unit(name) in NEEDS_NO_JAX and unit(target) != unit(name):
                found.append(f"{where}, but may import nothing else of the package")
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        found.append("a cycle of imports: " + " -> ".join(reversed(error.args[1])))
    return found


def test_imports_run_one_way() -> None:
    assert problems(PACKAGE) == []


def test_only_the_command_line_is_above_the_commands() -> None:
    assert {unit for unit, level in LEVELS.items() if level > LEVELS["commands"]} == {"options", "cli", "__main__"}


@pytest.mark.parametrize(
    ("file", "text", "expected"),
    [
        ("game.py", "from tree.losses import minimax", None),
        ("game.py", "import numpy\nfrom . import losses", None),
        ("data/more.py", "from tree.data.source import draw", None),
        ("losses.py", "from tree.game import play", "tree.losses (2) imports tree.game (3)"),
        ("losses.py", "def f():\n    from tree import game", "losses.py:2: tree.losses (2) imports"),
        ("losses.py", "from .game import play", "tree.losses (2) imports tree.game (3)"),
        ("losses.py", "import tree as jg", "tree.losses (2) imports tree (9)"),
        ("losses.py", "import tree.data.source", "imports tree.data.source (2), which is not below it"),
        ("game.py", "from tree.commands import compare", "imports tree.commands"),
        ("data/source.py", "from tree.data import more", "tree.data.more"),
        ("data/source.py", "from .more import more", "a cycle of imports: tree.data."),
        ("study/store.py", "import jax.numpy as jnp", "imports jax.numpy, but has to work without JAX"),
        ("study/store.py", "from tree.losses import minimax", "but may import nothing else of the package"),
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
        "study/store.py": "import numpy",
        "commands/__init__.py": "",
        "commands/compare.py": "import tree as jg\nfrom tree.data.source import draw",
        "cli.py": "from tree.commands.compare import compare",
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


def documentation(package: Path, module: str, name: str) -> str | None:
    """What the source says of `name`: a docstring, or the string below an assignment. Follows re-exports."""
    as_module = package.joinpath(*module.split(".")[1:], name)
    for file in (as_module.with_suffix(".py"), as_module / "__init__.py"):
        if file.exists():
            return ast.get_docstring(ast.parse(file.read_text()))
    base = package.joinpath(*module.split(".")[1:])
    file = base / "__init__.py" if base.is_dir() else base.with_suffix(".py")
    body = ast.parse(file.read_text()).body
    for node, after in zip(body, [*body[1:], ast.Pass()], strict=True):
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == name:
            return ast.get_docstring(node)
        if isinstance(node, ast.Assign) and name in {t.id for t in node.targets if isinstance(t, ast.Name)}:
            text = after.value if isinstance(after, ast.Expr) else None
            return str(text.value) if isinstance(text, ast.Constant) else None
        if isinstance(node, ast.ImportFrom) and name in {alias.asname or alias.name for alias in node.names}:
            return documentation(package, str(node.module), name)
    raise LookupError(f"{module} has no {name}")


def test_every_public_name_is_documented() -> None:
    stub = ast.parse((PACKAGE / "__init__.pyi").read_text())
    public = [
        (".".join(["jaxgan", *filter(None, [node.module])]), alias.name)
        for node in stub.body
        if isinstance(node, ast.ImportFrom) and node.level
        for alias in node.names
    ]
    assert len(public) > 10
    assert [name for module, name in public if not documentation(PACKAGE, module, name)] == []
    assert {name for _, name in public} <= set(dir(jaxgan))
