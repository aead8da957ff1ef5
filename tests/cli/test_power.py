"""`jaxgan power`: an answer for people and for pipes, and a line for what cannot be used."""

import csv

import pytest

from jaxgan.cli.app import main


def rows(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[str, list[dict[str, str]]]:
    assert main(["power", *words]) == 0
    caption, *lines = capsys.readouterr().out.splitlines()
    return caption, list(csv.DictReader(lines, delimiter="\t"))


def test_a_difference_and_three_comparisons(capsys: pytest.CaptureFixture[str]) -> None:
    caption, found = rows(capsys, "--difference", "1", "--comparisons", "3")
    n = int(caption.split()[1])
    assert 11 < n < 20 and "1 standard deviation of paired differences" in caption
    assert "for Holm's p over 3 comparisons of at most 0.05; fewer than 7 seeds can show nothing" in caption
    enough = {int(row["seeds"]): row["enough"] for row in found}
    assert enough[8] == "no" and enough[n] == enough[32] == "yes"
    least = {row["seeds"]: row["smallest p they can reach"] for row in found}
    assert float(least["8"]) == pytest.approx(6 / 256, rel=0.01) and least["64"] == "below 1e-9"


def test_the_number_that_is_the_answer_is_enough(capsys: pytest.CaptureFixture[str]) -> None:
    """Its power is simulated twice, and may be 79.9 % the second time."""
    caption, found = rows(capsys, "--difference", "1")
    assert {row["enough"] for row in found if row["seeds"] == caption.split()[1]} == {"yes"}


def test_failure_rates(capsys: pytest.CaptureFixture[str]) -> None:
    caption, found = rows(capsys, "--rates", "0.5", "0.1")
    assert caption.startswith("# 25 seeds show the difference between failure rates of 0.5 and 0.1 on common seeds")
    assert [row["seeds"] for row in found] == ["4", "8", "16", "25", "32", "64"]
    assert found[0]["power"] == "0 %"


def test_what_no_study_can_tell(capsys: pytest.CaptureFixture[str]) -> None:
    caption, found = rows(capsys, "--difference", "0.005")
    assert caption.startswith("# More than 10,000 seeds would be needed")
    assert {row["enough"] for row in found} == {"no"}


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ([], "expected --difference or --rates, got neither"),
        (["--difference", "1", "--rates", "0.1", "0.2"], "expected --difference or --rates, got both"),
        (["--difference", "0"], "difference must be a finite number of standard deviations other than 0, got 0"),
        (["--rates", "0.1", "1.5"], "p1 and p2 must be two failure rates from 0 to 1, got 0.1 and 1.5"),
        (["--difference", "1", "--alpha", "7"], "alpha must be between 0 and 1, got 7"),
        (["--difference", "1", "--power", "1"], "power must be between 0 and 1, got 1"),
        (["--difference", "1", "--comparisons", "0"], "comparisons must be at least 1, got 0"),
        (["--rates", "0.1", "0.5", "--comparisons", "9" * 21], "comparisons must be at most 2,147,483,647, got 999,"),
    ],
)
def test_what_cannot_be_used_is_a_line(words: list[str], line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["power", *words]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.startswith(f"jaxgan: {line}") and err.count("\n") == 1
