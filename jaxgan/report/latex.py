"""Tables for a paper in LaTeX, with the rules of booktabs."""

from collections.abc import Iterable

from jaxgan.report.tables import Cell, Section

_LONG = 40  # rows, from which a table is broken over pages
_ESCAPED = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", "∞": r"$\infty$", "“": "``", "”": "''", "\n": " ",
}  # fmt: skip


def to_latex(sections: Iterable[Section]) -> str:
    """A table for each section, its caption above; long ones as `longtable`.

    >>> from jaxgan.report.tables import section
    >>> print(to_latex([section("x", "Share in %", ("loss", "n"), [("a_b", Cell("3", value=3))])]))
    % needs \\usepackage{booktabs, longtable}
    <BLANKLINE>
    \\begin{table}
    \\caption{Share in \\%}
    \\label{tab:x}
    \\begin{tabular}{lr}
    \\toprule
    loss & n \\\\
    \\midrule
    a\\_b & 3 \\\\
    \\bottomrule
    \\end{tabular}
    \\end{table}
    <BLANKLINE>
    """
    tables = [_table(part.turned()) for part in sections]
    return "\n\n".join([r"% needs \usepackage{booktabs, longtable}", *tables]) + "\n"


def _table(part: Section) -> str:
    columns = "".join("l" if part.is_words(j) else "r" for j in range(len(part.head)))
    caption = f"\\caption{{{_escaped(part.caption)}}}"
    label = f"\\label{{tab:{part.name}}}"
    head = [r"\toprule", _row(part.head), r"\midrule"]
    rows = [_row(row) for row in part.rows]
    if len(rows) >= _LONG:
        lines = [f"\\begin{{longtable}}{{{columns}}}", f"{caption}{label}\\\\", *head, r"\endhead", *rows,
                 r"\bottomrule", r"\end{longtable}"]  # fmt: skip
    else:
        lines = [r"\begin{table}", caption, label, f"\\begin{{tabular}}{{{columns}}}", *head, *rows, r"\bottomrule",
                 r"\end{tabular}", r"\end{table}"]  # fmt: skip
    return "\n".join(lines)


def _row(cells: Iterable[Cell]) -> str:
    return " & ".join(_escaped(cell.plain) for cell in cells) + r" \\"


def _escaped(text: str) -> str:
    return "".join(_ESCAPED.get(letter, letter) for letter in text)
