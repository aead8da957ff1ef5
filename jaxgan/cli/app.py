"""The command line: parse, call, print. Everything heavy is imported inside the commands, so help is instant."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

import jaxgan
from jaxgan.cli.options import generator_options, profile_options, study_options


def main(argv: Sequence[str] | None = None) -> int:
    """Runs `jaxgan` and returns its exit status: 0, 2 for input that cannot be used, 130 for Ctrl-C, 1 for a bug."""
    try:
        return cli.main(args=argv, prog_name="jaxgan", standalone_mode=False) or 0
    except click.ClickException as error:
        return _fail(error.format_message(), 2)
    except (KeyboardInterrupt, click.Abort):
        return _fail("stopped", 130)
    except Exception as error:
        if os.environ.get("JAXGAN_TRACEBACK"):
            raise
        return _explain(error)


def _explain(error: Exception) -> int:
    from jaxgan.checkpoint import CheckpointError
    from jaxgan.data.source import DataError
    from jaxgan.results.store import StoreError
    from jaxgan.study.config import OptionError
    from jaxgan.study.processes import ProcessError
    from jaxgan.study.training import Interrupted

    if isinstance(error, Interrupted):
        return _fail(str(error), 130)
    if isinstance(error, OptionError | DataError | StoreError | CheckpointError | ProcessError):
        return _fail(str(error), 2)
    return _fail(f"unexpected {type(error).__name__}: {error} (--traceback shows where)", 1)


def _fail(message: str, status: int) -> int:
    click.echo("jaxgan: " + " ".join(message.split()), err=True)
    return status


@click.group(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    invoke_without_command=True,
)
@click.version_option(jaxgan.__version__, prog_name="jaxgan")
@click.option("--traceback", is_flag=True, help="On an error, show where in the code it happened.")
@click.pass_context
def cli(context: click.Context, traceback: bool) -> None:
    """Study generative adversarial networks: any loss, many seeds at once, a reason for every failure.

    Begin with `jaxgan compare`: the theoretical against the practical generator loss on handwritten digits.
    """
    if traceback:
        os.environ["JAXGAN_TRACEBACK"] = "1"
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


@cli.command(short_help="Compare losses, or recipes, over many seeds.")
@click.option(
    "--loss",
    multiple=True,
    metavar="LOSS",
    help="A loss to compare; repeat it for each. A name that "
    "`jaxgan losses` lists, or your own as path/to/file.py:name or package.module:name.  "
    "[default: minimax and non_saturating]",
)
@click.option(
    "--recipe",
    multiple=True,
    metavar="RECIPE",
    help="A recipe to compare, in place of losses; repeat it "
    "for each. A name that `jaxgan recipes` lists, or your own as path/to/file.py:name.",
)
@study_options
def compare(loss: tuple[str, ...], recipe: tuple[str, ...], **options: Any) -> None:
    """Train GANs under several generator losses, or by several recipes, many seeds each, and compare them.

    Ends with a table, and a folder that holds everything: report.html, series, samples, checkpoints.
    """
    _study("compare", loss, options | {"recipe": recipe or None})


@cli.command(short_help="Train one loss or recipe over many seeds.")
@click.option(
    "--loss",
    metavar="LOSS",
    help="A name that `jaxgan losses` lists, or your own as path/to/file.py:name "
    "or package.module:name.  [default: non_saturating]",
)
@click.option(
    "--recipe",
    metavar="RECIPE",
    help="Loss, terms, update rule and optimizers by one of the names that "
    "`jaxgan recipes` lists, or your own as path/to/file.py:name.",
)
@study_options
def train(loss: str | None, recipe: str | None, **options: Any) -> None:
    """Train one configuration, a loss or a whole recipe, over many seeds."""
    wanted = loss or (None if options["resume"] or recipe else "non_saturating")
    _study("train", () if wanted is None else (wanted,), options | {"recipe": (recipe,) if recipe else None})


def _study(job: str, losses: tuple[str, ...], options: dict[str, Any]) -> None:
    from jaxgan.study import processes, resources
    from jaxgan.study.execute import run_study

    flags = {name: options.pop(name) for name in ("out", "overwrite", "resume", "gentle")}
    flags["keep_programs"] = not options.pop("no_compile_cache")
    meeting = [options.pop(name) for name in ("distributed", "coordinator", "num_processes", "process_id")]
    on = resources.Resources(options.pop("devices"), options.pop("in_turn"), resources.cluster_from(*meeting))
    options["set"] = options["set"] or None
    folder = run_study(job, {"loss": losses or None, **options}, on=on, say=_say, **flags)
    if not processes.leads():
        return
    from rich.console import Console

    from jaxgan.report.run.table import render, summarize_run
    from jaxgan.results.store import load_run

    run = load_run(folder)
    console = Console()
    console.print(render(summarize_run(run)))
    for code in sorted({code for code in run.outcomes.ravel() if code != "OK"}):
        click.echo(f"{code}: {run.notes['explanations'][code]}")
    sizes = ", ".join(f"{name} {size:,}" for name, size in run.notes["sample_sizes"].items())
    click.echo(f"measured on {sizes}")
    click.echo(f"report      {folder / 'report.html'}")
    click.echo(f"again with  {run.config['command']}")


@cli.command(short_help="Profile losses: what each tells the generator, and where it is blind.")
@profile_options
def profile(**options: Any) -> None:
    """Profile the generator's gradient under each loss: on paper, in training, or against frozen generators.

    Without --train or --frozen it is a matter of seconds: value and derivatives of each loss by the discriminator's
    logit and by its probability, in float32 and float64, and where they vanish.

    With --train generators are trained, and along the way the gradient that every loss would give is measured at the
    same parameters and batches.

    With --frozen generators of several ages are frozen, and a discriminator is trained from scratch against each, as
    Arjovsky and Bottou (2017) did: what becomes of each loss's gradient as the discriminator gets better?

    Ends with a table, and a folder that holds everything: report.html, arrays, figures.
    """
    from jaxgan.study import resources
    from jaxgan.study.profile import run_profile
    from jaxgan.study.profile_config import Kind, Wanted

    kinds: list[Kind] = [kind for kind in ("train", "frozen") if options.pop(kind)]
    if len(kinds) > 1:
        raise click.UsageError("--train and --frozen are two profiles; ask for one of them")
    on = resources.Resources(options.pop("devices"), options.pop("in_turn"))
    flags = {name: options.pop(name) for name in ("out", "overwrite", "gentle")}
    flags["keep_programs"] = not options.pop("no_compile_cache")
    given = {name: options.pop(name) for name in Wanted.__dataclass_fields__}
    training = options | {"loss": options.pop("train_loss"), "recipe": options.pop("recipe"), "set": options.pop("set")}
    for name in ("loss", "recipe"):
        training[name] = (training[name],) if training[name] else None
    training["set"] = training["set"] or None
    folder = run_profile(kinds[0] if kinds else "paper", given, training, on=on, say=_say, **flags)
    _show_profile(folder)


def _show_profile(folder: Path) -> None:
    from rich.console import Console

    from jaxgan.report.profile.story import story
    from jaxgan.report.profile.tables import render
    from jaxgan.results.profile_store import load_profile

    run = load_profile(folder)
    Console().print(render(run))
    for paragraph in story(run):
        click.echo(click.wrap_text(paragraph, 100))
    click.echo(f"report      {folder / 'report.html'}")
    click.echo(f"again with  {run.config['command']}")


@cli.command(short_help="Write samples of a trained generator.")
@generator_options(64, "How many samples.")
def sample(run: Path | None, **options: Any) -> None:
    """Write samples of a trained generator: a PNG grid, and the arrays as .npz.

    RUN is a run's folder; without it, the newest under runs/.
    """
    from jaxgan.study import generate

    for path in generate.sample(_newest(run), **options):
        click.echo(path)


@cli.command(short_help="Write the path between two latents.")
@generator_options(10, "How many images along each path.")
def interpolate(run: Path | None, **options: Any) -> None:
    """Write the images along the path between two latents: a linear row, and a spherical one beneath.

    RUN is a run's folder; without it, the newest under runs/.
    """
    from jaxgan.study import generate

    for path in generate.interpolate(_newest(run), **options):
        click.echo(path)


def _newest(run: Path | None) -> Path:
    from jaxgan.results.store import StoreError, job_of

    if run is not None:
        return run
    runs = [path for path in Path("runs").glob("*") if job_of(path) in ("compare", "train")]
    if not runs:
        raise StoreError("there is no run under runs/ yet; name a run's folder, or train one with `jaxgan compare`")
    return max(runs, key=lambda path: (path / "config.json").stat().st_mtime)


@cli.command(short_help="List the recipes that --recipe takes.")
def recipes() -> None:
    """List the recipes that --recipe takes, with loss, terms, update rule, settings and paper."""
    from jaxgan.study import catalogue
    from jaxgan.study.listing import recipes, settings

    entries = recipes()
    for entry in entries:
        given = settings(catalogue.RECIPES[entry.name])
        _echo_entry(entry, {"Settings": ", ".join(f"{name}={value}" for name, value in given.items())})
    click.echo(f"{len(entries)} recipes; for example: jaxgan train --data ring --recipe wgan_gp --set weight=1.0")


@cli.command(short_help="List the losses that --loss takes.")
def losses() -> None:
    """List the losses that --loss takes, with what both players minimize, the optimum and the paper."""
    from jaxgan.study.listing import losses

    entries = losses()
    for entry in entries:
        _echo_entry(entry, {})
    click.echo(f"{len(entries)} losses; your own is path/to/file.py:name")


def _echo_entry(entry: Any, more: dict[str, str]) -> None:
    facts = entry.facts | more
    width = max(map(len, facts)) + 2
    click.secho(entry.name, bold=True)
    click.echo(click.wrap_text(entry.about, 100, "  ", "  "))
    for label, text in facts.items():
        first = f"  {label.lower():<{width}}"
        click.echo(click.wrap_text(text, 100, first, " " * len(first)))
    click.echo()


@cli.group(invoke_without_command=True, short_help="List the data that --data takes, or prepare some.")
@click.pass_context
def datasets(context: click.Context) -> None:
    """List what --data takes, and what of it is on this machine."""
    if context.invoked_subcommand is not None:
        return
    from jaxgan.cli.datasets import listing

    entries = listing()
    width = max(len(entry.name) for entry in entries)
    for entry in entries:
        click.echo(f"{entry.name:<{width}}  {entry.about}")


@datasets.command()
@click.argument("name")
def prepare(name: str) -> None:
    """Download and prepare NAME of tensorflow-datasets (needs network, and TensorFlow for this step only)."""
    from jaxgan.data import tfds

    click.echo(f"{name} is in {tfds.prepare(name.removeprefix('tfds:'))}")


def _say(line: str) -> None:
    click.echo(line, err=True)
