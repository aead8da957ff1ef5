"""Study generative adversarial networks as functions: any loss, many seeds at once, a diagnosis of every failure."""

import lazy_loader

# Public names are listed once, in __init__.pyi, and imported when first used: `jaxgan --help` and a wrong option
# answer at once instead of after JAX has been imported.
_import, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)


def __getattr__(name: str) -> object:
    try:
        return _import(name)
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing == __name__:  # a file of ours: no install would help
            raise
        line = f"jaxgan.{name} needs {missing}, which `pip install jaxgan` brings and an install of its core does not"
        raise ModuleNotFoundError(line, name=error.name) from error


__version__ = "0.2.0"
