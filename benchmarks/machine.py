"""Describe the machine and the versions of a benchmark, without host names and paths.

`python -m benchmarks.machine` prints the description as JSON. Benchmarks ask for it in a separate process, because JAX
has to claim a device to describe it.
"""

import json
import subprocess
import sys
from importlib import metadata
from typing import Any

from jaxgan.study import provenance


def describe() -> dict[str, Any]:
    """Return the model of the processor or GPU, cores, memory, operating system, versions and commit.

    Example:
      >>> sorted(describe()["versions"])[:3], describe()["cores"] > 0
      (['flax', 'jax', 'jaxgan'], True)
    """
    names = ("flax", "jax", "jaxgan", "jaxlib", "numpy", "optax", "python")
    versions = {name: version for name, version in provenance.versions().items() if name in names}
    return {
        **provenance.device(),
        "versions": versions | _torch_version(),
        "commit": provenance.commit(),
        "torch_device": _torch_device(),
    }


def ask() -> dict[str, Any]:
    """Call `describe` in a separate process."""
    command = [sys.executable, "-m", "benchmarks.machine"]
    answer: dict[str, Any] = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return answer


def sentence(machine: dict[str, Any]) -> str:
    """Format the description as one line, for the head of a table."""
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    return (
        f"{machine['device']}, {machine['cores']} cores, {machine['memory_gib']} GiB, {machine['system']}; {versions}"
    )


def _torch_version() -> dict[str, str]:
    try:
        return {"torch": metadata.version("torch")}
    except metadata.PackageNotFoundError:
        return {}


def _torch_device() -> str | None:
    """Return the device that PyTorch uses; None without PyTorch."""
    try:
        import torch
    except ImportError:
        return None
    return torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu"


if __name__ == "__main__":
    print(json.dumps(describe()))
