"""The course of each run: the states that it passed through, as text, with a row per seed."""

import numpy as np

from jaxgan.report.tables import Cell, Section, numeric, section
from jaxgan.report.words import counted, noun_of
from jaxgan.results.codes import FINE
from jaxgan.results.results import Results

_SHORT = 3  # at most so many evaluations are told, because they may be a fluctuation


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
    """Return stretches of equal states in words; of a short one also its number of evaluations, because it says little.

    >>> states_in_words(np.array(["NOT_LEARNED", "NOT_LEARNED", *["HEALTHY"] * 4]), np.arange(10, 70, 10))
    'NOT_LEARNED to 20 (2 evaluations), HEALTHY to the end'
    """
    ends = np.append(np.flatnonzero(states[1:] != states[:-1]), len(states) - 1)
    lengths = np.diff(ends, prepend=-1).tolist()
    places = [*(f"{steps[k]:,}" for k in ends[:-1]), "the end"]
    return ", ".join(
        f"{states[k]} to {place}" + (f" ({counted(length, 'evaluation')})" if length <= _SHORT else "")
        for k, place, length in zip(ends, places, lengths, strict=True)
    )
