"""Tables for runs and gradient profiles, as Markdown, JSON, HTML, on a terminal and in a pipe.

All forms are made from the same cells, so they cannot disagree.
"""

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from jaxgan.report.words import bounds, number
from jaxgan.results.statistics import Interval, Summary

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult
    from rich.table import Table as RichTable
    from rich.text import Text

WIDE = 5  # columns from which a page or Markdown transposes a table with fewer rows
_WORDS = 20  # letters from which a column of words may be wrapped on a terminal


class Cell(NamedTuple):
    """A cell: its main text, a note below it, and the value for JSON.

    >>> Cell("undefined,", "5 of 8 failed\\nall seeds 118\\n[101, 130]").plain
    'undefined, 5 of 8 failed; all seeds 118 [101, 130]'
    """

    text: str
    note: str = ""  # lines
    value: Any = None  # a number, or several by name; None: the text
    failed: bool = False  # to be highlighted

    @property
    def plain(self) -> str:
        """The cell in one line."""
        note = self.note.replace("\n", "; ").replace("; [", " [")
        if isinstance(self.value, str) and note:  # a name, and a note on it
            note = f"({note})"
        return f"{self.text} {note}".strip()

    @property
    def order(self) -> str | None:
        """The key for sorting on a page: a number for JavaScript, "" if it is undefined, None for words.

        >>> Cell("8.2", value={"estimate": 8.24}).order, Cell("none", value=math.nan).order, Cell("a").order
        ('8.24', '', None)
        """
        value = self.value
        if isinstance(value, dict):
            value = next((value[name] for name in ("estimate", "count") if name in value), math.nan)
        if value is None or isinstance(value, str):
            return None
        return "" if math.isnan(value) else f"{value}".replace("inf", "Infinity")

    @property
    def key(self) -> Any:
        """The value for JSON."""
        return self.text if self.value is None else self.value


class Section(NamedTuple):
    """A table with its caption; `name` is its key in table.json. The first columns name the rows."""

    name: str
    caption: str
    head: tuple[Cell, ...]
    rows: list[tuple[Cell, ...]]

    @property
    def leads(self) -> int:
        """The number of columns that identify a row: 1, or more if names repeat."""
        for k in range(1, len(self.head)):
            if len({tuple(cell.text for cell in row[:k]) for row in self.rows}) == len(self.rows):
                return k
        return 1

    def is_words(self, column: int) -> bool:
        """Whether a column holds words, which are aligned to the left."""
        return all(isinstance(row[column].key, str) for row in self.rows)

    def transposed(self) -> "Section":
        """The table with rows and columns exchanged."""
        k = self.leads
        titles = [_joined(row[:k]) for row in self.rows]
        rows = [(self.head[j], *(row[j] for row in self.rows)) for j in range(k, len(self.head))]
        return Section(self.name, self.caption, (Cell(""), *titles), rows)

    def turned(self) -> "Section":
        """Transposed if that makes a wide table narrow and one column names the rows."""
        wide = len(self.head) > max(WIDE, len(self.rows))
        return self.transposed() if wide and self.leads == 1 else self


def section(name: str, caption: str, head: Iterable[str | Cell], rows: Iterable[Iterable[str | Cell]]) -> Section:
    """A section from cells and texts."""
    return Section(name, caption, tuple(map(_cell, head)), [tuple(map(_cell, row)) for row in rows])


def numeric(x: float, text: str | None = None) -> Cell:
    """A cell with a number."""
    return Cell(number(x) if text is None else text, value=x)


def interval_cell(interval: Interval, form: str = "") -> Cell:
    """An estimate above its interval; `form` as of `format`.

    >>> interval_cell(Interval(-1.5, -1.6, -1.4), "+.2f").plain
    '-1.50 [-1.60, -1.40]'
    """
    value = interval._asdict()
    if math.isnan(interval.estimate):
        return Cell("undefined", value=value)
    if not form:
        return Cell(number(interval.estimate), bounds(interval), value)
    estimate, low, high = (f"{each:{form}}" for each in interval)
    return Cell(estimate, "" if math.isnan(interval.low) else f"[{low}, {high}]", value)


def summary_cell(summary: Summary, *, signed: bool = False) -> Cell:
    """An estimate above its interval; or "undefined" with the reason and the values that do exist.

    Those are the mean over all seeds as measured, the mean with failed seeds set to worst, and the mean of the others.

    >>> summary_cell(Summary(Interval(8.24, 7.9, 8.6), seeds=8, failed=0, defined=True)).plain
    '8.24 [7.9, 8.6]'
    >>> none = Interval(*[math.nan] * 3)
    >>> summary_cell(Summary(none, 8, 5, False, Interval(118.0, 101.0, 130.0))).plain
    'undefined, 5 of 8 failed; all seeds 118 [101, 130]'
    >>> each = Interval(3.5, 1.0, 6.0), Interval(0.0, 0.0, 2.0), Interval(7.8, 7.5, 8.0)
    >>> summary_cell(Summary(none, 8, 5, False, *each)).plain.partition("; ")[2]
    'all seeds 3.5 [1, 6]; failed ones set to worst 0 [0, 2]; the 3 others 7.8 [7.5, 8]'
    """
    kinds = ("measured", "at_worst", "others")
    measured = {name: getattr(summary, name)._asdict() for name in kinds} if not summary.defined else {}
    counts = {"seeds": summary.seeds, "failed": summary.failed, "defined": summary.defined}
    value = summary.interval._asdict() | counts | measured
    if summary.defined:
        none = "[n/a: one seed]" if summary.seeds == 1 else ""
        note = bounds(summary.interval, signed=signed) or none
        return Cell(number(summary.interval.estimate, signed=signed), note, value)
    what = "all pairs" if signed else "all seeds"
    failed = f"{summary.failed} of {summary.seeds}{' pairs' if signed else ''} failed"
    seen = f"{what if summary.seeds > 1 else 'measured'} {number(summary.measured.estimate, signed=signed)}"
    lines = [failed, " ".join(filter(None, [seen, bounds(summary.measured, signed=signed)]))]
    left = summary.seeds - summary.failed
    more = {
        "failed ones set to worst": summary.at_worst,
        f"the {f'{left} others' if left > 1 else 'other one'}": summary.others,
    }
    for text, interval in {} if signed or summary.seeds == 1 else more.items():
        if not math.isnan(interval.estimate):
            lines.append(" ".join(filter(None, [text, number(interval.estimate), bounds(interval)])))
    return Cell("undefined,", "\n".join(filter(None, lines)), value)


def to_dict(sections: Iterable[Section]) -> dict[str, Any]:
    """For JSON: caption and rows by section name; `pandas.DataFrame` turns the rows into a frame."""
    return {
        part.name: {
            "caption": part.caption,
            "rows": [{str(h.key): c.key for h, c in zip(part.head, row, strict=True)} for row in part.rows],
        }
        for part in sections
    }


def to_markdown(sections: Iterable[Section]) -> str:
    """As Markdown, each table below its caption."""
    parts = []
    for part in (each.turned() for each in sections):
        rows = [[cell.plain for cell in part.head], ["---"] * len(part.head)]
        rows += [[cell.plain for cell in row] for row in part.rows]
        lines = ["| " + " | ".join(_markdown(text) for text in row) + " |" for row in rows]
        parts += [part.caption, "\n".join(lines)]
    return "\n\n".join(parts) + "\n"


def to_tsv(sections: Iterable[Section]) -> str:
    """For a pipe: tab-separated cells, captions as comments, an empty line between tables."""
    parts = []
    for part in sections:
        rows = [part.head, *part.rows]
        lines = ["\t".join(cell.plain.replace("\t", " ").replace("\n", " ") for cell in row) for row in rows]
        parts.append("\n".join([f"# {part.caption}", *lines]))
    return "\n\n".join(parts) + "\n"


def show(sections: Sequence[Section], console: "Console | None" = None) -> None:
    """Prints the tables: to fit the terminal, or as tab-separated values into a pipe or file."""
    if console is None:
        from rich.console import Console

        console = Console()
    if console.is_terminal:
        console.print(*(Fitted(part) for part in sections), sep="\n")
    else:
        console.file.write(to_tsv(sections))


class Fitted(NamedTuple):
    """A section for rich, in the first of these forms that fits: as it is, transposed, rows one below the other."""

    section: Section

    def __rich_console__(self, console: "Console", options: "ConsoleOptions") -> "RenderResult":
        from rich.text import Text  # a name may contain what rich reads as markup

        yield Text(self.section.caption, style="italic")
        for part in (self.section, self.section.transposed()):
            if (widths := _widths(part, options.max_width)) is not None:
                yield _rich_table(part, widths)
                return
        yield from _records(self.section, options.max_width)


def _widths(part: Section, room: int) -> list[int] | None:
    """The widths of a terminal's columns; None if they do not fit. Numbers are not wrapped and words are not cut."""
    least, most = [], []
    for j, head in enumerate(part.head):
        lines = [line for row in part.rows for line in _lines(row[j])]
        longest = max(map(len, lines), default=0)
        words = [len(word) for line in [*_lines(head), *(lines if part.is_words(j) else [])] for word in line.split()]
        body = min(longest, _WORDS) if part.is_words(j) else longest
        least.append(max([body, *words]))
        most.append(max(longest, max(map(len, _lines(head)))))
    spare = room - sum(least) - 2 * len(least)
    if spare < 0:
        return None
    for j in range(len(least)):
        more = min(spare, most[j] - least[j])
        least[j], spare = least[j] + more, spare - more
    return least


def _rich_table(part: Section, widths: list[int]) -> "RichTable":
    from rich import box, table

    tall = any(len(_lines(cell)) > 3 for row in part.rows for cell in row)
    rich = table.Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), leading=int(tall))
    for j, (head, width) in enumerate(zip(part.head, widths, strict=True)):
        left = part.is_words(j)
        rich.add_column(_text(head, bold=False), justify="left" if left else "right", width=width, overflow="fold")
    for row in part.rows:
        rich.add_row(*(_text(cell, bold=j == 0) for j, cell in enumerate(row)))
    return rich


def _records(part: Section, room: int) -> "RenderResult":
    """Each row below its name, with a line for each column."""
    from rich.padding import Padding
    from rich.table import Table as RichTable
    from rich.text import Text

    k = part.leads
    left = min(max((len(cell.text) for cell in part.head[k:]), default=1), max(10, room // 2 - 2))
    right = room - left - 6
    for row in part.rows:
        yield Text("")
        name = _joined(row[:k])
        yield _text(name._replace(note=name.note.replace("\n", "; ")), bold=True)
        if any(len(word) > left for cell in part.head for word in cell.text.split()):  # names are not broken
            for head, cell in zip(part.head[k:], row[k:], strict=True):
                yield Padding(Text(head.text), (0, 0, 0, 2))
                yield Padding(_text(cell, bold=False), (0, 0, 0, 4))
            continue
        lines = RichTable.grid(padding=(0, 2))
        lines.add_column(width=left, overflow="fold")
        lines.add_column(overflow="fold")
        for head, cell in zip(part.head[k:], row[k:], strict=True):
            if cell.plain:
                fits = len(cell.plain) <= right and not cell.failed
                lines.add_row(Text(head.text), Text(cell.plain) if fits else _text(cell, bold=False))
        yield Padding(lines, (0, 0, 0, 2))
    yield Text("")


def _text(cell: Cell, *, bold: bool) -> "Text":
    from rich.text import Text

    text = Text(cell.text, style="bold red" if cell.failed else "bold" if bold else "")
    return text.append("\n" + cell.note, style="not bold dim") if cell.note else text


def _lines(cell: Cell) -> list[str]:
    return [*cell.text.split("\n"), *cell.note.split("\n")]


def _joined(cells: Sequence[Cell]) -> Cell:
    if len(cells) == 1:
        return cells[0]
    return Cell(", ".join(cell.text for cell in cells), "\n".join(cell.note for cell in cells if cell.note))


def _cell(content: str | Cell) -> Cell:
    return content if isinstance(content, Cell) else Cell(content)


def _markdown(text: str) -> str:
    return text.replace("|", r"\|").replace("<", "&lt;").replace("\n", " ")
