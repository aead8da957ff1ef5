"""`jaxgan diagnose`."""

from pathlib import Path

import click


@click.command(short_help="Say what became of each run of a folder, why, and since when.")
@click.argument("run", type=click.Path(path_type=Path), metavar="DIR")
@click.option("--threshold", multiple=True, metavar="NAME=VALUE", help="Another threshold than the default, such as "
              "good=0.8; repeatable. A name that does not exist lists those that do.")  # fmt: skip
def diagnose(run: Path, threshold: tuple[str, ...]) -> None:
    """Say what became of each run of the finished folder DIR, why, since when, and what to try.

    Takes the diagnosis again from the evidence that was recorded along training, with other thresholds where some are
    given: nothing is trained, and nothing is written. The rules are in the report and in jaxgan.diagnose.
    """
    from jaxgan.report.run.terminal import show_diagnosis
    from jaxgan.study.diagnosing import diagnosed, thresholds_of
    from jaxgan.study.generate import load_run

    show_diagnosis(diagnosed(load_run(run), thresholds_of(threshold)))
