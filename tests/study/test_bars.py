"""Progress bars at the widths of terminals."""

import pytest
from tqdm import tqdm

from jaxgan.study.monitoring.bars import bar_format


@pytest.mark.parametrize("columns", [40, 72, 80, 120, 200])
def test_a_bar_has_room_beside_its_words(columns):
    """The longest name of a built-in loss that reports often hold, and both losses: at least an eighth is bar."""
    line = tqdm.format_meter(
        30_000, 30_000, 9.0, ncols=columns, prefix="non_saturating", unit="step", bar_format=bar_format(columns),
        postfix="d_loss=1.385, g_loss=-0.690",
    )  # fmt: skip
    assert len(line) <= columns
    assert line.count("█") >= columns // 8
    assert ("g_loss=-0.690" in line) == (columns >= 72)
