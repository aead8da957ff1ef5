"""Where runs are trained: over all devices of all machines, as a mesh axis.

Runs never communicate, so every device trains its share independently. Whether its runs are vectorized (`vmap`) or take
turns inside the compiled program depends on the device: a GPU needs the width, while a CPU core keeps the arrays of one
run in its cache, unless they are so small that loop overhead costs more. Such small runs are vectorized in groups that
fit in the cache, one group after another. No random number depends on any of this.
"""

import logging
import os
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

from jaxgan.memory import available_memory
from jaxgan.random import is_key
from jaxgan.types import PyTree

_AXIS = "runs"
SMALL_STATE = 2**17  # bytes; the crossover that `benchmarks/placement.py` measures
GROUP_STATE = 2**21  # bytes of all runs vectorized on a core at a time; near the optimum in `benchmarks/groups.py`
_log = logging.getLogger("jaxgan")


class Placement(NamedTuple):
    """A mesh of one axis, "runs", and whether the runs of a device take turns or are vectorized; `place` makes one.

    Example:
      >>> place(1, in_turn=True).in_turn
      True
    """

    mesh: Mesh
    in_turn: bool | None  # None: decided by `settle` once the size of a run is known
    group: int | None = None  # maximum number of runs vectorized at a time; None: all


def place(runs: int, *, devices: Sequence[jax.Device] | None = None, in_turn: bool | None = None) -> Placement:
    """`runs` runs over `devices`: by default all that JAX sees, but at most one per run on each process.

    `in_turn` defaults to what was measured to be faster: on a CPU, runs take turns if a run's state has at least
    `SMALL_STATE` bytes (a generator and a discriminator of some 10,000 parameters with Adam), and are otherwise
    vectorized in groups of up to `GROUP_STATE` bytes; on other devices all runs are vectorized.

    Raises:
      ValueError: there are fewer runs than processes.

    Example:
      >>> place(1).mesh.size
      1
    """
    processes = jax.process_count()
    if runs < processes:
        raise ValueError(f"every process needs a run: got {runs} for {processes} processes")
    chosen = first_of_each_process(jax.devices() if devices is None else devices, -(-runs // processes))
    turns = False if in_turn is None and chosen[0].platform != "cpu" else in_turn
    return Placement(Mesh(np.array(chosen), (_AXIS,)), turns)


def settle(placement: Placement, state: PyTree) -> Placement:
    """`placement`, with the faster option chosen if it is undecided, for runs of this `state` (arrays or shapes).

    Example:
      >>> settle(place(1), {"kernel": np.zeros((16, 16), np.float32)})[1:]
      (False, 2048)
    """
    if placement.in_turn is not None:
        return placement
    size = sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(state))
    return placement._replace(in_turn=size >= SMALL_STATE, group=max(1, GROUP_STATE // max(1, size)))


def first_of_each_process(devices: Sequence[jax.Device], count: int) -> list[jax.Device]:
    """The first `count` devices of every process, process by process."""
    chosen: dict[int, list[jax.Device]] = {}
    for device in sorted(devices, key=lambda device: device.process_index):
        chosen.setdefault(device.process_index, []).append(device)
    return [device for own in chosen.values() for device in own[:count]]


def use_cpu_cores(count: int | None = None) -> None:
    """Makes every CPU core, or `count` of them, a device that trains runs independently; by default JAX sees one.

    Call it before anything else uses JAX's devices.

    Raises:
      RuntimeError: JAX's devices are already in use.

    Example:
      >>> use_cpu_cores(2)  # doctest: +SKIP
      >>> jax.device_count()  # doctest: +SKIP
      2
    """
    jax.config.update("jax_num_cpu_devices", cpu_cores() if count is None else count)


def cpu_cores() -> int:
    """The number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def over_runs(placement: Placement, function: Callable[..., PyTree]) -> Callable[..., PyTree]:
    """(shared, *each) -> results for all runs, from `function(shared, *one)` for one run.

    All arrays in `each` and in the results lead with the axis of runs, whose length the number of devices divides.
    """

    def on_device(shared: PyTree, *each: PyTree) -> PyTree:
        one = partial(function, shared)
        if placement.in_turn:
            return jax.lax.map(lambda arguments: one(*arguments), each)
        size = _group_of(jax.tree.leaves(each)[0].shape[0], placement)
        return jax.vmap(one)(*each) if size is None else _in_groups(jax.vmap(one), each, size)

    def everywhere(shared: PyTree, *each: PyTree) -> PyTree:
        specs = (P(), *(P(_AXIS) for _ in each))
        mapped = jax.shard_map(on_device, mesh=placement.mesh, in_specs=specs, out_specs=P(_AXIS), check_vma=False)
        return mapped(shared, *each)

    return everywhere


def _in_groups(function: Callable[..., PyTree], each: tuple[PyTree, ...], size: int) -> PyTree:
    """`function` of `size` runs at a time, and at last of those that are left.

    As `lax.map(batch_size=)`, which cannot flatten results without numbers, of shape [groups, size, 0].
    """
    runs = jax.tree.leaves(each)[0].shape[0]
    whole = runs - runs % size
    groups = jax.tree.map(lambda a: a[:whole].reshape(whole // size, size, *a.shape[1:]), each)
    found = jax.lax.map(lambda group: function(*group), groups)
    found = jax.tree.map(lambda a: a.reshape(whole, *a.shape[2:]), found)
    if whole == runs:
        return found
    rest = function(*jax.tree.map(lambda a: a[whole:], each))
    return jax.tree.map(lambda *parts: jnp.concatenate(parts), found, rest)


def assign(runs: int, placement: Placement) -> np.ndarray:
    """Which run each device trains in which round, [device, round], or -1: evenly over processes, then over devices.

    A process's runs are consecutive, whatever the number of its devices. All groups have the same size.
    """
    shares = _shares(runs, placement)
    rounds = max(len(share) for share in shares)
    rounds += -rounds % (_group_of(rounds, placement) or 1)
    if empty := len(shares) * rounds - runs:
        _warn(f"{runs} runs on {len(shares)} devices take {rounds} rounds, the last with {empty} idle")
    return np.stack([np.pad(share, (0, rounds - len(share)), constant_values=-1) for share in shares])


def _group_of(runs: int, placement: Placement) -> int | None:
    """The size of equal groups of a device's runs, if possible without empty places; None: all in one group."""
    if placement.in_turn or placement.group is None or runs <= placement.group:
        return None
    even = max(size for size in range(1, placement.group + 1) if runs % size == 0)
    return even if 2 * even > placement.group else -(-runs // -(-runs // placement.group))


def own_runs(runs: int, placement: Placement) -> np.ndarray:
    """The indices of the runs that the devices of this process train, out of `runs`."""
    devices = placement.mesh.devices
    own = zip(devices, _shares(runs, placement), strict=True)
    return np.concatenate([share for device, share in own if device.process_index == jax.process_index()])


def _shares(runs: int, placement: Placement) -> list[np.ndarray]:
    owners = [device.process_index for device in placement.mesh.devices]
    processes = sorted(set(owners))
    shares = zip(processes, np.array_split(np.arange(runs), len(processes)), strict=True)
    return [part for process, share in shares for part in np.array_split(share, owners.count(process))]


def _warn(line: str) -> None:
    """Logs a warning once, not in every process."""
    if jax.process_index() == 0:
        _log.warning(line)


def batches_of(places: np.ndarray, size: int) -> list[np.ndarray]:
    """The runs that are trained together, `size` places at a time, each batch in the order of the devices."""
    devices, rounds = places.shape
    each = size // devices
    full = np.pad(places, ((0, 0), (0, -rounds % each)), constant_values=-1)
    return [full[:, first : first + each].ravel() for first in range(0, rounds, each)]


def shard(placement: Placement, each: PyTree) -> PyTree:
    """Arrays that every process holds in full, sharded along their axis of runs."""
    return _placed(NamedSharding(placement.mesh, P(_AXIS)))(each)


def replicate(placement: Placement, shared: PyTree) -> PyTree:
    """A copy of the arrays on every device."""
    return _placed(NamedSharding(placement.mesh, P()))(shared)


@lru_cache
def _placed(sharding: NamedSharding) -> Callable[[PyTree], PyTree]:
    return jax.jit(lambda tree: tree, out_shardings=sharding)


def to_host(tree: PyTree) -> PyTree:
    """This process's part of arrays that are sharded along their axis of runs, as numpy; random keys stay keys."""

    def part(a: jax.Array | np.ndarray) -> Any:
        if is_key(a):
            return jax.random.wrap_key_data(part(jax.random.key_data(a)), impl=jax.random.key_impl(a))
        if isinstance(a, np.ndarray) or a.is_fully_addressable:
            return np.asarray(a)
        pieces = sorted(a.addressable_shards, key=lambda piece: piece.index[0].start or 0)
        return np.concatenate([np.asarray(piece.data) for piece in pieces])

    return jax.tree.map(part, tree)


def from_host(placement: Placement, part: PyTree) -> PyTree:
    """The inverse of `to_host`: each process passes its own part."""
    sharding = NamedSharding(placement.mesh, P(_AXIS))

    def placed(a: Any) -> jax.Array:
        if is_key(a):
            return jax.random.wrap_key_data(placed(np.asarray(jax.random.key_data(a))), impl=jax.random.key_impl(a))
        return jax.make_array_from_process_local_data(sharding, a)

    return jax.tree.map(placed, part)


def joined(parts: Sequence[PyTree], order: np.ndarray) -> PyTree:
    """The values of several batches of runs, concatenated and then put in that order."""

    def join(*each: Any) -> Any:
        return (jnp if is_key(each[0]) else np).concatenate(each)[order]

    return jax.tree.map(join, *parts)


def like_sharded(placement: Placement, shapes: PyTree) -> PyTree:
    """The shapes of arrays, with the sharding that `shard` would give them."""
    sharding = NamedSharding(placement.mesh, P(_AXIS))
    return jax.tree.map(lambda a: jax.ShapeDtypeStruct(a.shape, a.dtype, sharding=sharding), shapes)


def own_part(placement: Placement, batch: np.ndarray) -> np.ndarray:
    """The part of a batch of runs that the devices of this process hold."""
    own = [device.process_index == jax.process_index() for device in placement.mesh.devices]
    return batch.reshape(len(own), -1)[own].ravel()


def bytes_needed(function: Any, *arguments: PyTree) -> int:
    """Bytes on one device of a jitted function compiled for `arguments`: arguments, results and intermediate arrays."""
    memory = function.lower(*arguments).compile().memory_analysis()
    total = memory.argument_size_in_bytes + memory.output_size_in_bytes + memory.temp_size_in_bytes
    return total - memory.alias_size_in_bytes


def bytes_available(placement: Placement) -> int:
    """The memory available on this process's smallest device (of all processes); CPU devices share the free memory."""
    own = [device for device in placement.mesh.devices if device.process_index == jax.process_index()]
    if own[0].platform == "cpu":
        least = available_memory() // len(own)
    else:
        statistics = [device.memory_stats() or {} for device in own]
        least = min(s.get("bytes_limit", 2**63) - s.get("bytes_in_use", 0) for s in statistics)
    if jax.process_count() == 1:
        return int(least)
    return int(multihost_utils.process_allgather(np.float32(least)).min())  # all processes must make the same plan


def runs_that_fit(placement: Placement, runs: int, needed: Callable[[int], int], limit: int | None = None) -> int:
    """The most runs, a multiple of the number of devices, whose program of `needed(runs)` bytes fits in memory.

    A tenth of the memory is left free. One run per device is tried in any case.
    """
    room = 0.9 * (bytes_available(placement) if limit is None else limit)
    devices, fit = placement.mesh.size, runs
    while (need := needed(fit)) > room and fit > devices:
        fit = min(int(fit * room / need) // devices, fit // devices - 1) * devices
        fit = max(fit, devices)
    if fit < runs:
        _warn(f"{runs} runs need more memory than there is: {-(-runs // fit)} batches of up to {fit} take turns")
    return fit
