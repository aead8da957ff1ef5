"""Run one form in a separate process: `python -m benchmarks.worker FORM WORKLOAD SEEDS`.

It builds the form, runs a first step and reports this as a line of JSON. It then answers every line `run N` with the
seconds that N steps of all seeds took. Between requests it sleeps, so that forms can take turns without disturbing each
other.
"""

import json
import os
import sys
import time
from collections.abc import Iterable
from typing import Any, TextIO

from benchmarks.forms import Form, find, peak_mib
from benchmarks.workloads import SMALL_RING, WORKLOADS

_KNOWN = WORKLOADS | {SMALL_RING.name: SMALL_RING}


def build(name: str, workload: str, seeds: int) -> tuple[Form, dict[str, Any]]:
    """Build a form and run its first step; return it with its facts and the seconds until then."""
    clock = time.perf_counter()
    form = find(name)(_KNOWN[workload], seeds)
    form.run(1)
    return form, {"ready": True, "build_seconds": time.perf_counter() - clock, "facts": dict(form.facts)}


def serve(form: Form, questions: Iterable[str], answers: TextIO) -> None:
    """Answer requests `run N` until there are no more.

    Raises:
      ValueError: if a request has another form.
    """
    for question in questions:
        verb, _, number = question.strip().partition(" ")
        if verb != "run" or not number.isdigit():
            raise ValueError(f"expected 'run N', got {question.strip()!r}")
        clock = time.perf_counter()
        form.run(int(number))
        seconds = time.perf_counter() - clock
        _say(answers, {"seconds": seconds, "peak_rss_mib": (form.peak_mib or peak_mib)()})


def main() -> int:
    """Run the worker, with the output of the frameworks on stderr, so that stdout has only answers."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    try:
        form, ready = build(sys.argv[1], sys.argv[2], int(sys.argv[3]))
        _say(answers, ready)
        serve(form, sys.stdin, answers)
    except Exception as error:  # the driver reports it as this form's result
        reason = (str(error).strip().splitlines() or [""])[0]
        _say(answers, {"failed": f"{type(error).__name__}: {reason}"})
        return 1
    return 0


def _say(answers: TextIO, answer: dict[str, Any]) -> None:
    print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    sys.exit(main())
