"""Turn an error or a signal during a job into one line that says what is kept."""

from typing import Any

from jaxgan.stopping import stoppable
from jaxgan.study.distributed import processes
from jaxgan.study.interrupted import Interrupted, last_line, not_written
from jaxgan.study.job import Job


class giving_up:  # a context manager, named after what it does
    """A context in which an error that the other processes do not know of ends this process.

    A signal becomes `Interrupted`, and a disk error, such as a full disk, a `StoreError`; both say what is kept.
    """

    def __init__(self, job: Job):
        self.job = job

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if error is None or isinstance(error, Interrupted | processes.ProcessError):
            return
        with stoppable() as stopping:
            processes.give_up(stopping.status if isinstance(error, KeyboardInterrupt) and stopping.first else 1)
        if isinstance(error, KeyboardInterrupt):
            raise Interrupted(last_line(self.job.name, self.job.folder)) from None
        if (full := not_written(error, self.job.name, self.job.folder)) is not None:
            raise full from error
