"""Find episodes of training in which the generator had almost no gradient.

An `Outcome` says how good the samples are at the end; an episode is one possible cause. A run can recover from an
episode and end well, or lose so much time that it has not learned by its last step. The module uses only NumPy.
"""

from __future__ import annotations  # so that `help` shows `ArrayLike` instead of the union that it stands for

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float64, Int, Shaped
from numpy.typing import ArrayLike

from jaxgan.thresholds import EPISODE_THRESHOLDS, EpisodeThresholds

ADVICE = (
    "The generator's gradient vanished while the discriminator was certain: use a loss that does not "
    "saturate there (non_saturating or a relativistic one), slow the discriminator down (a lower learning rate, fewer "
    "updates), or regularize it (R1, label noise, instance noise)."
)
"""Advice on a vanishing gradient, in one sentence."""


class VanishingEpisodes(NamedTuple):
    """The longest episode of each seed."""

    found: Bool[np.ndarray, " seeds"]
    begin: Int[np.ndarray, " seeds"]  # its first step; -1 if there is none
    end: Int[np.ndarray, " seeds"]  # the step after it, or the run's last step if it never ended; -1 if there is none
    ended: Bool[np.ndarray, " seeds"]  # the gradient recovered before the end of the run
    depth: Float64[np.ndarray, " seeds"]  # the lowest norm in it as a fraction of the early level; NaN if there is none
    d_fake: Float64[np.ndarray, " seeds"]  # the median in it of the mean D(G(z)); NaN if there is none
    early: Float64[np.ndarray, " seeds"]  # the early level of the norm


def vanishing_episodes(
    g_grad_norm: ArrayLike,
    d_fake: ArrayLike | None = None,
    *,
    steps: ArrayLike | None = None,
    thresholds: EpisodeThresholds = EPISODE_THRESHOLDS,
) -> VanishingEpisodes:
    """Return, for each seed, when the generator's gradient vanished, how far it fell, and when it recovered.

    An episode is a series of consecutive records with

        g_grad_norm <= fraction * median(g_grad_norm over the first `early` share of the steps)

    Gaps of up to the share `gap` of the steps are bridged. An episode lasts at least the share `stretch` of the run,
    and the median of `d_fake` in it, if given, is below `certain`. If there are several, the longest is returned. An
    episode lasts from its first record to the first record after it. NaN belongs to no episode: a seed that diverged
    has the outcome `DIVERGED`.

    Omit `d_fake` if the discriminator is not a classifier (`wasserstein`, `hinge`): the sigmoid of its score is not a
    probability.

    Args:
      g_grad_norm: [seeds, records], the norm of the generator's gradient.
      d_fake: [seeds, records], the mean of D(G(z)) over the batch.
      steps: [records], the step of each record, increasing; 1, 2, 3, ... by default.
      thresholds: what counts as an episode.

    Raises:
      ValueError: if the shapes of the arrays do not match or the steps do not increase.

    Example:
      >>> norms = np.ones((2, 100))
      >>> norms[1, 30:60] = 0.02
      >>> episodes = vanishing_episodes(norms)
      >>> [int(episodes.begin[1]), int(episodes.end[1]), bool(episodes.ended[1]), float(episodes.depth[1])]
      [31, 61, True, 0.02]
      >>> episodes.found.tolist()
      [False, True]
    """
    norms = np.asarray(g_grad_norm, np.float64)
    if norms.ndim != 2 or norms.shape[1] == 0:
        raise ValueError(f"expected g_grad_norm [seeds, records], records > 0, got shape {norms.shape}")
    at = np.arange(1, norms.shape[1] + 1) if steps is None else np.asarray(steps)
    if at.shape != norms.shape[1:] or np.any(np.diff(at) <= 0):
        raise ValueError(f"expected {norms.shape[1]} increasing steps, one for each record, got shape {at.shape}")
    chances = None if d_fake is None else np.asarray(d_fake, np.float64)
    if chances is not None and chances.shape != norms.shape:
        raise ValueError(f"expected d_fake of the shape of g_grad_norm, {norms.shape}, got {chances.shape}")
    # The step after each record; the last record spans as many steps as the one before it.
    after = np.append(at[1:], at[-1] + (at[-1] - at[-2] if len(at) > 1 else 1))
    span = after[-1] - at[0]
    first = after - at[0] <= max(thresholds.early * span, after[0] - at[0])
    early = np.median(norms[:, first], axis=1)
    low = norms <= thresholds.fraction * early[:, None]
    none = _Episode(False, -1, -1, False, np.nan, np.nan)
    each = []
    for i in range(len(norms)):
        fake = None if chances is None else chances[i]
        episodes = [
            _episode(stretch, norms[i] / early[i] if early[i] > 0 else norms[i], fake, at)
            for stretch in _stretches(low[i], at, after, thresholds.gap * span)
            if after[stretch.stop - 1] - at[stretch.start] >= thresholds.stretch * span
        ]
        certain = [episode for episode in episodes if not episode.d_fake >= thresholds.certain]
        each.append(max(certain, key=lambda episode: episode.end - episode.begin, default=none))
    return VanishingEpisodes(*(np.array(column) for column in zip(*each, strict=True)), early)  # type: ignore[call-arg]


class _Episode(NamedTuple):
    """The fields of `VanishingEpisodes` for one stretch of one seed."""

    found: bool
    begin: int
    end: int
    ended: bool
    depth: float
    d_fake: float


def _episode(
    stretch: slice,
    ratio: Float64[np.ndarray, " n"],
    d_fake: Float64[np.ndarray, " n"] | None,
    at: Shaped[np.ndarray, " n"],
) -> _Episode:
    ended = stretch.stop < len(at)
    certainty = np.nan if d_fake is None else float(np.nanmedian(d_fake[stretch]))
    end = at[stretch.stop] if ended else at[-1]
    return _Episode(True, at[stretch.start], end, ended, float(np.nanmin(ratio[stretch])), certainty)


def _stretches(
    inside: Bool[np.ndarray, " n"], at: Shaped[np.ndarray, " n"], after: Shaped[np.ndarray, " n"], gap: float
) -> list[slice]:
    """Return the records that are `inside` as slices of consecutive records, merging slices at most `gap` apart."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], inside, [False]]).astype(int)))
    starts, stops = edges[::2], edges[1::2]
    if not len(starts):
        return []
    apart = at[starts[1:]] - after[stops[:-1] - 1] > gap
    return [slice(*pair) for pair in zip(starts[np.append(True, apart)], stops[np.append(apart, True)], strict=True)]
