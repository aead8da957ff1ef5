"""The early warnings as Markdown and as a figure."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.diagnosis.warning import DEADLINE, EARLIEST
from benchmarks.report import table
from jaxgan.diagnostics import Outcome

CODES = [outcome.name for outcome in Outcome]
Row = Mapping[str, Any]


def percent(found: Mapping[str, Any], digits: int = 0) -> str:
    """Format a share with its interval.

    Example:
      >>> percent({"count": 15, "of": 16, "share": 0.9375, "low": 0.717, "high": 0.989})
      '94 % [72, 99]'
    """
    if found["share"] is None:
        return ""
    share, low, high = (f"{100 * found[name]:.{digits}f}" for name in ("share", "low", "high"))
    return f"{share} % [{low}, {high}]"


def markdown(results: Mapping[str, Any]) -> list[str]:
    """Return the parts: which alarms rang, how many of them rang before the failure was shown, and what this means."""
    rows = results["warnings"]
    codes = _codes(rows)
    rang = [[row["number"], f"{row['level']:.3g}", percent(row["false"]),
             *(percent(row["codes"][code]["detected"]) if code in row["codes"] else "" for code in codes)]
            for row in rows]  # fmt: skip
    before = [[row["number"], *(_lead(row, code, rows) for code in codes)] for row in rows]
    return [
        f"**Early warning**, on the testing half: runs in which an alarm rang, from {EARLIEST:g} of the run on, by the "
        "code that they were made to have. Levels are set on the controls of the other half.",
        table(["number", "level", "false alarms", *codes], rang),
        "**Before the failure is shown**: runs in which the alarm rang earlier than that; the median lead of all in "
        "which it rang, in steps, and as a share of the run",
        table(["number", *codes], before),
        _meaning(results),
    ]


def _codes(rows: Sequence[Row]) -> list[str]:
    return [code for code in CODES if any(code in row["codes"] for row in rows)]


def without_lead(rows: Sequence[Row]) -> list[str]:
    """Return the codes whose runs never show a failure although alarms rang, so that no lead is defined."""
    found = []
    for code in _codes(rows):
        own = [row["codes"][code] for row in rows if code in row["codes"]]
        if all(one["lead"] is None for one in own) and any(one["detected"]["count"] for one in own):
            found.append(code)
    return found


def announced(row: Row, code: str, rows: Sequence[Row]) -> Mapping[str, Any] | None:
    """Return what is known of the lead; None if the number is unknown, or if no lead is defined for any run."""
    found: Mapping[str, Any] | None = row["codes"].get(code)
    if found is None or code in without_lead(rows):
        return None
    return None if found["lead"] is None and found["detected"]["count"] else found


def _lead(row: Row, code: str, rows: Sequence[Row]) -> str:
    found = announced(row, code, rows)
    if found is None:
        return ""
    if found["lead"] is None:
        return percent(found["early"])
    between = found.get("lead_steps_interval")
    interval = "" if between is None else f" [{between[0]:+.0f}, {between[1]:+.0f}]"
    return f"{percent(found['early'])}; {found['lead_steps']:+.0f}{interval} ({found['lead']:+.3f})"


def _meaning(results: Mapping[str, Any]) -> str:
    """Say what the leads mean, and what they cannot show."""
    rows, by = results["warnings"], results["early_warning"]["deadline"]
    leads = [one["lead"] for row in rows for one in row["codes"].values() if one["lead"] is not None]
    longest = by - EARLIEST
    positive = [lead for lead in leads if lead > 0]
    capped = sum(abs(lead - longest) < 1e-3 for lead in positive)
    states = results["early_warning"]["shown_by"] == "states"
    said = [
        "A failure counts as shown from the first probe "
        + ("from which the state stays a failing one or the expected one" if states else "after the last good samples")
        + f", but not before {by:.3g} of the run: by this deadline {100 * DEADLINE:.0f} % of the controls of the "
        f"choosing half {'have left the failing states' if states else 'have good samples'}.",
        f"The deadline caps the lead: it is at most {by:.3g} - {EARLIEST:g} = {longest:+.3f} for a run that is never "
        f"fine after it. {capped} of the {len(positive)} positive medians have this value, which says only that the "
        "alarm rang at the first probe at which it could, and not how long before a visible failure.",
    ]
    if blank := without_lead(rows):
        named = " and ".join([", ".join(blank[:-1]), blank[-1]] if len(blank) > 1 else blank)
        why = (
            "no run in which an alarm rang shows a failure at its end, so no lead is defined"
            if states
            else "the samples themselves, which are near the data, are the sign (for OVERFITTED it may also be that D "
            "ranks training above held-out data). They do not turn bad, so no lead is defined in these results"
        )
        said.append(f"For {named} {why}, and the cells are blank.")
    said.append(
        "Other cells are blank if the number is not recorded, or if no run in which the alarm rang shows a failure at "
        "its end. Beside others, such a run counts as not announced."
    )
    if not any(one.get("lead_steps_interval") for row in rows for one in row["codes"].values()):
        said.append("The leads have no intervals: only their medians are in the results.")
    return "\n".join(f"* {one}" for one in said)


def plot(results: Mapping[str, Any], path: Path) -> None:
    """Plot, by code, the share of runs that each number announces before the failure is shown, and its false alarms."""
    from matplotlib.figure import Figure

    rows = results["warnings"]
    codes = _codes(rows)
    figure = Figure(figsize=(1.1 * len(codes) + 5.2, 0.42 * len(rows) + 2.4), dpi=150, layout="constrained")
    axis = figure.subplots()
    columns = ["false alarms", *codes]
    for y, row in enumerate(rows):
        _point(axis, 0, y, row["false"], "", "#D55E00")
        for x, code in enumerate(codes, 1):
            found = announced(row, code, rows)
            if found:
                text = f"\n{found['lead']:+.3f}" if found["early"]["count"] else ""
                _point(axis, x, y, found["early"], text, "#0072B2")
    axis.set_xticks(range(len(columns)), [c.lower().replace("_", "\n") for c in columns], fontsize=7)
    axis.set_yticks(range(len(rows)), [row["number"] for row in rows], fontsize=8)
    axis.set_xlim(-0.5, len(columns) - 0.2)
    axis.invert_yaxis()
    axis.xaxis.tick_top()
    axis.grid(color="#eeeeee", zorder=0)
    axis.spines[["top", "right", "bottom", "left"]].set_visible(False)
    axis.tick_params(length=0)
    axis.set_xlabel(_caption(results), fontsize=7)
    figure.savefig(path)


def _point(axis: Any, x: int, y: int, found: Mapping[str, Any], more: str, color: str) -> None:
    if found["share"] is not None:
        axis.scatter(x, y, s=340 * found["share"], color=color, zorder=2)
        axis.text(x + 0.22, y, f"{100 * found['share']:.0f}{more}", fontsize=6.5, va="center")


def _caption(results: Mapping[str, Any]) -> str:
    longest = results["early_warning"]["deadline"] - EARLIEST
    words = (
        "Area and per cent: runs in which the alarm rings before the failure is shown; below it the median lead of all "
        f"in which it rang, as a share of the run.\n{longest:+.3f} is the largest lead of a run that is never fine "
        "after the controls' deadline. Blank: not recorded, or no lead is defined"
    )
    blank = ", ".join(code.lower().replace("_", " ") for code in without_lead(results["warnings"]))
    return words + (f" ({blank}: the samples themselves are the sign)." if blank else ".")
