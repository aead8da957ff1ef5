"""The forms of the benchmark: the implementations with which people train many seeds, and their list.

Each form is a function `make(workload, seeds, start=None)`. Its module is imported only when it is used, so that a
process that runs one framework never imports the other.
"""

import importlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from benchmarks.peaks import peak_mib as peak_mib
from benchmarks.workloads import Workload


class Draws(NamedTuple):
    """The random draws of one step: real examples [n, ...], images as [n, h, w, c], and the latents of both updates.

    With conditions, also those of both updates; if the generator is compared with real images, also these images.
    """

    real: np.ndarray
    discriminator_latents: np.ndarray
    generator_latents: np.ndarray
    discriminator_condition: tuple[np.ndarray, ...] = ()
    generator_condition: tuple[np.ndarray, ...] = ()
    generator_real: tuple[np.ndarray, ...] = ()


class Networks(NamedTuple):
    """One pytree per player, in flax's layout, with numpy leaves."""

    generator: Any
    discriminator: Any


class Start(NamedTuple):
    """Initial weights and draws, one of each per seed, that replace the random ones of a form."""

    params: Sequence[Networks]
    draws: Sequence[Draws]
    states: Sequence[Networks] = ()  # non-parameter state of the networks; () if no step depends on it


class Trained(NamedTuple):
    """One seed after training: parameters, and Adam's mean of the gradients, (1 - beta1) * gradient after one step."""

    params: Networks
    means: Networks


class Form(NamedTuple):
    """A form with seeds that are ready to train."""

    run: Callable[[int], None]  # trains every seed for n steps; returns when the results are computed
    read: Callable[[], list[Trained]]  # by seed
    facts: Mapping[str, Any] = {}  # other measurements: seconds of compilation, memory of the program
    text: Callable[[], str] | None = None  # of the compiled program, if it is one
    peak_mib: Callable[[], float] | None = None  # peak resident memory, if not that of this process


class Make(Protocol):
    """Builds a form. Without a start, every seed draws its weights and data from its own random streams."""

    def __call__(self, workload: Workload, seeds: int, start: Start | None = None) -> Form: ...


class Entry(NamedTuple):
    """A form in the list."""

    label: str
    where: str  # module:function
    most_seeds: Mapping[str, int] = {}  # the most seeds by workload, if limited; 0: it is not run
    is_torch: bool = False
    in_one_process: bool = True


_IMAGES_ONLY = {"ring": 0}  # channels-last is a layout of images
# torch.func cannot stack the vectors of power iteration, because a forward pass changes them in place.
_LARGE = {"sngan32": 0, "biggan32": 0, "stylegan32": 0}
# Stacked convolution weights become grouped convolutions, which take seconds per step in both frameworks.
_FEW_CONVOLUTIONS = {"dcgan8": 16, "dcgan32": 4, "dcgan64": 0, "cdcgan32": 4, "pix2pix32": 4} | _LARGE
_NO_CONVOLUTIONS = {"dcgan8": 0, "dcgan32": 0, "dcgan64": 0, "cdcgan32": 0, "pix2pix32": 0} | _LARGE
_PLAIN = {"cdcgan32": 0, "pix2pix32": 0} | _LARGE  # the plain JAX forms do not implement these workloads
# PyTorch 2.13 on a CPU computes a different gradient of this U-Net with contiguous images and oneDNN. Without oneDNN,
# stacked, or with channels-last it agrees with jaxgan up to rounding. `parity` found this, so the form is not timed.
_NO_U_NET = {"pix2pix32": 0}

FORMS: Mapping[str, Entry] = {
    "jaxgan": Entry("jaxgan", "benchmarks.jaxgan_form:make"),
    "jax-loop": Entry("JAX, jitted step in a host loop", "benchmarks.jax_forms:loop", _PLAIN),
    "jax-vmap": Entry("JAX, naive vmap of a scan", "benchmarks.jax_forms:naive_vmap", _FEW_CONVOLUTIONS | _PLAIN),
    "torch-eager": Entry("PyTorch eager", "benchmarks.torch_forms:eager", _NO_U_NET, True),
    "torch-eager-cl": Entry(
        "PyTorch eager, channels-last", "benchmarks.torch_forms:eager_channels_last", _IMAGES_ONLY, True
    ),
    "torch-compile": Entry("torch.compile", "benchmarks.torch_forms:compiled", _NO_U_NET, True),
    "torch-compile-cl": Entry(
        "torch.compile, channels-last", "benchmarks.torch_forms:compiled_channels_last", _IMAGES_ONLY, True
    ),
    "torch-stacked": Entry("PyTorch stacked (torch.func)", "benchmarks.torch_forms:stacked", _FEW_CONVOLUTIONS, True),
    "torch-stacked-compile": Entry(
        "PyTorch stacked and compiled", "benchmarks.torch_forms:stacked_compiled", _NO_CONVOLUTIONS, True
    ),
    "torch-processes": Entry("PyTorch, one process a core", "benchmarks.torch_processes:make", {}, True, False),
}


def find(name: str) -> Make:
    """Return the function that makes a form, by its name in the list or as `module:function`."""
    module, _, function = (FORMS[name].where if name in FORMS else name).partition(":")
    make: Make = getattr(importlib.import_module(module), function)
    return make


def available(workload: Workload, seeds: int, names: Sequence[str] = tuple(FORMS)) -> list[str]:
    """Return the forms in `names` that can run a workload with this many seeds.

    Example:
      >>> from benchmarks.workloads import WORKLOADS
      >>> "jax-vmap" in available(WORKLOADS["dcgan32"], 4), "jax-vmap" in available(WORKLOADS["dcgan32"], 16)
      (True, False)
    """
    return [name for name in names if seeds <= FORMS[name].most_seeds.get(workload.name, seeds)]
