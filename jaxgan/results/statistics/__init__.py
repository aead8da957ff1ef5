"""Statistics over seeds: an estimate, its interval, and how many of the seeds failed. numpy and scipy; no JAX."""

from jaxgan.results.statistics.interval import UNDEFINED as UNDEFINED
from jaxgan.results.statistics.interval import Interval as Interval
from jaxgan.results.statistics.interval import Rng as Rng
from jaxgan.results.statistics.means import TRIM as TRIM
from jaxgan.results.statistics.means import interquartile_mean as interquartile_mean
from jaxgan.results.statistics.means import iqm_interval as iqm_interval
from jaxgan.results.statistics.shares import wilson_interval as wilson_interval
from jaxgan.results.statistics.summaries import Summary as Summary
from jaxgan.results.statistics.summaries import summarize as summarize
from jaxgan.results.statistics.summaries import summarize_difference as summarize_difference
