"""What all tests share: strict settings, a cache of their own, and one small algorithm."""

from tests import shapes as shapes  # before anything imports the package

# isort: split
import functools
import gc
import io
import mmap
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import jax
import jaxlib
import optax
import psutil
import pytest
from matplotlib.figure import Figure
from PIL import Image

from jaxgan.data.synthetic import ring
from jaxgan.dynamics import alternating
from jaxgan.game import adversarial_game, normal_prior
from jaxgan.losses import non_saturating
from jaxgan.nn import MLPDiscriminator, MLPGenerator
from jaxgan.report import layout
from jaxgan.types import Algorithm, Sampler

# Set in both places: programs that a test starts inherit the environment, this process has read it already.
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("MPLBACKEND", "Agg")
jax.config.update("jax_platforms", os.environ["JAX_PLATFORMS"])

# One device here, whatever test comes first; `tests/runs/test_placement.py` starts programs that have more.
jax.config.update("jax_num_cpu_devices", 1)

# Logits [n] against [n, 1] would otherwise make a silent [n, n] loss.
jax.config.update("jax_numpy_rank_promotion", "raise")

# Most of these tests' time is compilation; this halves it, here and in the programs that tests start. `optimized` is
# the environment for those that train for long.
os.environ["JAX_DISABLE_MOST_OPTIMIZATIONS"] = "1"
jax.config.update("jax_disable_most_optimizations", True)


def _without_fusion_emitters() -> str:
    """XLA's flags, with those by which its older code for CPUs compiles a training step in less than half the time.

    XLA ends a process over a flag that it does not know: the names of those that it knows are in its library, as texts
    between zeros. Those that it knew once are there, too, in another form.
    """
    flags = os.environ.get("XLA_FLAGS", "")
    fast = ("xla_cpu_use_fusion_emitters=false", "xla_cpu_parallel_codegen_split_count=1")
    for library in Path(jaxlib.__file__).parent.glob("libjax_common.*"):
        with library.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            known = [flag for flag in fast if content.find(f"\0{flag.partition('=')[0]}\0".encode()) >= 0]
        flags = " ".join([flags, *(f"--{flag}" for flag in known if flag not in flags)]).strip()
    return flags


os.environ["XLA_FLAGS"] = _without_fusion_emitters()

_MUCH, _MORE = 1.5 * 2**30, 0.5 * 2**30  # bytes of a worker that holds many compiled programs, and of as many again
_LONG = (
    "test_readme.py",
    "test_cli.py",
    "test_signals.py",
    "test_study.py",
    "test_merge.py",
    "test_profile_command.py",
    "test_recipes.py",
    "test_gradient_probe.py",
    "test_sweep.py",
    "test_placement.py",
    "test_own_functions.py",
    "test_evaluation.py",
    "test_features.py",
    "test_used_style.py",
    "test_large_networks_trained.py",
    "test_large_networks_torch.py",
    "test_inspection.py",
    "test_trust.py",
)
_LOOKED_AT = (
    "test_report.py",
    "test_profile_report.py",
    "test_report_figures.py",
    "test_report_phase.py",
    "test_report_study.py",
)
"""Files whose tests look at pictures themselves."""


def pytest_configure(config: pytest.Config) -> None:
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # started in the background; so would what tests start be
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # `fit` compiles ahead of time, of which JAX keeps no copy in memory: a program is found again here instead. One
    # folder for all workers, which inherit it: many commands are run on the same small networks. It outlives the tests
    # where JAXGAN_TEST_CACHE names it.
    if not hasattr(config, "workerinput"):
        folder = os.environ.get("JAXGAN_TEST_CACHE")
        if not folder:
            folder = tempfile.mkdtemp(prefix="jaxgan-tests-")
            config.add_cleanup(functools.partial(shutil.rmtree, folder, ignore_errors=True))
        os.environ["JAX_COMPILATION_CACHE_DIR"] = f"{folder}/programs"
        os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0.1"
        os.environ["JAXGAN_CACHE_DIR"] = f"{folder}/cache"
    jax.config.update("jax_compilation_cache_dir", os.environ["JAX_COMPILATION_CACHE_DIR"])
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)


def pytest_collection_finish() -> None:
    """What was imported stays: no garbage collection has to walk its millions of objects again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 10, 10)  # tracing allocates so much that the usual 700 are a twelfth of all time


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first: begun last, one would keep a core busy while the others have nothing left."""
    order = {name: i for i, name in enumerate(_LONG)}
    items.sort(key=lambda item: order.get(item.path.name, len(order)))


@pytest.fixture(scope="module", autouse=True)
def _plain_pictures(request: pytest.FixtureRequest) -> Iterator[None]:
    """Drawing is a sixth of what tests of whole runs take: few of them look at the pictures."""
    with pytest.MonkeyPatch.context() as patch:
        if request.path.name not in _LOOKED_AT:
            patch.setattr(layout, "save_vector", lambda figure, stem: None)
            patch.setattr(layout, "png", _blank)
        yield


def _blank(figure: Figure) -> bytes:
    """An empty picture of the figure's size, in place of one that is drawn."""
    content = io.BytesIO()
    Image.new("1", tuple(round(n) for n in figure.get_size_inches() * figure.dpi), 1).save(content, "PNG")
    return content.getvalue()


@pytest.fixture(scope="session")
def _room() -> list[float]:
    return [_MUCH]


@pytest.fixture(scope="module", autouse=True)
def _forget_programs(_room: list[float]) -> Iterator[None]:
    """A file's programs are of little use to the next; kept, they come to gigabytes, which collections walk.

    What is freed stays with the process: the next limit is above what it has then, or every file would forget all.
    """
    yield
    memory = psutil.Process().memory_info
    if memory().rss > _room[0]:
        jax.clear_caches()
        gc.collect()
        _room[0] = memory().rss + _MORE


@pytest.fixture
def optimized() -> dict[str, str]:
    """The environment of a program that trains for longer than it compiles."""
    slower = {"JAX_DISABLE_MOST_OPTIMIZATIONS", "XLA_FLAGS"}
    return {name: value for name, value in os.environ.items() if name not in slower}


@pytest.fixture
def x64() -> Iterator[None]:
    """64-bit numbers for one test."""
    jax.config.update("jax_enable_x64", True)
    yield
    jax.config.update("jax_enable_x64", False)


@pytest.fixture(scope="session")
def sample() -> Sampler:
    """Draws from the ring of eight Gaussians."""
    return ring().sample


@pytest.fixture(scope="session")
def algorithm() -> Algorithm:
    """A ring GAN that compiles in a second. One for the session: compiled programs are kept by identity."""
    networks = MLPGenerator(2, hidden=(16,)), MLPDiscriminator(hidden=(16,))
    game = adversarial_game(*networks, normal_prior(4), non_saturating)
    return alternating(game, optax.adam(1e-3, b1=0.5), optax.adam(1e-3, b1=0.5), batch_size=8)
