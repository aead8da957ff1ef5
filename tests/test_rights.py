"""The licence, the version and the citation are said once and alike."""

import hashlib
import re
import tomllib
from datetime import date
from pathlib import Path

import yaml

import jaxgan

PACKAGE = Path(jaxgan.__file__).parent
ROOT = PACKAGE.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
CHANGELOG = (PACKAGE / "CHANGELOG.md").read_text(encoding="utf-8")
# Of https://www.apache.org/licenses/LICENSE-2.0.txt, which JAX and Optax ship byte for byte.
APACHE_2 = "cfc7749b96f63bd31c3c42b5c471bf756814053e847c10f3eb003417bc523d30"


def test_the_licence_is_the_whole_official_text_of_apache_2() -> None:
    assert PROJECT["license"] == "Apache-2.0"
    (file,) = PROJECT["license-files"]
    assert hashlib.sha256((ROOT / file).read_bytes()).hexdigest() == APACHE_2


def test_no_page_names_another_licence() -> None:
    pages = [ROOT / "README.md", *(ROOT / ".github").rglob("*.md")]
    assert [page.name for page in pages if re.search(r"\bMIT\b|\bBSD\b|\bGPL", page.read_text(encoding="utf-8"))] == []


def test_the_version_is_the_same_wherever_it_is_said() -> None:
    citation = yaml.safe_load((PACKAGE / "CITATION.cff").read_text(encoding="utf-8"))
    assert jaxgan.__version__ == PROJECT["version"] == citation["version"]
    assert citation["license"] == PROJECT["license"]
    assert {"cff-version", "message", "title", "authors"} <= citation.keys()  # what the format requires
    assert f"## {citation['version']} ({citation['date-released']})" in CHANGELOG


def test_the_changelog_begins_with_what_is_not_released_and_goes_back_in_time() -> None:
    first, *released = re.findall(r"^## (.+)$", CHANGELOG, flags=re.MULTILINE)
    assert first == "Unreleased"
    versions = [tuple(map(int, title.split()[0].split("."))) for title in released]
    assert versions == sorted(versions, reverse=True) and len(versions) == len(set(versions)) >= 2
    dates = [date.fromisoformat(found) for found in re.findall(r"^## \S+ \((.+)\)$", CHANGELOG, flags=re.MULTILINE)]
    assert dates == sorted(dates, reverse=True)
