"""Read and check study files: complete descriptions of studies."""

import hashlib
import json
import operator
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ModelWrapValidatorHandler, PrivateAttr, ValidationError, ValidationInfo, model_validator
from pydantic_core import InitErrorDetails

from jaxgan.study.messages import nearest
from jaxgan.study.study_file.asked import labels_of, options_of
from jaxgan.study.study_file.mistakes import Mistake, Place, mistakes_in
from jaxgan.study.study_file.tables import TABLES, Content, mistake, shown

if TYPE_CHECKING:
    from jaxgan.study.generators.generate import Run


class StudyError(ValueError):
    """Raised for an invalid study file, with one line for every mistake."""

    def __init__(self, lines: Sequence[str]):
        super().__init__("\n".join(lines))
        self.lines = tuple(lines)


class Study(Content):
    """A study of configurations x seeds on one data set, as in a study file; the file's tables are the arguments.

    All mistakes are reported together before anything runs. `jaxgan study --init` writes a template that documents the
    tables.

    Raises:
      pydantic.ValidationError: a `ValueError` that lists every mistake and its place.

    Example:
      >>> study = Study(data="ring", recipes=["minimax", "r1_gan"], vary={"lr_d": [0.0003, 0.001]}, train={"seeds": 4})
      >>> study.options()["vary"], study.options()["recipe"]
      (('lr_d=0.0003,0.001',), ('r1_gan',))
      >>> study.run("runs/rates")  # doctest: +SKIP
    """

    _folder: Path = PrivateAttr(default=Path())

    if TYPE_CHECKING:  # type checkers do not need to know what the tables accept besides tables

        def __init__(self, **tables: Any) -> None: ...

    @classmethod
    def read(cls, path: str | Path) -> "Study":
        """Read a study from a TOML file; its name defaults to the name of the file without its suffix.

        Raises:
          StudyError: if there are mistakes, with a line and a place for each.
          OSError: if the file cannot be read.
        """
        path = Path(path)
        if path.exists() and not path.is_file():
            raise StudyError([f"{path}: is a {'folder' if path.is_dir() else 'device or a pipe'}, expected a file"])
        try:
            content = tomllib.loads(path.read_text(encoding="utf-8-sig"))
        except ValueError as error:  # invalid TOML or invalid UTF-8
            raise StudyError([f"{path}: is no TOML: {_first_lower(str(error))}"]) from None
        try:
            return cls.model_validate({"name": path.stem, **content}, context={"folder": path.parent})
        except ValidationError as error:
            raise StudyError([f"{path}: {_place(one['loc'])}{one['msg']}" for one in error.errors()]) from None

    @model_validator(mode="wrap")
    @classmethod
    def _whole(cls, content: Any, handler: ModelWrapValidatorHandler["Study"], info: ValidationInfo) -> "Study":
        folder = Path((info.context or {}).get("folder", ""))
        found: list[Mistake] = []
        study: Study | None
        try:
            study = handler(content)
        except ValidationError as error:
            found = [Mistake(one["loc"], _words(one)) for one in error.errors()]
            study = _without(content, [one.place for one in found], handler)
        if study is not None:
            found += [one for one in mistakes_in(study, folder) if not _is_in(one.place, found)]
            study._folder = folder
        if study is None or found:
            found.sort(key=lambda one: _order(content, one.place))
            lines = [InitErrorDetails(type=mistake(one.text), loc=one.place, input=None) for one in found]
            raise ValidationError.from_exception_data("Study", lines)
        return study

    def options(self) -> dict[str, Any]:
        """Return the options for `run_study`, by name, with paths relative to the current folder."""
        return options_of(self, self._folder)

    def configurations(self) -> list[str]:
        """Return the label of every configuration: its recipe or loss, and its varied settings.

        Example:
          >>> Study(data="ring", recipes=["r1_gan"], vary={"gamma": [0.1, 1.0]}).configurations()
          ['r1_gan gamma=0.1', 'r1_gan gamma=1']
        """
        return labels_of(self, self._folder)

    def hash(self) -> str:
        """Return the SHA-256 of the whole study, including planned comparisons but not its name.

        Example:
          >>> one, other = Study(train={"seeds": 8}), Study(name="other")
          >>> one.hash() == other.hash(), one.hash() == Study(train={"seeds": 16}).hash()
          (True, False)
        """
        content = self.model_dump(mode="json", exclude={"name"}, exclude_none=True, warnings=False)
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    def run(self, out: str | Path | None = None, **how: Any) -> "Run":
        """Start the study, or continue it if its folder exists, and return the run.

        Args:
          out: the folder; by default the one named after the study under runs/.
          how: further arguments of `run_study`.

        Raises:
          OptionError, DataError, StoreError: as `run_study`.
        """
        from jaxgan.study.compare import run_study
        from jaxgan.study.generators.generate import load_run

        how = {"again": True, **how}
        return load_run(run_study("study", self.options(), out=Path(out or self.folder), **how))

    @property
    def folder(self) -> Path:
        """The default folder of the study."""
        return Path("runs", self.name)


def _without(content: Any, places: list[Place], handler: ModelWrapValidatorHandler[Study]) -> Study | None:
    """Return the study without the values that are invalid on their own, so that the others can be checked."""
    if not isinstance(content, Mapping):
        return None
    rest = json.loads(json.dumps(content, default=str))
    for place in places:
        _drop(rest, place)
    try:
        return handler(rest)
    except ValidationError:
        return None


def _is_in(place: Place, found: list[Mistake]) -> bool:
    """Return whether the place contains, or is contained in, a value that is invalid on its own."""
    return any(all(map(operator.eq, place, one.place)) for one in found)


def _order(content: Any, place: Place) -> list[int]:
    """Return a sort key for the position of a place in a file."""
    found = []
    for step in place:
        if isinstance(content, Mapping):
            found.append(list(content).index(step) if step in content else len(content))
        elif isinstance(step, int):
            found.append(step)
        content = content[step] if _has(content, step) else None
    return found


def _drop(table: Any, place: Place) -> None:
    """Remove the innermost existing value of a place; empty an item of a list instead, to keep the other indices."""
    for step in place[:-1]:
        inner = table[step] if _has(table, step) else None
        if not isinstance(inner, dict | list):
            break
        table = inner
    else:
        step = place[-1]
    if isinstance(table, dict):
        table.pop(step, None)
    elif _has(table, step):
        table[step] = {}


def _has(table: Any, step: str | int) -> bool:
    """Return whether a table has the key, or a list the index."""
    if isinstance(table, Mapping):
        return step in table
    return isinstance(table, list | tuple) and isinstance(step, int) and step < len(table)


def _words(error: Any) -> str:
    """Return a pydantic error in the same wording as the other mistakes."""
    kind, place, got = error["type"], error["loc"], shown(error["input"])
    if kind == "extra_forbidden":
        known = TABLES[place[0]] if len(place) > 1 else Content
        return f"no such key; {nearest(str(place[-1]), known.model_fields)}"
    expected = {
        "mistake": "",
        "bool_type": "true or false",
        "tuple_type": "a list",
        "dict_type": "a table",
        "model_type": "a table",
        "model_attributes_type": "a table",
    }.get(kind, error["msg"])
    return f"got {got}, expected {expected}" if expected else error["msg"]


def _place(place: Place) -> str:
    """Return a place as a user would write it.

    Example:
      >>> _place(("recipes", 1, "settings", "gamma"))
      'recipes[1].settings.gamma: '
    """
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in place).lstrip(".")
    return f"{text}: " if text else ""


def _first_lower(text: str) -> str:
    return text[:1].lower() + text[1:]
