"""The devices that a job runs on: those of one machine, or of several processes that connect to each other."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Timer
from typing import NamedTuple

import jax

from jaxgan.runs.placement import Placement, cpu_cores, first_of_each_process, place, use_cpu_cores
from jaxgan.study.distributed.processes import in_agreement
from jaxgan.study.limits import check_limit
from jaxgan.study.messages import OptionError


class Cluster(NamedTuple):
    """How the processes of a job connect; None values are detected from SLURM, Kubernetes, Open MPI or a TPU pod."""

    coordinator: str | None = None  # host:port of process 0
    num_processes: int | None = None
    process_id: int | None = None


class Resources(NamedTuple):
    """What a job runs on; it does not affect random numbers. None means all devices, or the fastest way.

    On one machine, CPUs give bit-identical results whenever a run is repeated or resumed. On a GPU, atomic operations
    may sum in any order; `deterministic` asks XLA for slower operations that do not.
    """

    devices: int | None = None  # number of devices per process
    in_turn: bool | None = None
    cluster: Cluster | None = None
    deterministic: bool = False  # whether to use only GPU operations with bit-identical results


SAID_AFTER, WAIT, WAIT_OF_FIRST = 5.0, 50.0, 240.0
"""Seconds until a process says that it waits for others, until it gives up, and likewise process 0, which a scheduler
may start long before the others."""
_DETERMINISTIC = "--xla_gpu_deterministic_ops=true"
ALL = Resources()
"""Every device of this machine, in the order that is fastest on it."""


def cluster_from(
    distributed: bool, coordinator: str | None, num_processes: int | None, process_id: int | None
) -> Cluster | None:
    """Return the cluster that the options of these names describe.

    Raises:
      OptionError: if only some of the last three are given, or the address has no port.

    Example:
      >>> cluster_from(False, None, None, None) is None
      True
    """
    cluster = Cluster(coordinator, num_processes, process_id)
    given = [name for name, value in cluster._asdict().items() if value is not None]
    if not given:
        return cluster if distributed else None
    if missing := [f"--{name.replace('_', '-')}" for name in Cluster._fields if name not in given]:
        raise OptionError(given[0], f"got it without {' and '.join(missing)}, expected all three or none")
    assert coordinator is not None and num_processes is not None and process_id is not None
    host, _, port = coordinator.rpartition(":")
    if not (host and port.isdecimal() and 0 < int(port) < 65536):
        raise OptionError("coordinator", f"got {coordinator!r}, expected HOST:PORT")
    check_limit("num_processes", num_processes)
    if not 0 <= process_id < num_processes:
        raise OptionError("process_id", f"got {process_id}, expected 0 to {num_processes - 1}")
    return cluster


def start(seeds: int, resources: Resources, log: Callable[[str], None] = print) -> Placement:
    """Connect the processes, expose CPU cores as devices, and return the placement of the seeds.

    JAX's devices should not have been used before; if they have been, they are used as they are.

    Raises:
      OptionError: if the other processes are not found, or there are fewer devices than requested, or more processes
        than seeds.
    """
    count = resources.devices
    if count is not None:
        check_limit("devices", count)
    if resources.deterministic:
        _ask_for_determinism()
    if resources.cluster is not None and not jax.distributed.is_initialized():
        _connect(resources.cluster, log)
    chosen_by_user = jax.config.jax_num_cpu_devices >= 1  # type: ignore[attr-defined]
    if not chosen_by_user and "device_count" not in os.environ.get("XLA_FLAGS", ""):
        with suppress(RuntimeError):
            use_cpu_cores(min(cpu_cores(), count or cpu_cores()))
    there = jax.local_device_count()
    with in_agreement():
        if count is not None and count > there:
            raise OptionError("devices", f"got {count}, expected at most the {there} of this machine")
        try:
            return place(seeds, devices=first_of_each_process(jax.devices(), count or there), in_turn=resources.in_turn)
        except ValueError as error:
            raise OptionError("seeds", str(error)) from error


def _ask_for_determinism() -> None:
    """Set XLA's flags, which it reads once, when devices are first used; GPU flags are accepted on all platforms."""
    flags = os.environ.get("XLA_FLAGS", "")
    if _DETERMINISTIC not in flags:
        os.environ["XLA_FLAGS"] = f"{flags} {_DETERMINISTIC}".strip()


def _connect(cluster: Cluster, log: Callable[[str], None]) -> None:
    with suppress(AttributeError):  # JAX has always one, or lets it be chosen
        jax.config.update("jax_cpu_collectives_implementation", "gloo")
    with suppress(AttributeError):  # it would take SIGTERM for itself
        jax.config.update("jax_enable_preemption_service", False)
    try:
        with _no_longer_than(WAIT_OF_FIRST if not cluster.process_id else WAIT, cluster, log):
            jax.distributed.initialize(*cluster)
    except (ValueError, RuntimeError) as error:
        first = str(error).partition("\n")[0]
        line = f"the processes do not find each other: {first}"
        raise OptionError("distributed", f"{line} (--coordinator says where)") from error


@contextmanager
def _no_longer_than(seconds: float, cluster: Cluster, log: Callable[[str], None]) -> Iterator[None]:
    """Log that the process waits, and exit with a one-line message before JAX's own timeout aborts the process."""
    where = f" at {cluster.coordinator}" if cluster.coordinator else ""
    whom = f"process 0{where}" if cluster.process_id else f"the other processes, which are to call{where}"

    def give_up() -> None:
        option = "coordinator" if cluster.coordinator else "distributed"
        log(f"jaxgan: {OptionError(option, f'waited {seconds:.0f} s for {whom}, expected an answer')}")
        os._exit(2)

    timers = Timer(SAID_AFTER, log, [f"waiting for {whom}"]), Timer(seconds, give_up)
    for timer in timers:
        timer.daemon = True
        timer.start()
    try:
        yield
    finally:
        for timer in timers:
            timer.cancel()


def described(placement: Placement) -> dict[str, int | bool | None]:
    """Return the description of a placement that a run stores."""
    bits = placement.mesh.devices.flat[0].platform == "cpu" or _DETERMINISTIC in os.environ.get("XLA_FLAGS", "")
    where = {"devices": placement.mesh.size, "in_turn": placement.in_turn, "processes": jax.process_count()}
    return where | {"deterministic": bits}


def check_same_number(folder: Path, processes: int) -> None:
    """Raise OptionError unless a run is continued by as many processes as before: each has the state of its seeds."""
    if processes != jax.process_count():
        found = f"got {jax.process_count()}, but the run in {folder} was started with {processes}"
        raise OptionError("resume", f"number of processes: {found}")
