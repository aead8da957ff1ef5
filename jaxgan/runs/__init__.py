"""Runs: pure functions of a key, many in one compiled program, with their device placement and the host loop."""

from jaxgan.runs.footprint import StepMemory as StepMemory
from jaxgan.runs.footprint import step_memory as step_memory
from jaxgan.runs.loop import Chunk as Chunk
from jaxgan.runs.loop import FitResult as FitResult
from jaxgan.runs.loop import fit as fit
from jaxgan.runs.placement import Placement as Placement
from jaxgan.runs.placement import place as place
from jaxgan.runs.placement import use_cpu_cores as use_cpu_cores
from jaxgan.runs.run import Probe as Probe
from jaxgan.runs.run import Result as Result
from jaxgan.runs.run import advance as advance
from jaxgan.runs.run import run as run
from jaxgan.runs.run import seed_keys as seed_keys
from jaxgan.runs.run import start as start
from jaxgan.runs.run import start_runs as start_runs
from jaxgan.runs.sweep import run_seeds as run_seeds
from jaxgan.runs.sweep import sweep as sweep
