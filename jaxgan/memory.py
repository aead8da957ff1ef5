"""The memory that is available to this process."""

from contextlib import suppress
from pathlib import Path


def available_memory() -> int:
    """Return the number of bytes available to this process: the machine's free memory or its container's limit."""
    import psutil

    free = psutil.virtual_memory().available
    with suppress(OSError, ValueError, KeyError):  # no cgroup, or one without a limit ("max")
        group = Path("/sys/fs/cgroup")
        limit, current = (int((group / name).read_text()) for name in ("memory.max", "memory.current"))
        counts = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
        free = min(free, limit - current + int(counts["inactive_file"]))  # cached files can be evicted
    return free
