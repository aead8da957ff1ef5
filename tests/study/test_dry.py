"""A dry run: the programs that a study is compiled into, its needs and its time; nothing is written."""

from pathlib import Path
from typing import Any

import pytest

from jaxgan.study import dry
from jaxgan.study.dry import plan_sections

TINY: dict[str, Any] = {
    "data": "ring", "loss": ("minimax",), "seeds": 2, "steps": 100, "width": 4, "latent_dim": 2, "batch_size": 8,
    "samples": 20, "vary": ("lr_d=0.001,0.01,0.1", "d_steps=1,2"),
}  # fmt: skip


def test_programs_needs_and_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The time is that of all runs at the rate of the trial, which a slow machine may double: it is only above zero."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(dry, "TRIAL", 2)
    monkeypatch.setattr(dry, "_LONG_ENOUGH", 0.0)
    lines: list[str] = []
    programs, operations, memory, disk = plan_sections(TINY, rate=2.0, log=lines.append)
    assert programs.caption.startswith(
        "6 configurations x 2 seeds = 12 runs of 100 steps on ring, in 2 programs: about "
    )
    head = [cell.text for cell in programs.head]
    rows = [dict(zip(head, row, strict=True)) for row in programs.rows]
    assert [(row["program"].text, row["configurations"].value, row["runs"].value) for row in rows] == [
        ("minimax-d_steps=1", 3, 6),
        ("minimax-d_steps=2", 3, 6),
    ]
    assert all(row["why"].text == "d_steps changes code or shapes" and row["time"].value > 0 for row in rows)
    assert all(row["MiB on a device"].value > 0 for row in rows)
    once, twice = ([cell.value for cell in row[1:]] for row in operations.rows)
    assert once[1] == pytest.approx(once[0] * 1e-3 * 100 * 6) and once[2] == pytest.approx(once[1] / 2)  # two TFLOP/s
    assert once[0] < twice[0] < 2 * once[0]  # a second update of the discriminator, and no second one of the generator
    assert lines == ["measuring minimax-d_steps=1", "measuring minimax-d_steps=2"]
    assert memory.rows and disk.rows and list(tmp_path.iterdir()) == []
