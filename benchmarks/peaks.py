"""Measure the peak memory of a process, without imports that would need memory themselves."""

from pathlib import Path


def peak_mib() -> float:
    """Return the peak resident memory of this process in MiB; 0 if the system does not report it.

    Does not use `getrusage`, because a process inherits its value from the one that started it.
    """
    try:
        status = Path("/proc/self/status").read_text(encoding="utf-8")
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM:")), 0.0)
