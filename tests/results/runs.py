"""Runs that were begun, for the tests of their folders."""

from pathlib import Path

from jaxgan.results import claim as claims
from jaxgan.results.claim import claim
from jaxgan.results.results import SCHEMA

OURS = {"job": "compare", "schema": SCHEMA}


def begun(folder: Path, overwrite: bool = False, **content: object) -> str:
    """A run that was begun, and left; its id."""
    with claim(folder, OURS | content, overwrite=overwrite) as run:
        assert run.run is not None
        return run.run


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} - {claims.LOCK}
