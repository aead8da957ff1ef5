"""Studies whose blocks workers carry out: equal bits with any engine, nothing lost and nothing done twice."""

import concurrent.futures as cf
import errno
import json
import logging
import os
import pickle
import re
import signal
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import pytest

import jaxgan as jg
from jaxgan.cli.app import main
from jaxgan.files import StoreError, file_digest
from jaxgan.results import store
from jaxgan.results.claim import RunFolder, part_of
from jaxgan.study import blocks, carrying_out, fitting
from jaxgan.study.block import Block, blocks_in
from jaxgan.study.distributed import clusters, engines, work
from jaxgan.study.distributed.processes import ProcessError
from jaxgan.study.distributed.resources import Cluster, Resources
from jaxgan.study.interrupted import Interrupted
from jaxgan.study.job import Job
from jaxgan.study.messages import OptionError
from tests.study.tiny import TINY, assert_equal

BLOCKS = 4
ONE = Resources(devices=1)  # of every worker, as the tests' own process has


def study(out: Path, engine: Any = None, lines: list[str] | None = None, **options: Any) -> jg.Results:
    """A study in `out`, begun there or gone on with."""
    log = (lambda line: None) if lines is None else lines.append
    return jg.load_run(
        jg.run_study("study", TINY | options, out=out, again=True, on=ONE, progress=False, log=log, engine=engine)
    )


@pytest.fixture(autouse=True)
def waves(monkeypatch: pytest.MonkeyPatch) -> None:
    """A block for each configuration, and no pictures: reports have tests of their own."""
    monkeypatch.setattr(blocks, "WAVE", 1)
    monkeypatch.setattr("jaxgan.study.compare.write_run_report", lambda *_: None)


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> jg.Results:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "WAVE", 1)
        patch.setattr("jaxgan.study.compare.write_run_report", lambda *_: None)
        return study(tmp_path_factory.mktemp("local") / "run")


class Killed(BaseException):
    """Ends everything, as a kill does."""


class InPlace:
    """An executor that does at once what it is asked for, by way of what a process would send another."""

    def __init__(self, before: Callable[[int], None] = lambda count: None):
        self.before, self.count = before, 0

    def submit(self, function: Callable[..., Any], /, *arguments: Any) -> cf.Future:
        self.count += 1
        self.before(self.count)
        assert all(isinstance(argument, str | int) for argument in arguments)
        here, sent = pickle.loads(pickle.dumps((function, arguments)))
        future: cf.Future = cf.Future()
        future.set_result(pickle.loads(pickle.dumps(here(*sent))))
        return future


class Without:
    """An executor whose every future raises."""

    def __init__(self, error: Exception):
        self.error, self.count = error, 0

    def submit(self, function: Callable[..., Any], /, *arguments: Any) -> cf.Future:
        self.count += 1
        future: cf.Future = cf.Future()
        future.set_exception(self.error)
        return future


def carried_out(folder: Path, engine: Any) -> None:
    """Blocks of no study, in a folder with a config.json."""
    folder.mkdir()
    (folder / "config.json").write_text('{"job": "compare"}')
    job = Job(None, RunFolder(folder, None, None), "compare", False, lambda line: None)  # type: ignore[arg-type]
    parts = [Block("minimax", (str(wave),), 0, 1, wave) for wave in range(BLOCKS)]
    made = engines.engine_from(engine, ONE, work.work, keep_programs=False)
    assert made is not None
    engines.carried_out(made, job, parts, parts)


def test_any_executor_gives_the_bits_of_one_process(local: jg.Results, tmp_path: Path) -> None:
    lines: list[str] = []
    assert_equal(study(tmp_path / "in place", InPlace(), lines), local)
    who = f"done by process {os.getpid()} on "
    assert [line.partition(who)[0] for line in lines if who in line] == [
        f"minimax-d_steps={k}, wave {wave} of 2: " for k in (1, 2) for wave in (1, 2)
    ]
    assert [line for line in lines if who in line][-1].endswith(", 4 of 4 blocks")
    with cf.ThreadPoolExecutor(2) as threads:
        assert_equal(study(tmp_path / "threads", threads), local)


@pytest.mark.slow
def test_what_was_begun_by_one_engine_is_gone_on_with_by_another(local: jg.Results, tmp_path: Path) -> None:
    def kill(count: int) -> None:
        if count == 3:
            raise Killed

    with pytest.raises(Killed):
        study(tmp_path / "run", InPlace(kill))
    assert not store.is_finished(tmp_path / "run")
    done = {path: path.stat().st_mtime_ns for path in (tmp_path / "run").glob("*/*/final/*")}
    assert len({path.parent for path in done}) == 2
    rest = InPlace()
    assert_equal(study(tmp_path / "run", rest), local)
    assert rest.count == 2
    assert done == {path: path.stat().st_mtime_ns for path in done}


def test_a_signal_leaves_what_no_worker_has_begun(tmp_path: Path) -> None:
    def stop(count: int) -> None:
        if count == 3:
            signal.raise_signal(signal.SIGINT)

    expected = r"2 of 4 blocks are done; stopped at step [12] of .* everything up to it is kept, continue with: jaxgan "
    with pytest.raises(Interrupted, match=expected):
        study(tmp_path / "run", InPlace(stop))
    rest = InPlace()
    study(tmp_path / "run", rest)
    assert rest.count == 2


def test_one_worker_carries_a_block_out_and_another_finds_it_done(
    local: jg.Results, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = local.folder or Path()
    monkeypatch.setattr(carrying_out, "train", lambda *arguments: pytest.fail("trained again"))
    block = blocks_in(store.read_config(folder))[0].folder
    arguments = str(folder), file_digest(folder / "config.json"), block, "compare"
    with cf.ThreadPoolExecutor(1) as threads:
        with part_of(folder, block):
            waits = threads.submit(work.work, *arguments, devices=1)
            with pytest.raises(cf.TimeoutError):
                waits.result(timeout=0.3)
        assert waits.result()[2] is None


def test_a_worker_asks_whether_its_own_machine_has_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fitting, "available_memory", lambda: 2**10)
    executor = InPlace()
    with pytest.raises(OptionError, match=r"the compiled program of .* needs .* of memory on .* are free"):
        study(tmp_path / "run", executor)
    assert executor.count  # its machine is not the one that leads


@pytest.mark.parametrize(
    ("error", "kind", "expected"),
    [
        (OSError(errno.ENOSPC, "full", "run/log.jsonl"), StoreError, "could not write run/log.jsonl: No space left"),
        (OptionError("probe", "x must be y"), OptionError, "^--probe: x must be y$"),
        (MemoryError("out"), MemoryError, "^out$"),
        (KeyError("x"), ProcessError, r"^test_engines\.py:\d+ raised KeyError: 'x'$"),  # of code that is the user's
        (RuntimeError("RESOURCE_EXHAUSTED: 3 GiB"), RuntimeError, "^RESOURCE_EXHAUSTED: 3 GiB$"),
    ],
)
def test_an_error_of_a_worker_is_raised_as_it_would_be_here(
    error: Exception, kind: type[Exception], expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: Any) -> None:
        raise error

    monkeypatch.setattr(work, "_workplace", fail)
    with pytest.raises(kind) as raised:
        carried_out(tmp_path / "run", InPlace())
    assert re.search(expected, str(raised.value))
    assert "in fail" in "".join(getattr(raised.value, "__notes__", []))  # where, for --traceback


class UncompletedJobError(RuntimeError):
    """As submitit calls it."""


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (BrokenProcessPool("terminated"), "a worker of Without died, perhaps for lack of memory; stopped; nothing was"),
        (UncompletedJobError("no output"), "a worker of Without died"),
        (OSError("timed out"), "Without gave no answer .OSError: timed out.; stopped; nothing was trained yet"),
    ],
)
def test_an_engine_that_gives_no_answer_is_a_line_with_what_goes_on(
    error: Exception, expected: str, tmp_path: Path
) -> None:
    engine = Without(error)
    with pytest.raises(ProcessError, match=expected + ".* continue with: jaxgan compare --resume --out "):
        carried_out(tmp_path / "run", engine)
    tries = engines.TRIES if isinstance(error, UncompletedJobError) else 1
    assert engine.count == tries * BLOCKS  # a job that died is begun again


@pytest.mark.parametrize(
    ("engine", "expected"),
    [
        ("dsak", "--on: got 'dsak'; did you mean 'dask'. known: dask, local, slurm; dask:WORKERS or dask:tcp"),
        ("dask:0", "--on: got dask:0, expected 1 to 1024 workers"),
        ("dask:tcp://here", "--on: got dask:tcp://here, expected a number of workers, or tcp://HOST:PORT"),
        ("dask:tcp://127.0.0.1:1", "--on: got dask:tcp://127.0.0.1:1, but no scheduler answers there"),
        ("slurm:gpu", "--on: got 'gpu' in slurm:gpu, expected NAME=VALUE, such as partition=gpu"),
        ("slurm:cluster=local,partitoin=gpu", "--on: submitit rejects .*Unknown argument 'partitoin' for"),
        (7, "--on: got int, expected one of local, dask, slurm, or an executor"),
    ],
)
def test_an_engine_that_cannot_be_is_a_line_and_leaves_nothing(engine: Any, expected: str, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=expected):
        study(tmp_path / "run", engine)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(("engine", "package"), [("dask", "distributed"), ("slurm", "submitit")])
def test_an_extra_that_is_not_installed_is_a_line(
    engine: str, package: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("jaxgan.study.distributed.clusters.find_spec", lambda name: None)
    assert main(["train", "--data", "ring", "--on", engine]) == 2
    line = f"jaxgan: --on: {engine} needs {package}: pip install 'jaxgan[{engine}]'\n"
    assert capsys.readouterr().err == line


def test_one_job_is_not_spread_in_two_ways() -> None:
    on = Resources(cluster=Cluster("localhost:1234", 2, 0))
    with pytest.raises(OptionError, match="--on: got it with --distributed or --coordinator, expected one of them"):
        engines.engine_from("dask", on, work.work, keep_programs=False)


def test_a_worker_that_sees_another_folder_or_other_code_says_so(
    local: jg.Results, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = local.folder or Path()
    digest, block = file_digest(folder / "config.json"), blocks_in(store.read_config(folder))[0].folder
    error = work.work(str(tmp_path), digest, block, "compare")[2]
    assert isinstance(error, StoreError) and "does not see the run in" in str(error)
    assert not list(tmp_path.iterdir())
    work._workplace.cache_clear()
    monkeypatch.setattr("jaxgan.study.provenance.sources", lambda: "f" * 64)
    error = work.work(str(folder), digest, block, "compare", devices=1)[2]
    assert isinstance(error, StoreError) and "was started by other code of jaxgan" in str(error)


def kill_one(folder: Path, after: int, stop: threading.Event, killed: list[tuple[Path, dict[Path, int]]]) -> None:
    """Kills the first worker that has begun a block when `after` others are done; notes the block, and what was done.

    Args:
      folder: the run's.
      after: blocks that are done before.
      stop: ends the search.
      killed: takes the folder of the block, and the times at which other blocks were done.
    """
    while not stop.wait(0.01):
        begun = {lock.parent for lock in folder.glob("*/*/.lock")}
        done = {path.parent.parent for path in folder.glob("*/*/final/*.npz")}
        for block in begun - done if len(done) >= after else ():
            try:
                process = json.loads((block / ".lock").read_text())["process"]
            except ValueError:  # it is being written
                continue
            os.kill(process, signal.SIGKILL)
            killed.append((block, {p: p.stat().st_mtime_ns for b in done for p in (b / "final").iterdir()}))
            return


def test_what_a_cluster_logs_is_not_shown(caplog: pytest.LogCaptureFixture) -> None:
    """Whatever else has made a handler for everybody's lines: they would stand among those of the study."""
    with caplog.at_level(logging.INFO), clusters._quiet("distributed"):
        logging.getLogger("distributed.scheduler").info("State start")
    assert not caplog.records


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of the engines
@pytest.mark.parametrize(("engine", "after"), [("dask:2", 1), ("slurm:cluster=local,timeout_min=60", 0)])
def test_a_worker_that_is_killed_loses_nothing_and_nothing_is_done_twice(
    engine: str, after: int, local: jg.Results, tmp_path: Path
) -> None:
    folder, lines, stop, killed = tmp_path / "run", list[str](), threading.Event(), list[Any]()
    killer = threading.Thread(target=kill_one, args=(folder, after, stop, killed))
    killer.start()
    try:
        found = study(folder, engine, lines)
    finally:
        stop.set()
        killer.join()
    assert_equal(found, local)
    ((block, done),) = killed
    assert done == {path: path.stat().st_mtime_ns for path in done} and (after == 0 or done)
    workers = [line.partition(": done by ")[2].partition(",")[0] for line in lines if ": done by " in line]
    assert len(workers) == BLOCKS and len(set(workers)) > 1
    entries = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    counts = Counter((entry["configuration"], entry["wave"], entry["step"]) for entry in entries)
    wave = int([*block.name.split("-"), "0"][3])
    again = {key for key, count in counts.items() if count > 1}
    assert all((configuration, n) == (block.parent.name, wave) for configuration, n, _ in again)
    assert max(counts.values()) <= 2 and sum(step == TINY["steps"] for _, _, step in counts) == BLOCKS
    assert not (folder / "jobs").exists()
