"""Settings for compilation, and how long it took the last time."""

import hashlib
import json
import os
from contextlib import AbstractContextManager, suppress
from pathlib import Path

import jax

from jaxgan.cache import cache_dir
from jaxgan.files import write_json
from jaxgan.study import provenance


def keep_programs() -> None:
    """Enable JAX's compilation cache in the user's cache folder, unless the user has configured another folder.

    Programs are compiled for one type of processor, so each type has its own folder.
    """
    if os.environ.get("JAX_COMPILATION_CACHE_DIR") is None:
        device = provenance.device()
        kind = hashlib.sha256(f"{device['platform']} {device['device']}".encode()).hexdigest()[:12]
        jax.config.update("jax_compilation_cache_dir", str(cache_dir() / "programs" / kind))


def in_precision(precision: str) -> AbstractContextManager:
    """Set the precision of matrix products; JAX's default, called "fast" here, is TF32 or bfloat16 on some devices."""
    return jax.default_matmul_precision("default" if precision == "fast" else "float32")


def last_time(what: str) -> float | None:
    """Return how many seconds compiling `what` took the last time on this machine; None if unknown."""
    try:
        return float(json.loads(_times().read_text(encoding="utf-8"))[what])
    except (OSError, ValueError, KeyError, TypeError):  # none, or not ours
        return None


def took(what: str, seconds: float) -> None:
    """Store the seconds for `last_time`. An unwritable folder is not an error."""
    with suppress(OSError):
        path = _times()
        try:
            known = dict(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            known = {}
        write_json(path, known | {what: round(seconds, 1)})


def _times() -> Path:
    return cache_dir() / "compile-seconds.json"
