"""PyTorch as commonly used for many seeds: one single-threaded process per core, each with a share of the seeds."""

import multiprocessing
import os
from collections.abc import Sequence
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier
from typing import Any

import numpy as np

from benchmarks.forms import Form, Start, Trained, peak_mib
from benchmarks.workloads import Workload


def make(workload: Workload, seeds: int, start: Start | None = None) -> Form:
    """Make eager PyTorch, channels-last for images. Processes start each round together; the slowest sets its time."""
    spawn = multiprocessing.get_context("spawn")
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)
    shares = [part.tolist() for part in np.array_split(np.arange(seeds), min(seeds, len(cores)))]
    barrier = spawn.Barrier(len(shares))
    pipes: list[Connection] = []
    for core, share in zip(cores, shares, strict=False):
        here, there = spawn.Pipe()
        part = None if start is None else Start(*([values[i] for i in share] for values in start))
        # A daemon process ends with its parent.
        spawn.Process(target=_child, args=(there, barrier, core, workload, len(share), part), daemon=True).start()
        there.close()  # only the child keeps this end open, so its death is detected here
        pipes.append(here)
    _answers(pipes)

    def ask(question: Any) -> list[Any]:
        for pipe in pipes:
            pipe.send(question)
        return _answers(pipes)

    def run(steps: int) -> None:
        ask(steps)

    def read() -> list[Trained]:
        return [trained for part in ask("read") for trained in part]

    return Form(run, read, {"processes": len(shares)}, lambda: sum(ask("peak")))


def _answers(pipes: Sequence[Connection]) -> list[Any]:
    """Return an answer from every process, or raise the first failure."""
    try:
        answers = [pipe.recv() for pipe in pipes]
    except EOFError:
        raise RuntimeError("a process ended without an answer") from None
    for answer in answers:
        if isinstance(answer, Exception):
            raise RuntimeError(f"in a separate process: {answer}")
    return answers


def _child(pipe: Connection, barrier: Barrier, core: int, workload: Workload, seeds: int, start: Start | None) -> None:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {core})
    from benchmarks.torch_forms import one_by_one  # after the process is pinned to its core
    from benchmarks.torch_parts import Setting

    try:
        setting = Setting(channels_last=workload.is_image, threads=1)
        form = one_by_one(workload, seeds, start, setting, compile_=False)
        pipe.send("ready")
        while True:
            question = pipe.recv()
            if isinstance(question, int):
                barrier.wait()
                form.run(question)
            pipe.send({"read": form.read, "peak": peak_mib}.get(question, lambda: None)())
    except EOFError:  # the parent closed the pipe
        return
    except Exception as error:
        pipe.send(RuntimeError(f"{type(error).__name__}: {error}"))
