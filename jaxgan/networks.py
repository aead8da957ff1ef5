"""Modules as a game uses them: `init` and `apply` with random streams, collections and conditions.

Functions take the module first and then, as in `jax.random`, the key. A flax module may draw from any random stream
(`self.make_rng("noise")`), in training and in evaluation: each stream is `named_key(key, name)`.
"""

import inspect
import re
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import flax.errors
import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Float, Shaped

from jaxgan.nn.calls import parameters_of, told
from jaxgan.outputs import features_of
from jaxgan.random import named_key
from jaxgan.trees import like
from jaxgan.types import Array, Key, PyTree

Result = TypeVar("Result")

TERMS, AUGMENT = "terms", "augment"  # the entries of a model state that are not the network's own collections
STREAMS = ("dropout", "noise")  # always provided: `has_rng` raises no error that would name a missing stream


def check_module(role: str, module: Any) -> None:
    """Rejects objects without `init` and `apply`.

    Raises:
      TypeError: a class, a `flax.nnx` module, or anything else that is not a network.

    Example:
      >>> check_module("generator", nn.Dense)
      Traceback (most recent call last):
      TypeError: generator must be a module, such as jaxgan.nn.MLPGenerator(2), got the class Dense: call it
    """
    if any(base.__module__.startswith("flax.nnx") and base.__name__ == "Module" for base in type(module).__mro__):
        name = type(module).__name__
        raise TypeError(f"{role} must be a flax.linen module, got the flax.nnx module {name}: expected "
                        f"flax.nnx.bridge.to_linen({name}, ...) with its arguments but for rngs")  # fmt: skip
    if isinstance(module, type) or not (hasattr(module, "init") and hasattr(module, "apply")):
        got = f"the class {module.__name__}: call it" if isinstance(module, type) else repr(module)
        raise TypeError(f"{role} must be a module, such as jaxgan.nn.MLPGenerator(2), got {got}")


def init(module: Any, key: Key, x: Shaped[Array, "n ..."], y: PyTree = None) -> tuple[PyTree, PyTree]:
    """(params, model_state) of a module for inputs like `x`, and conditions like `y` unless it is None.

    The model state consists of the collections that a training pass returns with unchanged structure and shapes: batch
    statistics, counters, singular vectors. Collections that are only sown into grow with every pass, so they are left
    out.
    """
    called, inputs, keywords = _call(module, x, y, train=True)
    variables = dict(called.init({"params": key, **_streams(key, STREAMS)}, *inputs, **keywords))
    params = variables.pop("params", {})
    carried = _carried(module, key, params, variables, x, y)
    return params, {name: variables[name] for name in carried}


def apply(
    module: Any,
    key: Key,
    params: PyTree,
    model_state: PyTree,
    x: Shaped[Array, "n ..."],
    y: PyTree = None,
    *,
    train: bool,
) -> tuple[PyTree, PyTree]:
    """A module's outputs, and its model state after the pass, which changes only in training."""
    if not train:
        return _run(module, key, params, model_state, x, y, train=False), model_state
    outputs, new = _run(module, key, params, model_state, x, y, train=True, mutable=list(model_state))
    # flax stores batch statistics in float32 at first, and then in the dtype of the inputs
    return outputs, like(model_state, new)


def has_halves(module: Any) -> bool:
    """Whether a generator consists of its methods `mapping`, z -> w, and `synthesis`, w -> x.

    Example:
      >>> from jaxgan.nn import MLPGenerator, StyleGAN2Generator
      >>> has_halves(StyleGAN2Generator(16, 3)), has_halves(MLPGenerator(2))
      (True, False)
    """
    return all(inspect.isfunction(getattr(type(module), name, None)) for name in ("mapping", "synthesis"))


def call_method(
    module: Any,
    name: str,
    key: Key,
    params: PyTree,
    model_state: PyTree,
    x: Shaped[Array, "n ..."],
    y: PyTree = None,
    *,
    train: bool,
    **more: Any,
) -> PyTree:
    """The result of a module's method `name` for x, and for conditions y unless None, with `more` options."""
    called, keywords = told(module, train)
    takes = inspect.signature(getattr(type(module), name)).parameters
    options: dict[str, Any] = {word: value for word, value in keywords.items() if word in takes}
    options |= {"method": name, "mutable": list(model_state), **more}
    variables, inputs = {"params": params, **model_state}, (x,) if y is None else (x, y)
    return _with_streams(key, lambda rngs: called.apply(variables, *inputs, rngs=rngs, **options))[0]


def features(
    module: Any, key: Key, params: PyTree, model_state: PyTree, x: Shaped[Array, "n ..."], y: PyTree = None
) -> Float[Array, "*features"]:
    """The "features" that a discriminator sows, or else returns, in training mode.

    Raises:
      ValueError: it does neither.
    """
    collections = [*model_state, "intermediates"]
    outputs, new = _run(module, key, params, model_state, x, y, train=True, mutable=collections)
    sown = jax.tree_util.tree_leaves_with_path(new.get("intermediates", {}))
    found = [leaf for path, leaf in sown if jax.tree_util.DictKey("features") in path]
    returned = features_of(outputs)
    if not found and returned is None:
        raise ValueError(
            'view.features needs a discriminator that sows "features", self.sow("intermediates", "features", x), '
            "or returns them: (logits, features) or a dict"
        )
    return found[-1] if found else returned  # type: ignore[return-value]


def conditions(y: PyTree, n: int) -> PyTree:
    """The first n of a batch's conditions, repeated from the start if there are fewer."""
    return jax.tree.map(lambda a: a[jnp.arange(n) % a.shape[0]], y)


def network_state(model_state: PyTree) -> PyTree:
    """The network's own part of a player's model state, without the states of terms and augmentations."""
    return {name: value for name, value in model_state.items() if name not in (TERMS, AUGMENT)}


def with_states(network: PyTree, terms: PyTree, augment: PyTree) -> PyTree:
    """A player's model state; states without arrays are left out."""
    states = {TERMS: terms, AUGMENT: augment}
    return {**network, **{name: state for name, state in states.items() if jax.tree.leaves(state)}}


def has_batch_norm(model_state: PyTree) -> str:
    """The path of a layer that keeps running statistics of its batches; "" if there is none."""
    for path, _ in jax.tree_util.tree_leaves_with_path(model_state.get("batch_stats", {})):
        if getattr(path[-1], "key", None) in ("mean", "var"):  # flax keeps spectral norms in this collection, too
            return jax.tree_util.keystr(path[:-1], simple=True, separator="/")
    return ""


def _run(
    module: Any, key: Key, params: PyTree, model_state: PyTree, x: Array, y: PyTree, *, train: bool, **options: Any
) -> Any:
    called, inputs, keywords = _call(module, x, y, train=train)
    variables = {"params": params, **model_state}
    return _with_streams(key, lambda rngs: called.apply(variables, *inputs, rngs=rngs, **keywords, **options))


def _call(module: Any, x: Array, y: PyTree, *, train: bool) -> tuple[Any, tuple[PyTree, ...], dict[str, bool]]:
    """The module, its inputs and its keyword arguments."""
    inputs = (x,) if y is None else (x, y)
    called, keywords = told(module, train)
    if isinstance(module, nn.Module):
        signature = inspect.Signature(list(parameters_of(module).values()))
        try:
            signature.bind(*inputs, **keywords)
        except TypeError as error:
            arguments = ", ".join(
                [*("x", "y")[: len(inputs)], *(f"{name}={value}" for name, value in keywords.items())]
            )
            name = type(module).__name__
            raise TypeError(f"{name}.__call__{signature} must take ({arguments}): {error}") from None
    return called, inputs, keywords


def _streams(key: Key, names: Iterable[str]) -> dict[str, Key]:
    return {name: named_key(key, name) for name in names}


def _with_streams(key: Key, call: Callable[[dict[str, Key]], Result]) -> Result:
    """`call` with a key for each stream that it turns out to need: flax's error names the missing stream."""
    names = list(STREAMS)
    while True:
        try:
            return call(_streams(key, names))
        except flax.errors.InvalidRngError as error:
            missing = re.search(r'needs PRNG for "(.+?)"', str(error))
            if missing is None or missing[1] in names:
                raise
            names.append(missing[1])


def _carried(module: Any, key: Key, params: PyTree, model_state: PyTree, x: Array, y: PyTree) -> list[str]:
    """The collections that a pass returns with unchanged structure and shapes, whatever the batch size."""
    if set(model_state) <= {"batch_stats"}:
        return list(model_state)

    def after(times: int) -> PyTree:
        x_many, y_many = jax.tree.map(lambda a: jnp.concatenate([a] * times), (x, y))
        return _run(module, key, params, model_state, x_many, y_many, train=True, mutable=list(model_state))[1]

    def form(tree: PyTree) -> Any:
        return jax.tree.structure(tree), [leaf.shape for leaf in jax.tree.leaves(tree)]

    once, twice = (jax.eval_shape(lambda times=times: after(times)) for times in (1, 2))
    return [n for n in model_state if form(once.get(n)) == form(twice.get(n)) == form(model_state[n])]
