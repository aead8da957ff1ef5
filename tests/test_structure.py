"""Imports run one way, and every public name says what it is."""

import ast
import importlib
import inspect
from collections.abc import Callable, Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from types import ModuleType

import pytest

import jaxgan

PACKAGE = Path(jaxgan.__file__).parent

# From the ground up: the files and folders of a layer, and what is there. A file, or a folder as a whole, imports only
# from lower layers. The package itself (`import jaxgan as jg`) stands above all that it exports.
LAYERS: tuple[tuple[tuple[str, ...], str], ...] = (
    (
        ("types", "files", "npy"),
        "the signatures: `Loss`, `Term`, `Game`, `Algorithm` and what they pass on; how files are written and read",
    ),
    (
        ("random", "checks", "cache", "trees", "memory", "compiler", "stopping"),
        "named random streams; checks of what a composition is given; pytrees; the memory that there is; compilation "
        "of what runs once; signals that stop a program",
    ),
    (
        ("losses", "terms", "augment", "optim", "priors", "nn", "outputs", "data", "metrics", "checkpoint"),
        "parts that know nothing of each other: functions of logits, of a `View`, of examples; networks; data sets; "
        "arrays to numbers; a pytree to and from disk",
    ),
    (
        ("networks", "weights"),
        "a module's init and apply with all its random streams, collections and conditions; weights from files",
    ),
    (("objective",), "one player's loss and terms on what both networks make of a batch"),
    (("game",), "two networks, a prior, a loss and terms become two objectives on one joint point"),
    (("dynamics", "toy"), "a game and two optimizers become a step; games in closed form"),
    (("recipes",), "one function a paper, where catalogue and machinery meet"),
    (
        ("runs",),
        "a step becomes a run, and runs of many seeds and settings one compiled program, over devices and waves",
    ),
    (
        ("features", "results"),
        "the classifier behind the image metrics; the labelled store and statistics, without JAX",
    ),
    (("thresholds",), "the numbers that a diagnosis compares measurements with, and that reports draw"),
    (
        ("diagnostics", "report"),
        "outcomes, gradient profiles, theory in numbers; pages, tables and figures, without JAX",
    ),
    (("evaluation",), "generators to numbers, as probes along training or after it"),
    (("study",), "names become functions, options a study; it trains, measures, stores and resumes"),
    (("__init__",), "the public names"),
    (("cli",), "parse, call, print: one file a command"),
    (("__main__",), "`python -m jaxgan`"),
)
LEVELS = {unit: level for level, (units, _) in enumerate(LAYERS) for unit in units}
NEEDS_NO_JAX = {"files", "npy", "results", "report", "thresholds"}
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


def table() -> str:
    """The layers as the page on how it is built shows them, with what each unit imports."""
    files = {module_name(PACKAGE, file): file for file in sorted(PACKAGE.rglob("*.py"))}
    lines = ["| layer | files | imports | what is there |", "| --- | --- | --- | --- |"]
    for level, (units, about) in enumerate(LAYERS):
        own = {name: file for name, file in files.items() if [*name.split("."), "__init__"][1] in units}
        targets = {name.split(".")[1] for f in own.values() for _, name in imported(PACKAGE, f, set(files))
                   if name.startswith("jaxgan.")} - set(units)  # fmt: skip
        below = ", ".join(f"`{unit}`" for unit in sorted(targets, key=lambda unit: (-LEVELS[unit], unit)))
        shown = ", ".join(f"`{unit}/` {n}" if (n := count(unit)) > 1 else f"`{unit}`" for unit in units)
        lines.append(f"| {level} | {shown} | {below} | {about} |")
    return "\n".join(lines) + "\n"


def count(unit: str) -> int:
    """Files in a folder; 1 for a file."""
    return len([file for file in (PACKAGE / unit).rglob("*.py") if file.stat().st_size]) or 1


def test_a_page_shows_the_layers() -> None:
    """Its table is printed by `python tests/test_structure.py`."""
    shown = (PACKAGE.parent / ".site" / "how-built.md").read_text(encoding="utf-8")
    assert f"<!-- layers -->\n{table()}<!-- end of layers -->" in shown


def test_every_layer_is_there() -> None:
    assert [unit for unit in LEVELS if not any((PACKAGE / name).exists() for name in (unit, f"{unit}.py"))] == []


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
        ("losses.py", "from tree.game import play", "tree.losses (2) imports tree.game (5)"),
        ("losses.py", "def f():\n    from tree import game", "losses.py:2: tree.losses (2) imports"),
        ("losses.py", "from .game import play", "tree.losses (2) imports tree.game (5)"),
        ("losses.py", "import tree as jg", f"tree.losses (2) imports tree ({LEVELS['__init__']})"),
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


def public_functions() -> Iterator[tuple[str, Callable]]:
    """The functions among the public names, those of public modules included, but for recipes.

    A recipe explains a setting only where it differs from that of `gan`: `settings_of` puts the two together.
    """
    stub = ast.parse((PACKAGE / "__init__.pyi").read_text())
    for name in (a.name for node in stub.body if isinstance(node, ast.ImportFrom) and node.level for a in node.names):
        value = getattr(jaxgan, name)
        if inspect.isfunction(value):
            yield name, value
        elif inspect.ismodule(value) and name != "recipes":
            functions = (f for f in vars(value).values() if inspect.isfunction(f))
            yield from ((f"{name}.{f.__name__}", f) for f in functions if f.__module__.startswith(value.__name__))


def test_more_than_four_parameters_are_explained() -> None:
    many = [(name, f) for name, f in public_functions() if len(inspect.signature(f).parameters) > 4]
    assert len(many) > 10
    assert [name for name, function in many if "Args:\n" not in str(function.__doc__)] == []


def test_no_public_name_is_a_file_of_the_package() -> None:
    # The import of `jaxgan.runs.loop` would put a module where the lazy loader has put the function of that name.
    stub = ast.parse((PACKAGE / "__init__.pyi").read_text())
    names = {a.name for node in stub.body if isinstance(node, ast.ImportFrom) and node.module for a in node.names}
    files = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert names & files == set()


def test_fit_stays_a_function_when_its_module_is_imported() -> None:
    importlib.import_module("jaxgan.runs.loop")
    assert callable(jaxgan.fit) and not isinstance(jaxgan.fit, ModuleType)


if __name__ == "__main__":
    print(table(), end="")
