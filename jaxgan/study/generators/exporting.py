"""Export a trained generator to files that do not need this library: a function and plain arrays."""

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import export
from numpy.typing import NDArray

from jaxgan.files import exported, write_bytes, write_json, written_whole
from jaxgan.results import store
from jaxgan.study.generators.generate import LoadedGenerator, condition_shape, load_generator
from jaxgan.study.generators.samples import check_files
from jaxgan.study.messages import OptionError
from jaxgan.study.provenance import versions

PLATFORMS = ("cpu", "cuda", "tpu")


def export_generator(
    folder: Path | str,
    *,
    configuration: str | None = None,
    seed: int | None = None,
    out: Path | None = None,
    overwrite: bool = False,
    trust: bool = False,
) -> list[Path]:
    """Export one trained generator as a function and as arrays; return the paths of the three files.

    .jax   the function (z [n, latent_dim]) -> x, or (z, y) of a conditional generator, for any n, including its
           parameters: StableHLO written by `jax.export`, for CPU, CUDA and TPU. It can be read with only JAX:
           `jax.export.deserialize(bytearray(open(path, "rb").read())).call(z)`.
    .json  a description of the inputs and outputs, the origin, and the versions that wrote it.
    .npz   its parameters and other collections, keyed by path, such as `params/Dense_0/kernel`.

    The noise inputs of a StyleGAN2 are the same for all latents, as in `LoadedGenerator.generate`.

    Args:
      folder: the folder of a run, finished or interrupted.
      configuration, seed: the generator, as in `load_generator`.
      out: the path of the first file, with `.jax` or without a suffix; by default in the run's folder.
      overwrite: whether to replace existing files.
      trust: whether to run code named by the folder even if the folder was created elsewhere.

    Raises:
      OptionError: if files exist, or the recipe is the user's own, whose networks are unknown here.
      StoreError, CheckpointError: as in `load_generator`.

    Example:
      >>> jg.export_generator("runs/0001-compare-ring", seed=1)  # doctest: +SKIP
    """
    folder = Path(folder)
    if out is not None:
        _paths(out, overwrite)
    generator = load_generator(folder, configuration, seed, trust=trust)
    if generator.own_prior:
        line = f"{generator.configuration} is a recipe of your own, whose networks and prior are not known here"
        raise OptionError("configuration", line)
    paths = _paths(out or folder / f"generator-{generator.configuration}-seed{generator.seed}", overwrite)
    content = store.read_config(folder)
    exported = _exported(generator, condition_shape(content))
    arrays = _arrays({"params": generator.params, **generator.model_state})
    function, about, values = paths
    write_bytes(function, bytes(exported.serialize()))
    with written_whole(values) as partial, partial.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]
    write_json(about, _about(generator, exported, content, function.name, arrays))
    return paths


def _paths(stem: Path, overwrite: bool) -> list[Path]:
    paths = exported(Path(stem))
    check_files(paths, overwrite)
    return paths


def _exported(generator: LoadedGenerator, condition: tuple[int, ...] | None) -> export.Exported:
    (n,) = export.symbolic_shape("n")
    z = jax.ShapeDtypeStruct((n, generator.latent_dim), jnp.float32)
    if condition is None:
        unconditional: Any = jax.jit(lambda z: generator.generate(z))
        return export.export(unconditional, platforms=PLATFORMS)(z)
    y = jax.ShapeDtypeStruct((n, *condition), jnp.float32 if condition else jnp.int32)
    conditional: Any = jax.jit(lambda z, y: generator.generate(z, y))
    return export.export(conditional, platforms=PLATFORMS)(z, y)


def _arrays(collections: dict[str, Any]) -> dict[str, NDArray]:
    leaves = jax.tree_util.tree_leaves_with_path(collections)
    return {"/".join(str(getattr(key, "key", key)) for key in path): np.asarray(leaf) for path, leaf in leaves}


def _about(
    generator: LoadedGenerator,
    exported: export.Exported,
    content: dict[str, Any],
    function: str,
    arrays: dict[str, NDArray],
) -> dict[str, Any]:
    names = ("z", "y")[: len(exported.in_avals)]
    inputs = {
        name: {"shape": [str(d) if i == 0 else d for i, d in enumerate(aval.shape)], "dtype": str(aval.dtype)}
        for name, aval in zip(names, exported.in_avals, strict=True)
    }
    inputs["z"]["prior"] = "independent standard normal numbers"
    if generator.classes:
        inputs["y"]["classes"] = list(generator.classes)
    (made,) = exported.out_avals
    scale = {"range_of_data": [-1, 1]} if len(made.shape) == 4 else {}  # that of outputs may be unbounded
    return {
        "function": function,
        "read": f"jax.export.deserialize(bytearray(open({function!r}, 'rb').read())).call({', '.join(names)})",
        "inputs": inputs,
        "output": {"shape": ["n", *made.shape[1:]], "dtype": str(made.dtype), **scale},
        "platforms": list(exported.platforms),
        "data": content["config"]["data"],
        "configuration": generator.configuration,
        "seed": generator.seed,
        "step": generator.step,
        "parameters": sum(leaf.size for leaf in jax.tree.leaves(generator.params)),
        "arrays": {name: list(array.shape) for name, array in arrays.items()},
        "versions": versions(),
    }
