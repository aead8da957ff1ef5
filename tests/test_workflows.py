"""Continuous integration runs the scripts of .ci/, on every Python that the package says it is for."""

import os
import re
import shlex
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
JOBS: dict[str, Any] = yaml.safe_load((ROOT / ".github/workflows/tests.yml").read_text(encoding="utf-8"))["jobs"]
COMMANDS = [shlex.split(step["run"]) for job in JOBS.values() for step in job["steps"] if "run" in step]


def test_every_step_is_a_script_that_is_there_and_tests_that_are_there() -> None:
    assert {script for script, *_ in COMMANDS} == {f".ci/{path.name}" for path in (ROOT / ".ci").iterdir()}
    for script, *words in COMMANDS:
        assert os.access(ROOT / script, os.X_OK)
        assert [word for word in words if word.startswith("tests/") and not (ROOT / word).exists()] == []


def test_pythons_begin_at_the_lower_bound_without_a_gap() -> None:
    matrix = JOBS["newest"]["strategy"]["matrix"]
    minors = [int(version.partition(".")[2]) for version in matrix["python"]]
    assert f">=3.{minors[0]}" == PROJECT["requires-python"]
    said = [re.fullmatch(r"Programming Language :: Python :: 3\.(\d+)", one) for one in PROJECT["classifiers"]]
    assert minors == list(range(minors[0], minors[-1] + 1)) == [int(found[1]) for found in said if found]
    assert {one["python"] for one in matrix["include"]} <= set(matrix["python"])


def test_versions_of_jax_between_the_bounds_are_tried() -> None:
    (bound,) = (one.partition(">=")[2] for one in PROJECT["dependencies"] if one.startswith("jax>="))
    tried = [re.fullmatch(r"jax==0\.(\d+)\.\*", one["jax"]) for one in JOBS["newest"]["strategy"]["matrix"]["include"]]
    assert all(found and int(found[1]) > int(bound.partition(".")[2]) for found in tried)


@pytest.mark.parametrize("name", ["CONTRIBUTING.md", "SECURITY.md"])
def test_files_that_a_page_names_are_there(name: str) -> None:
    named = re.findall(r"`((?:jaxgan|tests|\.ci)/[\w/.]*)`", (ROOT / ".github" / name).read_text(encoding="utf-8"))
    assert [path for path in named if not (ROOT / path).exists()] == []
