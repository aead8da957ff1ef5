"""SNGAN, WGAN-GP's, InfoGAN's and BigGAN's networks against torch, where it is installed: outputs and gradients.

torch is given the same parameters, and does what the authors' codes do in their order: it doubles an image before the
shortcut's convolution, and halves it after that. Both compute in 64 bits.
"""

import math
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.nn import (
    BigGANDiscriminator,
    BigGANGenerator,
    InfoGANDiscriminator,
    InfoGANGenerator,
    ResidualMLPDiscriminator,
    SelfAttention,
    SNGANDiscriminator,
    SNGANGenerator,
    WGANGPDiscriminator,
    WGANGPGenerator,
)
from jaxgan.nn.layers import spectrally_normalized

torch: Any = pytest.importorskip("torch")
functional = torch.nn.functional

KEY = jax.random.key(0)
Y = np.array([2, 0, 1, 2], np.int32)


class Torch:
    """A network's parameters as torch's, by where they stand, and the vectors of its spectral norms."""

    def __init__(self, variables: Any) -> None:
        self.params = {
            "/".join(key.key for key in path): torch.tensor(np.asarray(leaf), requires_grad=True)
            for path, leaf in jax.tree_util.tree_leaves_with_path(variables["params"])
        }
        state = jax.tree_util.tree_leaves_with_path(variables.get("batch_stats", {}))
        names = ("/".join(key.key for key in path if "SpectralNorm" not in key.key) for path, _ in state)
        self.vectors = {
            name.removesuffix("/u"): torch.tensor(np.asarray(leaf))[0]
            for name, (_, leaf) in zip(names, state, strict=True)
            if name.endswith("/u")
        }

    def has(self, name: str) -> bool:
        return any(path.startswith(f"{name}/") for path in self.params)

    def kernel(self, name: str) -> Any:
        """Divided by its largest singular value as one step of power iteration tells it, where there is a vector."""
        kernel = self.params[name]
        if name not in self.vectors:
            return kernel
        matrix = kernel.reshape(-1, kernel.shape[-1])
        with torch.no_grad():
            right = functional.normalize(matrix @ self.vectors[name], dim=0, eps=1e-12)
            left = functional.normalize(matrix.T @ right, dim=0, eps=1e-12)
        return kernel / (right @ matrix @ left)

    def linear(self, name: str, x: Any) -> Any:
        return x @ self.kernel(f"{name}/kernel") + self.params.get(f"{name}/bias", 0.0)

    def conv(self, name: str, x: Any, stride: int = 1) -> Any:
        kernel = self.kernel(f"{name}/kernel").permute(3, 2, 0, 1)
        padding = (kernel.shape[-1] - 1) // 2
        return functional.conv2d(x, kernel, self.params.get(f"{name}/bias"), stride, padding)

    def conv_transpose(self, name: str, x: Any) -> Any:
        kernel = self.params[f"{name}/kernel"].flip(0, 1).permute(2, 3, 0, 1)
        return functional.conv_transpose2d(x, kernel, self.params[f"{name}/bias"], 2, 1)

    def batch_norm(self, name: str, x: Any, epsilon: float, code: Any = None) -> Any:
        """With parameters of its own, with a table of them for each class, or by a code."""
        y = functional.batch_norm(x, None, None, training=True, eps=epsilon)
        if self.has(f"{name}/scale"):
            scale, offset = 1 + self.linear(f"{name}/scale", code), self.linear(f"{name}/offset", code)
        else:
            scale, offset = self.params[f"{name}/scale"], self.params[f"{name}/bias"]
            if scale.ndim == 2:
                scale, offset = scale[Y], offset[Y]
        shape = (-1, scale.shape[-1], *[1] * (x.ndim - 2))
        return y * scale.reshape(shape) + offset.reshape(shape)

    def layer_norm(self, name: str, x: Any) -> Any:
        """One group of all channels, with parameters for each channel."""
        if not self.has(name):
            return x
        return functional.group_norm(x, 1, self.params[f"{name}/scale"], self.params[f"{name}/bias"], 1e-5)

    def up(self, name: str, x: Any, epsilon: float, code: Any = None) -> Any:
        y = functional.relu(self.batch_norm(f"{name}_norm_0", x, epsilon, code))
        y = self.conv(f"{name}_conv_0", functional.interpolate(y, scale_factor=2))
        y = self.conv(f"{name}_conv_1", functional.relu(self.batch_norm(f"{name}_norm_1", y, epsilon, code)))
        return y + self.conv(f"{name}_shortcut", functional.interpolate(x, scale_factor=2))

    def first(self, x: Any) -> Any:
        y = self.conv("block_0_conv_1", functional.relu(self.conv("block_0_conv_0", x)))
        return functional.avg_pool2d(y, 2) + self.conv("block_0_shortcut", functional.avg_pool2d(x, 2))

    def down(self, name: str, x: Any, halve: bool) -> Any:
        y = self.conv(f"{name}_conv_0", functional.relu(self.layer_norm(f"{name}_norm_0", x)))
        y = self.conv(f"{name}_conv_1", functional.relu(self.layer_norm(f"{name}_norm_1", y)))
        x = self.conv(f"{name}_shortcut", x) if self.has(f"{name}_shortcut") else x
        return functional.avg_pool2d(y, 2) + functional.avg_pool2d(x, 2) if halve else y + x

    def attention(self, name: str, x: Any) -> Any:
        n, channels, height, width = x.shape
        queries = self.conv(f"{name}f", x).flatten(2)
        keys, values = (functional.max_pool2d(self.conv(f"{name}{part}", x), 2).flatten(2) for part in "gh")
        seen = torch.softmax(queries.transpose(1, 2) @ keys, dim=-1)
        out = (values @ seen.transpose(1, 2)).reshape(n, channels // 2, height, width)
        return x + self.params[f"{name}gamma"] * self.conv(f"{name}o", out)

    def output(self, features: Any) -> Any:
        """A linear layer, and a projection on the class where there is one."""
        logits = self.linear("last", features)[:, 0]
        table = "Projection_0/ClassEmbedding_0/embedding"
        return logits + (self.kernel(table)[Y] * features).sum(1) if table in self.params else logits


def torchs_resnet(net: Torch, z: Any, base: int, blocks: int, epsilon: float) -> Any:
    x = net.linear("first", z)
    x = x.reshape(len(z), base, base, -1).permute(0, 3, 1, 2)
    for i in range(blocks):
        x = net.up(f"block_{i}", x, epsilon)
    return torch.tanh(net.conv("last", functional.relu(net.batch_norm("last_norm", x, epsilon))))


def torchs_critic(net: Torch, x: Any, halvings: int, blocks: int, mean: bool) -> Any:
    x = net.first(x)
    for i in range(1, blocks):
        x = net.down(f"block_{i}", x, i < halvings)
    x = functional.relu(x)
    return net.output(x.mean((2, 3)) if mean else x.sum((2, 3)))


def torchs_big_generator(net: Torch, z: Any) -> Any:
    first, *chunks = torch.split(z, 3, dim=1)
    shared = net.params["ClassEmbedding_0/embedding"][Y] if net.has("ClassEmbedding_0") else z[:, :0]
    x = net.linear("first", first).reshape(len(z), 4, 4, -1).permute(0, 3, 1, 2)
    for i, chunk in enumerate(chunks):
        x = net.up(f"block_{i}", x, 1e-5, torch.cat([chunk, shared], 1))
        x = net.attention("attention/", x) if x.shape[-1] == 8 else x
    return torch.tanh(net.conv("last", functional.relu(net.batch_norm("last_norm", x, 1e-5))))


def torchs_big_discriminator(net: Torch, x: Any) -> Any:
    x = net.attention("attention/", net.first(x))
    x = net.down("block_2", net.down("block_1", x, True), False)
    return net.output(functional.relu(x).sum((2, 3)))


def torchs_info_generator(net: Torch, z: Any) -> Any:
    def leaky(name: str, x: Any) -> Any:
        return functional.leaky_relu(net.batch_norm(name, x, 1e-3), 0.2)

    x = leaky("BatchNorm_0", net.linear("Dense_0", z))
    x = leaky("BatchNorm_1", net.linear("Dense_1", x)).reshape(len(z), 4, 4, -1).permute(0, 3, 1, 2)
    x = leaky("BatchNorm_2", net.conv_transpose("ConvTranspose_0", x))
    return 2 * torch.sigmoid(net.conv_transpose("ConvTranspose_1", x)) - 1


def torchs_info_discriminator(net: Torch, x: Any) -> Any:
    x = functional.leaky_relu(net.conv("Conv_0", x, 2), 0.2)
    x = functional.leaky_relu(net.batch_norm("BatchNorm_0", net.conv("Conv_1", x, 2), 1e-3), 0.2)
    x = net.linear("Dense_0", x.permute(0, 2, 3, 1).flatten(1))
    return net.linear("Dense_1", functional.leaky_relu(net.batch_norm("BatchNorm_1", x, 1e-3), 0.2))[:, 0]


def torchs_perceptron(net: Torch, x: Any) -> Any:
    h = net.linear("first", x)
    for i in range(3):
        h = h + net.linear(f"block_{i}_1", functional.relu(net.linear(f"block_{i}_0", functional.relu(h))))
    return net.linear("last", functional.relu(h))[:, 0]


def started(module: nn.Module, *inputs: Any) -> Any:
    """Variables in 64 bits, all drawn anew: no gain is 0, and no bias."""
    rng = np.random.default_rng(0)

    def drawn(path: Any, form: Any) -> Any:
        values = rng.normal(scale=0.3, size=form.shape) + (path[-1].key == "scale")
        # singular vectors are of length 1 after a step: flax's guard against a division by 0 is beside the length
        return jnp.asarray(values / np.linalg.norm(values) if path[-1].key.endswith("/u") else values)

    forms = jax.eval_shape(lambda: module.init(KEY, *inputs, train=True))
    return jax.tree_util.tree_map_with_path(drawn, forms)


def as_torch_has_it(x: Any) -> Any:
    """Images with their channels first; latents and points as they are."""
    array = np.asarray(x)
    return torch.tensor(array.transpose(0, 3, 1, 2) if array.ndim == 4 else array, requires_grad=True)


def as_flax_has_it(x: Any) -> np.ndarray:
    return np.asarray(x.permute(0, 2, 3, 1) if x.ndim == 4 else x)


def compare(call: Any, variables: Any, torchs: Any, x: Any) -> None:
    """Outputs, and the gradients of their weighted sum by every parameter and by the input."""
    weights = jax.random.normal(jax.random.key(1), jax.eval_shape(call, variables["params"], x).shape)

    @jax.jit
    def ours(params: Any, x: Any) -> Any:
        def value(params: Any, x: Any) -> Any:
            outputs = call(params, x)
            return jnp.sum(weights * outputs), outputs

        return jax.grad(value, (0, 1), has_aux=True)(params, x)

    gradients, outputs = ours(variables["params"], x)
    net, images = Torch(variables), as_torch_has_it(x)
    expected = torchs(net, images)
    (as_torch_has_it(weights) * expected).sum().backward()
    close: dict[str, Any] = {"rtol": 0, "atol": 1e-9}  # 64 bits, of numbers up to about 1,000
    np.testing.assert_allclose(outputs, as_flax_has_it(expected.detach()), **close)
    np.testing.assert_allclose(gradients[1], as_flax_has_it(images.grad), **close)
    found = jax.tree_util.tree_leaves_with_path(gradients[0])
    assert len(found) == len(net.params)
    for path, gradient in found:
        name = "/".join(key.key for key in path)
        scale = max(1.0, float(net.params[name].grad.abs().max()))
        np.testing.assert_allclose(gradient / scale, net.params[name].grad / scale, err_msg=name, **close)
        assert np.any(np.abs(gradient) > 1e-6) or name.endswith("bias")  # that of a bias before a norm is 0


@pytest.mark.parametrize(
    ("module", "torchs", "latents"),
    [
        (SNGANGenerator(16, 3, width=4, classes=3), lambda n, z: torchs_resnet(n, z, 4, 2, 2e-5), 5),
        (WGANGPGenerator(16, 3, width=4), lambda n, z: torchs_resnet(n, z, 4, 2, 1e-5), 5),
        (InfoGANGenerator(16, 3, width=2), torchs_info_generator, 5),
        (BigGANGenerator(16, 3, width=4, attention=8, embedding=4, classes=3), torchs_big_generator, 9),
        (BigGANGenerator(16, 3, width=4, attention=8), torchs_big_generator, 9),
    ],
)
def test_a_generator_is_torchs(module: Any, torchs: Any, latents: int, x64: None) -> None:
    z = jax.random.normal(KEY, (4, latents))
    y = (jnp.asarray(Y),) if module.classes else ()
    variables = started(module, z, *y)

    def call(params: Any, z: Any) -> Any:
        return module.apply({**variables, "params": params}, z, *y, train=True, mutable=["batch_stats"])[0]

    compare(call, variables, torchs, z)


@pytest.mark.parametrize(
    ("module", "torchs"),
    [
        (SNGANDiscriminator(width=4, classes=3), lambda n, x: torchs_critic(n, x, 2, 3, mean=False)),
        (WGANGPDiscriminator(width=4), lambda n, x: torchs_critic(n, x, 1, 3, mean=True)),
        (InfoGANDiscriminator(width=2), torchs_info_discriminator),
        (BigGANDiscriminator(width=4, attention=8, classes=3), torchs_big_discriminator),
        (ResidualMLPDiscriminator(width=5), torchs_perceptron),
    ],
)
def test_a_discriminator_is_torchs(module: Any, torchs: Any, x64: None) -> None:
    x = jax.random.normal(KEY, (4, 2) if isinstance(module, ResidualMLPDiscriminator) else (4, 16, 16, 3))
    y = (jnp.asarray(Y),) if module.classes else ()
    variables = started(module, x, *y)

    def call(params: Any, x: Any) -> Any:
        return module.apply({**variables, "params": params}, x, *y, train=True, mutable=["batch_stats"])[0]

    compare(call, variables, torchs, x)


def test_self_attention_is_torchs(x64: None) -> None:
    module, x = SelfAttention(), jax.random.normal(KEY, (2, 6, 4, 16))
    params = jax.tree.map(lambda a: a.astype(jnp.float64) + 0.5, module.init(KEY, x)["params"])

    def call(params: Any, x: Any) -> Any:
        return module.apply({"params": params}, x)

    compare(call, {"params": params}, lambda net, x: net.attention("", x), x)


@pytest.mark.parametrize("side", [None, 3])
def test_five_passes_of_a_spectral_norm_are_torchs(side: int | None, x64: None) -> None:
    """torch.nn.utils.spectral_norm from the same vector: outputs, gradients and the vector after each."""
    layer = torch.nn.Linear(6, 4) if side is None else torch.nn.Conv2d(6, 4, side, padding=1)
    x = jax.random.normal(KEY, (3, 6) if side is None else (3, 5, 5, 6))

    class Net(nn.Module):
        @nn.compact
        def __call__(self, x: Any) -> Any:
            ours = nn.Dense(4) if side is None else nn.Conv(4, (side, side))
            return spectrally_normalized(True, train=True)(ours)(x)

    variables = jax.tree.map(lambda a: a.astype(jnp.float64), Net().init(KEY, x))
    params, state = variables["params"], {"batch_stats": variables["batch_stats"]}
    (name,) = params
    params = {name: {**params[name], "kernel": 3 * jax.random.normal(KEY, params[name]["kernel"].shape)}}
    net = torch.nn.utils.spectral_norm(layer.double(), n_power_iterations=1, eps=1e-12)
    kernel = np.asarray(params[name]["kernel"])
    with torch.no_grad():
        net.weight_orig.copy_(torch.tensor(kernel.T if side is None else kernel.transpose(3, 2, 0, 1)))
        net.bias.copy_(torch.tensor(np.asarray(params[name]["bias"])))
        net.weight_u.copy_(torch.tensor(np.asarray(_vector(state))))

    @jax.jit
    def passed(params: Any, state: Any) -> Any:
        def value(params: Any) -> Any:
            out, new = Net().apply({"params": params, **state}, x, mutable=["batch_stats"])
            return jnp.sum(jnp.sin(out)), (out, new)

        return jax.grad(value, has_aux=True)(params)

    norms = []
    for _ in range(5):
        gradient, (out, state) = passed(params, state)
        expected = net(as_torch_has_it(x))
        net.zero_grad()
        torch.sin(expected).sum().backward()
        np.testing.assert_allclose(out, as_flax_has_it(expected.detach()), rtol=0, atol=1e-12)
        grad = net.weight_orig.grad
        turned = grad.T if side is None else grad.permute(2, 3, 1, 0)
        np.testing.assert_allclose(gradient[name]["kernel"], turned, rtol=0, atol=1e-12)
        np.testing.assert_allclose(_vector(state), net.weight_u, rtol=0, atol=1e-12)
        norms.append(math.sqrt(float(jnp.sum(out**2))))
    assert abs(norms[-1] - norms[0]) > 1e-3 * norms[0]  # the steps have brought it nearer


def _vector(state: Any) -> Any:
    (vector,) = (leaf[0] for path, leaf in jax.tree_util.tree_leaves_with_path(state) if path[-1].key.endswith("/u"))
    return vector
