"""`jaxgan profile`."""

from functools import partial
from typing import TYPE_CHECKING, Any

import click

from jaxgan.cli.options import GroupedCommand, given_options, profile_options, resources_from
from jaxgan.cli.streams import log, only_results_on_stdout
from jaxgan.stopping import stoppable
from jaxgan.study.interrupted import last_line

if TYPE_CHECKING:
    from jaxgan.study.profiles.profile_config import Kind


@click.command(cls=GroupedCommand, short_help="Profile losses: what each tells the generator, and where it saturates.")
@profile_options
def profile(**options: Any) -> None:
    """Profile the generator's gradient under each loss: on paper, during training, or against frozen generators.

    Without --train or --frozen this takes seconds: the value of each loss and its derivatives with respect to the
    discriminator's logit and probability, in float32 and float64, and where they vanish.

    With --train, generators are trained, and during training the gradient that every loss would give is measured at the
    same parameters and batches.

    With --frozen, generators of several ages are frozen, and a discriminator is trained from scratch against each, as
    in Arjovsky and Bottou (2017): what happens to each loss's gradient as the discriminator gets better?

    Prints a table, and leaves a folder with everything: report.html, arrays, figures.
    """
    kinds: list[Kind] = [kind for kind in ("train", "frozen") if options.pop(kind)]
    if len(kinds) > 1:
        raise click.UsageError("--train and --frozen are different profiles; choose one")
    with stoppable() as stopping:
        resumed = options["out"] if options["resume"] else None
        none = "stopped; nothing was measured yet"
        stopping.kept = partial(last_line, "profile --train", resumed) if kinds == ["train"] else lambda: none
    on = resources_from(options)
    from jaxgan.study.profiles.profile import run_profile
    from jaxgan.study.profiles.profile_config import ProfileConfig

    flags = {name: options.pop(name) for name in ("out", "overwrite", "resume", "trust", "gentle")}
    flags["keep_programs"] = not options.pop("no_compile_cache")
    given = {name: options.pop(name) for name in ProfileConfig.__dataclass_fields__}
    training = given_options(options)
    for name, option in (("loss", "train_loss"), ("recipe", "recipe")):
        value = training.pop(option, None)
        if value:
            training[name] = (value,)
    with only_results_on_stdout():
        folder = run_profile(kinds[0] if kinds else "paper", given, training, on=on, log=log, **flags)
    from jaxgan.report.profile.terminal import show

    show(folder)
