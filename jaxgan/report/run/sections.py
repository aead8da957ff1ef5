"""The tables of a run, which differ for few and for many configurations."""

from jaxgan.report.run.by_class import classes_sections
from jaxgan.report.run.causes import causes_by_recipe, causes_section
from jaxgan.report.run.many import codes_section, configurations_section, totals_section
from jaxgan.report.run.settings import are_many
from jaxgan.report.run.table import Table, averages_section, failures_section, metrics_sections, summarize_run
from jaxgan.report.tables import Section
from jaxgan.report.words import noun_of
from jaxgan.results.results import Results


def sections(results: Results, table: Table | None = None) -> list[Section]:
    """The tables of a run: metrics, differences where they are many, failures, and causes where they were found.

    Of many configurations: totals and failures by recipe, and a row for each configuration.
    """
    table = table or summarize_run(results)
    if are_many(results):
        parts = [totals_section, codes_section, configurations_section]
        return [*(part(results, table) for part in parts), *causes_by_recipe(results)]
    averages = averages_section(results)
    return [
        *metrics_sections(table, noun_of(results)), *averages, *classes_sections(results), failures_section(table),
        *causes_section(results)
    ]  # fmt: skip
