"""Tells modules whether they train, in each of the common conventions."""

import inspect
from typing import Any

import flax.linen as nn

_TRAINING = ("train", "training", "is_training")
_FIXED = ("deterministic", "use_running_average")


def told(module: Any, train: bool) -> tuple[Any, dict[str, bool]]:
    """(module, keywords): the module, and the keywords to call it with, for training or not.

    `__call__` may take `train`, `training`, `is_training`, `deterministic` or `use_running_average` (the last two have
    the opposite meaning). Otherwise a field with such a name that is True or False is set instead. A module with
    neither behaves the same in training and sampling. Anything that is not a linen module is called with `train`.

    Example:
      >>> class Mine(nn.Module):
      ...     def __call__(self, x, deterministic):
      ...         return x
      >>> told(Mine(), True)[1], told(nn.Dense(3), True)[1]
      ({'deterministic': False}, {})
      >>> told(nn.Dropout(0.5, deterministic=False), False)[0].deterministic
      True
    """
    if not isinstance(module, nn.Module):
        return module, {"train": train}
    takes, fields = parameters_of(module), type(module).__dataclass_fields__
    for name, value in {**dict.fromkeys(_TRAINING, train), **dict.fromkeys(_FIXED, not train)}.items():
        required = name in takes and takes[name].default is inspect.Parameter.empty
        if name in fields and isinstance(getattr(module, name), bool) and not required:
            changed: dict[str, Any] = {name: value}
            return module.clone(**changed), {}
        if name in takes:
            return module, {name: value}
    anything = any(parameter.kind is parameter.VAR_KEYWORD for parameter in takes.values())
    return module, {"train": train} if anything and not isinstance(module, nn.Sequential) else {}


def takes(module: nn.Module, inputs: int) -> bool:
    """Whether a linen module can be called with this many inputs, besides a flag for training.

    Example:
      >>> takes(nn.Dense(3), 1), takes(nn.Dense(3), 2)
      (True, False)
    """
    called, keywords = told(module, True)
    try:
        inspect.Signature(list(parameters_of(called).values())).bind(*range(inputs), **keywords)
    except TypeError:
        return False
    return True


def parameters_of(module: nn.Module) -> dict[str, inspect.Parameter]:
    """The parameters of `__call__`, without `self`, of a linen module or of the nnx module in a bridge."""
    bridged = type(module).__name__ == "ToLinen"
    function: Any = module.nnx_class.__call__ if bridged else type(module).__call__  # type: ignore[attr-defined]
    return dict(list(inspect.signature(function).parameters.items())[1:])
