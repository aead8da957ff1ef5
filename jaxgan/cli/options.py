"""The options of the command line, by the commands that share them. Imports nothing heavy, so help is instant."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import click

from jaxgan.study.config import GENTLE, PRECISIONS, defaults
from jaxgan.study.profile_config import LOSSES, Wanted


class _Option:
    """An option by its name, so that a command can take some of a list."""

    def __init__(self, name: str, **settings: Any):
        self.name, self.settings = name, settings


def _by_data(name: str) -> str:
    given = {label: defaults(data)[name] for data, label in _KINDS.items()}
    values = {label: f"{value:g}" for label, value in given.items() if value is not None}
    common = values["digits"]  # said once where others share it
    others = [f"{value} on {label}" for label, value in values.items() if value != common]
    return ", ".join([common, *others])


_KINDS = {"digits": "digits", "ring": "ring and grid", "images": "other images"}

_STUDY = [
    _Option("--set", multiple=True, metavar="NAME=VALUE", help="A setting of the recipe, such as gamma=1.0; "
                 "repeat it for each. What is not said, here or by an option below, is as the recipe has it."),
    _Option("--data", metavar="NAME", help="digits, ring, grid, tfds:NAME, a .npz or .npy file, or a folder "
                 "of images; see `jaxgan datasets`.  [default: digits]"),
    _Option("--seeds", type=int, help="Independent runs, trained together in one program.  [default: 8]"),
    _Option("--steps", type=int, help=f"Generator updates.  [default: {_by_data('steps')}]"),
    _Option("--batch-size", type=int, help="Real images in a discriminator update.  "
                 f"[default: {_by_data('batch_size')}]"),
    _Option("--fake-batch-size", type=int, help="Generated images in a discriminator update.  "
                 "[default: as --batch-size]"),
    _Option("--generator-batch-size", type=int, help="Generated images in a generator update.  "
                 "[default: as --batch-size]"),
    _Option("--d-steps", type=int, help="Discriminator updates per generator update.  [default: 1]"),
    _Option("--lr-d", type=float, help="Adam's learning rate, discriminator.  "
                 f"[default: {_by_data('lr_d')}]"),
    _Option("--lr-g", type=float, help=f"Adam's learning rate, generator.  [default: {_by_data('lr_g')}]"),
    _Option("--beta1", type=float, help=f"Adam's decay of the first moment.  [default: {_by_data('beta1')}]"),
    _Option("--ema", type=float, metavar="DECAY", help="Sample from a moving average of the generator, "
                 "for example 0.999.  [default: none]"),
    _Option("--latent-dim", type=int, help="Numbers in a latent z ~ N(0, I).  "
                 f"[default: {_by_data('latent_dim')}]"),
    _Option("--width", type=int, help="Channels next to the image in a DCGAN, units of an MLP's two layers.  "
                 f"[default: {_by_data('width')}]"),
    _Option("--image-size", type=int, metavar="PIXELS", help="Crop images to squares and resize them; "
                 "4, 5, 6 or 7 times a power of two, 8 to 128.  [default: as they are]"),
    _Option("--precision", metavar="NAME", help="; ".join(f"{n}: {what}" for n, what in PRECISIONS.items())
                 + ".  [default: float32]"),
    _Option("--samples", type=int, help="Samples per seed that the metrics see.  "
                 f"[default: {_by_data('samples')}]"),
    _Option("--failure-multiple", type=float, help="A seed has not learned when its Fréchet distance is above "
                 f"this multiple of real against real images.  [default: {_by_data('failure_multiple')}]"),
    _Option("--key", type=int, help="The random key that everything is drawn from.  [default: 0]"),
    _Option("--split-seed", type=int, help="Which images are held out, where the data do not say.  [default: 0]"),
    _Option("--gentle", is_flag=True, help="A gentler setting, in which the losses differ less: learning rates "
                 f"times {GENTLE['lr_d']:g}, steps times {GENTLE['steps']:g}."),
    _Option("--devices", type=int, metavar="N", help="Devices of each process that the seeds are dealt out over; "
                 "on a CPU they are its cores.  [default: all]"),
    _Option("--in-turn/--side-by-side", default=None, help="Whether the seeds of a device run one after another "
                 "or together.  [default: in turn on a CPU where networks are not small]"),
    _Option("--distributed", is_flag=True, help="One of several processes, each of which is started with this "
                 "same command, finds the others as JAX does: through SLURM, Kubernetes, Open MPI or a TPU pod. "
                 "All have to see the folder that --out or runs/ is. Each trains seeds of its own."),
    _Option("--coordinator", metavar="HOST:PORT", help="Where process 0 is found, in place of that."),
    _Option("--num-processes", type=int, metavar="N", help="How many there are; with --coordinator."),
    _Option("--process-id", type=int, metavar="I", help="Which this is, from 0; with --coordinator."),
    _Option("--no-compile-cache", is_flag=True, help="Do not keep compiled programs in the user's cache folder, "
                 "from where the next run of the same shape starts in seconds."),
    _Option("--out", type=click.Path(path_type=Path), metavar="DIR", help="The folder to write to.  "
                 "[default: the next number under runs/]"),
    _Option("--overwrite", is_flag=True, help="Replace the run that --out holds."),
    _Option("--resume", is_flag=True, help="Continue the interrupted run that --out holds."),
]  # fmt: skip


def study_options(function: Callable) -> Callable:
    """The options that `compare` and `train` share."""
    return _with(_STUDY, function)


_PROFILE = [
    _Option("--train", is_flag=True, help="Measure along training."),
    _Option("--frozen", is_flag=True, help="Measure against discriminators from scratch, with frozen generators."),
    _Option("--loss", multiple=True, metavar="LOSS", help="A loss to measure; repeat it for each. A name that "
            f"`jaxgan losses` lists, or your own as path/to/file.py:name.  [default: {', '.join(LOSSES)}]"),
    _Option("--threshold", type=float, help="A derivative by the logit below this, in absolute value, counts as "
            f"saturated.  [default: {Wanted.threshold:g}]"),
    _Option("--train-loss", metavar="LOSS", help="What generators are trained with, of --train and --frozen.  "
            "[default: non_saturating]"),
    _Option("--recipe", metavar="RECIPE", help="A recipe to train generators by, in place of a loss; see "
            "`jaxgan recipes`."),
    _Option("--minibatches", type=int, help="Minibatches of the generator's batch size at every look.  [default: 4, "
            "with --frozen 8]"),
    _Option("--every", type=int, metavar="STEPS", help="Steps between looks, with --train.  "
            f"[default: {Wanted.every}]"),
    _Option("--ages", multiple=True, metavar="AGES", help="When generators are frozen, with --frozen: steps, or "
            "epochs with an e, such as 1e,10e,25e.  [default: 1e,10e,25e; of ring and grid 100,1000,3000]"),
    _Option("--d-iterations", type=int, metavar="STEPS", help="Steps of a discriminator from scratch, with --frozen.  "
            f"[default: {Wanted.d_iterations:,}]"),
    _Option("--d-loss", metavar="LOSS", help="The loss whose discriminator's part they minimize.  [default: "
            f"{Wanted.d_loss}, that is cross-entropy]"),
    _Option("--probes", type=int, metavar="N", help="Looks along these steps, log-spaced.  "
            f"[default: {Wanted.probes}]"),
    _Option("--d-skill", multiple=True, metavar="SKILL", help="A weaker or stronger discriminator beside the base; "
            "repeat it for each. lr and width are factors, k multiplies its updates, noise is a share of flipped "
            "labels: lr=4,k=5,width=2,noise=0.1."),
]  # fmt: skip
_NOT_PROFILED = ("--resume", "--distributed", "--coordinator", "--num-processes", "--process-id")


def profile_options(function: Callable) -> Callable:
    """Those of `profile`: its own, and of a study's what trains generators."""
    return _with([*_PROFILE, *(option for option in _STUDY if option.name not in _NOT_PROFILED)], function)


def generator_options(n: int, what: str) -> Callable[[Callable], Callable]:
    """The options that `sample` and `interpolate` share."""
    options = [
        _Option("--loss", metavar="LOSS", help="Trained under this loss, or by this recipe.  [default: "
                     "non_saturating where it was trained, else the first]"),
        _Option("--seed", type=int, default=0, show_default=True, help="Which of the run's seeds."),
        _Option("-n", type=int, default=n, show_default=True, help=what),
        _Option("--key", type=int, default=0, show_default=True, help="The random key of the latents."),
        _Option("--out", type=click.Path(path_type=Path), metavar="FILE.png", help="The picture; the arrays go "
                     "to the .npz beside it.  [default: in the run's folder]"),
        _Option("--overwrite", is_flag=True, help="Replace the files that --out names."),
    ]  # fmt: skip

    def decorate(function: Callable) -> Callable:
        run = click.argument("run", type=click.Path(path_type=Path), required=False)
        return run(_with(options, function))

    return decorate


def _with(options: Iterable[_Option], function: Callable) -> Callable:
    for option in reversed(list(options)):
        function = click.option(option.name, **option.settings)(function)
    return function
