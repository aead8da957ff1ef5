"""Claims, time to failure and profiles of studies with known numbers."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from jaxgan.report import layout
from jaxgan.report.layout import png
from jaxgan.report.run.claims import SHOWN, claims_sections, exploratory_section, planned_section
from jaxgan.report.run.profiles import budgets_data, budgets_figure, profiles_data, profiles_figure
from jaxgan.report.run.report import write_run_report
from jaxgan.report.run.scores import scores_of
from jaxgan.report.run.selection import selection_section
from jaxgan.report.run.study import study_sections
from jaxgan.report.run.survival import survival_data, survival_figure, survival_section
from jaxgan.report.tables import Section
from jaxgan.results.results import Metric, Results
from jaxgan.results.statistics import (
    compare_failures,
    compare_pairs,
    iqm_interval,
    kaplan_meier,
    logrank_p,
    select_by_halves,
    wilson_interval,
)
from jaxgan.results.store import load_results
from tests.report.claimed import make_study, planned
from tests.report.readers import text_of
from tests.synthetic import make_run, save

EARLY = {(0, j): 10 + 5 * j for j in range(5)}  # of the first configuration


def column(part: Section | None, name: str) -> list:
    assert part is not None
    j = [cell.text for cell in part.head].index(name)
    return [row[j].key for row in part.rows]


def test_planned_claims_are_corrected_for_their_number() -> None:
    claims = (planned("frechet", "non_saturating", "minimax", "the practical loss is better"),
              planned("frechet", "minimax", "r1_gan"), planned("captured", "non_saturating", "minimax"))  # fmt: skip
    part = planned_section(make_study(claims=claims))
    assert column(part, "planned before the first run")[0] == "the practical loss is better"
    assert column(part, "p") == [2 / 256] * 3
    assert column(part, "corrected p") == [6 / 256] * 3
    assert column(part, "verdict") == ["shown", "the opposite is shown", "shown"]
    assert part is not None and "smallest p that 8 seeds can reach is 0.00781, 0.0234 corrected" in part.caption
    assert "all 3 planned claims (Holm)" in part.caption and "fewer than 7 could show nothing" in part.caption


def test_a_planned_difference_is_that_of_the_statistics() -> None:
    study = make_study(claims=(planned("frechet", "r1_gan", "non_saturating"),), failed_at={(2, 3): 20})
    values, failed = study.values["frechet"], study.outcomes != "HEALTHY"
    expected = compare_pairs(values[2], values[1], failed[2], failed[1], worst=np.inf, rng=0)
    part = planned_section(study)
    assert column(part, "difference") == [expected.difference._asdict()] and column(part, "p") == [expected.p]


def test_where_most_failed_the_claim_is_tested_without_a_difference() -> None:
    part = planned_section(make_study(claims=(planned("frechet", "r1_gan", "minimax"),), failed_at=EARLY))
    assert part is not None
    assert part.rows[0][1].plain == "undefined, 5 of 8 pairs failed" and part.rows[0][-1].text == "shown"


def test_failures_are_claimed_as_fewer() -> None:
    claims = (planned("failed", "r1_gan", "minimax"), planned("failed", "minimax", "r1_gan"))
    study = make_study(claims=claims, failed_at={(0, j): 20 for j in range(8)})
    part = planned_section(study)
    assert column(part, "verdict") == ["shown", "the opposite is shown"]
    expected = compare_failures(np.zeros(8, bool), np.ones(8, bool))
    assert part is not None and part.rows[0][1].key == expected.difference._asdict()
    assert part.rows[0][0].note == "share of seeds that failed\nr1_gan minus minimax"


def test_what_so_few_seeds_cannot_show_is_said() -> None:
    part = planned_section(make_study(seeds=4, claims=(planned("frechet", "r1_gan", "minimax"),)))
    assert column(part, "verdict") == ["cannot be shown with 4 seeds, whatever the result: 6 are needed"]
    alike = make_study(("minimax", "a", "b"), claims=(planned("captured", "a", "b"),))
    assert column(planned_section(alike), "verdict") == ["not shown: these seeds do not distinguish the two"]


def test_a_claim_about_what_is_not_there_counts_and_says_so() -> None:
    claims = (planned("frechet", "r1_gan", "minimax"), planned("frechet", "x", "minimax"), planned("kid", "r1_gan",
              "minimax"))  # fmt: skip
    part = planned_section(make_study(claims=claims))
    verdicts = column(part, "verdict")
    assert verdicts[1:] == ["cannot be tested: there is no configuration 'x'", "cannot be tested: there is no metric "
                            "'kid'"]  # fmt: skip
    assert column(part, "corrected p")[0] == 6 / 256


def test_what_was_not_planned_is_exploratory() -> None:
    study = make_study(claims=(planned("frechet", "minimax", "r1_gan"), planned("failed", "r1_gan", "non_saturating")))
    part = exploratory_section(study)
    assert part is not None
    about = [(row[0].text, row[0].note.splitlines()[0]) for row in part.rows]
    assert about == [("non_saturating against minimax", "Fréchet distance"),
                     ("non_saturating against minimax", "share of seeds that failed"),
                     ("r1_gan against minimax", "share of seeds that failed")]  # fmt: skip
    assert "not corrected: if there is no difference, 0.15 of 3 are expected" in part.caption
    assert [one.name for one in claims_sections(study)] == ["planned", "exploratory"]
    assert claims_sections(make_run()) == []  # no study
    assert claims_sections(make_study(("minimax",))) == []


def test_of_many_configurations_the_smallest_p_values_are_shown() -> None:
    part = exploratory_section(make_study(tuple(f"lr {i}" for i in range(41))))
    assert part is not None and len(part.rows) == SHOWN and f"the {SHOWN} smallest of 80 are shown" in part.caption
    assert max(column(part, "p")[:40]) == 2 / 256


def test_a_metric_that_is_best_near_its_yardstick() -> None:
    study = make_study()
    metric = Metric("frechet", "Spread", math.inf, None, {"data": 35.0})
    scores = scores_of(study, metric)
    assert not scores.higher_is_better and scores.label == "Spread, distance from data"
    assert scores.values[1].tolist() == np.abs(study.values["frechet"][1] - 35).tolist()


def test_time_to_failure_is_censored_where_runs_ended_or_were_stopped() -> None:
    study = make_study(failed_at={**EARLY, (1, 0): 40}, stopped_at={(1, 1): 20, (0, 0): 10})
    at = np.array([10, 15, 20, 25, 30, 40, 40, 40])
    expected = kaplan_meier(at, at < 40)
    part = survival_section(study)
    assert part is not None
    assert (
        column(part, "failed") == [5, 1, 0] and column(part, "share left")[0]["estimate"] == expected.share[-1] == 3 / 8
    )
    assert column(part, "step by which half had") == [25, "after the last", "after the last"]
    none = np.zeros(8, bool)
    assert part.rows[2][-1].key == logrank_p(np.full(8, 40), none, at, at < 40)
    rows = [row for row in survival_data(study).rows if row[0].text == "non_saturating"]  # type: ignore[union-attr]
    assert [[cell.key for cell in row[1:3]] for row in rows] == [[20, 1.0], [40, pytest.approx(6 / 7)]]
    figure = survival_figure(study)
    assert figure is not None and len(figure.axes) == 1
    band = figure.axes[0].collections[2].get_paths()[0].vertices  # of the one without failures
    assert np.min(np.asarray(band)[:, 1]) == pytest.approx(wilson_interval(8, 8).low)


def test_profiles_count_failed_runs_as_worse_than_any_threshold() -> None:
    study = make_study(failed_at={(1, 0): 20})
    part = profiles_data(study)
    shares = {(row[0].text, row[1].key): row[2].key for row in part.rows}  # type: ignore[union-attr]
    top = max(threshold for _, threshold in shares)
    assert shares["minimax", top] == 1 and shares["non_saturating", top] == 7 / 8
    assert shares["minimax", 60.0] == 0
    figure = profiles_figure(study)
    assert figure is not None and figure.axes[0].get_xlabel() == "Fréchet distance"


def test_budgets_are_those_of_every_family() -> None:
    names = tuple(f"{family} {i}" for family in "ab" for i in range(4))
    study = make_study(names, failed_at={(0, j): 10 for j in range(8)}, recipes=tuple(name[0] for name in names))
    part = budgets_data(study)
    best = {(row[0].text, row[1].key): row[2].key for row in part.rows}  # type: ignore[union-attr]
    assert math.isinf(best["a", 1]) and best["a", 2] < math.inf  # the first of a failed altogether
    own = [study.values["frechet"][i] for i in range(4, 8)]
    assert best["b", 1] == pytest.approx(np.mean([np.sort(x)[2:6].mean() for x in own]))
    assert best["b", 4] == pytest.approx(np.sort(own[0])[2:6].mean())
    figure = budgets_figure(study)
    assert figure is not None and len(png(figure)) > 1_000


def test_many_configurations_have_a_panel_each() -> None:
    study = make_study(tuple(f"lr {i}" for i in range(9)), seeds=4, failed_at={(1, 2): 20})
    for made in (survival_figure(study), profiles_figure(study)):
        assert made is not None and len(made.axes) == 9
    labels = [axis.get_xlabel() for axis in profiles_figure(study).axes]  # type: ignore[union-attr]
    assert set(labels) == {"", "Fréchet distance"}


def test_nothing_is_shown_of_what_was_not_recorded() -> None:
    run = make_run()
    for make in (survival_figure, survival_section, survival_data, budgets_figure, budgets_data):
        assert make(run) is None
    assert survival_figure(make_study()) is None  # nothing failed
    assert budgets_data(make_study()) is None  # three are no search
    assert profiles_figure(make_run(seeds=1)) is None


def test_the_gain_of_choosing_is_told() -> None:
    study = make_study()
    part = selection_section(study)
    assert part is not None
    row = part.rows[0]
    assert [cell.key for cell in row[:2]] == ["configuration", "non_saturating"] and row[1].note == "in 100 %"
    found = select_by_halves(scores_of(study, study.metrics[0]).entered, higher_is_better=False, rng=0)
    assert [cell.key for cell in row[2:]] == [found.selecting, found.other, found.gain._asdict()]
    steps = {row[0].text: row[1].text for row in part.rows[1:]}
    assert steps == {f"step of {name}": "step 20" for name in study.configurations}  # best at the second look there
    assert selection_section(make_study(seeds=3)) is None and selection_section(make_run()) is None


def test_the_page_of_a_study_begins_with_its_claims(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout, "png", lambda figure: b"")  # other tests look at pictures
    made = list[list[Section]]()

    def sections_once(results: Results) -> list[Section]:
        made.append(claims_sections(results))
        return made[-1]

    monkeypatch.setattr("jaxgan.report.run.study.claims_sections", sections_once)
    study = make_study(claims=(planned("frechet", "r1_gan", "minimax", "R1 beats <minimax>"),), failed_at=EARLY)
    folder = save(study, tmp_path / "study")
    page = write_run_report(load_results(folder), folder).read_text()
    shown = text_of(page)
    assert (
        shown.index("Claims planned before the first run") < shown.index("Exploratory") < shown.index("What happened")
    )
    assert "R1 beats <minimax>" in shown and "Time to failure" in shown
    tables = json.loads((tmp_path / "study" / "table.json").read_text())
    assert list(tables)[:4] == ["planned", "exploratory", "selection", "survival"]
    for name in ("survival", "profiles"):
        assert (tmp_path / "study" / f"{name}.png").is_file() and f"{name}.png" in shown
    assert len(made) == 1  # thousands of resamples, for the page and for the tables' files
    run = make_run()
    assert study_sections(run) == []


def test_a_claim_about_recipes_is_of_the_differences_in_all_settings_that_both_have() -> None:
    """A seed that fails in one setting of either recipe is no draw: the other settings still tell."""
    names = ("a 1", "a 2", "a 3", "a 4", "b 1", "b 2", "b 3", "b 4", "b 5")
    claims = (planned("frechet", "b", "a"), planned("failed", "b", "a"))
    failed_at = {**{(0, j): 20 for j in range(8)}, **{(5, j): 20 for j in range(8)}}
    study = make_study(names, claims=claims, recipes=tuple(name[0] for name in names), failed_at=failed_at)
    part = planned_section(study)
    assert part is not None
    x = np.where(study.outcomes == "HEALTHY", study.values["frechet"], np.inf)
    own = [np.mean(np.sort(x[4:8, j] - x[:4, j])[1:3]) for j in range(8)]  # without -inf and inf
    assert part.rows[0][1].key == iqm_interval(own, rng=0)._asdict() and part.rows[0][2].key == 2 / 256
    assert part.rows[1][1].key["estimate"] == 0 and part.rows[1][2].key == 1  # either failed in one of four
