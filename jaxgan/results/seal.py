"""Read and write JSON with an embedded digest, so that later changes are detected."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jaxgan.files import StoreError, plain, write_json

DIGEST = "digest"
_WITH_DIGEST = frozenset({"id", "seal", "code"})
"""Entries of config.json that came with the digest or after it: a file with one of them was written with a digest.

The schema does not tell: runs without a digest have the present one. Without its id a run's own files are another's.
"""


def digest_of(content: Mapping[str, Any]) -> str:
    """Return the SHA-256 of all entries except the digest, independent of their order and of whitespace.

    Example:
      >>> digest_of({"a": 1, "b": [2.5]}) == digest_of({"b": [2.5], "a": 1, "digest": "any"})
      True
    """
    rest = {name: value for name, value in plain(content, null=True).items() if name != DIGEST}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


def write_sealed(path: Path, content: Mapping[str, Any]) -> None:
    """Write a JSON object with its digest atomically."""
    write_json(path, {**content, DIGEST: digest_of(content)})


def read_sealed(path: Path) -> dict[str, Any]:
    """Read a file written by `write_sealed`; one of a version that wrote no digest is accepted without.

    Raises:
      StoreError: if the file does not exist, is not a JSON object, or was changed after it was written.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise StoreError(f"{path} does not exist") from error
    except ValueError as error:
        raise StoreError(f"{path} is damaged: {type(error).__name__}") from error
    if not isinstance(content, dict):
        raise StoreError(f"{path} is damaged: it holds no JSON object")
    if DIGEST not in content and not _WITH_DIGEST.isdisjoint(content):
        raise StoreError(f"{path} is not what was written: its digest is missing")
    if content.get(DIGEST, digest_of(content)) != digest_of(content):
        raise StoreError(f"{path} is not what was written: its digest differs")
    return content
