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
    """Check that the files of --out or --write-reference can be written; a click callback."""
    paths = tuple(Path(name) for name in ((given,) if isinstance(given, str) else given or ()))
    name = str(option.name)
    endings = (".npz",) if name == "write_reference" else _OUT
    for path in paths:
        if path.suffix.lower() not in endings:
            raise OptionError(name, f"got {str(path)!r}, expected a name that ends in {' or '.join(endings)}")
        if not path.parent.is_dir():
            raise OptionError(name, f"there is no folder {path.parent}")
        if path.exists():
            raise OptionError(name, f"{path} exists already; name another one")
    return paths


def evaluate_options(function: Callable) -> Callable:
    """Add the options of `evaluate`."""
    options = [
        Option("What is measured", "--against", metavar="DATA", help="Real examples: digits, ring, grid, polygons, "
               "tfds:NAME, a folder of pictures, a .npz or .npy file.  [default: the data of the run]"),
        Option("What is measured", "--metrics", multiple=True, metavar="NAME,...", help="frechet, frechet_infinity, "
               "kernel, precision, recall, density, coverage, sliced, score, vendi, two_sample, duplicates, "
               "authenticity, or all; as other packages define them: kernel_subsets (KID over 100 random subsets of up "
               "to 1,000), mind (sliced x 3 x features), precision_strict, recall_strict, density_strict and "
               "coverage_strict (balls without their edge, k = 5). All but frechet and frechet_infinity keep the "
               "features of all samples in memory: 4 bytes x samples x features.  "
               "[default: frechet,kernel,precision,density, and those measured with them]"),
        Option("What is measured", "--features", metavar="NAME", help="The features of images: classifier, trained on "
               "the labels of DATA; principal, principal components of the pixels; inception:WEIGHTS, the network of "
               "FID with its weights file; or path/to/file.py:name, a function of float32 images [n, h, w, c] in [-1, "
               "1] that returns [n, d], or a jaxgan.Features. Points are compared as they are.  [default: classifier; "
               "without labels principal]"),
        Option("What is measured", "--reference", type=click.Path(path_type=Path), metavar="FILE.npz", help="Moments "
               "of real examples in the published format, mu [d] and sigma [d, d], instead of examples; for frechet, "
               "score and other metrics that need no examples."),
        Option("What is measured", "--count", type=int, metavar="N", help="Samples of each generator, or the first N "
               "of a folder or file. Frechet distances at different N are not comparable.  "
               "[default: as in the run's final metrics; all of a folder or file]"),
        Option("What is measured", "--resamples", type=int, default=40, show_default=True, metavar="N", help="Random "
               "half-samples for intervals that have no formula; 0 for no such intervals."),
        Option("Data", "--part", type=click.Choice(["heldout", "train", "all"]), default="heldout", show_default=True,
               help="The part of DATA, if it has a split, to compare with; the other part gives the numbers of real "
               "examples."),
        Option("Data", "--image-size", type=int, metavar="PIXELS", help="Crop samples and data to squares and resize "
               "them.  [default: as they are]"),
        Option("Randomness", "--key", type=int, default=0, show_default=True, help="The random key of latents, parts "
                "and directions."),
        Option("Randomness", "--common-latents", is_flag=True, help="The same latents for all seeds of a run: they "
               "then differ by the generators alone, but the interval over seeds leaves out the variation of latents."),
        Option("Where it runs", "--batch-size", type=int, default=128, show_default=True, metavar="N",
               help="Examples whose features are computed at a time."),
        Option("Files", "--out", multiple=True, callback=_files, metavar="FILE", help="Also write all numbers to a "
               ".json or .csv file, those of a run by configuration and seed; repeatable."),
        Option("Files", "--write-reference", callback=_files, metavar="FILE.npz", help="Write the moments of DATA, "
               "which --reference and other programs can read."),
        TRUST,
    ]  # fmt: skip
    return with_options(options, function)


@click.command(cls=GroupedCommand, short_help="Measure samples, from a run or any program, against real examples.")
@click.argument("target", type=click.Path(path_type=Path), metavar="RUN|FOLDER|FILE")
@evaluate_options
def evaluate(target: Path, out: tuple[Path, ...], write_reference: tuple[Path, ...], **options: Any) -> None:
    """Measure samples against real examples: distances, precision and recall, diversity, with intervals.

    RUN is a run's folder: all its generators are measured, with intervals over seeds. FOLDER has images, FILE is a .npz
    or .npy of images or points, made by any program; intervals are over samples. For comparison, real examples are
    measured as if they were samples. The names FID, KID and Inception score are used with the published weights only.
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
