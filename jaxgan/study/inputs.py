"""What a study is made from beside its options: files of data, and the user's own code, by digest and by copy."""

import hashlib
import sys
import sysconfig
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

import jaxgan.checkpoint as checkpoint
from jaxgan.files import write_bytes
from jaxgan.study import catalogue
from jaxgan.study.build import Study
from jaxgan.study.config import Config
from jaxgan.study.messages import OptionError

OWN = ("loss", "recipe", "probe", "generator", "discriminator")
"""Options that can name the user's own code."""


def absolute(given: Mapping[str, Any]) -> dict[str, Any]:
    """Files by their whole path, so that the command that repeats a run does so from any folder."""

    def resolve(name: str) -> str:
        label, equals, rest = name.rpartition("=") if ".py:" in name else ("", "", name)
        path, colon, attribute = rest.rpartition(":") if ".py:" in name else (rest, "", "")
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
    """Whether the data are a NumPy file of points [n, d], by the header of its largest array; reads no numbers."""
    path = Path(given.get("data") or "")
    if path.suffix.lower() not in (".npy", ".npz"):
        return False
    try:
        if path.suffix.lower() == ".npy":
            return np.load(path, mmap_mode="r", allow_pickle=False).ndim == 2
        with np.load(path, allow_pickle=False) as file:
            shapes = [_shape(file, name) for name in file.files]
        return len(max(shapes, key=lambda shape: (len(shape) > 1, np.prod(shape)))) == 2
    except Exception:  # whatever is wrong with it is reported where it is read
        return False


def digests(study: Study) -> dict[str, str]:
    """SHA-256 of what the configuration names but does not hold: the user's code, images, points."""
    data = (study.source.train, study.source.heldout)
    return _code(study.config) | ({} if study.source.train is None else {study.source.name: checkpoint.digest(data)})


def check_code(stored: Mapping[str, str], config: Config, folder: Path) -> None:
    """The user's code is what it was when the run in `folder` was started.

    Raises:
      OptionError: it changed; a copy of what it was is in the folder.
    """
    if changed := sorted(name for name, digest in _code(config).items() if stored.get(name) != digest):
        names = ", ".join(changed)
        raise OptionError("run", f"{names} changed since the run in {folder} was started; as it was it is in "
                          f"{folder / 'code'}")  # fmt: skip


def _code(config: Config) -> dict[str, str]:
    return {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in own_files(config).items()}


def own_files(config: Config) -> dict[str, Path]:
    """The user's files among the modules that are loaded, by their path below the folder that they were found in.

    Those that an option names, and what these import from the same folders: all that can change what is trained.
    """
    names = [name for option in OWN for name in _listed(getattr(config, option))]
    folders = {Path(name.rpartition("=")[2].rpartition(":")[0]).resolve().parent for name in names if ".py:" in name}
    if any(":" in name and ".py:" not in name for name in names):
        folders.add(Path.cwd().resolve())
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
        for folder in sorted(folders, key=lambda folder: -len(folder.parts)):
            if _below(path, [folder]):
                found[str(path.relative_to(folder))] = path
                break
    return dict(sorted(found.items()))


def keep_copies(folder: Path, study: Study) -> None:
    """Copies the user's own code into the run's folder: a path alone is lost with the next edit."""
    for name, path in own_files(study.config).items():
        write_bytes(folder / "code" / name, path.read_bytes())


def _listed(value: str | Iterable[str]) -> Iterable[str]:
    return (value,) if isinstance(value, str) else value


def _below(path: Path, folders: Iterable[Path]) -> bool:
    return any(folder in path.parents for folder in folders)


def _shape(file: Any, name: str) -> tuple[int, ...]:
    """Of one member of an .npz, from its header."""
    with file.zip.open(f"{name}.npy") as member:
        version = np.lib.format.read_magic(member)
        header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        return header(member)[0]
