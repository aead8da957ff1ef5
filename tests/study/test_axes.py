"""Rows of settings that a study draws at random."""

import pytest

from jaxgan.study.messages import OptionError
from jaxgan.study.study_file.axes import Range, drawn, preset_axis


def test_many_random_rows_are_no_number_twice():
    """200 of the narrow ranges' learning rates, of four digits, held one twice; the first rows stay what they were."""
    same, few = preset_axis("lucic-narrow", 20, 0, ["lr_d", "lr_g", "b1"])
    _, many = preset_axis("lucic-narrow", 200, 0, ["lr_d", "lr_g", "b1"])
    assert same == {"b1": 0.5} and few.rows == many.rows[:20] and len(set(many.rows)) == 200
    with pytest.raises(OptionError, match="got 200 rows at random, expected fewer"):
        drawn({"lr_d": Range(1e-3, 1.05e-3)}, 200, seed=0)
