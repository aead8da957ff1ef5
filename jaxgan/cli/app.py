"""The command line: parse, call, print. Everything heavy is imported inside the commands, so help is instant."""

import os
import warnings
from collections.abc import Callable, Sequence
from traceback import extract_tb

import click

import jaxgan
from jaxgan.cli.catalogue import losses, models, recipes
from jaxgan.cli.check import check
from jaxgan.cli.compare import compare, train
from jaxgan.cli.datasets import datasets
from jaxgan.cli.merge import merge
from jaxgan.cli.profile import profile
from jaxgan.cli.sample import interpolate, sample


def main(argv: Sequence[str] | None = None) -> int:
    """Runs `jaxgan` and returns its exit status: 0, 2 for input that cannot be used, 130 for Ctrl-C, 1 for a bug."""
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _warn_once(set())
            return cli.main(args=argv, prog_name="jaxgan", standalone_mode=False) or 0
    except click.ClickException as error:
        return _fail(error.format_message(), 2)
    except (KeyboardInterrupt, click.Abort):
        return _fail("stopped", 130)
    except Exception as error:
        if os.environ.get("JAXGAN_TRACEBACK"):
            raise
        return _explain(error)


def _warn_once(shown: set[str]) -> Callable[..., None]:
    """A warning as a line like any other, once: tracing a program again would repeat it."""

    def show(message: Warning | str, *_: object) -> None:
        line = "jaxgan: warning: " + " ".join(str(message).split())
        if line not in shown:
            click.echo(line, err=True)
        shown.add(line)

    return show


def _explain(error: Exception) -> int:
    from jaxgan.checkpoint import CheckpointError
    from jaxgan.data.source import DataError
    from jaxgan.files import StoreError
    from jaxgan.study.messages import OptionError
    from jaxgan.study.processes import ProcessError
    from jaxgan.study.training import Interrupted

    if isinstance(error, Interrupted):
        return _fail(str(error), 130)
    if isinstance(error, OptionError | DataError | StoreError | CheckpointError | ProcessError):
        return _fail(str(error), 2)
    if (platforms := os.environ.get("JAX_PLATFORMS")) and _has_no_device(error):
        return _fail(f"JAX_PLATFORMS must name devices that JAX finds here, got {platforms!r}; unset, JAX chooses", 2)
    return _fail(f"unexpected {type(error).__name__}: {error} (--traceback shows where)", 1)


def _has_no_device(error: Exception) -> bool:
    """Whether JAX found no device: it then raises an `AssertionError` without words or a `RuntimeError` of many."""
    frames = extract_tb(error.__traceback__)
    return isinstance(error, AssertionError | RuntimeError) and frames[-1].filename.endswith("xla_bridge.py")


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


for command in (compare, train, profile, merge, check, sample, interpolate, recipes, losses, models, datasets):
    cli.add_command(command)
