"""`jaxgan power`."""

import click


@click.command(short_help="Say how many seeds it takes to show a difference.")
@click.option("--difference", type=float, metavar="SD", help="A metric's difference between two configurations, in "
              "standard deviations of the paired differences.")  # fmt: skip
@click.option("--rates", type=float, nargs=2, metavar="P1 P2", help="Two failure rates, such as 0.5 0.1.")
@click.option("--comparisons", type=int, default=1, show_default=True, metavar="M", help="Number of planned "
              "comparisons, for which p-values are corrected (Holm).")  # fmt: skip
@click.option("--alpha", type=float, default=0.05, show_default=True, help="The significance level.")
@click.option("--power", type=float, default=0.8, show_default=True, help="The probability of showing the difference.")
def power(
    difference: float | None, rates: tuple[float, float] | None, comparisons: int, alpha: float, power: float
) -> None:
    """Say how many seeds it takes to show a difference of a metric, or of two failure rates, by a study's tests.

    Metrics are compared by signed ranks of the paired differences, failure rates by McNemar's test: the seeds that
    failed under one configuration only. For example: jaxgan power --difference 1 --comparisons 3
    """
    if (difference is None) == (rates is None):
        raise click.UsageError(f"expected --difference or --rates, got {'both' if rates else 'neither'}")
    from jaxgan.report.power import difference_section, rates_section
    from jaxgan.report.tables import show

    try:
        if rates is not None:
            part = rates_section(*rates, power=power, alpha=alpha, comparisons=comparisons)
        else:
            part = difference_section(float(difference or 0), power=power, alpha=alpha, comparisons=comparisons)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    show([part])
