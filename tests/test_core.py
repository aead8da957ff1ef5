"""The core, without data sets, tables, pictures and the command line, trains; help comes before anything heavy."""

import ast
import re
import subprocess
import sys
import textwrap
import tomllib
from pathlib import Path

import pytest

import jaxgan

PROJECT = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))
CORE = PROJECT["dependency-groups"]["core"]
IMPORTED_AS = {
    "scikit-learn": "sklearn",
    "pillow": "PIL",
    "tensorflow-datasets": "tensorflow_datasets",
    "orbax-checkpoint": "orbax",
}
NEEDS_MORE = [
    "Evaluator", "LoadedGenerator", "Metric", "Results", "Run", "Study", "diagnosed", "evaluate", "evaluation_probe",
    "evaluator_for", "export_generator", "load_generator", "load_run", "merge_runs", "remedies", "run_profile",
    "run_study", "track", "truncated_sampler", "write_report",
]  # fmt: skip
"""Studies of many runs, their stored results and their reports."""

SCRIPT = """
    import jax, optax
    import jaxgan as jg

    ring, networks = jg.data.ring(), (jg.nn.MLPGenerator(2, (8,)), jg.nn.MLPDiscriminator((8,)))
    game = jg.adversarial_game(*networks, jg.normal_prior(2), jg.non_saturating, d_terms=(jg.terms.r1(0.1),))
    algorithm = jg.alternating(game, optax.adam(1e-3), optax.adam(1e-3), batch_size=8)

    def probe(key, state):
        x = game.sample(key, *jg.best_generator(state), 8)
        return jg.metrics.mode_report(x, ring.mixture.means, ring.mixture.sigma)

    result = jg.run_seeds(algorithm, ring.sample, jg.seed_keys(jax.random.key(0), 2), num_steps=2, probe=probe)
    print(jg.iqm_interval(jax.device_get(result.probes.captured[:, -1]), rng=0))
"""


def name_of(requirement: str) -> str:
    """How a requirement of pyproject.toml is imported."""
    name = re.split(r"[<>=; \[]", requirement)[0]
    return IMPORTED_AS.get(name, name.replace("-", "_"))


def without(modules: set[str], program: str) -> subprocess.CompletedProcess[str]:
    """A program in which these modules cannot be imported."""
    hide = f"import sys; sys.modules.update(dict.fromkeys({sorted(modules)}))\n"
    return subprocess.run([sys.executable, "-c", hide + textwrap.dedent(program)], capture_output=True, text=True,
                          timeout=300)  # fmt: skip


REST = {name_of(one) for one in PROJECT["project"]["dependencies"]} - {name_of(one) for one in CORE}


def test_the_core_is_a_part_of_the_dependencies_with_the_same_bounds() -> None:
    assert set(CORE) < set(PROJECT["project"]["dependencies"])
    assert {"tensorflow_datasets", "matplotlib", "pandas", "xarray", "click", "pydantic"} <= REST


def test_a_training_script_needs_the_core_alone() -> None:
    done = without(REST, SCRIPT)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Interval(")


def test_what_needs_more_than_the_core_says_what() -> None:
    program = """
    import jaxgan
    for name in jaxgan.__all__:
        try:
            getattr(jaxgan, name)
        except ModuleNotFoundError as error:
            package = error.name.partition(".")[0]
            print(name, str(error).startswith(f"jaxgan.{name} needs {package}, which `pip install jaxgan` brings"))
    """
    done = without(REST, program)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n")[:-1] == [f"{name} True" for name in sorted(NEEDS_MORE)]


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no_such_name"):
        jaxgan.no_such_name  # type: ignore[attr-defined] # noqa: B018


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["compare", "--help"], ["compare", "--lr-g", "fast"]])
def test_help_and_a_wrong_option_are_answered_before_anything_heavy_is_imported(words: list[str]) -> None:
    heavy = {"jax", "numpy", "scipy", "xarray", "pandas", "matplotlib", "pydantic", "tensorflow_datasets"}
    program = f"import sys\nfrom jaxgan.cli.app import main\nmain({words})\nprint(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert ast.literal_eval(done.stdout.splitlines()[-1]) == []
