"""What a page says first: of each configuration what happened, why, since when, and what to try."""

import dataclasses

import numpy as np

from jaxgan.report.run.story import story
from jaxgan.report.run.table import summarize_run
from jaxgan.report.run.verdicts import remedies_section
from jaxgan.results.results import Results, variable
from tests.report.studies import make_study
from tests.synthetic import BOTH, PROBES, make_run

RUN = ("configuration", "seed")
CAUSES = {
    "collapsed": {
        "noun": "collapse",
        "label": "most modes were missing",
        "level": "with {} of them",
        "code": "COLLAPSED",
    },
    "junk": {"noun": "junk signals", "label": "the samples had become worse", "level": "at {}", "code": "JUNK"},
}
R1 = {"name": "r1", "what": "a penalty", "option": "--recipe r1_gan --set gamma=0.1", "source": "Mescheder et al. 2018"}
MORE = [R1 | {"name": name, "what": name, "option": f"--set {name}=1"} for name in ("packing", "ema", "b1")]


def with_causes(run: Results, begins: dict[str, dict[tuple[int, int], float]], until: float = 40.0) -> Results:
    """Causes from a step on, by run, to the last one or `until`, with a depth of 0.3."""
    shape, found = (len(run.configurations), len(run.seeds)), []
    for name, by_run in begins.items():
        begin = np.full(shape, np.nan)
        for place, step in by_run.items():
            begin[place] = step
        had = np.isfinite(begin)
        for field, values in (("begin", begin), ("end", np.where(had, until, np.nan)),
                              ("depth", np.where(had, 0.3, np.nan))):  # fmt: skip
            found.append(variable("cause", f"{name}_{field}", RUN, values))
    notes = run.notes | {"causes": {name: CAUSES[name] for name in begins}}
    return dataclasses.replace(run, dataset=run.dataset.assign(dict(found)), notes=notes)


def first_of(run: Results, **notes: object) -> str:
    run = dataclasses.replace(run, notes=run.notes | notes)
    return story(run, summarize_run(run))[0]


def test_each_configuration_has_a_line_with_its_codes_its_cause_and_since_when():
    run = with_causes(
        make_run(failures={(0, j): "COLLAPSED" for j in range(3)}),
        {"collapsed": {(0, 0): 10.0, (0, 1): 20.0, (0, 2): 30.0, (0, 5): 5.0}},
    )
    first, minimax, other = first_of(run).split("\n")
    assert first == "The losses minimax and non_saturating were trained on digits for 40 steps from 8 seeds each."
    assert minimax == (
        "With minimax, 3 of 8 seeds failed: 3 COLLAPSED (95 % Wilson interval of the share: 14 % to 69 %). Causes "
        "(medians over seeds): COLLAPSED: most modes were missing from step 20 on, with 0.3 of them."
    )
    assert other.startswith("With non_saturating, none of the 8 seeds failed (")


def test_a_cause_that_passed_has_an_end_and_the_seeds_that_had_it_are_counted():
    run = make_run(failures={(0, j): "NOT_LEARNED" for j in range(4)})
    run = with_causes(run, {"junk": {(0, 0): 10.0, (0, 7): 10.0}}, until=30.0)
    improving = variable("cause", "improving", RUN, np.arange(16).reshape(2, 8) == 1)
    run = dataclasses.replace(run, dataset=run.dataset.assign(dict([improving])))
    assert (
        "NOT_LEARNED: at the end 1 still improving, 3 no longer; the samples had become worse in 1 of these 4 "
        "from step 10 to 30, at 0.3." in first_of(run)
    )


def test_runs_that_never_improved_are_not_said_to_improve_no_longer():
    run = make_run(failures={(0, j): "NOT_LEARNED" for j in range(8)})
    dataset = run.dataset.assign(dict([variable("cause", "improving", RUN, np.zeros((2, 8), bool))]))
    dataset = dataset.assign_coords(probe_step=PROBES)
    for last, expected in (
        (0.02, "at no evaluation better than at the first"),
        (0.5, "no longer improving at the end"),
    ):
        values = np.broadcast_to([0.0, 0.01, last, 0.0], (2, 8, 4))
        along = dataset.assign(dict([variable("metric", "captured_along", (*RUN, "probe_step"), values)]))
        found = dataclasses.replace(run, dataset=along)
        assert f"NOT_LEARNED: {expected}" in first_of(found, yardsticks={"quality": ["captured", 1.0]})


def test_without_a_cause_the_stretch_of_states_says_since_when():
    run = make_run(failures={(1, 3): "COLLAPSED"})
    along = np.full((2, 8, 4), "HEALTHY", dtype="<U20")
    along[1, 3, 2:] = "COLLAPSED"
    dataset = run.dataset.assign_coords(probe_step=PROBES).assign(
        outcome_along=((*RUN, "probe_step"), along, {"group": "metric"})
    )
    run = dataclasses.replace(run, dataset=dataset)
    assert "COLLAPSED: since step 30." in first_of(run)
    # A cause that passed before does not say since when; one that lasted does.
    passed = first_of(with_causes(run, {"collapsed": {(1, 3): 5.0}}, until=10.0))
    assert "COLLAPSED: since step 30; most modes were missing from step 5 to 10, with 0.3 of them." in passed
    lasted = first_of(with_causes(run, {"collapsed": {(1, 3): 28.0}}))
    assert "COLLAPSED: most modes were missing from step 28 on, with 0.3 of them." in lasted


def test_a_late_recovery_and_a_late_failure_are_told():
    run = make_run(failures={(0, j): "NOT_LEARNED" for j in range(3)})
    along = np.full((2, 8, 4), "HEALTHY", dtype="<U20")
    along[0, :3, :3], along[0, 7, 3], along[1, 0, 3] = "NOT_LEARNED", "COLLAPSED", "PARTIALLY_COLLAPSED"
    dataset = run.dataset.assign_coords(probe_step=PROBES)
    dataset["outcome_along"] = (*RUN, "probe_step"), along, {"group": "metric"}
    _, minimax, other = first_of(dataclasses.replace(run, dataset=dataset)).split("\n")
    assert (
        "At the last evaluation, however, 3 of the failed seeds were fine and 1 of those that did not fail was failing."
        in minimax
    )
    assert "however" not in other  # missing some modes is no failure


def test_what_was_not_finite_first_is_the_reason_of_a_divergence():
    run = make_run(seeds=2, failures={(1, 0): "DIVERGED"})
    for name, values in (("step", [[0, 0], [12, 0]]), ("", [["", ""], ["d_loss", ""]])):
        own = "first_nonfinite" + (f"_{name}" if name else "")
        run.dataset[own] = (RUN, np.array(values), {"group": "metric"})
    expected = "DIVERGED: first non-finite quantity: the discriminator's loss (d_loss) at step 12."
    assert expected in first_of(run)
    along = np.full((2, 2, 4), "DIVERGED", dtype="<U20")  # seen at probes, later than the step itself
    dataset = run.dataset.assign_coords(probe_step=PROBES)
    dataset["outcome_along"] = (*RUN, "probe_step"), along, {"group": "metric"}
    assert expected in first_of(dataclasses.replace(run, dataset=dataset))


def test_remedies_are_told_with_what_turns_them_on_and_the_command_that_tries_them():
    run = make_run(("minimax lr_d=0.1", "hinge"), failures={(0, 0): "COLLAPSED"})
    text = first_of(run, remedies={"minimax lr_d=0.1": [R1, *MORE]})
    assert "To try: a penalty (--recipe r1_gan --set gamma=0.1); packing (--set packing=1)" in text
    assert "ema (--set ema=1); and 1 more. To train each of these" in text
    assert "“jaxgan remedy RUN --configuration 'minimax lr_d=0.1'”, where RUN is this folder." in text
    own = {"name": "own_loss", "what": "your own loss", "option": "my.py:f", "source": "g_loss at step 3"}
    text = first_of(run, remedies={"minimax lr_d=0.1": [own, R1]})
    assert "To try: your own loss (my.py:f); a penalty (" in text and "To train the others on" in text
    assert "jaxgan remedy" not in first_of(run, remedies={"minimax lr_d=0.1": [own]})
    # What counts as no failure has nothing that the command could heal.
    partial = make_run(failures={(0, 0): "PARTIALLY_COLLAPSED"})
    text = first_of(partial, remedies={"minimax": [R1]})
    assert "With minimax, none of the 8 seeds failed (" in text
    assert "To try: a penalty (--recipe r1_gan --set gamma=0.1)." in text and "jaxgan remedy" not in text
    (part,) = remedies_section(dataclasses.replace(partial, notes=partial.notes | {"remedies": {"minimax": [R1]}}))
    assert [cell.text for cell in part.rows[0]] == ["minimax", "a penalty", R1["option"], R1["source"]]
    assert not remedies_section(make_run(BOTH))


def test_of_many_the_worst_are_told_and_the_rest_counted():
    names = tuple(f"r{i}" for i in range(9))
    run = make_run(names, failures={(i, j): "COLLAPSED" for i in range(8) for j in range(i)})
    run = with_causes(run, {"collapsed": {(i, j): 20.0 for i in range(8) for j in range(i)}})
    lines = first_of(run, remedies={"r7": [R1]}).split("\n")
    assert "Of 72 runs, 28 failed: 7 of 8 with r7" in lines[0] and "By outcome: 28 COLLAPSED." in lines[0]
    assert "Found during training: collapse in 28 (median onset: step 20)." in lines[0]
    assert [line.partition(":")[0] for line in lines[1:]] == ["With r7", "With r6", "With r5"]
    assert "To try: a penalty" in lines[1]


def test_a_study_of_many_settings_stays_short():
    study = make_study(x=20, y=20)
    text = first_of(study)
    assert len(text.split("\n")) == 4 and len(text) < 1200
    assert "Of 3,200 runs, " in text
