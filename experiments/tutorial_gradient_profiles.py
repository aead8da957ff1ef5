# %% [markdown]
# # Gradient profiles for a lecture
#
# Every lecture on GANs draws two pictures by hand. Here they are drawn from the losses used in training: the slope of
# the generator's loss as a function of D's output, and the generator's gradient while a discriminator gets better and
# better at detecting the samples of a *fixed* generator (Arjovsky and Bottou 2017, figures 1 to 3).
#
# Run it with `python experiments/tutorial_gradient_profiles.py`, or as a notebook. It takes
# one to two minutes on two cores and draws `profiles_paper.png` and `profiles_frozen.png`, wide enough for a slide.

# %%
import os

import jax
import matplotlib.pyplot as plt
import numpy as np
import optax

import jaxgan as jg

jg.use_cpu_cores()
SHORT = "TUTORIAL_SHORT" in os.environ  # a trial of a few steps, as in the tests
D_STEPS, SEEDS, AGES = (20, 4, (0, 20)) if SHORT else (2000, 8, (0, 500, 3000))
LOSSES = {
    "minimax": jg.minimax,
    "non_saturating": jg.non_saturating,
    "least_squares": jg.least_squares,
    "hinge": jg.hinge,
}

# %% [markdown]
# ## On paper
#
# By the chain rule the generator's gradient is
#
# $$\nabla_\theta L_G = E_z\Big[\frac{dL_G}{dv}\;\nabla_\theta\,v(G_\theta(z))\Big]$$
#
# where v is the logit, D = 1 / (1 + exp(-v)). A loss enters only through the first factor, so that is what to compare.
# The second factor belongs to the networks and is the same for all losses.

# %%
logits = np.linspace(-12, 12, 241)
figure, axis = plt.subplots(figsize=(7, 3.6), layout="constrained")
for name, loss in LOSSES.items():
    profile = jg.diagnostics.profile(loss, logits=logits)
    axis.plot(logits, np.abs(profile.float64.d_logit), label=name)
    regions = jg.diagnostics.saturation(profile)
    print(f"{name}: |dL/dv| is below 0.01 {jg.diagnostics.saturation_sentence(regions, profile.axis)}")
axis.set_yscale("log")
axis.set_ylim(1e-5, 20)
axis.set_xlabel("logit v of a sample")
axis.set_ylabel("|dL/dv|")
figure.legend(frameon=False, loc="outside right upper")
figure.savefig("profiles_paper.png", dpi=150)

# %% [markdown]
# Minimax has almost no slope for samples that D recognises, on the left, where all samples of an untrained generator
# are. Non-saturating has almost none on the right, where nothing is left to learn. The loss of a critic (hinge) has the
# same slope everywhere, so its gradient depends only on the second factor.
#
# ## Against a frozen generator
#
# Freeze the generator at some age, train discriminators against it from scratch, and compute the gradient that each
# loss would give. All losses see the same discriminator and the same samples, so only the loss differs.

# %%
ring, networks = jg.data.ring(), (jg.nn.MLPGenerator(2, (64, 64)), jg.nn.MLPDiscriminator((64, 64)))
game = jg.adversarial_game(*networks, jg.normal_prior(2), jg.non_saturating)
algorithm = jg.alternating(game, optax.adam(1e-3), optax.adam(1e-3), batch_size=64)
keys = jg.seed_keys(jax.random.key(0), SEEDS)

generators = jg.generators_of_ages(algorithm, ring.sample, keys, AGES)
rule = jg.discriminator_only(game, optax.adam(1e-3), batch_size=64)
pair = {name: LOSSES[name] for name in ("minimax", "non_saturating")}
found = jg.against_discriminators(rule, ring.sample, keys, generators, pair, D_STEPS, probes=40)
norms = np.asarray(found.gradients.norm)  # [age, seed, probe, loss]
print(norms.shape)

# %%
figure, axes = plt.subplots(1, len(AGES), figsize=(9, 3.2), sharey=True, layout="constrained")
for axis, age, of_age in zip(axes, AGES, norms, strict=True):
    for k, name in enumerate(pair):
        low, middle, high = np.quantile(of_age[..., k], [0.25, 0.5, 0.75], axis=0)
        axis.plot(found.steps, middle, label=name)
        axis.fill_between(found.steps, low, high, alpha=0.2)
    axis.set_xscale("log")
    axis.set_yscale("log")
    axis.set_title(f"generator after {age:,} steps", fontsize=10)
    axis.set_xlabel("steps of D")
axes[0].set_ylabel("norm of G's gradient")
axes[0].legend(frameon=False)
figure.savefig("profiles_frozen.png", dpi=150)

# %% [markdown]
# ## What to conclude
#
# In the committed figure (`benchmarks/results/tutorials/profiles_frozen.png`), after 2,000 steps of D the median
# gradient of the practical loss is more than ten times that of minimax, at all ages. But the minimax gradient does not
# vanish here: while its first factor falls, the second one, the slope of D, grows almost as fast. The curve of a loss
# alone does not show whether it saturates.
#
# How fast does it fall? `decades` fits a line to the logarithm: a slope of -1 means a tenth after every thousand steps.
# Each seed gives one number, so there is an interval over seeds, and the two losses are compared in pairs.

# %%
for a, age in enumerate(AGES):
    slopes = np.array([[jg.decades(found.steps, norms[a, s, :, k]).per_thousand for s in range(SEEDS)] for k in (0, 1)])
    words = ["{:.2f} [{:.2f}, {:.2f}]".format(*jg.iqm_interval(slopes[k], rng=0)) for k in (0, 1)]
    apart = "{:.2f} [{:.2f}, {:.2f}]".format(*jg.iqm_interval(slopes[0] - slopes[1], rng=0))
    print(f"age {age:,}: decades in 1,000 steps of D: minimax {words[0]}, non_saturating {words[1]}; apart {apart}")

# %% [markdown]
# `jaxgan profile`, `jaxgan profile --frozen` and, during a training, `jaxgan profile --train` do the same for any data,
# with a report and figures in paper sizes. On a slide, say which generator you used: a statement about "the" vanishing
# gradient is about a generator of a certain age and a discriminator with a certain training.
