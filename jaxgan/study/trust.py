"""Decide whether code named by a run's folder may be run: it must be unchanged, and the folder created by this user.

A folder names files, and continuing it imports them. Therefore config.json contains a seal made with a key that stays
with the user. A folder that somebody else created or changed has no valid seal, and needs the user's consent.
"""

import hmac
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from jaxgan.cache import cache_dir
from jaxgan.results.seal import DIGEST, digest_of
from jaxgan.study import inputs
from jaxgan.study.messages import OptionError

SEAL = "seal"


def sealed(content: Mapping[str, Any]) -> dict[str, Any]:
    """The content of a config.json with the seal of this user; without one where no key can be kept."""
    return {**content, SEAL: _seal(content)}


def check_trusted(content: Mapping[str, Any], folder: Path, *, trust: bool) -> None:
    """Check that the code named by the run in `folder` may be run; call this before importing it.

    Raises:
      OptionError: if the folder was created elsewhere and `trust` is False, or a file has changed.
    """
    names = inputs.names_in(content)
    if not names:
        return
    if not trust and not hmac.compare_digest(str(content.get(SEAL)), str(_seal(content))):
        line = f"{folder} was made elsewhere, and going on with it would run {', '.join(names)}; read that code first"
        raise OptionError("trust", f"{line} (a copy is in {folder / 'code'}), then add --trust")
    inputs.check_code(content, names, folder)


def _seal(content: Mapping[str, Any]) -> str | None:
    rest = {name: value for name, value in content.items() if name not in (SEAL, DIGEST, "id")}
    key = _key()
    return None if key is None else hmac.digest(key, digest_of(rest).encode(), "sha256").hex()


def _key() -> bytes | None:
    """32 random bytes that stay in the user's cache folder, readable by the user alone."""
    path = cache_dir() / "key"
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with open(descriptor, "wb") as file:
                file.write(os.urandom(32))
        if len(key := path.read_bytes()) == 32:
            return key
    return None
