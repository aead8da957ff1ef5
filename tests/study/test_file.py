"""A study file: what it says as options, every mistake at once with its place, and that it may grow."""

import dataclasses
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from pydantic import ValidationError

from jaxgan.data import ring
from jaxgan.evaluation import evaluator_for, mixtures
from jaxgan.metrics.modes import ModeReport
from jaxgan.study import catalogue
from jaxgan.study.config import configure
from jaxgan.study.settings import known_settings, resolve
from jaxgan.study.study_file.axes import PRESETS, Range, drawn, grid, preset_axis
from jaxgan.study.study_file.file import Study, StudyError
from jaxgan.study.study_file.mistakes import METRICS

WHOLE = """
name = "whole"
recipes = [
  "minimax",
  {recipe = "r1_gan", label = "strong", settings = {gamma = 100, ema = 0.9}},
  "r1_gan",
]
settings = {lr_g = 0.001, batch_size = 32}

[data]
name = "ring"

[networks]
width = 16
latent_dim = 4
fields = {hidden = [8, 8], generator = {hidden = [4]}}

[vary]
lr_d = {low = 1e-4, high = 1e-2, n = 3}
[[vary.zip]]
d_steps = [1, 5]
fake_batch_size = [8, 16]
[vary.of.minimax]
b1 = [0.0, 0.5]

[train]
seeds = 4
steps = 100

[evaluate]
every = 10
samples = 50

[stop]
not_finite = true
goal = "captured >= 8"

[[planned]]
metric = "captured"
better = "strong"
than = "minimax"
"""


def written(folder: Path, text: str, name: str = "a.toml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def lines(folder: Path, text: str) -> list[str]:
    """The mistakes of a file, without its path."""
    path = written(folder, text)
    with pytest.raises(StudyError) as error:
        Study.read(path)
    assert all(line.startswith(f"{path}: ") for line in error.value.lines)
    return [line.removeprefix(f"{path}: ") for line in error.value.lines]


def test_a_file_becomes_options(tmp_path):
    study = Study.read(written(tmp_path, WHOLE))
    options = study.options()
    assert options == {
        "data": "ring",
        "loss": ("minimax",),
        "recipe": ("strong=r1_gan", "r1_gan"),
        "set": ("lr_g=0.001", "batch_size=32", "strong:gamma=100", "strong:ema=0.9"),
        "network": ("hidden=(8, 8)", "generator:hidden=(4,)"),
        "width": 16,
        "latent_dim": 4,
        "vary": ("lr_d=0.0001,0.001,0.01", "d_steps/fake_batch_size=1/8,5/16", "minimax:b1=0,0.5"),
        "seeds": 4,
        "first_seed": 0,
        "key": 0,
        "steps": 100,
        "evaluate_every": 10,
        "record_every": 10,  # many runs: no more records than evaluations, unless it is said
        "samples": 50,
        "stop": ("not_finite", "captured>=8"),
        "planned": ("captured:strong>minimax",),
    }
    config = configure(options)
    assert {name: getattr(config, name) for name in options if name != "set"} == {
        name: value for name, value in options.items() if name != "set"
    }
    assert config.set[: len(options["set"])] == options["set"]
    found = resolve("strong", "strong", catalogue.find_recipe("strong=r1_gan"), config.set)
    assert found == known_settings(catalogue.RECIPES["r1_gan"]) | {
        "gamma": 100.0,
        "ema": 0.9,
        "lr_g": 0.001,
        "batch_size": 32,
    }


def test_a_file_says_the_same_as_arguments(tmp_path):
    assert Study(data="ring", train={"seeds": 4}).options() == Study.read(
        written(tmp_path, 'data = "ring"\n[train]\nseeds = 4')
    ).options()  # fmt: skip


def test_what_is_left_out_is_as_on_the_command_line():
    empty = configure(Study(data="ring").options())
    expected = configure({"data": "ring"})
    assert dataclasses.replace(empty, record_every=0) == expected
    assert empty.record_every == expected.evaluate_every
    assert configure(Study(data="ring", evaluate={"record_every": 0}).options()).record_every == 0


def test_every_mistake_is_a_line_with_its_place(tmp_path):
    found = lines(
        tmp_path,
        """
        nam = "x"
        recipes = ["minmax", {recipe = "r1_gan", settings = {gama = 1, batch_size = 0}}, "wgan", 7]
        [data]
        name = "rng"
        [networks]
        precision = "half"
        fields = {width = 0}
        [vary]
        lr_d = {low = 1e-3, high = 1e-4, n = 4}
        lr_g = [0.1, -1.0]
        [[vary.zip]]
        clip = [0.1, 0.2]
        d_steps = [1]
        [vary.of.r1gan]
        gamma = [1, 2]
        [train]
        seeds = 0
        stepz = 5
        steps = 4000.0
        [stop]
        failed = "yes"
        goal = "captured > 8"
        """,
    )
    expected = [
        ("nam", "no such key; did you mean 'name'?"),
        ("recipes[0]", "got 'minmax'; did you mean 'minimax'?"),
        ("recipes[1].settings.gama", "r1_gan has no setting 'gama'; did you mean 'gamma'?"),
        ("recipes[1].settings.batch_size", "got batch_size=0, expected a whole number or three sizes, at least 1"),
        ("recipes[3]", "got 7, expected a table"),
        ("data.name", "got 'rng'; did you mean 'ring'?"),
        ("networks.precision", "got 'half'; known: bfloat16, fast, float32"),
        ("networks.fields.width", "got 'width=0', expected width of at least 1"),
        ("vary.lr_d", "got {'low': 0.001, 'high': 0.0001, 'n': 4}, expected low and high, the lower one first"),
        ("vary.lr_g", "got lr_g=-1.0, expected a number, at least 0"),
        ("vary.zip[0]", "got 2 of clip, 1 of d_steps, expected lists of one length"),
        ("vary.zip[0].clip", "r1_gan has no setting 'clip'"),
        ("vary.of.r1gan", "got 'r1gan'; did you mean 'r1_gan'?"),
        ("train.seeds", "got 0, expected at least 1, and at most 16,384"),
        ("train.stepz", "no such key; did you mean 'steps'?"),
        ("train.steps", "got 4000.0, expected a whole number of at least 1"),
        ("stop.failed", "got 'yes', expected true or false"),
        ("stop.goal", "got 'captured > 8', expected a metric and a number, such as 'captured >= 8'"),
    ]
    got = [line.partition(": ")[::2] for line in found]
    assert [place for place, _ in got] == [place for place, _ in expected]
    for (_, text), (_, start) in zip(got, expected, strict=True):
        assert text.startswith(start)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a = 1\nb = [1,\n c d", ["is no TOML: invalid value (at line 3, column 2)"]),
        ("recipes = []", ["recipes: got [], expected at least one"]),
        ("recipes = ['wgan', 'wgan']", ["recipes[1]: got 'wgan' twice, expected a label of its own"]),
        ("recipes = [{label = 'a/b', recipe = 'wgan'}]", ["recipes[0].label: got 'a/b', expected letters, digits"]),
        ("recipes = [{loss = 'hinge', recipe = 'wgan'}]", ["recipes[0]: got 2 of loss and recipe, expected one"]),
        ("recipes = [{loss = 'wgan'}]", ["recipes[0]: got 'wgan'; "]),
        ("[vary]\nlr_d = [0.1, 0.1]", ["vary.lr_d: got 0.1 twice"]),
        ("[vary]\nlr_d = []", ["vary.lr_d: got [], expected a list of values, or {low, high, n, scale}"]),
        ("[vary]\nlr_d = {low = 0, high = 1, n = 2}", ["vary.lr_d: got 0, expected low to be above 0 on a log scale"]),
        ("[vary]\nlr_d = {low = 1, hig = 2, n = 2}", ["vary.lr_d: got a key 'hig'; did you mean 'high'?"]),
        ("[vary.random]\nn = 3", ["vary.random: got neither ranges nor a preset"]),
        ("[vary.random]\npreset = 'lucic'", ["vary.random.preset: got 'lucic'; did you mean 'lucic-wide'?"]),
        ("settings = {lr_d = 1}\n[vary]\nlr_d = [1, 2]", ["vary: got lr_d varied and set for minimax"]),
        ("[vary]\nlr_d = [1, 2]\n[vary.of.minimax]\nlr_d = [3]", ["vary: got lr_d varied twice for minimax"]),
        ("[stop]\ngoal = 'captured >= x'", ["stop.goal: got 'x', expected a number"]),
        (
            "[stop]\ngoal = 'modes >= 8'",
            ["stop.goal: got 'modes'; known: captured, frechet, high_frequency, kl, laplacian, near"],
        ),
        (
            "[[planned]]\nmetric = 'captured'\nbetter = 'minmax'\nthan = 'non_saturating'",
            ["planned[0].better: got 'minmax'; did you mean 'minimax'?"],
        ),
        ("[evaluate]\nevery = 1\n[train]\nsteps = 200_000", ["evaluate.every: got 1, expected at least 2 for 200,000"]),
        ("data = 'ring'\n[evaluate]\nfailure_multiple = 3.0", ["evaluate.failure_multiple: ring has modes"]),
        (
            "[vary]\nlr_d = {low = 1e-9, high = 1, n = 9000}",
            ["vary: got 18,000 configurations, expected at most 16,384"],
        ),
        ("name = '../x'", ["name: got '../x', expected a name for a folder"]),
        ("[networks]\ngenerator = 'mpl'", ["networks.generator: got 'mpl'; did you mean 'mlp'?"]),
    ],
)
def test_mistakes_of_one_kind(tmp_path, text, expected):
    found = lines(tmp_path, text)
    assert len(found) == len(expected)
    for line, start in zip(found, expected, strict=True):
        assert line.startswith(start)


def test_mistakes_from_python_have_the_same_words():
    with pytest.raises(ValidationError) as error:
        Study(train={"seeds": 0}, recipes=["minmax"])
    assert [(one["loc"], one["msg"].partition(";")[0]) for one in error.value.errors()] == [
        (("train", "seeds"), "got 0, expected at least 1, and at most 16,384"),
        (("recipes", 0), "got 'minmax'"),
    ]


ANYTHING: tuple[Any, ...] = (
    0, -1, 2**70, 1e300, float("nan"), float("inf"), -0.0, "", "x", "a/b", "\0", ":", "é" * 300, "a.npz", True, [], {},
    [1], [[1]], ["a", 1], [{}], {"a": 1}, {"low": 1, "high": 2, "n": 3}, {"low": "a"}, {"preset": "lucic-wide"},
)  # fmt: skip


@pytest.mark.parametrize("seed", range(25))
def test_whatever_stands_in_a_file_it_is_a_study_or_mistakes(seed):
    """Values in the place of others, and keys that are not there: each is a line, and none an error of another kind."""
    random = np.random.default_rng(seed)
    content = tomllib.loads(WHOLE)
    places = list(_places(content))
    table, key = places[random.integers(len(places))]
    if random.random() < 0.8:
        table[key] = ANYTHING[random.integers(len(ANYTHING))]
    else:
        table["another" if isinstance(table, dict) else 0] = ANYTHING[random.integers(len(ANYTHING))]
    try:
        study = Study.model_validate(content)
    except ValidationError as error:
        assert all(one["type"] == "mistake" and "\n" not in one["msg"] for one in error.errors())
    else:
        assert configure(study.options()) and study.hash() and study.configurations()


def _places(table: Any) -> Iterator[tuple[Any, Any]]:
    for key, inner in table.items() if isinstance(table, dict) else enumerate(table):
        yield table, key
        if isinstance(inner, dict | list):
            yield from _places(inner)


def test_paths_in_a_file_are_relative_to_it(tmp_path, monkeypatch):
    folder = tmp_path / "study"
    folder.mkdir()
    np.save(folder / "points.npy", np.zeros((8, 2), np.float32))
    (folder / "own.py").write_text(
        "import jaxgan as jg\n"
        "def g_loss(real, fake):\n    return -fake\n"
        "def slow(generator, discriminator, prior, *, lr=1e-3):\n    return jg.recipes.ns_gan(generator, prior)\n"
        "def seen(key, algorithm, state):\n    return key\n"
    )
    text = (
        "data = 'points.npy'\nrecipes = ['own.py:g_loss', {name = 'own.py:slow', label = 'mine'}]\n"
        "[vary.of.mine]\nlr = [0.1, 0.2]\n[evaluate]\nprobes = ['own.py:seen']\n"
    )
    written(folder, text)
    monkeypatch.chdir(tmp_path)
    options = Study.read("study/a.toml").options()
    assert options["data"] == "study/points.npy"
    assert (options["loss"], options["recipe"]) == (("study/own.py:g_loss",), ("mine=study/own.py:slow",))
    assert options["probe"] == ("study/own.py:seen",)
    assert Study.read("study/a.toml").hash() == Study.read(folder / "a.toml").hash()
    known = "balance, class_weight, ema, instance_noise, lr, r1"
    assert lines(folder, text.replace("lr =", "rate =")) == [
        f"vary.of.mine.rate: mine has no setting 'rate'; known: {known}"
    ]


def test_grids_are_even_and_short():
    assert grid(Range(3e-4, 1.6e-2), 16)[:3] == (0.0003, 0.0003911, 0.0005098)
    values = np.array(grid(Range(3e-4, 1.6e-2), 16))
    assert values[0] == 3e-4 and values[-1] == 1.6e-2
    # Four digits: each is right to half of the fourth, 5e-4 of it at the most.
    np.testing.assert_allclose(values[1:] / values[:-1], (1.6e-2 / 3e-4) ** (1 / 15), rtol=1e-3)
    assert grid(Range(0.0, 1.0, "linear"), 3) == (0.0, 0.5, 1.0)


def test_more_random_rows_keep_the_first(tmp_path):
    text = "data = 'ring'\n[vary.random]\nn = {n}\nseed = 3\nlr_d = {{low = 1e-5, high = 1e-2}}\nd_steps = [1, 5]\n"
    few, many = (Study.read(written(tmp_path, text.format(n=n))).options()["vary"][0] for n in (4, 9))
    assert few.startswith("d_steps/lr_d=") and few.count(",") == 3
    assert many.startswith(f"{few},")


def test_random_rows_are_spread_as_they_should():
    rows = drawn({"lr": Range(1e-5, 1e-2), "b1": Range(0.0, 1.0, "linear"), "k": (1, 5)}, 4000, 0)
    # The mean of 4,000 uniform numbers has a deviation of 0.289 / 63 = 0.0046; bounds are five of these.
    rates, moments, steps = np.array([[float(row[name]) for name in ("lr", "b1", "k")] for row in rows]).T
    assert abs((np.log10(rates).mean() + 5) / 3 - 0.5) < 0.023
    assert abs(moments.mean() - 0.5) < 0.023
    assert abs((steps == 5).mean() - 0.5) < 0.04  # 0.5 / 63 is 0.0079
    assert 1e-5 <= rates.min() < rates.max() <= 1e-2


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_gives_every_recipe_what_it_has(preset):
    study = Study(data="ring", recipes=["non_saturating", *catalogue.RECIPES], vary={"random": {"preset": preset}})
    options = study.options()
    assert len(options["vary"]) == 1 + len(catalogue.RECIPES)
    for text in options["vary"]:
        names, _, rows = text.partition("=")
        owner, _, named = names.partition(":")
        recipe = catalogue.RECIPES.get(owner, catalogue.RECIPES["gan"])
        own = [one for one in options.get("set", ()) if one.startswith(f"{owner}:")]
        fixed = {one.partition("=")[0].removeprefix(f"{owner}:") for one in own}
        assert {*named.split("/"), *fixed} == {"lr_d", "lr_g", "b1", "d_steps", "clip", "weight", "gamma"} & set(
            known_settings(recipe)
        )
        assert rows.count(",") == 19
    assert len({row.partition(":")[2] for row in options["vary"] if ":lr_d/lr_g=" in row}) <= 1  # the same draws


def test_the_narrow_preset_is_that_of_the_paper():
    fixed, axis = preset_axis("lucic-narrow", 500, 0, ["lr_d", "lr_g", "b1", "d_steps", "weight"])
    assert fixed == {"b1": 0.5, "d_steps": 1}
    rates, others, weights = (np.array(column, float) for column in zip(*axis.rows, strict=True))
    assert axis.names == ("lr_d", "lr_g", "weight")
    assert np.array_equal(rates, others)
    assert 1e-4 <= rates.min() < 1.1e-4 and 0.9e-3 < rates.max() <= 1e-3
    assert 0.1 <= weights.min() < 0.11 and 9 < weights.max() <= 10


def test_what_settings_say_a_preset_does_not_draw():
    study = Study(data="ring", recipes=["minimax"], settings={"b1": 0.0}, vary={"random": {"preset": "lucic-wide"}})
    assert study.options()["vary"][0].startswith("minimax:d_steps/lr_d/lr_g=")
    assert study.options()["set"] == ("b1=0",)


def test_axes_multiply(tmp_path):
    study = Study.read(written(tmp_path, WHOLE))
    names = study.configurations()
    assert len(names) == len(set(names)) == 3 * 2 * 2 + 2 * 3 * 2
    assert names[0] == "minimax lr_d=0.0001 d_steps=1 fake_batch_size=8 b1=0"


def test_a_plan_is_part_of_the_hash(tmp_path):
    study = Study.read(written(tmp_path, WHOLE))
    assert study.hash() == Study.read(written(tmp_path, WHOLE.replace("\n\n", "\n# a comment\n"))).hash()
    changed = (WHOLE.replace('than = "minimax"', 'than = "r1_gan"'), WHOLE.replace("b1 = [0.0", "b1 = [0.1"))
    for text in changed:
        assert Study.read(written(tmp_path, text)).hash() != study.hash()


def test_metrics_are_those_that_are_measured(monkeypatch):
    perfect = ModeReport(*[jnp.zeros(())] * len(ModeReport._fields))  # what it measures takes seconds to compile
    monkeypatch.setattr(mixtures, "perfect_mode_report", lambda *arguments, **how: perfect)
    metrics = evaluator_for(ring(), 50, split_seed=0, report=lambda line: None).metrics
    assert tuple(metric.name for metric in metrics) == METRICS["mixture"]


def test_it_runs_as_what_its_folder_has(monkeypatch, tmp_path):
    called: dict[str, Any] = {}

    def run_study(job, given, **how):
        called.update(job=job, given=given, **how)
        return how["out"]

    monkeypatch.setattr("jaxgan.study.compare.run_study", run_study)
    monkeypatch.setattr("jaxgan.study.generators.generate.load_run", lambda folder: folder)
    study = Study(name="rates", data="ring")
    assert study.run(progress=False) == Path("runs/rates")
    assert called == {"job": "study", "given": study.options(), "out": Path("runs/rates"), "again": True,
                      "progress": False}  # fmt: skip
    assert study.run(tmp_path) == tmp_path
