"""The inputs of a study other than its options: data files and the user's own code, with digests and copies."""

import math
import sys
import sysconfig
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import jaxgan.checkpoint as checkpoint
from jaxgan.data.numpy_files import headers_of
from jaxgan.data.source import DataError
from jaxgan.files import file_digest, write_bytes
from jaxgan.study import catalogue
from jaxgan.study.build import Study
from jaxgan.study.config import INCEPTION, OWN, is_own, prefix_of
from jaxgan.study.messages import OptionError


def absolute(given: Mapping[str, Any]) -> dict[str, Any]:
    """Make file paths absolute, so that the command that repeats a run works from any folder."""

    def resolve(name: str) -> str:
        label, equals, rest = name.rpartition("=") if ".py:" in name else ("", "", name)
        path, colon, attribute = rest.rpartition(":") if ".py:" in name else (rest, "", "")
        if name.startswith(INCEPTION):
            own = name.removeprefix(INCEPTION)
            return f"{INCEPTION}{Path(own).resolve()}" if own and _exists(own) else name
        if prefix := prefix_of(name):
            own = name.removeprefix(prefix)
            return name if catalogue.is_embedded(name) or not _exists(own) else f"{prefix}{Path(own).resolve()}"
        known = not colon and "/" not in name and (name in catalogue.DATA or "." not in name)
        there = path and not known and _exists(path)
        return f"{label}{equals}{Path(path).resolve()}{colon}{attribute}" if there else name

    resolved = dict(given)
    if given.get("data"):
        resolved["data"] = resolve(given["data"])
    for option in OWN:
        value = given.get(option)
        if value:
            resolved[option] = resolve(value) if isinstance(value, str) else tuple(resolve(name) for name in value)
    return resolved


def _exists(path: str) -> bool:
    try:
        return Path(path).exists()
    except OSError:  # a name that is too long for a file
        return False


def holds_points(given: Mapping[str, Any]) -> bool:
    """Return whether the data is a NumPy file of points [n, d]; only reads the header of its largest array."""
    path = Path(given.get("data") or "")
    try:
        if path.suffix.lower() not in (".npy", ".npz") or not path.is_file():  # a pipe would be waited for
            return False
        shapes = [header.shape for header in headers_of(path).values()]
    except (DataError, OSError):  # whatever is wrong with it is reported where it is read
        return False
    return len(max(shapes, key=lambda shape: (len(shape) > 1, math.prod(shape)), default=())) == 2


def names_in(content: Mapping[str, Any]) -> list[str]:
    """Return the names of the user's own code in a config.json, as options have them."""
    profile, networks = content.get("profile") or {}, content.get("network") or {}
    asked = [(content.get("config") or {}).get(option) for option in OWN]
    asked += [
        profile.get("loss"),
        profile.get("d_loss"),
        *(one.get("name") for one in networks.values() if isinstance(one, dict)),
    ]
    return list(dict.fromkeys(name for value in asked if value for name in _listed(value) if is_own(name)))


def digests(study: Study) -> dict[str, str]:
    """Return the SHA-256 of the files that the configuration names: the user's code, images, points, weights."""
    data = (study.source.train, study.source.heldout)
    code = {name: file_digest(path) for name, path in own_files(study.own_code).items()}
    if (features := study.config.features).startswith(INCEPTION):
        weights = Path(features.removeprefix(INCEPTION))
        code |= {weights.name: file_digest(weights)}
    return code | ({} if study.source.train is None else {study.source.name: checkpoint.digest(data)})


def check_code(stored: Mapping[str, str], names: Iterable[str], folder: Path) -> None:
    """Check that the user's code has not changed since the run in `folder` was started; imports nothing.

    Args:
      stored: digests by file, as returned by `digests`.
      names: names of the user's code, as options have them.
      folder: the folder of the run.

    Raises:
      OptionError: if the code changed or is missing; the folder has a copy of the original.
    """
    folders = _folders(names)
    for name, digest in stored.items():
        if name.endswith(".py"):
            found = [path for path in (each / name for each in folders) if path.is_file()]
            if not any(file_digest(path) == digest for path in found):
                what = "changed" if found else "is missing"
                raise OptionError("run", f"{name} {what} since the run in {folder} was started; as it was it is in "
                                  f"{folder / 'code'}")  # fmt: skip


def own_files(names: Iterable[str]) -> dict[str, Path]:
    """Return the user's files among the loaded modules, by their path relative to the folder they were found in.

    These are the files that options name and those that they import from the same folders: all that can change what is
    trained.
    """
    if not (folders := _folders(names)):  # most often; to look at all modules takes a second
        return {}
    installed = [Path(sysconfig.get_path(where)).resolve() for where in ("stdlib", "purelib", "platlib")]
    installed.append(Path(checkpoint.__file__).resolve().parent)
    found = {}
    for name, module in list(sys.modules.items()):
        if name == "__main__":  # it calls, and trains nothing; a file that an option names is loaded beside it
            continue
        file = getattr(module, "__file__", None)
        path = Path(file).resolve() if isinstance(file, str) else None
        if path is None or path.suffix != ".py" or not path.is_file() or _below(path, installed):
            continue
        for folder in folders:
            if _below(path, [folder]):
                found[str(path.relative_to(folder))] = path
                break
    return dict(sorted(found.items()))


def keep_copies(folder: Path, study: Study) -> None:
    """Copy the user's own code into the run's folder, because the original may be edited."""
    for name, path in own_files(study.own_code).items():
        write_bytes(folder / "code" / name, path.read_bytes())


def _folders(names: Iterable[str]) -> list[Path]:
    """Return the folders of the named files, the innermost first; the current folder for a module."""
    names = list(names)
    folders = {Path(name.rpartition("=")[2].rpartition(":")[0]).resolve().parent for name in names if ".py:" in name}
    if any(":" in name and ".py:" not in name for name in names):
        folders.add(Path.cwd().resolve())
    return sorted(folders, key=lambda folder: -len(folder.parts))


def _listed(value: str | Iterable[str]) -> Iterable[str]:
    return (value,) if isinstance(value, str) else value


def _below(path: Path, folders: Iterable[Path]) -> bool:
    return any(folder in path.parents for folder in folders)
