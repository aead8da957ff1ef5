"""Class-conditional BatchNorm and the projection head against torch, where it is installed, weights transplanted."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.nn import ConditionalBatchNorm, Projection
from jaxgan.types import Array

torch = pytest.importorskip("torch")

RNG = np.random.default_rng(0)
Y = np.array([2, 0, 1, 2, 0, 0], np.int32)


def draw(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape).astype(np.float32)


def tensor(array: np.ndarray) -> Any:
    return torch.tensor(np.asarray(array), dtype=torch.float64, requires_grad=True)


@pytest.mark.parametrize("train", [True, False])
def test_conditional_batch_norm_is_torchs(train: bool) -> None:
    """A BatchNorm2d without affine parameters, and an embedding each of scales and offsets."""
    x, scale, offset, weight = 2 * draw(6, 4, 4, 3) + 1, draw(3, 3), draw(3, 3), draw(6, 4, 4, 3)
    mean, variance = draw(3), np.exp(draw(3))
    layer = ConditionalBatchNorm(3, use_running_average=not train, momentum=0.9, epsilon=1e-5)
    stats = {"BatchNorm_0": {"mean": jnp.asarray(mean), "var": jnp.asarray(variance)}}

    def value(params: Any, x: Array) -> tuple[Array, Any]:
        variables = {"params": params, "batch_stats": stats}
        found, moved = layer.apply(variables, x, jnp.asarray(Y), mutable=["batch_stats"])
        return jnp.sum(found * weight), (found, moved["batch_stats"]["BatchNorm_0"])

    params = {"scale": jnp.asarray(scale), "bias": jnp.asarray(offset)}
    gradients, (found, moved) = jax.grad(value, argnums=(0, 1), has_aux=True)(params, jnp.asarray(x))

    norm = torch.nn.BatchNorm2d(3, eps=1e-5, momentum=0.1, affine=False).double().train(train)
    norm.running_mean.copy_(torch.tensor(mean, dtype=torch.float64))
    norm.running_var.copy_(torch.tensor(variance, dtype=torch.float64))
    of_class = [torch.nn.Embedding.from_pretrained(tensor(table).detach(), freeze=False) for table in (scale, offset)]
    inputs = tensor(x)
    labels = torch.tensor(Y, dtype=torch.int64)
    rows = [table(labels)[:, :, None, None] for table in of_class]
    outputs = (norm(inputs.permute(0, 3, 1, 2)) * rows[0] + rows[1]).permute(0, 2, 3, 1)
    (outputs * tensor(weight).detach()).sum().backward()

    # numbers up to 10 in 32 bits, and sums of 96 of them
    np.testing.assert_allclose(found, outputs.detach().numpy(), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(gradients[0]["scale"], of_class[0].weight.grad.numpy(), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(gradients[0]["bias"], of_class[1].weight.grad.numpy(), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(gradients[1], inputs.grad.numpy(), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(moved["mean"], norm.running_mean.numpy(), rtol=1e-5, atol=1e-6)
    if not train:
        np.testing.assert_array_equal(moved["var"], variance)
    else:  # torch keeps the unbiased variance, flax that of the batch: n of them is n - 1
        kept = (norm.running_var.numpy() - 0.9 * variance) * (95 / 96) + 0.9 * variance
        np.testing.assert_allclose(moved["var"], kept, rtol=1e-5)


def test_the_projection_head_is_torchs() -> None:
    """psi(f) + <embed(y), f> of Miyato and Koyama's discriminator: a linear layer, an embedding and a sum."""
    features, kernel, bias, table, weight = draw(6, 5), draw(5, 1), draw(1), draw(3, 5), draw(6)

    def value(tables: Any, features: Array) -> tuple[Array, Array]:
        kernel, bias, table = tables
        project = {"params": {"ClassEmbedding_0": {"embedding": table}}}
        projected = jnp.asarray(Projection(3).apply(project, features, jnp.asarray(Y)))
        logits = (features @ kernel).reshape(-1) + bias + projected
        return jnp.sum(logits * weight), logits

    own = tuple(map(jnp.asarray, (kernel, bias, table)))
    gradients, logits = jax.grad(value, argnums=(0, 1), has_aux=True)(own, jnp.asarray(features))
    psi, embed = torch.nn.Linear(5, 1).double(), torch.nn.Embedding(3, 5).double()
    with torch.no_grad():
        for own_weight, given in ((psi.weight, kernel.T), (psi.bias, bias), (embed.weight, table)):
            own_weight.copy_(torch.tensor(given))
    inputs = tensor(features)
    expected = psi(inputs).squeeze(1) + (embed(torch.tensor(Y, dtype=torch.int64)) * inputs).sum(dim=1)
    (expected * tensor(weight).detach()).sum().backward()
    close: dict[str, Any] = {"rtol": 1e-5, "atol": 1e-5}  # sums of six products near 1 in 32 bits
    np.testing.assert_allclose(logits, expected.detach().numpy(), **close)
    np.testing.assert_allclose(gradients[0][0], psi.weight.grad.numpy().T, **close)
    np.testing.assert_allclose(gradients[0][1], psi.bias.grad.numpy(), **close)
    np.testing.assert_allclose(gradients[0][2], embed.weight.grad.numpy(), **close)
    np.testing.assert_allclose(gradients[1], inputs.grad.numpy(), **close)
