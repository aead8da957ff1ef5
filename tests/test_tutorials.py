"""Tutorials teach by a script that runs as it stands and opens as a notebook."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

TUTORIALS = sorted((Path(__file__).parents[1] / "experiments").glob("tutorial_*.py"))
MARK = re.compile(r"^# %%(?: \[(markdown)\])?\n", flags=re.MULTILINE)
each = pytest.mark.parametrize("path", TUTORIALS, ids=lambda path: path.stem.removeprefix("tutorial_"))


def cells(path: Path) -> Iterator[tuple[str, str]]:
    """("markdown" or "code", text) of the percent format."""
    before, *parts = MARK.split(path.read_text(encoding="utf-8"))
    assert before == ""
    for kind, text in zip(parts[::2], parts[1::2], strict=True):
        lines = text.splitlines()
        if kind == "markdown":
            assert all(line.startswith("#") or not line for line in lines), lines
            yield kind, "\n".join(line.removeprefix("#").removeprefix(" ") for line in lines)
        else:
            yield "code", text


def test_there_is_one_for_every_subject() -> None:
    subjects = {path.stem.removeprefix("tutorial_") for path in TUTORIALS}
    assert subjects == {"two_losses", "stability", "own_method", "gradient_profiles", "conditional"}


@each
def test_a_tutorial_says_what_it_asks_draws_and_how_long_it_takes(path: Path) -> None:
    kinds, texts = zip(*cells(path), strict=True)
    first, code = texts[0], "".join(text for kind, text in zip(kinds, texts, strict=True) if kind == "code")
    assert kinds[0] == "markdown" and first.startswith("# ")
    assert f"python experiments/{path.name}" in first and re.search(r"minutes on two cores", first)
    assert any("$$" in text for text in texts) and any("## What to conclude" in text for text in texts)
    drawn = set(re.findall(r'savefig\("(\w+\.png)"', code))
    assert drawn and drawn == set(re.findall(r"`(\w+\.png)`", first))
    assert re.search(r"jg\.(iqm|wilson)_interval", code)  # a claim is one over seeds


@each
def test_a_tutorial_uses_public_names_alone(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            assert all(
                not a.name.startswith("jaxgan.") and (a.name != "jaxgan" or a.asname == "jg") for a in node.names
            )
        elif isinstance(node, ast.ImportFrom):
            assert not (node.module or "").startswith("jaxgan")
        elif isinstance(node, ast.Attribute):
            assert not node.attr.startswith("_")


@pytest.mark.slow
@each
def test_a_try_of_a_tutorial_as_a_script(path: Path, tmp_path: Path, optimized: dict[str, str]) -> None:
    environment = {**optimized, "TUTORIAL_SHORT": "1", "PYTHONWARNINGS": "error::UserWarning:__main__"}
    done = subprocess.run([sys.executable, str(path)], cwd=tmp_path, env=environment, capture_output=True, text=True,
                          timeout=900)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr
    for name in re.findall(r"`(\w+\.png)`", next(cells(path))[1]):
        assert (tmp_path / name).stat().st_size > 5000


@pytest.mark.slow
@pytest.mark.parametrize("subject", ["two_losses", pytest.param("conditional", marks=pytest.mark.long)])
def test_a_tutorial_as_a_notebook_shows_bars_and_figures(
    subject: str, tmp_path: Path, optimized: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that trains in a script's loop, and one that runs studies."""
    jupytext, nbclient = pytest.importorskip("jupytext"), pytest.importorskip("nbclient")
    pytest.importorskip("ipywidgets")
    path = TUTORIALS[0].with_name(f"tutorial_{subject}.py")
    notebook = jupytext.read(path)
    assert [cell.cell_type for cell in notebook.cells] == [kind for kind, _ in cells(path)]
    for name in ("MPLBACKEND", "JAX_DISABLE_MOST_OPTIMIZATIONS", "XLA_FLAGS"):  # as at home, where figures are inline
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TUTORIAL_SHORT", "1")
    nbclient.NotebookClient(notebook, timeout=900, resources={"metadata": {"path": str(tmp_path)}}).execute()
    outputs = [one for cell in notebook.cells if cell.cell_type == "code" for one in cell.outputs]
    shown = [kind for one in outputs for kind in one.get("data", {})]
    figures = re.findall(r"savefig\(", path.read_text(encoding="utf-8"))
    assert shown.count("image/png") == len(figures)
    assert "application/vnd.jupyter.widget-view+json" in shown  # the bar of a training
    assert "Warning" not in "".join(str(one.get("text", "")) for one in outputs)
