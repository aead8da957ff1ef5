"""The command line: parse, call, print. Heavy modules are imported inside the commands so that help is instant."""

import os
import signal
import sys
from collections.abc import Sequence

import click

import jaxgan
from jaxgan.cli import errors, streams
from jaxgan.cli.catalogue import losses, models, recipes
from jaxgan.cli.check import check
from jaxgan.cli.compare import compare, train
from jaxgan.cli.datasets import datasets
from jaxgan.cli.diagnose import diagnose
from jaxgan.cli.evaluate import evaluate
from jaxgan.cli.export import export
from jaxgan.cli.merge import merge
from jaxgan.cli.power import power
from jaxgan.cli.profile import profile
from jaxgan.cli.project import project
from jaxgan.cli.remedy import remedy
from jaxgan.cli.report import report
from jaxgan.cli.sample import interpolate, neighbours, sample
from jaxgan.cli.status import status
from jaxgan.cli.study import study
from jaxgan.cli.track import track
from jaxgan.cli.translate import translate
from jaxgan.stopping import Stopping, stoppable

_SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


def main(argv: Sequence[str] | None = None) -> int:
    """Run `jaxgan` and return its exit status.

    The status is 0 on success, 2 for invalid input (options, files, the user's own code, too little memory), 141 if
    nobody reads the output, 1 for a bug, and 128 plus its number for a signal, such as 130 for Ctrl-C. Without `argv`,
    the process is assumed to belong to the command and ends with it.
    """
    streams.make_usable()
    with stoppable(_SIGNALS, tell=_say if argv is None else None) as stopping:
        status = _status(list(sys.argv[1:] if argv is None else argv), stopping)
        if stopping.first and status == 0:  # the signal shortened the work, or came after it
            _say(stopping.end())
            status = errors.STOPPED
        return stopping.status if stopping.first and status == errors.STOPPED else status


def _status(words: list[str], stopping: Stopping) -> int:
    shown = "--traceback" in words  # at any position
    try:
        with streams.warnings_as_lines():
            status = _call([word for word in words if word != "--traceback"])
        sys.stdout.flush()
        return status
    except (KeyboardInterrupt, click.Abort):
        _say(stopping.end())
        return errors.STOPPED
    except BaseException as error:
        stopping.end()
        shown = shown or bool(os.environ.get("JAXGAN_TRACEBACK"))
        return errors.report(error, with_traceback=shown, options=_options_in(words))


def _options_in(words: Sequence[str]) -> set[str]:
    """Return the options of the command among some words; none if there is no command."""
    command = next((cli.commands[word] for word in words if word in cli.commands), None)
    return set() if command is None else {name for parameter in command.params for name in parameter.opts}


def _say(line: str) -> None:
    """Print a line on a new line of the terminal, where the current one may hold a progress bar or ^C."""
    streams.log(("\n" if sys.stderr.isatty() else "") + f"jaxgan: {line}")


def _call(words: list[str]) -> int:
    """Call the command without `click.Command.main`, which treats `EOFError` as Ctrl-C and exits on a closed pipe."""
    if "_JAXGAN_COMPLETE" in os.environ:  # a shell asks for completions
        return cli.main(words, prog_name="jaxgan", standalone_mode=False) or 0
    for before, word in zip(["jaxgan", *words], words, strict=False):
        if not word:
            raise click.UsageError(f"{before}: got an empty word, expected a value; is a shell variable unset?")
        _check_word(word)
    try:
        with cli.make_context("jaxgan", words) as context:
            cli.invoke(context)
    except click.exceptions.Exit as done:
        return done.exit_code
    return 0


def _check_word(word: str) -> None:
    """Check that a word can be written as UTF-8 and has no NUL, at which some libraries end a string."""
    try:
        word.encode()
    except UnicodeEncodeError:
        here = sys.getfilesystemencoding()
        how = "" if here == "utf-8" else f"; this shell's locale is {here}, and PYTHONUTF8=1 switches to UTF-8"
        raise click.UsageError(f"expected words in UTF-8, got {word!r}{how}") from None
    if "\0" in word:
        raise click.UsageError(f"expected words without a NUL, got {word!r}")


@click.group(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    invoke_without_command=True,
)
@click.version_option(jaxgan.__version__, prog_name="jaxgan")
@click.option("--traceback", is_flag=True, expose_value=False, help="On an error, show where in the code it happened.")
@click.pass_context
def cli(context: click.Context) -> None:
    """Study generative adversarial networks: any loss, many seeds at once, a diagnosis of every failure.

    Start with `jaxgan compare`: the theoretical and the practical generator loss on handwritten digits.
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


_COMMANDS = (
    compare, train, study, status, report, evaluate, diagnose, remedy, track, profile, power, merge, check, sample,
    interpolate, neighbours, project, translate, export, recipes, losses, models, datasets,
)  # fmt: skip
for command in _COMMANDS:
    cli.add_command(command)
