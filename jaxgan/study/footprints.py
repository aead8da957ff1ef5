"""The memory that a training step of a catalogue network needs, without any data."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from jaxgan.nn.registry import NETWORKS, Network, fields_for, make, parameter_count
from jaxgan.priors import normal_prior
from jaxgan.runs import step_memory
from jaxgan.study import catalogue
from jaxgan.study.compilation import in_precision
from jaxgan.study.limits import FIELDS, SETTINGS, check_limit
from jaxgan.study.messages import OptionError, expect, nearest
from jaxgan.study.networks import DTYPES

_LATENTS, _WITHOUT = 64, "ns_gan"  # for networks without a published number of latents, and without their own recipe


class Footprint(NamedTuple):
    """The memory of one run."""

    recipe: str
    parameters: tuple[int, int]  # of the generator and of the discriminator
    state: int  # bytes carried from step to step
    step: int  # peak bytes of its compiled step, including the state
    device: str  # kind of device that it was compiled for
    classes: int = 0
    precision: str = "float32"


@contextmanager
def _refused_in_a_line() -> Iterator[None]:
    """Turn what a network says about its size or width, a ValueError, into an OptionError."""
    try:
        yield
    except OptionError:
        raise
    except ValueError as error:
        raise OptionError("memory", str(error).partition("\n")[0]) from error


@_refused_in_a_line()
def footprint(
    name: str,
    image_size: int,
    *,
    batch_size: int = 32,
    width: int | None = None,
    channels: int = 3,
    classes: int = 0,
    precision: str = "float32",
) -> Footprint:
    """Return the memory of a run of an image network with its recipe, whose step is compiled but not run.

    Args:
      name: a name in `jaxgan.nn.NETWORKS`.
      image_size: height and width in pixels.
      batch_size: the number of examples per update.
      width: the width of both networks; None for that of the published networks.
      channels: the number of image channels.
      classes: the number of classes of labels, as with `--conditional`; 0: no labels.
      precision: as `--precision` of a run.

    Raises:
      OptionError: if there is no such network or precision, it is for points or pairs, it does not support the size or
        the width, or a number is beyond its limit.
    """
    if name not in NETWORKS:
        raise OptionError("memory", f"got {name!r}; {nearest(name, NETWORKS)}")
    for option, value in {"image_size": image_size, "width": width}.items():
        if value is not None:
            check_limit(option, value)
    batches = SETTINGS["batch_size"]
    expect("batch_size", f"{batch_size:,}", batches.holds(batch_size), str(batches))
    network = NETWORKS[name]
    if network.axes != 3 or network.condition_axes:
        raise OptionError("memory", f"got {name}, expected a network for images that takes no images as conditions")
    sizes = network.sizes
    expect("image_size", image_size, not sizes or image_size in sizes, f"one of {', '.join(map(str, sizes))}")
    expect("classes", classes, classes == 0 or FIELDS["classes"].holds(classes), f"0, or {FIELDS['classes']}")
    if precision not in DTYPES:
        raise OptionError("precision", f"got {precision!r}; {nearest(precision, DTYPES)}")
    shape = (image_size, image_size, channels)
    latents = _latents_of(network, image_size)
    fields: dict[str, Any] = {"classes": classes, "dtype": DTYPES[precision]}
    fields |= {} if width is None else {"width": width}
    pair = [make(module, fields_for(module, shape, **fields)) for module in (network.generator, network.discriminator)]
    recipe = name if name in catalogue.RECIPES else _WITHOUT
    recipe = _WITHOUT if recipe == "dcgan" else recipe  # its batch size is 128
    algorithm = catalogue.RECIPES[recipe](*pair, normal_prior(latents), batch_size=batch_size)
    condition = ((classes,),) if classes else ()  # weights of all classes, which stand for a label
    counts = parameter_count(pair[0], (latents,), *condition), parameter_count(pair[1], shape, *condition)
    with in_precision(precision):
        return Footprint(recipe, counts, *step_memory(algorithm, shape, classes), classes, precision)


def in_words(name: str, image_size: int, batch_size: int, found: Footprint) -> list[str]:
    """Describe a footprint in lines of text."""
    generator, discriminator = found.parameters
    state, step = (f"{size / 2**20:,.1f} MiB" for size in (found.state, found.step))
    labels = f"with {found.classes:,} classes" if found.classes else "without classes"
    return [
        f"{name}, {image_size} x {image_size} pixels, by the recipe {found.recipe}, batches of {batch_size}, one run:",
        f"  precision     {found.precision}",
        f"  parameters    {generator:,} and {discriminator:,}, {labels}",
        f"  state         {state}: parameters, optimizers, averages",
        f"  peak memory   {step} in a step, including the state, as compiled for a {found.device}",
    ]


def _latents_of(network: Network, image_size: int) -> int:
    """Return the published number of latents at the nearest image size."""
    known = sorted(network.published, key=lambda published: abs(published[0] - image_size))
    return known[0][2] if known else _LATENTS
