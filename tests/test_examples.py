"""Examples in docstrings that need a trained run: `--doctest-modules` skips them, here they are executed."""

import doctest
import importlib
import re
import shutil
from pathlib import Path

import jax
import pytest

import jaxgan as jg

SMALL = {"seeds": 2, "steps": 4, "samples": 50, "width": 4, "batch_size": 8}
SKIPPED = "# doctest: +SKIP"
NAMES = (
    "diagnosed",
    "export_generator",
    "load_generator",
    "load_run",
    "merge_runs",
    "remedies",
    "Results",
    "run_profile",
    "run_study",
    "Study",
    "truncated_sampler",
)


def examples_of(name: str) -> list[doctest.Example]:
    return doctest.DocTestParser().get_examples(getattr(jg, name).__doc__)


def shortened(source: str) -> str:
    """With a study as small as the run that is there."""
    source = re.sub(r'"seeds": \d+, "steps": \d+(, "lr_d": [\d.e-]+)?', '"seeds": 2, "steps": 4, **SMALL', source)
    source = re.sub(r'"seeds": 8, "first_seed": 8', '"first_seed": 2, **SMALL', source)
    return source.replace('train={"seeds": 4}', "train=SMALL_TABLE").replace("compare-digits", "compare-ring")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the run that the examples load."""
    folder = tmp_path_factory.mktemp("examples")
    jg.run_study("compare", {"data": "ring", **SMALL}, out=folder / "runs/0001-compare-ring", progress=False)
    return folder


def test_all_examples_that_need_a_run_are_executed() -> None:
    """None is left out of the list above, but for the one that has to come before anything else."""
    files = Path(jg.__file__).parent.rglob("*.py")
    listed = sum(getattr(jg, name).__doc__.count(SKIPPED) for name in (*NAMES, "use_cpu_cores"))
    assert sum(path.read_text(encoding="utf-8").count(SKIPPED) for path in files) == listed


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_the_example_runs(name: str, runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(runs, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    module = importlib.import_module(getattr(jg, name).__module__)
    table = {name: SMALL[name] for name in ("seeds", "steps")}
    names = {**vars(module), "jg": jg, "jax": jax, "SMALL": SMALL, "SMALL_TABLE": table}
    examples = examples_of(name)
    assert examples
    for example in examples:
        exec(compile(shortened(example.source), name, "single"), names)
