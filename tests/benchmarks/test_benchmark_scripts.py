"""The smaller benchmarks: what they count is right, and what they write can be read."""

import pytest

from benchmarks import convolutions, groups, operations, precision, programs, studies
from benchmarks.workloads import WORKLOADS
from jaxgan.study.config import PRECISIONS

MACHINE = {"device": "A processor", "cores": 2, "memory_gib": 8, "system": "An OS", "versions": {"jax": "1.0"}}


def test_the_operations_that_a_step_must_do_are_those_of_its_program():
    # The compiler counts additions, activations and Adam, too: a few per cent of an MLP's products.
    ring = WORKLOADS["ring"]
    assert 1 <= operations.reported(ring) / operations.must(ring) < 1.05


def test_operations_of_a_dcgan_counted_by_hand():
    generator, discriminator = operations.layers(WORKLOADS["dcgan8"])
    # z 64 -> 2 x 2 x 64; 4 x 4 x 64 -> 32 onto 4 x 4 pixels from 2 x 2; 4 x 4 x 32 -> 1 onto 8 x 8 from 4 x 4
    assert generator.products == (64 * 256, 4 * 16 * 64 * 32, 16 * 16 * 32)
    assert discriminator.products == (16 * 16 * 32, 4 * 16 * 32 * 64, 256)


def test_a_share_is_the_median_of_ratios_within_rounds():
    assert operations.share({"step": [1.0, 4.0, 3.0], "product": [2.0, 4.0, 4.0]}) == 0.75


def test_regret_compares_the_chosen_form_with_the_fastest():
    micros = {"patches": [4.0, 6.0], "filtering": [2.0], "xla": [1.0]}
    assert convolutions.regret({"micros": micros, "chosen": "patches"}) == 2.5


@pytest.mark.parametrize(
    ("shape", "form"),
    [
        (convolutions.Shape(4, 2, 32, 1, 32), "patches"),
        (convolutions.Shape(4, 2, 16, 32, 64), "filtering"),
        (convolutions.Shape(3, 1, 8, 64, 64), "filtering"),
        (convolutions.Shape(5, 1, 16, 32, 32), "shifted"),
        (convolutions.Shape(4, 2, 2, 64, 128), "shifted"),  # one output pixel has no use for four
    ],
)
def test_what_is_chosen(shape, form):
    assert convolutions.chosen(shape) == form


def test_the_tables_can_be_made():
    results = {"command": "python", "machine": MACHINE}
    row = {"workload": "ring", "seeds": 16, "must": 1e8, "reported": 1.1e8, "step": [90.0], "product": [100.0]}
    assert "| 0.100            | 0.110" in operations.markdown(results | {"rows": [row]})
    row = {"workload": "dcgan32", "seeds": 4, "examples": 2048, "seconds": [8.0, 9.0], "characters": 1e6}
    table = programs.markdown(results | {"rows": [row | {"bytes": 8 * 2**20, "data": 2**21}]})
    assert "| 2,048" in table and "8.50 (8.00 to 9.00)" in table
    shape = convolutions.SHAPES[0]
    row = {"shape": shape.label, "role": "y", "chosen": "patches", "flops": 1e6, "micros": {"patches": [10.0]}}
    assert "100*" in convolutions.markdown(results | {"rows": [row | {"seeds": n} for n in (1, 4)]})
    row = {"width": 64, "batch": 64, "seeds": 512, "bytes": 2**17, "ms": {"0": [10.24], str(groups.ALL): [20.48]}}
    text = groups.markdown(results | {"group_state": 2**21, "rows": [row]})
    assert "all at once" in text and "| 16 " in text and "20.0" in text and "2.00 (2.00 to 2.00)" in text
    one = {"seconds": 20.0, "training": 0.5}
    study = {"file": "a.toml", "runs": 90, "whole": {"seconds": 60.0, "steps": 15.0}, "singles": [one, one]}
    text = studies.markdown(results | study | {"kills": [[1.5, 2.5], [3.5]], "differences": []})
    assert " 30.0 " in text and "at least 10: met" in text and "at least 3: met" in text
    assert "Killed 2 and 1 times" in text and "equal bit for bit" in text
    assert "NOT equal: g_loss" in studies.markdown(results | study | {"kills": [[1.5]], "differences": ["g_loss"]})
    interval = {"estimate": 8.5, "low": "7.5", "high": 9.0}
    summary = {"metrics": dict.fromkeys(("frechet", "captured", "kl"), interval), "failed": 1, "seeds": 8}
    speed = [{"workload": "ring", "seeds": 16, "ms": {name: [0.5] for name in PRECISIONS}}]
    outcomes = [{"precision": name, **summary} for name in PRECISIONS]
    text = precision.markdown(results | {"speed": speed, "outcomes": outcomes})
    assert "8.50 [7.50, 9.00]" in text and "1 of 8" in text
