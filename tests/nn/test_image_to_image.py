"""U-Net and PatchGAN: the references' parameter counts, sizes, receptive fields, noise and statistics."""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.nn import PatchDiscriminator, UNetGenerator, parameter_count
from jaxgan.nn.patch import FIELDS, field_for, patches_of
from jaxgan.nn.unet import SIZES, STATISTICS, depth_of

KEY = jax.random.key(0)
KEYS = {"params": KEY, "dropout": jax.random.key(1)}


def started(module: nn.Module, *inputs: Any) -> Any:
    return jax.jit(lambda: module.init(KEYS, *inputs, train=True))()


# phillipi/pix2pix and junyanz/pytorch-CycleGAN-and-pix2pix, from their layers; the second prints 54.414 M and 2.769 M.
@pytest.mark.parametrize(
    ("reference", "size", "count"),
    [("pytorch", 256, 54_413_955), ("torch", 256, 54_419_459), ("pytorch", 128, 41_828_995)],
)
def test_the_u_net_has_as_many_parameters_as_its_reference(reference: str, size: int, count: int) -> None:
    assert parameter_count(UNetGenerator(size, 3, reference=reference), (1,), (size, size, 3)) == count


@pytest.mark.parametrize(
    ("reference", "field", "count"),
    [
        ("pytorch", 1, 9_024),
        ("torch", 1, 9_153),
        ("pytorch", 16, 139_585),
        ("pytorch", 34, 666_433),
        ("pytorch", 70, 2_768_705),
        ("torch", 70, 2_769_601),
        ("pytorch", 142, 6_964_033),
        ("pytorch", 286, 11_159_361),
    ],
)
def test_a_patch_gan_has_as_many_parameters_as_its_reference(reference: str, field: int, count: int) -> None:
    module = PatchDiscriminator(receptive_field=field, reference=reference)
    assert parameter_count(module, (256, 256, 3), (256, 256, 3)) == count


def test_a_patch_gan_without_a_condition_sees_three_channels() -> None:
    assert parameter_count(PatchDiscriminator(reference="pytorch"), (256, 256, 3)) == 2_765_633


@pytest.mark.parametrize("size", SIZES)
def test_the_depth_follows_the_size_down_to_one_pixel(size: int) -> None:
    def shapes(module: nn.Module, *inputs: jax.Array) -> Any:
        return jax.eval_shape(lambda: module.init_with_output(KEYS, *inputs, train=True))

    z, y = jnp.zeros((2, 1)), jnp.zeros((2, size, size, 2))
    image, variables = shapes(UNetGenerator(size, 3, width=2), z, y)
    assert image.shape == (2, size, size, 3)
    layers = variables["params"]
    assert {name for name in layers if name.startswith("down") and "norm" not in name} == {
        f"down_{i}" for i in range(depth_of(size))
    }
    assert 2 ** depth_of(size) == size
    assert layers[f"up_{depth_of(size) - 1}"]["kernel"].shape == (4, 4, 4, 3)
    logits, _ = shapes(PatchDiscriminator(width=2), jnp.zeros(image.shape), y)
    assert logits.shape == (2, *[patches_of(size, field_for(size))] * 2)
    assert min(logits.shape[1:]) >= 2


def test_a_narrow_computation_ends_in_float32() -> None:
    def both() -> Any:
        x, y = jnp.zeros((2, 8, 8, 1)), jnp.zeros((2, 8, 8, 3))
        generator, discriminator = UNetGenerator(8, 1, 2, dtype="bfloat16"), PatchDiscriminator(2, dtype="bfloat16")
        image, _ = generator.init_with_output(KEYS, jnp.zeros((2, 1)), y, train=True)
        return image, discriminator.init_with_output(KEYS, x, y, train=True)[0]

    assert [leaf.dtype for leaf in jax.tree.leaves(jax.eval_shape(both))] == [jnp.float32] * 2


@pytest.mark.parametrize(("size", "nearest"), [(28, "16 and 32"), (4, "8 and 16"), (512, "128 and 256")])
def test_other_sizes_raise_with_the_nearest(size: int, nearest: str) -> None:
    with pytest.raises(ValueError, match=f"got {size}, the nearest are {nearest}"):
        depth_of(size)


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (UNetGenerator(8, 1, reference="keras"), "reference must be one of torch, pytorch, got 'keras'"),
        (UNetGenerator(8, 1, statistics="group"), "statistics must be one of running, batch, image, got 'group'"),
    ],
)
def test_unknown_names_are_refused(module: nn.Module, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        jax.eval_shape(lambda: module.init(KEYS, jnp.zeros((1, 1)), jnp.zeros((1, 8, 8, 1)), train=True))


def test_a_receptive_field_that_does_not_fit_is_refused() -> None:
    def start(**fields: Any) -> Any:
        x = jnp.zeros((1, 8, 8, 1))
        return jax.eval_shape(lambda: PatchDiscriminator(**fields).init(KEYS, x, x, train=True))

    with pytest.raises(ValueError, match=r"of 70 leaves no patch of images of 8 pixels; the largest that does is 16"):
        start(receptive_field=70)
    with pytest.raises(ValueError, match=r"must be one of 1, 16, 34, 70, 142, 286, got 50"):
        start(receptive_field=50)


@pytest.mark.parametrize("field", FIELDS)
def test_a_logit_sees_exactly_its_receptive_field(field: int) -> None:
    """The support of the gradient of one logit with respect to both images, all weights above 0."""
    module = PatchDiscriminator(width=1, receptive_field=field)
    size = 32 if field == 1 else 2 ** FIELDS[field] * 18  # the logit in the middle is not near an edge
    x = jnp.ones((1, size, size, 1))
    variables = jax.tree.map(jnp.ones_like, started(module, x, x))
    middle = patches_of(size, field) // 2

    @jax.jit
    def support(x: jax.Array) -> Any:
        def logit(*images: jax.Array) -> jax.Array:
            logits: Any = module.apply(variables, *images, train=False)
            return jnp.log(logits[0, middle, middle])

        return [jnp.abs(gradient[0, :, :, 0]) > 0 for gradient in jax.grad(logit, (0, 1))(x, x)]

    for seen in map(np.asarray, support(x)):
        rows, columns = (np.flatnonzero(seen.any(axis=axis)) for axis in (1, 0))
        for side in (rows, columns):
            assert side[0] > 0 and side[-1] < size - 1
            assert len(side) == side[-1] - side[0] + 1 == field
        assert seen.sum() == field**2


def sampler(module: nn.Module, train: bool = False) -> Any:
    y = jax.random.normal(KEY, (4, module.size, module.size, 1))  # type: ignore[attr-defined]
    variables = started(module, jnp.zeros((4, 1)), y)

    @jax.jit
    def sample(key: jax.Array, y: jax.Array) -> jax.Array:
        z = jnp.zeros((y.shape[0], 1))
        return module.apply(variables, z, y, train=train, rngs={"dropout": key}, mutable=["batch_stats"])[0]

    return sample, y


def test_dropout_is_the_noise_of_samples() -> None:
    sample, y = sampler(UNetGenerator(8, 1, width=4))
    keys = jax.random.split(KEY, 2)
    assert np.abs(sample(keys[0], y) - sample(keys[1], y)).max() > 1e-4
    np.testing.assert_array_equal(sample(keys[0], y), sample(keys[0], y))


@pytest.mark.parametrize(("reference", "size", "noisy"), [("pytorch", 32, False), ("torch", 32, True)])
def test_which_layers_have_dropout_is_the_references(reference: str, size: int, noisy: bool) -> None:
    """PyTorch's U-Net has dropout between the layers of full width alone, of which 32 pixels have one."""
    sample, y = sampler(UNetGenerator(size, 1, width=2, reference=reference))
    keys = jax.random.split(KEY, 2)
    assert bool(np.any(sample(keys[0], y) != sample(keys[1], y))) is noisy


@pytest.mark.parametrize("statistics", STATISTICS)
def test_statistics_decide_whether_a_picture_depends_on_the_others(statistics: str) -> None:
    sample, y = sampler(UNetGenerator(8, 1, width=4, statistics=statistics, dropout=0.0))
    alone, together = sample(KEY, y[:1]), sample(KEY, y)
    difference = float(np.abs(alone - together[:1]).max())
    assert difference > 1e-3 if statistics == "batch" else difference < 1e-5  # rounding


def test_batch_statistics_of_one_image_are_those_of_the_image() -> None:
    y = jax.random.normal(KEY, (1, 8, 8, 1))
    modules = [UNetGenerator(8, 1, width=4, statistics=name, dropout=0.0) for name in STATISTICS]
    variables = started(modules[0], jnp.zeros((1, 1)), y)

    def trained(module: nn.Module) -> jax.Array:
        return module.apply(variables, jnp.zeros((1, 1)), y, train=True, rngs=KEYS, mutable=["batch_stats"])[0]

    first, *others = map(trained, modules)
    for other in others:
        np.testing.assert_allclose(other, first, atol=1e-5)  # sums in another order
