"""JSON that knows its own digest, so that a digit changed afterwards is noticed when it is read."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jaxgan.files import StoreError, plain, write_json

DIGEST = "digest"


def digest_of(content: Mapping[str, Any]) -> str:
    """The SHA-256 of all entries but the digest itself, whatever their order and the spaces between.

    Example:
      >>> digest_of({"a": 1, "b": [2.5]}) == digest_of({"b": [2.5], "a": 1, "digest": "any"})
      True
    """
    rest = {name: value for name, value in plain(content, null=True).items() if name != DIGEST}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


def write_sealed(path: Path, content: Mapping[str, Any]) -> None:
    """Writes a JSON object with its digest, whole or not at all."""
    write_json(path, {**content, DIGEST: digest_of(content)})


def read_sealed(path: Path) -> dict[str, Any]:
    """What `write_sealed` wrote. A file without a digest, of an earlier version, is taken as it is.

    Raises:
      StoreError: it is not there, is no JSON object, or is another than was written.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise StoreError(f"{path} does not exist") from error
    except ValueError as error:
        raise StoreError(f"{path} is damaged: {type(error).__name__}") from error
    if not isinstance(content, dict):
        raise StoreError(f"{path} is damaged: it holds no JSON object")
    if content.get(DIGEST, digest_of(content)) != digest_of(content):
        raise StoreError(f"{path} is not what was written: its digest differs")
    return content
