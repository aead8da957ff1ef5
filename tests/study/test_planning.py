"""What is measured along training, of studies whose runs differ in their losses."""

from typing import Any

import jax

from jaxgan.runs.placement import place
from jaxgan.runs.run import start
from jaxgan.study.config import configure
from jaxgan.study.planning import own_probes, plan_for, study_for, watched_of

KEY = jax.random.key(0)
TINY: dict[str, Any] = {"data": "ring", "seeds": 2, "steps": 4, "width": 4, "batch_size": 8, "samples": 20}


def test_all_losses_share_the_program_of_measurements() -> None:
    """XLA takes longer for it than for a small training step; the second loss finds it compiled."""
    study = study_for(configure(TINY | {"loss": ("minimax", "non_saturating", "hinge", "wasserstein")}))
    plan = plan_for(study, own_probes(study), place(2), lambda line: None)
    texts = []
    for program in study.programs.values():
        watched = watched_of(plan, program)
        algorithm = study.configurations[program.labels[0]].algorithm
        state = jax.eval_shape(lambda key, algorithm=algorithm: start(algorithm, study.source.sample, key), KEY)
        texts.append(jax.jit(watched.probe).lower(KEY, state).as_text())
    assert len(texts) == 4 and len(set(texts)) == 1
