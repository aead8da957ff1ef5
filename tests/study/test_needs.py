"""What a run needs is known before its folder is made: never more than it takes, and refused where it cannot fit."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.cli.app import main
from jaxgan.runs.placement import place
from jaxgan.study import needs
from jaxgan.study.config import configure
from jaxgan.study.messages import OptionError
from jaxgan.study.needs import Needs, check_needs, needs_of, widest
from jaxgan.study.planning import study_for


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
