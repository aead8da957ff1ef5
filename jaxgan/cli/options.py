"""The options of the command line, by the commands that share them. Imports nothing heavy, so help is instant."""

import signal
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from jaxgan.cli.places import folder_to_write
from jaxgan.stopping import stoppable
from jaxgan.study.config import EVALUATIONS, GENTLE, PRECISIONS, defaults, gan_defaults
from jaxgan.study.profile_config import EVERY, LOSSES, ProfileConfig

if TYPE_CHECKING:
    from jaxgan.study.resources import Resources

_GROUPS = ("What is done", "What is measured", "What is trained", "Data", "Networks", "Settings of recipes",
           "How long and how often", "Evaluation", "Randomness", "Where it runs", "Files")  # fmt: skip


class GroupedCommand(click.Command):
    """A command whose help lists its options by group."""

    def format_options(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes a section for each group, and one for what has none."""
        groups: dict[str, list[tuple[str, str]]] = {name: [] for name in (*_GROUPS, "Other")}
        options = [parameter for parameter in self.get_params(context) if isinstance(parameter, click.Option)]
        for parameter in options:
            record = parameter.get_help_record(context)
            if record is not None:
                groups[getattr(parameter, "group", "Other")].append(record)
        for name, records in groups.items():
            if records:
                with formatter.section(name):
                    formatter.write_dl(records)


class _GroupedOption(click.Option):
    def __init__(self, *args: Any, group: str, **settings: Any):
        super().__init__(*args, **settings)
        self.group = group


class Option:
    """An option by its names, so that a command can take some of a list."""

    def __init__(self, group: str, *names: str, **settings: Any):
        self.names = names
        self.settings = settings | {"cls": _GroupedOption, "group": group}


def _by_data(name: str) -> str:
    """The default of an option, or of a setting of `gan`, by kind of data."""
    given = {label: {**gan_defaults(data), **defaults(data)}.get(name) for data, label in _KINDS.items()}
    values = {label: f"{value:g}" for label, value in given.items() if value is not None}
    common = values["digits"]  # printed once where others share it
    return ", ".join([common, *(f"{value} on {label}" for label, value in values.items() if value != common)])


TRUST = Option("Files", "--trust", is_flag=True, help="Run code of your own that a folder names, though the folder "
                 "was made elsewhere.")  # fmt: skip
_KINDS = {"digits": "digits", "ring": "ring and grid", "images": "other images"}

_CAUGHT = [name for name in ("USR1", "USR2", "XCPU", "ALRM", "QUIT", "PWR", "URG", "CONT", "INT", "TERM", "HUP")
           if hasattr(signal, f"SIG{name}")]  # fmt: skip


def _stop_on(context: click.Context, option: click.Parameter, names: tuple[str, ...]) -> None:
    for name in names:
        if (short := name.upper().removeprefix("SIG")) not in _CAUGHT:
            raise click.UsageError(f"--stop-on: got {name!r}, expected one of {', '.join(_CAUGHT)}")
        with stoppable() as stopping:
            stopping.also(signal.Signals[f"SIG{short}"])


_TRAINED = [
    Option("What is trained", "--loss", multiple=True, metavar="LOSS", help="A loss to train with, that is the recipe "
            "`gan` with it; repeat it for each. A name that `jaxgan losses` lists, or your own as "
            "path/to/file.py:name or package.module:name.  [default: minimax and non_saturating; "
            "with `train`, non_saturating]"),
    Option("What is trained", "--recipe", multiple=True, metavar="RECIPE", help="A recipe to train by; repeat it "
            "for each. A name that `jaxgan recipes` lists, or your own as path/to/file.py:name."),
]  # fmt: skip

_STUDY = [
    Option("Data", "--data", metavar="NAME", help="digits, ring, grid, tfds:NAME, a .npz or .npy file of images or "
            "points, a folder of images, or pairs:NAME, pairs of them; see `jaxgan datasets`.  [default: digits]"),
    Option("Data", "--image-size", type=int, metavar="PIXELS", help="Crop images to squares and resize them; "
            "4, 5, 6 or 7 times a power of two, 8 to 128.  [default: as they are]"),
    Option("Data", "--value-range", metavar="LOW,HIGH", help="The values of black and white in your own images.  "
            "[default: 0 to 255, or 0 or -1 to 1 for floats]"),
    Option("Data", "--background", type=int, metavar="LEVEL", help="The grey level behind transparent pixels of "
            "pictures in a folder, 0 to 255.  [default: 255, white]"),
    Option("Data", "--split-seed", type=int, help="Seed of the train/held-out split, for data without one.  "
            "[default: 0]"),
    Option("Data", "--conditional", is_flag=True, help="Labels are the condition of both networks. How they take it "
            "is their field `condition`, as in --network discriminator:condition=classifier; `jaxgan models` lists the "
            "ways. Networks of your own take y after their first argument."),
    Option("Networks", "--generator", metavar="NAME", help="A network that `jaxgan models` lists, or your own as "
            "path/to/file.py:Name.  [default: an MLP for points, a DCGAN for images, pix2pix for pairs]"),
    Option("Networks", "--discriminator", metavar="NAME", help="Likewise."),
    Option("Networks", "--network", multiple=True, metavar="NAME=VALUE", help="A field of both networks, such as "
            "hidden=(64,64), or of one: generator:NAME=VALUE; repeat it for each."),
    Option("Networks", "--width", type=int, help="Channels next to the image in a DCGAN, units of an MLP's two "
            f"layers.  [default: {_by_data('width')}]"),
    Option("Networks", "--latent-dim", type=int, help="Numbers in a latent z ~ N(0, I).  "
            f"[default: {_by_data('latent_dim')}]"),
    Option("Networks", "--precision", metavar="NAME", help="; ".join(f"{n}: {what}" for n, what in PRECISIONS.items())
            + ".  [default: float32]"),
    Option("Settings of recipes", "--set", multiple=True, metavar="NAME=VALUE", help="A setting of every recipe, such "
            "as gamma=1.0, or of one: r1_gan:gamma=1.0; repeat it for each. Other settings are the recipe's own; "
            "the defaults below are those of `gan`, that is of --loss. With balance=0.8 any recipe holds the "
            "discriminator back while its accuracy is above that; class_weight is the weight of an auxiliary "
            "classifier's loss, by default 1."),
    Option("Settings of recipes", "--vary", multiple=True, metavar="NAME=VALUE,...", help="Train every recipe with "
            "each of these values of a setting, or of one: r1_gan:gamma=1,10; two that vary together: "
            "lr_d/lr_g=0.001/0.001,0.002/0.004. Several --vary make a grid, all of it in few compiled programs."),
    Option("Settings of recipes", "--lr-d", type=float, help="Short for --set lr_d=...: the learning rate of the "
            f"discriminator.  [default: {_by_data('lr_d')}]"),
    Option("Settings of recipes", "--lr-g", type=float, help="The learning rate of the generator.  "
            f"[default: {_by_data('lr_g')}]"),
    Option("Settings of recipes", "--beta1", type=float, help="Adam's decay of the first moment.  "
            f"[default: {_by_data('b1')}]"),
    Option("Settings of recipes", "--d-steps", type=int, help="Discriminator updates per generator update.  "
            "[default: 1]"),
    Option("Settings of recipes", "--batch-size", type=int, help="Examples in an update, real and generated.  "
            f"[default: {_by_data('batch_size')}]"),
    Option("Settings of recipes", "--fake-batch-size", type=int, help="Generated examples in a discriminator update.  "
            "[default: as --batch-size]"),
    Option("Settings of recipes", "--generator-batch-size", type=int, help="Generated examples in a generator update."
            "  [default: as --batch-size]"),
    Option("Settings of recipes", "--ema", type=float, metavar="DECAY", help="Sample from a moving average of the "
            "generator, for example 0.999.  [default: none]"),
    Option("How long and how often", "--seeds", type=int, help="Independent runs, trained together in one program.  "
            "[default: 8]"),
    Option("How long and how often", "--first-seed", type=int, metavar="NUMBER", help="The number of the first of "
            "them, so that several machines train seeds of their own; see `jaxgan merge`.  [default: 0]"),
    Option("How long and how often", "--steps", type=int, help="Generator updates.  "
            f"[default: {_by_data('steps')}]"),
    Option("How long and how often", "--gentle", is_flag=True, help="A gentler setting, in which the losses differ "
            f"less: learning rates times {GENTLE['lr_d']:g}, steps times {GENTLE['steps']:g}."),
    Option("How long and how often", "--record-every", type=int, metavar="STEPS", help="Steps between two records of "
            "losses, norms and D's outputs; 1 keeps all.  [default: so that there are about 500]"),
    Option("How long and how often", "--stop", multiple=True, metavar="RULE", help="Stop a run before its last step: "
            "not_finite; failed, when its generator's gradient has vanished for good; or a goal that holds for five "
            "evaluations, such as captured>=8. Repeat it for several."),
    Option("Evaluation", "--planned", multiple=True, metavar="METRIC:A>B", help="A claim made before the first run, "
            "that configuration A does better than B; repeat it for each. The report tests these together."),
    Option("Evaluation", "--evaluate-every", "--every", type=int, metavar="STEPS", help="Steps between two "
            "evaluations along training, from up to 500 samples.  "
            f"[default: {EVALUATIONS} evaluations a run; with profile --train every {EVERY} steps]"),
    Option("Evaluation", "--samples", type=int, help="Samples per seed that the final metrics see.  "
            f"[default: {_by_data('samples')}]"),
    Option("Evaluation", "--failure-multiple", type=float, help="A seed has not learned when its distance is above "
            f"this multiple of real against real examples.  [default: {_by_data('failure_multiple')}]"),
    Option("Evaluation", "--features", metavar="NAME", help="What images are compared in: classifier, trained on the "
            "labels of the data; principal, components of their pixels; inception:WEIGHTS, the network of FID with its "
            "file of weights; or path/to/file.py:name, a function in JAX of images [n, h, w, c] in [-1, 1] that "
            "returns [n, d], or a jaxgan.Features.  [default: classifier, without labels principal]"),
    Option("Evaluation", "--common-latents", is_flag=True, help="Evaluate all seeds, at all steps, on samples from the "
            "same latents: curves differ by generators alone, but intervals over seeds leave out that of latents."),
    Option("Evaluation", "--probe", multiple=True, metavar="NAME", help="Your own measurement along training, at the "
            "steps of --evaluate-every: path/to/file.py:name of a function (key, algorithm, state) -> arrays."),
    Option("Randomness", "--key", type=int, help="The random key that everything is drawn from.  [default: 0]"),
    Option("Where it runs", "--on", metavar="ENGINE", help="What trains the parts of a study: local, this process; "
            "dask or dask:WORKERS, processes on this machine; dask:tcp://HOST:PORT, a Dask cluster; "
            "slurm:partition=gpu,timeout_min=60, jobs by submitit with its parameters. All have to see the folder that "
            "--out or runs/ is, and --devices are those of each.  [default: local]"),
    Option("Where it runs", "--devices", type=int, metavar="N", help="Devices of each process that the seeds are "
            "spread over; on a CPU they are its cores.  [default: all]"),
    Option("Where it runs", "--in-turn/--side-by-side", default=None, help="Whether the seeds of a device run one "
            "after another or together.  [default: what was measured to be faster for networks of their size]"),
    Option("Where it runs", "--deterministic", is_flag=True, help="On a GPU, only operations that give the same bits "
            "whenever a run is repeated or resumed; slower. CPUs have no others."),
    Option("Where it runs", "--distributed", is_flag=True, help="One of several processes, each of which is started "
            "with this same command, finds the others as JAX does: through SLURM, Kubernetes, Open MPI or a TPU pod. "
            "All have to see the folder that --out or runs/ is. Each trains seeds of its own."),
    Option("Where it runs", "--coordinator", metavar="HOST:PORT", help="The address of process 0, for clusters that "
            "JAX does not detect."),
    Option("Where it runs", "--num-processes", type=int, metavar="N", help="How many there are; with --coordinator."),
    Option("Where it runs", "--process-id", type=int, metavar="I", help="Which this is, from 0; with --coordinator."),
    Option("Where it runs", "--no-compile-cache", is_flag=True, help="Do not keep compiled programs in the user's "
            "cache folder, from where the next run of the same shape starts in seconds."),
    Option("Where it runs", "--stop-on", multiple=True, metavar="SIGNAL", expose_value=False, callback=_stop_on,
            help="One more signal that saves and stops, as SIGINT (Ctrl-C), SIGTERM and SIGHUP do: the warning of a "
            "batch system, such as USR1 for SLURM's --signal=USR1@60; repeat it for each."),
    Option("Files", "--out", type=click.Path(), callback=folder_to_write, metavar="DIR", help="The folder to write "
            "to.  [default: the next number under runs/]"),
    Option("Files", "--overwrite", is_flag=True, help="Replace the run that --out holds."),
    Option("Files", "--resume", is_flag=True, help="Continue the run that --out holds, where it was stopped; with "
            "more --steps or --seeds than it has, to these."),
    TRUST,
]  # fmt: skip


def study_options(function: Callable) -> Callable:
    """The options that `compare` and `train` share."""
    return with_options([*_TRAINED, *_STUDY], function)


_PROFILE = [
    Option("What is measured", "--train", is_flag=True, help="Measure along training."),
    Option("What is measured", "--frozen", is_flag=True, help="Measure against discriminators from scratch, with "
            "frozen generators."),
    Option("What is measured", "--loss", multiple=True, metavar="LOSS", help="A loss to measure; repeat it for each. "
            "A name that `jaxgan losses` lists, or your own as path/to/file.py:name.  "
            f"[default: {', '.join(LOSSES)}]"),
    Option("What is measured", "--threshold", type=float, help="A derivative with respect to the logit below this, in "
            f"absolute value, counts as saturated.  [default: {ProfileConfig.threshold:g}]"),
    Option("What is measured", "--minibatches", type=int, help="Minibatches of the generator's batch size at every "
            "measurement.  [default: 4, with --frozen 8]"),
    Option("What is measured", "--ages", multiple=True, metavar="AGES", help="When generators are frozen, with "
            "--frozen: steps, or epochs with an e, such as 1e,10e,25e.  [default: 1e,10e,25e; for ring and grid "
            "100,1000,3000]"),
    Option("What is measured", "--d-iterations", type=int, metavar="STEPS", help="Steps of a discriminator from "
            f"scratch, with --frozen.  [default: {ProfileConfig.d_iterations:,}]"),
    Option("What is measured", "--d-loss", metavar="LOSS", help="The loss whose discriminator's part they minimize.  "
            f"[default: {ProfileConfig.d_loss}, that is cross-entropy]"),
    Option("What is measured", "--probes", type=int, metavar="N", help="Measurements along these steps, log-spaced.  "
            f"[default: {ProfileConfig.probes}]"),
    Option("What is measured", "--d-strength", "--d-skill", multiple=True, metavar="STRENGTH", help="A weaker or "
            "stronger discriminator beside the base; repeat it for each. lr and width are factors, k multiplies its "
            "updates, noise is a share of flipped labels: lr=4,k=5,width=2,noise=0.1."),
    Option("What is trained", "--train-loss", metavar="LOSS", help="The loss that trains the generators, with --train "
            "and --frozen.  [default: non_saturating]"),
    Option("What is trained", "--recipe", metavar="RECIPE", help="A recipe to train generators by, in place of a "
            "loss; see `jaxgan recipes`."),
]  # fmt: skip
_NOT_PROFILED = ("--on", "--distributed", "--coordinator", "--num-processes", "--process-id", "--vary", "--stop",
                 "--planned")  # fmt: skip


def profile_options(function: Callable) -> Callable:
    """Those of `profile`: its own, and of a study's what trains generators."""
    return with_options([*_PROFILE, *(option for option in _STUDY if option.names[0] not in _NOT_PROFILED)], function)


def merge_options(function: Callable) -> Callable:
    """Those of `merge`: where it runs, and the files."""
    where = ("--devices", "--in-turn/--side-by-side", "--deterministic", "--no-compile-cache")
    names = (*where, "--out", "--overwrite", "--trust")
    return with_options([option for option in _STUDY if option.names[0] in names], function)


def remedy_options(function: Callable) -> Callable:
    """Those of `remedy`: where it runs, and the files."""
    out = Option("Files", "--out", type=click.Path(), callback=folder_to_write, metavar="FOLDER", help="The folder to "
                  "write to, and to go on in.  [default: remedies-LABEL in DIR]")  # fmt: skip
    names = ("--devices", "--in-turn/--side-by-side", "--deterministic", "--no-compile-cache", "--overwrite", "--trust")
    return with_options([out, *(option for option in _STUDY if option.names[0] in names)], function)


def study_file_options(function: Callable) -> Callable:
    """Those of `study`: what it does with a file, and where it runs; all else is in the file."""
    own = [
        Option("What is done", "--init", is_flag=False, flag_value="study.toml", metavar="[FILE.toml]",
                help="Write a commented study file to start from, by default study.toml, and stop."),
        Option("What is done", "--dry-run", is_flag=True, help="Print the runs, the programs that they group into, "
                "memory, operations and time, and stop."),
        Option("What is done", "--at-rate", type=float, metavar="TFLOP/S", help="With "
                "--dry-run: the time of all products also where so many are sustained, as on another machine."),
    ]  # fmt: skip
    files = [
        Option("Files", "--out", type=click.Path(), callback=folder_to_write, metavar="DIR", help="The folder to "
                "write to, and to go on in.  [default: runs/NAME with the study's name]"),
        Option("Files", "--overwrite", is_flag=True, help="Begin anew, in place of what the folder holds."),
        TRUST,
    ]  # fmt: skip
    where = [option for option in _STUDY if option.settings["group"] == "Where it runs"]
    return with_options([*own, *where, *files], function)


def track_options(function: Callable) -> Callable:
    """Those of `track`."""
    options = [
        Option("What is done", "--to", type=click.Choice(["tensorboard", "wandb"]), default="tensorboard",
                show_default=True, help="The tracker, whose package has to be installed: tensorboardX or wandb."),
        Option("Files", "--out", type=click.Path(path_type=Path), metavar="DIR", help="A new or an empty folder.  "
                "[default: beside the run's, NAME-tensorboard or NAME-wandb]"),
    ]  # fmt: skip
    return with_options(options, function)


def resources_from(options: dict[str, Any]) -> "Resources":
    """Takes out of `options` those that say where a job runs.

    Raises:
      OptionError: some of the options of several processes, but not all.
    """
    from jaxgan.study.resources import Resources, cluster_from

    names = ("distributed", "coordinator", "num_processes", "process_id")
    cluster = cluster_from(*(options.pop(name) for name in names)) if "distributed" in options else None
    return Resources(options.pop("devices"), options.pop("in_turn"), cluster, options.pop("deterministic", False))


def given_options(options: dict[str, Any]) -> dict[str, Any]:
    """Those that were given: a flag that was set, a text or a number (0 is one), a list that is not empty."""
    return {n: v for n, v in options.items() if v is not None and v is not False and v != ()}


def with_options(options: Iterable[Option], function: Callable) -> Callable:
    """A command with these options, in this order."""
    for option in reversed(list(options)):
        function = click.option(*option.names, **option.settings)(function)
    return function
