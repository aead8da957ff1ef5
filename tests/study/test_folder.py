"""A run's folder while a study writes it: what a kill at any moment leaves is never taken for more than it is."""

from pathlib import Path
from unittest.mock import Mock

import pytest

from jaxgan.results.claim import RunFolder, claim
from jaxgan.results.results import SCHEMA
from jaxgan.study.folder import grown


def test_a_run_that_grows_has_no_results_before_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed in between it was taken for finished, with the results of fewer steps than its config.json has."""
    more = {"config": {"steps": 60}, "command": "jaxgan train", "blocks": [[0, 1]]}
    with claim(tmp_path, {"schema": SCHEMA, "job": "train"}, overwrite=False) as run:
        (tmp_path / "results.nc").write_text("of 30 steps")
        monkeypatch.setattr(RunFolder, "rewrite", Mock(side_effect=KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            grown(run, Mock(), more)
    assert not (tmp_path / "results.nc").exists()
