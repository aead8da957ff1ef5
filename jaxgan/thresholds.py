"""The thresholds of a diagnosis, which reports draw as well. Works without JAX."""

from typing import NamedTuple

from jaxgan.results.statistics.shares import MISSING, RARE_P


class DiagnosisThresholds(NamedTuple):
    """The thresholds of `diagnose`, shares and probabilities from 0 to 1 unless a comment names another unit.

    Example:
      >>> strict = DiagnosisThresholds(good=0.8)  # samples are good with 80 % of the quality of real data
      >>> strict.good, strict.window
      (0.8, 5)
    """

    window: int = 5  # number of probes for the outcome and for signs that are medians over a window
    good: float = 0.4  # minimum share of good samples over that of real data; runs that miss modes stall at a half
    captured: float = 0.25  # a mode with less than this fraction of its share in the data is not captured
    collapsed: float = 0.5  # with less than this fraction of the modes captured, samples have collapsed
    missing: float = MISSING  # a mode below this fraction of its share is missing; weak modes have 0.14 or more
    rare_p: float = RARE_P  # level of the binomial test, Bonferroni-corrected over modes, that a mode is missing
    alike: float = 0.02  # bound on `distinct`: nearly every sample has a twin closer than any two real examples
    vanished: float = 0.1  # of the early level; minibatch noise changes a norm by a factor of 2 or 3, not 10
    saturated: float = 0.5  # minimum share of samples where the loss is flat
    certain: float = 0.95  # P(D ranks real above fake): D separates all but a few
    fooled: float = 0.6  # the same probability: D is hardly better than chance
    improving: float = 0.05  # minimum rise of the best quality within a window that counts as an improvement
    decayed: float = 0.25  # minimum drop of the quality below its best
    turnover: float = 0.4  # share of samples that change mode from probe to probe, beyond sampling noise
    rhythm: float = 0.5  # share of the variance at one frequency
    exploded: float = 300  # times the early level; runs that did not diverge reached at most 110
    dead: float = 1e-7  # of the gradient's early level, while the loss is not saturated: no unit passes the gradient on
    edge: float = 0.65  # P(D ranks a training example above a held-out one); at most 0.61 in healthy runs
    memorized: float = 0.5  # half of the samples are copies
    ignored: float = 0.25  # of the rate of real data beyond chance: three of four samples have an arbitrary class


DIAGNOSIS_THRESHOLDS = DiagnosisThresholds()


class EpisodeThresholds(NamedTuple):
    """What counts as a vanishing gradient; see `jaxgan.diagnostics.vanishing_episodes`."""

    fraction: float = 0.1  # of the early level; minibatch noise changes a norm by a factor of 2 or 3, not 10
    early: float = 0.05  # the median over this first share of the steps is the early level
    stretch: float = 0.02  # minimum length of an episode as a share of the steps: 24 of 1,200, more than a fluctuation
    gap: float = 0.02  # stretches up to this share of the steps apart are merged, because single records are outliers
    certain: float = 0.02  # D is certain below this mean D(G(z)); the derivative of minimax at a fake logit is -D


EPISODE_THRESHOLDS = EpisodeThresholds()
