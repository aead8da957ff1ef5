"""Where the cache is, also for a user without a home."""

import pwd
import stat
import tempfile
from pathlib import Path

import pytest

from jaxgan import cache
from jaxgan.data.tfds import prepared


@pytest.fixture
def homeless(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A user of a container: no HOME, and no entry in the list of users."""

    def unknown(user: int) -> None:
        raise KeyError(user)

    for name in ("HOME", "JAXGAN_CACHE_DIR", "XDG_CACHE_HOME", "TFDS_DATA_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", unknown)
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    cache._without_home.cache_clear()
    return tmp_path


def test_a_user_without_a_home_has_a_cache_of_their_own(homeless: Path) -> None:
    folder = cache.cache_dir()
    assert folder.parent == homeless and folder == cache.cache_dir()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert prepared() == []


def test_a_folder_that_others_may_write_is_not_taken(homeless: Path) -> None:
    shared = cache.cache_dir()
    shared.chmod(0o777)
    cache._without_home.cache_clear()
    assert cache.cache_dir() != shared
    assert stat.S_IMODE(cache.cache_dir().stat().st_mode) == 0o700


def test_the_folder_that_is_asked_for_is_taken(homeless: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAXGAN_CACHE_DIR", str(homeless / "mine"))
    assert cache.cache_dir() == homeless / "mine"
