"""`jaxgan compare` and `jaxgan train`."""

from functools import partial
from typing import Any

import click

from jaxgan.cli.options import GroupedCommand, compare_options, given_options, resources_from, train_options
from jaxgan.cli.streams import log, only_results_on_stdout
from jaxgan.stopping import stoppable
from jaxgan.study.config import prefix_of
from jaxgan.study.interrupted import last_line


@click.command(cls=GroupedCommand, short_help="Compare losses and recipes over many seeds.")
@compare_options
def compare(**options: Any) -> None:
    """Train GANs with several generator losses or recipes, many seeds each, and compare them.

    Prints a table, and leaves a folder with everything: report.html, results.nc, samples, checkpoints.
    """
    _study("compare", options)


@click.command(cls=GroupedCommand, short_help="Train one loss or recipe over many seeds.")
@train_options
def train(**options: Any) -> None:
    """Train one configuration, a loss or a whole recipe, over many seeds."""
    given = len(options["loss"]) + len(options["recipe"])
    if given > 1:
        raise click.UsageError("train takes one --loss or one --recipe; `jaxgan compare` takes several")
    if not given and not options["resume"]:
        option, name = ("recipe", "pix2pix") if prefix_of(options["data"] or "") else ("loss", "non_saturating")
        options[option] = (name,)
    _study("train", options)


def _study(job: str, options: dict[str, Any]) -> None:
    with stoppable() as stopping:
        stopping.kept = partial(last_line, job, options["out"] if options["resume"] else None)
    on = resources_from(options)
    from jaxgan.study.compare import run_study
    from jaxgan.study.distributed import processes

    flags = {name: options.pop(name) for name in ("out", "overwrite", "resume", "trust", "gentle")}
    flags |= {"keep_programs": not options.pop("no_compile_cache"), "engine": options.pop("on")}
    given = given_options(options)
    with only_results_on_stdout():
        folder = run_study(job, given, on=on, log=log, **flags)
    if not processes.leads():
        return
    from jaxgan.report.run.terminal import show

    show(folder)
