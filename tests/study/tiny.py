"""A study of two programs that takes seconds, and the comparison of two of them."""

from typing import Any

import numpy as np

import jaxgan as jg

TINY: dict[str, Any] = {
    "data": "ring",
    "loss": ("minimax",),
    "seeds": 2,
    "steps": 6,
    "evaluate_every": 2,
    "record_every": 2,
    "width": 4,
    "latent_dim": 2,
    "batch_size": 8,
    "samples": 20,
    "vary": ("lr_d=0.001,0.01", "d_steps=1,2"),
}


def assert_equal(found: jg.Results, expected: jg.Results) -> None:
    """To the bit."""
    assert found.dataset.sizes == expected.dataset.sizes
    for name, values in expected.dataset.variables.items():
        np.testing.assert_array_equal(found.dataset.variables[name].values, values.values, err_msg=str(name))
