"""Study generative adversarial networks as functions: any loss, many seeds at once, a reason for every failure."""

import lazy_loader

# Public names are listed once, in __init__.pyi, and imported when first used: `jaxgan --help` and a wrong option
# answer at once instead of after JAX has been imported.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

__version__ = "0.2.0"
