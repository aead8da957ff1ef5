"""Transforms of the discriminator's input: noise and differentiable augmentations of images.

A transform is a differentiable function (key, x) -> x with independent randomness per example. Images are
[n, height, width, channels], in [-1, 1]. With `adversarial_game(..., augment=)`, both real and fake examples pass
through the transform before the discriminator, in both players' objectives, and the generator is trained through it.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Bool, Float, Int

from jaxgan.checks import check_coefficient
from jaxgan.random import named_key
from jaxgan.types import Array, Augmentation, Key, PyTree, Scalar, Step, Transform, View


def color() -> Transform:
    """Random brightness, saturation and contrast of each image.

    Brightness adds u - 1/2; saturation scales each pixel's deviation from its mean over channels by 2 u; contrast
    scales the image's deviation from its mean by u + 1/2. Each u is uniform on [0, 1] and drawn per image.

    Source: Zhao et al. 2020, Differentiable Augmentation for Data-Efficient GAN Training.

    Example:
      >>> color()(jax.random.key(0), jnp.zeros((2, 4, 4, 3))).shape
      (2, 4, 4, 3)
    """

    def transform(key: Key, x: Float[Array, "*x"]) -> Float[Array, "*x"]:
        _check_images("color", x)
        brightness, saturation, contrast = jax.random.uniform(key, (3, x.shape[0], 1, 1, 1), x.dtype)
        x = x + brightness - 0.5
        gray = jnp.mean(x, axis=3, keepdims=True)
        x = gray + 2 * saturation * (x - gray)
        mean = jnp.mean(x, axis=(1, 2, 3), keepdims=True)
        return mean + (contrast + 0.5) * (x - mean)

    return transform


def translation(ratio: float = 0.125) -> Transform:
    """A random shift of each image by up to `ratio` of its side (at least one pixel) along each axis, zero-padded.

    Source: Zhao et al. 2020, Differentiable Augmentation for Data-Efficient GAN Training.

    Raises:
      ValueError: ratio is outside [0, 1].

    Example:
      >>> translation()(jax.random.key(0), jnp.ones((2, 8, 8, 1))).shape
      (2, 8, 8, 1)
    """
    check_coefficient("ratio", ratio, highest=1.0)

    def transform(key: Key, x: Float[Array, "*x"]) -> Float[Array, "*x"]:
        _check_images("translation", x)
        _, height, width, channels = x.shape
        most = _pixels(ratio, height), _pixels(ratio, width)
        limits = 2 * jnp.asarray(most) + 1
        start = jax.random.randint(key, (x.shape[0], 2), 0, limits.reshape(1, 2), jnp.int32)
        padded = jnp.pad(x, ((0, 0), (most[0], most[0]), (most[1], most[1]), (0, 0)))

        def window(image: Float[Array, "rows columns c"], start: Int[Array, " 2"]) -> Float[Array, "h w c"]:
            return jax.lax.dynamic_slice(image, (start[0], start[1], jnp.int32(0)), (height, width, channels))

        return jax.vmap(window)(padded, start)

    return transform


def cutout(ratio: float = 0.5) -> Transform:
    """A square of zeros, with `ratio` of the image's side, at a random place in each image; it may cross the border.

    Source: DeVries and Taylor 2017, Improved Regularization of Convolutional Neural Networks with Cutout; used as a GAN
    augmentation by Zhao et al. 2020.

    Raises:
      ValueError: ratio is outside [0, 1].

    Example:
      >>> x = cutout()(jax.random.key(0), jnp.ones((1, 8, 8, 1)))
      >>> 0 < float(x.mean()) < 1
      True
    """
    check_coefficient("ratio", ratio, highest=1.0)

    def transform(key: Key, x: Float[Array, "*x"]) -> Float[Array, "*x"]:
        _check_images("cutout", x)
        rows, columns = (_hole(jax.random.fold_in(key, axis), x.shape[0], x.shape[axis], ratio) for axis in (1, 2))
        hole = rows[:, :, None, None] & columns[:, None, :, None]
        return jnp.where(hole, jnp.zeros((), x.dtype), x)

    return transform


def chain(*transforms: Transform) -> Transform:
    """One transform after another, each with its own randomness.

    Example:
      >>> chain(color(), translation(), cutout())(jax.random.key(0), jnp.ones((2, 8, 8, 3))).shape
      (2, 8, 8, 3)
    """

    def transform(key: Key, x: Float[Array, "*x"]) -> Float[Array, "*x"]:
        for i, one in enumerate(transforms):
            x = one(named_key(key, f"transform {i}"), x)
        return x

    return transform


def diff_augment() -> Transform:
    """The full policy of Zhao et al. 2020: `color`, `translation` and `cutout`.

    Example:
      >>> diff_augment()(jax.random.key(0), jnp.ones((2, 8, 8, 3))).shape
      (2, 8, 8, 3)
    """
    return chain(color(), translation(), cutout())


def instance_noise(
    sigma: float | Callable[[Step], Float[Array, ""]], draw: Callable[..., Array] = jax.random.normal
) -> Augmentation:
    """Noise on every example that the discriminator sees: x + sigma e, where e has mean 0 and variance 1.

    `sigma` is a number or a schedule of the step, for example `optax.linear_schedule(0.5, 0.0, 10_000)`; `draw(key,
    shape, dtype)` draws e, by default from a normal distribution.

    Source: Sonderby et al. 2017, Amortised MAP Inference for Image Super-Resolution; Arjovsky and Bottou 2017.

    Raises:
      ValueError: sigma is negative or not finite.

    Example:
      >>> noise = instance_noise(0.1)
      >>> noise.apply(jax.random.key(0), jnp.zeros((2, 3)), jnp.int32(0), noise.init()).shape
      (2, 3)
    """
    check_coefficient("sigma", sigma, schedule=True)

    def apply(key: Key, x: Float[Array, "*x"], step: Step, state: PyTree) -> Float[Array, "*x"]:
        del state
        now = sigma(step) if callable(sigma) else sigma
        return x + jnp.asarray(now, x.dtype) * draw(key, x.shape, x.dtype)

    return Augmentation(tuple, apply, lambda view, state: state)


def adaptive(*transforms: Transform, target: float = 0.6, images: float = 500_000) -> Augmentation:
    """Applies each of `transforms` to each example with a probability p that adapts to the discriminator's overfitting.

    p <- clip(p + sign(r - target) n / images, 0, 1) after every discriminator update on n real examples, starting from
    0. Here r = E[sign(real logits)], which is 1 if every training example gets a positive logit. `images` is therefore
    the number of real examples needed for p to go from 0 to 1.

    Source: Karras et al. 2020, Training Generative Adversarial Networks with Limited Data, section 3.1 (which updates p
    only every fourth minibatch, by four times as much).

    Raises:
      ValueError: target is outside [-1, 1], or `images` is below 1.

    Example:
      >>> augmentation = adaptive(color(), translation(), target=0.5)
      >>> float(augmentation.init())
      0.0
    """
    check_coefficient("target", target, lowest=-1.0, highest=1.0)
    check_coefficient("images", images, lowest=1.0)

    def apply(key: Key, x: Float[Array, "*x"], step: Step, state: Scalar) -> Float[Array, "*x"]:
        del step
        for i, transform in enumerate(transforms):
            own = named_key(key, f"transform {i}")
            chosen = jax.random.bernoulli(named_key(own, "gate"), state, (x.shape[0],))
            x = jnp.where(chosen.reshape(-1, *[1] * (x.ndim - 1)), transform(own, x), x)
        return x

    def update(view: View, state: Scalar) -> Scalar:
        overfitting = jnp.mean(jnp.sign(view.real_logits))
        move = jnp.sign(overfitting - target) * (view.real.shape[0] / images)
        return jnp.clip(state + move, 0.0, 1.0).astype(state.dtype)

    return Augmentation(lambda: jnp.zeros((), jnp.float32), apply, update)


def _check_images(name: str, x: Float[Array, "*x"]) -> None:
    if x.ndim != 4:
        raise ValueError(f"{name} needs images [n, height, width, channels], got shape {x.shape}")


def _hole(key: Key, n: int, side: int, ratio: float) -> Bool[Array, "{n} {side}"]:
    """[n, side]: which pixels along an axis lie in an interval of length `ratio` times the side at a random center."""
    size = int(ratio * side + 0.5)
    centre = jax.random.randint(key, (n, 1), 0, side + (1 - size % 2))
    pixel, first = jnp.arange(side).reshape(1, side), centre - size // 2
    return (pixel >= first) & (pixel < first + size)


def _pixels(ratio: float, side: int) -> int:
    """A fraction of a side in pixels, rounded half up, and at least 1 unless the ratio is 0.

    >>> _pixels(0.125, 8), _pixels(0.125, 28), _pixels(0.125, 2), _pixels(0.0, 8)
    (1, 4, 1, 0)
    """
    return max(1, int(ratio * side + 0.5)) if ratio else 0
