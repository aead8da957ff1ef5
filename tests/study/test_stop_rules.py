"""Rules that end runs: goals, what is not finite, and what has failed for good, by what was recorded so far."""

import json
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from jaxgan.diagnostics.outcomes import Outcome
from jaxgan.results.codes import FINE
from jaxgan.study.diagnosis.evidence import Yardsticks, evidence_of
from jaxgan.study.job import Block
from jaxgan.study.monitoring.live import unseen
from jaxgan.study.stop_rules import FOR_GOOD, IN_A_ROW, StopRules
from jaxgan.study.training import Writer

STEPS, PROBES = np.arange(10, 1001, 10), np.arange(50, 1001, 50)
YARDSTICKS = Yardsticks(quality=("high_quality", 0.5), distance=None, shares=None, samples=500)
FAILED = StopRules(("failed",), ()).told_by(YARDSTICKS, 1000)


def recorded(g_grad_norm: np.ndarray, **along: np.ndarray) -> dict[str, Any]:
    """Runs [run, record] whose samples are bad, and whose D is certain of them while the gradient is gone."""
    runs, gone = len(g_grad_norm), g_grad_norm[:, np.searchsorted(STEPS, PROBES)] < 0.1
    rows = {"series/g_grad_norm": g_grad_norm, "series/fake_logit": np.full((runs, len(STEPS)), -9.0)}
    seen = {
        "along/high_quality": 0.0,
        "discrimination/separation": np.where(gone, 1.0, 0.8),
        "discrimination/saturated": 1.0,
    }
    rows |= {
        name: np.full((runs, len(PROBES)), along.get(name.rpartition("/")[2], value)) for name, value in seen.items()
    }
    return rows | {"step": STEPS, "probe_step": PROBES, "watch/step": np.zeros((runs, 1), np.int64)}


def until(records: dict[str, Any], step: int) -> dict[str, Any]:
    """What had been recorded by a step."""
    before = {"series": step >= STEPS, "along": step >= PROBES, "discrimination": step >= PROBES}
    cut = {
        name: v[:, before[name.partition("/")[0]]] for name, v in records.items() if name.partition("/")[0] in before
    }
    return {**records, **cut, "step": STEPS[step >= STEPS], "probe_step": PROBES[step >= PROBES]}


def parts_of(records: dict[str, Any]) -> Sequence[dict[str, Any]]:
    """The same as it comes while runs are trained: a part a probe."""
    parts, begin = [], 0
    for end in PROBES:
        whole, before = until(records, int(end)), until(records, begin)
        parts.append({name: _rest(name, values, before[name]) for name, values in whole.items()})
        begin = int(end)
    return parts


def _rest(name: str, values: np.ndarray, before: np.ndarray) -> np.ndarray:
    if name == "watch/step":
        return values
    return values[len(before) :] if values.ndim == 1 else values[:, before.shape[1] :]


def gradients() -> np.ndarray:
    """Of three runs: it vanishes at 300 for good, for four probes, and never."""
    norms = np.ones((3, len(STEPS)))
    norms[0, STEPS > 300] = norms[1, (STEPS > 300) & (STEPS <= 500)] = 1e-3
    return norms


def test_a_run_whose_gradient_is_gone_for_five_probes_has_failed():
    """D is certain where it has been at three probes of five: from 450 on."""
    assert FAILED.stopped_at([recorded(gradients())]).tolist() == [450 + 50 * (IN_A_ROW - 1), 0, 0]


def test_samples_that_are_merely_bad_may_become_good():
    assert Outcome.NOT_LEARNED not in FOR_GOOD and not {code.name for code in FOR_GOOD} & set(FINE)


def test_a_vanished_gradient_with_good_samples_is_no_failure():
    assert FAILED.stopped_at([recorded(gradients(), high_quality=np.array(0.5))]).tolist() == [0, 0, 0]


def test_it_is_decided_by_what_was_recorded_until_then():
    parts = parts_of(recorded(gradients()))
    found = [FAILED.stopped_at(parts[: i + 1])[0] for i in range(len(parts))]
    assert found == [650 if step >= 650 else 0 for step in PROBES]


@pytest.mark.parametrize("step", [50, 400, 950])
def test_the_evidence_of_a_run_under_way_is_the_beginning_of_the_whole_ones(step):
    records = recorded(np.random.default_rng(0).lognormal(size=(3, len(STEPS))))
    before, whole = (evidence_of(YARDSTICKS, one | {"watch/step": np.zeros(3, int)}, 1000)
                     for one in (until(records, step), records))  # fmt: skip
    probes = len(before.steps)
    for name in ("gradient", "quality", "separation", "saturated", "growth", "rhythm"):
        np.testing.assert_array_equal(getattr(before, name), getattr(whole, name)[:, :probes], err_msg=name)


def test_what_is_not_finite_has_failed_at_the_next_probe():
    records = recorded(np.ones((2, len(STEPS)))) | {"watch/step": np.array([[0], [420]])}
    assert FAILED.stopped_at([records]).tolist() == [0, 450]


def test_the_log_has_the_losses_of_the_runs_that_are_trained(tmp_path):
    """A stopped run has none, and one of them made the medians of all NaN for the rest of the training."""
    losses = np.array([[1.0], [np.nan], [3.0]])
    chunk: Any = SimpleNamespace(
        info=SimpleNamespace(d_loss=losses, g_loss=losses),
        active=np.array([True, False, True]),
        runs=np.arange(3),
        first_nonfinite_step=np.zeros(3, int),
        step=100,
        length=50,
        seconds=0.1,
    )
    study = SimpleNamespace(config=SimpleNamespace(steps=1000))
    job: Any = SimpleNamespace(folder=tmp_path, origin=lambda block: None, rules=FAILED, study=study)
    writer = Writer(job, Block("minimax", ("minimax",), 0, 2), dict, unseen, 0)
    writer.stopped_at = np.array([0, 50, 0])
    writer.report(chunk)
    entry = json.loads((tmp_path / "log.jsonl").read_text())
    assert (entry["d_loss"], entry["g_loss"], entry["stopped"]) == (2.0, 2.0, 1)
