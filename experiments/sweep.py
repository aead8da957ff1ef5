"""Which learning rates does a recipe tolerate on the ring? 6 rates x 3 recipes x 32 seeds, one program per recipe.

    python experiments/sweep.py

A seed fails if it captures fewer than half of the modes. Draws sweep.png; takes about two minutes on two cores.
"""

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt

import jaxgan as jg

ring, networks = jg.data.ring(), (jg.nn.MLPGenerator(2, (32, 32)), jg.nn.MLPDiscriminator((32, 32)))
rates, keys = jnp.geomspace(1e-4, 3e-2, 6), jg.seed_keys(jax.random.key(0), 32)


def probe(key, algorithm, state):
    assert ring.mixture  # its modes are known
    x = algorithm.game.sample(key, *jg.best_generator(state), 500)
    return jg.metrics.mode_report(x, ring.mixture.means, ring.mixture.sigma).captured


for recipe in (jg.recipes.minimax_gan, jg.recipes.ns_gan, jg.recipes.ragan):

    def make(lr, recipe=recipe):
        return recipe(*networks, jg.normal_prior(2), lr_g=lr, lr_d=lr, batch_size=64)

    result = jg.sweep(make, {"lr": rates}, ring.sample, keys, num_steps=3000, probe=probe, record_every=100)
    shares = [jg.wilson_interval(int(n), len(keys)) for n in (result.probes[..., -1] < 4).sum(axis=1)]
    middle, low, high = jnp.array(shares).T
    plt.errorbar(rates, middle, [middle - low, high - middle], marker="o", capsize=3, label=recipe.__name__)

plt.xscale("log")
plt.xlabel("learning rate of both players")
plt.ylabel("share of seeds that fail (95 % Wilson interval)")
plt.legend(frameon=False)
plt.savefig("sweep.png", dpi=150)
