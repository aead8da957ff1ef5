"""Wheel and sdist hold all of the package and nothing else, and install where nothing was."""

import os
import subprocess
import sys
import tarfile
import textwrap
import zipfile
from pathlib import Path

import pytest

from tests.test_core import CORE, SCRIPT

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.slow


def call(*command: str | Path, cwd: Path, environment: dict[str, str] | None = None) -> str:
    """What a program prints, which has to end well."""
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=1800)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an sdist of a clean clone and of the wheel that is built from it."""
    pytest.importorskip("build")
    if not (ROOT / ".git").exists():
        pytest.skip("needs a git checkout to clone")
    folder = tmp_path_factory.mktemp("built")
    call("git", "clone", "--quiet", ROOT, folder / "clone", cwd=folder)
    call(sys.executable, "-m", "build", "--outdir", folder / "dist", cwd=folder / "clone")
    return folder


def tracked(built: Path) -> set[str]:
    return set(call("git", "ls-files", "jaxgan", cwd=built / "clone").splitlines())


def clean(environment: dict[str, str], folder: Path) -> dict[str, str]:
    hidden = ("PYTHONPATH", "VIRTUAL_ENV", "JAX_COMPILATION_CACHE_DIR")
    kept = {name: value for name, value in environment.items() if name not in hidden}
    return kept | {"JAXGAN_CACHE_DIR": str(folder / "cache")}


def empty(folder: Path) -> tuple[Path, Path]:
    """Python and the programs of a new environment."""
    call(sys.executable, "-m", "venv", folder / "venv", cwd=folder)
    programs = folder / "venv" / ("Scripts" if os.name == "nt" else "bin")
    return programs / "python", programs


def test_the_wheel_holds_what_is_tracked_of_the_package_and_nothing_else(built: Path) -> None:
    (wheel,) = (built / "dist").glob("*-py3-none-any.whl")
    with zipfile.ZipFile(wheel) as file:
        names = set(file.namelist())
        (metadata,) = (file.read(name).decode() for name in names if name.endswith(".dist-info/METADATA"))
    assert {name for name in names if ".dist-info/" not in name} == tracked(built)
    assert {
        f"jaxgan/{name}" for name in ("LICENSE", "CHANGELOG.md", "CITATION.cff", "py.typed", "__init__.pyi")
    } <= names
    assert {"License-Expression: Apache-2.0", "License-File: jaxgan/LICENSE"} <= set(metadata.splitlines())


def test_the_sdist_holds_the_package_alone(built: Path) -> None:
    (sdist,) = (built / "dist").glob("*.tar.gz")
    with tarfile.open(sdist) as file:
        names = {name.partition("/")[2] for name in file.getnames() if not file.getmember(name).isdir()}
    # What hatchling adds of itself is the metadata and, for those who build again, what git ignores.
    assert names - {"PKG-INFO", ".gitignore"} == tracked(built) | {"pyproject.toml", "README.md"}
    assert sdist.stat().st_size < 2 * 2**20  # committed results are tens of MiB


def test_the_wheel_in_an_empty_environment_trains_from_the_command_line(
    built: Path, tmp_path: Path, optimized: dict[str, str]
) -> None:
    python, programs = empty(tmp_path)
    (wheel,) = (built / "dist").glob("*.whl")
    call(python, "-m", "pip", "install", "--quiet", wheel, cwd=tmp_path)
    environment = clean(optimized, tmp_path)
    assert "compare" in call(programs / "jaxgan", "--help", cwd=tmp_path, environment=environment)
    small = ["--data", "ring", "--seeds", "2", "--steps", "4", "--width", "8", "--samples", "50", "--out", "run"]
    call(programs / "jaxgan", "compare", *small, cwd=tmp_path, environment=environment)
    assert (tmp_path / "run" / "report.html").is_file()
    call(programs / "jaxgan", "study", "--init", "study.toml", cwd=tmp_path, environment=environment)
    assert "[train]" in (tmp_path / "study.toml").read_text(encoding="utf-8")


def test_beside_the_core_alone_the_sdist_trains_from_a_script_and_so_installs_a_git_address(
    built: Path, tmp_path: Path, optimized: dict[str, str]
) -> None:
    python, _ = empty(tmp_path)
    (sdist,) = (built / "dist").glob("*.tar.gz")
    call(python, "-m", "pip", "install", "--quiet", *CORE, cwd=tmp_path)
    call(python, "-m", "pip", "install", "--quiet", "--no-deps", sdist, cwd=tmp_path)
    environment = clean(optimized, tmp_path)
    assert call(python, "-c", textwrap.dedent(SCRIPT), cwd=tmp_path, environment=environment).startswith("Interval(")
    listed = call(python, "-m", "pip", "list", cwd=tmp_path, environment=environment)
    assert not {"matplotlib", "pandas", "tensorflow-datasets", "xarray"} & set(listed.split())
    address = f"git+{(built / 'clone').as_uri()}"
    call(python, "-m", "pip", "install", "--quiet", "--no-deps", "--force-reinstall", address, cwd=tmp_path)
    assert "git+file" in call(python, "-m", "pip", "freeze", cwd=tmp_path)
    assert call(python, "-c", "import jaxgan; print(jaxgan.losses.hinge.__name__)", cwd=tmp_path).strip() == "hinge"
