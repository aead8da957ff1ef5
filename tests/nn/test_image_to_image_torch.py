"""U-Net and PatchGAN against torch, where it is installed: outputs and gradients with the same weights."""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.nn import PatchDiscriminator, UNetGenerator

torch: Any = pytest.importorskip("torch")

KEYS = {"params": jax.random.key(0), "dropout": jax.random.key(1)}


class Block(torch.nn.Module):  # type: ignore[misc, name-defined]
    """A level of the U-Net as its PyTorch reference nests them: [skip, up(inner(down(skip)))]."""

    def __init__(self, channels: tuple[int, int, int], inner: "Block | None", outermost: bool, bias: bool) -> None:
        super().__init__()
        outside, inside, made = channels
        leaky, norm = torch.nn.LeakyReLU(0.2), torch.nn.BatchNorm2d
        down = torch.nn.Conv2d(outside, inside, 4, 2, 1, bias=bias)
        of = inside if inner is None else 2 * inside
        up = torch.nn.ConvTranspose2d(of, made, 4, 2, 1, bias=bias or outermost)
        before = [down] if outermost else [leaky, down, *([norm(inside)] if inner is not None else [])]
        after = [torch.nn.ReLU(), up, torch.nn.Tanh() if outermost else norm(made)]
        self.outermost = outermost
        self.layers = torch.nn.Sequential(*before, *([] if inner is None else [inner]), *after)

    def forward(self, x: Any) -> Any:
        return self.layers(x) if self.outermost else torch.cat([x, self.layers(x)], 1)


def torchs_u_net(inputs: int, outputs: int, width: int, depth: int, bias: bool) -> Any:
    widths = [width * min(2**i, 8) for i in range(depth)]
    block = None
    for i in reversed(range(1, depth)):
        block = Block((widths[i - 1], widths[i], widths[i - 1]), block, False, bias)
    return Block((inputs, width, outputs), block, True, bias)


def torchs_patch_gan(inputs: int, width: int, strided: int, bias: bool) -> Any:
    norm, leaky = torch.nn.BatchNorm2d, torch.nn.LeakyReLU(0.2)
    layers = [torch.nn.Conv2d(inputs, width, 4, 2, 1), leaky]
    for i in range(1, strided + 1):
        before, after = width * min(2 ** (i - 1), 8), width * min(2**i, 8)
        layers += [torch.nn.Conv2d(before, after, 4, 2 if i < strided else 1, 1, bias=bias), norm(after), leaky]
    return torch.nn.Sequential(*layers, torch.nn.Conv2d(width * min(2**strided, 8), 1, 4, 1, 1))


def give(torchs: Any, values: dict[str, Any], turned: bool = False) -> None:
    """The parameters of one flax layer to one of torch's; a kernel of a transposed convolution is turned around."""
    names = {"kernel": "weight", "scale": "weight", "bias": "bias"}
    for name, value in values.items():
        array = np.asarray(value)
        if name == "kernel":
            array = array[::-1, ::-1].transpose(2, 3, 0, 1) if turned else array.transpose(3, 2, 0, 1)
        getattr(torchs, names[name]).data = torch.tensor(array.copy())


def taken(torchs: Any, like: dict[str, Any], turned: bool = False) -> dict[str, np.ndarray]:
    """The gradients of one of torch's layers, as flax has them."""
    found = {"bias": torchs.bias.grad.numpy()} if "bias" in like else {}
    grad = torchs.weight.grad.numpy()
    if "kernel" not in like:
        return {"scale": grad} | found
    return {"kernel": grad.transpose(2, 3, 0, 1)[::-1, ::-1] if turned else grad.transpose(2, 3, 1, 0)} | found


def u_nets_layers(module: Any, depth: int) -> dict[str, tuple[Any, bool]]:
    """torch's layers by the names that ours have, and whether they are transposed."""
    found: dict[str, tuple[Any, bool]] = {}
    for i in range(depth):
        own = list(module.layers)
        (down,) = (layer for layer in own if isinstance(layer, torch.nn.Conv2d))
        (up,) = (layer for layer in own if isinstance(layer, torch.nn.ConvTranspose2d))
        norms = [layer for layer in own if isinstance(layer, torch.nn.BatchNorm2d)]
        found |= {f"down_{i}": (down, False), f"up_{depth - 1 - i}": (up, True)}
        if i:
            found[f"up_norm_{depth - 1 - i}"] = norms.pop(), False
        if norms:
            found[f"down_norm_{i}"] = norms.pop(), False
        module = next((layer for layer in own if isinstance(layer, Block)), None)
    return found


def compare(ours: nn.Module, layers: dict[str, tuple[Any, bool]], torchs: Any, inputs: list[Any]) -> None:
    """Outputs of a batch in training, running averages after it, and the gradients of a weighted sum."""
    variables = jax.jit(lambda: ours.init(KEYS, *inputs, train=True))()
    assert set(variables["params"]) == set(layers)
    for name, values in variables["params"].items():
        give(layers[name][0], values, layers[name][1])

    shape = jax.eval_shape(lambda: ours.apply(variables, *inputs, train=False, rngs=KEYS)).shape
    weights = jax.random.normal(KEYS["dropout"], shape)

    def weighted(params: Any) -> Any:
        out, new = ours.apply({**variables, "params": params}, *inputs, train=True, rngs=KEYS, mutable=["batch_stats"])
        return jnp.sum(weights * out), (out, new)

    gradient, (out, new) = jax.jit(jax.grad(weighted, has_aux=True))(variables["params"])
    images = [torch.tensor(np.asarray(x).transpose(0, 3, 1, 2)) for x in inputs if x.ndim == 4]
    expected = torchs(torch.cat(images, 1)).permute(0, 2, 3, 1)
    expected = expected[..., 0] if out.ndim == 3 else expected
    (torch.tensor(np.asarray(weights)) * expected).sum().backward()
    # float32 throughout, sums of hundreds of products through as many as ten layers
    shown = expected.detach().numpy()
    np.testing.assert_allclose(out, shown, rtol=0, atol=2e-5 * np.abs(shown).max())
    found = {name: taken(layers[name][0], values, layers[name][1]) for name, values in gradient.items()}
    largest = max(np.abs(each).max() for own in found.values() for each in own.values())
    for name, values in found.items():
        for own, each in values.items():
            # of a bias before a normalization the gradient is 0, and what rounding leaves of its sum
            limit = 1e-4 * np.abs(each).max() + 1e-5 * largest
            np.testing.assert_allclose(gradient[name][own], each, rtol=0, atol=limit, err_msg=f"{name}/{own}")
    for name in new["batch_stats"]:
        mean = np.asarray(layers[name][0].running_mean)  # torch's momentum 0.1 is flax's 0.9
        np.testing.assert_allclose(new["batch_stats"][name]["mean"], mean, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("reference", ["torch", "pytorch"])
def test_a_u_net_of_depth_five_is_torchs(reference: str) -> None:
    ours = UNetGenerator(32, 3, width=8, reference=reference, dropout=0.0)
    torchs = torchs_u_net(2, 3, 8, depth=5, bias=reference == "torch")
    y = jax.random.normal(KEYS["params"], (4, 32, 32, 2))
    compare(ours, u_nets_layers(torchs, 5), torchs, [jnp.zeros((4, 1)), y])


@pytest.mark.parametrize("reference", ["torch", "pytorch"])
@pytest.mark.parametrize(("size", "field", "strided"), [(32, 70, 3), (21, 34, 2)])
def test_a_patch_gan_is_torchs(reference: str, size: int, field: int, strided: int) -> None:
    ours = PatchDiscriminator(width=8, receptive_field=field, reference=reference)
    torchs = torchs_patch_gan(5, 8, strided, bias=reference == "torch")
    keys = jax.random.split(KEYS["params"])
    x, y = jax.random.normal(keys[0], (4, size, size, 3)), jax.random.normal(keys[1], (4, size, size, 2))
    convolutions = [layer for layer in torchs if isinstance(layer, torch.nn.Conv2d)]
    norms = [layer for layer in torchs if isinstance(layer, torch.nn.BatchNorm2d)]
    layers = {f"Conv_{i}": (layer, False) for i, layer in enumerate(convolutions)}
    layers |= {f"BatchNorm_{i}": (layer, False) for i, layer in enumerate(norms)}
    compare(ours, layers, torchs, [x, y])
