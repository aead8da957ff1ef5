"""The provenance of a result: versions, commit, device."""

import hashlib
import os
import platform
import subprocess
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import jax

PACKAGES = (
    "jaxgan",
    "jax",
    "jaxlib",
    "flax",
    "optax",
    "orbax-checkpoint",
    "numpy",
    "scipy",
    "scikit-learn",
    "tensorflow-datasets",
)


def provenance() -> dict[str, Any]:
    """Return the provenance that a committed result must state: versions, commit, device, cores, memory and system.

    Example:
      >>> sorted(provenance())
      ['commit', 'cores', 'device', 'devices', 'memory_gib', 'platform', 'system', 'versions']
    """
    return {"versions": versions(), "commit": commit(), **device()}


def provenance_line(machine: Mapping[str, Any], versions: Mapping[str, str]) -> str:
    """Return the parts of `provenance` that are printed below a table, as one line.

    Example:
      >>> machine = {"device": "a processor", "cores": 2, "memory_gib": 16, "system": "an OS"}
      >>> provenance_line(machine, {"python": "3.11", "jax": "0.10"})
      'a processor, 2 cores, 16 GiB, an OS; python 3.11, jax 0.10'
    """
    where = f"{machine['device']}, {machine['cores']} cores, {machine['memory_gib']} GiB, {machine['system']}"
    return f"{where}; {', '.join(f'{name} {version}' for name, version in versions.items())}"


def versions() -> dict[str, str]:
    """Return the versions of all packages that a run's numbers may depend on."""
    return {"python": platform.python_version()} | {name: metadata.version(name) for name in PACKAGES}


def sources() -> str:
    """Return the SHA-256 of the code of this package that numbers can depend on: all but reports and the command line.

    Example:
      >>> len(sources())
      64
    """
    package = Path(__file__).parents[1]
    total = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        own = path.relative_to(package)
        if own.parts[0] not in ("report", "cli"):
            total.update(own.as_posix().encode() + b"\0" + path.read_bytes())
    return total.hexdigest()


def commit() -> str | None:
    """Return the commit of the checkout that this code runs from, marked if it has changes; None without a checkout."""
    here = Path(__file__).parents[2]
    if not (here / ".git").exists():
        return None
    try:
        describe = ["git", "-C", str(here), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
        return subprocess.run(describe, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None


def device() -> dict[str, str | int]:
    """Return the device that JAX uses and a description of the machine, without its host name."""
    devices = jax.devices()
    kind = devices[0].device_kind
    return {
        "platform": devices[0].platform,
        "device": _processor() if devices[0].platform == "cpu" else kind,
        "devices": len(devices),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30) if _POSIX else 0,
        "system": f"{_system()} {platform.machine()}",
    }


def _system() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):  # not Linux, or a Linux without this information
        return f"{platform.system()} {platform.release()}"


_POSIX = "SC_PHYS_PAGES" in getattr(os, "sysconf_names", {})


def _processor() -> str:
    try:
        return named_processor(Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    except OSError:
        return platform.processor() or platform.machine()


def named_processor(cpuinfo: str) -> str:
    """Return the name of the first processor in Linux's `/proc/cpuinfo`, with what determines how XLA compiles for it.

    Virtual machines often use one name for several generations of processors. These have different vector widths, so
    they sum in a different order and the results differ in their last bits.

    Example:
      >>> named_processor("model name: AMD EPYC\\ncpu family: 25\\nmodel: 1\\nflags: fpu avx avx2\\n\\n")
      'AMD EPYC (family 25, model 1, AVX2)'
    """
    fields = {}
    for line in cpuinfo.partition("\n\n")[0].splitlines():
        name, _, value = line.partition(":")
        fields[name.strip()] = value.strip()
    can = (fields.get("flags") or fields.get("Features") or "").split()
    details = [f"{name} {fields[key]}" for name, key in _GENERATION.items() if key in fields]
    details += [name for flag, name in _VECTORS.items() if flag in can][:1]
    name = fields.get("model name", platform.machine())
    return f"{name} ({', '.join(details)})" if details else name


_GENERATION = {"family": "cpu family", "model": "model"}
_VECTORS = {"avx512f": "AVX-512", "avx2": "AVX2", "avx": "AVX", "sve": "SVE", "asimd": "NEON"}  # the widest first
