"""The generator of StyleGAN2 (Karras et al. 2020, configuration F), for square images from 8 to 1024 pixels.

Latents are mapped to w, and w scales the channels of every convolution of a network that starts from a learned 4 x 4
image and sums the contributions of all sizes to the picture. Where the paper leaves a choice open, this follows the
authors' stylegan2-ada-pytorch in its layers and numbers of parameters.
"""

import itertools
from collections.abc import Iterator
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Float, Shaped

from jaxgan.checks import check_coefficient, check_count
from jaxgan.nn import conditional
from jaxgan.nn.fields import check_fields
from jaxgan.nn.mapping import LAYERS, LatentMapping
from jaxgan.nn.modulated import SynthesisLayer, ToImage
from jaxgan.nn.pyramid import channels_at, resolutions, upsample
from jaxgan.random import named_key
from jaxgan.types import Array

NOISE = ("random", "constant", "none")
BASE, MOST = 32768, 512  # channels at each size: the smaller of BASE / size and MOST


def layers_of(size: int) -> int:
    """The number of copies of w for the synthesis: one for each convolution, and one for the final picture.

    Example:
      >>> layers_of(1024), layers_of(16)
      (18, 6)
    """
    return 2 * len(resolutions(size))


class StyleGAN2Generator(nn.Module):
    """z [n, d] -> images [n, size, size, channels] of unbounded range: train it on images in [-1, 1].

    `module.apply(variables, z, method="mapping")` gives w for each layer, [n, layers, e], and `method="synthesis"`
    images from these, or from one w [n, e] for all layers. So w can be interpolated, mixed, used for projection, and
    differentiated, as in `jaxgan.terms.path_length`. Noise comes from the random stream "noise".

    In training, with probability `style_mixing`, a batch is mixed: layers from a random one on get the w of other,
    normal latents. Otherwise `truncation` moves w towards its running mean, mean + truncation (w - mean), in the first
    `cutoff` layers (None: in all); 1.0 leaves it unchanged.

    There are `channel_base` / r channels at each size r, at most `channel_max`; `width` instead sets the number at the
    full size. `w_dim` is the length of w (None: that of z; in the paper both are 512). `noise` is "random", "constant"
    (the same in every call) or "none". `dtype` is the type of the convolutions; styles, their normalization and the sum
    of pictures are float32 or wider. With `classes` it is called with y [n] after z, embedded and joined to z.

    Source: Karras et al. 2020, Analyzing and Improving the Image Quality of StyleGAN; classes as in Karras et al. 2020,
    Training Generative Adversarial Networks with Limited Data.

    Raises:
      ValueError: an unknown condition, or a number out of range; when called, a size that is not a power of two from 8
        to 1024, an unknown kind of noise, or a cutoff beyond the last layer.

    Example:
      >>> generator = StyleGAN2Generator(16, 3, width=2)
      >>> z, keys = jnp.ones((2, 8)), {"params": jax.random.key(0), "noise": jax.random.key(1)}
      >>> x, variables = generator.init_with_output(keys, z, train=True)
      >>> w = generator.apply(variables, z, truncation=0.7, method="mapping")
      >>> x.shape, w.shape, generator.apply(variables, w[:, 0], rngs=keys, method="synthesis").shape
      ((2, 16, 16, 3), (2, 6, 8), (2, 16, 16, 3))
    """

    size: int
    channels: int
    width: int | None = None
    w_dim: int | None = None
    mapping_layers: int = LAYERS
    style_mixing: float = 0.9
    truncation: float = 1.0
    cutoff: int | None = None
    noise: str = "random"
    channel_base: int = BASE
    channel_max: int = MOST
    dtype: Any = None
    classes: int = 0
    condition: str = "embedding"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_fields(self)
        conditional.check_condition(self, conditional.GENERATOR["stylegan2"])

    def setup(self) -> None:
        self.mapping_network = LatentMapping(self.w_dim, self.mapping_layers, self.classes)
        widths = channels_at(self.size, self.channel_base, self.channel_max, self.width)
        if self.cutoff is not None:
            check_count("cutoff", self.cutoff, 0, layers_of(self.size))
        self.synthesis_network = Synthesis(self.channels, tuple(widths.items()), self.noise, self.dtype)

    def __call__(
        self, z: Float[Array, "n d"], y: Shaped[Array, "n ..."] | None = None, *, train: bool
    ) -> Float[Array, "n {self.size} {self.size} {self.channels}"]:
        return self.synthesis(self.mapping(z, y, train=train))

    def mapping(
        self,
        z: Float[Array, "n d"],
        y: Shaped[Array, "n ..."] | None = None,
        *,
        train: bool = False,
        truncation: float | Float[Array, ""] | None = None,
    ) -> Float[Array, "n layers e"]:
        """w of every layer: mixed in training, otherwise truncated, by default as set in the field."""
        conditional.condition_of(self, y, z)
        w, mean = self.mapping_network(z, y, train=train)
        ws = jnp.repeat(w[:, None], layers_of(self.size), axis=1)
        if train:
            return self._mixed(ws, z, y) if self.style_mixing else ws
        psi = self.truncation if truncation is None else truncation
        check_coefficient("truncation", psi)
        if isinstance(psi, int | float) and psi == 1:
            return ws
        drawn = jnp.arange(ws.shape[1]) < (ws.shape[1] if self.cutoff is None else self.cutoff)
        mean = mean.astype(ws.dtype)[None, None]
        return jnp.where(drawn[None, :, None], mean + psi * (ws - mean), ws)

    def synthesis(
        self, w: Float[Array, "n *layers e"], *, train: bool = False
    ) -> Float[Array, "n {self.size} {self.size} {self.channels}"]:
        """Images of w [n, layers, e], or of one w [n, e] for all layers; the same in training and sampling."""
        layers = layers_of(self.size)
        ws = jnp.repeat(w[:, None], layers, axis=1) if w.ndim == 2 else w
        if ws.shape[1] != layers:
            raise ValueError(f"images of {self.size} pixels need w for {layers} layers, got {list(w.shape)}")
        return self.synthesis_network(ws)

    def _mixed(self, ws: Float[Array, "n layers e"], z: Float[Array, "n d"], y: Any) -> Float[Array, "n layers e"]:
        """Give a different w to all layers from a random one on (the second or later), for the whole batch."""
        key = self.make_rng("noise")
        chance, place = jax.random.uniform(named_key(key, "layers"), (2,))
        latents = jax.random.normal(named_key(key, "latents"), z.shape, z.dtype)
        other, _ = self.mapping_network(latents, y, train=False)
        first = 1 + jnp.floor(place * (ws.shape[1] - 1))
        kept = (jnp.arange(ws.shape[1]) < first) | (chance >= self.style_mixing)
        return jnp.where(kept[None, :, None], ws, other[:, None])


class Synthesis(nn.Module):
    """w [n, layers, e] -> images; `widths` are pairs of a size and its number of channels, from 4 x 4 upwards.

    "random" noise is drawn from the stream "noise" for each example, once for all layers; a layer uses one number for
    each pixel. "constant" noise is the same for all examples and in every call; "none" turns noise off.

    Source: Karras et al. 2020, figure 7 (output skips); `SynthesisNetwork` of stylegan2-ada-pytorch.

    Raises:
      ValueError: when called, an unknown kind of noise.

    Example:
      >>> synthesis, keys = Synthesis(3, ((4, 8), (8, 4))), {"params": jax.random.key(0), "noise": jax.random.key(1)}
      >>> jax.eval_shape(lambda: synthesis.init_with_output(keys, jnp.ones((2, 4, 5))))[0].shape
      (2, 8, 8, 3)
    """

    channels: int
    widths: tuple[tuple[int, int], ...]
    noise: str = "random"
    dtype: Any = None

    @nn.compact
    def __call__(self, ws: Float[Array, "n layers e"]) -> Float[Array, "n size size {self.channels}"]:
        noise = self._noise(ws.shape[0])
        first = self.param("constant", nn.initializers.normal(1.0), (4, 4, self.widths[0][1]))
        x = jnp.broadcast_to(first, (ws.shape[0], *first.shape))
        image: Any = None
        for i, (size, width) in enumerate(self.widths):
            if i:
                x = SynthesisLayer(width, True, self.dtype, name=f"up_{size}")(x, ws[:, 2 * i - 1], next(noise))
            x = SynthesisLayer(width, False, self.dtype, name=f"conv_{size}")(x, ws[:, 2 * i], next(noise))
            added = ToImage(self.channels, self.dtype, name=f"to_image_{size}")(x, ws[:, 2 * i + 1])
            image = added if image is None else upsample(image) + added
        return image

    def _noise(self, n: int) -> Iterator[Any]:
        """The noise of each layer in turn: [n, size, size], [1, size, size] or None.

        Drawn all at once and in a loop: XLA draws numbers again wherever they are used, unless they come from a loop.
        """
        if self.noise not in NOISE:
            raise ValueError(f"noise must be one of {', '.join(NOISE)}, got {self.noise!r}")
        sizes = [size for size, _ in self.widths for _ in range(1 if size == 4 else 2)]
        if self.noise == "none":
            return iter([None] * len(sizes))
        key, m = (self.make_rng("noise"), n) if self.noise == "random" else (jax.random.key(0), 1)
        ends = list(itertools.accumulate(size**2 for size in sizes))
        drawn = jax.lax.map(lambda key: jax.random.normal(key, (m, ends[-1] // 2)), jax.random.split(key))
        drawn = drawn.swapaxes(0, 1).reshape(m, ends[-1])
        return (drawn[:, end - size**2 : end].reshape(m, size, size) for end, size in zip(ends, sizes, strict=True))
