"""The live view of a run in the terminal: at most a dozen lines, computed from the progress of the run."""

import textwrap
from collections.abc import Iterator, Sequence

from rich.console import Group
from rich.text import Text

from jaxgan.study.messages import counted
from jaxgan.study.monitoring.how_far import done_words, failed_words, rate_words, step_words
from jaxgan.study.monitoring.progress import Progress, Trained

WITH_BARS = 60
"""The minimum number of columns at which progress bars are shown beside the names."""
MOST = 5
"""The maximum number of programs that get a line each; if there are more, only those in progress are shown."""
_SHORTEST, _LONGEST = 8, 40  # length of a bar in columns
_LEFT_TO_WORDS = 26  # columns reserved for the text beside a name


def view_of(found: Progress, columns: int, note: str = "", *, plain: bool = False) -> Group:
    """Return the view for a terminal width; it ends in an empty line, where a killed program leaves the cursor.

    Args:
      found: the progress of the run.
      columns: the width of the terminal.
      note: the current activity, such as compilation, shown instead of the rate.
      plain: whether to use only ASCII.
    """
    programs, columns = _programs(found), max(columns, 20)
    lines = list(_rows(found, programs, columns, plain))
    if len(programs) > MOST:
        lines += _wrapped([_rest(programs)], columns)
    rate = [note] if note else rate_words(found)[::-1]  # the rate is read most often, so it comes first
    facts = [*rate[:1], *_losses(found), *rate[1:]]
    if len(found.trained) == 1:
        lines += _wrapped(facts, columns, most=1)
        lines += _wrapped(_split(failed_words(found)), columns, style="yellow") if found.failures else []
    else:
        lines += _wrapped(_split(done_words(found)), columns)
        lines += _wrapped(_split(failed_words(found)), columns, style="yellow" if found.failures else "dim")
        lines += _wrapped(facts, columns, most=2, style="dim")
        lines = [Text(""), *lines]
    return Group(*lines, Text(""))


def _programs(found: Progress) -> list[list[Trained]]:
    """Group the blocks by program."""
    names = dict.fromkeys(one.block.program for one in found.trained)
    return [[one for one in found.trained if one.block.program == name] for name in names]


def _rows(found: Progress, programs: Sequence[list[Trained]], columns: int, plain: bool) -> Iterator[Text]:
    """Yield a line for each program, or only for those in progress if there are more than `MOST`."""
    shown = [one for one in programs if any(part.under_way for part in one)] if len(programs) > MOST else programs
    shown, wide = list(shown)[:MOST], columns >= WITH_BARS
    words = [_words(parts, found.steps, wide) for parts in shown]
    width = max((len(_longest(parts, found.steps, wide)) for parts in shown), default=0)
    longest = max((len(parts[0].block.program) for parts in shown), default=0)
    name = min(longest, columns - 3 - min(width, _LEFT_TO_WORDS))
    bar = min(_LONGEST, columns - 1 - name - 2 - 2 - width)
    for parts, where in zip(shown, words, strict=True):
        line = Text(_cut(parts[0].block.program, name).ljust(name))
        done = all(part.done for part in parts)
        if wide and bar >= _SHORTEST:
            line.append("  ").append(_bar(_share(parts, found.steps), bar, done, plain))
        line.append("  ").append(where, "dim" if done or not any(part.step for part in parts) else "")
        line.truncate(columns - 1)
        yield line


def _share(parts: Sequence[Trained], steps: int) -> float:
    """Return the completed share of all steps of all runs."""
    done = sum(one.block.runs * (steps if one.done else min(one.step, steps)) for one in parts)
    return done / max(1, steps * sum(one.block.runs for one in parts))


def _words(parts: Sequence[Trained], steps: int, wide: bool) -> str:
    """Return how many of a program's blocks are done, and the step of the block in progress."""
    done, now = sum(one.done for one in parts), [one for one in parts if one.under_way]
    step = step_words(now[0], steps) if len(now) == 1 else f"{len(now)} under way" if now else ""
    if len(parts) == 1:
        return step or ("done" if done else "to come")
    if not wide:
        step = step.partition(" of ")[0]
    blocks = f"{done:,} of {counted(len(parts), 'block')}" if wide else f"{done:,} of {len(parts):,}"
    return ", ".join(filter(None, (blocks, step)))


def _longest(parts: Sequence[Trained], steps: int, wide: bool) -> str:
    """Return the longest text that `_words` can produce, so that the bars keep a constant length."""
    one = parts[0]._replace(step=steps - 1, done=False)
    return _words([one, *(part._replace(step=steps, done=True) for part in parts[1:])], steps, wide)


def _rest(programs: Sequence[list[Trained]]) -> str:
    """Summarize in numbers the programs that have no line."""
    done = sum(all(part.done for part in parts) for parts in programs)
    now = sum(any(part.under_way for part in parts) for parts in programs)
    left = len(programs) - done - now
    more = [f"{now - MOST:,} more under way"] if now > MOST else []
    return ", ".join([*more, f"{done:,} of {counted(len(programs), 'program')} done", f"{left:,} to come"])


def _losses(found: Progress) -> list[str]:
    """Return the latest losses of the part in progress; nothing if there are several such parts."""
    now = [one for one in found.trained if one.under_way and one.step < found.steps]
    losses = now[0].losses if len(now) == 1 else {}
    return [", ".join(f"{name} {value:.3f}" for name, value in losses.items())] if losses else []


def _bar(share: float, width: int, done: bool, plain: bool) -> Text:
    """Draw a progress bar. The completed part is also thicker, so that the bar can be read without colour."""
    full = width if done else int(share * width)
    bar = Text(("#" if plain else "━") * full, "green" if done else "cyan")
    return bar.append(("-" if plain else "─") * (width - full), "bright_black")


def _split(words: str) -> list[str]:
    return words.split(", ")


def _wrapped(facts: Sequence[str], columns: int, *, most: int | None = None, style: str = "") -> list[Text]:
    """Join as many facts as fit on each line; a fact that is longer than a line is wrapped between words."""
    lines = list[str]()
    for fact in facts:
        if lines and len(joined := f"{lines[-1]}, {fact}") < columns:
            lines[-1] = joined
        else:
            lines += textwrap.wrap(fact, columns - 1)
    return [Text(line, style) for line in lines[:most]]


def _cut(name: str, width: int) -> str:
    return name if len(name) <= width else f"{name[: max(0, width - 3)]}..."
