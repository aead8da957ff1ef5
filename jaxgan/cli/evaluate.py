"""`jaxgan evaluate`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from jaxgan.cli.options import TRUST, GroupedCommand, Option, with_options
from jaxgan.cli.streams import log, only_results_on_stdout
from jaxgan.study.messages import OptionError

_OUT = (".json", ".csv")


def _files(context: click.Context, option: click.Parameter, given: tuple[str, ...]) -> tuple[Path, ...]:
    """The files that --out names, or that --write-reference does, can be written; a callback of click."""
    paths = tuple(Path(name) for name in ((given,) if isinstance(given, str) else given or ()))
    name = str(option.name)
    endings = (".npz",) if name == "write_reference" else _OUT
    for path in paths:
        if path.suffix.lower() not in endings:
            raise OptionError(name, f"got {str(path)!r}, expected a name that ends in {' or '.join(endings)}")
        if not path.parent.is_dir():
            raise OptionError(name, f"there is no folder {path.parent}")
        if path.exists():
            raise OptionError(name, f"{path} is there already; name another one")
    return paths


def evaluate_options(function: Callable) -> Callable:
    """Those of `evaluate`."""
    options = [
        Option("What is measured", "--against", metavar="DATA", help="Real examples: digits, ring, grid, tfds:NAME, a "
               "folder of pictures, a .npz or .npy file.  [default: the data of the run]"),
        Option("What is measured", "--metrics", multiple=True, metavar="NAME,...", help="frechet, kernel, precision, "
               "recall, density, coverage, sliced, score, vendi, two_sample, duplicates, authenticity, or all. All but "
               "frechet hold the features of all samples: 4 bytes x samples x features.  "
               "[default: frechet,kernel,precision,density, and those measured with them]"),
        Option("What is measured", "--features", metavar="NAME", help="Of images: classifier, trained on the labels of "
               "DATA; principal, components of their pixels; inception:WEIGHTS, the network of FID with its file of "
               "weights; or path/to/file.py:name, a function of float32 images [n, h, w, c] in [-1, 1] that returns "
               "[n, d], or a jaxgan.Features. Points are compared as they are.  "
               "[default: classifier, without labels principal]"),
        Option("What is measured", "--reference", type=click.Path(path_type=Path), metavar="FILE.npz", help="Moments "
               "of real examples in the published format, mu [d] and sigma [d, d], in place of examples; for frechet, "
               "score and others that need no examples."),
        Option("What is measured", "--count", type=int, metavar="N", help="Samples of each generator, or the first N "
               "of a folder or file. Frechet distances of different N do not compare.  "
               "[default: as the run's final metrics; all of a folder or file]"),
        Option("What is measured", "--resamples", type=int, default=40, show_default=True, metavar="N", help="Random "
               "halves of the samples behind intervals that have no formula; 0 for none."),
        Option("Data", "--part", type=click.Choice(["heldout", "train", "all"]), default="heldout", show_default=True,
               help="Of DATA with a split; the other part gives the numbers of real examples."),
        Option("Data", "--image-size", type=int, metavar="PIXELS", help="Crop samples and data to squares and resize "
               "them.  [default: as they are]"),
        Option("Randomness", "--key", type=int, default=0, show_default=True, help="Of latents, parts and directions."),
        Option("Randomness", "--common-latents", is_flag=True, help="The same latents for all seeds of a run: their "
               "differences are then the generators', but the interval over seeds leaves out that of the latents."),
        Option("Where it runs", "--batch-size", type=int, default=128, show_default=True, metavar="N",
               help="Examples that features are taken of at a time."),
        Option("Files", "--out", multiple=True, callback=_files, metavar="FILE", help="Write all numbers to a .json or "
               ".csv file too, those of a run by configuration and seed; repeat it for both."),
        Option("Files", "--write-reference", callback=_files, metavar="FILE.npz", help="Write the moments of DATA, as "
               "--reference and other programs read them."),
        TRUST,
    ]  # fmt: skip
    return with_options(options, function)


@click.command(cls=GroupedCommand, short_help="Measure samples, of a run or made elsewhere, against real examples.")
@click.argument("target", type=click.Path(path_type=Path), metavar="RUN|FOLDER|FILE")
@evaluate_options
def evaluate(target: Path, out: tuple[Path, ...], write_reference: tuple[Path, ...], **options: Any) -> None:
    """Measure samples against real examples: distances, precision and recall, diversity, with intervals.

    RUN is a run's folder, of which all generators are measured, with intervals over seeds. FOLDER has pictures, FILE is
    a .npz or .npy of images or points, made by any program; intervals are over samples. Real examples are measured as
    if they were samples, beside them. FID, KID and the Inception score are so called with the published weights alone.
    """
    from jaxgan.report.evaluated import run_sections, samples_sections
    from jaxgan.report.tables import show
    from jaxgan.study.evaluating import Asked, evaluate_samples

    asked = Asked(target, write_reference=next(iter(write_reference), None), **options)
    with only_results_on_stdout():
        found = evaluate_samples(asked, progress=True, report=log)
        for path in out:
            _write(path, found)
    if found.results is not None:
        show(run_sections(found.results))
    else:
        show(samples_sections(found.metrics, found.intervals, found.about))
    for line in _words(found):
        click.echo(click.wrap_text(line, 100))
    for path in (*out, *write_reference):
        click.echo(path)


def _words(found: Any) -> list[str]:
    from jaxgan.report.evaluated import in_words, sizes_in_words

    values = found.values if found.results is None else found.results.values
    lines = [in_words(values, found.metrics, found.about["samples"]), sizes_in_words(found.about), *found.notes]
    return [line for line in lines if line]


def _write(path: Path, found: Any) -> None:
    from jaxgan.files import write_json, write_text
    from jaxgan.report.evaluated import as_csv, as_json
    from jaxgan.study.provenance import provenance

    if path.suffix.lower() == ".csv":
        write_text(path, as_csv(found.metrics, found.intervals, found.results))
    else:
        content = as_json(found.metrics, found.intervals, found.results, found.about, found.notes)
        write_json(path, content | {"provenance": provenance()})
