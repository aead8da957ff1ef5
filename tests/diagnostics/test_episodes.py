"""Episodes of a vanishing gradient on trajectories that were made to have them."""

from typing import Any

import numpy as np
import pytest

from jaxgan.diagnostics.episodes import vanishing_episodes
from jaxgan.thresholds import EpisodeThresholds

STEPS = 1200
NOISE = np.exp(0.4 * np.random.default_rng(0).standard_normal((4, STEPS)))  # from one minibatch to the next


def trajectory(begin: int, end: int, depth: float, level: float = 2.0) -> np.ndarray:
    """Norms [1, STEPS] at `level`, but for `depth` times that from step `begin` to before step `end`."""
    norms = np.full((1, STEPS), level)
    norms[0, begin - 1 : end - 1] = depth * level
    return norms


def found(*arguments: Any, **options: Any) -> dict[str, Any]:
    """The one seed's episode."""
    return {name: values.item() for name, values in vanishing_episodes(*arguments, **options)._asdict().items()}


def test_an_episode_has_a_begin_an_end_and_a_depth() -> None:
    norms = trajectory(300, 850, 0.02)
    norms[0, 599] = 0.002  # step 600
    episode = found(norms, np.where(norms < 1, 1e-3, 0.4))
    assert (episode["found"], episode["begin"], episode["end"], episode["ended"]) == (True, 300, 850, True)
    np.testing.assert_allclose([episode["depth"], episode["d_fake"], episode["early"]], [1e-3, 1e-3, 2.0], rtol=1e-12)


def test_an_episode_that_never_ends_lasts_until_the_last_step() -> None:
    episode = found(trajectory(700, STEPS + 1, 1e-4))
    assert (episode["begin"], episode["end"], episode["ended"]) == (700, STEPS, False)
    assert np.isnan(episode["d_fake"])


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12])
def test_only_the_fall_counts_and_not_the_size(scale: float) -> None:
    assert found(scale * trajectory(300, 850, 0.02))["begin"] == 300
    assert not found(scale * trajectory(300, 850, 0.2))["found"]  # a fifth of the early level is not a tenth


def test_a_healthy_run_has_none_and_neither_has_a_moment() -> None:
    none = {"found": False, "begin": -1, "end": -1, "ended": False}
    for norms in (np.ones((1, STEPS)), trajectory(300, 320, 0.01), np.ones((1, 1)), NOISE[:1], np.full((1, 9), np.nan)):
        episode = found(norms)
        assert none.items() <= episode.items() and np.isnan([episode["depth"], episode["d_fake"]]).all()
    assert found(trajectory(300, 324, 0.01))["found"]  # 24 steps are 2 % of the run


def test_a_small_gradient_is_an_episode_only_where_the_discriminator_is_certain() -> None:
    """A generator that has learned has a small gradient, too: there D(G(z)) is near 1/2."""
    norms = trajectory(300, 850, 0.02)
    assert found(norms, np.where(norms < 1, 0.004, 0.5))["found"]
    assert not found(norms, np.full_like(norms, 0.45))["found"]


def test_noise_neither_makes_nor_breaks_an_episode() -> None:
    norms = np.concatenate([trajectory(begin, begin + 400, 0.02) for begin in (100, 250, 400, 550)]) * NOISE
    episodes = vanishing_episodes(norms)
    assert episodes.found.all() and episodes.ended.all()
    np.testing.assert_array_equal(episodes.begin, [100, 250, 400, 550])
    np.testing.assert_array_equal(episodes.end, episodes.begin + 400)


def test_the_longest_of_several_is_reported_and_near_ones_are_one() -> None:
    norms = np.minimum(trajectory(200, 300, 0.01), trajectory(500, 700, 0.05))
    assert (found(norms)["begin"], found(norms)["end"]) == (500, 700)
    assert found(norms)["depth"] == pytest.approx(0.05)  # of that one alone
    joined = np.minimum(trajectory(500, 600, 0.01), trajectory(620, 700, 0.01))  # 20 steps of 1,200 apart
    assert (found(joined)["begin"], found(joined)["end"]) == (500, 700)
    apart = np.minimum(trajectory(500, 600, 0.01), trajectory(630, 700, 0.01))
    assert (found(apart)["begin"], found(apart)["end"]) == (500, 600)


def test_a_gradient_of_zero_from_the_start_has_vanished() -> None:
    episode = found(np.zeros((1, 50)))
    assert (episode["begin"], episode["end"], episode["ended"], episode["depth"]) == (1, 50, False, 0.0)


def test_records_may_be_thinned_and_unevenly_spaced() -> None:
    norms = trajectory(300, 850, 0.02)
    steps = np.concatenate([np.arange(1, 200), np.arange(200, 1201, 10)])
    episode = found(norms[:, steps - 1], steps=steps)
    assert (episode["begin"], episode["end"]) == (300, 850)  # which are among the records
    steps = np.arange(1, STEPS, 7)
    episode = found(norms[:, steps - 1], steps=steps)
    assert 0 <= episode["begin"] - 300 < 7 and 0 <= episode["end"] - 850 < 7  # the first record beyond


def test_thresholds_move_the_lines() -> None:
    norms, d_fake = trajectory(300, 400, 0.05), np.full((1, STEPS), 0.015)
    assert found(norms, d_fake)["found"]
    for changed in ({"fraction": 0.01}, {"stretch": 0.1}, {"certain": 0.01}):
        assert not found(norms, d_fake, thresholds=EpisodeThresholds(**changed))["found"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((np.ones(3),), r"g_grad_norm \[seeds, records\], records > 0, got shape \(3,\)"),
        ((np.ones((2, 0)),), r"got shape \(2, 0\)"),
        ((np.ones((2, 3)), np.ones((2, 4))), r"d_fake of the shape of g_grad_norm, \(2, 3\), got \(2, 4\)"),
    ],
)
def test_arrays_of_other_shapes_raise(arguments: tuple[Any, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        vanishing_episodes(*arguments)


def test_steps_that_do_not_fit_raise() -> None:
    for steps in ([1, 2], [1, 3, 3], [3, 2, 1]):
        with pytest.raises(ValueError, match="expected 3 increasing steps, one for each record"):
            vanishing_episodes(np.ones((2, 3)), steps=steps)
