"""External engines for `--on`; their packages are only imported when they are used."""

import logging
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from jaxgan.runs.placement import cpu_cores
from jaxgan.study.messages import OptionError

Opened = Callable[[Path, int], AbstractContextManager[Any]]
"""(folder of the run, number of blocks to run) -> a context manager that yields an executor."""
JOBS = "jobs"
"""The subfolder of a run that submitit writes to; it is removed after the last block."""
_CONNECT = 10.0  # timeout in seconds for a scheduler's answer
_NO_SIGINT = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)"  # only the leading process handles Ctrl-C


def _need(package: str, extra: str) -> None:
    if find_spec(package) is None:
        raise OptionError("on", f"{extra} needs {package}: pip install 'jaxgan[{extra}]'")


def dask(rest: str, devices: int) -> tuple[Opened, int, int]:
    """Return Dask's executor, the devices per worker and the number of workers on this machine, for `--on dask:rest`.

    With a scheduler's address, it uses that cluster and no workers here; otherwise, workers here share the cores.

    Raises:
      OptionError: if Dask is not installed, or nothing answers at the address.
    """
    _need("distributed", "dask")
    if rest and not rest.isdecimal():
        _check_answers(rest)
        return lambda folder, blocks: _dask_at(rest), devices, 0
    workers = int(rest) if rest else max(1, cpu_cores() // max(1, devices))
    if not 0 < workers <= 1024:
        raise OptionError("on", f"got dask:{rest}, expected 1 to 1024 workers")
    share = devices or max(1, cpu_cores() // workers)
    return lambda folder, blocks: _dask_here(min(workers, blocks)), share, workers


def _check_answers(address: str) -> None:
    host, _, port = address.rpartition("://")[2].rpartition(":")
    if not (host and port.isdecimal()):
        raise OptionError("on", f"got dask:{address}, expected a number of workers, or tcp://HOST:PORT")
    if address.rpartition("://")[0] in ("", "tcp"):
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout=_CONNECT).close()
        except (OSError, OverflowError) as error:
            raise OptionError("on", f"got dask:{address}, but no scheduler answers there ({error})") from error


@contextmanager
def _dask_at(address: str) -> Iterator[Any]:
    from distributed import Client

    with Client(address, timeout=_CONNECT, set_as_default=False) as client:
        yield client.get_executor(pure=False)


@contextmanager
def _dask_here(workers: int) -> Iterator[Any]:
    from distributed import Client, LocalCluster

    with (
        _quiet("distributed"),
        LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            processes=True,
            memory_limit=None,  # the total that the workers need is checked before they start
            dashboard_address=None,
            silence_logs=logging.CRITICAL,
            preload=[_NO_SIGINT],
        ) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        yield client.get_executor(pure=False)


@contextmanager
def _quiet(name: str) -> Iterator[None]:
    """Silence a library's log, whatever handlers other libraries have installed: users of a study do not need it."""
    logger = logging.getLogger(name)
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(before)


class _Requeued:
    """Work that submitit queues again when its time limit is reached, to continue from the last checkpoint."""

    def __init__(self, work: Callable[..., Any]):
        self.work = work

    def __call__(self, *arguments: str) -> Any:
        return self.work(*arguments)

    def checkpoint(self, *arguments: str) -> Any:
        """Return the job to submit again; submitit calls this before it ends a job."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self, *arguments)


class _Submitit(NamedTuple):
    executor: Any

    def submit(self, work: Callable[..., Any], *arguments: str) -> Any:
        return self.executor.submit(_Requeued(work), *arguments)


def slurm(rest: str) -> Opened:
    """Return submitit's executor with the parameters of `--on slurm:rest`; `cluster=local` means this machine.

    Raises:
      OptionError: if submitit is not installed, there is no SLURM here, or a parameter is unknown.
    """
    _need("submitit", "slurm")
    settings = dict[str, Any]()
    for text in filter(None, rest.split(",")):
        name, equals, value = text.partition("=")
        if not (name and equals and value):
            raise OptionError("on", f"got {text!r} in slurm:{rest}, expected NAME=VALUE, such as partition=gpu")
        settings[name.strip()] = _value(value.strip())
    cluster = str(settings.pop("cluster", "slurm"))
    with tempfile.TemporaryDirectory() as trial:  # reject bad parameters before any work is done
        try:
            _executor(Path(trial), cluster, settings)
        except (NameError, AssertionError, ValueError, RuntimeError, TypeError) as error:
            line = next(iter(str(error).strip().splitlines()), type(error).__name__)
            raise OptionError("on", f"submitit rejects slurm:{rest}: {line}") from error

    @contextmanager
    def opened(folder: Path, blocks: int) -> Iterator[Any]:
        yield _Submitit(_executor(folder / JOBS, cluster, settings))
        shutil.rmtree(folder / JOBS, ignore_errors=True)  # only after success: otherwise the logs are needed

    return opened


def _executor(folder: Path, cluster: str, settings: dict[str, Any]) -> Any:
    from submitit import AutoExecutor

    def full(name: str) -> str:
        return name if name in AutoExecutor._valid_parameters() or name.startswith("slurm_") else f"slurm_{name}"

    executor = AutoExecutor(folder=folder, cluster=cluster)
    executor.update_parameters(**{"name": "jaxgan"} | {full(name): value for name, value in settings.items()})
    return executor


def _value(text: str) -> Any:
    """Convert text to a number if it is one.

    Example:
      >>> _value("60"), _value("1.5"), _value("gpu")
      (60, 1.5, 'gpu')
    """
    for kind in (int, float):
        with suppress(ValueError):
            return kind(text)
    return text
