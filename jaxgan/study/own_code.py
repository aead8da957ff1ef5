"""Load and trace the user's own code: locate it in errors, and keep it from ending the program.

Has no heavy imports.
"""

import ast
import hashlib
import importlib.util
import os
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from traceback import walk_tb
from types import FrameType, ModuleType
from typing import NoReturn

_STOP = "jaxgan.cli.app"  # frames below it on the stack belong to the caller of the command, not to code that it runs


class ExitCalled(Exception):
    """Raised if the user's code tries to end the program; the message follows the name of its file or function."""


class _Exit(SystemExit):
    """Raised instead of calling `os._exit`. Like `SystemExit`, it is not caught by `except Exception`."""


@contextmanager
def kept_running() -> Iterator[None]:
    """A context in which `sys.exit` and `os._exit` end the block instead of the program.

    Raises:
      ExitCalled: if one of them is called.

    Example:
      >>> with kept_running():
      ...     sys.exit(0)
      Traceback (most recent call last):
      jaxgan.study.own_code.ExitCalled: called sys.exit(0)
    """
    leave, process = os._exit, os.getpid()

    def refuse(status: int) -> NoReturn:
        if os.getpid() != process:  # a child forked by the user's code may exit
            leave(status)
        raise _Exit(status)

    os._exit = refuse
    try:
        yield
    except SystemExit as error:
        raise ExitCalled(f"called {exit_call(error)}").with_traceback(error.__traceback__) from None
    finally:
        os._exit = leave


def exit_call(error: SystemExit) -> str:
    """Return an approximation of the call in the user's code.

    Example:
      >>> exit_call(SystemExit(1))
      'sys.exit(1)'
    """
    code = "" if error.code is None else repr(error.code)
    return f"{'os._exit' if isinstance(error, _Exit) else 'sys.exit'}({code})"


def place_in(error: BaseException) -> str:
    """Return the file:line of the user's code that raised an error or called the code that did; "" if there is none."""
    if isinstance(error, SyntaxError) and error.filename and is_own(error.filename):
        return f"{Path(error.filename).name}:{error.lineno}"
    own = [(f.f_code.co_filename, line) for f, line in walk_tb(error.__traceback__) if is_own(f.f_code.co_filename)]
    return f"{Path(own[-1][0]).name}:{own[-1][1]}" if own else ""


def raised(error: BaseException) -> str:
    """Describe an error, to follow the name of the user's file or function that it came from.

    The message of a `ValueError` or `TypeError`, as this library raises, stands alone; other errors are named by their
    type. The line of the user's code is added if the error came from there.
    """
    if isinstance(error, ExitCalled):
        line = f" {error}"
    else:
        first = next(iter(str(error).strip().splitlines()), "")
        line = f": {first}" if type(error) in (ValueError, TypeError) else f" raised {type(error).__name__}: {first}"
    place = place_in(error)
    return line if not place or place in line else f"{line} ({place})"


def caller() -> str:
    """Return the name of the user's file whose code is running; "" if it is not the user's."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_globals.get("__name__") != _STOP:
        if is_own(frame.f_code.co_filename):
            return Path(frame.f_code.co_filename).name
        frame = frame.f_back
    return ""


@cache
def is_own(file: str) -> bool:
    """Return whether a Python file is the user's: not part of Python, an installed package or this package.

    Example:
      >>> is_own(os.__file__), is_own(__file__), is_own("<string>")
      (False, False, False)
    """
    try:
        path = Path(file).resolve()
        return path.suffix == ".py" and path.is_file() and not is_installed(path)
    except (OSError, ValueError):  # its folder was removed, or its name contains a NUL
        return False


def is_installed(path: Path) -> bool:
    """Return whether a file is part of Python, an installed package or this package."""
    below_packages = {"site-packages", "dist-packages"}.intersection(path.parts)
    return bool(below_packages) or any(root in path.parents for root in _installed())


def import_file(path: Path) -> ModuleType:
    """Import the user's file, anew each time, as a module of its own: two files with one name are two modules."""
    digest = hashlib.sha256(str(path.resolve()).encode()).hexdigest()
    spec = importlib.util.spec_from_file_location(f"jaxgan_user_{path.stem}_{digest[:12]}", path)
    assert spec is not None and spec.loader is not None  # it ends in .py
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look up their module
    if str(path.parent) not in sys.path:  # as with `python path/to/file.py`, so that it can import its neighbours
        sys.path.insert(0, str(path.parent))
    spec.loader.exec_module(module)
    return module


def another_neighbour(path: Path) -> tuple[str, str] | None:
    """Return a module that a file would import from its own folder if no other file of that name were loaded already.

    Python has one module of a name, so that the file would silently be given the neighbour of another file. Return its
    name and the file that is loaded, or None.
    """
    try:
        nodes = list(ast.walk(ast.parse(path.read_bytes())))
    except (SyntaxError, ValueError, RecursionError):  # importing it says what is wrong
        return None
    wanted = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    wanted += [node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module and not node.level]
    folder = path.resolve().parent
    for name in (full.partition(".")[0] for full in wanted):
        there = any((folder / one).is_file() for one in (f"{name}.py", f"{name}/__init__.py"))
        file = getattr(sys.modules.get(name), "__file__", None)
        if there and isinstance(file, str) and is_own(file) and folder not in Path(file).resolve().parents:
            return name, file
    return None


def roots_of(module: str) -> list[Path]:
    """Return the folders that the user's module, or the package that it is in, is imported from; imports nothing."""
    search_here()
    try:
        spec = importlib.util.find_spec(module.partition(".")[0])
    except (ImportError, ValueError):  # for example, of a module without a specification
        return []
    if spec is None:
        return []
    if not spec.has_location or spec.origin is None:  # built in; or a package in several folders, without __init__.py
        found = [Path(folder).resolve() for folder in spec.submodule_search_locations or ()]
        return [folder.parent for folder in found if not is_installed(folder)]
    file = Path(spec.origin).resolve()
    root = file.parent if spec.submodule_search_locations is None else file.parent.parent
    return [root] if is_own(str(file)) else []


def search_here() -> None:
    """Search the current folder for modules, as `python -m` does and a console script does not."""
    if "" not in sys.path:
        sys.path.insert(0, "")


@cache
def _installed() -> tuple[Path, ...]:
    folders = [sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    return (*(Path(folder).resolve() for folder in folders), Path(__file__).resolve().parents[1])
