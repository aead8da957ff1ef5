"""Evaluation of pairs: what is summed inside a program is what whole arrays give on the host."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxgan as jg
from jaxgan.data.source import DataError, Source
from jaxgan.diagnostics.outcomes import EXPLANATION
from jaxgan.evaluation.pairs import pairs_evaluator, worded
from jaxgan.metrics import laplacian_variance, radial_power_spectrum
from jaxgan.results.results import variable
from jaxgan.study.diagnosis.causes import in_words
from jaxgan.types import Game, Generator
from tests.synthetic import make_run

ONE = Generator({}, {})


@pytest.fixture(scope="module")
def source() -> Source:
    return jg.data.embedded_pairs("photos-upscale")


def answering(answer) -> Game:
    """A game whose generator answers with a known function of key and input."""

    def sample(key, params, model_state, n, y=None):
        del params, model_state
        assert len(y) == n
        return answer(key, y)

    return Game(init=None, generator=None, discriminator=None, sample=sample)  # type: ignore[arg-type]


def measured(evaluator: jg.Evaluator, answer, n: int) -> dict[str, np.ndarray]:
    def measure(key, reference, y):
        return evaluator.measure(key, reference, answering(answer), ONE, n, y)

    found = jax.jit(measure)(jax.random.key(0), evaluator.reference, evaluator.y)
    return evaluator.finish(jax.device_get(found))


def test_metrics_are_those_of_the_whole_arrays(source: Source) -> None:
    evaluator = jg.evaluator_for(source, samples=322)
    inputs, targets = np.asarray(evaluator.y), np.asarray(evaluator.reference.targets)
    assert len(inputs) == len(targets) == 322
    sharpened = 1.5 * inputs
    found = measured(evaluator, lambda key, y: 1.5 * y, 322)
    # float32 inside, float64 on the host
    assert found["l1"] == pytest.approx(np.abs(sharpened - targets).mean(), rel=1e-5)
    assert found["psnr"] == pytest.approx(10 * np.log10(4 / np.mean((sharpened - targets) ** 2)), rel=1e-5)
    powers = [radial_power_spectrum(x).power.mean(axis=0) for x in (sharpened, targets)]
    assert found["spectrum"] == pytest.approx(np.sqrt(np.mean((10 * np.log10(powers[0] / powers[1])) ** 2)), rel=1e-3)
    assert found["sharpness"] == pytest.approx(np.nanmean(laplacian_variance(sharpened)), rel=1e-3)
    assert found["diversity"] == 0 and found["finite"]
    np.testing.assert_allclose(found["fake"], 1.5 * evaluator.real["input"], rtol=1e-6)
    np.testing.assert_array_equal(evaluator.real["real"], targets[:16])


def test_the_yardsticks_are_what_their_answers_get(source: Source) -> None:
    evaluator = jg.evaluator_for(source, samples=322)
    found = measured(evaluator, lambda key, y: y, 322)
    for metric in evaluator.metrics:
        if "input as it is" in metric.yardsticks:
            assert found[metric.name] == pytest.approx(metric.yardsticks["input as it is"], rel=1e-3)


def test_diversity_is_the_standard_deviation_over_the_noise(source: Source) -> None:
    evaluator = jg.evaluator_for(source, samples=600)
    found = measured(evaluator, lambda key, y: y + 0.3 * jax.random.normal(key, y.shape), 600)
    assert found["diversity"] == pytest.approx(0.3, rel=0.01)  # of 128 images of 3,072 numbers


def test_a_perfect_answer_and_one_that_is_not_finite(source: Source) -> None:
    evaluator = jg.evaluator_for(source, samples=500)  # more than there are inputs, in four pieces
    answers = {row.tobytes(): i for i, row in enumerate(np.asarray(evaluator.y))}
    assert len(answers) > 300
    flat = jnp.asarray(evaluator.y).reshape(322, -1)

    def perfect(key, y):
        near = jnp.argmin(jnp.sum((flat[None] - y.reshape(len(y), 1, -1)) ** 2, axis=-1), axis=1)
        return jnp.asarray(evaluator.reference.targets)[near]

    found = measured(evaluator, perfect, 500)
    assert found["l1"] < 1e-3 and found["psnr"] > 40  # but for inputs that are the same
    broken = measured(evaluator, lambda key, y: y.at[3, 0, 0, 0].set(jnp.nan), 500)
    assert not broken["finite"]
    assert all(np.isnan(broken[metric.name]) for metric in evaluator.metrics)


def test_a_target_in_colour_of_a_grey_input_has_its_yardsticks() -> None:
    source = jg.data.embedded_pairs("photos-grey")
    assert source.train is not None
    evaluator, inputs = pairs_evaluator(source, source.train, source.heldout, 10)
    assert inputs.shape == (322, 32, 32, 1)
    grey = {metric.name: metric.yardsticks for metric in evaluator.metrics}
    assert 0 < grey["l1"]["input as it is"] < grey["l1"]["mean of training targets"]


def test_pairs_without_any_held_out_are_refused(source: Source) -> None:
    with pytest.raises(DataError, match=r"photos-upscale has 0 held-out pairs to compare outputs with, expected 2"):
        jg.evaluator_for(source._replace(heldout=None), samples=10)


def test_texts_about_pairs_claim_nothing_of_modes() -> None:
    notes: dict[str, Any] = {
        "explanations": {code.name: text for code, text in EXPLANATION.items()},
        "causes": in_words(),
    }
    run = dataclasses.replace(make_run(), notes=notes)
    assert worded(run) is run  # no pairs
    inputs = dict([variable("sample", "input", (), np.zeros((5, 8, 8, 1)))])
    found = worded(dataclasses.replace(run, dataset=run.dataset.assign(inputs))).notes
    assert found["explanations"]["COLLAPSED"].startswith("The outputs are all alike")
    assert found["explanations"]["DIVERGED"] == notes["explanations"]["DIVERGED"]
    assert set(found["causes"]) == set(notes["causes"])
    collapsed = found["causes"]["collapsed"]
    assert collapsed["label"] == "all outputs were alike" and collapsed["code"] == "COLLAPSED"
    for name in ("collapsed", "overfitted", "discriminator_dominates"):
        text = " ".join(found["causes"][name][key] for key in ("label", "advice"))
        assert "modes" not in text and "near the data" not in text
