"""How much memory a process took; nothing is imported that would take some itself."""

from pathlib import Path


def peak_mib() -> float:
    """The peak resident memory of this process in MiB; 0 where the system does not say.

    Not `getrusage`, whose figure a program inherits from the one that started it.
    """
    try:
        status = Path("/proc/self/status").read_text(encoding="utf-8")
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM:")), 0.0)
