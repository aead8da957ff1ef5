"""Every block of the README is executed, and every table in it is a committed result."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from jaxgan.cli.app import main
from jaxgan.study.file import Study

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL)
SETUP = "python3 -m venv .venv && "
FROZEN = ["--seeds", "2", "--ages", "0,2", "--d-iterations", "4", "--width", "8", "--batch-size", "8"]
SMALL = ["--seeds", "4", "--steps", "4", "--samples", "50", "--width", "8", "--batch-size", "8"]


def test_blocks_are_of_kinds_that_are_executed():
    assert {kind for kind, _ in BLOCKS} == {"bash", "python", "toml"}
    # These two are executed whole by the slow test below and by the continuous integration.
    assert sum(text.startswith(SETUP) for _, text in BLOCKS) == 2


def test_every_block_runs(tmp_path, monkeypatch, capsys):
    """In the order of the page and in one folder, as a reader would; training is cut short.

    In this process, which spares each the import of JAX, but for what is possible only before anything else.
    """
    monkeypatch.chdir(tmp_path)
    for kind, text in BLOCKS:
        if text.startswith(SETUP):
            continue
        if named := re.match(r"# (\w+\.(?:py|toml))\n", text):
            Path(named[1]).write_text(text)
        if kind == "toml":
            assert named and Study.read(named[1]).configurations()
        elif "use_cpu_cores" in text:
            program = [sys.executable, "-c", shortened(text)]
            done = subprocess.run(program, capture_output=True, text=True, timeout=300)
            assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"
        elif kind == "python":
            exec(compile(shortened(text), named[1] if named else "README.md", "exec"), {"__name__": "__main__"})
        else:
            for line in text.splitlines():
                assert main(words_of(line)) == 0, f"{line}\n{capsys.readouterr().err}"


def shortened(text: str) -> str:
    """The code with four steps where it trains, looked at after every second."""
    return re.sub(r"\bprobe_every=\d+", "probe_every=2", re.sub(r"\bnum_steps=\d+", "num_steps=4", text))


def words_of(line: str) -> list[str]:
    program, *words = shlex.split(line)
    assert program == ".venv/bin/jaxgan", line
    short = SMALL if words[0] in ("compare", "train") else []
    if "--frozen" in words:
        short = FROZEN
    return [*words, *short]  # the last of an option's values counts


@pytest.mark.parametrize("page", ["README.md", "benchmarks/README.md"])
def test_tables_are_those_of_the_committed_results(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    copies = re.findall(r"^<!-- (benchmarks/\S+\.md) -->\n(.*?)^<!-- end -->$", text, flags=re.MULTILINE | re.DOTALL)
    assert len(copies) == text.count("<!-- end -->") > 0
    for path, shown in copies:
        assert shown.strip() == (ROOT / path).read_text(encoding="utf-8").strip(), path


def test_files_that_the_readme_names_are_there():
    headings = {"#" + "-".join(re.findall(r"\w+", line.lower())) for line in re.findall(r"^#+ (.+)$", README, re.M)}
    for path in re.findall(r"\]\(((?!http)[^)]+)\)", README):
        assert path in headings if path.startswith("#") else (ROOT / path).is_file(), path


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
