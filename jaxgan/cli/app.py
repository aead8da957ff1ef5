"""The command line: parse, call, print. Everything heavy is imported inside the commands, so help is instant."""

import os
from collections.abc import Sequence

import click

import jaxgan
from jaxgan.cli.catalogue import losses, models, recipes
from jaxgan.cli.compare import compare, train
from jaxgan.cli.datasets import datasets
from jaxgan.cli.merge import merge
from jaxgan.cli.profile import profile
from jaxgan.cli.sample import interpolate, sample


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
    from jaxgan.results.files import StoreError
    from jaxgan.study.messages import OptionError
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


for command in (compare, train, profile, merge, sample, interpolate, recipes, losses, models, datasets):
    cli.add_command(command)
