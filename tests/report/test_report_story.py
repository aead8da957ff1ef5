"""The words of a report: what they say of two losses, of failures and of when they began, and what they leave open."""

import dataclasses
import re

import numpy as np
import xarray as xr

from jaxgan.report.run.causes import causes_section, why
from jaxgan.report.run.story import story, tenths
from jaxgan.report.run.table import seeds_section, summarize_run
from jaxgan.results.results import Results, variable
from tests.report.readers import printed
from tests.synthetic import STEPS, make_run


def story_of(run: Results) -> str:
    return " ".join(story(run, summarize_run(run)))


def test_the_story_of_two_losses() -> None:
    text = story_of(make_run())
    assert "The losses minimax and non_saturating were trained on digits for 40 steps from 8 seeds each." in text
    assert "With minimax, none of the 8 seeds failed (95 % Wilson interval of the share: 0 % to 32 %)." in text
    assert "non_saturating minus minimax is -163 [" in text
    assert "the interval excludes 0, so non_saturating is lower (better)." in text
    # Of the first and the last 4 of 40 steps, the median is the mean of the middle two: with r = 10^(4 / 39),
    # (1 / r + 1 / r^2) / 2 = (0.7897 + 0.6236) / 2 and 1e-4 (r + r^2) / 2 = 1e-4 (1.2664 + 1.6037) / 2.
    assert "norm of the loss's gradient with respect to the generator's parameters" in text
    assert "with minimax 0.707 and 0.000144, lower by a factor of 4,920" in text
    assert "with non_saturating 2 and 2, about the same" in text
    assert "with minimax 0.02, below 1/2; with non_saturating 0.48, near 1/2" in text


def test_the_story_claims_no_difference_where_the_interval_holds_0() -> None:
    run = make_run()
    run.dataset["frechet"][1] = run.dataset["frechet"][0] + [3, -3, 2, -2, 1, -1, 4, -4]
    assert "the interval includes 0, so these seeds do not distinguish the two" in " ".join(
        story(run, summarize_run(run))
    )


def test_one_failed_seed_of_eight_leaves_the_difference_open() -> None:
    # Three or more of eight draws hit the one infinite pair in 7 % of resamples, more than the upper 2.5 %.
    text = story_of(make_run(failures={(1, 7): "COLLAPSED"}))
    assert "With non_saturating, 1 of 8 seeds failed: 1 COLLAPSED" in text
    assert re.search(r"minus minimax is -163 \[-\d+, \+∞\]: the interval includes 0", text)


def test_the_story_of_failures() -> None:
    everything = {(0, j): "COLLAPSED" for j in range(8)} | {(1, j): "DIVERGED" for j in range(8)}
    run = make_run(failures=everything)
    text = story_of(run)
    assert "With minimax, all 8 seeds failed: 8 COLLAPSED" in text
    assert "with minimax undefined, because 8 of 8 failed (measured over all 8 seeds: 196 [" in text
    assert "No difference between non_saturating and minimax is reported: in 8 of 8 pairs of seeds at least" in text
    assert text.count("with non_saturating it was not finite") == 2  # the gradient and D(G(z)) at the end
    one = make_run(failures={(0, 2): "DIVERGED"})
    assert "with minimax 0.02, below 1/2 (without 1 non-finite seed)" in story_of(one)


def test_one_seed_is_no_evidence() -> None:
    run = make_run(seeds=1)
    table = summarize_run(run)
    text = " ".join(story(run, table))
    assert "from one seed (seed 0)." in text and "One seed says nothing about a loss" in text
    assert "with minimax 200; with non_saturating 30." in text
    assert not re.search(r"interval|excludes|\(better|seeds each|\d seeds|medians", text)
    assert "n/a: one seed" in printed(run, 100) and "Wilson" not in printed(run, 100)


def test_few_seeds_and_one_loss() -> None:
    run = make_run(("minimax",), seeds=3)
    text = story_of(run)
    assert "The loss minimax was trained on digits for 40 steps from 3 seeds." in text
    assert "With 3 seeds the intervals are rough" in text
    assert "minus" not in text


def test_the_story_dates_what_went_wrong() -> None:
    run = make_run(causes=True)
    progress, episode = why(run)
    # 300 - (300 - d) times 0.2, 1.1, 0.6, 1 of d = 196.5 and 33.5, the medians: at first 279, at best 186, then 196.5
    assert progress.startswith("Fréchet distance was measured at 4 steps during training")
    assert "with minimax 279 at first and 196 at the end (best: 186 at step 20)" in progress
    assert episode == (
        "In 6 of 8 seeds of minimax the generator's gradient vanished from step 6 to step 30 (medians), down to 0.02 "
        "of its early level, while D(G(z)) was 0.02. A certain discriminator saturates the loss. Take the "
        "non-saturating loss."
    )
    assert "not why" not in story_of(run) and "not why" in story_of(make_run())
    (table,) = causes_section(run)
    assert [cell.text for cell in table.rows[0]] == [
        "minimax", "The generator's gradient vanished", "6 of 8", "6", "30", "down to 0.02 of its early level"
    ]  # fmt: skip


def test_an_episode_that_never_ended_and_none_at_all() -> None:
    run = make_run(causes=True, seeds=2)
    run.dataset["cause_vanishing_end"][0] = [np.nan, STEPS]
    assert "In both seeds of minimax the generator's gradient vanished from step 6 to the end of" in why(run)[1]
    run.dataset["cause_vanishing_begin"][:] = np.nan
    assert why(run)[1] == "Found in no seed: vanishing."
    assert causes_section(run) == []
    score = make_run(causes=True)
    score.notes["scores"] = ["minimax"]
    assert "D(G(z))" not in why(score)[1]  # its sigmoid means nothing


def test_only_what_was_looked_for_is_found_in_no_seed() -> None:
    run = make_run(causes=True, seeds=2)
    signs = ("condition_ignored", "copied", "generator_dominates")
    run.notes["causes"] = {name: {"noun": name} for name in ("vanishing", *signs)}
    of, along = ("configuration", "seed"), ("configuration", "seed", "probe_step")
    good = np.zeros((2, 2, 4, 2))
    new = [variable("cause", f"{name}_{field}", of, np.full((2, 2), np.nan)) for name in signs
           for field in ("begin", "end", "depth")]  # fmt: skip
    new += [variable("evidence", name, along, np.ones((2, 2, 4))) for name in ("obeyed", "separation")]
    new.append(variable("cause", "signs", (*along, "sign"), good))
    dataset = run.dataset.assign(dict(new)).assign_coords(sign=["DIVERGED", "HEALTHY"])
    dataset["cause_vanishing_begin"][:] = np.nan

    def last(data: xr.Dataset) -> str:
        return why(dataclasses.replace(run, dataset=data))[-1]

    # No samples were near the data: whether they are of the class asked for was not judged.
    assert last(dataset) == "Found in no seed: vanishing."
    dataset["cause_signs"].values[0, 0, 2, 1] = 1
    assert last(dataset) == "Found in no seed: vanishing and condition_ignored."
    assert last(dataset.drop_vars("evidence_obeyed")) == "Found in no seed: vanishing."
    quality = variable("evidence", "quality", along, np.zeros((2, 2, 4)))
    assert last(dataset.assign(dict([quality]))).endswith("vanishing, condition_ignored and generator_dominates.")


def test_what_first_was_not_finite_is_named() -> None:
    run = make_run(seeds=2, failures={(1, 0): "DIVERGED"})
    for name, values in (("step", [[0, 0], [1812, 0]]), ("", [["", ""], ["d_loss", ""]])):
        own = "first_nonfinite" + (f"_{name}" if name else "")
        run.dataset[own] = (("configuration", "seed"), np.array(values), {"group": "metric"})
    quantity = "the discriminator's loss (d_loss)"
    assert why(run)[-1] == f"First non-finite quantity: with non_saturating {quantity} at step 1,812 (seed 0)."
    cells = seeds_section(run).rows[2]
    assert cells[2].plain == "DIVERGED d_loss at step 1,812" and cells[2].failed


def test_many_are_counted_and_not_gone_through() -> None:
    names = tuple(f"r{i}" for i in range(9))
    run = make_run(names, failures={(i, 0): "COLLAPSED" for i in range(8)})
    text = story_of(run)
    assert "9 losses were trained on digits for 40 steps from 8 seeds each." in text
    assert "Of 72 runs, 8 failed: 1 of 8 with r0" in text
    assert "the 6 with the most failures; 2 more have some" in text
    assert "defined for 9 of 9 losses; the best are r8 33.5" in text  # no seed of r8 failed
    assert "Seed by seed against r0" in text and len(text) < 1500


def test_tenths_go_by_steps() -> None:
    """Records at 1, 2, 5, 10 and then every 100th step: the first tenth of 1,000 steps is not the first tenth of 14."""
    steps = np.array([1, 2, 5, 10, *range(100, 1001, 100)])
    early, late = tenths(steps, steps[None].astype(float))
    assert early == [5] and late == [1000]  # of 1, 2, 5, 10, 100; and of 1,000 alone
    early, late = tenths(np.array([3]), np.array([[7.0]]))
    assert early == late == [7]
