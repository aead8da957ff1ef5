"""The memory that this process can still take."""

from contextlib import suppress
from pathlib import Path


def available_memory() -> int:
    """Bytes that this process can still take: what the machine has free, or its container allows."""
    import psutil

    free = psutil.virtual_memory().available
    with suppress(OSError, ValueError, KeyError):  # no control group, or one without a limit ("max")
        group = Path("/sys/fs/cgroup")
        limit, current = (int((group / name).read_text()) for name in ("memory.max", "memory.current"))
        counts = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
        free = min(free, limit - current + int(counts["inactive_file"]))  # cached files make room when asked to
    return free
