"""Describe the progress of a run in words, for `jaxgan status` and for the live view in the terminal."""

from collections.abc import Iterator

from jaxgan.study.block import Block
from jaxgan.study.interrupted import continuing, resume_line
from jaxgan.study.messages import counted
from jaxgan.study.monitoring.progress import Progress, Trained


def lines_of(found: Progress) -> Iterator[str]:
    """A few lines for a terminal or a log."""
    yield f"{found.folder}: {_state(found)}"
    seeds = counted(found.runs // max(1, found.configurations), "seed")
    what = f"{counted(found.configurations, 'configuration')} x {seeds} x {counted(found.steps, 'step')}"
    programs = {one.block.program for one in found.trained}
    yield f"{found.job} on {found.data}: {what}, {counted(len(programs), 'program')}"
    yield done_words(found)
    for one in found.trained if not found.finished else ():
        if one.under_way:
            yield f"under way: {title_of(one.block)}: {step_words(one, found.steps)}"
    yield failed_words(found)
    if not found.finished and (rate := rate_words(found)):
        yield ", ".join(rate)


def done_words(found: Progress) -> str:
    """Return the number of finished runs and, if there are stop rules, how many they stopped."""
    stopped = sum(one.stopped for one in found.trained)
    by_rules = f", stopped by a rule: {stopped:,}" if stopped else ""
    return f"runs done: {found.runs_done:,} of {found.runs:,}{by_rules}"


def failed_words(found: Progress) -> str:
    """Failures by code."""
    if found.failures is None:
        return f"failed runs: unknown, because metrics.csv is missing or damaged; see: jaxgan check {found.folder}"
    known = "" if found.finished else " so far"
    codes = ", ".join(f"{n:,} {code}" for code, n in sorted(found.failures.items())) or "none"
    return f"failed runs{known}: {codes}"


def rate_words(found: Progress) -> list[str]:
    """Return the rate and the remaining time; nothing if nothing was trained yet."""
    if not found.rate or found.seconds_left is None:
        return []
    left = f"about {duration(found.seconds_left)} of training left"
    rate = f"{found.rate:,.0f} steps per second over all runs together"
    return [rate, left] if found.seconds_left >= 0.5 else [rate]


def step_words(one: Trained, steps: int) -> str:
    """Return the current step of a block that has started."""
    return "being measured" if one.step >= steps else f"step {one.step:,} of {steps:,}"


def title_of(block: Block) -> str:
    """Return the title of a block.

    Example:
      >>> title_of(Block("hinge", ("hinge b1=0", "hinge b1=0.5"), 0, 7, wave=1))
      'hinge, seeds 0 to 7, wave 2, 16 runs'
    """
    wave = f", wave {block.wave + 1}" if block.wave else ""
    return f"{block.program}, seeds {block.first} to {block.last}{wave}, {counted(block.runs, 'run')}"


def duration(seconds: float) -> str:
    """Format a duration in a suitable unit.

    Example:
      >>> duration(42), duration(600), duration(4 * 3600 + 600)
      ('42 s', '10 min', '4 h 10 min')
    """
    minutes = round(seconds / 60)
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"


def _state(found: Progress) -> str:
    if isinstance(found.holder, str):
        return "finished" if found.finished else f"running or stopped; its lock cannot be read ({found.holder})"
    if found.holder is not None:
        about = found.holder
        by = f" by process {about['process']} on {about['host']}, since {about['since']}" if about else ""
        return f"running{by}"
    if found.finished:
        return "finished"
    if found.job == "study":
        return "stopped; the same command resumes it"
    if not found.resumable:
        return "stopped; a profile of frozen generators is repeated from its beginning"
    return f"stopped; continue with: {resume_line(continuing(found.job), found.folder)}"
