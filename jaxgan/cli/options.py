"""The options of the command line, by the commands that share them. Has no heavy imports, so help is instant."""

import signal
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from jaxgan.cli.places import folder_to_write
from jaxgan.stopping import stoppable
from jaxgan.study.config import EVALUATIONS, GENTLE, PRECISIONS, defaults, gan_defaults
from jaxgan.study.profiles.profile_config import EVERY, LOSSES, ProfileConfig

if TYPE_CHECKING:
    from jaxgan.study.distributed.resources import Resources

_GROUPS = ("What is done", "What is measured", "What is trained", "Data", "Networks", "Settings of recipes",
           "How long and how often", "Evaluation", "Randomness", "Where it runs", "Files")  # fmt: skip


class GroupedCommand(click.Command):
    """A command whose help lists its options by group."""

    def format_options(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """Write a section for each group, and one for options without a group."""
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
    """An option with its names, so that a command can select options from a list."""

    def __init__(self, group: str, *names: str, **settings: Any):
        self.names = names
        self.settings = settings | {"cls": _GroupedOption, "group": group}


def _by_data(name: str) -> str:
    """Describe the default of an option, or of a setting of `gan`, for each kind of data."""
    given = {label: {**gan_defaults(data), **defaults(data)}.get(name) for data, label in _KINDS.items()}
    labels: dict[str, list[str]] = {}  # of each value, in the order of the kinds; that of digits is the common one
    for label, value in given.items():
        if value is not None:
            labels.setdefault(f"{value:g}", []).append(label)
    common, *others = labels
    return ", ".join([common, *(f"{value} on {' and '.join(labels[value])}" for value in others)])


TRUST = Option("Files", "--trust", is_flag=True, help="Run the code of your own that a folder names, even if the "
                 "folder was made elsewhere.")  # fmt: skip
_KINDS = {"digits": "digits", "ring": "points", "images": "other images", "pairs:": "pairs"}

_CAUGHT = [name for name in ("USR1", "USR2", "XCPU", "ALRM", "QUIT", "PWR", "URG", "CONT", "INT", "TERM", "HUP")
           if hasattr(signal, f"SIG{name}")]  # fmt: skip


def _stop_on(context: click.Context, option: click.Parameter, names: tuple[str, ...]) -> None:
    for name in names:
        if (short := name.upper().removeprefix("SIG")) not in _CAUGHT:
            raise click.UsageError(f"--stop-on: got {name!r}, expected one of {', '.join(_CAUGHT)}")
        with stoppable() as stopping:
            stopping.also(signal.Signals[f"SIG{short}"])


def _trained(several: bool) -> list[Option]:
    """Return the options for what is trained: of `compare`, which takes several, or of `train`, which takes one."""
    repeatable, default = ("; repeatable", "minimax and non_saturating") if several else ("", "non_saturating")
    return [
        Option("What is trained", "--loss", multiple=True, metavar="LOSS", help="A loss to train with, by the recipe "
                f"`gan`{repeatable}. A name that `jaxgan losses` lists, or your own as path/to/file.py:name or "
                "package.module:name. LABEL=LOSS gives it a name of your own"
                f"{', by which one loss can be trained with several settings' if several else ''}.  "
                f"[default: {default}; for pairs, the recipe pix2pix]"),
        Option("What is trained", "--recipe", multiple=True, metavar="RECIPE", help="A recipe to train "
                f"with{repeatable}. A name that `jaxgan recipes` lists, or your own as path/to/file.py:name. "
                "LABEL=RECIPE gives it a name of your own."),
    ]  # fmt: skip


_STUDY = [
    Option("Data", "--data", metavar="NAME", help="digits, ring, grid, polygons, tfds:NAME, a .npz or .npy file of "
            "images or points, a folder of images, or pairs:NAME for pairs of images; see `jaxgan datasets`.  "
            "[default: digits]"),
    Option("Data", "--image-size", type=int, metavar="PIXELS", help="Crop images to squares and resize them "
            "to a size of the generator: a DCGAN takes 4, 5, 6 or 7 times a power of two, 8 to 128, and `jaxgan "
            "models` lists those of the others.  [default: as they are]"),
    Option("Data", "--value-range", metavar="LOW,HIGH", help="The values of black and white in your images.  "
            "[default: 0,255; for floats 0,1 or -1,1]"),
    Option("Data", "--background", type=int, metavar="LEVEL", help="The grey level behind transparent pixels in a "
            "folder of images, 0 to 255.  [default: 255, white]"),
    Option("Data", "--split-seed", type=int, help="Seed of the train/held-out split, for data without one.  "
            "[default: 0]"),
    Option("Data", "--conditional", is_flag=True, help="Condition both networks on the labels. Their field `condition` "
            "says how, as in --network discriminator:condition=classifier; `jaxgan models` lists the choices. Networks "
            "of your own take y after their first argument."),
    Option("Networks", "--generator", metavar="NAME", help="A network that `jaxgan models` lists, or your own as "
            "path/to/file.py:Name.  [default: an MLP for points, a DCGAN for images, pix2pix for pairs]"),
    Option("Networks", "--discriminator", metavar="NAME", help="The same for the discriminator."),
    Option("Networks", "--network", multiple=True, metavar="NAME=VALUE", help="A field of both networks, such as "
            "hidden=(64,64), or of one: generator:NAME=VALUE; repeatable."),
    Option("Networks", "--width", type=int, help="Channels of the layer next to the image in a DCGAN; units of "
            "each hidden layer in an MLP; the field `width` of any other network, where `jaxgan models` also lists "
            f"the numbers of parameters at the published widths.  [default: {_by_data('width')}]"),
    Option("Networks", "--latent-dim", type=int, help="Dimension of the latent z ~ N(0, I).  "
            f"[default: {_by_data('latent_dim')}]"),
    Option("Networks", "--precision", metavar="NAME", help="; ".join(f"{n}: {what}" for n, what in PRECISIONS.items())
            + ".  [default: float32]"),
    Option("Settings of recipes", "--set", multiple=True, metavar="NAME=VALUE", help="A setting of every recipe, such "
            "as gamma=1.0, or of one: r1_gan:gamma=1.0; repeatable. All others keep the recipe's own values; the "
            "defaults below are those of `gan`, which --loss uses. In any recipe, balance=0.8 pauses the discriminator "
            "while its accuracy is above 0.8, r1=0.1 penalizes its gradient at real examples (and removes its "
            "BatchNorm), instance_noise=0.1 adds noise of that standard deviation to what it sees, and class_weight "
            "is the weight of an auxiliary classifier's loss, by default 1."),
    Option("Settings of recipes", "--vary", multiple=True, metavar="NAME=VALUE,...", help="Train every recipe with "
            "each of these values of a setting; one recipe: r1_gan:gamma=1,10; two settings together: "
            "lr_d/lr_g=0.001/0.001,0.002/0.004. Several --vary make a grid, trained in few compiled programs."),
    Option("Settings of recipes", "--lr-d", type=float, help="The discriminator's learning rate; short for "
            f"--set lr_d=... .  [default: {_by_data('lr_d')}]"),
    Option("Settings of recipes", "--lr-g", type=float, help="The generator's learning rate.  "
            f"[default: {_by_data('lr_g')}]"),
    Option("Settings of recipes", "--beta1", type=float, help="Adam's decay rate of the first moment.  "
            f"[default: {_by_data('b1')}]"),
    Option("Settings of recipes", "--d-steps", type=int, help="Discriminator updates per generator update.  "
            "[default: 1]"),
    Option("Settings of recipes", "--batch-size", type=int, help="Real examples per update, and as many generated "
            f"ones.  [default: {_by_data('batch_size')}]"),
    Option("Settings of recipes", "--fake-batch-size", type=int, help="Generated examples per discriminator update.  "
            "[default: --batch-size]"),
    Option("Settings of recipes", "--generator-batch-size", type=int, help="Generated examples per generator update."
            "  [default: --batch-size]"),
    Option("Settings of recipes", "--ema", type=float, metavar="DECAY", help="Sample from an exponential moving "
            "average of the generator, for example 0.999.  [default: none]"),
    Option("How long and how often", "--seeds", type=int, help="Number of seeds: independent runs, trained together in "
            "one program.  [default: 8]"),
    Option("How long and how often", "--first-seed", type=int, metavar="NUMBER", help="The number of the first "
            "seed, so that several machines can train different seeds; see `jaxgan merge`.  [default: 0]"),
    Option("How long and how often", "--steps", type=int, help="Training steps, in generator updates.  "
            f"[default: {_by_data('steps')}]"),
    Option("How long and how often", "--gentle", is_flag=True, help="Slower learning, where the losses differ less: "
            f"default learning rates times {GENTLE['lr_d']:g}, default steps times {GENTLE['steps']:g}."),
    Option("How long and how often", "--record-every", type=int, metavar="STEPS", help="Steps between records of "
            "losses, norms and D's outputs; 1 keeps all, 0 about 500 per run.  [default: 0]"),
    Option("How long and how often", "--stop", multiple=True, metavar="RULE", help="Stop a run before its last step: "
            "not_finite, when a recorded quantity is NaN or infinite; failed, also when it has stayed for five "
            "evaluations in a row in a failed state that rarely recovers: bad samples with a known cause, or collapse; "
            "or a goal that holds for five evaluations in a row, such as captured>=8. Repeatable."),
    Option("Evaluation", "--planned", multiple=True, metavar="METRIC:A>B", help="A claim made before the first run: "
            "configuration A does better than B; repeatable. The report tests all of them together."),
    Option("Evaluation", "--evaluate-every", "--every", type=int, metavar="STEPS", help="Steps between "
            "evaluations during training, each on up to 500 samples.  "
            f"[default: {EVALUATIONS} evaluations per run; with profile --train every {EVERY} steps]"),
    Option("Evaluation", "--samples", type=int, help="Samples per seed for the final metrics.  "
            f"[default: {_by_data('samples')}]"),
    Option("Evaluation", "--failure-multiple", type=float, help="A seed has not learned when its distance exceeds "
            f"this multiple of the distance between real examples; not for pairs, nor where modes are known.  "
            f"[default: {_by_data('failure_multiple')}]"),
    Option("Evaluation", "--features", metavar="NAME", help="The features in which images are compared: classifier, "
            "trained on the labels of the data; principal, principal components of the pixels; inception:WEIGHTS, the "
            "network of FID with its weights file; or path/to/file.py:name, a JAX function of images [n, h, w, c] in "
            "[-1, 1] that returns [n, d], or a jaxgan.Features.  [default: classifier; without labels principal]"),
    Option("Evaluation", "--common-latents", is_flag=True, help="Evaluate all seeds, at all steps, on the same "
            "latents: curves then differ by the generators alone, but intervals over seeds leave out the variation of "
            "latents."),
    Option("Evaluation", "--probe", multiple=True, metavar="NAME", help="Your own measurement during training, at the "
            "steps of --evaluate-every: path/to/file.py:name of a function (key, algorithm, state) -> arrays; "
            "repeatable."),
    Option("Randomness", "--key", type=int, help="The random key from which everything is drawn.  [default: 0]"),
    Option("Where it runs", "--on", metavar="ENGINE", help="Where the parts of a study are trained: local, in this "
            "process; dask or dask:WORKERS, processes on this machine; dask:tcp://HOST:PORT, a Dask cluster; "
            "slurm:partition=gpu,timeout_min=60, SLURM jobs with these parameters of submitit. All of them need access "
            "to the output folder; --devices counts those of each.  [default: local]"),
    Option("Where it runs", "--devices", type=int, metavar="N", help="Devices over which each process spreads its "
            "seeds; on a CPU, its cores.  [default: all]"),
    Option("Where it runs", "--in-turn/--side-by-side", default=None, help="Run the seeds on a device one after "
            "another, or together.  [default: what was measured as faster for networks of that size]"),
    Option("Where it runs", "--deterministic", is_flag=True, help="On a GPU, use only operations that give identical "
            "bits when a run is repeated or resumed; slower. CPUs always do."),
    Option("Where it runs", "--distributed", is_flag=True, help="Run as one of several processes, each started with "
            "this same command. They find each other as JAX does: through SLURM, Kubernetes, Open MPI or a TPU pod. "
            "All of them need access to the output folder. Each trains its own seeds."),
    Option("Where it runs", "--coordinator", metavar="HOST:PORT", help="The address of process 0, for clusters that "
            "JAX does not detect."),
    Option("Where it runs", "--num-processes", type=int, metavar="N", help="Number of processes; with --coordinator."),
    Option("Where it runs", "--process-id", type=int, metavar="I", help="Index of this process, from 0; with "
            "--coordinator."),
    Option("Where it runs", "--no-compile-cache", is_flag=True, help="Do not keep compiled programs in the user's "
            "cache folder. With them, the next run of the same shapes starts in seconds."),
    Option("Where it runs", "--stop-on", multiple=True, metavar="SIGNAL", expose_value=False, callback=_stop_on,
            help="Another signal that saves the run and stops, as SIGINT (Ctrl-C), SIGTERM and SIGHUP do: the warning "
            "of a batch system, such as USR1 for SLURM's --signal=USR1@60; repeatable."),
    Option("Files", "--out", type=click.Path(), callback=folder_to_write, metavar="DIR", help="The folder to write "
            "to.  [default: the next number under runs/]"),
    Option("Files", "--overwrite", is_flag=True, help="Replace the run in --out."),
    Option("Files", "--resume", is_flag=True, help="Continue the stopped run in --out; with more --steps or --seeds "
            "than it has, extend it to these."),
    TRUST,
]  # fmt: skip


def compare_options(function: Callable) -> Callable:
    """Add the options of `compare`."""
    return with_options([*_trained(several=True), *_STUDY], function)


def train_options(function: Callable) -> Callable:
    """Add the options of `train`: those of `compare`, for one loss or recipe."""
    return with_options([*_trained(several=False), *_STUDY], function)


_PROFILE = [
    Option("What is measured", "--train", is_flag=True, help="Measure during training."),
    Option("What is measured", "--frozen", is_flag=True, help="Freeze generators, and measure while a discriminator is "
            "trained from scratch against each."),
    Option("What is measured", "--loss", multiple=True, metavar="LOSS", help="A loss to measure; repeatable. "
            "A name that `jaxgan losses` lists, or your own as path/to/file.py:name.  "
            f"[default: {', '.join(LOSSES)}]"),
    Option("What is measured", "--threshold", type=float, help="A derivative with respect to the logit below this, in "
            f"absolute value, counts as saturated.  [default: {ProfileConfig.threshold:g}]"),
    Option("What is measured", "--minibatches", type=int, help="Minibatches per measurement, each of the generator's "
            "batch size.  [default: 4, with --frozen 8]"),
    Option("What is measured", "--ages", multiple=True, metavar="AGES", help="With --frozen: after how much training "
            "generators are frozen, in steps, or in epochs with an e, such as 1e,10e,25e.  [default: 1e,10e,25e; for "
            "ring, grid and polygons, which have no epochs, 100,1000,3000]"),
    Option("What is measured", "--d-iterations", type=int, metavar="STEPS", help="With --frozen: training steps of "
            f"each discriminator.  [default: {ProfileConfig.d_iterations:,}]"),
    Option("What is measured", "--d-loss", metavar="LOSS", help="With --frozen: the loss of these discriminators.  "
            f"[default: {ProfileConfig.d_loss}, that is cross-entropy]"),
    Option("What is measured", "--probes", type=int, metavar="N", help="With --frozen: measurements during these "
            f"steps, log-spaced.  [default: {ProfileConfig.probes}]"),
    Option("What is measured", "--d-strength", "--d-skill", multiple=True, metavar="STRENGTH", help="A weaker or "
            "stronger discriminator to compare with the base; repeatable. lr, width and k multiply its learning rate, "
            "width and updates, noise is the share of flipped labels: lr=4,k=5,width=2,noise=0.1."),
    Option("What is trained", "--train-loss", metavar="LOSS", help="The loss that trains the generators, with --train "
            "and --frozen.  [default: non_saturating]"),
    Option("What is trained", "--recipe", metavar="RECIPE", help="A recipe to train the generators with, instead "
            "of a loss; see `jaxgan recipes`."),
]  # fmt: skip
_NOT_PROFILED = ("--on", "--distributed", "--coordinator", "--num-processes", "--process-id", "--vary", "--stop",
                 "--planned")  # fmt: skip


def profile_options(function: Callable) -> Callable:
    """Add the options of `profile`: its own, and the study options that concern training."""
    return with_options([*_PROFILE, *(option for option in _STUDY if option.names[0] not in _NOT_PROFILED)], function)


_ON_ONE_MACHINE = ("--devices", "--in-turn/--side-by-side", "--deterministic", "--no-compile-cache")


def merge_options(function: Callable) -> Callable:
    """Add the options of `merge`: where it runs, and files."""
    names = (*_ON_ONE_MACHINE, "--out", "--overwrite", "--trust")
    return with_options([option for option in _STUDY if option.names[0] in names], function)


def remedy_options(function: Callable) -> Callable:
    """Add the options of `remedy`: where it runs, and files."""
    out = Option("Files", "--out", type=click.Path(), callback=folder_to_write, metavar="FOLDER", help="The folder to "
                  "write to, or to resume.  [default: remedies-LABEL in RUN]")  # fmt: skip
    names = (*_ON_ONE_MACHINE, "--overwrite", "--trust")
    return with_options([out, *(option for option in _STUDY if option.names[0] in names)], function)


def study_file_options(function: Callable) -> Callable:
    """Add the options of `study`: how it uses the file, and where it runs; everything else is in the file."""
    own = [
        Option("What is done", "--init", is_flag=False, flag_value="study.toml", metavar="[FILE.toml]",
                help="Write a commented study file to start from, by default study.toml, and exit."),
        Option("What is done", "--dry-run", is_flag=True, help="Print the runs, the compiled programs that they share, "
                "memory, operations and time, and exit."),
        Option("What is done", "--at-rate", type=float, metavar="TFLOP/S", help="With "
                "--dry-run: also estimate the time of all products at this sustained rate, as of another machine."),
    ]  # fmt: skip
    files = [
        Option("Files", "--out", type=click.Path(), callback=folder_to_write, metavar="DIR", help="The folder to "
                "write to, or to resume.  [default: runs/NAME with the study's name]"),
        Option("Files", "--overwrite", is_flag=True, help="Start over, and replace what the folder holds."),
        TRUST,
    ]  # fmt: skip
    where = [option for option in _STUDY if option.settings["group"] == "Where it runs"]
    return with_options([*own, *where, *files], function)


def track_options(function: Callable) -> Callable:
    """Add the options of `track`."""
    options = [
        Option("What is done", "--to", type=click.Choice(["tensorboard", "wandb"]), default="tensorboard",
                show_default=True, help="The tracker; its package, tensorboardX or wandb, has to be installed."),
        Option("Files", "--out", type=click.Path(path_type=Path), metavar="DIR", help="A new or empty folder.  "
                "[default: NAME-tensorboard or NAME-wandb beside the run]"),
    ]  # fmt: skip
    return with_options(options, function)


def resources_from(options: dict[str, Any]) -> "Resources":
    """Remove the options that say where a job runs from `options` and return them as `Resources`.

    Raises:
      OptionError: if only some of the options for several processes are given.
    """
    from jaxgan.study.distributed.resources import Resources, cluster_from

    names = ("distributed", "coordinator", "num_processes", "process_id")
    cluster = cluster_from(*(options.pop(name) for name in names)) if "distributed" in options else None
    return Resources(options.pop("devices"), options.pop("in_turn"), cluster, options.pop("deterministic", False))


def given_options(options: dict[str, Any]) -> dict[str, Any]:
    """Return the options that were given: set flags, strings, numbers (including 0) and non-empty lists."""
    return {n: v for n, v in options.items() if v is not None and v is not False and v != ()}


def with_options(options: Iterable[Option], function: Callable) -> Callable:
    """Add options to a command, in this order."""
    for option in reversed(list(options)):
        function = click.option(*option.names, **option.settings)(function)
    return function
