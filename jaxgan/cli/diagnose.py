"""`jaxgan diagnose`."""

from pathlib import Path

import click


@click.command(short_help="Say how each run in a folder ended, why, and since when.")
@click.argument("run", type=click.Path(path_type=Path), metavar="RUN")
@click.option("--threshold", multiple=True, metavar="NAME=VALUE", help="A threshold other than the default, such as "
              "good=0.8; repeatable. An unknown name lists the known ones.")  # fmt: skip
def diagnose(run: Path, threshold: tuple[str, ...]) -> None:
    """Say how each run in the finished folder RUN ended, why, since when, and what to try.

    Repeats the diagnosis from the evidence recorded during training, with other thresholds if given: nothing is
    trained, and nothing is written. The rules are in the report and in jaxgan.diagnose.
    """
    from jaxgan.report.run.terminal import show_diagnosis
    from jaxgan.study.diagnosis.diagnosing import diagnosed, thresholds_of
    from jaxgan.study.generators.generate import load_run

    thresholds = thresholds_of(threshold)
    show_diagnosis(diagnosed(load_run(run), thresholds))
