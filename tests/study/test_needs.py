"""What a run needs is known before its folder is made: never more than it takes, and refused where it cannot fit."""

import logging
from pathlib import Path
from types import ModuleType, SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxgan as jg
from jaxgan.cli.app import main
from jaxgan.runs.loop import fit, memory_of
from jaxgan.runs.placement import place
from jaxgan.study import fitting, needs
from jaxgan.study.blocks import blocks_for, keys_of
from jaxgan.study.config import configure
from jaxgan.study.fitting import check_compiled
from jaxgan.study.messages import OptionError
from jaxgan.study.needs import Held, Needs, check_needs, needs_of, widest
from jaxgan.study.planning import Plan, own_probes, place_of, plan_for, study_for
from jaxgan.study.training import what_trains


def total(**options: object) -> Needs:
    config = configure({"data": "ring", "width": 8, "loss": ("minimax",), **options})
    return needs_of(study_for(config), place(config.seeds, in_turn=False))


def test_the_state_is_counted_to_the_byte() -> None:
    """Two MLPs 2 x 8 under Adam: parameters, two moments and a count each; and a copy while it is saved."""
    parameters = (2 * 8 + 8 + 8 * 8 + 8 + 8 * 2 + 2) + (2 * 8 + 8 + 8 * 8 + 8 + 8 + 1)
    floats_and_counts = 3 * parameters + 2 + 1  # of both optimizers, and of steps
    assert (
        total(seeds=5).memory["the state of all runs of a block, and a copy to save"] == 2 * 5 * 4 * floats_and_counts
    )


def test_needs_grow_with_what_makes_them() -> None:
    base = total(seeds=4, steps=1000, batch_size=64)
    assert (
        total(seeds=4, steps=1000, batch_size=6400).memory["the widest array of a step"]
        == 100 * (base.memory["the widest array of a step"])
    )
    assert total(seeds=8, steps=1000, batch_size=64).memory["records"] == 2 * base.memory["records"]
    assert total(seeds=4, steps=1000, batch_size=64, record_every=1).disk["records and results"] == pytest.approx(
        base.disk["records and results"] * 1000 / 501, rel=0.01
    )


def test_a_run_that_grows_needs_the_disk_space_of_what_it_adds() -> None:
    """It was not asked for any."""

    def disk(held: Held | None, **options: object) -> dict[str, int]:
        config = configure({"data": "ring", "width": 8, "loss": ("minimax",), "batch_size": 64, **options})
        return needs_of(study_for(config), place(config.seeds, in_turn=False), 1, held).disk

    whole = disk(None, seeds=4, steps=1000, record_every=1)
    assert disk(Held(4, 1000), seeds=4, steps=1000, record_every=1) == {}
    assert disk(Held(), seeds=4, steps=1000, record_every=1)["checkpoints"] == whole["checkpoints"]
    longer = disk(Held(4, 1000), seeds=4, steps=3000, record_every=1)
    assert longer["records and results"] == pytest.approx(2 * whole["records and results"], rel=0.01)
    assert 3 * longer["checkpoints"] == whole["checkpoints"]  # a third one of each run, before the oldest is removed
    more = disk(Held(4, 1000), seeds=8, steps=1000, record_every=1)
    assert more["records and results"] == whole["records and results"]
    assert more["checkpoints"] == whole["checkpoints"] * (2 * 4 + 8) // (2 * 4 + 4)


def test_a_run_that_grows_beyond_the_disk_is_refused_before_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = str(tmp_path / "run")
    words = ["--data", "ring", "--seeds", "1", "--steps", "2", "--samples", "50", "--width", "4", "--batch-size", "8"]
    assert main(["train", *words, "--out", run]) == 0
    before = (tmp_path / "run" / "config.json").read_bytes()
    monkeypatch.setattr(needs.shutil, "disk_usage", lambda path: SimpleNamespace(free=1000))
    assert main(["train", "--resume", "--seeds", "2", "--out", run]) == 2
    assert "--seeds: the run needs at least" in (error := capsys.readouterr().err) and "of disk" in error
    assert (tmp_path / "run" / "config.json").read_bytes() == before and (tmp_path / "run" / "results.nc").is_file()


def test_the_widest_array_is_found_within_loops_and_branches() -> None:
    def program(x: jax.Array) -> jax.Array:
        def body(i: jax.Array, a: jax.Array) -> jax.Array:
            return jax.lax.cond(i > 1, lambda a: a + jnp.outer(a, a).sum(), lambda a: a, a)

        return jax.lax.fori_loop(0, 3, jax.jit(body), x)

    assert widest(jax.make_jaxpr(program)(np.zeros(30, np.float32)).jaxpr) == 4 * 30 * 30


@pytest.mark.parametrize("free", [10, 11])
def test_what_does_not_fit_is_refused_with_the_figures(
    free: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(needs, "available_memory", lambda: free * 2**30)
    wanted = Needs({"records": 10 * 2**30, "data": 2**30}, {"checkpoints": 1})
    if free == 11:
        check_needs(wanted, tmp_path / "not" / "there")
        return
    with pytest.raises(OptionError, match=r"needs at least 11.0 GiB of memory \(10.0 GiB for records\), and 10.0 GiB"):
        check_needs(wanted, tmp_path)


def test_a_full_disk_is_known_before(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"1,048,576 GiB of disk .*; make room in"):
        check_needs(Needs({}, {"checkpoints": 2**50}), tmp_path / "new")


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (
            ["--batch-size", "131072", "--width", "8192", "--seeds", "512", "--side-by-side"],
            "the widest array of a step",
        ),
        (["--width", "2048", "--seeds", "1024"], "the state of all runs of a block"),
        (["--seeds", "16384", "--steps", "2000000", "--record-every", "1"], "records"),
    ],
)
def test_a_command_that_cannot_fit_writes_nothing(
    words: list[str], what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(needs, "available_memory", lambda: 2**32)  # on any machine
    assert main(["train", "--data", "ring", *words]) == 2
    error = capsys.readouterr().err
    assert "--seeds: the run needs at least" in error and what in error and error.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.fixture(scope="module")
def plan() -> Plan:
    """Of batches that are large beside the networks, as those that do not fit are."""
    given = {"data": "ring", "width": 16, "loss": ("minimax",), "seeds": 2, "batch_size": 4096, "steps": 2}
    config = configure(given | {"samples": 20})
    study = study_for(config)
    return plan_for(study, own_probes(study), place(2), lambda line: None)


def held(plan: Plan) -> int:
    """Bytes on all devices, by the compiler."""
    (block,) = blocks_for(plan.study)
    algorithm, settings = what_trains(plan.study, plan.study.programs[block.program], block)
    where = place_of(plan.placement, block)
    found = memory_of(
        algorithm, plan.study.source.sample, keys_of(plan.study, block), settings=settings, placement=where
    )
    return found * where.mesh.size


def test_the_compiler_finds_more_than_the_widest_array_and_less_than_all_arrays(plan: Plan) -> None:
    (block,) = plan.blocks
    parts = needs_of(plan.study, plan.placement).memory
    from_below = parts["the widest array of a step"] + parts["the state of all runs of a block, and a copy to save"] / 2
    assert from_below < held(plan) < plan.placement.mesh.size * fitting._at_most(plan, block)


def test_a_program_is_compiled_once_to_be_asked_and_to_train(caplog: pytest.LogCaptureFixture) -> None:
    optimizer = optax.sgd(0.1)
    algorithm = jg.simultaneous(jg.toy.dirac(jg.minimax), optimizer, optimizer, batch_size=64)
    arguments = algorithm, jg.toy.origin(), jg.seed_keys(jax.random.key(0), 2)

    def compiled() -> int:
        found = sum("Finished XLA compilation of jit(everywhere)" in one.getMessage() for one in caplog.records)
        caplog.clear()
        return found

    with jax.log_compiles(), caplog.at_level(logging.WARNING, "jax"):
        memory_of(*arguments)
        assert compiled() == 1
        fit(*arguments, 2)
        assert compiled() == 1  # of the start


@pytest.mark.parametrize("short", [0, 1])
def test_the_compiled_program_is_asked_where_bounds_leave_it_open(
    plan: Plan, short: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: list[str] = []
    needed = held(plan)
    monkeypatch.setattr(fitting, "available_memory", lambda: needed - short)
    if short:
        with pytest.raises(OptionError, match=r"the compiled program of minimax needs .* of memory on .* are free"):
            check_compiled(plan, lines.append)
    else:
        check_compiled(plan, lines.append)
    assert lines == ["compiling minimax, to find out how much memory it needs"]


def test_a_program_that_fits_whatever_it_keeps_is_not_compiled_ahead(
    plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fitting, "memory_of", lambda *_, **__: pytest.fail("compiled"))
    check_compiled(plan, lambda line: pytest.fail(line))


def test_a_compiled_program_that_cannot_fit_leaves_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(fitting, "available_memory", lambda: 2**20)
    words = ["--data", "ring", "--seeds", "2", "--steps", "2", "--samples", "20", "--batch-size", "4096"]
    assert main(["train", *words]) == 2
    said = capsys.readouterr().err.splitlines()
    assert said[-1].startswith("jaxgan: --batch-size: the compiled program of non_saturating needs")
    assert not list(tmp_path.iterdir())


def test_workers_on_one_machine_need_what_each_of_them_holds(plan: Plan) -> None:
    one, three = (needs_of(plan.study, plan.placement, workers).memory for workers in (1, 3))
    each = "compiling, measuring and drawing", "data", "the state of all runs of a block, and a copy to save"
    assert all(three[name] == 3 * one[name] for name in each) and three["records"] == one["records"]


@pytest.mark.parametrize("lacking", [fitting, needs])
def test_a_study_that_cannot_fit_with_workers_of_this_machine_leaves_no_folder(
    lacking: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(lacking, "available_memory", lambda: 2**20)
    words = ["--data", "ring", "--seeds", "2", "--steps", "2", "--samples", "20", "--batch-size", "4096"]
    assert main(["compare", "--loss", "minimax", "--loss", "non_saturating", "--on", "dask:2", *words]) == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert "of memory" in said and "are free; lower" in said
    assert not list(tmp_path.iterdir())


def test_a_profile_of_frozen_generators_that_cannot_fit_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(needs, "available_memory", lambda: 2**31)
    words = ["--data", "ring", "--seeds", "64", "--ages", "10,20", "--d-iterations", "1000000"]
    assert main(["profile", "--frozen", "--loss", "minimax", *words]) == 2
    error = capsys.readouterr().err
    assert "4.8 GiB for what the discriminators report at every step" in error and error.count("\n") == 1
    assert not list(tmp_path.iterdir())
