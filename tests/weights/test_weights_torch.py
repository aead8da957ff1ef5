"""Files by `torch.save` itself, where PyTorch is installed: what is read is what was saved."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jaxgan.weights import read_weights

torch: Any = pytest.importorskip("torch")


@pytest.mark.parametrize("zipped", [True, False])
def test_what_torch_saves(tmp_path: Path, zipped: bool) -> None:
    network = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.BatchNorm2d(8), torch.nn.Flatten())
    numbers = torch.arange(24.0).reshape(4, 6)
    state = network.state_dict() | {
        "turned": numbers.T,
        "part": numbers[1:3, ::2],  # of the same storage
        "one": numbers.sum(),
        "empty": torch.empty(0, 3),
        "parameter": torch.nn.Parameter(torch.ones(3)),
        "channels last": torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last),
    }
    for name in ("float64", "float16", "int64", "int32", "int16", "int8", "uint8", "bool"):
        state[name] = torch.arange(5).to(getattr(torch, name))
    torch.save(state, tmp_path / "a.pth", _use_new_zipfile_serialization=zipped)
    found = read_weights(tmp_path / "a.pth")
    assert list(found) == list(state)
    for name, tensor in state.items():
        np.testing.assert_array_equal(found[name], tensor.detach().numpy(), strict=True, err_msg=name)
