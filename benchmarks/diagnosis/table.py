"""The results of the validation as Markdown.

`python -m benchmarks.diagnosis.table FOLDER` rebuilds all files from the folder's `results.json`.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks import machine, report
from benchmarks.diagnosis import early
from benchmarks.diagnosis.early import CODES, percent
from benchmarks.diagnosis.matrix import ACCUSED, RIGHT
from benchmarks.report import table


def write(results: Mapping[str, Any], folder: Path) -> None:
    """Write `results.json`, the tables and the figure of the early warnings."""
    folder.mkdir(parents=True, exist_ok=True)
    report.keep(folder, dict(results), markdown(results))
    (folder / "matrix.md").write_text(tested(results) + "\n", encoding="utf-8")
    early.plot(results, folder / "warning.png")


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
              *early.markdown(results)]  # fmt: skip
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
        # A decimal, so that a share just below its target is not rounded to it.
        whole, first, wrong = (percent(found[share], 1) for share in ("right", "first", "accused"))
        rows.append([words, whole, met[0], first, wrong, met[1]])
    head = ["", f"expected code, or one accepted beforehand as equivalent (at least {100 * RIGHT:.0f} %)", "",
            "expected code",
            f"healthy runs accused (at most {100 * ACCUSED:.0f} %)", ""]  # fmt: skip
    return table(head, rows)


def _matrix(counts: Mapping[str, Mapping[str, int]]) -> str:
    seen = [code for code in CODES if any(code in row for row in counts.values())]
    rows = [[expected, *(str(counts[expected].get(code, "")) for code in seen)] for expected in counts]
    return table(["expected code", *seen], rows)


def _setups(rows: Sequence[Mapping[str, Any]]) -> str:
    cells = [
        [row["name"], row["mechanism"], " or ".join([row["expected"], *row["second"]]),
         ", ".join(f"{n} {code}" for code, n in row["outcomes"].items()), percent(row["right"]),
         ", ".join(f"{n} {code}" for code, n in row["older"].items())]
        for row in rows
    ]  # fmt: skip
    return table(["set-up", "mechanism", "expected code", "called", "right", "by the older rule"], cells)


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


def _stopping(halves: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    head = ["rule"] + [f"{what}, {half}" for half in halves for what in ("failing ended", "fine ended", "spared")]
    rules = [row["rule"] for row in next(iter(halves.values()))]

    def cells(row: Mapping[str, Any]) -> list[str]:
        spared = "" if row["saved"] is None else f"{100 * row['saved']:.0f} %"
        return [percent(row["failed"]), percent(row["fine"]), spared]

    return table(head, [[rule, *(cell for rows in halves.values() for cell in cells(rows[i]))]
                        for i, rule in enumerate(rules)])  # fmt: skip


if __name__ == "__main__":
    write(json.loads((Path(sys.argv[1]) / "results.json").read_text(encoding="utf-8")), Path(sys.argv[1]))
