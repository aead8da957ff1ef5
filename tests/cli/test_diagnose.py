"""`jaxgan diagnose` and `jaxgan remedy`, as a person meets them."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

import jaxgan
from jaxgan.cli.app import main
from jaxgan.diagnostics.outcomes import Outcome
from jaxgan.report.run.healed import BASE
from jaxgan.study.diagnosis.healing import trial_of
from tests.cli.commands import refused

TINY = ["--steps", "8", "--seeds", "2", "--samples", "50", "--width", "4", "--batch-size", "8", "--evaluate-every", "1"]


@pytest.fixture(scope="module")
def failed(tmp_path_factory) -> Path:
    """Two losses that have learned nothing in eight steps."""
    folder = tmp_path_factory.mktemp("failed") / "run"
    assert main(["compare", "--data", "ring", *TINY, "--out", str(folder)]) == 0
    return folder


def test_evidence_states_and_signs_are_stored(failed):
    run = jaxgan.load_run(failed)
    evidence = run.group("evidence")
    assert {"quality", "separation", "saturated", "gradient", "distinct", "shares"} <= set(evidence)
    assert evidence["separation"].shape == (2, 2, 8) and evidence["shares"].shape == (2, 2, 8, 8)
    assert run.dataset["cause_signs"].dims == ("configuration", "seed", "probe_step", "sign")
    assert run.dataset["sign"].values.tolist() == [outcome.name for outcome in Outcome]
    assert run.failed.all() and not np.isin(run.outcomes, ["HEALTHY", "OK"]).any()
    # A sign that is the state holds.
    states = run.dataset["outcome_along"].values.astype(str)
    signs = run.dataset["cause_signs"].sel(sign=states[0, 0, -1]).values
    assert signs[0, 0, -1]


def test_the_diagnosis_taken_again_is_the_same(failed):
    run = jaxgan.load_run(failed)
    again = jaxgan.diagnosed(run)
    for name, values in run.dataset.data_vars.items():
        np.testing.assert_array_equal(values.values.astype(again.dataset[name].dtype), again.dataset[name].values, name)


def test_other_thresholds_give_other_outcomes_and_write_nothing(failed, capsys):
    before = {path: path.stat().st_mtime_ns for path in failed.rglob("*")}
    assert main(["diagnose", str(failed)]) == 0
    out = capsys.readouterr().out
    assert "any failure\t2 of 2" in out and "minimax\t1\t" in out and " to the end" in out
    run = jaxgan.load_run(failed)
    lenient = jaxgan.DiagnosisThresholds(good=1e-9, captured=1e-9, collapsed=1e-9, alike=1e-9, fooled=1e-9)
    assert jaxgan.diagnosed(run, lenient).failed.sum() <= run.failed.sum()
    assert {path: path.stat().st_mtime_ns for path in failed.rglob("*")} == before


def test_thresholds_and_folders_that_do_not_fit_are_one_line(failed, tmp_path, capsys):
    line = refused(capsys, "diagnose", str(failed), "--threshold", "goood=1")
    assert "--threshold: there is no threshold 'goood'; did you mean 'good'?" in line
    assert "no run" in refused(capsys, "diagnose", str(tmp_path))


def test_what_would_be_tried_is_listed(failed, capsys):
    assert main(["remedy", str(failed), "--configuration", "minimax", "--list"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("minimax: ") and "  r1: a penalty on D's gradient" in out
    assert "--set minimax:r1=0.1 " in out and "(Mescheder et al. 2018)" in out
    assert "\n  longer: twice the steps: --steps 16 (" in out
    assert "did you mean 'minimax'" in refused(capsys, "remedy", str(failed), "--configuration", "minmax", "--list")


def test_the_page_says_what_to_try_before_anything_else(failed, capsys):
    page = (failed / "report.html").read_text(encoding="utf-8")
    first = page.partition("<h2>What happened</h2>")[2].partition("</p>")[0]
    assert "With minimax, both seeds failed" in first and "Causes (medians over seeds): " in first
    assert "To try: " in first and "“jaxgan remedy RUN --configuration minimax”" in first
    assert main(["remedy", "--help"]) == 0
    assert "remedies- LABEL in RUN" in " ".join(capsys.readouterr().out.split())


def test_a_trial_has_the_seeds_of_what_failed_and_a_claim_for_each_remedy(failed):
    trial = trial_of(jaxgan.load_run(failed), "minimax")
    names = [one.name for one in trial.remedies]
    assert names[0] == "longer" and set(trial.apart) == {"longer"}  # the run is short
    assert trial.given["planned"] == tuple(f"failed: {name} > {BASE}" for name in names[1:])
    assert trial.given["loss"][0] == f"{BASE}=minimax" and trial.apart["longer"]["loss"] == ("longer=minimax",)
    assert trial.apart["longer"]["steps"] == 16 and trial.given["steps"] == 8
    for given in (trial.given, trial.apart["longer"]):
        assert given["seeds"] == 2 and "vary" not in given


@pytest.mark.slow
def test_remedies_are_trained_over_the_same_seeds(failed, tmp_path, capsys):
    out = tmp_path / "remedies"
    assert main(["remedy", str(failed), "--configuration", "minimax", "--out", str(out)]) == 0
    shown = capsys.readouterr().out
    assert "# Remedies tried over the same 2 seeds, of which 2 had failed" in shown
    run, before = jaxgan.load_run(out), jaxgan.load_run(failed)
    assert run.configurations[0] == BASE and run.seeds.tolist() == before.seeds.tolist()
    # The configuration that failed is trained again, to the same numbers.
    np.testing.assert_array_equal(run.series["g_loss"][0], before.series["g_loss"][0])
    assert "\nlonger" in shown and jaxgan.load_run(out / "longer").steps[-1] == 16
    assert main(["remedy", str(failed), "--configuration", "minimax", "--out", str(out)]) == 0  # nothing is done twice


def test_a_run_of_a_version_that_knew_fewer_codes_is_diagnosed_by_this_one(failed):
    run = jaxgan.load_run(failed)
    words = {"explanations": {"DIVERGED": "as it was"}, "causes": {}}
    older = dataclasses.replace(run, dataset=run.dataset.isel(sign=slice(0, -1)), notes=run.notes | words)
    again = jaxgan.diagnosed(older)
    assert again.notes["explanations"] == run.notes["explanations"] and again.notes["causes"] == run.notes["causes"]
    found = again.dataset
    np.testing.assert_array_equal(found["cause_signs"].values, run.dataset["cause_signs"].values)
    assert found["sign"].values.tolist() == run.dataset["sign"].values.tolist()
