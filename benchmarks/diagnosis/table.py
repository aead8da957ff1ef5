"""The results of the validation as Markdown and as a figure."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks import machine
from benchmarks.diagnosis.matrix import ACCUSED, RIGHT
from benchmarks.report import table
from jaxgan.diagnostics import Outcome

CODES = [outcome.name for outcome in Outcome]


def markdown(results: Mapping[str, Any]) -> str:
    """Return the targets, the confusion matrix, all set-ups, the thresholds, the early warnings and the stop rules."""
    how = (
        f"{len(results['rows'])} set-ups of {results['seeds']} runs each; half are used to choose thresholds and half "
        "to test them. Each fails by a mechanism that determines the right code, or is healthy. Intervals are 95 % "
        "Wilson intervals."
    )
    parts = [machine.sentence(results["machine"]), f"Command: `{results['command']}`", how, tested(results)]
    for half in ("testing", "choosing"):
        parts += [f"**Set-ups, {half}**", _setups([row for row in results["rows"] if row["half"] == half])]
    parts += ["**Thresholds**: how far each can move, with all others fixed, before a set-up of the choosing half "
              "is lost (less than 90 % of its runs have the right code)", _lines(results["thresholds"]),
              "**Early warning**, on the testing half: levels set on the controls of the other half; runs detected "
              "(before samples show it), and median lead as a share of a run",
              _warnings(results["warnings"])]  # fmt: skip
    parts += ["**Failed for good**, on both halves: shares of the failing runs, and of those that are fine in the end, "
              "that a rule ends after it has held at five probes in a row, and the share of the failing runs' steps "
              "that it saves", _stopping(results["stopping"])]  # fmt: skip
    if results["skipped"]:
        parts.append("Left out: " + "; ".join(f"{name}: {why}" for name, why in results["skipped"].items()))
    return "\n\n".join(parts) + "\n"


def tested(results: Mapping[str, Any]) -> str:
    """Return only the targets and the confusion matrix of the testing half."""
    words = "**The testing half**: runs by expected code and diagnosed code"
    return "\n\n".join([_promises(results), words, _matrix(results["testing"]["confusion"])])


def percent(found: Mapping[str, Any]) -> str:
    """Format a share with its interval.

    Example:
      >>> percent({"count": 15, "of": 16, "share": 0.9375, "low": 0.717, "high": 0.989})
      '94 % [72, 99]'
    """
    if found["share"] is None:
        return ""
    return f"{100 * found['share']:.0f} % [{100 * found['low']:.0f}, {100 * found['high']:.0f}]"


def _promises(results: Mapping[str, Any]) -> str:
    rows = []
    for words, name in (("this diagnosis", "testing"), ("the rule on the end of training", "older")):
        found = results[name]
        right, accused = found["right"]["share"], found["accused"]["share"]
        met = [
            "" if value is None or name == "older" else "met" if good else "NOT MET"
            for value, good in ((right, right is not None and right >= RIGHT),
                                (accused, accused is not None and accused <= ACCUSED))
        ]  # fmt: skip
        rows.append(
            [words, percent(found["right"]), met[0], percent(found["first"]), percent(found["accused"]), met[1]]
        )
    head = ["", f"right code or its second (at least {100 * RIGHT:.0f} %)", "", "right code",
            f"healthy runs accused (at most {100 * ACCUSED:.0f} %)", ""]  # fmt: skip
    return table(head, rows)


def _matrix(counts: Mapping[str, Mapping[str, int]]) -> str:
    seen = [code for code in CODES if any(code in row for row in counts.values())]
    rows = [[expected, *(str(counts[expected].get(code, "")) for code in seen)] for expected in counts]
    return table(["made to be", *seen], rows)


def _setups(rows: Sequence[Mapping[str, Any]]) -> str:
    cells = [
        [row["name"], row["mechanism"], " or ".join([row["expected"], *row["second"]]),
         ", ".join(f"{n} {code}" for code, n in row["outcomes"].items()), percent(row["right"]),
         ", ".join(f"{n} {code}" for code, n in row["older"].items())]
        for row in rows
    ]  # fmt: skip
    return table(["set-up", "mechanism", "made to be", "called", "right", "by the older rule"], cells)


def _lines(found: Mapping[str, Any]) -> str:
    tried: dict[str, list[Mapping[str, Any]]] = {}
    for row in found["tried"]:
        tried.setdefault(row["threshold"], []).append(row)
    cells = []
    for row in found["ranges"]:
        own = tried[row["threshold"]]
        each = ", ".join(f"{one['value']:g}: {one['right']}/{one['accused']}" for one in own)
        lost = sorted({name for one in own for name in one["lost"]})
        cells.append(
            [row["threshold"], f"{row['used']:g}", f"{row['low']:g} to {row['high']:g}", each, ", ".join(lost)]
        )
    head = ["threshold", "used", "nothing lost within", "value: failing runs right/healthy runs accused",
            "lost at some value"]  # fmt: skip
    return table(head, cells)


def _warnings(rows: Sequence[Mapping[str, Any]]) -> str:
    codes = [code for code in CODES if any(code in row["codes"] for row in rows)]

    def cell(row: Mapping[str, Any], code: str) -> str:
        found = row["codes"].get(code)
        if found is None:
            return ""
        lead = "" if found["lead"] is None else f"; {found['lead']:+.2f}"
        return f"{percent(found['detected'])} ({100 * found['early']['share']:.0f} %){lead}"

    cells = [[row["number"], f"{row['level']:.3g}", percent(row["false"]), *(cell(row, code) for code in codes)]
             for row in rows]  # fmt: skip
    return table(["number", "level", "false alarms", *codes], cells)


def _stopping(halves: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    head = ["rule"] + [f"{what}, {half}" for half in halves for what in ("failing ended", "fine ended", "spared")]
    rules = [row["rule"] for row in next(iter(halves.values()))]

    def cells(row: Mapping[str, Any]) -> list[str]:
        spared = "" if row["saved"] is None else f"{100 * row['saved']:.0f} %"
        return [percent(row["failed"]), percent(row["fine"]), spared]

    return table(head, [[rule, *(cell for rows in halves.values() for cell in cells(rows[i]))]
                        for i, rule in enumerate(rules)])  # fmt: skip


def plot(results: Mapping[str, Any], path: Path) -> None:
    """Plot, by code, the share of failing runs that each number announces before samples do, and its false alarms."""
    from matplotlib.figure import Figure

    rows = results["warnings"]
    codes = [code for code in CODES if any(code in row["codes"] for row in rows)]
    figure = Figure(figsize=(1.1 * len(codes) + 5.2, 0.42 * len(rows) + 2.2), dpi=150, layout="constrained")
    axis = figure.subplots()
    columns = ["false alarms", *codes]
    for y, row in enumerate(rows):
        for x, column in enumerate(columns):
            found = row["false"] if x == 0 else row["codes"].get(column, {}).get("early")
            if not found or found["share"] is None:
                continue
            axis.scatter(x, y, s=340 * found["share"], color="#D55E00" if x == 0 else "#0072B2", zorder=2)
            lead = None if x == 0 else row["codes"][column]["lead"]
            text = f"{100 * found['share']:.0f}" + ("" if lead is None or not found["count"] else f"\n{lead:+.2f}")
            axis.text(x + 0.22, y, text, fontsize=6.5, va="center")
    axis.set_xticks(range(len(columns)), [c.lower().replace("_", "\n") for c in columns], fontsize=7)
    axis.set_yticks(range(len(rows)), [row["number"] for row in rows], fontsize=8)
    axis.set_xlim(-0.5, len(columns) - 0.2)
    axis.invert_yaxis()
    axis.xaxis.tick_top()
    axis.grid(color="#eeeeee", zorder=0)
    axis.spines[["top", "right", "bottom", "left"]].set_visible(False)
    axis.tick_params(length=0)
    words = (
        "Area and per cent: runs whose alarm rings before their samples show the failure; below it the median lead of "
        "all that rang, as a share of the run."
    )
    axis.set_xlabel(words, fontsize=7)
    figure.savefig(path)
