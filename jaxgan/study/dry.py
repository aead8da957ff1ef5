"""Dry runs: the runs of a study, the programs that train them, their memory and disk needs, and their time."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from jaxgan.report.tables import Cell, Section, numeric, section
from jaxgan.runs.loop import Chunk, fit, memory_of
from jaxgan.runs.placement import Placement
from jaxgan.study import compilation, inputs
from jaxgan.study.block import Block
from jaxgan.study.blocks import blocks_for, keys_of
from jaxgan.study.build import Program, Study
from jaxgan.study.config import configure
from jaxgan.study.distributed import resources
from jaxgan.study.execute import started
from jaxgan.study.folder import RUNS
from jaxgan.study.job import Log
from jaxgan.study.messages import counted
from jaxgan.study.monitoring.how_far import duration
from jaxgan.study.needs import check_needs, needs_of
from jaxgan.study.operations import operations_of_step
from jaxgan.study.planning import place_of, study_for
from jaxgan.study.training import what_trains

TRIAL = 20
"""Steps of a trial, and of a second one where they were too quick to be timed."""
_LONG_ENOUGH = 0.5  # seconds


class Trial(NamedTuple):
    """The time and memory that the first steps of a block took."""

    compilation: float  # seconds
    step: float  # seconds, of all runs of the block
    memory: int  # bytes on one device that the compiled program holds


def plan_sections(
    given: Mapping[str, Any],
    *,
    on: resources.Resources = resources.ALL,
    out: Path | None = None,
    keep_programs: bool = False,
    rate: float | None = None,
    log: Log = print,
) -> list[Section]:
    """Return the tables of a dry run; nothing is written.

    Each program is compiled and its first steps are timed, so the times apply to this machine under its current load.
    Evaluations are not included; by default they add about a tenth.

    Args:
      given: options of `Config`.
      on: devices and processes.
      out: the folder of the study, to check the free space on its disk.
      keep_programs: whether to use JAX's compilation cache, so that the study does not compile again.
      rate: the sustained TFLOP/s of another machine, to estimate the time of matrix products there.
      log: called with each line of progress.

    Raises:
      OptionError, DataError: as `run_study`.
    """
    given = inputs.absolute(dict(given))
    config = configure(given, points=inputs.holds_points(given))
    placement = started(config, on, keep_programs=keep_programs, log=log)
    study = study_for(config)
    needs = needs_of(study, placement)
    check_needs(needs, out or RUNS)
    return [
        programs_section(study, placement, log),
        operations_section(study, rate),
        section("memory", "Memory, at least", ["what", "MiB"], _sizes(needs.memory)),
        section("disk", "Disk, at least", ["what", "MiB"], _sizes(needs.disk)),
    ]


def programs_section(study: Study, placement: Placement, log: Log) -> Section:
    """Compile each program and time its first steps; return what it trains, its memory and its time."""
    blocks = blocks_for(study)
    rows, total = [], 0.0
    for program in study.programs.values():
        own = [block for block in blocks if block.program == program.name]
        runs = sum(block.runs for block in own)
        log(f"measuring {program.name}")
        trial = tried(study, program, own[0], placement)
        seconds = trial.compilation + study.config.steps * trial.step * runs / own[0].runs
        total += seconds
        each = 1e6 * trial.step / own[0].runs
        cells = [numeric(len(program.labels)), numeric(runs), numeric(len(own))]
        cells += [numeric(trial.compilation, f"{trial.compilation:.1f}"), numeric(each)]
        cells.append(_size(trial.memory))
        cells.append(numeric(seconds, duration(seconds)))
        why = program.why or ("numbers alone" if program.make else "one configuration")
        rows.append([Cell(program.name), *cells, Cell(why)])
    labels, runs = len(study.configurations), len(study.configurations) * study.config.seeds
    head = [
        "program",
        "configurations",
        "runs",
        "waves",
        "compilation, s",
        "us per step and run",
        "MiB on a device",
        "time",
        "why",
    ]
    caption = (
        f"{counted(labels, 'configuration')} x {counted(study.config.seeds, 'seed')} = {counted(runs, 'run')} of "
        f"{counted(study.config.steps, 'step')} on {study.source.name}, in {counted(len(rows), 'program')}: "
        f"about {duration(total)} of training"
    )
    return section("programs", caption, head, rows)


def operations_section(study: Study, rate: float | None) -> Section:
    """Return the number of operations, independent of the machine, and their time at `rate` in TFLOP/s."""
    rows, total = [], 0.0
    for program in study.programs.values():
        first, runs = study.configurations[program.labels[0]], len(program.labels) * len(study.keys)
        each = operations_of_step(first.algorithm, study.source.sample, study.keys[0])
        whole = float(each) * study.config.steps * runs
        total += whole
        cells = [numeric(each / 1e9), numeric(whole / 1e12)]
        rows.append([Cell(program.name), *cells, *_time_at(rate, whole)])
    head = [
        "program",
        "GFLOP per step and run",
        "TFLOP of all runs",
        *([] if rate is None else [f"at {rate:g} TFLOP/s"]),
    ]
    caption = "Matrix products and convolutions of training; a multiply-add counts as two operations"
    if rate is not None:
        caption += f": {duration(total / (1e12 * rate))} at a sustained {rate:g} TFLOP/s"
    return section("operations", caption, head, rows)


def _time_at(rate: float | None, operations: float) -> list[Cell]:
    if rate is None:
        return []
    seconds = operations / (1e12 * rate)
    return [numeric(seconds, duration(seconds))]


def tried(study: Study, program: Program, block: Block, placement: Placement) -> Trial:
    """Compile the program of a block and time its first steps."""
    algorithm, settings = what_trains(study, program, block)
    took: list[float] = []
    chunks: list[Chunk] = []
    where = place_of(placement, block)

    def trained(steps: int) -> float:
        chunks.clear()
        clock = time.perf_counter()
        with compilation.in_precision(study.config.precision):
            fit(
                algorithm,
                study.source.sample,
                keys_of(study, block),
                steps,
                settings=settings,
                record_every=steps,
                on_chunk=chunks.append,
                on_compile=took.append,
                placement=where,
            )
        return time.perf_counter() - clock

    trained(TRIAL)
    if chunks[-1].seconds < _LONG_ENOUGH:
        rate = chunks[-1].seconds / chunks[-1].length
        trained(min(study.config.steps, max(TRIAL, round(4 * _LONG_ENOUGH / max(rate, 1e-6)))))
    with compilation.in_precision(study.config.precision):  # it is compiled already
        held = memory_of(algorithm, study.source.sample, keys_of(study, block), settings=settings, placement=where)
    return Trial(took[0], chunks[-1].seconds / chunks[-1].length, held)


def _sizes(needed: Mapping[str, int]) -> list[list[Cell]]:
    return [[Cell(what), _size(size)] for what, size in needed.items()]


def _size(size: int) -> Cell:
    return numeric(size / 2**20, f"{size / 2**20:,.1f}")
