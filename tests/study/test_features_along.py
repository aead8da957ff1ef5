"""Features of the user's choice for what is measured along training and at the end."""

import hashlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

import jaxgan as jg
from jaxgan.data.source import Examples, Source
from jaxgan.study import inputs
from jaxgan.study.build import Study
from jaxgan.study.compared import features_along
from jaxgan.study.config import configure, from_stored, own_code
from jaxgan.study.messages import OptionError
from jaxgan.study.study_file.file import StudyError

OWN = """
import jax.numpy as jnp
import numpy as np

def pixels(x):
    return jnp.reshape(x, (len(x), -1))[:, ::4]

def not_in_jax(x):
    return np.asarray(x).reshape(len(x), -1)

def images(x):
    return x
"""


@pytest.fixture
def own(tmp_path: Path) -> Path:
    path = tmp_path / "own.py"
    path.write_text(OWN, encoding="utf-8")
    return path


def _images() -> Source:
    x = np.random.default_rng(0).integers(0, 256, (40, 8, 8, 1), np.uint8)
    return jg.data.from_images("noise", Examples(x[:30]), Examples(x[30:]))


def test_a_run_is_measured_in_them(own: Path, tmp_path: Path) -> None:
    given: dict[str, Any] = {"data": "digits", "loss": ("non_saturating",), "features": f"{own}:pixels"}
    small = {"seeds": 1, "steps": 2, "evaluate_every": 1, "width": 2, "latent_dim": 2, "batch_size": 4, "samples": 20}
    folder = jg.run_study("train", given | small, out=tmp_path / "run", progress=False, log=lambda line: None)
    results = jg.load_run(folder)
    assert results.metrics[0].label == "Pixels-feature Fréchet distance"
    assert results.notes["sample_sizes"]["features"] == 16  # every fourth of 64 pixels
    assert np.isfinite(results.along["frechet"]).all()
    assert (folder / "code" / "own.py").read_text(encoding="utf-8") == OWN
    assert f"--features {own}:pixels" in results.config["command"]


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("own.py:not_in_jax", "during training it is part of the compiled program"),
        ("own.py:images", "returned an array [2, 8, 8, 1] for images [2, 8, 8, 1], expected [2, d]"),
        ("own.py:pixel", "own.py has no 'pixel'; did you mean 'pixels'"),
        ("principle", "got 'principle'; did you mean 'principal'"),
        ("classifier", "got 'classifier', but noise has no labels"),
        ("inception:", "expected its weights file after the colon"),
    ],
)
def test_what_cannot_be_used_is_a_line(own: Path, name: str, line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(own.parent)
    with pytest.raises(OptionError, match="features") as refused:
        features_along(configure({"features": name}), _images(), lambda line: None)
    assert line in str(refused.value)


def test_points_and_pairs_have_none() -> None:
    config = configure({"data": "ring", "features": "principal"})
    with pytest.raises(OptionError, match="points are compared as they are; leave it out"):
        features_along(config, jg.data.ring(), lambda line: None)
    with pytest.raises(OptionError, match="pairs are judged by their targets; leave it out"):
        features_along(config, jg.data.embedded_pairs("digits-upscale"), lambda line: None)


def test_without_a_name_the_evaluator_chooses() -> None:
    assert features_along(configure({}), _images(), lambda line: None) is None


def test_weights_are_no_code_and_have_a_digest(tmp_path: Path) -> None:
    weights = tmp_path / "weights.pth"
    weights.write_bytes(b"numbers")
    config = configure({"features": f"inception:{weights}"})
    assert own_code(config) == ()
    study = SimpleNamespace(config=config, own_code=(), source=SimpleNamespace(train=None, heldout=None, name="digits"))
    assert inputs.digests(cast(Study, study)) == {"weights.pth": hashlib.sha256(b"numbers").hexdigest()}


def test_paths_are_whole(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(own.parent)
    (own.parent / "weights.pth").touch()
    for given, expected in (
        ("inception:weights.pth", f"inception:{own.parent / 'weights.pth'}"),
        ("own.py:pixels", f"{own}:pixels"),
        ("principal", "principal"),
    ):
        assert inputs.absolute({"features": given})["features"] == expected


def _study_file(folder: Path, features: str) -> Path:
    path = folder / "study.toml"
    path.write_text(f'recipes = ["minimax"]\n[evaluate]\nfeatures = "{features}"\n', "utf-8")
    return path


def test_a_study_file_names_them_beside_itself(own: Path) -> None:
    assert jg.Study.read(_study_file(own.parent, "own.py:pixels")).options()["features"] == f"{own}:pixels"


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("own.py:pixel", r"evaluate.features: .*own.py has no 'pixel'; did you mean 'pixels'"),
        ("inception:weights.pth", r"evaluate.features: .*weights.pth: no such file; it should be"),
    ],
)
def test_a_study_file_with_what_is_not_there_is_refused(own: Path, name: str, line: str) -> None:
    with pytest.raises(StudyError, match=line):
        jg.Study.read(_study_file(own.parent, name))


def test_a_run_of_an_earlier_version_had_the_evaluators() -> None:
    stored = dict(configure({}).__dict__)
    del stored["features"]
    assert from_stored(stored).features == ""
