"""Train and evaluate the blocks of a run, in this process or with an engine, and assemble the results."""

import time
from collections import Counter
from collections.abc import Sequence

import jax.numpy as jnp

from jaxgan.evaluation import evaluate
from jaxgan.results import store
from jaxgan.results.results import Results
from jaxgan.study.assemble import assemble
from jaxgan.study.block import Block
from jaxgan.study.blocks import keys_of
from jaxgan.study.diagnosis.judging import outcomes_of
from jaxgan.study.distributed import engines, processes
from jaxgan.study.finals import by_configuration, is_done, read_final, write_final
from jaxgan.study.job import Job
from jaxgan.study.messages import counted
from jaxgan.study.monitoring.how_far import duration
from jaxgan.study.monitoring.live import Look, unseen, watched_live
from jaxgan.study.planning import Plan, evaluation_keys, place_of, watched_of
from jaxgan.study.training import read_block, title_of, train
from jaxgan.study.watching import Watched


def measured(job: Job, plan: Plan, engine: engines.Engine | None = None) -> Results | None:
    """Train and evaluate every block; return the results in the leading process, None in the others."""
    study = plan.study
    missing = [block for block in plan.blocks if not is_done(job, block)]
    with watched_live(job.folder, shown=job.progress) as look:
        if engine is None:
            seconds = _in_turn(job, plan, missing, look)
        else:
            seconds = engines.carried_out(engine, job, plan.blocks, missing, look)
    with processes.in_agreement():
        if not processes.leads():
            return None
        records = by_configuration(study, {block: read_block(job, block) for block in plan.blocks})
        final = by_configuration(study, {block: read_final(job, block) for block in plan.blocks})
        return assemble(study, plan.evaluator, job.rules, records, final, store.read_config(job.folder), seconds)


def _in_turn(job: Job, plan: Plan, missing: Sequence[Block], look: Look) -> dict[str, float]:
    """Train and evaluate blocks one after the other in this process; return the seconds spent on each program."""
    seconds, begun = dict.fromkeys(plan.study.programs, 0.0), time.perf_counter()
    for name, program in plan.study.programs.items():
        if blocks := [block for block in missing if block.program == name]:
            watched = watched_of(plan, program)
            for block in blocks:
                clock = time.perf_counter()
                carry_out(job, plan, block, watched, look)
                seconds[name] += time.perf_counter() - clock
                _say_how_far(job, plan, missing, block, time.perf_counter() - begun)
    return {name: round(took, 1) for name, took in seconds.items()}


def _say_how_far(job: Job, plan: Plan, missing: Sequence[Block], block: Block, seconds: float) -> None:
    """Log how much is done and the remaining time, assuming that all runs take equally long."""
    behind = missing.index(block) + 1
    runs = [one.runs for one in missing]
    if left := sum(runs[behind:]):
        done = len(plan.blocks) - len(missing) + behind
        ahead = duration(seconds * left / sum(runs[:behind]))
        job.log(f"{done} of {counted(len(plan.blocks), 'block')} done, about {ahead} left")


def carry_out(job: Job, plan: Plan, block: Block, watched: Watched, look: Look = unseen) -> None:
    """Train a block to its end and evaluate its generators, skipping what is already done."""
    study = plan.study
    generator = train(job, study.programs[block.program], block, place_of(plan.placement, block), watched, look)
    if processes.leads():
        first = study.configurations[block.configurations[0]]
        keys = jnp.tile(evaluation_keys(study.config, keys_of(study, block)), len(block.configurations))
        found = evaluate(plan.evaluator, first.algorithm.game, generator, keys)
        codes = outcomes_of(study, plan.evaluator, job.rules, read_block(job, block), found)
        write_final(job, block, {**found, "outcome": codes})
        counts = Counter(codes.tolist())
        job.log(f"{title_of(study, block)}: {', '.join(f'{n:,} {code}' for code, n in counts.most_common())}")
