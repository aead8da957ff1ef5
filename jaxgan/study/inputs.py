"""The inputs of a study other than its options: data files and the user's own code, with digests and copies."""

import hashlib
import itertools
import math
import sys
from collections.abc import Container, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import jaxgan.checkpoint as checkpoint
from jaxgan.data.numpy_files import headers_of
from jaxgan.data.source import DataError
from jaxgan.files import StoreError, file_digest
from jaxgan.results.contents import CODE
from jaxgan.study import catalogue
from jaxgan.study.build import Study
from jaxgan.study.config import INCEPTION, OWN, Config, is_own, prefix_of, split_label
from jaxgan.study.messages import OptionError
from jaxgan.study.own_code import is_installed, roots_of
from jaxgan.study.own_code import is_own as is_users


def absolute(given: Mapping[str, Any]) -> dict[str, Any]:
    """Make file paths absolute, so that the command that repeats a run works from any folder."""

    def resolve(name: str) -> str:
        label, rest = split_label(name) if ".py:" in name else ("", name)
        path, colon, attribute = rest.rpartition(":") if ".py:" in name else (rest, "", "")
        if name.startswith(INCEPTION):
            own = name.removeprefix(INCEPTION)
            return f"{INCEPTION}{Path(own).resolve()}" if own and _exists(own) else name
        if prefix := prefix_of(name):
            own = name.removeprefix(prefix)
            return name if catalogue.is_embedded(name) or not _exists(own) else f"{prefix}{Path(own).resolve()}"
        known = not colon and "/" not in name and (name in catalogue.DATA or "." not in name)
        there = path and not known and _exists(path)
        before = f"{label}=" if label else ""
        return f"{before}{Path(path).resolve()}{colon}{attribute}" if there else name

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


def digests_of_code(names: Iterable[str]) -> dict[str, str]:
    """Return the SHA-256 of the user's own files among those that options name and that these import."""
    return {name: file_digest(path) for name, path in own_files(names).items()}


def digests(study: Study) -> dict[str, str]:
    """Return the SHA-256 of the files that the configuration names: the user's code, images, points, weights."""
    found = digests_of_code(study.own_code)
    if study.source.train is not None:
        found[_free(study.source.name, found)] = checkpoint.digest((study.source.train, study.source.heldout))
    if (features := study.config.features).startswith(INCEPTION):
        weights = Path(features.removeprefix(INCEPTION))
        found[_free(weights.name, found)] = file_digest(weights)
    return found


def check_outside(config: Config, out: Path) -> None:
    """Check that a run which is to replace the one in `out` does not read its files: they will not be there.

    Raises:
      StoreError: if data or weights lie in `out`.
    """
    for read in (config.data.removeprefix(prefix_of(config.data)), config.features.removeprefix(INCEPTION)):
        if Path(out).resolve() in Path(read).resolve().parents and _exists(read):
            raise StoreError(f"--out: {out} holds {read}, which this run reads; name another folder")


def code_of(names: Iterable[str]) -> dict[str, str]:
    """Return the names of the user's own files in `digests` and in code/, each with its path within its own folder.

    The two differ where files in different folders have one path within them, such as a/mine.py and b/mine.py.
    """
    return {name: _within(name, path).as_posix() for name, path in own_files(names).items()}


def changed(stored: Mapping[str, Any], study: Study) -> list[str]:
    """Return the names of the files that are not as the config.json `stored` has them."""
    then, now = stored["inputs"], digests(study)
    if "code" not in stored:  # of a version that took files of one name for one, and packages below for the user's
        now = {name: digest for name, digest in now.items() if name in then}
        then = {name: digest for name, digest in then.items() if not is_installed(Path(name))}
    known = set(then.values())  # two machines may have one file in different folders
    new = [name for name, digest in now.items() if name not in then and digest not in known]
    return sorted([*new, *(name for name, digest in then.items() if now.get(name) != digest)])


def check_code(content: Mapping[str, Any], names: Iterable[str], folder: Path) -> None:
    """Check that the user's code has not changed since the run in `folder` was started; imports nothing.

    Args:
      content: the config.json of the run.
      names: names of the user's code, as options have them.
      folder: the folder of the run.

    Raises:
      OptionError: if the code changed or is missing; the folder has a copy of the original.
    """
    names, stored = list(names), content["inputs"]
    code = content.get("code", {name: name for name in stored if name.endswith(".py")})
    folders, named = _folders(names), named_files(names)
    for within in dict.fromkeys(code.values()):
        alike = sorted((name for name in code if code[name] == within), key=lambda name: (len(name), name))
        found = [path for path in (each / within for each in folders) if path.is_file()]
        if len(alike) == 1:  # a file that an option names, or one that it imports, from any of the folders
            found = [path for path in found if path in named] or found
            same = any(file_digest(path) == stored.get(alike[0]) for path in found)
        else:  # in the order of their folders, between which there may be files that were never imported
            left = iter([file_digest(path) for path in found])
            same = all(stored.get(name) in left for name in alike)
        if not same:
            digests_then, what = {stored.get(name) for name in alike}, "changed" if found else "is missing"
            other = [str(path) for path in found if file_digest(path) not in digests_then] if len(alike) > 1 else []
            raise OptionError("run", f"{' or '.join(other or alike)} {what} since the run in {folder} was started; as "
                              f"it was it is in {folder / CODE}")  # fmt: skip


def own_files(names: Iterable[str]) -> dict[str, Path]:
    """Return the user's files among the loaded modules, by their path relative to the folder they were found in.

    These are the files that options name and those that they import from the same folders: all that can change what is
    trained. Of several files with one such path, all but that of the first folder have a number in their name.
    """
    if not (folders := _folders(names)):  # most often; to look at all modules takes a second
        return {}
    found: dict[Path, tuple[int, Path]] = {}
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if name == "__main__" or not isinstance(file, str) or not is_users(file):
            continue  # the main module calls, and trains nothing; a file that an option names is loaded beside it
        path = Path(file).resolve()
        if above := [folder for folder in folders if folder in path.parents]:
            own = max(above, key=lambda folder: len(folder.parts))
            found[path] = folders.index(own), path.relative_to(own)
    keyed: dict[str, Path] = {}
    taken = {str(within) for _, within in found.values()}
    for path, (_, within) in sorted(found.items(), key=lambda one: one[1]):
        name = str(within) if str(within) not in keyed else _free(str(within), taken)
        taken.add(name)
        keyed[name] = path
    return dict(sorted(keyed.items()))


def check_kept(names: Iterable[str]) -> None:
    """Check that a copy can be kept of each named module, or that it is part of an installed package.

    Raises:
      StoreError: if not, because it is built in, compiled or in an archive.
    """
    names = list(names)
    kept = set(own_files(names).values())
    for module in _modules(names):
        file = getattr(sys.modules.get(module), "__file__", None)
        path = Path(file).resolve() if isinstance(file, str) else None
        if path not in kept and not (path is not None and path.is_file() and is_installed(path)):
            raise StoreError(f"{module} is in no file that a run can keep a copy of ({file or 'built in'}), expected a "
                             "module in a .py file")  # fmt: skip


def copies_of(names: Iterable[str], digests: Mapping[str, str]) -> dict[str, bytes]:
    """Return the contents of the user's own code, to be kept in the run's folder, because the originals may be edited.

    Args:
      names: names of the user's code, as options have them; it is imported.
      digests: as returned by `digests` when the run was set up.

    Raises:
      StoreError: if a file was changed or removed since then.
    """
    found, names = {}, list(names)
    for name, path in own_files(names).items():
        with suppress(FileNotFoundError):
            found[f"{CODE}/{name}"] = path.read_bytes()
    for name in code_of(names).keys() | {name for name in digests if name.endswith(".py")}:
        content = found.get(f"{CODE}/{name}")
        if content is None or hashlib.sha256(content).hexdigest() != digests.get(name):
            what = "removed" if content is None else "changed"
            raise StoreError(f"{name} was {what} while the run was set up, so that no copy of it can be kept")
    return found


def _free(name: str, taken: Container[str]) -> str:
    """Return `name`, or with a number if it is taken.

    Example:
      >>> _free("a/mine.py", ()), _free("a/mine.py", ("a/mine.py", "a/mine-2.py"))
      ('a/mine.py', 'a/mine-3.py')
    """
    path, numbers = Path(name), itertools.count(2)
    while name in taken:
        name = str(path.with_name(f"{path.stem}-{next(numbers)}{path.suffix}"))
    return name


def _within(name: str, path: Path) -> Path:
    """Return the path of a file of `own_files` relative to the folder it was found in."""
    return Path(*path.parts[-len(Path(name).parts) :])


def named_files(names: Iterable[str]) -> list[Path]:
    """Return the files among the names of the user's code, as options have them."""
    return [Path(split_label(name)[1].rpartition(":")[0]).resolve() for name in names if ".py:" in name]


def _folders(names: Iterable[str]) -> list[Path]:
    """Return the folders of the named files, in the order of the names; for modules, those they are imported from."""
    names = list(names)
    folders = [path.parent for path in named_files(names)]
    if modules := _modules(names):
        folders.append(here := Path.cwd().resolve())
        roots = [root for module in modules for root in roots_of(module)]
        folders += [root for root in roots if here not in (root, *root.parents)]
    return list(dict.fromkeys(folders))


def _modules(names: Iterable[str]) -> list[str]:
    """Return the modules among the names."""
    return [split_label(name)[1].rpartition(":")[0] for name in names if ":" in name and ".py:" not in name]


def _listed(value: str | Iterable[str]) -> Iterable[str]:
    return (value,) if isinstance(value, str) else value
