"""Shares of a step: instructions are sorted by the operations inside them, and no time is lost or counted twice."""

import json
from pathlib import Path

import pytest

from benchmarks import shares
from benchmarks.shares import Instruction, instructions
from benchmarks.workloads import SMALL_RING

PROGRAM = """\
HloModule jit_f

%fused_computation.1 (a: f32[2,2]) -> f32[2,2] {
  %a = f32[2,2]{1,0} parameter(0)
  ROOT %dot.9 = f32[2,2]{1,0} dot(%a, %a)
}

%fused_computation.2 (b: f32[2,2]) -> f32[2,2] {
  %b = f32[2,2]{1,0} parameter(0)
  ROOT %transpose.1 = f32[2,2]{0,1} transpose(%b), dimensions={1,0}
}

ENTRY %main.1 (x: f32[2,2]) -> f32[2,2] {
  %x = f32[2,2]{1,0} parameter(0)
  %fusion.1 = f32[2,2]{1,0} fusion(%x), calls=%fused_computation.1, metadata={op_name="NAME_1"}
  %copied = f32[2,2]{0,1} fusion(%fusion.1), calls=%fused_computation.2, metadata={op_name="NAME_2"}
  %sum = f32[] reduce(%copied), dimensions={0,1}, to_apply=%add, metadata={op_name="jit(f)/reduce_sum"}
  %bits = u32[2]{0} xor(%x, %x), metadata={op_name="jit(f)/jit(_threefry_fold_in)/xor"}
  %many = (f32[2,2]{1,0}, s32[]) while(%x), condition=%c, body=%d
  ROOT %root.2 = f32[2,2]{1,0} add(%copied, %x), metadata={op_name="jit(f)/while/body/add"}
}
""".replace("NAME_1", "jit(f)/transpose(jvp(DCGANGenerator))/Dense_0/dot_general").replace(
    "NAME_2", "jit(f)/jvp(MLPDiscriminator)/Dense_1/transpose"
)


def test_instructions_have_the_kind_of_what_is_inside_and_the_part_that_they_are_named_after() -> None:
    found = instructions(PROGRAM)
    assert found["fusion.1"] == Instruction("products", "G backward", "DCGANGenerator/Dense_0/dot_general")
    assert found["copied"] == Instruction("copies and shifts", "D forward", "MLPDiscriminator/Dense_1/transpose")
    assert found["sum"][:2] == ("reductions", "rest") and found["bits"].kind == "random bits"
    assert found["root.2"] == Instruction("element by element", "rest", "add")
    assert "many" not in found  # its body is timed by itself


@pytest.mark.slow
def test_shares_are_of_the_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(shares.WORKLOADS, "ring", SMALL_RING)
    assert shares.main(["--workloads", "ring", "--seeds", "2", "--steps", "5", "--out", str(tmp_path)]) == 0
    (one,) = json.loads((tmp_path / "results.json").read_text())["workloads"]
    assert sum(row[part] for row in one["rows"] for part in shares.PARTS) == pytest.approx(1)
    assert sum(row["G backward"] for row in one["rows"]) > 0 and one["top"][0]["share"] > one["top"][-1]["share"]
    assert "| products " in (tmp_path / "table.md").read_text()
