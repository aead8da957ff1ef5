"""What lies in a run's folder and is not of that run: files of the user's own and other runs stay as they are."""

import hashlib
import os
from pathlib import Path
from unittest.mock import Mock

import pytest

from jaxgan.files import StoreError
from jaxgan.results import claim as claims
from jaxgan.results.claim import claim, is_run, reopen
from jaxgan.results.store import summed
from tests.results.runs import OURS, begun, names


def test_a_half_loaded_file_of_the_users_own_is_not_taken_for_a_writers_remains(tmp_path: Path) -> None:
    (tmp_path / "film.mp4.partial").write_text("half")
    for take in (claims.check_out, lambda folder, overwrite: begun(folder, overwrite)):
        with pytest.raises(StoreError, match="holds other files"):
            take(tmp_path, overwrite=True)
    (tmp_path / "film.mp4.partial").rename(tmp_path.with_name("film.mp4.partial"))
    begun(tmp_path)
    (tmp_path / "film.mp4.partial").write_text("half")
    reopen(tmp_path).release()
    assert (tmp_path / "film.mp4.partial").read_text() == "half"


OWN = ["moons.npz", "notes.txt", "figures/draft.docx", "paper/main.tex", "minimax/seeds-0-1/mine.npy", "code/new.py"]
OURS_TOO = [
    *("results.nc", "metrics.csv", "table.tex", "samples-minimax.png", "figures/curves.svg", "paper/curve-g_loss.pdf"),
    *("a new kind.png", "figures/a new kind.svg", "sample-minimax-seed0-key0.npz", "mixing-w-minimax-seed0-key1.png"),
    *("minimax/seeds-0-1/records/0-1.npz", "a b/seeds-0-1-2/training/1of2/5.npz", "samples-x-seed0-key0-png/0.png"),
    *("generator-minimax-seed0.json", "code/sub/mine.py", "code/__pycache__/mine.pyc", "minimax/seeds-0-1/.lock"),
]


@pytest.mark.parametrize("name", OWN)
def test_an_overwrite_is_refused_where_it_would_take_a_file_of_the_users_own(tmp_path: Path, name: str) -> None:
    """It was moved aside with the run, and deleted: even the data that the run was trained on."""
    begun(tmp_path, inputs={"sub/mine.py": hashlib.sha256(b"x").hexdigest(), "new.py": "of what it was"})
    for one in (*OURS_TOO, name):
        (tmp_path / one).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / one).write_text("x")
    with pytest.raises(StoreError, match=f"holds {name}, which --overwrite would remove: move it elsewhere"):
        claims.check_out(tmp_path, overwrite=True)
    with pytest.raises(StoreError, match=f"holds {name}, which"):
        begun(tmp_path, overwrite=True)
    assert (tmp_path / name).read_text() == "x" and (tmp_path / "results.nc").exists()
    (tmp_path / name).unlink()
    begun(tmp_path, overwrite=True)
    assert names(tmp_path) == {"config.json", ".replaced"}


def test_a_run_that_is_written_below_another_is_left_to_its_writer(tmp_path: Path) -> None:
    """As `jaxgan remedy RUN` writes RUN/remedies-LABEL while RUN is reported again, grows or is replaced."""
    begun(tmp_path)
    nested = tmp_path / "remedies-minimax"
    half = nested / "as_it_was" / "seeds-0-1" / "training" / ".5-x3f.partial"
    with claim(nested, OURS, overwrite=False) as run:
        half.mkdir(parents=True)
        reopen(tmp_path).release()
        assert half.exists()
        for take in (claims.check_out, lambda folder, overwrite: begun(folder, overwrite)):
            with pytest.raises(StoreError, match=f"remedies-minimax is in use by process {os.getpid()} on "):
                take(tmp_path, overwrite=True)
        run.check()
    reopen(tmp_path).release()
    assert half.exists()  # of a nested run, which cleans up when it goes on
    for take in (claims.check_out, lambda folder, overwrite: begun(folder, overwrite)):
        with pytest.raises(StoreError, match=f"holds the run {nested}, which --overwrite would remove: move it"):
            take(tmp_path, overwrite=True)
    assert is_run(nested)
    assert "remedies-minimax/config.json" not in summed(tmp_path)


def test_what_was_put_beside_a_run_that_never_began_is_kept(tmp_path: Path) -> None:
    begun(tmp_path, number=1)
    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(claims, "write_sealed", Mock(side_effect=KeyboardInterrupt))
        claim(tmp_path, OURS, {"code/mine.py": b"x"}, overwrite=True)
    assert names(tmp_path) == {".replaced", "code"}
    (tmp_path / "notes.txt").write_text("mine")
    begun(tmp_path / "remedies-minimax")
    reopen(tmp_path).release()
    assert names(tmp_path) == {"config.json", "notes.txt", "remedies-minimax"}
    assert is_run(tmp_path / "remedies-minimax")
