"""Remedies and time lines: counts of what healed, and states in words."""

import numpy as np

from jaxgan.report.run.healed import BASE, best_in_words, healed_section
from jaxgan.report.run.timeline import states_in_words, timeline_section
from tests.synthetic import BOTH, make_run

NAMES = (BASE, "r1", "lower_lr_d")
ABOUT = {"r1": ("a penalty", "Mescheder 2018"), "lower_lr_d": ("a quarter", "Heusel 2017")}


def tried():
    """Of 8 seeds 6 had failed: R1 heals 5 and breaks one, a lower rate heals none."""
    run = make_run(NAMES)
    codes = np.full((3, 8), "HEALTHY", dtype="<U20")
    codes[0, :6] = "NOT_LEARNED"
    codes[1, [5, 7]] = "COLLAPSED"
    codes[2, :6] = "GRADIENT_VANISHED"
    run.dataset["outcome"].values[:] = codes
    return run


def test_healed_are_seeds_that_had_failed_and_no_longer_do():
    part = healed_section(tried(), ABOUT)
    assert "the same 8 seeds, of which 6 had failed" in part.caption
    r1, lower = part.rows
    assert [cell.text for cell in r1[:2]] == ["r1", "5 of 6"] and r1[2].text == "1"
    assert r1[0].plain == "r1 (a penalty)"
    assert r1[1].note == "[44 %, 97 %]"  # Wilson of 5 in 6
    assert r1[3].text == "2 of 8" and lower[1].text == "0 of 6" and lower[3].text == "6 of 8"
    # McNemar: of 6 seeds that changed 5 were healed, 2 * (1 + 6) / 2^6 = 0.219, twice that of the two by Holm.
    assert r1[4].value == 2 * 14 / 64 and lower[4].value == 1.0
    assert [cell.text for cell in part.rows[0]][-1] == "Mescheder 2018"


def test_the_best_is_named_or_that_none_helped():
    run = tried()
    assert best_in_words(run, ABOUT) == "5 of 6 seeds were healed by r1: a penalty."
    run.dataset["outcome"].values[1] = "NOT_LEARNED"
    assert best_in_words(run, ABOUT) == "No remedy healed any of the 6 seeds that had failed."


def test_a_time_line_has_the_last_step_of_every_state():
    steps = np.array([10, 20, 30, 40])
    assert states_in_words(np.array(["HEALTHY"] * 4), steps) == "HEALTHY to the end"
    text = states_in_words(np.array(["JUNK", "HEALTHY", "HEALTHY", "JUNK"]), steps)
    assert text == "JUNK to 10 (1 evaluation), HEALTHY to 30 (2 evaluations), JUNK to the end (1 evaluation)"
    text = states_in_words(np.array(["JUNK"] * 3 + ["HEALTHY"] * 4), np.arange(1000, 8000, 1000))
    assert text == "JUNK to 3,000 (3 evaluations), HEALTHY to the end"
    run = make_run(BOTH)
    along = np.full((2, 8, 4), "HEALTHY", dtype="<U20")
    along[1, 3, 2:] = "COLLAPSED"
    run = make_run(BOTH, failures={(1, 3): "COLLAPSED"})
    dims = ("configuration", "seed", "probe_step")
    dataset = run.dataset.assign_coords(probe_step=steps).assign(outcome_along=(dims, along, {"group": "metric"}))
    part = timeline_section(run.__class__(dataset, run.metrics, run.config, run.notes))
    row = part.rows[8 + 3]
    states = "HEALTHY to 20 (2 evaluations), COLLAPSED to the end (2 evaluations)"
    assert [cell.text for cell in row] == ["non_saturating", "3", "COLLAPSED", states]
    assert row[2].failed and not part.rows[0][2].failed
