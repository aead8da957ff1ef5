"""Grids of latents, truncation and projection, of a generator with a mapping network and of one without."""

from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.nn import StyleGAN2Generator
from jaxgan.results.contents import _OURS
from jaxgan.study.generators import generate, interpolation, samples
from jaxgan.study.generators.generate import LoadedGenerator, halves_of
from jaxgan.study.generators.latent_grids import SOURCES, grid_for, latents_in
from jaxgan.study.generators.projection import Projected, in_words, nearest_to
from jaxgan.study.generators.truncation import truncated_sampler
from jaxgan.study.messages import OptionError

KEY = jax.random.key(0)
LATENTS = 6
RNG = np.random.default_rng(0)


def loaded(generate: Any, halves: tuple[Any, ...] = ()) -> LoadedGenerator:
    def sample(key: Any, n: int, y: Any = None) -> Any:
        return generate(jax.random.normal(key, (n, LATENTS)), y)

    return LoadedGenerator(generate, sample, {}, {}, LATENTS, "plain", 0, 1, False, (), *halves)


@pytest.fixture(scope="module")
def plain() -> LoadedGenerator:
    """Its examples are its latents."""
    return loaded(lambda z, y=None, key=None: z)


@pytest.fixture(scope="module")
def styled() -> LoadedGenerator:
    """A StyleGAN2 with constant noise, after a step of its running mean of w."""
    module = StyleGAN2Generator(8, 1, width=2, w_dim=5, mapping_layers=2, style_mixing=0.0, noise="constant")
    keys = {"params": KEY, "noise": KEY}
    z = jax.random.normal(jax.random.key(1), (16, LATENTS))
    variables = module.init(keys, z, train=True)
    state = module.apply(variables, z, train=True, rngs=keys, mutable=["averages"])[1]
    params = variables["params"]
    halves = halves_of(module, params, state)
    return loaded(lambda z, y=None: module.apply({"params": params, **state}, z, train=False), halves)


def test_a_run_gives_its_generators_with_standing_statistics(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, Any]] = []
    monkeypatch.setattr(generate, "load_generator", lambda *_, **how: asked.append(how))
    generate.Run.generator(SimpleNamespace(folder=tmp_path), "plain", 1, statistics="standing")  # type: ignore[arg-type]
    assert asked[0]["statistics"] == "standing"


def test_a_grid_has_its_four_latents_in_its_corners(plain: LoadedGenerator) -> None:
    grid = grid_for(plain, "corners", "z", KEY, 5)
    corners = latents_in(plain, "z", KEY, 4)
    assert grid.latents.shape == (5, 5, LATENTS) and len(grid.names) == 5
    found = grid.latents[jnp.array([0, 0, -1, -1]), jnp.array([0, -1, 0, -1])]
    np.testing.assert_allclose(found, corners, rtol=1e-4, atol=1e-5)  # sines of angles and back, float32
    along, across = grid.latents[2, 0], grid.latents[0, 2]
    for middle, ends in ((along, corners[jnp.array([0, 2])]), (across, corners[:2])):
        lengths = jnp.linalg.norm(ends, axis=1)
        assert jnp.linalg.norm(middle) > 0.99 * lengths.min()  # on the arc, where a chord would be shorter


def test_an_animation_replaces_no_file_unless_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the picture and the arrays were looked for, and a .gif of that name was replaced."""
    images = loaded(lambda z, y=None: jnp.zeros((len(z), 8, 8, 1)))
    monkeypatch.setattr(interpolation, "load_generator", lambda *_, **__: images)
    monkeypatch.setattr(interpolation, "labels_for", lambda *_: None)
    monkeypatch.setattr(interpolation.store, "read_config", lambda _: {"shape": [8, 8, 1]})
    out, mine = tmp_path / "g.png", tmp_path / "g.gif"
    mine.write_text("mine")
    with pytest.raises(OptionError, match=r"g\.gif exists already; add --overwrite"):
        interpolation.interpolate(tmp_path, n=3, out=out, animated=True)
    assert mine.read_text() == "mine" and not out.exists()
    assert interpolation.interpolate(tmp_path, n=3, out=out) == [out, tmp_path / "g.npz"]
    assert interpolation.interpolate(tmp_path, n=3, out=out, animated=True, overwrite=True)[-1] == mine
    assert mine.read_bytes().startswith(b"GIF")


def test_files_with_default_names_are_replaced_only_if_asked_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The default name was said to determine the contents, and named neither n nor a truncation."""
    images = loaded(lambda z, y=None, key=None: jnp.zeros((len(z), 8, 8, 1)))
    for module in (interpolation, samples):
        monkeypatch.setattr(module, "load_generator", lambda *_, **__: images)
        monkeypatch.setattr(module, "labels_for", lambda *_: None)
    monkeypatch.setattr(interpolation.store, "read_config", lambda _: {"shape": [8, 8, 1]})
    monkeypatch.setattr(samples, "modes_of", lambda _: None)
    ways: list[dict[str, Any]] = [{}, {"truncation": "0.5"}, {"truncation": "scaled:0.5"}, {"statistics": "standing"}]
    calls = [partial(samples.sample, tmp_path, n=n, **way) for n in (2, 3) for way in ways]
    calls += [partial(interpolation.interpolate, tmp_path, n=n) for n in (2, 3)]
    paths = [path for call in calls for path in call()]
    assert len(set(paths)) == 2 * len(calls)
    for call in calls:
        with pytest.raises(OptionError, match="exists already; add --overwrite"):
            call()
    assert calls[0](overwrite=True) == paths[:2]
    assert all(_OURS.fullmatch(path.name) for path in paths)  # which a run that is replaced may remove


def test_a_path_in_w_is_straight_and_begins_where_z_does(styled: LoadedGenerator) -> None:
    grid = grid_for(styled, "paths", "w", KEY, 3)
    (w,) = grid.latents
    np.testing.assert_allclose(w[1], (w[0] + w[2]) / 2, rtol=1e-5, atol=1e-6)
    expected = styled.generate(styled.prior(KEY, 2))
    np.testing.assert_allclose(grid.decode(w[jnp.array([0, 2])], None), expected, rtol=1e-5, atol=1e-5)


def test_mixed_styles_are_coarse_ones_of_the_row_and_fine_ones_of_the_column(styled: LoadedGenerator) -> None:
    grid = grid_for(styled, "mixing", "w", KEY, 4)
    assert grid.latents.shape[:2] == (SOURCES + 1, 4) and grid.empty_corner
    rows, columns, body = grid.latents[1:, 0], grid.latents[0, 1:], grid.latents[1:, 1:]
    half = body.shape[2] // 2
    np.testing.assert_array_equal(body[:, :, :half], jnp.broadcast_to(rows[:, None, :half], body[:, :, :half].shape))
    np.testing.assert_array_equal(body[:, :, half:], jnp.broadcast_to(columns[None, :, half:], body[:, :, half:].shape))
    assert not np.allclose(rows[0], columns[0])


def test_what_a_generator_has_not_is_said(plain: LoadedGenerator, styled: LoadedGenerator) -> None:
    for kind in ("paths", "mixing"):
        with pytest.raises(OptionError, match="the generator of plain has no mapping network"):
            grid_for(plain, kind, "w", KEY, 3)
    with pytest.raises(OptionError, match="styles are mixed in w; add --space w"):
        grid_for(styled, "mixing", "z", KEY, 3)
    with pytest.raises(OptionError, match="expected resampled:NUMBER or scaled:NUMBER"):
        truncated_sampler(plain, "w:0.5")
    for text in ("0", "-1", "inf", "much", "scaled:", "scaled:nan"):
        with pytest.raises(OptionError, match="expected a number above 0"):
            truncated_sampler(plain, text)
    with pytest.raises(OptionError, match="did you mean 'scaled'"):
        truncated_sampler(plain, "scale:0.5")


def test_truncated_samples_are_of_truncated_latents(plain: LoadedGenerator, styled: LoadedGenerator) -> None:
    np.testing.assert_array_equal(truncated_sampler(plain, None)(KEY, 9, None), plain.sample(KEY, 9))
    resampled, scaled = (truncated_sampler(plain, text)(KEY, 2000, None) for text in ("0.5", "scaled:0.5"))
    assert jnp.abs(resampled).max() <= 0.5 < jnp.abs(scaled).max() <= 1.0
    np.testing.assert_array_equal(truncated_sampler(plain, "resampled:0.5")(KEY, 2000, None), resampled)
    whole, drawn = (truncated_sampler(styled, text)(KEY, 32, None) for text in ("w:1", "0.1"))
    np.testing.assert_allclose(whole, styled.sample(KEY, 32), rtol=1e-5, atol=1e-5)
    assert jnp.std(drawn, axis=0).mean() < 0.5 * jnp.std(whole, axis=0).mean()  # all nearer to that of the mean w


def test_the_nearest_example_of_a_linear_generator_is_the_least_squares_one() -> None:
    rng = np.random.default_rng(0)
    a, inside = rng.normal(size=(12, 3)).astype(np.float32), rng.normal(size=(2, 3)).astype(np.float32)
    x = np.concatenate([inside @ a.T, rng.normal(size=(1, 12)).astype(np.float32)]).reshape(3, 2, 6, 1)
    start = jax.random.normal(KEY, (6, 3))
    found = nearest_to(x, lambda z: (z @ a.T).reshape(-1, 2, 6, 1), start, steps=1500, learning_rate=0.1)
    best = np.linalg.lstsq(a, x.reshape(3, 12).T, rcond=None)[0].T
    np.testing.assert_allclose(found.latents, best, atol=2e-3)  # Adam's last steps are as small as its rate by then
    np.testing.assert_allclose(found.error[:2], 0, atol=5e-3)
    expected = np.sqrt(np.mean((x[2].ravel() - a @ best[2]) ** 2))
    np.testing.assert_allclose(found.error[2], expected, rtol=1e-3)  # what is outside of its range stays away
    assert in_words(found, found).startswith("root mean square difference, pixels in [-1, 1]: ")


def test_a_start_that_diverges_is_not_the_nearest() -> None:
    """The smallest of several errors was taken to be one that is not a number."""
    start = jnp.array([[jnp.nan], [0.4], [0.3], [jnp.nan]])
    found = nearest_to(np.full((2, 1, 1, 1), 0.5), lambda z: z.reshape(-1, 1, 1, 1), start, 200, 0.05)
    np.testing.assert_allclose(found.latents, 0.5, atol=0.01)
    alone = nearest_to(np.full((1, 1, 1, 1), 0.5), lambda z: z.reshape(-1, 1, 1, 1), start[:1], 2, 0.05)
    assert np.isnan(alone.error).all()


def test_a_picture_of_low_contrast_is_not_near_for_its_small_error() -> None:
    x = RNG.normal(size=(1, 4, 4, 3)) + np.array([0.5, 0.0, -0.5])
    high, low = (Projected(c * x, 0 * x, np.zeros((1, 2)), c * np.array([0.3])) for c in (1, 0.01))
    np.testing.assert_allclose(high.relative, low.relative, rtol=1e-6)
    np.testing.assert_allclose(high.relative, 0.3 / np.sqrt((x - x.mean((1, 2), keepdims=True)).var()), rtol=1e-6)


def test_statistics_of_another_name_are_refused_before_anything_is_read() -> None:
    with pytest.raises(OptionError, match="--statistics: got 'standng'; did you mean 'standing'"):
        generate.load_generator("runs/nowhere", statistics="standng")
