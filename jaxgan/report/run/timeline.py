"""The course of each run: the states that it passed through, as text, with a row per seed."""

import numpy as np

from jaxgan.report.tables import Cell, Section, numeric, section
from jaxgan.report.words import noun_of
from jaxgan.results.codes import FINE
from jaxgan.results.results import Results


def timeline_section(results: Results) -> Section:
    """Return a row per run: its outcome, and its states with the last step of each."""
    rows = []
    for i, name in enumerate(results.configurations):
        states = results.dataset["outcome_along"].values[i].astype(str)
        for j, seed in enumerate(results.seeds.tolist()):
            code = str(results.outcomes[i, j])
            words = states_in_words(states[j], results.probe_steps)
            rows.append((name, numeric(float(seed), str(seed)), Cell(code, failed=code not in FINE), words))
    caption = "The outcome of each run, and the states that it passed through, each with its last step"
    return section("timelines", caption, (noun_of(results), "seed", "outcome", "states"), rows)


def states_in_words(states: np.ndarray, steps: np.ndarray) -> str:
    """Return stretches of equal states in words.

    >>> states_in_words(np.array(["NOT_LEARNED", "NOT_LEARNED", "HEALTHY"]), np.array([10, 20, 30]))
    'NOT_LEARNED to 20, HEALTHY to the end'
    """
    ends = np.append(np.flatnonzero(states[1:] != states[:-1]), len(states) - 1)
    stretches = [f"{states[k]} to {steps[k]:,}" for k in ends[:-1]]
    return ", ".join([*stretches, f"{states[-1]} to the end"])
