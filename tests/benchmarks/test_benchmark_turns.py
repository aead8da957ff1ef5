"""The benchmarks whose forms take turns: intervals and ratios are right, and every script writes what can be read."""

import contextlib
import importlib
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from scipy.stats import binom

from benchmarks import (
    commits,
    evaluation_cost,
    jax_forms,
    jaxgan_form,
    pages,
    placement,
    small_game,
    speed,
    store,
    turns,
)
from benchmarks.workloads import SMALL_RING
from jaxgan.results.store import load_results
from jaxgan.runs.placement import SMALL_STATE, place, settle
from tests import synthetic

MACHINE = {"device": "A processor", "cores": 2, "memory_gib": 8, "system": "An OS", "versions": {"jax": "1.0"},
           "commit": "a" * 40 + "-dirty"}  # fmt: skip
ABOUT: dict[str, Any] = {"command": "python", "machine": MACHINE, "rounds": 2}
SCRIPTS = ("commits", "placement", "small_game", "evaluation_cost", "store", "saves", "pages")
TINY = SMALL_RING._replace(width=4, batch=4)


@pytest.mark.parametrize("n", [6, 9, 12, 15, 40])
def test_the_interval_of_a_median_is_the_narrowest_by_ranks_that_holds_it_often_enough(n):
    found = turns.interval([float(i) for i in range(n, 0, -1)])
    rank = int(found.low)
    assert found.high == n + 1 - rank and found.median == (n + 1) / 2
    # Missed on one side where fewer than `rank` of n values lie below the true median.
    assert 2 * binom.cdf(rank - 1, n, 0.5) <= 0.05 < 2 * binom.cdf(rank, n, 0.5)


def test_few_values_give_their_whole_range():
    assert turns.interval([3.0, 1.0]) == (2.0, 1.0, 3.0) and turns.interval([2.0]) == (2.0, 2.0, 2.0)


@pytest.mark.parametrize("n", [2, 3, 4])
def test_every_form_is_first_equally_often(n):
    names = "abcd"[:n]
    orders = [turns.order(names, turn) for turn in range(2 * n)]
    assert set(Counter(order[0] for order in orders).values()) == {2}
    assert all(sorted(order) == list(names) for order in orders)
    behind = Counter(order.index("a") < order.index("b") for order in orders)
    assert behind[True] == behind[False] == n


def test_the_same_work_is_measured_in_every_round():
    calls: list[tuple[str, int]] = []
    runs = {name: lambda steps, name=name: calls.append((name, steps)) for name in "ab"}
    found = turns.measure(runs, 3, 1e-9)
    assert [len(values) for values in found.values()] == [3, 3]
    assert [name for name, _ in calls[-6:]] == ["a", "b", "b", "a", "b", "a"]
    assert len({steps for name, steps in calls[-6:] if name == "a"}) == 1


class Member:
    """A worker in name only, whose steps take so many seconds."""

    def __init__(self, seconds: float) -> None:
        self.seconds, self.about = seconds, {"build_seconds": 9.0, "facts": {"compile_seconds": 10 * seconds}}

    def run(self, steps: int) -> dict[str, float]:
        return {"seconds": self.seconds * steps}


def test_commits_are_compared_within_rounds_and_with_themselves(monkeypatch):
    @contextlib.contextmanager
    def worker(form: str, workload: str, seeds: int, root: Path) -> Iterator[Member]:
        assert form == "jaxgan"
        if workload == "dcgan64":
            raise speed.Failure("no memory")
        yield Member(0.1 if root == Path("old") else 0.12)

    monkeypatch.setattr(speed, "worker", worker)
    roots = {"old": Path("old"), "new": Path("here"), "again": Path("here")}
    rows = [commits.measure(name, 4, roots, rounds=6, seconds=0.4) for name in ("ring", "dcgan64")]
    assert rows[0]["ms"]["old"] == pytest.approx([25.0] * 6) and rows[0]["ms"]["new"] == pytest.approx([30.0] * 6)
    assert rows[1]["failed"] == "no memory"
    text = commits.markdown(ABOUT | {"rows": rows, "old": "b" * 40})
    assert "| 1.200 (1.200 to 1.200) | NOT MET | 1.000 (1.000 to 1.000) |" in text
    assert "Old is commit `bbbbbbb`, new is `aaaaaaa with changes`" in text
    assert "Over all 1 programs: new / old 1.200" in text and "dcgan64 with 4 seeds: no memory" in text


def test_a_commit_is_imported_from_where_it_was_unpacked(tmp_path):
    if not (commits.ROOT / ".git").exists():
        pytest.skip("needs a git checkout")
    assert len(commits.unpack("HEAD", tmp_path)) == 40
    commits.check_origin(tmp_path)
    (tmp_path / "jaxgan" / "__init__.py").unlink()
    (tmp_path / "jaxgan").rename(tmp_path / "gone")
    with pytest.raises(SystemExit, match="expected imports from"):
        commits.check_origin(tmp_path)
    with pytest.raises(SystemExit, match="must be a commit of this repository, got 'nothing'"):
        commits.unpack("nothing", tmp_path)


@pytest.mark.parametrize("width", [16, 64, 96, 512])
def test_the_rule_that_is_judged_is_the_one_that_places_runs(width):
    workload = placement.ring_of(width, 64)
    state = jaxgan_form.state_of(jaxgan_form.algorithm(workload), jaxgan_form.sampler(workload))
    in_turn = settle(place(1), state).in_turn
    assert (placement.chosen({"bytes": placement.state_bytes(workload)}, SMALL_STATE) == "in turn") is in_turn


def test_a_rule_by_size_is_judged_by_the_time_it_costs():
    def row(width: int, size: int, side: float, turn: float) -> dict[str, Any]:
        ms = {"side by side": [side, 2 * side], "in turn": [turn, 2 * turn]}
        return {"width": width, "batch": 64, "seeds": 4, "bytes": size, "ms": ms}

    rows = [row(16, 2**13, 1.0, 2.0), row(64, 2**16, 3.0, 2.0), row(512, 2**20, 4.0, 1.0)]
    found = {to: (round(mean, 4), largest) for _, to, mean, largest in placement.thresholds(rows)}
    assert found[2**16] == (1.0, 1.0)  # from the second size on is right throughout
    assert found[2**13] == (round(2 ** (1 / 3), 4), 2.0)
    assert found[2**20] == (round(1.5 ** (1 / 3), 4), 1.5)
    assert found[np.inf] == (round(6 ** (1 / 3), 4), 4.0)
    text = placement.markdown(ABOUT | {"rows": rows, "threshold": SMALL_STATE})
    assert "| 1.50 (1.50 to 1.50) !" in text and "in 2 of 3 cells" in text
    assert "| 64 to 1,024" in text and "| 1.14           | 1.50    | the default |" in text


@pytest.mark.slow
def test_what_is_recorded_changes_nothing_that_is_trained():
    ends = []
    for make in (jaxgan_form.make, small_game.losses_alone):
        form = make(TINY, 2)
        form.run(3)
        ends.append(form.read())
    jax.tree.map(np.testing.assert_array_equal, *ends)


def test_the_loop_that_is_shared_out_trains_as_the_plain_one():
    ends = []
    for make in (jax_forms.naive_vmap, jax_forms.vmap_over_cores):
        form = make(TINY, 2)
        form.run(3)
        ends.append(form.read())
    # one device here: the same program, whose sums are in the same order
    jax.tree.map(np.testing.assert_array_equal, *ends)


def test_the_tables_can_be_made():
    micros = {name: [value, 2 * value] for name, value in zip(small_game.FORMS, (2.0, 1.5, 1.0, 0.5), strict=True)}
    text = small_game.markdown(ABOUT | {"seeds": 64, "micros": micros})
    assert "| 3.00                           | 2.000 (2.000 to 2.000)     | 4.000" in text
    row = {"loss": "minimax", "seconds": {"with": [10.9, 21.8], "without": [10.0, 20.0]}, "equal_bits": True}
    job = {"data": "digits", "seeds": 8, "steps": 300, "every": 60, "probes": 5, "samples": 1000, "rows": [row]}
    found = evaluation_cost.markdown(ABOUT | {"jobs": [{"job": name, **job} for name in evaluation_cost.JOBS]})
    assert found.count("| 1.090 (1.090 to 1.090) | met | 270") == 2
    size = {"runs": 2000, "records": 501, "write_seconds": 3.0, "mb": 310.0, "series": 15}
    text = store.markdown(ABOUT | {"steps": 10**5, "size": size, "seconds": {name: [0.5] for name in store.PROGRAMS}})
    assert "| 310                    | 300     | NOT MET |" in text
    assert "| 0.500 (0.500 to 0.500) | 1       | met" in text


def test_a_page_shows_what_is_measured_and_keeps_the_place_of_the_rest(tmp_path):
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / "benchmarks" / "a.md").write_text("new\n")
    text = "<!-- benchmarks/a.md -->\nold\n<!-- end -->\n\n<!-- not yet: benchmarks/{}.md -->\n"
    for name in ("README.md", "benchmarks/README.md"):
        (tmp_path / name).write_text(text.format("b"))
    shown = "<!-- benchmarks/a.md -->\nnew\n<!-- end -->\n"
    assert pages.main(["--check"], tmp_path) == 1
    assert pages.main([], tmp_path) == 0 == pages.main(["--check"], tmp_path)
    assert (tmp_path / "README.md").read_text() == shown + "\n<!-- not yet: benchmarks/b.md -->\n"
    assert pages.filled(text.format("a"), tmp_path) == shown + "\n" + shown


def test_the_committed_pages_show_the_committed_results():
    assert pages.main(["--check"]) == 0


def test_a_run_is_made_as_large_as_is_asked_for(tmp_path):
    tmp_path = synthetic.save(synthetic.make_run(), tmp_path / "run")
    before = load_results(tmp_path)
    found = store.enlarge(tmp_path, runs=200, steps=1000)
    after = load_results(tmp_path)
    assert found["runs"] == 200 and found["records"] == 501 and found["mb"] > 1
    assert dict(after.dataset.sizes) | {"configuration": 2, "seed": 100, "step": 501} == dict(after.dataset.sizes)
    for name, old in before.dataset.data_vars.items():
        new = after.dataset[name]
        assert (new.dims, new.dtype, new.attrs) == (old.dims, old.dtype, old.attrs)


@pytest.mark.parametrize("name", SCRIPTS)
def test_every_script_says_what_it_asks(name, capsys):
    with pytest.raises(SystemExit) as end:
        importlib.import_module(f"benchmarks.{name}").main(["--help"])
    assert end.value.code == 0
    assert f"python -m benchmarks.{name}" in capsys.readouterr().out


TRIALS = {
    "commits": ["--against", "HEAD", "--workloads", "ring", "--seeds", "1", "--rounds", "2", "--seconds", "0.01"],
    "placement": ["--widths", "4", "8", "--batches", "4", "--seeds", "2", "--rounds", "2", "--seconds", "0.01"],
    "small_game": ["--seeds", "4", "--rounds", "2", "--seconds", "0.01"],
    "evaluation_cost": ["--steps", "60", "--rounds", "1"],
    "store": ["--runs", "4", "--steps", "600", "--rounds", "1"],
    "saves": ["--seeds", "2", "--steps", "20", "--rounds", "1"],
}


@pytest.mark.slow
@pytest.mark.parametrize("name", TRIALS)
def test_every_script_leaves_its_results_and_a_table(name, tmp_path):
    if name == "commits" and not (commits.ROOT / ".git").exists():
        pytest.skip("needs a git checkout")
    assert importlib.import_module(f"benchmarks.{name}").main([*TRIALS[name], "--out", str(tmp_path)]) == 0
    results = json.loads((tmp_path / "results.json").read_text())
    assert results["command"].startswith(f"python -m benchmarks.{name} ") and results["machine"]["cores"] > 0
    assert results["command"] in (tmp_path / "table.md").read_text()
