"""`jaxgan remedy`."""

from pathlib import Path
from typing import Any

import click

from jaxgan.cli.options import GroupedCommand, remedy_options, resources_from
from jaxgan.cli.streams import log, only_results_on_stdout


@click.command(cls=GroupedCommand, short_help="Try known remedies on a configuration that failed.")
@click.argument("run", type=click.Path(path_type=Path), metavar="RUN")
@click.option("--configuration", metavar="LABEL", help="The configuration of the run.  [default: the one with the "
              "most failures]")  # fmt: skip
@click.option("--list", "listed", is_flag=True, help="List what would be tried, and why; train nothing.")
@remedy_options
def remedy(run: Path, configuration: str | None, listed: bool, **options: Any) -> None:
    """Train known remedies for the failures of one configuration of the finished run RUN, on the same seeds.

    Each remedy is one that the configuration does not have yet. Most are single changes: a lower learning rate of D,
    the practical loss, an average, more steps, ... Packing is a whole recipe, and its description says what else it
    changes. The result says how many of the failed seeds each remedy healed, with intervals. It is a run like any
    other, in remedies-LABEL in RUN or in --out; the same command resumes it. Remedies that change the steps or the
    networks are runs of their own in that folder.
    """
    on = resources_from(options)
    from jaxgan.report.run.healed import best_in_words, healed_section
    from jaxgan.report.tables import show
    from jaxgan.study.diagnosis.healing import remedies, trial_of, with_apart
    from jaxgan.study.diagnosis.remedies import option_of
    from jaxgan.study.generators.generate import load_run

    before = load_run(run)
    trial = trial_of(before, configuration)
    about = {one.name: (one.what, one.source) for one in trial.remedies}
    codes = ", ".join(code.name for code in trial.codes)
    lines = [f"{trial.configuration}: {codes}"]
    if (first := trial.suspect) is not None:
        lines.append(f"  first, without training: {first['what']}: {first['option']} ({first['source']})")
    lines += [f"  {one.name}: {one.what}: {option_of(trial.case, one)} ({one.source})" for one in trial.remedies]
    for line in lines:
        click.echo(line, err=not listed)
    if listed:
        return
    flags = {name: options[name] for name in ("overwrite", "trust")}
    flags["keep_programs"] = not options["no_compile_cache"]
    with only_results_on_stdout():
        found = remedies(before, configuration=trial.configuration, out=options["out"], on=on, log=log, **flags)
    together = with_apart(found, trial)
    show([healed_section(together, about)])
    click.echo(best_in_words(together, about))
    folders = [] if found.folder is None else [found.folder, *(found.folder / name for name in trial.apart)]
    for folder in folders:
        click.echo(f"report      {folder / 'report.html'}")
