"""Imported before the package, this makes the tests hold every array to the shape that an annotation names.

Only shapes: whether a value of another type is taken, or refused in a line, is for the functions themselves to say, and
for their tests. Sizes are those of one call: two arrays of `n` have to agree in it.
"""

from collections.abc import Callable
from typing import Any, get_args, get_origin

from beartype import beartype
from jaxtyping import AbstractArray, install_import_hook


def names_a_shape(hint: Any) -> bool:
    """Is there a `Float[Array, "n d"]` or the like anywhere in it? A function's own are checked when it is called."""
    if get_origin(hint) is Callable:
        return False
    return (isinstance(hint, type) and issubclass(hint, AbstractArray)) or any(map(names_a_shape, get_args(hint)))


def check(function: Callable) -> Callable:
    """The function, which refuses arguments and results that are not of the shapes that it names."""
    hints = {name: hint for name, hint in function.__annotations__.items() if names_a_shape(hint)}
    if not hints:
        return function
    function.__annotations__ = hints
    return beartype(function)


install_import_hook("jaxgan", f"{__name__}.check")
