"""The results of a campaign as a Markdown table."""

from typing import Any

from benchmarks import machine
from benchmarks.report import table

TITLES = {
    "kills": "kill -9",
    "writers": "several processes on one folder",
    "damage": "a damaged file",
    "disk": "a full disk or a folder that is read-only",
    "signals": "signals",
    "commands": "command lines",
    "inputs": "inputs changed at random",
    "payloads": "inputs that try to run something",
}


def markdown(results: dict[str, Any]) -> str:
    """Return a line for each kind and case with the counted results, then the trials that were not right."""
    rows, wrong = results["rows"], results["wrong"]
    cells = [
        [TITLES[row["kind"]], row["case"], f"{row['trials']:,}", f"{row['right']:,}", _came(row["came"])]
        for row in rows
    ]
    cells += [[TITLES[kind], "left out", "0", "0", why] for kind, why in results["skipped"].items()]
    trials, right = sum(row["trials"] for row in rows), sum(row["right"] for row in rows)
    left = sum(results.get("drawn", {}).values()) - trials
    out_of_time = f"{left:,} more were not begun, for want of time. " if left > 0 else ""
    parts = [
        machine.sentence(results["machine"]),
        *(f"Command: `{command}`" for command in results["commands"]),
        f"{trials:,} faults in {results['seconds'] / 60:.0f} minutes; {right:,} came out right: nothing lost, "
        f"mixed or wrong, and no traceback. {out_of_time}Equal bits: all numbers are those of an undisturbed run, bit "
        "for bit.",
        table(["fault", "where", "trials", "as it has to be", "what came"], cells),
    ]
    if wrong:
        parts.append("Wrong outcomes:\n\n" + "\n".join(f"- {_words(one)}" for one in wrong))
    return "\n\n".join(parts) + "\n"


def _came(counts: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {what}" for what, count in sorted(counts.items(), key=lambda item: -item[1]))


def _words(one: dict[str, Any]) -> str:
    return f"{TITLES[one['kind']]}, {one['case']}, number {one['number']}, {one['given']}: {one['came']}"
