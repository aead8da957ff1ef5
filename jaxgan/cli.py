"""The command line: parse, call, print. Everything heavy is imported inside the commands, so help is instant."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

import jaxgan
from jaxgan.commands.config import GENTLE, PRECISIONS, defaults


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
    from jaxgan.commands.config import OptionError
    from jaxgan.commands.processes import ProcessError
    from jaxgan.commands.training import Interrupted
    from jaxgan.data.source import DataError
    from jaxgan.study.store import StoreError

    if isinstance(error, Interrupted):
        return _fail(str(error), 130)
    if isinstance(error, OptionError | DataError | StoreError | CheckpointError | ProcessError):
        return _fail(str(error), 2)
    return _fail(f"unexpected {type(error).__name__}: {error} (--traceback shows where)", 1)


def _fail(message: str, status: int) -> int:
    click.echo("jaxgan: " + " ".join(message.split()), err=True)
    return status


def _by_data(name: str) -> str:
    given = {label: defaults(data)[name] for data, label in _KINDS.items()}
    values = {label: f"{value:g}" for label, value in given.items() if value is not None}
    common = values["digits"]  # said once where others share it
    others = [f"{value} on {label}" for label, value in values.items() if value != common]
    return ", ".join([common, *others])


_KINDS = {"digits": "digits", "ring": "ring and grid", "images": "other images"}

_study_options: list[Callable] = [
    click.option("--set", multiple=True, metavar="NAME=VALUE", help="A setting of the recipe, such as gamma=1.0; "
                 "repeat it for each. What is not said, here or by an option below, is as the recipe has it."),
    click.option("--data", metavar="NAME", help="digits, ring, grid, tfds:NAME, a .npz or .npy file, or a folder "
                 "of images; see `jaxgan datasets`.  [default: digits]"),
    click.option("--seeds", type=int, help="Independent runs, trained together in one program.  [default: 8]"),
    click.option("--steps", type=int, help=f"Generator updates.  [default: {_by_data('steps')}]"),
    click.option("--batch-size", type=int, help="Real images in a discriminator update.  "
                 f"[default: {_by_data('batch_size')}]"),
    click.option("--fake-batch-size", type=int, help="Generated images in a discriminator update.  "
                 "[default: as --batch-size]"),
    click.option("--generator-batch-size", type=int, help="Generated images in a generator update.  "
                 "[default: as --batch-size]"),
    click.option("--d-steps", type=int, help="Discriminator updates per generator update.  [default: 1]"),
    click.option("--lr-d", type=float, help="Adam's learning rate, discriminator.  "
                 f"[default: {_by_data('lr_d')}]"),
    click.option("--lr-g", type=float, help=f"Adam's learning rate, generator.  [default: {_by_data('lr_g')}]"),
    click.option("--beta1", type=float, help=f"Adam's decay of the first moment.  [default: {_by_data('beta1')}]"),
    click.option("--ema", type=float, metavar="DECAY", help="Sample from a moving average of the generator, "
                 "for example 0.999.  [default: none]"),
    click.option("--latent-dim", type=int, help="Numbers in a latent z ~ N(0, I).  "
                 f"[default: {_by_data('latent_dim')}]"),
    click.option("--width", type=int, help="Channels next to the image in a DCGAN, units of an MLP's two layers.  "
                 f"[default: {_by_data('width')}]"),
    click.option("--image-size", type=int, metavar="PIXELS", help="Crop images to squares and resize them; "
                 "4, 5, 6 or 7 times a power of two, 8 to 128.  [default: as they are]"),
    click.option("--precision", metavar="NAME", help="; ".join(f"{n}: {what}" for n, what in PRECISIONS.items())
                 + ".  [default: float32]"),
    click.option("--samples", type=int, help="Samples per seed that the metrics see.  "
                 f"[default: {_by_data('samples')}]"),
    click.option("--failure-multiple", type=float, help="A seed has not learned when its Fréchet distance is above "
                 f"this multiple of real against real images.  [default: {_by_data('failure_multiple')}]"),
    click.option("--key", type=int, help="The random key that everything is drawn from.  [default: 0]"),
    click.option("--split-seed", type=int, help="Which images are held out, where the data do not say.  [default: 0]"),
    click.option("--gentle", is_flag=True, help="A gentler setting, in which the losses differ less: learning rates "
                 f"times {GENTLE['lr_d']:g}, steps times {GENTLE['steps']:g}."),
    click.option("--devices", type=int, metavar="N", help="Devices of each process that the seeds are dealt out over; "
                 "on a CPU they are its cores.  [default: all]"),
    click.option("--in-turn/--side-by-side", default=None, help="Whether the seeds of a device run one after another "
                 "or together.  [default: in turn on a CPU, side by side elsewhere]"),
    click.option("--distributed", is_flag=True, help="One of several processes, each of which is started with this "
                 "same command, finds the others as JAX does: through SLURM, Kubernetes, Open MPI or a TPU pod. "
                 "All have to see the folder that --out or runs/ is. Each trains seeds of its own."),
    click.option("--coordinator", metavar="HOST:PORT", help="Where process 0 is found, in place of that."),
    click.option("--num-processes", type=int, metavar="N", help="How many there are; with --coordinator."),
    click.option("--process-id", type=int, metavar="I", help="Which this is, from 0; with --coordinator."),
    click.option("--no-compile-cache", is_flag=True, help="Do not keep compiled programs in the user's cache folder, "
                 "from where the next run of the same shape starts in seconds."),
    click.option("--out", type=click.Path(path_type=Path), metavar="DIR", help="The folder to write to.  "
                 "[default: the next number under runs/]"),
    click.option("--overwrite", is_flag=True, help="Replace the run that --out holds."),
    click.option("--resume", is_flag=True, help="Continue the interrupted run that --out holds."),
]  # fmt: skip


def study_options(function: Callable) -> Callable:
    """The options that `compare` and `train` share."""
    for option in reversed(_study_options):
        function = option(function)
    return function


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
    from jaxgan.commands import processes, resources
    from jaxgan.commands.study import run_study

    flags = {name: options.pop(name) for name in ("out", "overwrite", "resume", "gentle")}
    flags["keep_programs"] = not options.pop("no_compile_cache")
    meeting = [options.pop(name) for name in ("distributed", "coordinator", "num_processes", "process_id")]
    on = resources.Resources(options.pop("devices"), options.pop("in_turn"), resources.cluster_from(*meeting))
    options["set"] = options["set"] or None
    folder = run_study(job, {"loss": losses or None, **options}, on=on, say=_say, **flags)
    if not processes.leads():
        return
    from rich.console import Console

    from jaxgan.study.store import load_run
    from jaxgan.study.table import render, summarize_run

    run = load_run(folder)
    console = Console()
    console.print(render(summarize_run(run)))
    for code in sorted({code for code in run.outcomes.ravel() if code != "OK"}):
        click.echo(f"{code}: {run.notes['explanations'][code]}")
    sizes = ", ".join(f"{name} {size:,}" for name, size in run.notes["sample_sizes"].items())
    click.echo(f"measured on {sizes}")
    click.echo(f"report      {folder / 'report.html'}")
    click.echo(f"again with  {run.config['command']}")


def generator_options(n: int, what: str) -> Callable[[Callable], Callable]:
    """The options that `sample` and `interpolate` share."""
    options = [
        click.argument("run", type=click.Path(path_type=Path), required=False),
        click.option("--loss", metavar="LOSS", help="Trained under this loss, or by this recipe.  [default: "
                     "non_saturating where it was trained, else the first]"),
        click.option("--seed", type=int, default=0, show_default=True, help="Which of the run's seeds."),
        click.option("-n", type=int, default=n, show_default=True, help=what),
        click.option("--key", type=int, default=0, show_default=True, help="The random key of the latents."),
        click.option("--out", type=click.Path(path_type=Path), metavar="FILE.png", help="The picture; the arrays go "
                     "to the .npz beside it.  [default: in the run's folder]"),
        click.option("--overwrite", is_flag=True, help="Replace the files that --out names."),
    ]  # fmt: skip

    def decorate(function: Callable) -> Callable:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


@cli.command(short_help="Write samples of a trained generator.")
@generator_options(64, "How many samples.")
def sample(run: Path | None, **options: Any) -> None:
    """Write samples of a trained generator: a PNG grid, and the arrays as .npz.

    RUN is a run's folder; without it, the newest under runs/.
    """
    from jaxgan.commands import generate

    for path in generate.sample(_newest(run), **options):
        click.echo(path)


@cli.command(short_help="Write the path between two latents.")
@generator_options(10, "How many images along each path.")
def interpolate(run: Path | None, **options: Any) -> None:
    """Write the images along the path between two latents: a linear row, and a spherical one beneath.

    RUN is a run's folder; without it, the newest under runs/.
    """
    from jaxgan.commands import generate

    for path in generate.interpolate(_newest(run), **options):
        click.echo(path)


def _newest(run: Path | None) -> Path:
    from jaxgan.study.store import StoreError, is_run

    if run is not None:
        return run
    runs = [path for path in Path("runs").glob("*") if is_run(path)]
    if not runs:
        raise StoreError("there is no run under runs/ yet; name a run's folder, or train one with `jaxgan compare`")
    return max(runs, key=lambda path: (path / "config.json").stat().st_mtime)


@cli.command(short_help="List the recipes that --recipe takes.")
def recipes() -> None:
    """List the recipes that --recipe takes, with loss, terms, update rule, settings and paper."""
    from jaxgan.commands import catalog
    from jaxgan.commands.recipes import recipes, settings

    entries = recipes()
    for entry in entries:
        given = settings(catalog.RECIPES[entry.name])
        _echo_entry(entry, {"Settings": ", ".join(f"{name}={value}" for name, value in given.items())})
    click.echo(f"{len(entries)} recipes; for example: jaxgan train --data ring --recipe wgan_gp --set weight=1.0")


@cli.command(short_help="List the losses that --loss takes.")
def losses() -> None:
    """List the losses that --loss takes, with what both players minimize, the optimum and the paper."""
    from jaxgan.commands.recipes import losses

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
    from jaxgan.commands.datasets import listing

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
