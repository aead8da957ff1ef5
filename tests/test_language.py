"""Plain words: what readers stumbled over, and what the field calls otherwise, does not come back."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import jaxgan

PACKAGE = Path(jaxgan.__file__).parent
ROOT = PACKAGE.parent

# A pattern and what to write instead.
INSTEAD = {
    r"\bby (the|a|its) (fake |real )?(logits?|probability|parameters?|score)\b(?! of)": "with respect to the logit",
    r"\b(gradients?|derivatives?|slopes?) by (the|a|its)\b": "with respect to",
    r"by_logit|by_probability": "d_logit, d_probability",
    r"\b[Rr]eceived\b": "... must be X, got Y",
    r"; got ": "... must be X, got Y",
    r"\bWanted\b|\bSkill\b|\b_Crew\b|\bJudgement\b": "the name of what it is: ProfileConfig, DiscriminatorStrength",
    r"\bdef (looks|say|deal|hand)\b|\bLOOKS?\b|LOOK_": "probe, probe_steps, log, assign, share",
    r"\b[Aa] look\b|\b(samples|cost of|listed) looks\b": "a probe",
    r"\bdealt out\b": "distributed",
    r"\bsay: [A-Z]|\bjob\.say\b|\btold = |\b(say|report): is told\b": "log, report: called with",
    r"\bis no error\b": "is not an error",
    r"\bhonestly\b": "what it does: overflows to infinity, is not clamped",
    r"a zero is a zero|next to nothing about|goes through the motions|gone back behind": "what it means",
    r"terms that are none|a loss that is none": "not a Loss, not terms",
    r"again with": "reproduce with",
}


def texts() -> Iterator[Path]:
    yield from sorted(path for ending in ("py", "pyi", "html", "md") for path in PACKAGE.rglob(f"*.{ending}"))
    yield from (ROOT / "README.md", ROOT / "benchmarks" / "README.md")
    yield from sorted((ROOT / ".site").rglob("*.md"))
    for folder in ("benchmarks", "experiments", ".site/extensions"):
        yield from sorted((ROOT / folder).glob("*.py"))


def found(pattern: str, text: str) -> list[int]:
    """The lines in which it begins; a pattern with spaces may be broken over two."""
    anywhere = pattern.replace(" ", r"\s+(?:#\s+)?")
    return [text.count("\n", 0, match.start()) + 1 for match in re.finditer(anywhere, text)]


@pytest.mark.parametrize("pattern", INSTEAD)
def test_no_word_of_the_old_glossary(pattern: str) -> None:
    there = [f"{path.relative_to(ROOT)}:{line}" for path in texts() for line in found(pattern, path.read_text("utf-8"))]
    assert there == [], f"expected {INSTEAD[pattern]}"


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("the derivative by the logit", [1]),
        ("one\nits slope by the\n    fake logit", [2]),
        ("divided by the logit of D", []),
        ("with respect to the logit", []),
    ],
)
def test_the_search_sees_over_the_end_of_a_line(text: str, lines: list[int]) -> None:
    assert found(next(iter(INSTEAD)), text) == lines
