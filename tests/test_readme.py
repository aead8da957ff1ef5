"""The README is short, every block of it is executed, and every table in it is a committed result."""

import re
import subprocess

import pytest

from tests.blocks import KINDS, ROOT, SETUP, blocks_of, broken_links, run_blocks

README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = blocks_of(README)
LINES = 180  # at most: what a reader has two minutes for


def test_it_is_short():
    assert len(README.splitlines()) <= LINES


def test_blocks_are_of_kinds_that_are_executed():
    assert {block.kind for block in BLOCKS} <= KINDS
    # The first two are executed whole by the slow test below and by the continuous integration; the third is that of
    # the site, which a slow test of its pages builds.
    assert sum(block.text.startswith(SETUP) for block in BLOCKS) == 3


def test_every_block_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    run_blocks(BLOCKS, "README.md", capsys)


def test_links_lead_somewhere():
    assert broken_links(README, ROOT / "README.md") == []


@pytest.mark.slow
def test_the_first_command_from_a_clean_clone(tmp_path, optimized):
    """Twice in a row, as issued: a fresh environment, the whole main job, and a second run beside the first."""
    if not (ROOT / ".git").exists():
        pytest.skip("needs a git checkout to clone")
    clone = tmp_path / "jaxgan"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
    command = re.search(r"<!-- first command -->\n```bash\n(.*?)\n```", README)
    assert command
    hidden = ("JAXGAN_CACHE_DIR", "PYTHONPATH", "VIRTUAL_ENV", "JAX_COMPILATION_CACHE_DIR")
    environment = {name: value for name, value in optimized.items() if name not in hidden}
    environment["JAXGAN_CACHE_DIR"] = str(tmp_path / "cache")
    for number in (1, 2):
        done = subprocess.run(
            ["bash", "-c", command[1]], cwd=clone, env=environment, capture_output=True, text=True, timeout=1200
        )
        assert done.returncode == 0, done.stdout + done.stderr
        folder = clone / "runs" / f"{number:04d}-compare-digits"
        assert (folder / "report.html").is_file()
        assert "minimax" in done.stdout and "non_saturating" in done.stdout
    assert (folder / "metrics.csv").read_text() == (clone / "runs/0001-compare-digits/metrics.csv").read_text()
