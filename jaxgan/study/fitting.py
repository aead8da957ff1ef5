"""Check that the compiled program of a study fits into memory, before its folder is made."""

import time

from jaxgan.memory import available_memory
from jaxgan.runs.loop import memory_of
from jaxgan.runs.placement import bytes_available, settle
from jaxgan.stopping import stoppable
from jaxgan.study import compilation
from jaxgan.study.block import Block
from jaxgan.study.blocks import keys_of
from jaxgan.study.distributed import processes
from jaxgan.study.job import Log
from jaxgan.study.messages import OptionError
from jaxgan.study.needs import bytes_of, gib, made
from jaxgan.study.planning import Plan, place_of
from jaxgan.study.training import compiled_name, title_of, what_trains

_COMPILING = "compiling cannot be interrupted: stopping after it"


def check_compiled(plan: Plan, log: Log, devices: int = 0) -> None:
    """Compile the largest program and check its memory use, if it is not certain to fit.

    A step that would fit even if all of its arrays were kept is not compiled, so ordinary runs on ordinary machines
    compile nothing here. Otherwise the compiled program is the one used for training: it is compiled now instead of
    later. `devices` is the number of devices of all workers on this machine, if that is larger than this process's own.

    Raises:
      OptionError: if it does not fit, even with one run per device at a time; the message states the sizes.
    """
    device = plan.placement.mesh.local_devices[0]
    on_host, count = device.platform == "cpu", max(devices, len(plan.placement.mesh.local_devices))
    free = available_memory() if on_host else bytes_available(plan.placement)
    share = count if on_host else 1
    largest = {block.program: block for block in sorted(plan.blocks, key=lambda block: block.runs)}
    bounds = {block: share * _at_most(plan, block) for block in largest.values()}
    if not processes.any_of(max(bounds.values(), default=0) > free):
        return
    most = max(bounds, key=bounds.__getitem__)
    needed = share * _held(plan, most, log)
    if needed > free:
        where, fewer = (f"on {count} devices", ", or --devices") if share > 1 else ("on a device", "")
        line = f"the compiled program of {most.program} needs {gib(needed)} of memory {where}, and {gib(free)} are free"
        raise OptionError("batch_size", f"{line}; lower it, or --width{fewer}")


def _held(plan: Plan, block: Block, log: Log) -> int:
    """Return the bytes needed on one device, according to the compiler."""
    study, program = plan.study, plan.study.programs[block.program]
    algorithm, settings = what_trains(study, program, block)
    log(f"compiling {title_of(study, block)}, to find out how much memory it needs")
    clock = time.perf_counter()
    with stoppable() as stopping, stopping.held(_COMPILING), compilation.in_precision(study.config.precision):
        found = memory_of(
            algorithm,
            study.source.sample,
            keys_of(study, block),
            settings=settings,
            stops=bool(plan.rules),
            placement=place_of(plan.placement, block),
        )
    compilation.took(compiled_name(study, block), time.perf_counter() - clock)
    return found


def _at_most(plan: Plan, block: Block) -> int:
    """Return the bytes on one device if all arrays of a step were kept; compiled programs used 1/25 to 1/2 of that."""
    step = plan.study.programs[block.program].step
    assert step is not None  # it was traced when the study was built
    where = settle(place_of(plan.placement, block), step.state)
    runs = -(-block.runs // where.mesh.size)
    at_once = 1 if where.in_turn else min(runs, where.group or runs)
    data = bytes_of((plan.study.source.train, plan.study.source.heldout))
    return at_once * made(step.program) + 4 * runs * bytes_of(step.state) + 2 * data
