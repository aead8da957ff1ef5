"""A user-defined loss: least squares on a ring of 8 Gaussians, 8 seeds in one compiled program."""

import jax
import optax

import jaxgan as jg


def d_loss(real, fake):
    return 0.5 * (real - 1.0) ** 2, 0.5 * fake**2


def g_loss(real, fake):
    return 0.5 * (fake - 1.0) ** 2


ring = jg.data.ring()
game = jg.adversarial_game(jg.nn.MLPGenerator(2), jg.nn.MLPDiscriminator(), jg.normal_prior(2), jg.Loss(d_loss, g_loss))
algorithm = jg.alternating(game, optax.adam(1e-3), optax.adam(1e-3), batch_size=256)


def probe(key, state):
    assert ring.mixture  # its modes are known
    x = game.sample(key, *jg.best_generator(state), 2500)
    return jg.metrics.mode_report(x, ring.mixture.means, ring.mixture.sigma)


result = jg.run_seeds(algorithm, ring.sample, jg.seed_keys(jax.random.key(0), 8), 6000, probe=probe)
captured = jax.device_get(result.probes.captured[:, -1])
print("modes captured of 8, by seed:", captured, jg.iqm_interval(captured, rng=0))
