"""A small convolutional classifier that provides features for the image metrics."""

from functools import partial

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Float

from jaxgan.nn.conv import conv_general_dilated
from jaxgan.types import Array, Images

_Conv = partial(nn.Conv, conv_general_dilated=conv_general_dilated)


class Classifier(nn.Module):
    """Images [n, h, w, c] -> (logits [n, classes], features [n, features]), of any size.

    It has one 3 x 3 layer at full resolution, then strided 3 x 3 layers down to at most 4 pixels a side, and a dense
    layer of `features` ReLUs. There are at most 64 features, because the covariance in a Frechet distance needs many
    more samples than features.
    """

    classes: int
    features: int = 64
    width: int = 16

    @nn.compact
    def __call__(
        self, x: Images, *, train: bool
    ) -> tuple[Float[Array, "n {self.classes}"], Float[Array, "n {self.features}"]]:
        norm = partial(nn.BatchNorm, use_running_average=not train, momentum=0.9)
        width = self.width
        x = nn.relu(norm()(_Conv(width, (3, 3), use_bias=False)(x)))
        while max(x.shape[1:3]) > 4:
            width = min(2 * width, 64)
            x = nn.relu(norm()(_Conv(width, (3, 3), strides=(2, 2), use_bias=False)(x)))
        features = nn.relu(nn.Dense(self.features)(x.reshape(x.shape[0], -1)))
        return nn.Dense(self.classes)(features), features.astype(jnp.float32)
