"""The site: every block of its pages is executed, its tables are committed results, every public name has a page."""

import doctest
import importlib.util
import re
import subprocess
import sys
from types import ModuleType

import pytest

from benchmarks import pages
from jaxgan.cli.app import cli
from tests.blocks import KINDS, ROOT, SHOWN, blocks_of, broken_links, run_blocks

SITE = ROOT / ".site"
PAGES = sorted(path.relative_to(SITE).as_posix() for path in SITE.rglob("*.md"))
TEXTS = {page: (SITE / page).read_text(encoding="utf-8") for page in PAGES}
BLOCKS = {page: blocks for page in PAGES if (blocks := blocks_of(TEXTS[page]))}
LONG = ("catalogue.md", "collapse.md", "commands.md", "conditions.md", "extend.md", "gradients.md", "runs.md")
"""Pages whose blocks take ten seconds or more together."""
THERE = importlib.util.find_spec("sphinx") is not None  # the extra `docs`


def extension(name: str) -> ModuleType:
    """A module of the site's folder, which is no package."""
    folder = str(SITE / "extensions")
    if folder not in sys.path:
        sys.path.insert(0, folder)
    return importlib.import_module(name)


@pytest.mark.parametrize("page", [page for page in BLOCKS if page not in LONG])
def test_every_block_runs(page, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    run_blocks([block for block in BLOCKS[page] if not block.slow], page, capsys)


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page in BLOCKS if page in LONG or any(one.slow for one in BLOCKS[page])])
def test_every_block_runs_with_those_that_take_minutes(page, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    run_blocks(BLOCKS[page], page, capsys)


@pytest.mark.parametrize("page", BLOCKS)
def test_every_block_is_of_a_kind_that_is_run_or_shown(page):
    assert {block.kind for block in BLOCKS[page]} <= KINDS | SHOWN


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    assert broken_links(TEXTS[page], SITE / page) == []


@pytest.mark.parametrize("page", pages.pages())
def test_tables_are_those_of_the_committed_results(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    copies = re.findall(r"^<!-- (benchmarks/\S+\.md) -->\n(.*?)^<!-- end -->$", text, flags=re.MULTILINE | re.DOTALL)
    assert len(copies) == text.count("<!-- end -->")
    for path, shown in copies:
        assert shown.strip() == (ROOT / path).read_text(encoding="utf-8").strip(), path
    assert pages.filled(text, ROOT) == text


def test_all_results_are_listed_with_their_commands():
    listed = re.findall(r"`([\w-]+)`", " ".join(re.findall(r"^\| (`.*?) \|", TEXTS["results.md"], flags=re.MULTILINE)))
    folders = sorted(path.name for path in (ROOT / "benchmarks" / "results").iterdir() if path.is_dir())
    assert sorted(listed) == folders
    assert [name for name in folders if not pages.commands(ROOT / "benchmarks" / "results" / name)] == []


def test_all_commands_are_listed():
    rows = re.findall(r"^\| (`jaxgan.*?) \|", TEXTS["commands.md"], flags=re.MULTILINE)
    assert {name for row in rows for name in re.findall(r"`jaxgan (\w+)`", row)} == set(cli.commands)


def test_pages_are_all_reached():
    """Each is in a table of contents, and each of these entries is there."""
    entries = set()
    for page, text in TEXTS.items():
        for body in re.findall(r"^```\{toctree\}\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL):
            names = [line.strip() for line in body.splitlines() if line.strip() and not line.startswith(":")]
            entries |= {(SITE / page).parent.joinpath(f"{name}.md").relative_to(SITE).as_posix() for name in names}
    scripts = {f"tutorials/{path.stem}.md" for path in (ROOT / "experiments").glob("tutorial_*.py")}
    assert entries == set(PAGES) - {"index.md"} | scripts


def test_every_public_name_has_a_page():
    assert extension("public").missing(SITE) == [], "add it to a page of .site/api/"


def test_a_name_without_a_page_is_found(tmp_path):
    (tmp_path / "losses.md").write_text("```{eval-rst}\n.. names:: jaxgan.losses\n\n   minimax\n```\n")
    missing = extension("public").missing(tmp_path)
    assert "jaxgan.losses.hinge" in missing and "jaxgan.hinge" in missing
    assert "jaxgan.losses.minimax" not in missing and "jaxgan.minimax" not in missing  # two paths of one object


@pytest.mark.skipif(not THERE, reason="needs the extra `docs`")
def test_every_listed_name_says_what_it_is(tmp_path):
    names = extension("names")
    assert names.undocumented(SITE) == []
    (tmp_path / "nn.md").write_text("```{eval-rst}\n.. names:: jaxgan.nn\n\n   NETWORKS MLPGenerator\n```\n")
    assert names.undocumented(tmp_path) == ["jaxgan.nn.NETWORKS"]  # a dict has no words of its own


@pytest.mark.skipif(not THERE, reason="needs the extra `docs`")
def test_docstrings_become_what_sphinx_reads():
    assert doctest.testmod(extension("docstrings")).failed == 0


def test_a_broken_link_is_found(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# One\n\n[a](#one) [b](#two) [c](page.md#one) [d](other.md) ![e](no.png) [f](https://x.y)\n")
    assert broken_links(page.read_text(), page) == ["#two", "other.md", "no.png"]


@pytest.mark.slow
@pytest.mark.skipif(not THERE, reason="needs the extra `docs`")
def test_the_site_is_built(tmp_path):
    """Without a warning. Tutorials are not run once more: `test_tutorials.py` does, as scripts and as notebooks."""
    program = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-D", "nb_execution_mode=off"]
    done = subprocess.run([*program, str(SITE), str(tmp_path / "site")], cwd=ROOT, capture_output=True, text=True,
                          timeout=1800)  # fmt: skip
    assert done.returncode == 0, done.stderr
    for page in PAGES:
        assert (tmp_path / "site" / page).with_suffix(".html").is_file(), page
    assert (tmp_path / "site" / "tutorials" / "tutorial_two_losses.html").is_file()
    assert "jaxgan.losses.minimax" in (tmp_path / "site" / "api" / "losses.html").read_text(encoding="utf-8")


INTERVAL = re.compile(r"\[[-+]?[\d.]+ ?%?,\s+[-+]?[\d.]+ ?%?\]|\(\d[\d.]* to \d[\d.]*\)")


@pytest.mark.parametrize("page", pages.pages())
def test_intervals_in_prose_are_those_of_committed_results(page):
    """No number that a committed result does not hold: where one is repeated in words, its interval is found there."""
    tables = [path.read_text(encoding="utf-8") for path in (ROOT / "benchmarks" / "results").rglob("*.md")]
    held = re.sub(r"[\s%]+", "", "".join(tables))
    text = re.sub(r"^```.*?^```$|^<!-- bench.*?^<!-- end -->$", "", (ROOT / page).read_text("utf-8"), flags=re.M | re.S)
    shown = {re.sub(r"[\s%]+", "", found) for found in INTERVAL.findall(text)} - {"[-1,1]"}  # the range of images
    assert {interval for interval in shown if interval not in held} == set()
