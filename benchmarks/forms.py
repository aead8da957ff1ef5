"""What a form of the benchmark is, and the list of them: the ways in which people train many seeds.

Each is a function `make(workload, seeds, start=None)`; its module is imported only where it is used, so that a process
that runs one framework never imports the other.
"""

import importlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from benchmarks.peaks import peak_mib as peak_mib
from benchmarks.workloads import Workload


class Draws(NamedTuple):
    """What one step draws: real examples [n, ...], images as [n, h, w, c], and the latents of both updates.

    Where there are conditions, those of either update; where the generator is compared with real images, its own ones.
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
    """Given weights and given draws, one of each per seed, in place of a form's own random ones."""

    params: Sequence[Networks]
    draws: Sequence[Draws]
    states: Sequence[Networks] = ()  # what networks keep beside parameters; () where no step depends on it


class Trained(NamedTuple):
    """One seed after its steps: parameters, and Adam's mean of gradients (after one step (1 - beta1) * gradient)."""

    params: Networks
    means: Networks


class Form(NamedTuple):
    """Seeds ready to train."""

    run: Callable[[int], None]  # so many steps of every seed; returns when the numbers are there
    read: Callable[[], list[Trained]]  # by seed
    facts: Mapping[str, Any] = {}  # what is known beside the time: seconds of compilation, memory of the program
    peak_mib: Callable[[], float] | None = None  # peak resident memory, where it is not this process's


class Make(Protocol):
    """Builds a form. Without a start every seed draws its own weights and data from random streams of its own."""

    def __call__(self, workload: Workload, seeds: int, start: Start | None = None) -> Form: ...


class Entry(NamedTuple):
    """A form in the list."""

    label: str
    where: str  # module:function
    most_seeds: Mapping[str, int] = {}  # by workload, where not as many as are asked for; 0: not at all
    is_torch: bool = False
    in_one_process: bool = True


_IMAGES_ONLY = {"ring": 0}  # channels-last is a layout of images
# Vectors of power iteration, which a pass changes in place, are nothing that torch.func can stack.
_LARGE = {"sngan32": 0, "biggan32": 0, "stylegan32": 0}
# Stacked convolution weights make grouped convolutions: seconds a step, in either framework.
_FEW_CONVOLUTIONS = {"dcgan8": 16, "dcgan32": 4, "dcgan64": 0, "cdcgan32": 4, "pix2pix32": 4} | _LARGE
_NO_CONVOLUTIONS = {"dcgan8": 0, "dcgan32": 0, "dcgan64": 0, "cdcgan32": 0, "pix2pix32": 0} | _LARGE
_PLAIN = {"cdcgan32": 0, "pix2pix32": 0} | _LARGE  # what plain JAX is written for here
# PyTorch 2.13 on a CPU computes another gradient of this U-Net with contiguous images and oneDNN, where it agrees with
# jaxgan to rounding without oneDNN, stacked, and with channels-last: `parity` found it, so it is not timed.
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
    """The function that makes a form of the list, or `module:function` itself."""
    module, _, function = (FORMS[name].where if name in FORMS else name).partition(":")
    make: Make = getattr(importlib.import_module(module), function)
    return make


def available(workload: Workload, seeds: int, names: Sequence[str] = tuple(FORMS)) -> list[str]:
    """Those of `names` that are run on a workload with so many seeds.

    Example:
      >>> from benchmarks.workloads import WORKLOADS
      >>> "jax-vmap" in available(WORKLOADS["dcgan32"], 4), "jax-vmap" in available(WORKLOADS["dcgan32"], 16)
      (True, False)
    """
    return [name for name in names if seeds <= FORMS[name].most_seeds.get(workload.name, seeds)]
