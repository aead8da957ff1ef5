"""A run's folder while a study writes it: what a kill at any moment leaves is never taken for more than it is."""

import errno
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest

from jaxgan.files import StoreError
from jaxgan.results.claim import RunFolder, claim
from jaxgan.results.results import SCHEMA
from jaxgan.study.folder import grown
from jaxgan.study.giving_up import giving_up


def test_a_run_that_grows_has_no_results_before_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed in between it was taken for finished, with the results of fewer steps than its config.json has."""
    study: Any = SimpleNamespace(own_code=())
    more = {
        "inputs": {},
        "config": {"steps": 60},
        "configurations": {},
        "command": "jaxgan train",
        "blocks": [[0, 1]],
        "hash": "",
    }
    with claim(tmp_path, {"schema": SCHEMA, "job": "train"}, overwrite=False) as run:
        (tmp_path / "results.nc").write_text("of 30 steps")
        monkeypatch.setattr(RunFolder, "rewrite", Mock(side_effect=KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            grown(run, study, more | {"inputs": {}})
    assert not (tmp_path / "results.nc").exists()


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device", "RUN/log.jsonl"),
        OSError("Unable to synchronously create file (file write failed: errno = 28, error message = 'No space left')"),
        RuntimeError("Can't decrement id ref count (file write failed: errno = 28, error message = 'No space left')"),
    ],
)
def test_a_full_disk_is_one_line_that_says_what_is_kept(tmp_path: Path, error: Exception) -> None:
    """It came as any other error of the system, with "continue" at the most."""
    (tmp_path / "minimax" / "seeds-0-1" / "training" / "20").mkdir(parents=True)
    job = SimpleNamespace(folder=tmp_path, name="train")
    with pytest.raises(StoreError) as raised, giving_up(job):  # type: ignore[arg-type]
        raise error
    where = "RUN/log.jsonl" if getattr(error, "filename", None) else str(tmp_path)
    assert str(raised.value) == (
        f"could not write {where}: No space left on device; stopped at step 20 of minimax; everything up to it is "
        f"kept, continue with: jaxgan train --resume --out {tmp_path}"
    )


def test_an_error_that_is_not_of_the_disk_is_left_as_it_is(tmp_path: Path) -> None:
    job = SimpleNamespace(folder=tmp_path, name="train")
    with pytest.raises(FileNotFoundError), giving_up(job):  # type: ignore[arg-type]
        raise FileNotFoundError(errno.ENOENT, "No such file", "of the user's own code")
