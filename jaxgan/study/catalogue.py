"""Resolve names to losses, recipes, data sets and networks."""

import importlib
import inspect
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import flax.linen as nn

from jaxgan import losses, recipes
from jaxgan.data.digits import digits
from jaxgan.data.embedded_pairs import EMBEDDED, embedded_pairs
from jaxgan.data.files import from_path
from jaxgan.data.pairs import from_pairs
from jaxgan.data.polygons import polygons
from jaxgan.data.source import DataError, Source
from jaxgan.data.synthetic import grid, ring
from jaxgan.data.tfds import from_tfds
from jaxgan.losses.check import check_loss
from jaxgan.nn.dcgan import base_size
from jaxgan.nn.registry import NETWORKS
from jaxgan.nn.unet import depth_of
from jaxgan.runs.run import OF_SETTINGS, check_probe
from jaxgan.study.config import MIXTURES, REVERSED, prefix_of, split_label
from jaxgan.study.messages import OptionError, expect, nearest
from jaxgan.study.own_code import (
    ExitCalled,
    another_neighbour,
    import_file,
    kept_running,
    place_in,
    raised,
    search_here,
)
from jaxgan.types import Algorithm, Loss

_BEST_KNOWN = ("minimax", "non_saturating", "wasserstein", "hinge", "least_squares", "relativistic")
LOSSES: Mapping[str, Loss] = {name: getattr(losses, name) for name in _BEST_KNOWN} | {
    name: value for name, value in vars(losses).items() if isinstance(value, Loss)
}
RECIPES: Mapping[str, Callable[..., Algorithm]] = {recipe.__name__: recipe for recipe in (recipes.gan, *recipes.ALL)}
DATA: Mapping[str, str] = {
    "digits": "1,797 handwritten digits, 8 x 8 grey (scikit-learn)",
    "ring": "8 Gaussians on the unit circle, sigma 0.01",
    "grid": "25 Gaussians at {-4, -2, 0, 2, 4}^2, sigma 0.05",
    "polygons": "8 triangles on the unit circle, uniform inside",
    **{f"pairs:{name}": about for name, about in EMBEDDED.items()},
}
_KNOWN: Mapping[str, Callable[[], Source]] = dict(zip(MIXTURES, (ring, grid, polygons), strict=True))


def find_loss(name: str) -> Loss:
    """Return a loss by its catalogue name, `path/to/file.py:name` or `package.module:name`, optionally after `label=`.

    The user's own loss is a `Loss`, or a function (real_logits, fake_logits) -> values that the generator minimizes
    against the usual cross-entropy discriminator.

    Raises:
      OptionError: if there is no such loss, or it does not work on logits.
    """
    if ":" not in name:
        if (name := split_label(name)[1]) not in LOSSES:
            own = "a loss of your own is path/to/file.py:name"
            raise OptionError("loss", f"got {name!r}; {nearest(name, LOSSES)}; {own}")
        return LOSSES[name]
    found = find_own("loss", name, Loss)
    if not isinstance(found, Loss):
        if not callable(found):
            raise OptionError("loss", f"{name} is of type {type(found).__name__}, expected a jaxgan.Loss or a function")
        found = Loss(losses.cross_entropy_discriminator, found)
    try:
        with kept_running():
            return check_loss(found)
    except ValueError as error:
        raise OptionError("loss", f"{name}: {error}") from error
    except ExitCalled as error:
        raise OptionError("loss", f"{name}{raised(error)}") from error


def find_recipe(name: str) -> Callable[..., Algorithm]:
    """Return a recipe by catalogue name, `path/to/file.py:name` or `package.module:name`, optionally after `label=`.

    The user's own recipe is a function (generator, discriminator, prior, *, settings) -> Algorithm.

    Raises:
      OptionError: if there is no such recipe, or it is not a function.
    """
    if ":" not in name:
        if (name := split_label(name)[1]) not in RECIPES:
            own = "a recipe of your own is path/to/file.py:name"
            raise OptionError("recipe", f"got {name!r}; {nearest(name, RECIPES)}; {own}")
        return RECIPES[name]
    found = find_own("recipe", name, ())
    if not callable(found):
        raise OptionError("recipe", f"{name} is of type {type(found).__name__}, expected a function")
    try:
        inspect.signature(found)
    except ValueError:  # built in
        takes = "expected one of Python that takes (generator, discriminator, prior, *, settings)"
        raise OptionError("recipe", f"{name} does not say what it takes, {takes}") from None
    return found


def is_recipe(name: str) -> bool:
    """Return whether a name refers to a recipe and not to a loss.

    The user's own code is imported for this: a recipe is a function with more than two arguments.

    Raises:
      OptionError: if it is neither.

    Example:
      >>> is_recipe("r1_gan"), is_recipe("minimax")
      (True, False)
    """
    if ":" not in name:
        if name not in LOSSES and name not in RECIPES:
            own = "your own is path/to/file.py:name"
            raise OptionError("recipe", f"got {name!r}; {nearest(name, [*LOSSES, *RECIPES])}; {own}")
        return name in RECIPES
    found = find_own("recipe", name, Loss)
    if isinstance(found, Loss):
        return False
    parameters = inspect.signature(find_recipe(name)).parameters.values()
    return sum(one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD) for one in parameters) > 2


def slug(name: str) -> str:
    """Return the name of a loss or recipe for tables and folder names: its label, if it has one.

    Example:
      >>> slug("my/losses.py:least_squares"), slug("mine=my/losses.py:least_squares"), slug("minimax")
      ('least_squares', 'mine', 'minimax')
    """
    label, rest = split_label(name)
    return label or rest.rpartition(":")[2]


def find_data(
    name: str,
    *,
    image_size: int | None = None,
    split_seed: int = 0,
    labels: bool = False,
    value_range: tuple[float, float] | None = None,
    background: int | None = None,
) -> Source:
    """Return a data set: one of `DATA`, `tfds:NAME`, a `.npz` or `.npy` file, or a folder of images.

    Image pairs are `pairs:NAME` for a built-in set, or `pairs:` followed by a folder or `.npz` file;
    `reversed-pairs:` swaps input and target.

    Args:
      name: the name or path.
      image_size: the size to which images are cropped and resized.
      split_seed: the seed of the split, for data without one.
      labels: whether the labels are the condition y of every batch.
      value_range: the values of black and white in image files.
      background: the grey level behind transparent pixels; white by default.

    Raises:
      OptionError: if the name is unknown, labels are requested but missing, or an image size does not apply.
      DataError: if the data is missing or damaged.
    """
    if is_embedded(name) and image_size is not None:
        raise OptionError("image_size", f"got {image_size}, but {name} has a size of its own")
    if image_size is not None:
        _check_size(image_size, prefix_of(name) != "")
    read: dict[str, Any] = {"value_range": value_range, "background": background}
    own = {option: value for option, value in read.items() if value is not None}
    if own and (is_embedded(name) or name.startswith("tfds:")):
        raise OptionError(next(iter(own)), f"is for images of your own, and {name} is none")
    if labels and prefix_of(name):
        raise OptionError("conditional", "is for labels, and pairs have an input image as their condition; drop it")
    if labels and name in _KNOWN:
        raise OptionError("conditional", f"needs labels, and {name} has none")
    if name == "digits":
        return digits(split_seed, labels=labels)
    if name in _KNOWN:
        return _KNOWN[name]()
    how: dict[str, Any] = {"image_size": image_size, "split_seed": split_seed, "labels": labels}
    try:
        if prefix := prefix_of(name):
            del how["labels"]
            return _find_pairs(name.removeprefix(prefix), prefix == REVERSED, how, own)
        if name.startswith("tfds:"):
            return from_tfds(name.removeprefix("tfds:"), **how)
        if Path(name).suffix or "/" in name or _is_there(name):
            source = from_path(name, **how, **own)
            return source._replace(notes=tuple(_with_options(note) for note in source.notes))
    except DataError as error:
        raise OptionError("data", _with_options(str(error))) from error
    others = "or tfds:NAME, a .npz or .npy file, a folder of images, pairs: and a folder"
    raise OptionError("data", f"got {name!r}; {nearest(name, DATA)}; {others}")


def _check_size(image_size: int, pairs: bool) -> None:
    """Raise an error for an image size that no registered network supports; the chosen one may reject more sizes."""
    if not pairs and any(image_size in network.sizes for network in NETWORKS.values()):
        return
    try:
        (depth_of if pairs else base_size)(image_size)
    except ValueError as error:
        raise OptionError("image_size", str(error)) from error


def is_embedded(name: str) -> bool:
    """Return whether a data set is built in, in either direction for pairs.

    Example:
      >>> is_embedded("ring"), is_embedded("reversed-pairs:photos-edges"), is_embedded("pairs:photos")
      (True, True, False)
    """
    prefix = prefix_of(name)
    return name.removeprefix(prefix) in EMBEDDED if prefix else name in DATA


def _find_pairs(name: str, reverse: bool, how: Mapping[str, Any], own: Mapping[str, Any]) -> Source:
    if name in EMBEDDED:
        return embedded_pairs(name, how["split_seed"], reverse=reverse)
    if not _is_there(name):
        others = "or a folder, or a .npz file with x and input"
        raise OptionError("data", f"got pairs of {name!r}; {nearest(name, EMBEDDED)}; {others}")
    source = from_pairs(name, reverse=reverse, **how, **own)
    return source._replace(notes=tuple(_with_options(note) for note in source.notes))


def _with_options(line: str) -> str:
    """Return an error message of the library with argument names replaced by command-line options."""
    return re.sub(r"value_range=\(([^,()]+), ([^()]+)\)", r"--value-range \1,\2", line)


def _is_there(name: str) -> bool:
    try:
        return bool(name) and Path(name).exists()  # no name would be the current folder
    except OSError:  # the name is too long for a file
        return False


def find_network(player: str, name: str) -> type:
    """Return the module of a player by the name of a registered network, or the user's own linen module.

    Raises:
      OptionError: if there is no such network, or it is not a linen module.
    """
    if ":" not in name:
        if name not in NETWORKS:
            raise OptionError(player, f"got {name!r}; {nearest(name, NETWORKS)}; your own is path/to/file.py:Name")
        return getattr(NETWORKS[name], player)
    found = find_own(player, name, type)
    if not isinstance(found, type) or not issubclass(found, nn.Module):
        kind = found.__name__ if isinstance(found, type) else type(found).__name__
        raise OptionError(player, f"{name} is {kind}, expected a class of flax.linen.Module")
    return found


def find_probe(name: str) -> Callable[..., Any]:
    """Return a user's probe, `path/to/file.py:name` or `package.module:name`: a function (key, algorithm, state).

    Raises:
      OptionError: if there is no such function, or its first argument is not the key.
    """
    if ":" not in name:
        raise OptionError("probe", f"got {name!r}, expected path/to/file.py:name or package.module:name")
    found = find_own("probe", name, ())
    if not callable(found):
        raise OptionError("probe", f"{name} is of type {type(found).__name__}, expected a function")
    try:
        check_probe(found, OF_SETTINGS)
    except TypeError as error:
        raise OptionError("probe", f"{name}: {error}") from None
    return found


def find_own(option: str, name: str, kind: Any) -> Any:
    """Return the object with a name in the user's file or module: one of type `kind`, or a function defined there."""
    where, _, attribute = split_label(name)[1].rpartition(":")
    expect(option, repr(name), bool(where and attribute), "path/to/file.py:name or package.module:name")
    try:
        with kept_running():
            module = _import(option, where, name)
    except OptionError:
        raise
    except OSError as error:
        raise OptionError(option, f"{where}: cannot be read ({error.strerror or error}){_at(error)}") from error
    except ExitCalled as error:
        raise OptionError(option, f"{where} {error}{_at(error)}") from error
    except Exception as error:  # whatever the user's file raises
        line = f"importing {where} raised {type(error).__name__}: {error}{_at(error)}"
        raise OptionError(option, line) from error
    found = getattr(module, attribute, None)
    if found is None:
        raise OptionError(option, f"{where} has no {attribute!r}; {nearest(attribute, _candidates(module, kind))}")
    return found


def _import(option: str, where: str, name: str) -> ModuleType:
    if not where.endswith(".py"):
        search_here()
        return importlib.import_module(where)
    path = Path(where)
    if not path.is_file():
        raise OptionError(option, f"got {name!r}, but there is no file {where}")
    if other := another_neighbour(path):
        line = f"{where} imports {other[0]}, and {other[1]} is loaded under that name already; rename one of the two"
        raise OptionError(option, line)
    return import_file(path)


def _at(error: BaseException) -> str:
    place = place_in(error)
    return f" ({place})" if place else ""


def _candidates(module: ModuleType, kind: Any) -> list[str]:
    """Return the names in the module that the user may have meant."""
    return [
        attribute
        for attribute, value in vars(module).items()
        if isinstance(value, kind) or (callable(value) and getattr(value, "__module__", None) == module.__name__)
    ]
