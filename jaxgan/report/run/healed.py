"""What remedies did: how many of the seeds that failed they healed, and how many others they broke."""

from collections.abc import Mapping

import numpy as np

from jaxgan.report.run.table import Failures, failure_cell
from jaxgan.report.tables import Cell, Section, numeric, section
from jaxgan.report.words import percent
from jaxgan.results.results import Results
from jaxgan.results.statistics import compare_failures, holm, wilson_interval

BASE = "as_it_was"
"""The label of the configuration that failed, among its remedies."""


def healed_section(results: Results, about: Mapping[str, tuple[str, str]]) -> Section:
    """A row per remedy, with what it changes and the source: healed seeds, newly failed ones, all that fail now, and p.

    The p-values are those of McNemar's exact test on common seeds, corrected by Holm for the number of remedies.
    """
    before = results.failed[results.configurations.index(BASE)]
    found = [
        (name, failed) for name, failed in zip(results.configurations, results.failed, strict=True) if name != BASE
    ]
    corrected = holm([compare_failures(failed, before).p for _, failed in found])
    rows = []
    for (name, failed), p in zip(found, corrected, strict=True):
        what, source = about.get(name, ("", ""))
        count = int((before & ~failed).sum())
        healed = _share(count, int(before.sum()))
        broken = int((~before & failed).sum())
        now = failure_cell(Failures(int(failed.sum()), wilson_interval(int(failed.sum()), len(failed))), len(failed))
        rows.append(
            (count, (Cell(name, what, name), healed, numeric(broken, str(broken)), now, numeric(float(p)), source))
        )
    caption = (
        f"Remedies tried over the same {len(before)} seeds, of which {int(before.sum())} had failed [95 % Wilson "
        "intervals of shares; p by McNemar's exact test with Holm's correction]"
    )
    head = ("remedy", "healed", "newly failed", "fail now", "p", "source")
    return section("remedies", caption, head, [row for _, row in sorted(rows, key=lambda row: -row[0])])


def _share(healed: int, failed: int) -> Cell:
    if not failed:
        return Cell("none had failed", value={"count": 0})
    low, high = (percent(bound) for bound in wilson_interval(healed, failed)[1:])
    return Cell(f"{healed} of {failed}", f"[{low}, {high}]", {"count": healed, "failed": failed})


def best_in_words(results: Results, about: Mapping[str, tuple[str, str]]) -> str:
    """Which remedy healed the most, in a sentence."""
    before = results.failed[results.configurations.index(BASE)]
    names = [name for name in results.configurations if name != BASE]
    counts = {name: int((before & ~results.failed[results.configurations.index(name)]).sum()) for name in names}
    best = max(counts, key=lambda name: counts[name], default="")
    if not best or not counts[best]:
        return f"No remedy healed any of the {np.sum(before)} seeds that had failed."
    what = about.get(best, (best, ""))[0]
    return f"{counts[best]} of {np.sum(before)} seeds were healed by {best}: {what}."
